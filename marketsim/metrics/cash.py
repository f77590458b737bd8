"""Cash: what was paid and when, the deepest point of the purse, and how long it lasts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from marketsim import units
from marketsim.metrics import books
from marketsim.metrics.measured import Measured
from marketsim.metrics.metric import Breakdown, Metric, table


def cash_path(measured: Measured) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Times (n,) and the purse from then on (n,) in micro-dollars; starts with the opening cash at 0.

    All postings of one instant are one step: a payment and the round that covers it are never seen apart.
    """
    opening = measured.world.money.cash_micro or 0
    flow, t_s = books.cash_flow(measured, compute_only=False), measured.rows("posted").t_s
    times = np.unique(np.concatenate(([0], t_s)))
    steps = books.sums(np.searchsorted(times, t_s), flow, len(times))
    return times, opening + np.cumsum(steps)


def cash_out_usd(measured: Measured) -> float:
    """Paid for compute over the run."""
    return units.usd(-int(books.cash_flow(measured, compute_only=True).sum()))


def cash_trough_usd(measured: Measured) -> float | None:
    """The least the purse ever held."""
    if measured.world.money.cash_micro is None:
        return None
    return units.usd(min(int(measured.world.money.cash_micro), int(cash_path(measured)[1].min())))


def cash_below_zero(measured: Measured) -> float | None:
    """1 where the purse was ever below 0; the mean over replications is the probability."""
    trough = cash_trough_usd(measured)
    return None if trough is None else float(trough < 0)


def runway_months(measured: Measured) -> float | None:
    """Months of 730 h until the purse falls below 0; at the mean burn of the run where it has not by its end."""
    opening = measured.world.money.cash_micro
    end_s = measured.ledger.end_s
    if opening is None or end_s <= 0:
        return None
    times, purse = cash_path(measured)
    below = np.flatnonzero(purse < 0)
    if len(below):
        return float(times[below[0]]) / units.MONTH_S
    burnt = opening - int(purse[-1])
    return None if burnt <= 0 else opening / burnt * end_s / units.MONTH_S


def by_month(measured: Measured) -> dict[str, float]:
    """The purse at the start (`00`) and at the end of each month of 730 h; nothing where cash is not watched."""
    if measured.world.money.cash_micro is None:
        return {}
    times, purse = cash_path(measured)
    months = -(-max(measured.ledger.end_s, 1) // units.MONTH_S)
    ends = np.arange(months + 1) * units.MONTH_S
    last = np.searchsorted(times, ends, side="left") - 1  # what is due at the end of a month belongs to the next
    out = {"00": units.usd(int(measured.world.money.cash_micro))}
    return out | {f"{month:02d}": units.usd(int(purse[max(last[month], 0)])) for month in range(1, months + 1)}


METRICS = table(
    [
        Metric("cash_out_usd", "USD", "lower", "paid for compute, when it was paid", cash_out_usd),
        Metric("cash_trough_usd", "USD", "higher", "the least the purse ever held", cash_trough_usd),
        Metric("cash_below_zero", "share", "lower", "1 where the purse was ever below 0", cash_below_zero),
        Metric("runway_months", "months", "higher", "until the purse is empty, at the run's mean burn", runway_months),
    ]
)
BREAKDOWNS = [Breakdown("cash_usd/month", "USD", "higher", "the purse at the end of each month of 730 h", by_month)]
