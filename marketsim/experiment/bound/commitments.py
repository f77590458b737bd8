"""What committing to one block of an offer costs at the least, by the time it is delivered."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from marketsim.experiment.bound.grid import Grid
from marketsim.path import Path
from marketsim.supply import quote
from marketsim.supply.offer import Charge, Commitment, Offer, Terminable
from marketsim.units import DAY_S, HOUR_S, MICRO, MONTH_S, WEEK_S
from marketsim.world import Order, World

Floats = NDArray[np.float64]

ORDERS = 64  # orders of one offer whose leads are looked at
MOST_PERIODS = 400  # spans of delivery that are told apart
MOST_CLOSES = 60


class Leads(NamedTuple):
    """Seconds from order to use of the first orders, whenever they are placed."""

    first_s: int  # when anything can be delivered at the earliest
    longest: int


@dataclass(frozen=True)
class Periods:
    """Slots taken together: what is delivered within one period is there from its start, and costs the least it may."""

    grid: Grid

    @property
    def slots(self) -> int:
        """Slots of a period."""
        return -(-self.grid.count // MOST_PERIODS)

    @property
    def count(self) -> int:
        """Periods."""
        return -(-self.grid.count // self.slots)

    def span(self, period: int) -> tuple[int, int]:
        """First and last second of a period."""
        length = self.slots * self.grid.slot_s
        return period * length, (period + 1) * length - 1

    def of_slots(self) -> NDArray[np.int64]:
        """The period of each slot, shape (grid.count,)."""
        return np.arange(self.grid.count) // self.slots


def leads(terms: Commitment, world: World) -> Leads:
    """The shortest way to a first delivery and the longest lead, over orders placed in any week."""
    placed = range(0, max(world.horizon_s, 1), WEEK_S)
    delivered = [(at_s, terms.delivered_s(at_s, order)) for at_s in placed for order in range(ORDERS)]
    return Leads(min(t for _, t in delivered), max(t - at_s for at_s, t in delivered))


def closes(world: World) -> list[int]:
    """Seconds at which a run may end, a day apart where the drain is no longer than that allows."""
    step = max(DAY_S, -(-world.drain_s // MOST_CLOSES))
    return [*range(world.horizon_s, world.end_s, step), world.end_s]


def periods_held(terms: Commitment, periods: Periods, period: int, term_s: int | None) -> int | None:
    """For how many periods what is delivered in one may be used, its end rounded outward; None for ever."""
    ends_s = terms.ends_s(periods.span(period)[1], term_s)
    return None if ends_s is None else -(-ends_s // (periods.slots * periods.grid.slot_s)) - period


class Leaving(NamedTuple):
    """What a contract that may be left costs at the least: a share of its whole term, and the rest as it is used."""

    fixed_share: float
    used_usd_per_hour: float


def leaving(offer: Offer, world: World, whole_usd: dict[int, float], term_s: int | None) -> Leaving | None:
    """The two parts for an offer, None where its contracts run to their end.

    Leaving costs a share of what is left, so whoever leaves (or is at the end of the run, where what is left is valued)
    pays at least the least such share of the whole and the rest for the hours held, which are no fewer than those used.
    whole_usd: of one block over all its term, by period of delivery.
    """
    terms = offer.commitment
    if not isinstance(terms, Terminable) or not terms.may_leave or not whole_usd:
        return None
    length_s = terms.ends_s(0, term_s) or 0
    if length_s <= 0:
        return None
    count = quote.MANY * terms.block_instances
    shares = []
    for part in range(4):
        shares.append(_left_share(terms, count, 0, part * length_s // 4, term_s, terms.at_leaving))
    for close_s in closes(world):
        shares.append(_left_share(terms, count, max(close_s - length_s // 2, 0), close_s, term_s, terms.at_close))
    usd_per_hour = min(whole_usd.values()) / (length_s / HOUR_S) / terms.block_instances
    shares.append(getattr(terms, "least_leaving_share", 1.0))
    fixed_share = min(max(min(shares), 0.0), 1.0)
    return Leaving(fixed_share, max(1 - fixed_share, 0.0) * max(usd_per_hour, 0.0))


def _left_share(
    terms: Commitment,
    count: int,
    delivered_s: int,
    t_s: int,
    term_s: int | None,
    asked: Callable[..., Iterable[Charge]],
) -> float:
    """What is charged for the rest of a term at an instant, as a share of that rest."""
    end_s = terms.ends_s(delivered_s, term_s) or t_s
    whole = quote.held_micro(terms, count, delivered_s, delivered_s, delivered_s, (end_s,), term_s)[0]
    steps = [*range(delivered_s, t_s, MONTH_S), t_s]
    used = sum(
        quote.effective(terms.over(count, delivered_s, delivered_s, a, b, term_s)) for a, b in pairwise(steps) if b > a
    )
    rest = whole - used
    if rest <= 0:
        return 1.0
    return quote.effective(asked(count, delivered_s, delivered_s, t_s, term_s)) / rest


def least_block_usd(
    offer: Offer,
    world: World,
    periods: Periods,
    lead: Leads,
    term_s: int | None,
    idle: float,
    whole_term: bool = False,
) -> dict[int, float]:
    """Effective USD of one block by period of delivery, for the periods in which there can be one.

    The least over delivery at the period's first or last second, signing at the cheapest quote a lead before or at
    delivery itself (a renewal), and the day the run closes; with `idle`, what an instance-hour of standing costs.
    whole_term: as if the run went on to the contract's end.
    """
    terms = offer.commitment
    assert terms is not None
    quotes = getattr(terms, "quotes", None)
    exit_s = getattr(terms, "exit_s", None)  # what a provider that is gone delivers cannot be used
    ends, until_s = closes(world), world.end_s if exit_s is None else min(exit_s, world.end_s)
    if whole_term:
        ends = [terms.ends_s(world.end_s, term_s) or world.end_s]
    costs = {}
    for period in range(periods.count):
        first, last = periods.span(period)
        if last < lead.first_s or first >= until_s:
            continue
        last = min(last, until_s - 1)
        signed = {first, last}
        if quotes is not None:
            signed |= {_cheapest_s(quotes, max(first - lead.longest, 0), at_s) for at_s in tuple(signed)}
        options = []
        for delivered_s in (max(first, lead.first_s), last):
            later = [close_s for close_s in ends if close_s >= delivered_s]
            for at_s in sorted(signed):
                if at_s <= delivered_s and later:
                    options.append(_least_usd(terms, at_s, delivered_s, later, term_s, idle))
        costs[period] = min(options) - _drift_usd(terms, quotes, periods)
    return costs


def _least_usd(
    terms: Commitment, at_s: int, delivered_s: int, closes_s: list[int], term_s: int | None, idle_usd: float
) -> float:
    count = quote.MANY * terms.block_instances
    signing = quote.effective(terms.at_signing(count, at_s, term_s))
    micros = quote.held_micro(terms, count, at_s, delivered_s, delivered_s, closes_s, term_s)
    ends_s = terms.ends_s(delivered_s, term_s)
    least = np.inf
    for close_s, micro in zip(closes_s, micros, strict=True):
        held_s = (close_s if ends_s is None else min(ends_s, close_s)) - delivered_s
        standing = idle_usd * held_s / HOUR_S * terms.block_instances
        least = min(least, (signing + micro) / MICRO / quote.MANY + standing)
    return float(least)


def _drift_usd(terms: Commitment, quotes: Path | None, periods: Periods) -> float:
    """How much less an indexed contract may cost when delivered inside a period instead of at one of its ends."""
    if quotes is None or not getattr(terms, "indexed", False):
        return 0.0
    return float(np.ptp(quotes.values)) * periods.slots * periods.grid.hours * terms.block_instances


def _cheapest_s(quotes: Path, from_s: int, to_s: int) -> int:
    """The first second in [from_s, to_s] at which the quote is at its least."""
    inside = quotes.times_s[(quotes.times_s > from_s) & (quotes.times_s <= to_s)]
    times = np.concatenate(([from_s], inside))
    return int(times[np.argmin(quotes.at_many(times))])


def given_usd(offer: Offer, order: Order, world: World, idle: float) -> float:
    """Effective USD, from second 0 on, of what was committed before: the least over the days the run may close."""
    terms = offer.commitment
    assert terms is not None
    ends = closes(world)
    micros = quote.held_micro(terms, order.instances, -order.age_s, -order.age_s, 0, ends, order.term_s)
    if isinstance(terms, Terminable) and terms.may_leave:  # one may leave at once
        left = terms.at_leaving(order.instances, -order.age_s, -order.age_s, 0, order.term_s)
        micros = [min(micro, quote.effective(left)) for micro in micros]
    ends_s = terms.ends_s(-order.age_s, order.term_s)
    hours = [(close_s if ends_s is None else min(ends_s, close_s)) / HOUR_S for close_s in ends]
    return min(
        micro / MICRO + idle * max(held, 0.0) * order.instances for micro, held in zip(micros, hours, strict=True)
    )


def given_instances(world: World, offer: Offer, grid: Grid) -> Floats:
    """Instances committed before second 0 in each slot, their ends rounded outward; shape (grid.count,)."""
    there = np.zeros(grid.count)
    for order in world.orders:
        if order.offer == offer.id:
            ends_s = offer.commitment.ends_s(-order.age_s, order.term_s) if offer.commitment is not None else None
            there += order.instances * (grid.starts_s < (np.inf if ends_s is None else ends_s))
    return there
