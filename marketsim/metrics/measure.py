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

    Raises ValueError for a number that is not finite: it is never carried into a mean.
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
