"""`marketsim what-if`: a scenario, and the same with something changed, pair by pair."""

from __future__ import annotations

import json
import pathlib
from typing import Any

import click

from marketsim.cli import console, options
from marketsim.cli.compare import show


@click.command("what-if")
@options.studied
@click.option("--metric", "metrics", multiple=True, metavar="NAME", help="Only this metric; may be repeated.")
def command(
    scenario: pathlib.Path,
    replications: int | None,
    seed: int | None,
    workers: int | None,
    policies: tuple[str, ...],
    edits: tuple[str, ...],
    as_json: bool,
    quiet: bool,
    metrics: tuple[str, ...],
) -> None:
    """Say what changes if a setting does.

    SCENARIO is run as it is and with --set, over the same dice.
    """
    from marketsim import plain_yaml
    from marketsim.cli.studying import asked
    from marketsim.experiment import whatif
    from marketsim.scenario import load

    if not edits:
        raise click.UsageError("what-if needs at least one --set KEY=VALUE: the change that is asked about")
    load(scenario, edits)  # told with its place before anything runs
    with asked(scenario, (), policies, replications, seed, workers, quiet) as study:
        how: dict[str, Any] = {**study.how, "policies": list(policies) or None}
        change = {path.strip(): plain_yaml.value(text) for path, _, text in (edit.partition("=") for edit in edits)}
        base, changed = whatif.what_if(study.scenario, change, **how)
    found = whatif.changes(base, changed, metrics or None)
    if as_json:
        console.say(json.dumps([vars(one) for one in found], ensure_ascii=False, allow_nan=False))
        return
    console.say(f"With {', '.join(edits)}; * told apart at {100 * base.confidence:g} %")
    show(found)
