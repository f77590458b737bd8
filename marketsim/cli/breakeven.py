"""`marketsim breakeven`: from what use on which way to get compute wins; or where one policy overtakes another."""

from __future__ import annotations

import json
import pathlib
from itertools import combinations
from typing import TYPE_CHECKING, Any

import click

from marketsim.cli import console, idle, options

if TYPE_CHECKING:
    from marketsim.experiment.hosting import HostOrBuy
    from marketsim.experiment.payback import Payback
    from marketsim.experiment.sweep import BreakEven
    from marketsim.experiment.ways import Ways

GPUS = "8,16,32,64"
FEW = 3  # replications of a field


@click.command("breakeven")
@options.studied
@click.option(
    "--over",
    "over",
    multiple=True,
    metavar="KEY=LOW..HIGH|A,B,C",
    help="Where policies change places along a setting, as supply.own.pue=1.1..1.6:5; may be repeated.",
)
@options.metric
@click.option("--points", "count", type=click.IntRange(2, 1000), default=7, show_default=True, help="Values a setting.")
@click.option("--by", type=click.Choice(["fleet", "horizon"]), default="fleet", help="What the rows of the map are.")
@click.option("--gpus", default=GPUS, show_default=True, metavar="A,B,C", help="Fleets; with --by horizon one.")
@click.option("--way", "ways", multiple=True, metavar="OFFER", help="Only this offer in the map; may be repeated.")
@options.picture("the map")
def command(
    given: options.Given,
    over: tuple[str, ...],
    metric: str | None,
    count: int,
    by: str,
    gpus: str,
    ways: tuple[str, ...],
    picture: pathlib.Path | None,
) -> None:
    """Map which way is the cheapest at which use.

    A map of use against fleet or horizon, from simulated runs, with the closed form beside it; when buying pays back
    against signing; and for each service the requests a day from which hosting beats tokens. With --over: where
    policies change places along a setting of SCENARIO; --policy twice names the two.
    """
    if not over:
        idle.refuse("without --over", "workers", "cluster", "policies", "metric", "count")
        if by == "horizon" and len(_counts(gpus)) > 1 and idle.given("gpus"):
            raise click.UsageError("--gpus: the map by horizon is of one fleet")
        _map(given, by, _counts(gpus), ways, picture)
        return
    idle.refuse("with --over", "by", "gpus", "ways", "picture")
    from marketsim.cli.studying import asked, metric_of, settings_of
    from marketsim.experiment.sweep import break_evens, sweep

    settings, wanted = settings_of(over, "count")
    with asked(given) as study:
        name = metric_of(study.scenario, metric)
        swept = sweep(study.scenario, settings, wanted or count, "grid", **study.run)
    names = swept.results[0].policies
    if len(names) < 2:
        raise click.UsageError("a break-even is between two policies")
    found = [one for pair in combinations(names, 2) for one in break_evens(swept, name, *pair)]
    if given.as_json:
        console.say(json.dumps([vars(one) for one in found], ensure_ascii=False, allow_nan=False))
    elif not found:
        console.say(f"No two of these policies change places in {name} along {settings[0].path}.")
    else:
        _policies(found, name, settings[0].path)


def _policies(found: list[BreakEven], metric: str, path: str) -> None:
    from marketsim.cli.studying import number

    rows = [
        [
            f"{one.first} = {one.second}",
            number(one.at),
            "-" if one.low is None else number(one.low),
            "-" if one.high is None else number(one.high),
            ", ".join(f"{name}={number(value)}" for name, value in one.fixed.items()),
        ]
        for one in found
    ]
    console.say(f"Equal in {metric} along {path} (durations in seconds); unknown between not before and not after")
    console.table(["policies", "at", "not before", "not after", "with"], rows, numbers=(1, 2, 3))


def _counts(text: str) -> list[int]:
    parts = text.split(",")
    if not all(part.strip().isdecimal() and 0 < int(part) <= 100_000 for part in parts):
        raise click.BadParameter(f"whole numbers of GPUs such as {GPUS} are needed", param_hint="--gpus")
    return sorted({int(part) for part in parts})


