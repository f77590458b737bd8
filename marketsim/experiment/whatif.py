"""What if: a scenario against the same with something changed, in amounts and in percent, pair by pair."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from marketsim.experiment import comparable, compare, points
from marketsim.experiment.results import MAIN, Results
from marketsim.experiment.statistics import interval

if TYPE_CHECKING:
    import pandas as pd

    from marketsim.scenario import Scenario


def what_if(scenario: Scenario, edits: points.Edits | Iterable[str], **how: Any) -> tuple[Results, Results]:
    """The results of the scenario and of the changed one. edits: as `Scenario.changed` takes them.

    how: policies, replications, seed, runner, progress, as `run_points` takes them. Policies must be in both. Both meet
    the same dice. Raises InputError for a setting that the scenario does not have.

    >>> import marketsim as ms
    >>> scenario = ms.load("speech", ["horizon=2 w"])
    >>> half = {"supply.aws-p4d.usd_per_gpu_hour": 1.0}
    >>> base, changed = ms.what_if(scenario, half, policies=["cloud-only"], replications=3)
    >>> [one.value < 0 for one in ms.compare(base, changed, ["total_cost_usd"])]  # changed - base, in USD
    [True]
    """
    return tuple(points.run_points(scenario, [{}, edits if isinstance(edits, dict) else list(edits)], **how))  # type: ignore[return-value, list-item]


def changes(base: Results, changed: Results, metrics: Sequence[str] | None = None) -> list[compare.Difference]:
    """changed - base for each policy and metric that both have, paired, Holm-corrected within a metric."""
    out: list[compare.Difference] = []
    for metric in metrics or MAIN:
        if metric not in base.metrics or metric not in changed.metrics:
            continue
        pairs = [
            (name, changed.observations(name, metric), base.observations(name, metric))
            for name in base.policies
            if name in changed.policies
        ]
        pairs = [pair for pair in pairs if pair[1].keys() & pair[2].keys()]
        adjusted = compare.adjusted([compare.p_value(new, old) for _, new, old in pairs])
        for (name, new, old), p in zip(pairs, adjusted, strict=True):
            out.append(compare.difference(metric, name, f"{name} before", new, old, p, base.confidence))
    return out


def compare_results(first: Results, second: Results, metrics: Sequence[str] | None = None) -> list[compare.Difference]:
    """second - first for two results folders: paired where the dice were the same (one seed), else by Welch.

    Amounts are in each metric's own unit. Raises InputError for what cannot be compared: no policy in both, horizons of
    different length, a metric that one of them lacks. What a reader must know beside is what `comparable.check` says.

    >>> import marketsim as ms
    >>> scenario = ms.load("speech", ["horizon=2 w"])
    >>> first = ms.run(scenario, ["cloud-only"], replications=3)
    >>> second = ms.run(scenario.changed(["supply.aws-p4d.usd_per_gpu_hour=8.0"]), ["cloud-only"], replications=3)
    >>> change = ms.compare(first, second, ["total_cost_usd"])[0]
    >>> change.value > 0, change.n, change.low <= change.value <= change.high
    (True, 3, True)
    """
    comparable.check(first, second, metrics or ())
    if comparable.paired(first, second):
        return changes(first, second, metrics)
    out = []
    for metric in metrics or MAIN:
        for name in first.policies:
            if name not in second.policies or metric not in first.metrics or metric not in second.metrics:
                continue
            old, new = (list(one.observations(name, metric).values()) for one in (first, second))
            if not old or not new:
                continue
            found = interval.welch(new, old, first.confidence)
            base = sum(old) / len(old)
            told = None if found.p is None else found.p < 1 - first.confidence
            out.append(
                compare.Difference(
                    name, f"{name} before", metric, found.value, found.low, found.high, found.n,
                    found.value / abs(base) if base else None, found.p, told, None, found.note or "not paired",
                )
            )  # fmt: skip
    return out


def frame(differences: Sequence[compare.Difference]) -> pd.DataFrame:
    """Differences as a frame, a row each."""
    import dataclasses

    import pandas as pd

    names = [one.name for one in dataclasses.fields(compare.Difference)]
    return pd.DataFrame([[getattr(one, name) for name in names] for one in differences], columns=names)
