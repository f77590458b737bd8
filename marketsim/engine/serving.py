"""Services: replicas held at offers, requests served as the integral of the smaller of need and capacity.

A service wakes the policy on its autoscaling period and at nothing else: how many requests were served is worked out
from the need's path and the times at which replicas came and went, a month at a time, vectorised.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from marketsim.demand.job import Service
from marketsim.engine import kernel
from marketsim.engine.pool import Pool
from marketsim.engine.setup import may_serve_tokens, replica_rate
from marketsim.engine.state import Replica
from marketsim.ledger import ACCOUNT, REFERENCE
from marketsim.path import Path
from marketsim.policies import policy as say
from marketsim.units import DAY_S, MICRO, MILLI

if TYPE_CHECKING:
    from marketsim.engine.run import Engine

TOKENS, REVENUE, CASH = ACCOUNT["expense:tokens"], ACCOUNT["income:revenue"], ACCOUNT["cash"]
SERVICE = REFERENCE["service"]


class _State:
    """One service in a run: its replicas by offer, and the changes of its capacity."""

    def __init__(self) -> None:
        self.replicas: dict[int, list[Replica]] = {}  # offer -> in order of start
        self.change_s = array("q")  # when its capacity changes,
        self.changes = array("d")  # and by how many requests a second
        self.tokens: dict[int, float] = {}  # token offer -> requests a second it takes
        self.token_changes: dict[int, list[tuple[int, float]]] = {}  # token offer -> (t_s, requests a second from then)
        self.ended = False
        self.wakes: Iterator[int] = iter(())  # grid points at which need or prices make it be asked
        self.next_s = -1
        self.looked: set[int] = set()  # offers at which the rule, when it was last asked, looked for room
        self.usable: set[float] = set()  # rates of a replica at the offers that the grid points were worked out for

    def change(self, t_s: int, requests_per_s: float) -> None:
        """Capacity changes at a time, now or to come."""
        self.change_s.append(t_s)
        self.changes.append(requests_per_s)


class Serving:
    """Scales services, and accounts for what they served."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.services = list(engine.world.services)  # a lever may replace one
        self._states = [_State() for _ in self.services]
        self._due: dict[int, set[int]] = {}  # second -> services that are asked then, in order of number
        self._asked = (-1, -1)  # the last second at which services were asked, and the number that has had its turn
        self._accounted_s = 0
        self._service_milli_s: dict[int, int] = {}

    def begin(self) -> None:
        """The first scaling is at second 0."""
        for number in range(len(self.services)):
            self._rewind(number, 0)
            self._ask_at(0, number)

    def _ask_at(self, t_s: int, number: int) -> None:
        """Ask the placement for a service's size at a second, once."""
        due = self._due.get(t_s)
        if due is None:
            due = self._due[t_s] = set()
            self._engine.kernel.call_at(t_s, kernel.SCALE, self._ask_due)
        due.add(number)

    def _ask_due(self, _: None) -> None:
        now = self._engine.kernel._now
        due = self._due[now]
        while due:
            number = min(due)  # one that gives up capacity lets those after it be asked too
            due.remove(number)
            self._asked = now, number
            self._autoscale(number)
        del self._due[now]
        self._asked = now, len(self.services)

    def _rewind(self, number: int, from_s: int) -> None:
        """Note the points of the autoscaling grid at which the need, or what offers cost, has changed."""
        engine, service = self._engine, self.services[number]
        rates = engine.setup.replica_requests_per_s[number]
        prices = [offer.price for offer, rate in zip(engine.world.offers, rates, strict=True) if rate and offer.price]
        state = self._states[number]
        state.usable = self._usable(number)
        state.wakes = iter(wakes(service, state.usable, prices, from_s, engine.world.horizon_s))
        state.next_s = -1

    def _usable(self, number: int) -> set[float]:
        """Requests a second of a replica where one could stand now: what is bought or signed for must be here."""
        engine = self._engine
        rates = [
            (rate, pool.offer.price is not None or pool.committed > 0)
            for pool, rate in zip(engine.pools, engine.setup.replica_requests_per_s[number], strict=True)
            if rate
        ]
        return {rate for rate, here in rates if here} or {rate for rate, _ in rates}

    def _autoscale(self, number: int) -> None:
        """Ask the placement for the service's size; the next time is the next grid point that brings a change."""
        engine, state = self._engine, self._states[number]
        now = engine.kernel._now
        if state.ended:
            return
        state.looked.clear()
        changed = False
        for action in engine.placement.scale(number, engine.view):
            changed = self.scale(action) or changed
        if state.next_s <= now:
            state.next_s = next((t for t in state.wakes if t > now), -1)
            if state.next_s > 0:
                self._ask_at(state.next_s, number)
        if changed:
            engine.news()

    def stir(self, pool: Pool) -> None:
        """More can be had at an offer: services whose rule looked for room there are asked at their next grid point."""
        for number, state in enumerate(self._states):
            if pool.index in state.looked:
                self._ask_soon(number, state)

    def delivered(self, pool: Pool) -> None:
        """What was signed for or bought is here, or gone: that changes where a service goes first."""
        for number, state in enumerate(self._states):
            rate = self._engine.setup.replica_requests_per_s[number][pool.index]
            if rate and not state.ended:
                if rate not in state.usable:
                    self._rewind(number, self._engine.kernel._now)
                self._ask_soon(number, state)

    def _ask_soon(self, number: int, state: _State) -> None:
        now, period_s = self._engine.kernel._now, self.services[number].autoscale.period_s
        at_s = -(-now // period_s) * period_s
        if (at_s, number) <= self._asked:  # its turn at this second is over
            at_s += period_s
        if at_s < self._engine.world.horizon_s and not state.ended:
            self._ask_at(at_s, number)

    def scale(self, action: say.Scale) -> bool:
        """Bring a service to a number of replicas, or a rate of tokens, at an offer; whether that frees capacity."""
        engine = self._engine
        pool = engine.pool_of.get(action.offer)
        if pool is None or not 0 <= action.service < len(self.services):
            raise engine.impossible(
                f"cannot scale service {action.service} at {action.offer!r}: there is no such thing"
            )
        service, state = self.services[action.service], self._states[action.service]
        if state.ended:
            return False
        now = engine.kernel._now
        if pool.offer.usd_per_output_token is not None:
            if state.tokens.get(pool.index, 0.0) != action.requests_per_s and may_serve_tokens(service, pool.offer):
                state.tokens[pool.index] = action.requests_per_s
                state.token_changes.setdefault(pool.index, []).append((now, action.requests_per_s))
                row = (now, action.service, pool.index, 0, round(action.requests_per_s * MILLI))
                engine.ledger.scaled.write(row)
            return False
        replicas = state.replicas.setdefault(pool.index, [])
        before = len(replicas)
        while len(replicas) < action.replicas:
            replicas.append(self._start(action.service, pool))
        while len(replicas) > action.replicas:
            self._stop(replicas.pop(), pool, gives_back=True)
        if len(replicas) != before:
            engine.ledger.scaled.write((now, action.service, pool.index, len(replicas), 0))
        return len(replicas) < before

    def _start(self, number: int, pool: Pool) -> Replica:
        engine, need = self._engine, self.services[number].replica
        rate = engine.setup.replica_requests_per_s[number][pool.index]
        if not rate:
            raise engine.impossible(f"service {self.services[number].name} cannot run at {pool.offer.id}")
        instance = pool.take_share(need.milli)
        if instance is None:
            if not engine.outages.room(pool):
                raise engine.impossible(f"no replica of {self.services[number].name} fits at {pool.offer.id} now")
            engine.leases.launch(pool, -1)
            instance = pool.take_share(need.milli)
            assert instance is not None
        now = engine.kernel._now
        ready_s = max(instance.up_s, now) + need.checkpoint.start_s
        replica = Replica(number, pool.index, instance, now, ready_s)
        instance.holders[replica] = None
        if instance.commitment < 0:
            engine.leases.note_user(instance, -1, number)
        self._states[number].change(ready_s, rate)
        return replica

    def _stop(self, replica: Replica, pool: Pool, gives_back: bool) -> None:
        engine = self._engine
        now, number = engine.kernel._now, replica.service
        milli = self.services[number].replica.milli
        rate = engine.setup.replica_requests_per_s[number][pool.index]
        self._states[number].change(max(now, replica.ready_s), -rate)
        instance = replica.instance
        engine.ledger.replicas.write((replica.started_s, replica.ready_s, now, number, pool.index, instance.id, milli))
        self._note_busy(pool, replica.counted_s, now, milli)
        del instance.holders[replica]
        if gives_back and pool.give_share(instance, milli):
            engine.leases.emptied(pool, instance)

    def lose(self, replica: Replica) -> None:
        """A replica's instance is gone or down."""
        pool = self._engine.pools[replica.offer_index]
        state = self._states[replica.service]
        state.replicas[pool.index].remove(replica)
        self._stop(replica, pool, gives_back=False)
        milli = self.services[replica.service].replica.milli
        pool.give_share(replica.instance, milli)
        self._ask_soon(replica.service, state)
        left = len(state.replicas[pool.index])
        self._engine.ledger.scaled.write((self._engine.kernel._now, replica.service, pool.index, left, 0))

    def end(self) -> None:
        """At the horizon the traffic ends, and with it every replica."""
        now = self._engine.kernel._now
        for number, state in enumerate(self._states):
            for offer, replicas in sorted(state.replicas.items()):
                pool = self._engine.pools[offer]
                held = len(replicas)
                while replicas:
                    self._stop(replicas.pop(), pool, gives_back=True)
                if held:
                    self._engine.ledger.scaled.write((now, number, offer, 0, 0))
            state.ended = True

    # ------------------------------------------------------------------------------------------ for the view

    def replicas(self, number: int) -> dict[str, int]:
        """Replicas of a service by offer id, booting included."""
        pools = self._engine.pools
        return {pools[offer].offer.id: len(held) for offer, held in self._states[number].replicas.items() if held}

    def number(self, name: str) -> int | None:
        """A service's number by name, None where there is none."""
        return next((number for number, one in enumerate(self.services) if one.name == name), None)

    def change(self, number: int, service: Service) -> None:
        """A lever replaces a service: replicas that are held serve at their new rate from now on."""
        engine, state = self._engine, self._states[number]
        now = engine.kernel._now
        rates = engine.setup.replica_requests_per_s[number]
        self.services[number] = service
        for offer, terms in enumerate(engine.world.offers):
            before, rates[offer] = rates[offer], replica_rate(service, terms)
            for replica in state.replicas.get(offer, ()):
                state.change(max(now, replica.ready_s), rates[offer] - before)
        self._rewind(number, now)  # by the new rates: they decide at which needs the size must change
        self._ask_at(now, number)

    def note_look(self, number: int, pool: Pool) -> None:
        """A rule looks for room for a service at an offer: it is asked again when there is more."""
        self._states[number].looked.add(pool.index)

    def need_now(self, number: int) -> float:
        """Requests a second of a service now."""
        now = self._engine.kernel._now
        return 0.0 if self._states[number].ended else self.services[number].requests_per_s.at(now)

    # ------------------------------------------------------------------------------------------ accounts

    def _note_busy(self, pool: Pool, from_s: int, to_s: int, milli: int) -> None:
        if pool.offer.standing is not None:
            self._service_milli_s[pool.index] = self._service_milli_s.get(pool.index, 0) + milli * (to_s - from_s)

    def busy_milli_s(self, pool: Pool, to_s: int) -> int:
        """Milli-GPU-seconds that replicas held at an offer since it was last asked."""
        total = self._service_milli_s.pop(pool.index, 0)
        for number, state in enumerate(self._states):
            milli = self.services[number].replica.milli
            for replica in state.replicas.get(pool.index, ()):
                total += milli * (to_s - replica.counted_s)
                replica.counted_s = to_s
        return total

    def month(self, to_s: int) -> None:
        """Account for what was served, and pay for tokens, up to a time."""
        to_s = min(to_s, self._engine.world.horizon_s)
        from_s, self._accounted_s = self._accounted_s, to_s
        if to_s > from_s:
            for number in range(len(self.services)):
                self._account(number, from_s, to_s)

    def _account(self, number: int, from_s: int, to_s: int) -> None:
        engine, service, state = self._engine, self.services[number], self._states[number]
        outages = [edge for offer in state.token_changes for span in engine.world.offers[offer].down for edge in span]
        steps = np.concatenate((service.requests_per_s.times_s, np.array(outages, np.int64)))
        times = _grid(from_s, to_s, steps, state)
        spans = np.diff(np.append(times, to_s))
        need = service.requests_per_s.at_many(times)
        held = _level(np.array(state.change_s), np.array(state.changes), times)
        served = np.minimum(need, held)
        left = need - served
        for offer in sorted(state.token_changes):
            most = engine.world.offers[offer].requests_per_s_at_most
            bought = np.minimum(np.minimum(left, _latest(state.token_changes[offer], times)), most or np.inf)
            bought = np.where(_inside(engine.world.offers[offer].down, times), 0.0, bought)
            left = left - bought
            served = served + bought
            self._pay_tokens(number, offer, float((bought * spans).sum()), to_s)
        self._write_days(number, times, need * spans, served * spans, to_s)
        if service.usd_revenue_per_request:
            micro = round(float((served * spans).sum()) * service.usd_revenue_per_request * MICRO)
            engine.books.post(to_s, CASH, REVENUE, micro, micro, -1, SERVICE, number, -1, number)

    def _write_days(
        self, number: int, times: NDArray[np.int64], wanted: NDArray[np.float64], served: NDArray[np.float64], to_s: int
    ) -> None:
        """One row a day: thousandths of requests wanted and served."""
        days = times // DAY_S
        first = np.flatnonzero(np.concatenate(([True], np.diff(days) > 0)))
        starts = times[first]
        ends = np.append(starts[1:], to_s)
        wanted_milli = np.rint(np.add.reduceat(wanted, first) * MILLI).astype(np.int64)
        served_milli = np.minimum(np.rint(np.add.reduceat(served, first) * MILLI).astype(np.int64), wanted_milli)
        write = self._engine.ledger.served.write
        for row in zip(starts.tolist(), ends.tolist(), wanted_milli.tolist(), served_milli.tolist(), strict=True):
            write((row[0], row[1], number, row[2], row[3]))

    def _pay_tokens(self, number: int, offer: int, requests: float, now: int) -> None:
        service, terms = self.services[number], self._engine.pools[offer].offer
        usd = (service.input_tokens or 0.0) * (terms.usd_per_input_token or 0.0)
        usd += (service.output_tokens or 0.0) * (terms.usd_per_output_token or 0.0)
        micro = round(requests * usd * MICRO)
        self._engine.books.usage(now, micro, terms.provider, TOKENS, offer, SERVICE, number, -1, number)

    def settle(self) -> None:
        """At the end of the run."""
        self.end()
        self.month(self._engine.kernel._now)


def wakes(service: Service, rates: set[float], prices: list[Path], from_s: int, until_s: int) -> Sequence[int]:
    """Seconds of the autoscaling grid in (from_s, until_s) at which a service's size may have to change.

    Between them neither the number of replicas that the need with its headroom asks for, at any of the rates, nor a
    price is another one: a scaler that looks only at those would say the same again.
    """
    path = service.requests_per_s
    wanted = path.values * (1 + service.autoscale.headroom)
    moved = np.zeros(len(wanted), bool)
    for rate in sorted(rates):
        moved[1:] |= np.diff(np.ceil(wanted / rate - 1e-9)) != 0
    if not rates:
        moved[1:] = np.diff(wanted) != 0
    times = [path.times_s[moved], *(price.times_s[1:] for price in (prices if len(prices) > 1 else ()))]
    period_s = service.autoscale.period_s
    grid = np.unique(-(-np.concatenate(times) // period_s) * period_s)
    return [int(t) for t in grid[(grid > from_s) & (grid < until_s)]]


def _grid(from_s: int, to_s: int, steps: NDArray[np.int64], state: _State) -> NDArray[np.int64]:
    """Every time in [from_s, to_s) at which need or capacity may step, and every midnight."""
    days = np.arange(-(-from_s // DAY_S) * DAY_S, to_s, DAY_S, dtype=np.int64)
    tokens = np.array([t for one in state.token_changes.values() for t, _ in one], np.int64)
    inside = np.concatenate((np.array([from_s], np.int64), days, steps, np.array(state.change_s, np.int64), tokens))
    return np.unique(inside[(inside >= from_s) & (inside < to_s)])


def _level(at: NDArray[np.int64], changes: NDArray[np.float64], times: NDArray[np.int64]) -> NDArray[np.float64]:
    """The sum of all changes up to and at each time; what rounding leaves of nothing is nothing."""
    if not len(at):
        return np.zeros(len(times))
    order = np.argsort(at, kind="stable")
    total = np.concatenate(([0.0], np.cumsum(changes[order])))
    level = total[np.searchsorted(at[order], times, side="right")]
    return np.where(level < 1e-9, 0.0, level)


def _inside(spans: Sequence[tuple[int, int]], times: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether each time lies in one of the spans, which are increasing and apart."""
    starts = np.array([from_s for from_s, _ in spans], np.int64)
    ends = np.array([to_s for _, to_s in spans], np.int64)
    return np.searchsorted(starts, times, side="right") > np.searchsorted(ends, times, side="right")


def _latest(settings: list[tuple[int, float]], times: NDArray[np.int64]) -> NDArray[np.float64]:
    """The setting in force at each time, 0 before the first."""
    at = np.array([t for t, _ in settings], np.int64)
    values = np.concatenate(([0.0], [value for _, value in settings]))
    return np.asarray(values[np.searchsorted(at, times, side="right")])
