"""What the market lets one start and keep, step by step: launchable rises and falls, keepable takes instances back."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from marketsim.engine import kernel
from marketsim.engine.pool import Pool
from marketsim.engine.state import NOTICE, OVER, Instance
from marketsim.ledger import CAUSE
from marketsim.path import Path

if TYPE_CHECKING:
    from marketsim.engine.run import Engine

RECLAIMED = CAUSE["reclaimed"]


class Capacity:
    """Walks the two step functions of every offer, one entry on the heap for each at a time."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._asked: dict[int, int] = {}  # pool -> instances that are granted and not there yet

    def begin(self) -> None:
        """Set second 0 and note the first steps."""
        for pool in self._engine.pools:
            pool.set_launchable(int(pool.offer.launchable.at(0)))
            self._note(pool, _Steps(pool.offer.launchable), self._launchable_step)
            self._note(pool, _Steps(pool.offer.keepable), self._keepable_step)

    def _note(self, pool: Pool, steps: _Steps, function: object) -> None:
        at_s = steps.next_s
        if at_s is None or at_s > self._engine.world.end_s:
            return
        keep = function == self._keepable_step
        order = kernel.LOSS if keep else kernel.READY
        self._engine.kernel.call_at(at_s, order, function, (pool, steps))  # type: ignore[arg-type]

    def _launchable_step(self, what: tuple[Pool, _Steps]) -> None:
        pool, steps = what
        more = pool.set_launchable(steps.take())
        self._note(pool, steps, self._launchable_step)
        if more:
            self._engine.serving.stir(pool)
            self._engine.news()

    def _keepable_step(self, what: tuple[Pool, _Steps]) -> None:
        pool, steps = what
        count = steps.take()
        self._note(pool, steps, self._keepable_step)
        excess = pool.metered - pool.noticed() - count
        if excess <= 0:
            return
        engine = self._engine
        now, notice_s = engine.kernel._now, pool.offer.notice_s
        going = pool.to_take_back(excess)
        for instance in going:
            pool.close(instance, NOTICE)  # all of them first: a gang that one stops must not free another for new work
        for instance in going:
            if notice_s and instance.holders:
                engine.kernel.call_at(now + notice_s, kernel.LOSS, self._notice_over, (pool, instance))
            elif instance.state == NOTICE:
                self._take_back(pool, instance)
        engine.news()

    def _notice_over(self, what: tuple[Pool, Instance]) -> None:
        pool, instance = what
        if instance.state == NOTICE:
            self._take_back(pool, instance)
            self._engine.news()

    def _take_back(self, pool: Pool, instance: Instance) -> None:
        """The instance goes; its jobs had the offer's notice to write a last checkpoint."""
        engine = self._engine
        now = engine.kernel._now
        whole = [to_s for from_s, to_s in pool.offer.down if from_s <= now < to_s]
        if whole and pool.offer.sla is not None:  # not taken back for others: the provider is down, and may owe for it
            engine.ledger.outages.write((now, pool.index, instance.seat, min(whole[0], engine.world.end_s)))
        pool.close(instance, OVER)
        engine.stop_all(instance, RECLAIMED, pool.offer.notice_s)
        engine.leases.release(pool, instance, RECLAIMED)

    def request_quota(self, offer: str, instances: int) -> None:
        """The provider grants its share in whole steps, after its delay, and never more than is left."""
        engine = self._engine
        pool = engine.pool_of.get(offer)
        if pool is None or pool.offer.quota is None:
            raise engine.impossible(f"{offer!r} has no quota to raise")
        step = pool.offer.quota_step
        if step < 1:
            raise engine.impossible(f"{offer} grants no more quota")
        granted = max(math.floor(-(-instances // step) * pool.offer.quota_share + 1e-9), 1) * step
        if pool.offer.quota_most is not None:
            granted = min(granted, pool.offer.quota_most - pool.quota - self._asked.get(pool.index, 0))
        if granted < 1:
            raise engine.impossible(f"{offer} grants no more quota")
        self._asked[pool.index] = self._asked.get(pool.index, 0) + granted
        at_s = engine.kernel._now + pool.offer.quota_grant_s
        engine.kernel.call_at(at_s, kernel.READY, self._granted, (pool, granted))

    def _granted(self, what: tuple[Pool, int]) -> None:
        pool, count = what
        self._asked[pool.index] -= count
        pool.add_quota(count)
        self._engine.serving.stir(pool)
        self._engine.news()


class _Steps:
    """A cursor on a path of counts."""

    __slots__ = ("_at", "_times", "_values", "next_s")

    def __init__(self, path: Path) -> None:
        self._times: list[int] = path.times_s.tolist()
        self._values: list[float] = path.values.tolist()
        self._at = 0
        self.next_s = self._times[1] if len(self._times) > 1 else None

    def take(self) -> int:
        """Go to the next step and give its count."""
        self._at += 1
        self.next_s = self._times[self._at + 1] if self._at + 1 < len(self._times) else None
        return int(self._values[self._at])
