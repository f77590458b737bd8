"""The tables that charts and documents are made of: of a whole study, and of one run of its best policy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from marketsim.experiment.results import Results

if TYPE_CHECKING:
    import pandas as pd

    from marketsim.metrics.measured import Measured
    from marketsim.scenario import Scenario


def of_results(results: Results) -> dict[str, pd.DataFrame]:
    """`replications` (a row a policy and replication) and `ranking` (a row a policy, best first)."""
    replications = results.replications()
    replications.attrs["confidence"] = results.confidence
    return {"replications": replications, "ranking": ranking(results)}


def ranking(results: Results) -> pd.DataFrame:
    """A row a policy: metric, mean, low, high, p10, p90, n, place, group, why it is out, difference to the best.

    place: 1, 2, ... of those ranked, empty for those that break a limit and where nothing is ranked. group: 1 for the
    best and what cannot be told apart from it. known: whether n allows a test. front: on the frontier of both aims.
    diff, diff_low, diff_high, p: paired difference to the best and its adjusted p. wrong: the chance that the policy is
    in truth better than the best, from the paired test alone.
    """
    import pandas as pd

    best = results.best()
    differences = {one.policy: one for one in best.differences}
    groups = {name: number for number, group in enumerate(best.groups, 1) for name in group}
    shown = best.metric or "total_cost_usd"
    rest = [name for name in results.policies if name not in best.order]
    order = [*best.order, *_by_mean(results, shown, rest)]
    rows = []
    for policy in order:
        one = differences.get(policy)
        rows.append(
            {
                "policy": policy,
                "metric": best.metric or "",
                **results.cell(policy, shown),
                "place": float(best.order.index(policy) + 1) if policy in best.order else np.nan,
                "group": groups.get(policy, 0),
                "why": best.excluded.get(policy, ""),
                "known": best.clear is not None,
                "front": policy in best.frontier,
                "diff": one.value if one else np.nan,
                "diff_low": one.low if one and one.low is not None else np.nan,
                "diff_high": one.high if one and one.high is not None else np.nan,
                "p": one.p if one and one.p is not None else np.nan,
                "wrong": _chance_better(results, shown, policy, best.order[0]) if one else np.nan,
            }
        )
    floats = ("mean", "low", "high", "p10", "p90")
    return pd.DataFrame(rows).astype(dict.fromkeys(floats, float))


def _by_mean(results: Results, metric: str, policies: Iterable[str]) -> list[str]:
    means = {name: results.cell(name, metric)["mean"] for name in policies}
    return sorted(means, key=lambda name: (means[name] is None, means[name] or 0.0))


def _chance_better(results: Results, metric: str, policy: str, best: str) -> float:
    """P(the other's true mean is the better one), by the paired t statistic with no prior preference; NaN for n < 2."""
    from marketsim.experiment import compare
    from marketsim.experiment.statistics import interval

    one, two = compare.common(results.column(policy, metric), results.column(best, metric))
    if len(one) < 2:
        return float("nan")
    found = interval.paired(one, two, results.confidence)
    if found.p is None:
        return 0.5 if found.value == 0 else 0.0
    return found.p / 2


def wrong(ranking: pd.DataFrame) -> float | None:
    """At most this chance that another policy is better than the first: the sum over the others; None for n < 2."""
    chances = ranking.loc[ranking["place"] > 1, "wrong"]
    if not len(chances) or chances.isna().any():
        return None
    return float(min(chances.sum(), 1.0))


def offers(scenario: Scenario) -> pd.DataFrame:
    """A row an offer: its kind and provider."""
    import pandas as pd

    rows = [
        {"offer": name, "kind": str(getattr(kind, "kind", "none")), "provider": getattr(kind, "provider", "") or ""}
        for name, kind in scenario.supply.items()
    ]
    return pd.DataFrame(rows, columns=["offer", "kind", "provider"])


def of_scenario(scenario: Scenario) -> dict[str, pd.DataFrame]:
    """`offers`, and `assumptions`: a row a source, with the value it belongs to."""
    return {"offers": offers(scenario)}


def merged(*parts: Mapping[str, Any] | None) -> dict[str, pd.DataFrame]:
    """Tables of several makers in one mapping; later ones win."""
    out: dict[str, pd.DataFrame] = {}
    for part in parts:
        out.update(part or {})
    return out


def of_run(measured: Measured, policy: str, start: str | None = None) -> dict[str, pd.DataFrame]:
    """Tables of one run: `capacity`, `jobs`, `misses`, `spent`, `purse`; each knows its policy and its span."""
    from marketsim.metrics import frames

    made = {
        "capacity": frames.demand_and_capacity(measured).reset_index(),
        "jobs": frames.per_job(measured).reset_index(drop=True),
        "misses": frames.misses_by_workload(measured).reset_index(),
        "spent": frames.utilization_by_offer(measured).reset_index(),
        "purse": frames.purse(measured),
    }
    for frame in made.values():
        frame.insert(0, "policy", policy)
        frame.attrs.update({"end_s": int(max(measured.ledger.end_s, 1)), "horizon_s": measured.world.horizon_s})
        if start is not None:
            frame.attrs["start"] = start
    return made


def of_example(
    scenario: Scenario, results: Results, policy: str, notes: list[Any] | None = None
) -> dict[str, pd.DataFrame]:
    """Tables of replication 0 of a policy, run once more; nothing where the scenario has no such policy."""
    from marketsim.build import build, policy_of
    from marketsim.engine.run import run
    from marketsim.errors import MarketsimError
    from marketsim.i18n.locale import said
    from marketsim.metrics.measured import Measured

    if policy not in scenario.policies:
        return {}
    try:
        world = build(scenario, 0, int(results.stamp.get("seed", scenario.seed)))
        measured = Measured(world, run(world, policy_of(scenario, policy)))
        return of_run(measured, policy, scenario.start.strftime("%Y-%m-%dT%H:%M:%SZ"))
    except MarketsimError as error:
        if notes is not None:
            notes.append(said("report.limit.example", why=str(error).splitlines()[0]))
        return {}