def _map(
    given: options.Given,
    by: str,
    gpus: list[int],
    only: tuple[str, ...],
    picture: pathlib.Path | None,
) -> None:
    from marketsim.cli.reading import checked
    from marketsim.experiment.hosting import host_or_tokens
    from marketsim.experiment.payback import paybacks
    from marketsim.experiment.ways import ways_of

    scenario, _ = checked(given.scenario, given.edits, given.quiet, given.seed)
    key = "gpus" if by == "fleet" else "horizon_s"
    few, seed = given.replications or FEW, given.seed
    found = ways_of(scenario, key, gpus, replications=few, seed=seed, only=only)
    fleet = gpus[-1] if by == "fleet" else gpus[0]
    backs = paybacks(scenario, fleet, replications=few, seed=seed, only=only)
    hosts = host_or_tokens(scenario, seed, given.replications or 1)  # a search of many runs each
    if given.as_json:
        points = [vars(point) | {"mean_usd": point.mean_usd if point.usd else None} for point in found.points]
        document = {"reference_gpu": found.reference_gpu, "points": points, "turns": found.turns,
                    "paybacks": [vars(one) for one in backs], "services": [vars(one) for one in hosts]}  # fmt: skip
        console.say(json.dumps(document, ensure_ascii=False, allow_nan=False))
    else:
        _fields(found, gpus[0])
        _paybacks(backs)
        _services(hosts)
    if picture is not None:
        _draw(found, picture, given.quiet)


def _fields(found: Ways, first_gpus: int) -> None:
    """A row a share of use and a column a fleet or horizon: the cheapest way and its price of a used hour."""
    from marketsim import units

    uses = list(dict.fromkeys(point.use for point in found.points))
    heads = [f"{row} GPUs" if found.by == "gpus" else units.duration_text(row) for row in found.rows()]
    rows = []
    for use in uses:
        cells = [f"{use:.0%}"]
        for row in found.rows():
            best = found.at(row, use)[0]
            other = "" if best.way == found.best_by_formula(row, use) else " *"
            cells.append(f"{best.way} {best.mean_usd:.2f}{other}" if best.usd else "-")
        rows.append(cells)
    what = "fleet" if found.by == "gpus" else f"horizon, {first_gpus} GPUs"
    console.say(f"Cheapest way by {what} and share of the time it is used, USD per used {found.reference_gpu}-hour")
    console.table(["used", *heads], rows)
    if any(cell.endswith("*") for row in rows for cell in row):
        console.say("* the closed form, which knows no queueing, restarts or bad luck, has another")
    for row, head in zip(found.rows(), heads, strict=True):
        turns = [f"{use:.1%}" for use, at in found.turns if at == row]
        console.say(f"In closed form at {head} the cheapest way changes at {', '.join(turns) or 'no use'}.")


def _paybacks(backs: list[Payback]) -> None:
    """When the cash put into servers has come back against each other way, and what buying is worth today."""
    if not backs:
        return
    rows: list[list[Any]] = [
        [
            f"{one.bought} against {one.against}",
            "not within the horizon" if one.back_months is None else f"month {one.back_months:.1f}",
            f"{one.worth_usd:,.0f}",
        ]
        for one in backs
    ]
    console.say(f"Buying for {backs[0].gpus} GPUs used {backs[0].use:.0%} of the time, by cash month by month")
    console.table(["way", "pays back in", "worth today, USD"], rows, numbers=(1, 2))


def _services(hosts: list[HostOrBuy]) -> None:
    if not hosts:
        return

    def asked(per_day: float | None) -> str:
        return "never" if per_day is None else f"{per_day:,.0f}"

    rows: list[list[Any]] = [
        [one.service, one.host, one.tokens, asked(one.simulated_per_day), asked(one.requests_per_day),
         asked(one.needed_per_day)]
        for one in hosts
    ]  # fmt: skip
    console.say("Requests a day from which hosting beats tokens: simulated over the service's days, and in closed form")
    console.say("with requests evenly over the day; beside them the mean need")
    console.table(["service", "host", "tokens", "simulated", "closed form", "need"], rows, numbers=(3, 4, 5))


def _draw(found: Ways, picture: pathlib.Path, quiet: bool) -> None:
    from marketsim.cli.pictures import draw_one

    draw_one("breakeven", {"whatif": found.frame()}, picture, quiet)
