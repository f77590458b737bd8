"""`marketsim report`: a results folder as a document."""

from __future__ import annotations

import pathlib

import click

from marketsim.cli import console, options


@click.command("report")
@click.argument("results", type=click.Path(path_type=pathlib.Path), metavar="RESULTS")
@click.option("--format", "form", default="html", type=click.Choice(["html"]), show_default=True, help="What to write.")
@options.quiet
def command(results: pathlib.Path, form: str, quiet: bool) -> None:
    """Write the report of a results folder into it."""
    from marketsim.report.html import write

    path = write(results)
    console.say(str(path))
