"""How far each policy stays above what hindsight could not undercut, and how much of that is the price of not knowing.

All differences are paired over replications, each of which has its own bound; intervals are Student's.

**Regret** is a policy's cost less the bound of the same replication. The bound is a lower one, so the true distance to
the best plan in hindsight is at most the regret.

**Price of not knowing** is what a policy would save if it were told. Where its clairvoyant twin was run too, it is the
policy's cost less the twin's: the twin is the same policy, except that its queue rule is the `clairvoyant_` form of the
same rule, or its forecast the perfect one; a price below 0 says that knowing did harm there (a greedy order has no
claim to be best). Where there is no twin it is the cost of the best policy that does not know, by its mean, less the
bound: what all knowledge of the future together is worth at most, and the same figure for all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from marketsim.experiment.statistics.interval import Interval, paired, t_interval

KNOWING = "clairvoyant_"
Column = Mapping[int, float]  # replication -> USD


@dataclass(frozen=True)
class Regret:
    """One policy beside the bound; USD, over the replications that both have.

    times: mean cost over the mean bound, None where that is not above 0. not_knowing: None for a policy that knows.
    twin: the policy that `not_knowing` is measured against, None where it is the bound (`at most`).
    """

    policy: str
    cost: Interval
    regret: Interval
    times: float | None
    knows: bool
    not_knowing: Interval | None
    twin: str | None


def regrets(
    costs: Mapping[str, Column], bounds: Column, policies: Mapping[str, Any], confidence: float = 0.95
) -> list[Regret]:
    """Every policy of `costs` that has replications in common with `bounds`, in its order.

    policies: the settings of those that have some, for their twins; a policy of the user's own has none.
    """
    twins = twins_of({name: policies[name] for name in costs if name in policies})
    knowing = {name for name, settings in policies.items() if knows(settings)}
    columns = {name: {r: usd for r, usd in column.items() if r in bounds} for name, column in costs.items()}
    columns = {name: column for name, column in columns.items() if column}
    online = [name for name in columns if name not in knowing]
    best = min(online, key=lambda name: float(np.mean(list(columns[name].values()))), default=None)
    at_most = None if best is None else _less(columns[best], bounds, confidence)
    found = []
    for name, column in columns.items():
        twin = twins.get(name)
        regret = _less(column, bounds, confidence)
        base = float(np.mean([bounds[r] for r in column]))
        price = at_most
        if name in knowing:
            price = None
        elif twin is not None and column.keys() & columns.get(twin, {}).keys():
            price = _less(column, columns[twin], confidence)
        else:
            twin = None
        cost = t_interval(list(column.values()), confidence)
        times = cost.value / base if base > 0 else None
        found.append(Regret(name, cost, regret, times, name in knowing, price, twin))
    return found


def _less(first: Column, second: Column, confidence: float) -> Interval:
    both = sorted(first.keys() & second.keys())
    return paired([first[r] for r in both], [second[r] for r in both], confidence)


def knows(settings: Any) -> bool:
    """Whether a policy's settings name a rule that knows what no policy can."""
    queue = str(settings.queue.kind)
    return queue.startswith(KNOWING) or str(settings.placement.kind).startswith(KNOWING) or _foresees(settings)


def _foresees(settings: Any) -> bool:
    forecast = getattr(settings.procurement, "forecast", None)
    return str(getattr(forecast, "kind", "")).startswith("perfect")


def twins_of(policies: Mapping[str, Any]) -> dict[str, str]:
    """Policy -> the first one that differs from it only in that it knows; those without one are left out."""
    alike = {name: _but_for_knowledge(settings) for name, settings in policies.items()}
    knowing = [name for name, settings in policies.items() if knows(settings)]
    found = {}
    for name in policies:
        twin = next((one for one in knowing if alike[one] == alike[name]), None)
        if name not in knowing and twin is not None:
            found[name] = twin
    return found


def _but_for_knowledge(settings: Any) -> dict[str, Any]:
    """Plain settings of a policy in which rule and clairvoyant twin, forecast and perfect forecast, look alike."""
    data: dict[str, Any] = settings.model_dump(mode="json")
    data["queue"]["kind"] = data["queue"]["kind"].removeprefix(KNOWING)
    if data["procurement"].get("forecast") is not None:
        data["procurement"]["forecast"] = "some"
    return data
