"""The tables that charts and documents are made of: of a whole study, and of one run of its best policy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from marketsim.experiment.results import Results

if TYPE_CHECKING:
    import pandas as pd

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


def of_tornado(bars: Iterable[Any], policy: str, metric: str) -> pd.DataFrame:
    """The table `tornado` of what `experiment.sensitivity.tornado` gives."""
    import pandas as pd

    rows = [
        {
            "setting": bar.setting,
            "low": str(bar.low),
            "high": str(bar.high),
            "at_low": bar.at_low.value,
            "at_high": bar.at_high.value,
            "metric": metric,
            "policy": policy,
        }
        for bar in bars
    ]
    return pd.DataFrame(rows, columns=["setting", "low", "high", "at_low", "at_high", "metric", "policy"])


def of_changes(base: Results, changed: Results, edits: str) -> pd.DataFrame:
    """The table `changes` of two results of the same throws, the second with `edits` (in words)."""
    import pandas as pd

    from marketsim.experiment import whatif

    rows = [
        {
            "policy": one.policy,
            "metric": one.metric,
            "before": base.cell(one.policy, one.metric)["mean"],
            "value": one.value,
            "low": one.low,
            "high": one.high,
            "told_apart": bool(one.told_apart),
        }
        for one in whatif.changes(base, changed)
    ]
    frame = pd.DataFrame(rows, columns=["policy", "metric", "before", "value", "low", "high", "told_apart"])
    frame.attrs["edits"] = edits
    return frame
