"""`marketsim breakeven`: the value of a setting at which one policy overtakes another."""

from __future__ import annotations

import json
import pathlib
from itertools import combinations

import click

from marketsim.cli import console, options


@click.command("breakeven")
@options.studied
@options.over
@options.metric
@click.option("--points", "count", type=click.IntRange(2, 1000), default=7, show_default=True, help="Values a setting.")
def command(
    scenario: pathlib.Path,
    replications: int | None,
    seed: int | None,
    workers: int | None,
    policies: tuple[str, ...],
    edits: tuple[str, ...],
    as_json: bool,
    quiet: bool,
    over: tuple[str, ...],
    metric: str | None,
    count: int,
) -> None:
    """Find where one policy overtakes another.

    Along a setting of SCENARIO; --policy twice names the two.
    """
    from marketsim.cli.studying import asked, metric_of, number, settings_of
    from marketsim.experiment.sweep import break_evens, sweep

    settings, wanted = settings_of(over)
    with asked(scenario, edits, policies, replications, seed, workers, quiet) as study:
        name = metric_of(study.scenario, metric)
        swept = sweep(
            study.scenario, settings, wanted or count, "grid", **{**study.how, "policies": list(policies) or None}
        )
    names = swept.results[0].policies
    if len(names) < 2:
        raise click.UsageError("a break-even is between two policies")
    found = [one for pair in combinations(names, 2) for one in break_evens(swept, name, *pair)]
    if as_json:
        console.say(json.dumps([vars(one) for one in found], ensure_ascii=False, allow_nan=False))
        return
    if not found:
        console.say(f"No two of these policies change places in {name} along {settings[0].path}.")
        return
    rows = [
        [
            f"{one.first} = {one.second}",
            number(one.at),
            "-" if one.low is None else number(one.low),
            "-" if one.high is None else number(one.high),
            ", ".join(f"{path}={number(value)}" for path, value in one.fixed.items()),
        ]
        for one in found
    ]
    console.say(
        f"Equal in {name} along {settings[0].path} (durations in seconds); unknown between not before and not after"
    )
    console.table(["policies", "at", "not before", "not after", "with"], rows, numbers=(1, 2, 3))
