"""Offered load by week: how many reference GPUs each workload keeps busy on average, before any policy is asked.

Jobs count in the week they are submitted, whatever their length; services by the replicas that their rate needs.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from marketsim.demand.job import JobTable, Service
from marketsim.errors import Fault, InputError
from marketsim.units import MILLI, WEEK_S

Floats = NDArray[np.float64]


def weeks(horizon_s: int) -> int:
    """Weeks that cover a horizon; the last may be cut short."""
    return max(1, -(-horizon_s // WEEK_S))


def jobs_by_week(jobs: JobTable, horizon_s: int) -> dict[str, Floats]:
    """Mean GPUs offered in each week by workload, (weeks,) each, in each workload's own reference GPU.

    GPU-seconds submitted in a week over its length; a shorter last week is divided by its own length.
    """
    count = weeks(horizon_s)
    spans = np.diff(np.minimum(np.arange(count + 1) * WEEK_S, horizon_s)).astype(np.float64)
    names = [need.workload for need in jobs.needs]
    week = np.minimum(jobs.arrival_s // WEEK_S, count - 1)
    found: dict[str, Floats] = {}
    for name in dict.fromkeys(names):
        mine = np.array([one == name for one in names])[jobs.need] if len(jobs) else np.zeros(0, np.bool_)
        found[name] = np.bincount(week[mine], jobs.work[mine] / MILLI, count) / spans
    return found


def service_by_week(service: Service, horizon_s: int, gpu: str | None = None) -> Floats:
    """Mean GPUs a service needs in each week at full replicas, (weeks,); on a GPU, its reference GPU where left out.

    Raises InputError for a GPU that cannot serve it.
    """
    name = gpu or service.replica.reference_gpu
    rate = service.replica_requests_per_s.get(name)
    if rate is None:
        known = ", ".join(service.replica_requests_per_s)
        raise InputError(Fault(f"no rate is known for {service.name} on this GPU", got=name, allowed=known))
    edges = np.minimum(np.arange(weeks(horizon_s) + 1) * WEEK_S, horizon_s)
    requests = np.diff(service.requests_per_s.until_many(edges)) / np.diff(edges)
    return np.asarray(requests / rate * service.replica.gang_milli / MILLI)


def stretches(horizon_s: int, most: int = 12) -> list[tuple[int, int]]:
    """A horizon as at most so many stretches of equally many whole weeks, (from, to) in weeks; the last may be shorter.

    >>> stretches(5 * WEEK_S, most=2)
    [(0, 3), (3, 5)]
    """
    count = weeks(horizon_s)
    each = -(-count // most)
    return [(first, min(first + each, count)) for first in range(0, count, each)]


def offered_by_week(jobs: JobTable, services: Sequence[Service], horizon_s: int) -> dict[str, Floats]:
    """Mean reference GPUs offered in each week by workload, jobs and services; a service its reference GPU cannot serve
    is counted on the slowest that can."""
    found = jobs_by_week(jobs, horizon_s)
    for service in services:
        found[service.name] = service_by_week(service, horizon_s, _counted(service))
    return found


def gpus_counted(jobs: JobTable, services: Sequence[Service]) -> dict[str, str]:
    """The GPU by name in which `offered_by_week` counts each workload."""
    return {need.workload: need.reference_gpu for need in jobs.needs} | {one.name: _counted(one) for one in services}


def _counted(service: Service) -> str:
    rates, own = service.replica_requests_per_s, service.replica.reference_gpu
    return own if own in rates else min(rates, key=rates.__getitem__)
