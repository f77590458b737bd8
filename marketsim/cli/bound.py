"""`marketsim bound`: what no policy could undercut, how far each stays above it, and what knowing would be worth."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import TYPE_CHECKING

import click

from marketsim.cli import console, options

if TYPE_CHECKING:
    from marketsim.experiment.bound.regret import Regret
    from marketsim.experiment.statistics.interval import Interval

METRIC = "total_with_penalties_usd"
REPLICATIONS = 4


@click.command("bound")
@options.studied
@click.option(
    "--slot", default="1 d", show_default=True, metavar="DURATION", help="Length of a slot; shorter is tighter, slower."
)
def command(
    given: options.Given,
    slot: str,
) -> int:
    """Say what no policy could undercut.

    A lower bound on total_with_penalties_usd of SCENARIO in hindsight; each policy's regret, its cost less the bound;
    and the price of not knowing: its cost less that of its clairvoyant twin where the scenario has one, else at most
    that of the best policy less the bound.
    """
    from marketsim import build
    from marketsim.cli.studying import asked, slot_of
    from marketsim.experiment import study as studies
    from marketsim.experiment.bound.market import lower_bound
    from marketsim.experiment.bound.regret import regrets
    from marketsim.experiment.statistics.interval import t_interval

    slot_s = slot_of(slot)
    with asked(dataclasses.replace(given, replications=given.replications or REPLICATIONS)) as study:
        count = study.how["replications"]
        bounds = {r: lower_bound(build.build(study.scenario, r, given.seed), slot_s) for r in range(count)}
        results = studies.run_study(study.scenario, **study.run)
    known = {r: one.value_usd for r, one in bounds.items() if math.isfinite(one.value_usd)}
    settings = {name: study.scenario.policies[name] for name in results.policies if name in study.scenario.policies}
    found = regrets(results.columns(METRIC), known, settings, results.confidence) if known else []
    least = t_interval(list(known.values()), results.confidence) if known else None
    if given.as_json:
        document = {
            "metric": METRIC,
            "confidence": results.confidence,
            "bounds": [{"value_usd": b.value_usd, "status": b.status, "slots": b.slots} for b in bounds.values()],
            "bound": None if least is None else dataclasses.asdict(least),
            "policies": {one.policy: dataclasses.asdict(one) for one in found},
        }
        console.say(json.dumps(_plain(document), ensure_ascii=False))
    else:
        _show(found, least, count, slot, sorted({one.status for one in bounds.values()}), results.confidence)
    return results.exit_code


def _plain(value: object) -> object:
    """JSON has no infinity: a bound that was not found is null."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _show(
    found: list[Regret], least: Interval | None, count: int, slot: str, statuses: list[str], confidence: float
) -> None:
    console.sentence(f"{METRIC}, thousand USD, mean of {count} replications; slots of {slot}; {', '.join(statuses)}")
    if least is None:
        console.say("No bound was found: nothing to compare with.")
        return
    rows = [["(bound)", _thousands(least), "-", "-", "-"]]
    for one in found:
        times = "-" if one.times is None else f"{one.times:,.2f}x"
        price = "knows" if one.not_knowing is None else _thousands(one.not_knowing)
        mark = "<= " if one.not_knowing is not None and one.twin is None else ""
        rows.append([one.policy, _thousands(one.cost), _thousands(one.regret), times, mark + price])
    console.table(["policy", "cost", "regret", "cost/bound", "not knowing"], rows, numbers=(1, 2, 3, 4))
    console.sentence(
        f"± half of the {confidence:.0%} interval; differences are paired over replications. Regret: cost less the "
        "bound, which is below the best plan in hindsight."
    )
    for one in found:
        if one.twin is not None:
            console.sentence(f"Not knowing, {one.policy}: its cost less that of {one.twin}, which knows.")
    if any(one.not_knowing is not None and one.twin is None for one in found):
        console.sentence("Not knowing, <=: the best policy that does not know less the bound, for want of a twin.")


def _thousands(found: Interval) -> str:
    """Mean and half width in thousands of USD."""
    half = found.half_width
    spread = "" if half is None else f" ±{half / 1000:,.1f}" if half < 10_000 else f" ±{half / 1000:,.0f}"
    mean = f"{found.value / 1000:,.1f}" if abs(found.value) < 10_000 else f"{found.value / 1000:,.0f}"
    return mean + spread
