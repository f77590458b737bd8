"""Failures: seats that go down by the calendar, attempts that fail while they work, crews that repair.

Without crews a seat's ups and downs are drawn from second 0, whoever holds it, so policies meet the same ones. With
crews a repair may have to wait for the one before, so a seat's next up time counts from its repair.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

import simpy
from simpy.events import Event

from marketsim.engine import kernel
from marketsim.engine.pool import Pool
from marketsim.engine.state import DOWN, NOTICE, OVER, RUNNING, UP, Instance, JobState
from marketsim.ledger import CAUSE
from marketsim.supply.offer import BUSY, CALENDAR, OutageLaw

if TYPE_CHECKING:
    from marketsim.engine.run import Engine

FAILED = CAUSE["failed"]
TRIES = 512  # seats found down one after the other before none is held to be up


class _Life:
    """Where a seat stands: its next failure and the end of the repair after it."""

    __slots__ = ("back_s", "fails_s", "turn")

    def __init__(self, law: OutageLaw, seat: int) -> None:
        self.turn = 0
        self.fails_s = law.up_s(seat, 0)
        self.back_s = self.fails_s + law.repair_s(seat, 0)

    def advance(self, law: OutageLaw, seat: int, t_s: int) -> None:
        """Go on to the first repair that ends after a time."""
        while self.back_s <= t_s:
            self.turn += 1
            self.fails_s = self.back_s + law.up_s(seat, self.turn)
            self.back_s = self.fails_s + law.repair_s(seat, self.turn)


class Outages:
    """Fails instances and attempts, and brings them back."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lives: dict[tuple[int, int], _Life] = {}
        self._seat_up: dict[int, tuple[int, int]] = {}  # offer -> changes of its seats, and until when the lowest is up
        self._crews: dict[int, simpy.Resource] = {}
        self._turns: dict[tuple[int, int], int] = {}
        self._crewed_fails_s: dict[tuple[int, int], int] = {}  # next failure of a seat that crews look after
        self._down_since: dict[tuple[int, int], int] = {}
        for pool in engine.pools:
            law = pool.offer.outage
            if law is not None and law.crews is not None:
                self._crews[pool.index] = simpy.Resource(engine.kernel, capacity=law.crews)

    # ------------------------------------------------------------------------------------------ seats

    def _life(self, pool: Pool, law: OutageLaw, seat: int) -> _Life:
        life = self._lives.get((pool.index, seat))
        if life is None:
            life = self._lives[pool.index, seat] = _Life(law, seat)
        life.advance(law, seat, self._engine.kernel._now)
        return life

    def _block_if_down(self, pool: Pool, seat: int) -> bool:
        """Keep a seat that is down by the calendar from being used until it is repaired; whether it is down."""
        law = pool.offer.outage
        if law is None or law.clock != CALENDAR or law.crews is not None:
            return False
        life = self._life(pool, law, seat)
        if life.fails_s > self._engine.kernel._now:
            return False
        pool.block(seat)
        self._engine.kernel.call_at(life.back_s, kernel.READY, self._unblock, (pool, seat))
        return True

    def _unblock(self, what: tuple[Pool, int]) -> None:
        pool, seat = what
        pool.unblock(seat)
        self._engine.serving.stir(pool)
        self._engine.news()

    def seat_for(self, pool: Pool) -> int | None:
        """The lowest seat that nobody holds and that is up; None where all are down, as with their provider."""
        for _ in range(TRIES):
            seat = pool.lowest_seat()
            if not self._block_if_down(pool, seat):
                return seat
        pool.shut(1)
        return None

    def room(self, pool: Pool) -> int:
        """How many metered instances could be started now, on seats that are up: 0 where none is."""
        law = pool.offer.outage
        if pool.room and law is not None and law.clock == CALENDAR and law.crews is None:
            seen, until_s = self._seat_up.get(pool.index, (-1, 0))
            if seen != pool.seat_changes or until_s <= self._engine.kernel._now:
                seat = self.seat_for(pool)
                if seat is not None:
                    pool.leave_seat(seat)
                    self._seat_up[pool.index] = pool.seat_changes, self._lives[pool.index, seat].fails_s
        return pool.room

    def fits(self, pool: Pool, instances: int, milli: int) -> bool:
        """Whether a share or a gang can be started now, on instances here or on seats that are up."""
        if pool.offer.outage is not None:
            if instances > 1:
                return self.gang_fits(pool, instances)
            if pool.room:
                self.room(pool)
        return pool.fits(instances, milli)

    def gang_fits(self, pool: Pool, instances: int) -> bool:
        """Whether a gang can be started now on seats that are all up."""
        if instances >= pool.shut_from:
            return pool.fits_held(instances, pool.milli)
        for _ in range(TRIES):
            seats = pool.seats_for_gang(instances)
            if seats is None:
                return False
            if not [seat for seat in seats if self._block_if_down(pool, seat)]:
                return True
        pool.shut(instances)
        return pool.fits_held(instances, pool.milli)

    # ------------------------------------------------------------------------------------------ the calendar

    def watch(self, pool: Pool, instance: Instance) -> None:
        """Note the next failure of an instance that was launched or delivered."""
        law = pool.offer.outage
        if law is None or law.clock != CALENDAR:
            return
        now, seat = self._engine.kernel._now, instance.seat
        if law.crews is not None:
            self._engine.kernel.call_at(self._crewed_s(pool, law, seat), kernel.LOSS, self._fail, (pool, instance))
            return
        life = self._life(pool, law, seat)
        if life.fails_s <= now:  # a committed instance can be put where the calendar says down
            pool.close(instance, DOWN)
            self._engine.kernel.call_at(life.back_s, kernel.READY, self._repaired, (pool, instance))
        elif life.fails_s <= self._engine.world.end_s:
            self._engine.kernel.call_at(life.fails_s, kernel.LOSS, self._fail, (pool, instance))

    def _crewed_s(self, pool: Pool, law: OutageLaw, seat: int) -> int:
        """When a seat that crews look after fails next; it goes on living between one lease and the next.

        What fell due while nobody was there is drawn anew from now on, which is all the same to an exponential.
        """
        place, now = (pool.index, seat), self._engine.kernel._now
        fails_s = self._crewed_fails_s.get(place, -1)
        if 0 <= fails_s <= now:
            self._turns[place] = self._turns.get(place, 0) + 1
        if fails_s <= now:
            fails_s = self._crewed_fails_s[place] = now + law.up_s(seat, self._turns.get(place, 0))
        return fails_s

    def _fail(self, what: tuple[Pool, Instance]) -> None:
        """A seat goes down: what runs there stops unwarned; a lease is over, a committed instance waits for repair."""
        pool, instance = what
        if instance.state not in (UP, NOTICE):
            return
        engine = self._engine
        now, seat, law = engine.kernel._now, instance.seat, pool.offer.outage
        assert law is not None
        if law.crews is not None:
            self._down_since[pool.index, seat] = now
            engine.kernel.process(self._repair(pool, instance, law))  # before the news: it may take no time
            if instance.commitment < 0:
                self._lose_lease(pool, instance)
                pool.block(seat)
                engine.news()
            else:
                self._take_down(pool, instance)
            return
        back_s = self._lives[pool.index, seat].back_s  # of this failure, even where the repair takes no time
        engine.ledger.outages.write((now, pool.index, seat, back_s))
        if instance.commitment < 0:
            self._lose_lease(pool, instance)
            self._block_if_down(pool, seat)
            engine.news()
        else:
            engine.kernel.call_at(back_s, kernel.READY, self._repaired, (pool, instance))
            self._take_down(pool, instance)

    def _lose_lease(self, pool: Pool, instance: Instance) -> None:
        """A metered instance that failed is billed no more: the provider repairs on its own account."""
        pool.close(instance, OVER)
        self._engine.stop_all(instance, FAILED)
        self._engine.leases.release(pool, instance, FAILED)

    def _take_down(self, pool: Pool, instance: Instance) -> None:
        pool.close(instance, DOWN)
        self._engine.stop_all(instance, FAILED)
        self._engine.news()

    def _repaired(self, what: tuple[Pool, Instance]) -> None:
        pool, instance = what
        if instance.state == DOWN:
            pool.open(instance)
            self.watch(pool, instance)
            self._engine.serving.stir(pool)
            self._engine.news()

    def _repair(self, pool: Pool, instance: Instance, law: OutageLaw) -> Generator[Event, None, None]:
        """A crew's story: wait for one that is free, repair, go on."""
        place = (pool.index, instance.seat)
        with self._crews[pool.index].request() as crew:
            yield crew
            turn = self._turns.get(place, 0)
            now = self._engine.kernel._now
            yield self._engine.kernel.moment(now + law.repair_s(instance.seat, turn), kernel.READY)
        self._turns[place] = turn + 1
        self._crewed_fails_s.pop(place, None)
        now = self._engine.kernel._now
        self._engine.ledger.outages.write((self._down_since.pop(place), pool.index, instance.seat, now))
        if instance.commitment < 0:
            self._unblock((pool, instance.seat))
        else:
            self._repaired((pool, instance))

    # ------------------------------------------------------------------------------------------ the busy clock

    def busy_failure(self, what: tuple[JobState, int]) -> None:
        """An attempt fails while it holds its instance; a committed instance is down until repaired."""
        job, attempt = what
        engine = self._engine
        now = engine.kernel._now
        if job.phase != RUNNING or job.attempt != attempt or job.end_s != now:
            return
        pool, instance = engine.pool_of[job.offer or ""], job.instance
        law = pool.offer.outage
        assert law is not None
        assert law.clock == BUSY
        repair_s = law.repair_s(job.id, attempt)
        if not repair_s:
            engine.requeue(job, FAILED, warned=False)
        elif instance.commitment < 0:
            engine.ledger.outages.write((now, pool.index, instance.seat, now + repair_s))
            self._lose_lease(pool, instance)
            pool.block(instance.seat)
            engine.kernel.call_at(now + repair_s, kernel.READY, self._unblock, (pool, instance.seat))
        else:
            engine.ledger.outages.write((now, pool.index, instance.seat, now + repair_s))
            pool.close(instance, DOWN)
            engine.stop_all(instance, FAILED)
            engine.kernel.call_at(now + repair_s, kernel.READY, self._repaired, (pool, instance))
        engine.news()

    def settle(self) -> None:
        """Write down what is still down at the end of the run."""
        now = self._engine.kernel._now
        for (offer, seat), since_s in sorted(self._down_since.items()):
            self._engine.ledger.outages.write((since_s, offer, seat, now))
