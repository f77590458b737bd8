"""Small worlds for the oracles: a queue in front of c GPUs, run by the engine, and its figures read off the ledger.

An oracle's unit of time is stretched to 10^6 seconds of the engine's clock, so that rounding to whole seconds is far
below any tolerance. Every figure comes back per replication; `combine` gives the mean and its standard error.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from analysis.common import Estimate
from marketsim.demand.job import NEVER, Checkpoint, JobTable, Need
from marketsim.engine.run import run
from marketsim.ledger import CAUSE, Ledger
from marketsim.path import Path
from marketsim.policies import placement, queueing
from marketsim.policies.policy import Policy
from marketsim.streams import Dice, exponential, lognormal
from marketsim.supply.offer import Offer, OutageLaw
from marketsim.supply.shape import Shape
from marketsim.units import MILLI, UNLIMITED
from marketsim.world import Order, World

UNIT = 1_000_000  # engine seconds in a unit of an oracle's time
Floats = NDArray[np.float64]
Figures = dict[str, float]

FOREVER = placement.KINDS["committed_first"].model_validate({"burst_after": {"kind": "infinite"}})


def service(law: Mapping[str, Any], uniforms: Floats) -> Floats:
    """Service times of a law named as the oracles name it: exp, det, gamma, lognormal, hyperexp, uniform."""
    kind = law["dist"]
    if kind == "exp":
        return exponential(uniforms, law["mean"])
    if kind == "det":
        return np.full(len(uniforms), float(law["mean"]))
    if kind == "gamma":
        shape = 1 / law["scv"]
        return np.asarray(special.gammaincinv(shape, uniforms) * law["mean"] / shape)
    if kind == "lognormal":
        sigma = math.sqrt(math.log(1 + law["scv"]))
        return lognormal(uniforms, law["mean"] * math.exp(-(sigma**2) / 2), sigma)
    if kind == "uniform":
        return law["lo"] + (law["hi"] - law["lo"]) * uniforms
    if kind == "hyperexp":
        edge = law["p"][0]
        first = uniforms < edge
        inner = np.where(first, uniforms / edge, (uniforms - edge) / (1 - edge))
        return exponential(inner) / np.where(first, law["rate"][0], law["rate"][1])
    raise ValueError(f"no service law is called {kind!r}")


def second_moment(law: Mapping[str, Any]) -> float:
    """E[S^2] of a law, by numerical integration of its inverse distribution function."""
    grid = (np.arange(200_000) + 0.5) / 200_000
    return float((service(law, grid) ** 2).mean())


@dataclass(frozen=True)
class Queue:
    """What is in front of the GPUs and how they are run."""

    servers: int = 1
    rule: queueing.Queueing | None = None
    outage: OutageLaw | None = None
    unlimited: bool = False  # on demand without a cap, instead of so many servers

    def policy(self) -> Policy:
        """First come first served where nothing is said."""
        rule = self.rule or queueing.KINDS["fifo"](blocking="strict")
        where = placement.KINDS["on_demand_only"]() if self.unlimited else FOREVER
        return Policy("oracle", rule, where)

    def offer(self) -> Offer:
        """One machine of one GPU a server."""
        if self.unlimited:
            many = Path.constant(UNLIMITED)
            return Offer("gpu", "on_demand", Shape("GPU"), launchable=many, keepable=many, price=Path.constant(1.0))
        return Offer("gpu", "datacenter", Shape("GPU"), outage=self.outage)


@dataclass(frozen=True)
class Customers:
    """Arrivals and service times in units, shape (n,), in order of arrival."""

    arrival: Floats
    service: Floats
    need: NDArray[np.int64] | None = None
    needs: tuple[Need, ...] = (Need("job", reference_gpu="GPU"),)
    patience: Floats | None = None


def ticks(values: Floats) -> NDArray[np.int64]:
    """Whole engine seconds."""
    return np.rint(np.asarray(values) * UNIT).astype(np.int64)


def table(customers: Customers) -> JobTable:
    """Customers as jobs of one GPU each."""
    work = np.maximum(ticks(customers.service), 1) * MILLI
    size = len(work)
    return JobTable(
        needs=customers.needs,
        need=customers.need if customers.need is not None else np.zeros(size, np.int64),
        arrival_s=ticks(customers.arrival),
        work=work,
        estimate=work,
        deadline_s=np.full(size, NEVER),
        patience_s=None if customers.patience is None else ticks(customers.patience),
    )


@dataclass(frozen=True)
class Seen:
    """What happened to each customer, in units; NaN where it never started or never finished."""

    arrival: Floats
    start: Floats
    finish: Floats
    service: Floats
    servers: int
    ledger: Ledger

    def after(self, share: float = 0.2) -> Window:
        """What is left after a warm-up share of the customers, up to the last arrival."""
        first = int(len(self.arrival) * share)
        return Window(self, first, float(self.arrival[first]), float(self.arrival[-1]))


def observe(queue: Queue, customers: Customers) -> Seen:
    """Run the queue until everybody has gone."""
    jobs = table(customers)
    size = len(jobs)
    world = World(
        horizon_s=int(jobs.arrival_s[-1]) + 1,
        jobs=jobs,
        offers=(queue.offer(),),
        orders=() if queue.unlimited else (Order("gpu", queue.servers),),
        drain_s=int(jobs.work.sum()) // MILLI * 1000 + 10_000 * UNIT,
    )
    ledger = run(world, queue.policy())
    start, finish = np.full(size, np.nan), np.full(size, np.nan)
    started = ledger.started.rows()[::-1]  # the first attempt is written last, and so stays
    start[started[:, 1]] = started[:, 0]
    stopped = ledger.stopped.rows()
    done = stopped[stopped[:, 3] == CAUSE["finished"]]
    finish[done[:, 1]] = done[:, 0]
    return Seen(
        jobs.arrival_s / UNIT, start / UNIT, finish / UNIT, customers.service, queue.servers, ledger
    )  # fmt: skip


@dataclass(frozen=True)
class Window:
    """Customers from `first` on, and the span of time from then to the last arrival."""

    seen: Seen
    first: int
    from_t: float
    to_t: float

    def _overlap(self, begin: Floats, end: Floats) -> float:
        """Time-average number of customers between `begin` and `end` within the span."""
        low, high = np.maximum(begin, self.from_t), np.minimum(end, self.to_t)
        return float(np.nansum(np.maximum(high - low, 0)) / (self.to_t - self.from_t))

    def waits(self) -> Floats:
        """Delay in queue of those that started."""
        seen = self.seen
        return (seen.start - seen.arrival)[self.first :]

    def responses(self) -> Floats:
        """Time in system of those that finished."""
        seen = self.seen
        return (seen.finish - seen.arrival)[self.first :]

    def number_in_system(self) -> float:
        """Time average."""
        end = np.where(np.isnan(self.seen.finish), self.seen.arrival, self.seen.finish)
        return self._overlap(self.seen.arrival, end)

    def number_waiting(self, left: Floats | None = None) -> float:
        """Time average; `left` is when those that never started went."""
        end = np.where(np.isnan(self.seen.start), self.seen.arrival if left is None else left, self.seen.start)
        return self._overlap(self.seen.arrival, end)

    def busy(self) -> float:
        """Time-average number of busy servers."""
        return self._overlap(self.seen.start, self.seen.finish)

    def share_of_time_with(self, count: int) -> float:
        """Share of time with exactly so many in the system."""
        seen = self.seen
        came = ~np.isnan(seen.finish)
        times = np.concatenate((seen.arrival[came], seen.finish[came]))
        change = np.concatenate((np.ones(came.sum()), -np.ones(came.sum())))
        order = np.argsort(times, kind="stable")
        times, level = times[order], np.cumsum(change[order])
        inside = np.clip(times, self.from_t, self.to_t)
        spans = np.diff(np.append(inside, self.to_t))
        return float(spans[np.rint(level) == count].sum() / (self.to_t - self.from_t))


def steady(window: Window, params: Mapping[str, Any]) -> Figures:
    """The figures that oracles of queues in steady state ask for."""
    waits, responses = window.waits(), window.responses()
    servers = window.seen.servers
    busy = window.busy()
    figures = {
        "utilization": busy / servers,
        "offered_load": busy,
        "carried_load": busy,
        "L": window.number_in_system(),
        "Lq": window.number_waiting(),
        "W": float(np.nanmean(responses)),
        "Wq": float(np.nanmean(waits)),
        "Var_Wq": float(np.nanvar(waits)),
        "P_wait": float((waits > 1.5 / UNIT).sum() / len(waits)),
        "q95_W": float(np.nanquantile(responses, 0.95)),
    }
    if servers == 1:
        figures["P_empty"] = 1 - busy
        figures["p1"] = window.share_of_time_with(1)
    if "t" in params:
        figures["P_wait_gt_t"] = float((waits > params["t"]).mean())
    if "x" in params:
        figures["P_wait_le_x"] = float((waits <= params["x"]).mean())
    return figures


# ---------------------------------------------------------------------------------------------- replications


def combine(rows: Sequence[Figures]) -> dict[str, Estimate]:
    """Means over replications with their standard errors."""
    count = len(rows)
    return {
        name: Estimate(
            float(np.mean([row[name] for row in rows])),
            float(np.std([row[name] for row in rows], ddof=1) / math.sqrt(count)),
        )
        for name in rows[0]
    }


def replicate(
    one: Callable[[Dice], Figures], case: Mapping[str, Any], quick: bool, most: int = 1200, at_least: int = 30
) -> dict[str, Estimate]:
    """Replications until four standard errors are within the case's tolerance of each figure, or there are `most`.

    `quick` stops at the least number: figures are then checked against their own standard errors alone.
    """
    limit = case["tolerance"].get("max_rel", math.inf)
    wanted = case["expected"]
    by_formula = set(case.get("formula_only", ()))
    rows = [one(Dice(20_251, number)) for number in range(at_least)]
    while not quick and len(rows) < most:
        found = combine(rows)
        loose = [
            (4 * (found[name].se or 0.0) / abs(value) / limit) ** 2
            for name, value in wanted.items()
            if name in found and name not in by_formula and value
        ]
        worst = max(loose, default=0.0)
        if worst <= 0.97:
            break
        more = min(max(round(len(rows) * (worst * 1.08 - 1)), 10), most - len(rows), 3 * len(rows))
        rows += [one(Dice(20_251, number)) for number in range(len(rows), len(rows) + more)]
    return combine(rows)


def poisson(dice: Dice, rate: float, count: int) -> Floats:
    """Arrival times of a Poisson process."""
    return np.cumsum(exponential(dice.uniforms("arrivals", count), 1 / rate))


__all__ = [
    "FOREVER", "UNIT", "Checkpoint", "Customers", "Figures", "Queue", "Seen", "Window", "combine", "observe",
    "poisson", "replicate", "second_moment", "service", "steady", "table", "ticks",
]  # fmt: skip
