"""The same market twice: once in our engine, once as a SimPy user would write it, a process for each job.

Own GPUs stand there; spot comes and goes with the market's count and is taken back from the newest lease first. A job
takes spot where there is some, else an own GPU, else it waits in order of arrival. It writes a checkpoint each hour at
no cost, and a reclaim costs it what came after the last one and a restart. What is compared is the dollars for spot,
the launches and the last finish; then the time that both take.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Any

import numpy as np
import simpy

from marketsim.demand.job import NEVER, Checkpoint, JobTable, Need
from marketsim.engine.run import run
from marketsim.ledger import ACCOUNT
from marketsim.path import Path
from marketsim.policies import placement, queueing
from marketsim.policies.policy import Policy
from marketsim.streams import Dice, exponential
from marketsim.supply.offer import Offer
from marketsim.supply.shape import Shape
from marketsim.units import HOUR_S, MICRO, MILLI
from marketsim.world import Order, World

OWN_GPUS = 20
CHECKPOINT_S, RESTART_S = HOUR_S, 300
BETWEEN_S, MEAN_S = 300.0, 3 * HOUR_S  # 36 GPUs' worth of work comes in


class Outcome(tuple[float, int, int]):
    """USD for spot, launches of spot, second of the last finish."""


def market(count: int) -> World:
    """`count` one-GPU jobs, 20 GPUs of our own, up to 40 on spot whose count and price change each hour."""
    dice = Dice(11)
    arrival = np.cumsum(exponential(dice.uniforms("arrivals", count), BETWEEN_S)).astype(np.int64)
    seconds = np.maximum(exponential(dice.uniforms("work", count), MEAN_S).astype(np.int64), 60)
    hours = int(arrival[-1]) // HOUR_S + 200
    times = np.arange(hours, dtype=np.int64) * HOUR_S
    there = np.clip(20 + np.cumsum(np.floor(dice.uniforms("count", hours) * 7) - 3), 0, 40)
    there = np.where(dice.uniforms("gone", hours) < 0.03, 0, there)
    price = 1 + dice.uniforms("price", hours)
    spot = Path(times, there)
    need = Need("job", reference_gpu="GPU", checkpoint=Checkpoint(CHECKPOINT_S, 0, RESTART_S))
    work = seconds * MILLI
    jobs = JobTable((need,), np.zeros(count, np.int64), arrival, work, work, np.full(count, NEVER))
    offers = (
        Offer("own", "datacenter", Shape("GPU", gpus=1)),
        Offer("spot", "spot", Shape("GPU", gpus=1), launchable=spot, keepable=spot, price=Path(times, price)),
    )
    return World(int(arrival[-1]) + 1, jobs, offers, orders=(Order("own", OWN_GPUS),), drain_s=5000 * HOUR_S)


def ours(world: World) -> Outcome:
    """The engine, with its queue, placement and ledger."""
    where = placement.KINDS["committed_first"].model_validate(
        {"burst_after": {"kind": "infinite"}, "spot_up_to": "365 d"}
    )
    ledger = run(world, Policy("spot-then-own", queueing.KINDS["fifo"](blocking="strict"), where))
    usage = ledger.posted.column("debit") == ACCOUNT["expense:usage"]
    usd = float(ledger.posted.column("billed")[usage].sum()) / MICRO
    leases = int((ledger.launched.column("commitment") < 0).sum())
    return Outcome((usd, leases, int(ledger.stopped.column("t_s").max())))


@dataclass
class _Market:
    """What a SimPy user would keep: a queue of events to grant, a count of own GPUs, the leases in order of launch."""

    env: simpy.Environment
    price: Path
    own_free: int = OWN_GPUS
    spot_most: int = 0
    waiting: list[tuple[int, simpy.Event]] = field(default_factory=list)
    leases: dict[int, simpy.Process] = field(default_factory=dict)  # job -> its process, oldest lease first
    usd: float = 0.0
    launches: int = 0
    last_s: int = 0

    def __post_init__(self) -> None:
        self.news = self.env.event()
        self.env.process(self._dispatcher())

    def ask(self, number: int) -> simpy.Event:
        granted = self.env.event()
        heappush(self.waiting, (number, granted))
        self.stir()
        return granted

    def stir(self) -> None:
        if not self.news.triggered:
            self.news.succeed()

    def _dispatcher(self) -> Generator[simpy.Event, Any, None]:
        """Once a second in which something happened, after all of it, those who wait get what there is."""
        while True:
            yield self.news
            yield self.env.timeout(0)
            yield self.env.timeout(0)
            self.news = self.env.event()
            while self.waiting and (len(self.leases) < self.spot_most or self.own_free):
                number, granted = heappop(self.waiting)
                on_spot = len(self.leases) < self.spot_most
                if on_spot:
                    self.launches += 1
                    self.leases[number] = None  # type: ignore[assignment]
                else:
                    self.own_free -= 1
                granted.succeed(on_spot)

    def leave(self, number: int, on_spot: bool, since_s: int) -> None:
        if on_spot:
            self.leases.pop(number, None)
            self.usd += self.price.integral(since_s, int(self.env.now)) / HOUR_S
        else:
            self.own_free += 1
        self.stir()

    def walk(self, there: Path) -> Generator[simpy.Event, Any, None]:
        """The market's count, hour by hour; what is too much is taken back, the newest lease first."""
        for t_s, count in zip(there.times_s.tolist(), there.values.tolist(), strict=True):
            yield self.env.timeout(t_s - self.env.now)
            yield self.env.timeout(0)  # what ends at this second has ended
            self.spot_most = int(count)
            while len(self.leases) > self.spot_most:
                self.leases.popitem()[1].interrupt()
            self.stir()


def _job(market: _Market, number: int, left_s: int) -> Generator[simpy.Event, Any, None]:
    """A job's life: ask, work from checkpoint to checkpoint, and after a reclaim ask again with what is kept."""
    env, restart_s = market.env, 0
    process = env.active_process
    while left_s:
        on_spot = yield market.ask(number)
        since_s = int(env.now)
        if on_spot:
            market.leases[number] = process  # type: ignore[assignment]
        try:
            if restart_s:
                yield env.timeout(restart_s)
            while left_s:
                stretch_s = min(left_s, CHECKPOINT_S)
                yield env.timeout(stretch_s)
                left_s -= stretch_s
        except simpy.Interrupt:
            restart_s = RESTART_S
        market.leave(number, on_spot, since_s)
    market.last_s = int(env.now)


def _source(market: _Market, jobs: JobTable) -> Generator[simpy.Event, Any, None]:
    seconds = (jobs.work // MILLI).tolist()
    for number, arrival_s in enumerate(jobs.arrival_s.tolist()):
        yield market.env.timeout(arrival_s - market.env.now)
        market.env.process(_job(market, number, seconds[number]))


def idiomatic(world: World) -> Outcome:
    """The same as SimPy's documentation would have it."""
    spot = world.offers[1]
    assert spot.price is not None
    env = simpy.Environment()
    market = _Market(env, spot.price)
    env.process(market.walk(spot.launchable))
    env.process(_source(market, world.jobs))
    env.run()
    return Outcome((market.usd, market.launches, market.last_s))
