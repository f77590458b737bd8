"""`marketsim compare`: two results folders, policy by policy; or one, with its range of outcomes or its controls."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from marketsim.cli import console, idle, options

if TYPE_CHECKING:
    from marketsim.experiment.compare import Difference
    from marketsim.experiment.results import Results
    from marketsim.experiment.statistics.interval import Interval
    from marketsim.scenario import Scenario


@click.command("compare")
@click.argument("first", type=click.Path(path_type=pathlib.Path), metavar="RESULTS")
@click.argument("second", type=click.Path(path_type=pathlib.Path), metavar="[RESULTS2]", required=False)
@click.option("--metric", "metrics", multiple=True, metavar="NAME", help="Only this metric; may be repeated.")
@click.option("--risk", is_flag=True, help="Quantiles, CVaR and P(cash < 0) of one folder, with intervals.")
@click.option(
    "--controls",
    "throws",
    type=click.IntRange(2, 100_000),
    metavar="THROWS",
    help="Narrow one folder's means by offered work and mean prices, known from THROWS further throws.",
)
@options.data
@options.as_json
@options.quiet
def command(
    first: pathlib.Path,
    second: pathlib.Path | None,
    metrics: tuple[str, ...],
    risk: bool,
    throws: int | None,
    data: pathlib.Path | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Compare two results folders, policy by policy.

    With one folder, the differences within it. What cannot be compared is refused: other horizons, no policy in common.
    """
    from marketsim.cli.reading import scenario_of
    from marketsim.experiment import comparable, folder, whatif

    if second is not None and (risk or throws):
        raise click.UsageError("--risk and --controls are of one results folder")
    if risk and throws:
        raise click.UsageError("one of --risk and --controls at a time")
    if not throws:
        idle.refuse("without --controls", "data")
    one = folder.read(first)
    if second is not None:
        other = folder.read(second)
        for note in comparable.check(one, other, metrics):
            console.note(f"note: {note}", quiet)
        _differences(whatif.compare_results(one, other, metrics or None), f"{second} less {first}", one, as_json)
        return
    one = _of_those_that_ran(one, quiet)
    if risk:
        _risk(one, metrics, as_json)
    elif throws:
        _controls(one, scenario_of(first, data), metrics, throws, as_json)
    else:
        found = [difference for metric in (metrics or (None,)) for difference in one.differences(metric)]
        _differences(found, f"less the best of {first}", one, as_json)


def _of_those_that_ran(results: Results, quiet: bool) -> Results:
    if results.failures:
        console.note(f"note: {len(results.failures)} replications failed and are in no mean", quiet)
    return results.of_those_that_ran()


def _differences(found: Sequence[Difference], what: str, results: Results, as_json: bool) -> None:
    if as_json:
        console.say(json.dumps([vars(each) for each in found], ensure_ascii=False, allow_nan=False))
        return
    console.say(f"{what}; * told apart at {100 * results.confidence:g} %")
    show(found)


def show(found: Sequence[Difference]) -> None:
    """Differences as a table, with what must be known of them below."""
    from marketsim.cli.studying import number, span

    for metric in dict.fromkeys(one.metric for one in found):
        rows = [
            [
                f"{'*' if one.told_apart else ' '} {one.policy}",
                f"{one.value:+,.4g}",
                span(one.low, one.high),
                "-" if one.share is None else f"{100 * one.share:+.1f}%",
                number(one.n),
            ]
            for one in found
            if one.metric == metric
        ]
        heads = [f"  {metric}\n  policy", "difference", "interval", "share", "n"]
        console.table(heads, rows, numbers=(1, 2, 3, 4), bold=[at for at, row in enumerate(rows) if row[0][0] == "*"])
    for note in dict.fromkeys(one.note for one in found if one.note):
        console.say(f"Note: {note}.")
    if found:
        console.sentence(
            "interval: error of the mean difference. Not in it: the range of outcomes (compare --risk), and inputs "
            "that are themselves uncertain (sensitivity --draws)."
        )


