"""Instances from launch to release, and one bill for each lease: its price integral, rounded up to the quantum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from marketsim.engine import kernel
from marketsim.engine.pool import Pool
from marketsim.engine.state import NOTICE, OVER, UP, Instance
from marketsim.ledger import ACCOUNT, CAUSE, REFERENCE
from marketsim.units import HOUR_S, MICRO, MONTH_S

if TYPE_CHECKING:
    from marketsim.engine.run import Engine

USAGE, CASH, EQUITY = ACCOUNT["expense:usage"], ACCOUNT["cash"], ACCOUNT["equity"]
LEASE = REFERENCE["lease"]
FINISHED = CAUSE["finished"]


class Leases:
    """Launches, holds, bills and releases instances."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._count = 0
        self._billed_micro: dict[int, int] = {}  # of leases that are billed month by month
        self._monthly_to_s = 0  # up to when storage and other burn are charged
        world = engine.world
        self._watch_cash = world.money.stop_when_insolvent and world.money.cash_micro is not None
        engine.kernel.call_at(MONTH_S, kernel.LAST, self._month)
        for at_s, micro in world.money.rounds:
            engine.kernel.call_at(at_s, kernel.READY, self._round, micro)

    # ------------------------------------------------------------------------------------------ launch

    def launch(self, pool: Pool, job: int) -> Instance:
        """Boot one metered instance at the lowest seat that is not down."""
        engine = self._engine
        if not pool.room:
            raise engine.impossible(f"cannot start job {job} at {pool.offer.id}: no instance can be launched there now")
        seat = engine.outages.seat_for(pool)
        if seat is None:
            raise engine.impossible(f"cannot start job {job} at {pool.offer.id}: every seat there is down now")
        return self._launch_at(pool, seat)

    def launch_whole(self, pool: Pool, seat: int) -> Instance:
        """Boot a metered instance for a gang, which takes all of it."""
        instance = self._launch_at(pool, seat)
        pool.take_whole(instance)
        return instance

    def _launch_at(self, pool: Pool, seat: int) -> Instance:
        engine = self._engine
        now = engine.kernel._now
        up_s = now + pool.offer.boot_s
        instance = Instance(self._count, seat, pool.milli, now, up_s, -1)
        self._count += 1
        pool.add(instance)
        if pool.own_price is not None:
            pool.own_price.note(now, pool.metered)
        engine.ledger.launched.write((now, instance.id, pool.index, seat, up_s, -1))
        if pool.offer.outage is not None:
            engine.outages.watch(pool, instance)
        return instance

    def deliver(self, pool: Pool, commitment: int) -> Instance:
        """Put a committed instance on the lowest seat; it needs no boot and has no bill of its own."""
        engine = self._engine
        now = engine.kernel._now
        instance = Instance(self._count, pool.lowest_seat(), pool.milli, now, now, commitment)
        self._count += 1
        pool.add(instance)
        engine.ledger.launched.write((now, instance.id, pool.index, instance.seat, now, commitment))
        if pool.offer.outage is not None:
            engine.outages.watch(pool, instance)
        return instance

    def note_user(self, instance: Instance, job: int, service: int) -> None:
        """Remember whether the lease served one job or service alone: its bill then names it."""
        if instance.other_users:
            return
        if instance.sole_job == -1 and instance.sole_service == -1:
            instance.sole_job, instance.sole_service = job, service
        elif instance.sole_job != job or instance.sole_service != service:
            instance.other_users = True

    # ------------------------------------------------------------------------------------------ idle and release

    def emptied(self, pool: Pool, instance: Instance) -> None:
        """A wholly free instance: a noticed one goes at once, a committed one stays, a metered one may be held."""
        if instance.state == NOTICE:
            pool.close(instance, OVER)
            self.release(pool, instance, CAUSE["reclaimed"])
            return
        if instance.commitment >= 0 or instance.state != UP:
            return
        engine = self._engine
        now = engine.kernel._now
        instance.empty_since_s = now
        until_s = engine.placement.on_empty(pool.offer.id, engine.view)
        if until_s <= now:
            pool.close(instance, OVER)
            self.release(pool, instance, FINISHED)
        else:
            self._hold(pool, instance, until_s)

    def _hold(self, pool: Pool, instance: Instance, until_s: int) -> None:
        instance.hold_until_s = until_s
        self._engine.kernel.call_at(until_s, kernel.RELEASE, self._hold_over, (pool, instance, until_s))

    def _hold_over(self, what: tuple[Pool, Instance, int]) -> None:
        pool, instance, until_s = what
        if instance.state == UP and instance.free == pool.milli and instance.hold_until_s == until_s:
            pool.close(instance, OVER)
            self.release(pool, instance, FINISHED)

    def hold(self, instances: Sequence[int], until_s: int) -> None:
        """Keep idle metered instances until a time."""
        for pool, instance in self._find_idle(instances, "hold"):
            self._hold(pool, instance, max(until_s, self._engine.kernel._now))

    def release_idle(self, instances: Sequence[int]) -> bool:
        """Give idle metered instances back now; whether there were any."""
        found = self._find_idle(instances, "release")
        for pool, instance in found:
            pool.close(instance, OVER)
            self.release(pool, instance, FINISHED)
        return bool(found)

    def _find_idle(self, instances: Sequence[int], verb: str) -> list[tuple[Pool, Instance]]:
        wanted = set(instances)
        found = [
            (pool, instance)
            for pool in self._engine.pools
            for instance in pool.by_seat.values()
            if instance.id in wanted and instance.commitment < 0
        ]
        missing = wanted - {instance.id for _, instance in found}
        if missing:
            raise self._engine.impossible(f"holds no metered instance {min(missing)}")
        for pool, instance in found:
            if instance.free != pool.milli:
                raise self._engine.impossible(f"cannot {verb} instance {instance.id}: it is in use")
        return found

    def release(self, pool: Pool, instance: Instance, cause: int) -> None:
        """A closed instance leaves its seat and is billed to the end."""
        engine = self._engine
        now = engine.kernel._now
        pool.remove(instance)
        engine.serving.stir(pool)
        engine.ledger.released.write((now, instance.id, cause))
        if instance.commitment < 0:
            if pool.own_price is not None:
                pool.own_price.note(now, pool.metered)
            self._bill_to_the_end(pool, instance, now)

    # ------------------------------------------------------------------------------------------ bills

    def _bill_to_the_end(self, pool: Pool, instance: Instance, now: int) -> None:
        offer = pool.offer
        held_s = max(now - instance.launched_s, offer.minimum_s)
        quantum = offer.quantum_s
        self._bill(pool, instance, instance.launched_s + -(-held_s // quantum) * quantum, now)

    def _bill(self, pool: Pool, instance: Instance, to_s: int, now: int) -> None:
        from_s = instance.billed_to_s
        price = pool.price
        if to_s <= from_s or price is None:
            return
        instance.billed_to_s = to_s
        whole = round(price.integral(instance.launched_s, to_s) * MICRO / HOUR_S)
        micro = whole - self._billed_micro.pop(instance.id, 0)
        if instance.state != OVER:
            self._billed_micro[instance.id] = whole  # the months of a long lease add up to its one bill
        alone = not instance.other_users
        self._engine.books.usage(
            now, micro, pool.offer.provider, USAGE, pool.index, LEASE, instance.id,
            instance.sole_job if alone else -1, instance.sole_service if alone else -1,
        )  # fmt: skip

    def _month(self, _: None) -> None:
        """Long leases, storage, other burn, and the test of solvency, at each month's end."""
        engine = self._engine
        now, world = engine.kernel._now, engine.world
        for pool in engine.pools:
            if pool.offer.price is not None:
                for instance in sorted(pool.by_seat.values(), key=lambda one: one.id):
                    if instance.commitment < 0 and now - instance.launched_s >= MONTH_S:
                        self._bill(pool, instance, now, now)
        engine.serving.month(now)
        engine.orders.month(now)
        self._charge_month(now)
        engine.credits.month(now)
        engine.taxes.month(now)
        if self._watch_cash and engine.books.cash < 0:
            engine.ledger.insolvent_s = now
            engine.kernel.call_at(now, kernel.LAST, engine._close)
        elif now < world.end_s:
            engine.kernel.call_at(now + MONTH_S, kernel.LAST, self._month)

    def _charge_month(self, now: int) -> None:
        from_s, self._monthly_to_s = self._monthly_to_s, now
        self._engine.copies.store(from_s, now)
        self._burn(now - from_s, now)

    def _burn(self, span_s: int, now: int) -> None:
        micro = self._engine.world.money.other_burn_micro_per_month * span_s // MONTH_S
        if micro:
            self._engine.books.post(now, EQUITY, CASH, micro, 0)

    def _round(self, micro: int) -> None:
        self._engine.books.post(self._engine.kernel._now, CASH, EQUITY, micro, 0)

    def settle(self) -> None:
        """At the end of the run every lease is released and billed, and the last part of a month is charged."""
        engine = self._engine
        now = engine.kernel._now
        for pool in engine.pools:
            for instance in sorted(pool.by_seat.values(), key=lambda one: one.id):
                if instance.commitment < 0:
                    pool.close(instance, OVER)
                    self.release(pool, instance, FINISHED)
        self._charge_month(now)
