"""One throw of all dice that do not depend on choices, shared by every policy of a replication.

`World` has a public constructor: studies and tests build worlds of job columns, offers and paths without any YAML.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from marketsim.demand.job import JobTable, Service
from marketsim.levers.lever import DrawnLever
from marketsim.path import Path
from marketsim.streams import Dice
from marketsim.supply.offer import Offer
from marketsim.units import DAY_S


@dataclass(frozen=True)
class Order:
    """Instances committed before the run starts: signed or bought `age_s` ago, delivered at second 0.

    term_s: of a contract; None for what is bought, or for the offer's usual term.

    >>> import marketsim as ms
    >>> ms.Order("own", instances=4, age_s=180 * 86_400)
    Order(offer='own', instances=4, age_s=15552000, term_s=None)
    """

    offer: str
    instances: int
    age_s: int = 0
    term_s: int | None = None


@dataclass(frozen=True)
class RunningJob:
    """A job of the table that already runs at second 0, with the work it has kept."""

    job: int
    offer: str
    progress: int = 0


@dataclass(frozen=True)
class Credit:
    """Cloud credits: micro-dollars good at one provider until a time."""

    provider: str
    micro: int
    until_s: int


@dataclass(frozen=True)
class Money:
    """The startup's purse: opening cash, other monthly burn, credits, and the rate of its tax on profit.

    cash_micro None: cash is not watched. stop_when_insolvent: the run ends when cash falls below 0.
    """

    cash_micro: int | None = None
    other_burn_micro_per_month: int = 0
    credits: tuple[Credit, ...] = ()
    tax_rate: float = 0.0
    stop_when_insolvent: bool = False
    rounds: tuple[tuple[int, int], ...] = ()  # (t_s, micro-dollars raised)


@dataclass(frozen=True)
class Clock:
    """When decisions can be taken: every `decide_every_s` where published results are slotted, else at any second."""

    decide_every_s: int = 1
    finish_on_grid: bool = False


@dataclass(frozen=True, eq=False)
class World:
    """Everything a run is given. horizon_s: arrivals and services end; drain_s: the most that unfinished jobs get.

    `build_world` makes one of a scenario; a study makes its own of job columns and offers. Raises ValueError where two
    offers have one id.

    >>> import marketsim as ms
    >>> hour = 3_600_000  # milli-GPU-seconds: one GPU for an hour
    >>> jobs = ms.JobTable(
    ...     needs=(ms.Need("train", reference_gpu="H100"),),
    ...     need=[0, 0], arrival_s=[0, 600], work=[2 * hour, hour], estimate=[hour, hour], deadline_s=[7200, 6000],
    ... )
    >>> one, price = ms.Path.constant(1), ms.Path.constant(3.6)  # instances; USD an hour
    >>> cloud = ms.Offer("cloud", "on_demand", ms.Shape("H100"), launchable=one, keepable=one, price=price)
    >>> world = ms.World(horizon_s=86_400, jobs=jobs, offers=(cloud,))
    >>> fifo, place = ms.kinds("queue")["fifo"](), ms.kinds("placement")["on_demand_only"]()
    >>> numbers = ms.measure(world, ms.simulate(world, ms.Policy("in order", fifo, place)))
    >>> numbers["total_cost_usd"], numbers["missed_deadline_share"]  # three hours; the second job ends at 10,800 s
    (10.8, 0.5)
    """

    horizon_s: int
    jobs: JobTable
    offers: tuple[Offer, ...]
    services: tuple[Service, ...] = ()
    drain_s: int = 30 * DAY_S
    backlog_offer: str | None = None  # whose price unfinished work is charged at; None: the cheapest metered that fits
    orders: tuple[Order, ...] = ()
    running: tuple[RunningJob, ...] = ()
    money: Money = field(default_factory=Money)
    clock: Clock = field(default_factory=Clock)
    usd_per_gb_month_storage: float = 0.0
    scarcity: Path = field(default_factory=lambda: Path.constant(0.0))
    levers: Mapping[str, DrawnLever] = field(default_factory=dict)
    dice: Dice = field(default_factory=lambda: Dice(0))

    def __post_init__(self) -> None:
        ids = [offer.id for offer in self.offers]
        if len(set(ids)) != len(ids):
            raise ValueError("two offers have one id")

    @property
    def end_s(self) -> int:
        """The latest second of a run."""
        return self.horizon_s + self.drain_s

    @cached_property
    def offer_index(self) -> dict[str, int]:
        """The number of each offer by id."""
        return {offer.id: index for index, offer in enumerate(self.offers)}

    @cached_property
    def exogenous_hash(self) -> str:
        """A digest of all that was drawn: jobs, paths, services, what levers come to; one value under every policy."""
        digest = hashlib.blake2b(digest_size=16)

        def add(*parts: object) -> None:
            for part in parts:
                if isinstance(part, np.ndarray):
                    digest.update(part.tobytes())
                elif isinstance(part, Path):
                    digest.update(part.times_s.tobytes())
                    digest.update(part.values.tobytes())
                else:
                    digest.update(repr(part).encode())
                digest.update(b"|")

        jobs = self.jobs
        add(self.horizon_s, self.drain_s, self.dice, jobs.needs, jobs.need, jobs.arrival_s, jobs.work, jobs.estimate)
        add(jobs.deadline_s, jobs.tenant, jobs.after_start, jobs.after)
        for number, need in enumerate(jobs.needs):
            if need.elastic:
                add(number, need.elastic)
        for offer in sorted(self.offers, key=lambda one: one.id):
            add(offer.id, offer.launchable, offer.keepable, offer.price, offer.outage, offer.down)
        for service in sorted(self.services, key=lambda one: one.name):
            add(service.name, service.requests_per_s, service.replica)
        for name in sorted(self.levers):
            add(name, self.levers[name].outcome)
        add(self.scarcity)
        return digest.hexdigest()
