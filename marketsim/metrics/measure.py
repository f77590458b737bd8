"""measure: a run to its numbers, `total_cost_usd` and the rest, and breakdowns as `cost_usd/offer/aws-p5`."""

from __future__ import annotations

import math
from collections.abc import Sequence

from marketsim import metrics
from marketsim.ledger import Ledger
from marketsim.metrics.measured import Measured
from marketsim.metrics.metric import Metric
from marketsim.world import World


def measure(world: World, ledger: Ledger, more: Sequence[Metric] = ()) -> dict[str, float | None]:
    """All metrics and breakdowns of a run, and the user's own; None where one is undefined.

    Units are the metrics' own: `marketsim list metrics` prints them. A breakdown is `name/label`. Raises ValueError for
    a number that is not finite: it is never carried into a mean.

    >>> import marketsim as ms
    >>> scenario = ms.load("speech", ["horizon=2 w"])
    >>> world = ms.build_world(scenario)
    >>> numbers = ms.measure(world, ms.simulate(world, ms.policy_of(scenario, "cloud-only")))
    >>> numbers["jobs"] == len(world.jobs), 0 <= numbers["utilization"] <= 1
    (True, True)
    >>> round(numbers["cost_usd/offer/aws-p4de-spot"], 2)  # this policy holds no spot instance
    0.0
    """
    measured = Measured(world, ledger)
    out: dict[str, float | None] = {}
    for metric in (*metrics.KINDS.values(), *more):
        out[metric.name] = _finite(metric.name, metric.of(measured))
    for breakdown in metrics.BREAKDOWNS.values():
        for label, value in breakdown.of(measured).items():
            name = f"{breakdown.name}/{label}"
            out[name] = _finite(name, value)
    return out


def _finite(name: str, value: float | None) -> float | None:
    if value is None:
        return None
    if not math.isfinite(value):
        raise ValueError(f"metric {name} is {value}: not a number to report")
    return float(value)
