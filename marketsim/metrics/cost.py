"""What the work cost in effective dollars, and the value lost by late jobs and lost requests."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from marketsim import units
from marketsim.ledger import ACCOUNTS
from marketsim.metrics import books
from marketsim.metrics.measured import Measured
from marketsim.metrics.metric import Breakdown, Metric, share, table

Ints = NDArray[np.int64]
LARGEST = 2**62


def total_cost_usd(measured: Measured) -> float:
    """All effective cost, credits used taken off."""
    return units.usd(int(books.effective_cost(measured).sum()))


def late_micro(measured: Measured) -> Ints:
    """Micro-dollars lost by each job being late; shape (jobs,).

    Each started day past the deadline costs the need's daily value up to its cap. A job that never finished costs the
    cap, or, without one, the days up to the latest end of the run: never less than if it had come in at the end.
    """
    jobs = measured.world.jobs
    if not len(jobs):
        return np.zeros(0, np.int64)
    a_day = np.array([units.micro(float(need.usd_per_late_day)) for need in jobs.needs], np.int64)
    caps = [LARGEST if np.isinf(need.usd_at_most) else units.micro(float(need.usd_at_most)) for need in jobs.needs]
    cap = np.array(caps, np.int64)[jobs.need]
    days = -(-measured.tardiness_s // units.DAY_S)
    due = np.minimum(days * a_day[jobs.need], cap)
    never = measured.missed & (measured.finish_s > max(measured.ledger.end_s, measured.world.end_s))
    return np.where(never & (cap < LARGEST) & (a_day[jobs.need] > 0), cap, due)


def lost_micro(measured: Measured) -> Ints:
    """Micro-dollars lost by each service's requests not served; shape (services,)."""
    served = measured.rows("served")
    lost = books.sums(served.service, served.wanted_milli - served.served_milli, len(measured.world.services))
    values = [service.usd_per_lost_request for service in measured.world.services]
    return np.array([round(int(n) * value * 1000) for n, value in zip(lost, values, strict=True)], np.int64)


def late_usd(measured: Measured) -> float:
    """Value lost by late jobs."""
    return units.usd(int(late_micro(measured).sum()))


def lost_requests_usd(measured: Measured) -> float:
    """Value lost by requests not served."""
    return units.usd(int(lost_micro(measured).sum()))


def total_with_penalties_usd(measured: Measured) -> float:
    """Effective cost and the value lost."""
    whole = int(books.effective_cost(measured).sum()) + int(late_micro(measured).sum())
    return units.usd(whole + int(lost_micro(measured).sum()))


def revenue_usd(measured: Measured) -> float:
    """Earned with requests served, at the scenario's value of one."""
    served = measured.rows("served")
    done = books.sums(served.service, served.served_milli, len(measured.world.services))
    values = [service.usd_revenue_per_request for service in measured.world.services]
    return sum(int(n) / 1000 * value for n, value in zip(done, values, strict=True))


def usd_per_useful_gpu_hour(measured: Measured) -> float | None:
    """Effective cost an hour of kept progress on the reference GPU; undefined where nothing was kept."""
    hours = float(measured.attempts.kept.sum()) / units.MILLI / units.HOUR_S
    return None if measured.world.services else share(total_cost_usd(measured), hours)


def by_account(measured: Measured) -> dict[str, float]:
    """Effective cost of each account that costs; `credits` is what they took off, negative."""
    posted = measured.rows("posted")
    n = len(ACCOUNTS)
    net = books.sums(posted.debit, posted.effective, n) - books.sums(posted.credit, posted.effective, n)
    touched = np.union1d(posted.debit, posted.credit)
    return {
        ACCOUNTS[index].split(":", 1)[1]: units.usd(int(net[index])) for index in touched if books.COSTS[int(index)]
    }


def by_offer(measured: Measured) -> dict[str, float]:
    """Effective cost of each offer; `none` is what belongs to none."""
    offers = measured.world.offers
    cost = books.sums(measured.rows("posted").offer, books.effective_cost(measured), len(offers) + 1)  # -1 is the last
    out = {offer.id: units.usd(int(cost[index])) for index, offer in enumerate(offers)}
    if cost[-1]:
        out["none"] = units.usd(int(cost[-1]))
    return out


def by_offer_kind(measured: Measured) -> dict[str, float]:
    """Effective cost of each kind of offer, in the order in which kinds first appear."""
    offers = measured.world.offers
    cost = books.sums(measured.rows("posted").offer, books.effective_cost(measured), len(offers) + 1)
    out: dict[str, int] = {}
    for index, offer in enumerate(offers):
        out[offer.kind] = out.get(offer.kind, 0) + int(cost[index])
    if cost[-1]:
        out["none"] = int(cost[-1])
    return {kind: units.usd(micro) for kind, micro in out.items()}


def by_month(measured: Measured) -> dict[str, float]:
    """Effective cost of each month of 730 h since the start; `00` is the first."""
    months = measured.rows("posted").t_s // units.MONTH_S
    last = int(max(months.max(initial=0), max(measured.ledger.end_s - 1, 0) // units.MONTH_S))
    cost = books.sums(months, books.effective_cost(measured), last + 1)
    return {f"{month:02d}": units.usd(int(micro)) for month, micro in enumerate(cost)}


def mean_price(measured: Measured) -> dict[str, float]:
    """Mean price of each metered offer over the horizon, whoever used it."""
    world = measured.world
    return {one.id: one.price.mean(0, world.horizon_s) for one in world.offers if one.price is not None}


def open_share(measured: Measured) -> dict[str, float]:
    """Share of the horizon in which each metered offer had an instance to launch, whoever used it."""
    world = measured.world
    metered = (one for one in world.offers if one.price is not None)
    some = {one.id: one.launchable.map(lambda many: (many > 0).astype(np.float64)) for one in metered}
    return {name: path.mean(0, world.horizon_s) for name, path in some.items()}


METRICS = table(
    [
        Metric("total_cost_usd", "USD", "lower", "effective cost of the work, credits used taken off", total_cost_usd),
        Metric(
            "total_with_penalties_usd",
            "USD",
            "lower",
            "total_cost_usd and the value lost by late jobs and lost requests",
            total_with_penalties_usd,
        ),
        Metric("late_usd", "USD", "lower", "value lost by late jobs: a started day late, up to the cap", late_usd),
        Metric("lost_requests_usd", "USD", "lower", "value lost by requests not served", lost_requests_usd),
        Metric("revenue_usd", "USD", "higher", "value earned with requests served; no part of any cost", revenue_usd),
        Metric(
            "usd_per_useful_gpu_hour",
            "USD/GPU-h",
            "lower",
            "effective cost an hour of kept progress on the reference GPU; undefined where services share the cost",
            usd_per_useful_gpu_hour,
        ),
    ]
)
BREAKDOWNS = [
    Breakdown("cost_usd/account", "USD", "lower", "effective cost by account", by_account),
    Breakdown("cost_usd/offer", "USD", "lower", "effective cost by offer", by_offer),
    Breakdown("cost_usd/kind", "USD", "lower", "effective cost by kind of offer", by_offer_kind),
    Breakdown("price_mean/offer", "USD/h", None, "mean price of an instance-hour, whoever used it", mean_price),
    Breakdown("open_share/offer", "share", None, "share of the horizon with an instance to launch", open_share),
    Breakdown("cost_usd/month", "USD", None, "effective cost by month of 730 h", by_month),
]
