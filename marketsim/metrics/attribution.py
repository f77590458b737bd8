"""Whose cost it was: leases and commitments split over the jobs and services that held them, to the micro-dollar.

A metered lease is shared by its holders in proportion to milli-GPU-seconds held, its idle time included: without them
it would not have been. A commitment or an offer's standing cost is shared in proportion to what was held of what was
there; what nobody held is overhead, a line of its own. Nothing is lost: the parts add up to the cost.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from marketsim import units
from marketsim.ledger import REFERENCE
from marketsim.metrics import books, utilization
from marketsim.metrics.measured import Floats, Measured, index_in
from marketsim.metrics.metric import Breakdown

Ints = NDArray[np.int64]


class Attribution(NamedTuple):
    """Effective cost in micro-dollars: jobs (jobs,), services (services,), and the overhead that is nobody's."""

    jobs: Ints
    services: Ints
    overhead: int


def attribute(measured: Measured) -> Attribution:
    """Split the effective cost of a run; the parts add up to it exactly."""
    if "_attribution" not in measured.__dict__:
        measured.__dict__["_attribution"] = _attribute(measured)
    found: Attribution = measured.__dict__["_attribution"]
    return found


def _attribute(measured: Measured) -> Attribution:
    posted, cost, holdings = measured.rows("posted"), books.effective_cost(measured), measured.holdings
    jobs = books.sums(np.maximum(posted.job, 0), np.where(posted.job >= 0, cost, 0), max(len(measured.world.jobs), 1))
    for_service = (posted.job < 0) & (posted.service >= 0)
    services = books.sums(
        np.maximum(posted.service, 0), np.where(for_service, cost, 0), max(len(measured.world.services), 1)
    )
    overhead = int(cost[(posted.job < 0) & (posted.service < 0)].sum())
    for pot_of_row, pot_of_holding, capacity in _pots(measured):
        mine = pot_of_row >= 0
        pots = books.sums(pot_of_row[mine], cost[mine], len(capacity))
        held = holdings.milli * (holdings.to_s - holdings.from_s)
        parts = split(pots, pot_of_holding, held, capacity)
        by_job, by_service = holdings.job >= 0, holdings.service >= 0
        overhead -= int(parts[by_job | by_service].sum())  # what a lever's own job held is nobody's
        np.add.at(jobs, holdings.job[by_job], parts[by_job])
        np.add.at(services, holdings.service[by_service], parts[by_service])
    return Attribution(jobs[: len(measured.world.jobs)], services[: len(measured.world.services)], overhead)


def _pots(measured: Measured) -> list[tuple[Ints, Ints, Floats]]:
    """What is shared: for leases, commitments and offers the pot of each posting (-1: not here), the pot of each
    holding (-1: none), and the milli-GPU-seconds of each pot; 0 means whatever was held of it.
    """
    posted, leases, holdings = measured.rows("posted"), measured.leases, measured.holdings
    shared = (posted.job < 0) & (posted.service < 0)

    def rows_of(name: str) -> NDArray[np.bool_]:
        return shared & (posted.reference == REFERENCE[name])

    lease_row = np.full(len(posted.t_s), -1, np.int64)
    of_lease = rows_of("lease")
    lease_row[of_lease] = index_in(leases.instance, posted.number[of_lease])
    commitment = np.where(rows_of("commitment"), posted.number, -1)
    signed = measured.rows("signed")
    count = int(max(commitment.max(initial=-1), leases.commitment.max(initial=-1), signed.commitment.max(initial=-1)))
    each = signed.instances * measured.committed_s * measured.offer_milli[signed.offer]
    there = np.bincount(signed.commitment, each, minlength=count + 1)
    return [
        (lease_row, holdings.lease, np.zeros(len(leases.instance))),
        (commitment, leases.commitment[holdings.lease], there.astype(np.float64)),
        (np.where(rows_of("offer"), posted.offer, -1), holdings.offer, utilization.spent(measured)["paid"]),
    ]


def split(pots: Ints, pot_of: Ints, held: Ints, capacity: Floats) -> Ints:
    """Each holder's part of its pot, in whole micro-dollars; shape (holders,).

    A part is held / capacity, capacity being at least all that is held. Rounding is of running totals, so the parts of
    a pot that is held in full add up to it.
    """
    parts = np.zeros(len(held), np.int64)
    rows = np.flatnonzero(pot_of >= 0)
    if not len(rows) or not len(pots):
        return parts
    order = rows[np.argsort(pot_of[rows], kind="stable")]
    pot = pot_of[order]
    whole = np.bincount(pot, held[order], minlength=len(pots))
    total = np.maximum(whole, capacity)
    running = np.cumsum(held[order])
    first = np.concatenate(([True], pot[1:] != pot[:-1]))
    before = np.maximum.accumulate(np.where(first, running - held[order], 0))
    reached = np.divide(running - before, total[pot], out=np.zeros(len(pot)), where=total[pot] > 0)
    upto = np.rint(pots[pot] * reached).astype(np.int64)
    parts[order] = upto - np.where(first, 0, np.concatenate(([0], upto[:-1])))
    return parts


def by_workload(measured: Measured) -> dict[str, float]:
    """Effective cost of each workload and service, and the overhead; they add up to the total."""
    found, table = attribute(measured), measured.world.jobs
    per_need = books.sums(table.need, found.jobs, len(table.needs))
    out: dict[str, int] = {}
    for need, micro in zip(table.needs, per_need, strict=True):
        out[need.workload] = out.get(need.workload, 0) + int(micro)
    for service, micro in zip(measured.world.services, found.services, strict=True):
        out[service.name] = out.get(service.name, 0) + int(micro)
    out["overhead"] = found.overhead
    return {name: units.usd(micro) for name, micro in out.items()}


BREAKDOWNS = [
    Breakdown("cost_usd/workload", "USD", "lower", "effective cost by who held what, and overhead", by_workload),
]
