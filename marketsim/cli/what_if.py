"""`marketsim what-if`: a scenario, and the same with something changed, pair by pair."""

from __future__ import annotations

import json
import pathlib
from dataclasses import replace

import click

from marketsim.cli import console, options
from marketsim.cli.compare import show


@click.command("what-if")
@options.studied
@options.until
@options.picture("before, after and the change")
@click.option("--metric", "metrics", multiple=True, metavar="NAME", help="Only this metric; may be repeated.")
def command(
    given: options.Given,
    until: str | None,
    metrics: tuple[str, ...],
    picture: pathlib.Path | None,
) -> None:
    """Say what changes if a setting does.

    SCENARIO is run as it is and with --set, over the same dice: 10 replications of each without -n. The scenario's own
    rule for stopping is `run`'s; here --until asks for one, and both stop together.
    """
    from marketsim import plain_yaml
    from marketsim.cli.pictures import draw_one
    from marketsim.cli.studying import asked
    from marketsim.experiment import whatif
    from marketsim.report import tables
    from marketsim.scenario import load

    edits = given.edits
    if not edits:
        raise click.UsageError("what-if needs at least one --set KEY=VALUE: the change that is asked about")
    load(given.scenario, edits)  # told with its place before anything runs
    with asked(replace(given, edits=()), until) as study:
        change = {path.strip(): plain_yaml.value(text) for path, _, text in (edit.partition("=") for edit in edits)}
        base, changed = whatif.what_if(study.scenario, change, **study.run)
    found = whatif.changes(base, changed, metrics or None)
    if given.as_json:
        console.say(json.dumps([vars(one) for one in found], ensure_ascii=False, allow_nan=False))
    else:
        console.say(f"With {', '.join(edits)}; * told apart at {100 * base.confidence:g} %")
        show(found)
    if picture is not None:
        draw_one("changes", {"changes": tables.of_changes(base, changed, ", ".join(edits))}, picture, given.quiet)
