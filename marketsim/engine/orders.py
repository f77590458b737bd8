"""What was signed and bought, from order to end: delivery, monthly charges, renewal, valuation at the close."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING

from simpy.events import Event

from marketsim.engine import kernel
from marketsim.engine.pool import Pool
from marketsim.engine.state import OVER, Instance
from marketsim.ledger import CAUSE, REFERENCE
from marketsim.policies.policy import Contract
from marketsim.supply.offer import Charge, StatedTerms, Terminable
from marketsim.units import MICRO

if TYPE_CHECKING:
    from marketsim.engine.run import Engine

CONTRACT_ENDED = CAUSE["contract-ended"]
COMMITMENT, OFFER = REFERENCE["commitment"], REFERENCE["offer"]


class _Order:
    """One order: how many, when placed, when delivered, until when; and up to when it has been charged."""

    __slots__ = ("at_s", "charged_to_s", "delivered_s", "ends_s", "held", "instances", "number", "renew", "term_s")

    def __init__(
        self,
        number: int,
        instances: int,
        at_s: int,
        delivered_s: int,
        ends_s: int | None,
        term_s: int | None,
        renew: bool,
    ) -> None:
        self.number = number
        self.instances = instances
        self.at_s = at_s
        self.delivered_s = delivered_s
        self.ends_s = ends_s
        self.term_s = term_s
        self.renew = renew
        self.charged_to_s = max(delivered_s, 0)
        self.held: list[Instance] = []


class Orders:
    """Places orders and lives them through; charges what offers cost by being there."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._count = 0
        self._placed_at: dict[int, int] = {}  # pool -> how many orders
        self._open: dict[int, tuple[Pool, _Order]] = {}
        self._standing_from_s = 0

    def begin(self) -> None:
        """What was committed before second 0 is delivered at second 0; what was paid for it then is past."""
        for given in self._engine.world.orders:
            pool = self._engine.pool_of.get(given.offer)
            if pool is None:
                raise ValueError(f"there is no offer {given.offer!r} to begin with")
            terms = pool.offer.commitment
            ends_s = terms.ends_s(-given.age_s, given.term_s) if terms is not None else None
            if ends_s is not None and ends_s <= 0:
                continue  # it is over
            order = _Order(
                self._next_number(pool)[0], given.instances, -given.age_s, -given.age_s, ends_s, given.term_s, False
            )
            self._open[order.number] = (pool, order)
            self._deliver(pool, order)
            if ends_s is not None:
                self._engine.kernel.process(self._life(pool, order, delivered=True))

    def _next_number(self, pool: Pool) -> tuple[int, int]:
        number, self._count = self._count, self._count + 1
        placed = self._placed_at.get(pool.index, 0)
        self._placed_at[pool.index] = placed + 1
        return number, placed

    def place(self, offer: str, instances: int, term_s: int | None, renew: bool) -> None:
        """Sign or buy, now."""
        engine = self._engine
        pool = engine.pool_of.get(offer)
        if pool is None or pool.offer.commitment is None:
            raise engine.impossible(f"{offer!r} is no offer that can be signed for or bought")
        terms = pool.offer.commitment
        if instances < 1 or instances % terms.block_instances:
            raise engine.impossible(
                f"{offer} comes in blocks of {terms.block_instances} instances, asked for {instances}"
            )
        fault = terms.term_fault(term_s) if isinstance(terms, StatedTerms) else None
        if fault is not None:
            raise engine.impossible(f"{offer} {fault}")
        most = pool.offer.most_instances
        if most is not None and pool.committed + pool.ordered + instances > most:
            raise engine.impossible(f"{offer} has {most} instances in all, cannot commit to {instances} more")
        now = engine.kernel._now
        number, placed = self._next_number(pool)
        delivered_s = max(terms.delivered_s(now, placed), now)
        ends_s = terms.ends_s(delivered_s, term_s)
        order = _Order(number, instances, now, delivered_s, ends_s, term_s, renew)
        self._open[number] = (pool, order)
        engine.ledger.signed.write((now, number, pool.index, instances, delivered_s, -1 if ends_s is None else ends_s))
        engine.books.charges(terms.at_signing(instances, now, term_s), pool.index, COMMITMENT, number)
        self.note_installed(pool)
        pool.ordered += instances
        engine.kernel.process(self._life(pool, order))

    def _life(self, pool: Pool, order: _Order, delivered: bool = False) -> Generator[Event, None, None]:
        """An order's story: delivered, used, given back, perhaps signed again."""
        engine = self._engine
        if not delivered:
            yield engine.kernel.moment(order.delivered_s, kernel.READY)
            if order.number not in self._open:
                return  # terminated on its way
            self.note_installed(pool)
            pool.ordered -= order.instances
            self._deliver(pool, order)
        if order.ends_s is None:
            return
        yield engine.kernel.moment(order.ends_s, kernel.READY)
        if order.number not in self._open:
            return  # terminated
        self._charge(pool, order, order.ends_s)
        del self._open[order.number]
        if order.renew and engine.kernel._now < engine.world.horizon_s:
            held, order.held = order.held, []
            self._renew(pool, order, held)
        else:
            self._give_back(pool, order)

    def contracts(self) -> list[Contract]:
        """What is signed or bought and not over, by number."""
        now = self._engine.kernel._now
        found = []
        for number, (pool, order) in sorted(self._open.items()):
            fee = self._leaving(pool, order)
            usd = None if fee is None else sum(one.effective for one in fee if one.debit == "expense:fee") / MICRO
            here = order.delivered_s <= now
            delivered_s, ends_s = (order.delivered_s, order.ends_s) if here else (None, None)
            offer = pool.offer.id
            found.append(Contract(number, offer, order.instances, order.at_s, delivered_s, ends_s, usd))
        return found

    def _leaving(self, pool: Pool, order: _Order) -> Sequence[Charge] | None:
        """What ending an order now would cost beside what is due up to now; None where its terms do not allow it."""
        terms = pool.offer.commitment
        if order.ends_s is None or not isinstance(terms, Terminable) or not terms.may_leave:
            return None
        now = self._engine.kernel._now
        return terms.at_leaving(order.instances, order.at_s, order.delivered_s, now, order.term_s)

    def terminate(self, number: int) -> None:
        """End a contract now: what is due up to now and the fee are charged, its instances go back."""
        engine = self._engine
        if number not in self._open:
            raise engine.impossible(f"cannot terminate contract {number}: there is none of this number, or it is over")
        pool, order = self._open[number]
        fee = self._leaving(pool, order)
        if fee is None:
            raise engine.impossible(f"cannot terminate contract {number} at {pool.offer.id} before its end")
        now = engine.kernel._now
        self._charge(pool, order, now)
        engine.books.charges(fee, pool.index, COMMITMENT, number)
        engine.ledger.terminated.write((now, number))
        del self._open[number]
        if order.held:
            self._give_back(pool, order)
        else:
            self.note_installed(pool)
            pool.ordered -= order.instances

    def _deliver(self, pool: Pool, order: _Order) -> None:
        self.note_installed(pool)
        order.held = [self._engine.leases.deliver(pool, order.number) for _ in range(order.instances)]
        self._engine.serving.delivered(pool)
        self._engine.news()

    def _renew(self, pool: Pool, order: _Order, held: list[Instance]) -> None:
        """Sign again for the instances that are here: nothing that runs on them stops."""
        engine = self._engine
        terms = pool.offer.commitment
        assert terms is not None
        now = engine.kernel._now
        number, _ = self._next_number(pool)
        renewed = _Order(number, order.instances, now, now, terms.ends_s(now, order.term_s), order.term_s, True)
        renewed.held = held
        self._open[number] = (pool, renewed)
        ends_s = -1 if renewed.ends_s is None else renewed.ends_s
        engine.ledger.signed.write((now, number, pool.index, order.instances, now, ends_s))
        engine.books.charges(terms.at_signing(order.instances, now, order.term_s), pool.index, COMMITMENT, number)
        engine.kernel.process(self._life(pool, renewed, delivered=True))

    def _give_back(self, pool: Pool, order: _Order) -> None:
        """The instances go; their jobs knew the day and write a last checkpoint."""
        engine = self._engine
        self.note_installed(pool)
        for instance in order.held:
            pool.close(instance, OVER)
            engine.stop_all(instance, CONTRACT_ENDED, notice_s=engine.world.end_s)
            engine.leases.release(pool, instance, CONTRACT_ENDED)
        engine.serving.delivered(pool)
        engine.news()

    # ------------------------------------------------------------------------------------------ charges

    def note_installed(self, pool: Pool) -> None:
        """Bring the installed and the ordered instance-seconds up to now, before the number of instances changes."""
        now = self._engine.kernel._now
        pool.installed_s += pool.committed * (now - pool.installed_from_s)
        pool.ordered_s += pool.ordered * (now - pool.installed_from_s)
        pool.installed_from_s = now

    def _charge(self, pool: Pool, order: _Order, to_s: int) -> None:
        terms = pool.offer.commitment
        from_s = order.charged_to_s
        if terms is None or to_s <= from_s:
            return
        order.charged_to_s = to_s
        charges = terms.over(order.instances, order.at_s, order.delivered_s, from_s, to_s, order.term_s)
        self._engine.books.charges(charges, pool.index, COMMITMENT, order.number)

    def _charge_standing(self, to_s: int) -> None:
        engine = self._engine
        for pool in engine.pools:
            standing = pool.offer.standing
            if standing is None:
                continue
            self.note_installed(pool)
            for job in engine.running.values():
                if job.offer == pool.offer.id:
                    pool.busy_milli_s += (to_s - job.counted_s) * job.held.gang_milli
                    job.counted_s = to_s
            pool.busy_milli_s += engine.serving.busy_milli_s(pool, to_s)
            from_s = self._standing_from_s
            charges = standing.over(from_s, to_s, pool.installed_s, pool.busy_milli_s, pool.ordered_s)
            engine.books.charges(charges, pool.index, OFFER, pool.index)
            pool.installed_s = pool.busy_milli_s = pool.ordered_s = 0
        self._standing_from_s = to_s

    def month(self, now: int) -> None:
        """Charge every open order and every offer's standing cost up to a month's end."""
        for number in sorted(self._open):
            pool, order = self._open[number]
            self._charge(pool, order, now)
        self._charge_standing(now)

    def settle(self) -> None:
        """At the end of the run: the last part of a month, then what is left of each order is valued."""
        now = self._engine.kernel._now
        self.month(now)
        for number in sorted(self._open):
            pool, order = self._open[number]
            terms = pool.offer.commitment
            if terms is not None:
                charges = terms.at_close(order.instances, order.at_s, order.delivered_s, now, order.term_s)
                self._engine.books.charges(charges, pool.index, COMMITMENT, number)
        self._open.clear()
