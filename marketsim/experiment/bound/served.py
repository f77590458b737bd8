"""The work that a bound is for: which jobs, by when, and how many requests, so that like is compared with like."""

from __future__ import annotations

from dataclasses import dataclass

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
    backlog. requests (rows, 4): from_s, to_s, service, thousandths of requests served in that span.
    """

    by_s: Ints
    wanted: NDArray[np.bool_]
    unfinished: NDArray[np.bool_]
    requests: Ints

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
        return cls(by_s, finished | ~given_up, ~finished & ~given_up, np.column_stack(columns))

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
