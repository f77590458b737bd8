"""Metrics: every number of a run, each a function of the ledger, in a plain dict by name."""

from marketsim.metrics import attribution, cash, cost, jobs, service, utilization
from marketsim.metrics.metric import Breakdown, Metric

KINDS: dict[str, Metric] = {**cost.METRICS, **cash.METRICS, **jobs.METRICS, **service.METRICS, **utilization.METRICS}

BREAKDOWNS: dict[str, Breakdown] = {
    one.name: one
    for one in [
        *cost.BREAKDOWNS,
        *cash.BREAKDOWNS,
        *attribution.BREAKDOWNS,
        *jobs.BREAKDOWNS,
        *service.BREAKDOWNS,
        *utilization.BREAKDOWNS,
    ]
}


def describe(name: str) -> Metric | Breakdown | None:
    """The metric or breakdown that a result's name belongs to, None for a user's own."""
    return KINDS.get(name) or BREAKDOWNS.get("/".join(name.split("/")[:2]))
