"""The range of outcomes: what a single future may bring, which no number of replications narrows.

Quantiles and the mean of the worst 5 % (CVaR), each with the interval within which n replications know it, or with the
n that would be needed. Shares are of futures in which something happened, as a purse that ran empty.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from marketsim.experiment.results import Results
from marketsim.experiment.statistics import quantile, shares
from marketsim.experiment.statistics.interval import Interval

LEVELS = (0.1, 0.5, 0.9, 0.95)
TAIL = 0.95
EVENTS: Mapping[str, str] = {"cash_below_zero": "P(cash < 0)"}  # metrics that are 0 or 1 by replication


@dataclass(frozen=True)
class Figure:
    """One figure of the range of outcomes of one policy, as `P90` of `total_cost_usd`, with its interval."""

    policy: str
    metric: str
    what: str
    found: Interval


def outcomes(results: Results, policy: str, metric: str) -> list[float]:
    """Independent single outcomes: all of them, or of antithetic pairs the first."""
    column = results.column(policy, metric)
    return [value for r, value in column.items() if not results.antithetic or r % 2 == 0]


def figures(results: Results, metric: str) -> list[Figure]:
    """Quantiles and CVaR of a metric under each policy, larger being worse, then the shares of events."""
    out = []
    for policy in results.policies:
        values = outcomes(results, policy, metric)
        if not values:
            continue
        for level in LEVELS:
            found = quantile.quantile_interval(values, level, results.confidence)
            out.append(Figure(policy, metric, f"P{100 * level:g}", found))
        found = quantile.cvar_interval(values, TAIL, results.confidence)
        out.append(Figure(policy, metric, f"CVaR{100 * TAIL:g}", found))
        out += [event for event in (_event(results, policy, name) for name in EVENTS) if event is not None]
    return out


def _event(results: Results, policy: str, metric: str) -> Figure | None:
    if metric not in results.metrics:
        return None
    happened = outcomes(results, policy, metric)
    if not happened:
        return None
    count = sum(1 for value in happened if value > 0)
    return Figure(policy, metric, EVENTS[metric], shares.wilson(count, len(happened), results.confidence))