def _named(results: Results, metrics: tuple[str, ...]) -> tuple[str, ...]:
    """The metrics asked for, or what the results are ranked by. Raises InputError for an unknown or undefined one."""
    from marketsim.errors import InputError

    chosen = metrics or (results.ranked_by() or "total_cost_usd",)
    for metric in chosen:
        if not results.columns(metric):
            raise InputError(f"{metric} is undefined under every policy: there is nothing to show")
    return chosen


def _risk(results: Results, metrics: tuple[str, ...], as_json: bool) -> None:
    """A row a policy and figure; what n does not support stands as the n that it needs."""
    from marketsim.cli.studying import number
    from marketsim.experiment import risk

    found = [figure for metric in _named(results, metrics) for figure in risk.figures(results, metric)]
    if as_json:
        plain = [{**vars(one), "found": None, **_plain(one.found)} for one in found]
        document = [{key: value for key, value in row.items() if key != "found"} for row in plain]
        console.say(json.dumps(document, ensure_ascii=False, allow_nan=False))
        return
    rows = []
    for one in found:
        low, high = one.found.low, one.found.high
        known = low is not None and high is not None
        interval = f"{number(low)} to {number(high)}" if known else f"{one.found.note}"
        metric = "" if one.what.startswith("P(") else one.metric
        rows.append([one.policy, metric, one.what, number(one.found.value) if known else "-", interval])
    console.say(f"Range of outcomes, with {100 * results.confidence:g} % intervals; P90: nine of ten futures are below")
    console.table(["policy", "metric", "figure", "value", "interval"], rows, numbers=(3, 4))


def _plain(found: Interval) -> dict[str, Any]:
    known = found.low is not None
    return {
        "value": found.value if known else None,
        "low": found.low,
        "high": found.high,
        "n": found.n,
        "note": found.note,
    }


def _controls(results: Results, scenario: Scenario, metrics: tuple[str, ...], throws: int, as_json: bool) -> None:
    """Each mean, and each difference to the least, as it is and with the controls' part taken out."""
    from marketsim.cli.studying import number
    from marketsim.experiment import controls
    from marketsim.experiment.task import ScenarioTask

    task = ScenarioTask(scenario, int(results.stamp.get("seed", scenario.seed)))
    names = controls.usual(results)
    first = int(results.stamp.get("replications", 0))
    known = controls.of_throws(task, names, first, throws)
    found: list[tuple[str, str | None, str, Interval, Interval]] = []
    for metric in _named(results, metrics):
        columns = results.columns(metric)
        best = min(columns, key=lambda name: (results.cell(name, metric)["mean"], name))
        for policy in columns:
            for to in (None, best) if policy != best else (None,):
                plain = controls.plain(results, metric, policy, to)
                fine = controls.controlled(results, metric, policy, known, to)
                found.append((policy, to, metric, plain, fine))
    if as_json:
        keys = ("policy", "to", "metric", "plain", "controlled")
        rows = [dict(zip(keys, (*one[:3], *map(_plain, one[3:])), strict=True)) for one in found]
        console.say(json.dumps({"controls": names, "throws": throws, "rows": rows}, allow_nan=False))
        return
    lines = []
    for policy, to, _, plain, fine in found:
        cells = [_with_half(plain), _with_half(fine) if fine.half_width is not None else str(fine.note)]
        saved = "-"
        if plain.half_width and fine.half_width is not None:
            saved = number((fine.half_width / plain.half_width) ** 2)
        lines.append([policy, "" if to is None else f"less {to}", *cells, saved])
    console.sentence(f"Controls: {', '.join(names) or 'none that vary'}, their means from {throws} further throws.")
    console.table(["policy", "", "mean", "with controls", "replications"], lines, numbers=(2, 3, 4))
    console.sentence("replications: the share that would give the same error with controls.")


def _with_half(found: Interval) -> str:
    from marketsim.cli.studying import number

    return number(found.value) + ("" if found.half_width is None else f" ±{number(found.half_width)}")
