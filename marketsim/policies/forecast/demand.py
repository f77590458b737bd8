"""What has been asked for so far, in instances of one offer, and what an instance-hour of it is worth on the market.

A job asks for its gang from its arrival for as long as its estimate takes there, whether or not it was started at once:
so the need is seen, and not the rule's own delays. A service asks for what serves its requests.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from marketsim.demand.job import Need, Service
from marketsim.policies.policy import OfferFacts, Setup, View
from marketsim.units import MILLI, PPM

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Past(Protocol):
    """As much of a `View` as is asked here."""

    @property
    def now_s(self) -> int:
        """The present second."""
        ...

    def seen(self, since_s: int, until_s: int) -> Iterable[tuple[int, int, int, int]]:
        """Jobs that arrived in a past span: (arrival_s, need, estimate, deadline_s)."""
        ...


class History:
    """Demand as it has been seen, extended at each look by the steps and the jobs that are new since the last one."""

    def __init__(self) -> None:
        self._offers: dict[int, tuple[tuple[int, int], list[object], dict[tuple[str, int], _Part]]] = {}

    def by_asker(
        self, view: Past, setup: Setup, offer: OfferFacts, first_s: int, step_s: int, steps: int
    ) -> dict[tuple[str, int], Floats]:
        """Mean instances asked for in each step from `first_s` on, by need and service that may run at an offer.

        Keys are ("need", number) and ("service", number), values have the shape (steps,) and are read only. The steps
        are over: they end at the view's present or before.
        """
        basis = [*setup.needs, *setup.services, *(row[offer.index] for row in setup.speed_ppm)]
        basis += [row[offer.index] for row in setup.replica_requests_per_s]
        grid, known, parts = self._offers.get(offer.index, ((-1, -1), [], {}))
        if grid != (first_s, step_s) or any(one is not other for one, other in zip(known, basis, strict=True)):
            parts = _parts(setup, offer, first_s, step_s)  # the first look, or a lever has changed what a need is
            self._offers[offer.index] = (first_s, step_s), basis, parts
        jobs = [part for part in parts.values() if isinstance(part, _Jobs)]
        if jobs:
            since_s = jobs[0].seen_s
            rows = np.array(list(view.seen(since_s, view.now_s)), np.int64).reshape(-1, 4)
            for part in jobs:
                part.add(rows[rows[:, 1] == part.number], view.now_s)
        return {key: part.until(steps) for key, part in parts.items() if part.asked}


def by_asker(
    view: Past, setup: Setup, offer: OfferFacts, first_s: int, step_s: int, steps: int
) -> dict[tuple[str, int], Floats]:
    """The same, looked at once: see `History.by_asker`."""
    return History().by_asker(view, setup, offer, first_s, step_s, steps)


class _Part:
    """One asker's mean instances in each step so far."""

    asked = True

    def __init__(self, first_s: int, step_s: int) -> None:
        self.first_s, self.step_s = first_s, step_s
        self.known = 0
        self.instances: Floats = np.zeros(256)

    def until(self, steps: int) -> Floats:
        """The first so many steps; those not known yet are worked out."""
        if steps > self.known:
            self.instances = _widened(self.instances, steps)
            self.instances[self.known : steps] = self.between(self.known, steps)
            self.known = steps
        return self.instances[:steps]

    def edges(self, first: int, last: int) -> Ints:
        """Seconds at which the steps from one number up to another begin, and the end of the last."""
        return self.first_s + self.step_s * np.arange(first, last + 1)

    def between(self, first: int, last: int) -> Floats:
        """Means of the steps from one number up to another."""
        raise NotImplementedError


