"""What an hour of an instance does for each job and service at each offer; levers at their best and for nothing.

An elastic job does its work at the size that is the cheapest, and as fast as at the one that is the fastest.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marketsim.demand.job import Need, Service
from marketsim.engine import setup
from marketsim.units import MILLI, PPM
from marketsim.world import World

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Rates:
    """By need and offer, and by service and offer; 0 or infinity where it cannot run there.

    hours (needs, offers): instance-hours for a GPU-hour of work on the reference GPU. fastest (needs,): GPU-hours of
    work an hour at most. requests (services, offers): requests a second of a whole instance.
    """

    hours: Floats
    fastest: Floats
    requests: Floats


def rates_of(world: World) -> Rates:
    """The rates of a world."""
    hours = np.full((len(world.jobs.needs), len(world.offers)), np.inf)
    fastest = np.zeros(len(world.jobs.needs))
    for row, need in enumerate(world.jobs.needs):
        for changed, less in _needs(world, need):
            for size, (column, offer) in product(changed.sizes(), enumerate(world.offers)):
                speed = setup.speed(size, offer) / PPM / less
                if speed:
                    share = size.instances if size.instances > 1 else size.milli / offer.shape.milli
                    gpus = size.gang_milli / MILLI
                    hours[row, column] = min(hours[row, column], share / (gpus * speed))
                    fastest[row] = max(fastest[row], gpus * speed)
    requests = np.zeros((len(world.services), len(world.offers)))
    for row, service in enumerate(world.services):
        for levered in _services(world, service):
            for column, offer in enumerate(world.offers):
                rate = setup.replica_rate(levered, offer)
                if rate:
                    rate *= offer.shape.milli / levered.replica.milli
                    requests[row, column] = max(requests[row, column], rate)
    return Rates(hours, fastest, requests)


def _subsets(world: World, target: str) -> Iterator[tuple[Any, ...]]:
    """All sets of the levers on a target, each in the order of the world."""
    levers: list[Any] = [lever for lever in world.levers.values() if getattr(lever, "target", None) == target]
    for size in range(len(levers) + 1):
        yield from combinations(levers, size)


def _needs(world: World, need: Need) -> Iterator[tuple[Need, float]]:
    """The need under every set of levers, with the least share of a job's work that is left.

    A lever that sets the work of a job outright leaves the least share of the largest job; half a unit is rounding.
    """
    row = world.jobs.needs.index(need)
    most = int(world.jobs.work[world.jobs.need == row].max(initial=1))
    for chosen in _subsets(world, need.workload):
        changed, less = need, 1.0
        for lever in chosen:
            less *= max(lever.changed_work(changed, most) - 0.5, 0.5) / most
            changed = lever.changed(changed)
        yield changed, less


def _services(world: World, service: Service) -> Iterator[Service]:
    """The service under every set of levers."""
    for chosen in _subsets(world, service.name):
        changed = service
        for lever in chosen:
            changed = lever.changed(changed)
        yield changed
