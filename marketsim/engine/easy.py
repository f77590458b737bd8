"""EASY backfilling: what starts behind the first in the queue must not, by the estimates, delay it.

The published rule (Lifka 1995) also lets longer jobs use what the first would leave over; here a job behind it on the
same pool has to end before the first could start, which never delays it more.
An elastic job could start as soon as any of its sizes fits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from marketsim.demand.job import Need
from marketsim.engine.pool import Pool
from marketsim.engine.state import UP, JobState

if TYPE_CHECKING:
    from marketsim.engine.run import Engine


class Shadow(NamedTuple):
    """Where and when, by the estimates, the first in the queue could start."""

    pool: int
    at_s: int


def shadow(engine: Engine, job: JobState) -> Shadow | None:
    """The earliest start of a blocked job on committed capacity; None where waiting for it is no use."""
    best: Shadow | None = None
    for pool in engine.pools:
        if not pool.committed:
            continue
        for need in engine.sizes.of(job.need_index, pool.index):
            at_s = _free_at_s(engine, pool, need)
            if at_s is not None and (best is None or at_s < best.at_s):
                best = Shadow(pool.index, at_s)
    return best


def _free_at_s(engine: Engine, pool: Pool, need: Need) -> int | None:
    """When running jobs will have given back enough of the pool's instances, were none started before."""
    now = engine.kernel._now
    free = {one.seat: one.free for one in pool.by_seat.values() if one.state == UP}
    ends = sorted(
        (engine.view.estimated_end_s(running), running.id)
        for running in engine.running.values()
        if running.offer == pool.offer.id
    )
    for end_s, number in ends:
        running = engine.running[number]
        for instance in (running.instance, *(running.gang or ())):
            if instance.seat in free:
                free[instance.seat] += pool.milli if running.gang else running.held.milli
        if sum(1 for amount in free.values() if amount >= need.milli) >= need.instances:
            return max(end_s, now)
    return None


class Guard:
    """Keeps a place for the first blocked job of a pass; where and when is worked out once it is asked for."""

    def __init__(self, engine: Engine, first: JobState) -> None:
        self._engine = engine
        self._first = first
        self._known = False
        self._shadow: Shadow | None = None

    def would_be_late(self, job: JobState, offer: str) -> bool:
        """Whether, by the estimate, a start would still hold the pool when the first could start there.

        Starts on offers without commitments, which is all that goes unasked, do not change what is worked out.
        """
        pool = self._engine.pool_of[offer]
        if not pool.committed:
            return False
        if not self._known:
            self._known, self._shadow = True, shadow(self._engine, self._first)
        if self._shadow is None or pool.index != self._shadow.pool:
            return False
        return self._engine.kernel._now + self._engine.view.run_s(job, offer) > self._shadow.at_s
