"""What has been asked for so far, in instances of one offer, and what an instance-hour of it is worth on the market.

A job asks for its gang from its arrival for as long as its estimate takes there, whether or not it was started at once:
so the need is seen, and not the rule's own delays. A service asks for what serves its requests.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from marketsim.demand.job import Need
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


def asked(view: Past, setup: Setup, offer: OfferFacts, step_s: int) -> Floats:
    """Mean instances asked for in each whole step up to now, oldest first; shape (steps,). Only what may run there."""
    steps = view.now_s // step_s
    first_s = view.now_s - steps * step_s
    return sum(by_asker(view, setup, offer, first_s, step_s, steps).values(), np.zeros(steps))


def by_asker(
    view: Past, setup: Setup, offer: OfferFacts, first_s: int, step_s: int, steps: int
) -> dict[tuple[str, int], Floats]:
    """The same for each need and service that may run there: ("need", number) or ("service", number)."""
    out: dict[tuple[str, int], Floats] = {}
    rows = np.array(list(view.seen(0, view.now_s)), np.int64).reshape(-1, 4)
    edges = first_s + step_s * np.arange(steps + 1)
    for number, need in enumerate(setup.needs):
        hours = instance_hours(need, offer, setup.speed_ppm[number][offer.index])
        of_need = rows[rows[:, 1] == number]
        if np.isfinite(hours) and len(of_need):
            share = instances_held(need, offer)
            length_s = np.maximum(of_need[:, 2] / MILLI * hours / share, 1.0)
            out["need", number] = share * _mean_present(of_need[:, 0], of_need[:, 0] + length_s, edges)
    for number, service in enumerate(setup.services):
        rate = setup.replica_requests_per_s[number][offer.index]
        if rate:
            wanted = np.diff(service.requests_per_s.until_many(edges)) / step_s
            out["service", number] = wanted / rate * service.replica.milli / offer.shape.milli
    return out


def _mean_present(from_s: Ints, to_s: Floats, edges: Ints) -> Floats:
    """How many spans [from, to) cover each step in the mean, shape (len(edges) - 1,)."""

    def elapsed(since: Floats) -> Floats:
        """Sum over spans of the seconds between their `since` and each edge."""
        ordered = np.sort(since)
        before = np.concatenate(([0.0], np.cumsum(ordered)))
        count = np.searchsorted(ordered, edges)
        return np.asarray(count * edges - before[count], np.float64)

    present: Floats = np.diff(elapsed(from_s.astype(np.float64)) - elapsed(to_s)) / np.diff(edges)
    return present


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
    need = setup.needs[number]
    here_h, there_h = (instance_hours(need, one, setup.speed_ppm[number][one.index]) for one in (offer, other))
    return there_h / here_h