class _Jobs(_Part):
    """Jobs of one need: each covers a span, and the mean of a step is the difference of a sum of ramps at its edges.

    A ramp begins with each span and one is taken off with its end. Up to an edge e their sum is e x count - seconds,
    where count and seconds (at which they began) are sums over the ramps that began before e.
    """

    def __init__(self, number: int, need: Need, offer: OfferFacts, hours: float, first_s: int, step_s: int) -> None:
        super().__init__(first_s, step_s)
        self.number = number
        self.seen_s = 0
        self.asked = False
        self._share = instances_held(need, offer)
        self._seconds_per_work = hours / self._share / MILLI
        self._count, self._seconds = np.zeros(256), np.zeros(256)  # of ramps by the first edge after their begin
        self._before = (0.0, 0.0)  # sums of both over the edges up to and with that at which `known` ends

    def add(self, rows: Ints, now_s: int) -> None:
        """Jobs that came between the last look and now, shape (jobs, 4): see `View.seen`."""
        self.seen_s = now_s
        if len(rows):
            self.asked = True
            from_s = rows[:, 0].astype(np.float64)
            self._ramps(from_s, 1)
            self._ramps(from_s + np.maximum(rows[:, 2] * self._seconds_per_work, 1.0), -1)

    def _ramps(self, from_s: Floats, sign: int) -> None:
        edge = np.maximum((from_s - self.first_s) // self.step_s + 1, 0).astype(np.int64)
        self._widen(int(edge.max()) + 1)
        np.add.at(self._count, edge, sign)
        np.add.at(self._seconds, edge, sign * from_s)

    def _widen(self, edges: int) -> None:
        self._count, self._seconds = _widened(self._count, edges), _widened(self._seconds, edges)

    def between(self, first: int, last: int) -> Floats:
        """Means of the steps from one number up to another."""
        self._widen(last + 1)
        if not first:
            self._before = float(self._count[0]), float(self._seconds[0])
        count, seconds = (
            np.cumsum(np.concatenate(([before], column[first + 1 : last + 1])))
            for before, column in zip(self._before, (self._count, self._seconds), strict=True)
        )
        self._before = float(count[-1]), float(seconds[-1])
        covered = self.edges(first, last) * count - seconds
        return np.asarray(self._share * np.diff(covered) / self.step_s, np.float64)


class _Traffic(_Part):
    """What serves the requests of one service."""

    def __init__(self, service: Service, rate: float, offer: OfferFacts, first_s: int, step_s: int) -> None:
        super().__init__(first_s, step_s)
        self._need = service.requests_per_s
        self._instances_per_rate = service.replica.milli / offer.shape.milli / rate

    def between(self, first: int, last: int) -> Floats:
        """Means of the steps from one number up to another."""
        return np.diff(self._need.until_many(self.edges(first, last))) / self.step_s * self._instances_per_rate


def _widened(column: Floats, size: int) -> Floats:
    """The column with zeros behind it, where it is shorter than so much; at least twice as long then."""
    short = size - len(column)
    return column if short <= 0 else np.concatenate((column, np.zeros(max(short, len(column)))))


def _parts(setup: Setup, offer: OfferFacts, first_s: int, step_s: int) -> dict[tuple[str, int], _Part]:
    """The needs and services that may run at an offer, none of which has been looked at."""
    parts: dict[tuple[str, int], _Part] = {}
    for number in range(len(setup.needs)):
        size = setup.fastest(number, offer.index)  # of an elastic job, what the offer would run if it were empty
        need = setup.needs[size]
        hours = instance_hours(need, offer, setup.speed_ppm[size][offer.index])
        if np.isfinite(hours):
            parts["need", number] = _Jobs(number, need, offer, hours, first_s, step_s)
    for number, service in enumerate(setup.services):
        rate = setup.replica_requests_per_s[number][offer.index]
        if rate:
            parts["service", number] = _Traffic(service, rate, offer, first_s, step_s)
    return parts


def instances_held(need: Need, offer: OfferFacts) -> float:
    """Instances that one job of a need holds; a part of one where it shares it."""
    return float(need.instances) if need.instances > 1 else need.milli / offer.shape.milli


def instance_hours(need: Need, offer: OfferFacts, speed_ppm: int) -> float:
    """Instance-hours for a GPU-hour of a need's work; infinity where it cannot run there."""
    if not speed_ppm:
        return float("inf")
    return instances_held(need, offer) / (need.gang_milli / MILLI * speed_ppm / PPM)


def market_usd(view: View, setup: Setup, offer: OfferFacts, weights: dict[tuple[str, int], float]) -> float:
    """USD that the cheapest on-demand takes today for what an instance-hour of an offer does; 0 where nothing is asked.

    weights: instance-hours asked for by need and service (`by_asker`). What no on-demand offer can do counts as
    infinitely dear; the mean is over what is asked for.
    """
    total = sum(weights.values())
    if total <= 0:
        return 0.0
    metered = [one for one in setup.offers if one.metered and one.kind == "on_demand" and one.index != offer.index]
    prices = {one.index: view.price(one.id) for one in metered}
    worth = 0.0
    for (asker, number), weight in weights.items():
        if weight > 0:
            worth += weight * min(
                (_equal_hours(setup, offer, one, asker, number) * prices[one.index] for one in metered), default=np.inf
            )
    return worth / total


def _equal_hours(setup: Setup, offer: OfferFacts, other: OfferFacts, asker: str, number: int) -> float:
    """Instance-hours at another offer that do what one does here."""
    if asker == "service":
        here, there = (setup.replica_requests_per_s[number][one.index] * one.shape.milli for one in (offer, other))
        return here / there if there else float("inf")
    sizes = [(setup.fastest(number, one.index), one) for one in (offer, other)]
    here_h, there_h = (instance_hours(setup.needs[size], one, setup.speed_ppm[size][one.index]) for size, one in sizes)
    return there_h / here_h
