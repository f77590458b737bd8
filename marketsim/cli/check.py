"""`marketsim check`: is a scenario right, and can it work?"""

from __future__ import annotations

import pathlib
from typing import TYPE_CHECKING

import click

from marketsim.cli import console, options

if TYPE_CHECKING:
    from marketsim.world import World

MOST_WORKLOADS = 4  # beside each other in 80 columns


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
        _load_by_week(world)


def _load_by_week(world: World) -> None:
    """Mean GPUs that each workload offers, a row some weeks, beside the GPUs that the market lets start."""
    from marketsim.metrics import load

    stretches = load.against_market(world)
    names = list(stretches[0].offered)
    console.say("GPUs offered by week, in each workload's reference GPU, and GPUs the market lets start:")
    for shown in (names[first : first + MOST_WORKLOADS] for first in range(0, len(names), MOST_WORKLOADS)):
        rows = [
            [
                f"{one.first_week} to {one.last_week}",
                *(f"{one.offered[name]:,.1f}" for name in shown),
                "no bound" if one.market is None else f"{one.market:,.0f}",
            ]
            for one in stretches
        ]
        console.table(["weeks", *shown, "market"], rows, numbers=range(1, len(shown) + 2))
