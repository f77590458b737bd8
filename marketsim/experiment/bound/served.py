"""The work that a bound is for: which jobs, by when, and how many requests, so that like is compared with like."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from marketsim.demand.job import NEVER
from marketsim.ledger import CAUSE, Ledger
from marketsim.world import World

Ints = NDArray[np.int64]

GIVEN_UP = tuple(CAUSE[name] for name in ("left", "refused", "cancelled"))


@dataclass(frozen=True, eq=False)
class Served:
    """What was done, whatever it cost.

    by_s (jobs,): each job is done by then, NEVER for by the end of the run. wanted (jobs,): whether it was done at all;
    what was given up asks for nothing. unfinished (jobs,): ran into the end of the run; what is left may be charged as
    backlog. requests (rows, 4): from_s, to_s, service, thousandths of requests served in that span. terms_s: lengths of
    the contracts that were signed for another term than the offer's own, by offer.
    """

    by_s: Ints
    wanted: NDArray[np.bool_]
    unfinished: NDArray[np.bool_]
    requests: Ints
    terms_s: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, world: World, ledger: Ledger) -> Served:
        """The work a run did: on time where it was on time, no later than it was where it was late."""
        jobs = world.jobs
        stopped = ledger.tables["stopped"]
        job, cause, t_s = stopped.column("job"), stopped.column("cause"), stopped.column("t_s")
        finish = np.full(len(jobs), NEVER, np.int64)
        done = cause == CAUSE["finished"]
        finish[job[done]] = t_s[done]
        given_up = np.zeros(len(jobs), np.bool_)
        given_up[job[np.isin(cause, GIVEN_UP)]] = True
        finished = finish < NEVER
        by_s = np.where(finished & (jobs.deadline_s < NEVER), np.maximum(finish, jobs.deadline_s), NEVER)
        table = ledger.tables["served"]
        columns = [table.column(name) for name in ("from_s", "to_s", "service", "served_milli")]
        requests = np.column_stack(columns)
        return cls(by_s, finished | ~given_up, ~finished & ~given_up, requests, _terms_signed(world, ledger))

    @classmethod
    def everything(cls, world: World) -> Served:
        """All jobs by their deadlines and all requests: the bound on serving all that was asked for."""
        jobs = world.jobs
        rows = [
            (0, world.horizon_s, number, int(service.requests_per_s.integral(0, world.horizon_s) * 1000))
            for number, service in enumerate(world.services)
        ]
        return cls(
            by_s=jobs.deadline_s,
            wanted=np.ones(len(jobs), np.bool_),
            unfinished=np.zeros(len(jobs), np.bool_),
            requests=np.array(rows, np.int64).reshape(-1, 4),
        )


def _terms_signed(world: World, ledger: Ledger) -> dict[str, tuple[int, ...]]:
    """Lengths of contracts that were signed for and are not those of the offers, by offer, increasing."""
    table = ledger.tables["signed"]
    found: dict[str, set[int]] = {}
    rows = (table.column(name).tolist() for name in ("offer", "delivered_s", "ends_s"))
    for number, delivered_s, ends_s in zip(*rows, strict=True):
        offer = world.offers[number]
        if ends_s >= 0 and offer.commitment is not None and offer.commitment.ends_s(delivered_s, None) != ends_s:
            found.setdefault(offer.id, set()).add(ends_s - delivered_s)
    return {offer: tuple(sorted(lengths)) for offer, lengths in sorted(found.items())}
