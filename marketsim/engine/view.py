"""The live, read-only face of a run that policies look at: now and the past, never the future or the truth."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from marketsim.demand.job import NEVER
from marketsim.engine import progress
from marketsim.engine.state import JobState
from marketsim.policies.policy import Contract, JobView
from marketsim.supply.quote import Quote
from marketsim.supply.quote import quote as terms_today
from marketsim.units import MILLI, UNLIMITED

if TYPE_CHECKING:
    from marketsim.engine.run import Engine


class EngineView:
    """See `marketsim.policies.policy.View`."""

    __slots__ = ("_engine", "_kernel", "_outages", "_pools", "_speed_ppm")

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._kernel = engine.kernel
        self._pools = engine.pool_of
        self._outages = engine.outages
        self._speed_ppm = engine.speed_ppm

    @property
    def now_s(self) -> int:
        """The present second."""
        return int(self._kernel._now)

    def waiting(self) -> Sequence[JobState]:
        """Jobs that wait, in queue order."""
        return self._engine.waiting.in_order()

    def running(self) -> Sequence[JobState]:
        """Jobs that hold instances, in order of start."""
        return list(self._engine.running.values())

    def job(self, job: int) -> JobState:
        """A job that waits or runs."""
        return self._engine.present[job]

    def can_start(self, job: JobView, offer: str) -> bool:
        """Whether `Start(job, offer)` would be carried out now."""
        pool = self._pools[offer]
        need = job.need
        if need.elastic:
            return self._engine.sizes.now(job, pool) is not None
        if not self._speed_ppm[job.need_index][pool.index]:
            return False
        return self._outages.fits(pool, need.instances, need.milli)

    def can_start_committed(self, job: JobView, offer: str) -> bool:
        """The same without a new metered lease."""
        pool = self._pools[offer]
        need = job.need
        if need.elastic:
            number = self._engine.sizes.now(job, pool)
            if number is None:
                return False
            need = self._engine.needs[number]
            return pool.fits_held(need.instances, need.milli)
        return self._speed_ppm[job.need_index][pool.index] > 0 and pool.fits_held(need.instances, need.milli)

    def size_at(self, job: JobView, offer: str) -> int:
        """The number of the need at whose size a start there now would hold a job."""
        return self._engine.sizes.at(job, self._pools[offer]) if job.need.elastic else job.need_index

    def price(self, offer: str) -> float:
        """USD per instance-hour now."""
        price = self._pools[offer].price
        if price is None:
            raise KeyError(offer)
        return price.at(self._kernel._now)

    def quote(self, offer: str, keep_s: int, instances: int = 1, term_s: int | None = None) -> Quote | None:
        """What `instances` would cost if signed for or bought now."""
        return terms_today(self._pools[offer].offer, self.now_s, instances, keep_s, term_s)

    def launchable(self, offer: str) -> int:
        """Instances that could be started now beyond those held."""
        return self._outages.room(self._pools[offer])

    def held(self, offer: str) -> int:
        """Instances held now."""
        return self._pools[offer].held()

    def committed(self, offer: str) -> int:
        """Instances signed for or bought, and here."""
        return self._pools[offer].committed

    def ordered(self, offer: str) -> int:
        """Instances signed for or bought, and not here yet."""
        return self._pools[offer].ordered

    def contracts(self) -> Sequence[Contract]:
        """What is signed or bought and not over, by number."""
        return self._engine.orders.contracts()

    def free_milli(self, offer: str) -> int:
        """Thousandths of a GPU unused on instances that can take work."""
        return self._pools[offer].free_milli()

    def idle(self, offer: str) -> Sequence[int]:
        """Numbers of the metered instances that stand empty."""
        pool = self._pools[offer]
        return sorted(
            one.id for one in pool.by_seat.values() if one.commitment < 0 and one.free == pool.milli and not one.holders
        )

    def run_s(self, job: JobView, offer: str) -> int:
        """Seconds from a start here now to the end, by the estimate; NEVER where the offer cannot run it."""
        engine, pool, need, number = self._engine, self._pools[offer], job.need, job.need_index
        if need.elastic:
            number = engine.sizes.at(job, pool)
            need = engine.needs[number]
        speed = self._speed_ppm[number][pool.index]
        if not speed:
            return NEVER
        now = self._kernel._now
        boot_s = 0 if pool.fits_held(need.instances, need.milli) else pool.offer.boot_s
        transfer_s = engine.transfer_s[job.need_index][pool.index]
        if transfer_s:
            transfer_s = engine.copies.transfer_left_s(need, pool.offer, now + boot_s, transfer_s)
        how = need.checkpoint
        overhead_s = how.restart_s if job.attempt else how.start_s
        left = job.estimated_left(now)
        return boot_s + transfer_s + progress.held_s(left, need.gang_milli, speed, overhead_s, how)

    def data_usd(self, job: JobView, offer: str) -> float | None:
        """USD of bringing a job's data to an offer now; None where nothing has to be brought."""
        return self._engine.copies.usd(job.need, self._pools[offer])

    def estimated_end_s(self, job: JobState) -> int:
        """When a running job would end by its estimate."""
        now = int(self._kernel._now)
        left = progress.compute_s(job.estimated_left(now), job.held.gang_milli, job.speed_ppm)
        return now + job.overhead_left_s(now) + left

    def replicas(self, service: int) -> Mapping[str, int]:
        """Replicas of a service by offer."""
        return self._engine.serving.replicas(service)

    def room_for(self, service: int, offer: str) -> int:
        """How many more replicas could be started at an offer now."""
        engine, pool = self._engine, self._pools[offer]
        if not engine.setup.replica_requests_per_s[service][pool.index]:
            return 0
        engine.serving.note_look(service, pool)
        milli = engine.serving.services[service].replica.milli
        return min(pool.shares(milli) + pool.milli // milli * self._outages.room(pool), UNLIMITED)

    def room_held(self, service: int, offer: str) -> int:
        """The same on instances that are here: no new metered lease."""
        engine, pool = self._engine, self._pools[offer]
        if not engine.setup.replica_requests_per_s[service][pool.index]:
            return 0
        engine.serving.note_look(service, pool)
        return pool.shares(engine.serving.services[service].replica.milli)

    def requests_per_s(self, service: int) -> float:
        """The need of a service now."""
        return self._engine.serving.need_now(service)

    def cash_micro(self) -> int | None:
        """Cash in micro-dollars, None where it is not watched."""
        return None if self._engine.world.money.cash_micro is None else self._engine.books.cash

    def seen(self, since_s: int, until_s: int) -> Iterator[tuple[int, int, int, int]]:
        """Jobs that arrived in a past span: (arrival_s, need, estimate, deadline_s)."""
        engine = self._engine
        arrival_s = engine._arrival_s
        first = bisect_left(arrival_s, since_s, 0, engine._next)
        last = bisect_left(arrival_s, until_s, first, engine._next)
        columns = (arrival_s, engine._need, engine._estimate, engine._deadline_s)
        return zip(*(column[first:last] for column in columns), strict=True)

    def demand_gpus(self, since_s: int, step_s: int) -> Sequence[float]:
        """Mean GPUs asked for in each whole past step up to now: jobs that run or wait, replicas that services need."""
        now = int(self._kernel._now)
        steps = (now - since_s) // step_s
        if steps < 1:
            return []
        edges = since_s + step_s * np.arange(steps + 1)
        changes = self._engine.load_changes or []
        times = np.array([t for t, _ in changes], np.int64)
        level = np.concatenate(([0], np.cumsum(np.array([change for _, change in changes], np.int64))))
        area = np.concatenate(([0], np.cumsum(np.diff(times) * level[1:-1]))) if len(times) else np.zeros(1)

        def until(t_s: np.ndarray) -> np.ndarray:
            index = np.searchsorted(times, t_s, side="right")
            known = np.maximum(index - 1, 0)
            return area[known] + level[index] * (t_s - times[known]) if len(times) else np.zeros(len(t_s))

        total = np.diff(until(edges)) / step_s
        for service in self._engine.serving.services:
            rates = [rate for rate in service.replica_requests_per_s.values() if rate]
            if rates:
                total = total + np.diff(service.requests_per_s.until_many(edges)) / step_s / max(rates) * (
                    service.replica.milli
                )
        return (total / MILLI).tolist()
