"""Sums of a founder's spreadsheet: what money is worth over time, and what a used GPU-hour of one's own costs.

Pure functions of floats. A period's flow comes at its end, the first flow of a series at once; a rate is per period.
What the ledger posts is in whole micro-dollars and built from these and from `depreciation`.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from marketsim import units
from marketsim.path import Path

HOURS_PER_YEAR = 8_760.0


def capital_recovery_factor(rate: float, periods: float) -> float:
    """The level payment a period that repays 1 with interest: CRF = r / (1 - (1 + r)^-n), and 1/n at r = 0.

    Raises ValueError for no period or a rate of -100 % or less.

    >>> round(capital_recovery_factor(0.01, 60), 12), capital_recovery_factor(0.0, 4)
    (0.022244447685, 0.25)
    """
    if periods <= 0:
        raise ValueError("there is nothing to spread over: periods must be above 0")
    if rate <= -1:
        raise ValueError("a rate of -100 % or less takes away more than there is")
    if rate == 0:
        return 1 / periods
    return rate / -math.expm1(-periods * math.log1p(rate))  # expm1: exact also where the rate is tiny


def annuity_present_value(payment: float, rate: float, periods: float) -> float:
    """What a level payment a period is worth now: payment x (1 - (1 + r)^-n) / r.

    >>> round(annuity_present_value(1.0, 0.01, 60), 9)
    44.955038406
    """
    return payment / capital_recovery_factor(rate, periods)


def loan_payment(principal: float, rate: float, periods: float) -> float:
    """The level payment that repays a loan; the last leaves nothing owed.

    >>> round(loan_payment(1_000_000, 0.01, 60), 2)
    22244.45
    """
    return principal * capital_recovery_factor(rate, periods)


def net_present_value(rate: float, flows: Sequence[float]) -> float:
    """sum over t of flows[t] / (1 + r)^t, the first flow at once; ValueError at a rate of -100 % or less.

    >>> round(net_present_value(0.1, [-1000, 200, 300, 400, 500, 100]), 6)
    133.876846
    """
    if rate <= -1:
        raise ValueError("a rate of -100 % or less divides by nothing")
    return math.fsum(flow / (1 + rate) ** period for period, flow in enumerate(flows))


def internal_rate_of_return(flows: Sequence[float], low: float = -0.99, high: float = 10.0) -> float | None:
    """The rate at which the flows are worth nothing, None where their worth does not change sign between the bounds.

    Flows that change sign more than once may have several such rates; then none is a return, and ValueError says so.

    >>> round(internal_rate_of_return([-1000, 200, 300, 400, 500, 100]), 9)
    0.149736832
    >>> internal_rate_of_return([100, 100]) is None
    True
    """
    from scipy.optimize import brentq

    signs = [flow > 0 for flow in flows if flow]
    turns = sum(before != after for before, after in itertools.pairwise(signs))
    if turns > 1:
        raise ValueError("flows that change sign more than once have no single rate of return")
    if net_present_value(low, flows) * net_present_value(high, flows) > 0:
        return None
    return float(brentq(lambda rate: net_present_value(rate, flows), low, high, xtol=1e-15, rtol=1e-14))


def payback_periods(flows: Sequence[float]) -> float | None:
    """After how many periods the running sum stays at or above 0, within a period by its share; None if it never does.

    >>> payback_periods([-1000, 200, 300, 400, 500, 100]), payback_periods([-1, 0.5])
    (3.2, None)
    """
    sums = [math.fsum(flows[: end + 1]) for end in range(len(flows))]
    if not sums or sums[-1] < 0:
        return None
    for period in range(len(sums) - 1, 0, -1):
        if sums[period - 1] < 0:
            return period - 1 + -sums[period - 1] / flows[period]
    return 0.0


def annual_capital_usd(cost_usd: float, rate: float, years: float, resale_share: float) -> float:
    """The level cost a year of owning: cost x (CRF - resale x r / ((1 + r)^n - 1)); at r = 0 straight line.

    >>> annual_capital_usd(100.0, 0.0, 5, 0.5)
    10.0
    """
    recovery = capital_recovery_factor(rate, years)
    return cost_usd * (recovery - resale_share * (recovery - rate))  # the sinking fund's factor is CRF - r


@dataclass(frozen=True)
class OwnGpu:
    """One GPU of an owned cluster and all it takes with it, per GPU and year.

    usd: purchase with its share of the network; power shares: of kw, busy and idle; maintenance: of usd a year.
    available: share of the year it is up.
    """

    usd: float
    years: float
    resale_share: float
    cost_of_capital: float
    kw: float
    busy_power_share: float = 0.75
    idle_power_share: float = 0.30
    pue: float = 1.25
    usd_per_kwh: float = 0.0826
    usd_per_kw_month: float = 184.0
    maintenance_share: float = 0.04
    operations_usd: float = 600.0
    available: float = 0.97

    def annual_usd(self, use: float) -> float:
        """USD a year at a used share of the time that it is up: capital, space, energy, maintenance, operations."""
        power = self.busy_power_share * use + self.idle_power_share * (1 - use)
        return (
            annual_capital_usd(self.usd, self.cost_of_capital, self.years, self.resale_share)
            + 12 * self.usd_per_kw_month * self.kw
            + HOURS_PER_YEAR * self.kw * power * self.pue * self.usd_per_kwh
            + self.maintenance_share * self.usd
            + self.operations_usd
        )

    def usd_per_used_hour(self, use: float) -> float:
        """Levelised cost of a used GPU-hour, annual_usd / (8760 x available x use); infinite where nothing is used.

        The reference row: an 8xH100 server of $282,000, network 19 %, 5 y to 15 %, 10 % capital, at 70 % use.

        >>> own = OwnGpu(all_in_usd(282_000, 0.19) / 8, 5, 0.15, 0.10, 1.275)
        >>> round(own.usd_per_used_hour(0.7), 2)
        2.74
        """
        used_h = HOURS_PER_YEAR * self.available * use
        return self.annual_usd(use) / used_h if used_h else math.inf

    def break_even_use(self, usd_per_gpu_hour: float) -> float | None:
        """The used share from which owning is cheaper than a metered price, None where it is not even at full use.

        annual_usd is linear in use, fixed + slope x use, so use* = fixed / (8760 x available x price - slope).
        """
        fixed = self.annual_usd(0.0)
        margin = HOURS_PER_YEAR * self.available * usd_per_gpu_hour - (self.annual_usd(1.0) - fixed)
        return fixed / margin if margin > 0 and fixed <= margin else None


def all_in_usd(server_usd: float, network_share: float) -> float:
    """Servers with their network, which is a share of the whole: P / (1 - f); ValueError where it is all of it.

    >>> round(all_in_usd(81.0, 0.19), 9)
    100.0
    """
    if not 0 <= network_share < 1:
        raise ValueError("the network is a share from 0 up to, not including, 1 of the cluster")
    return server_usd / (1 - network_share)


def break_even_utilization(fixed_usd_per_year: float, variable_usd_per_hour: float, price_usd: float) -> float | None:
    """The used share of the year at which fixed cost plus running cost equals a metered price; may exceed 1.

    u* = fixed / (8760 x (price - variable)); None where the price is not above the running cost: it never pays.

    >>> break_even_utilization(8760.0, 1.0, 3.0), break_even_utilization(8760.0, 3.0, 3.0)
    (0.5, None)
    """
    margin = price_usd - variable_usd_per_hour
    return fixed_usd_per_year / (HOURS_PER_YEAR * margin) if margin > 0 else None


class Comparison(NamedTuple):
    """One plan against another, month by month: worth now, month in which it has paid back, return a year."""

    net_present_value: float
    payback_months: float | None
    return_per_year: float | None


def against(plan_out: Sequence[float], other_out: Sequence[float], rate_per_year: float) -> Comparison:
    """What a plan's monthly payments save against another's, such as building against renting; the first month at once.

    rate_per_year: effective, (1 + r)^(1/12) - 1 a month. The return is None where there is none, or more than one.

    >>> against([1000, 0, 0], [0, 750, 750], 0.0)[:2]
    (500.0, 1.3333333333333333)
    """
    months = max(len(plan_out), len(other_out))
    plan, other = ([*flows, *[0.0] * (months - len(flows))] for flows in (plan_out, other_out))
    saved = [b - a for a, b in zip(plan, other, strict=True)]
    monthly = annual_equivalent(rate_per_year, 1 / 12)
    try:
        found = internal_rate_of_return(saved)
    except ValueError:
        found = None
    yearly = None if found is None else (1 + found) ** 12 - 1
    return Comparison(net_present_value(monthly, saved), payback_periods(saved), yearly)


def tiered_usd(amount: float, tiers: Sequence[tuple[float, float]]) -> float:
    """What an amount costs where each tier up to a bound has its own price; the last bound may be infinite.

    Raises ValueError where the bounds do not rise or do not reach the amount.

    >>> tiered_usd(150.0, [(100.0, 0.0), (10_000.0, 0.09), (math.inf, 0.05)])
    4.5
    """
    total, below = 0.0, 0.0
    for bound, price in tiers:
        if bound <= below:
            raise ValueError("the bounds of tiers rise")
        total += max(min(amount, bound) - below, 0.0) * price
        below = bound
    if amount > below:
        raise ValueError(f"the tiers end at {below:g}, asked for {amount:g}")
    return total


def taxes_with_losses_carried(profits: Sequence[float], tax_rate: float) -> list[float]:
    """Tax of each year's profit where earlier losses are set off first; a loss pays no tax and is carried forward.

    >>> taxes_with_losses_carried([-100.0, 60.0, 60.0], 0.5)
    [0.0, 0.0, 10.0]
    """
    carried, taxes = 0.0, []
    for profit in profits:
        base = profit - carried
        carried = max(-base, 0.0)
        taxes.append(max(base, 0.0) * tax_rate)
    return taxes


def transfer_s(gigabytes: float, mbit_s: float, latency_s: float = 0.0, sharers: int = 1) -> float:
    """Seconds to move data over a link shared fairly: latency + 8,000 x GB x sharers / (Mbit/s).

    >>> round(transfer_s(0.0625, 50.0, 0.05), 9), round(transfer_s(0.0625, 50.0, 0.05, 4), 9)
    (10.05, 40.05)
    """
    if mbit_s <= 0:
        raise ValueError("a link needs a rate above 0 Mbit/s")
    return latency_s + 8_000 * gigabytes * sharers / mbit_s


def tied_up_share(rate_per_year: float | Path, from_s: int, to_s: int) -> float:
    """What tying up 1 from one second to another costs; the yearly rate may change over time, as a company grows.

    exp(integral of log(1 + r) over the years) - 1; before second 0 the first rate holds.

    >>> rates = Path.steps([(0, 0.21), (units.YEAR_S, 0.0)])
    >>> round(tied_up_share(rates, units.YEAR_S // 2, 2 * units.YEAR_S), 12), tied_up_share(0.5, 0, units.YEAR_S)
    (0.1, 0.5)
    """
    if not isinstance(rate_per_year, Path):
        return annual_equivalent(rate_per_year, (to_s - from_s) / units.YEAR_S)
    logs = rate_per_year.map(np.log1p)
    before_s = min(max(-from_s, 0), to_s - from_s)
    log_s = logs.integral(max(from_s, 0), max(to_s, 0)) + before_s * logs.at(0)
    return math.expm1(log_s / units.YEAR_S)


def annual_equivalent(rate_per_year: float, span_years: float) -> float:
    """Interest on 1 over part of a year at an effective yearly rate: (1 + r)^span - 1.

    >>> round(annual_equivalent(0.21, 0.5), 12)
    0.1
    """
    return math.expm1(span_years * math.log1p(rate_per_year))
