"""`marketsim compare`: two results folders, policy by policy and paired where the dice were the same."""

from __future__ import annotations

import json
import pathlib
from typing import Any

import click

from marketsim.cli import console, options


@click.command("compare")
@click.argument("first", type=click.Path(path_type=pathlib.Path), metavar="RESULTS")
@click.argument("second", type=click.Path(path_type=pathlib.Path), metavar="RESULTS2", required=False)
@click.option("--metric", "metrics", multiple=True, metavar="NAME", help="Only this metric; may be repeated.")
@options.as_json
def command(first: pathlib.Path, second: pathlib.Path | None, metrics: tuple[str, ...], as_json: bool) -> None:
    """Compare two results folders policy by policy, or show the differences within one.

    Replications are paired by number where both folders used one seed: the same dice.
    """
    from marketsim.experiment import folder

    one = folder.read(first)
    rows = within(one, metrics) if second is None else between(one, folder.read(second), metrics)
    if as_json:
        console.say(json.dumps(rows, ensure_ascii=False, allow_nan=False))
        return
    if second is not None:
        console.say(f"{second} less {first}; * told apart at {100 * one.confidence:g} %")
    heads = ["policy", "metric", "difference", "interval", "share", "n"]
    table = [
        [
            f"{'*' if row['told_apart'] else ' '} {row['policy']}" + (f" - {row['to']}" if second is None else ""),
            row["metric"],
            f"{row['value']:+,.4g}",
            "-" if row["low"] is None else f"{row['low']:+,.4g} to {row['high']:+,.4g}",
            "-" if row["share"] is None else f"{100 * row['share']:+.1f}%",
            str(row["n"]),
        ]
        for row in rows
    ]
    console.table(heads, table, numbers=(2, 3, 4, 5))


def within(results: Any, metrics: tuple[str, ...]) -> list[dict[str, Any]]:
    """Differences of every policy to the best."""
    found = [one for metric in (metrics or (None,)) for one in results.differences(metric)]
    return [_row(one) for one in found]


def between(first: Any, second: Any, metrics: tuple[str, ...]) -> list[dict[str, Any]]:
    """Second less first, for each policy that both have; paired by replication where the seed is one, else refused."""
    from marketsim.errors import Fault, InputError
    from marketsim.experiment import compare
    from marketsim.experiment.results import MAIN

    if first.stamp.get("seed") != second.stamp.get("seed"):
        got = f"seeds {first.stamp.get('seed')} and {second.stamp.get('seed')}"
        raise InputError(
            Fault("the two runs threw other dice, so nothing can be paired", got=got, hint="Run both with one --seed.")
        )
    shared = [name for name in first.policies if name in second.policies]
    if not shared:
        raise InputError(Fault("the two runs have no policy in common"))
    rows = []
    for metric in metrics or MAIN:
        for policy in shared:
            if metric not in first.metrics or metric not in second.metrics:
                if metrics:
                    first.column(policy, metric)
                    second.column(policy, metric)
                continue
            new, old = second.column(policy, metric), first.column(policy, metric)
            if new.keys() & old.keys():
                p = compare.p_value(new, old)
                rows.append(_row(compare.difference(metric, policy, policy, new, old, p, first.confidence)))
    return rows


def _row(one: Any) -> dict[str, Any]:
    names = ("policy", "to", "metric", "value", "low", "high", "n", "share", "p", "told_apart")
    return {name: getattr(one, name) for name in names}
