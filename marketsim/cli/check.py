"""`marketsim check`: is a scenario right, and can it work?"""

from __future__ import annotations

import pathlib

import click

from marketsim.cli import console, options


@click.command("check")
@options.scenario
@options.edits
@options.quiet
def command(scenario: pathlib.Path, edits: tuple[str, ...], quiet: bool) -> None:
    """Check a scenario, and whether it can work.

    Its keys and values, its data files, what will run and disappoint.

    Faults end with exit code 2, all told at once. Warnings say what will run and disappoint.
    """
    from marketsim.cli.reading import checked

    found, world = checked(scenario, edits, quiet)
    if not quiet:
        jobs, services = len(world.jobs), len(world.services)
        console.say(
            f"{found.name}: right. {len(found.policies)} policies, {len(world.offers)} offers, {services} services, "
            f"{jobs} jobs in replication 0 over {found.horizon // 86_400} days."
        )
