"""EASY backfilling: what starts behind the first in the queue must not, by the estimates, delay it.

The published rule (Lifka 1995) also lets longer jobs use what the first would leave over; here a job behind it on the
same pool has to end before the first could start, which never delays it more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

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
        if not pool.committed or not engine.speed_ppm[job.need_index][pool.index]:
            continue
        at_s = _free_at_s(engine, pool, job)
        if at_s is not None and (best is None or at_s < best.at_s):
            best = Shadow(pool.index, at_s)
    return best


def _free_at_s(engine: Engine, pool: Pool, job: JobState) -> int | None:
    """When running jobs will have given back enough of the pool's instances, were none started before."""
    need, now = job.need, engine.kernel._now
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
                free[instance.seat] += pool.milli if running.gang else running.need.milli
        if sum(1 for amount in free.values() if amount >= need.milli) >= need.instances:
            return max(end_s, now)
    return None


def would_delay(engine: Engine, job: JobState, offer: str, first: Shadow) -> bool:
    """Whether a start would, by the estimate, still hold the pool when the first in the queue could start."""
    if engine.pool_of[offer].index != first.pool:
        return False
    return engine.kernel._now + engine.view.run_s(job, offer) > first.at_s
