"""`marketsim compare`: two results folders, policy by policy, paired where they met the same dice."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from marketsim.cli import console, options

if TYPE_CHECKING:
    from marketsim.experiment.compare import Difference


@click.command("compare")
@click.argument("first", type=click.Path(path_type=pathlib.Path), metavar="RESULTS")
@click.argument("second", type=click.Path(path_type=pathlib.Path), metavar="[RESULTS2]", required=False)
@click.option("--metric", "metrics", multiple=True, metavar="NAME", help="Only this metric; may be repeated.")
@options.as_json
def command(first: pathlib.Path, second: pathlib.Path | None, metrics: tuple[str, ...], as_json: bool) -> None:
    """Compare two results folders, policy by policy.

    With one folder, the differences within it.
    """
    from marketsim.experiment import folder, whatif

    one = folder.read(first)
    if second is None:
        found = [difference for metric in (metrics or (None,)) for difference in one.differences(metric)]
    else:
        found = whatif.compare_results(one, folder.read(second), metrics or None)
    if as_json:
        console.say(json.dumps([vars(each) for each in found], ensure_ascii=False, allow_nan=False))
        return
    what = f"less the best of {first}" if second is None else f"{second} less {first}"
    console.say(f"{what}; * told apart at {100 * one.confidence:g} %")
    show(found)


def show(found: Sequence[Difference]) -> None:
    """Differences as a table, with what must be known of them below."""
    from marketsim.cli.studying import number, span

    rows = [
        [
            f"{'*' if one.told_apart else ' '} {one.policy}",
            one.metric,
            f"{one.value:+,.4g}",
            span(one.low, one.high),
            "-" if one.share is None else f"{100 * one.share:+.1f}%",
            number(one.n),
        ]
        for one in found
    ]
    console.table(["  policy", "metric", "difference", "interval", "share", "n"], rows, numbers=(2, 3, 4, 5))
    for note in dict.fromkeys(one.note for one in found if one.note):
        console.say(f"Note: {note}.")
