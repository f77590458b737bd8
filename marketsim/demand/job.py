"""What a workload asks for: jobs, that end, and services, that last.

Work is whole milli-GPU-seconds on the workload's reference GPU: one GPU for one second is 1,000. A job's true work is
known to the world and the engine; a policy sees the estimate. Jobs that ask for the same thing share one `Need`, and
the queue, the feasibility of an offer and its speed are all decided per need.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from marketsim.path import Path
from marketsim.units import MILLI, PPM

NEVER = 2**62  # a time that does not come: no deadline, no patience

INTERCONNECTS = ("none", "pcie", "nvlink", "fabric")  # each contains the ones before it


@dataclass(frozen=True)
class Checkpoint:
    """How a job keeps its work when it is stopped.

    every_s: compute seconds between two checkpoints; 0 means that work is never lost, None that none is written.
    cost_s: wall seconds one takes; it saves the progress made at its start, once it has ended.
    restart_s: wall seconds redone at the start of every attempt after the first; start_s: of the first.
    final: whether one is also written when the work is done.
    """

    every_s: int | None = None
    cost_s: int = 0
    restart_s: int = 0
    start_s: int = 0
    final: bool = False


class Size(NamedTuple):
    """One size at which an elastic job may run: its gang, and what a GPU does there over what one does at the declared.

    efficiency_ppm: millionths, 10^6 at the declared size, where work is counted; rounded up, so that what takes whole
    seconds does.
    """

    instances: int
    milli: int
    interconnect: str
    efficiency_ppm: int


@dataclass(frozen=True)
class Need:
    """What every job of one class asks of the instances that run it.

    workload: name of the demand it belongs to. instances x milli (thousandths of a GPU on each instance) is the gang;
    residency: the classes it may run in, None for anywhere. family: names the column of GPU speeds that applies.
    usd_per_late_day is charged for each started day past the deadline, up to usd_at_most.
    elastic: all sizes at which it may be started, its own included, the fastest first; empty where there is one alone.
    efficiency_ppm: see `Size`; other than 10^6 at the other sizes of an elastic need alone.

    >>> import marketsim as ms
    >>> two_machines = ms.Need("pretrain", instances=2, milli=8_000, interconnect="fabric", usd_per_late_day=500.0)
    >>> two_machines.gang_milli  # 16 GPUs
    16000
    """

    workload: str
    instances: int = 1
    milli: int = 1000
    memory_gb_per_gpu: float = 0.0
    interconnect: str = "none"
    residency: tuple[str, ...] | None = None
    reference_gpu: str = "H100"
    family: str = "nlp"
    checkpoint: Checkpoint = field(default_factory=Checkpoint)
    patience_s: int = NEVER
    data_gb: float = 0.0
    priority: int = 0
    usd_per_late_day: float = 0.0
    usd_at_most: float = float("inf")
    efficiency_ppm: int = field(default=PPM, repr=False)
    elastic: tuple[Size, ...] = field(default=(), repr=False)

    @property
    def gang_milli(self) -> int:
        """Thousandths of a GPU that the whole gang holds."""
        return self.instances * self.milli

    def sizes(self) -> tuple[Need, ...]:
        """The need at each size at which it may be started, the fastest first; itself where it is declared so.

        >>> [one.milli for one in elastic(Need("train", milli=8_000), [Need("train", milli=4_000)]).sizes()]
        [8000, 4000]
        """
        if not self.elastic:
            return (self,)
        own = (self.instances, self.milli)
        return tuple(
            self if (one.instances, one.milli) == own else replace(self, **one._asdict(), elastic=())
            for one in self.elastic
        )


def parallel_loss(gpus: float, sigma: float) -> float:
    """1 + sigma (n - 1): GPU-seconds on n GPUs over those on one; n / (1 + sigma (n - 1)) is how much faster they are.

    A share of a GPU loses nothing.

    >>> parallel_loss(8, 0.1), parallel_loss(0.5, 0.1)
    (1.7000000000000002, 1.0)
    """
    return 1 + sigma * max(gpus - 1, 0)


def elastic(need: Need, others: Iterable[Need], sigma: float = 0.0) -> Need:
    """The need, which may be started at the gangs of others too, with the parallel efficiency 1 / (1 + sigma (n - 1)).

    Work stays counted at the declared size of n GPUs: on m of them one GPU does (1 + sigma (n - 1)) /
    (1 + sigma (m - 1)) of what it does there. Sizes stand by speed; of equally fast ones (sigma 1) the smallest is
    first. ValueError for a size that is there twice.
    """
    gangs = [need, *others]
    if len({(one.instances, one.milli) for one in gangs}) < len(gangs):
        raise ValueError("the sizes of an elastic job differ from one another")
    loss = [parallel_loss(one.gang_milli / MILLI, sigma) for one in gangs]
    found = [
        Size(one.instances, one.milli, one.interconnect, math.ceil(loss[0] / here * PPM - 1e-6))
        for one, here in zip(gangs, loss, strict=True)
    ]
    slower = {size: round(-one.gang_milli / here, 6) for size, one, here in zip(found, gangs, loss, strict=True)}
    order = sorted(found, key=lambda size: (slower[size], size.instances * size.milli, size.instances))
    return replace(need, elastic=tuple(order) if len(order) > 1 else ())


Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class JobTable:
    """All jobs of one replication in order of arrival, one row each, shape (n,); ties keep the order of the demands.

    need: index into `needs`. arrival_s: when it is submitted. work, estimate: milli-GPU-seconds, at least 1.
    deadline_s: NEVER where there is none. tenant: index into `tenants`. after_start (n + 1,), after (m,): job i starts
    once jobs after[after_start[i]:after_start[i + 1]] have finished. names: labels of a trace's rows. patience_s: how
    long each job stays in the queue, where they differ from their needs'. think_s: of a closed loop, where people wait
    for one job before they submit the next: the job is submitted that long after its last predecessor has ended, or not
    at all from the horizon on. Its arrival_s is then the earliest that can be, as if nothing took any time, and its
    deadline keeps its distance from the submission. Raises ValueError for columns that do not fit together.

    >>> import marketsim as ms
    >>> hour = 3_600_000  # milli-GPU-seconds: one GPU for an hour
    >>> jobs = ms.JobTable(
    ...     needs=(ms.Need("train", reference_gpu="H100"),),
    ...     need=[0, 0], arrival_s=[0, 600], work=[2 * hour, hour], estimate=[hour, hour], deadline_s=[7200, 6000],
    ... )
    >>> len(jobs), jobs.arrival_s.dtype, jobs.work.shape
    (2, dtype('int64'), (2,))
    """

    needs: tuple[Need, ...]
    need: Ints
    arrival_s: Ints
    work: Ints
    estimate: Ints
    deadline_s: Ints
    tenant: Ints | None = None
    tenants: tuple[str, ...] = ("all",)
    after_start: Ints | None = None
    after: Ints | None = None
    names: tuple[str, ...] | None = None
    patience_s: Ints | None = None
    think_s: Ints | None = None

    def __post_init__(self) -> None:
        size = len(self.arrival_s)
        for name in ("need", "arrival_s", "work", "estimate", "deadline_s", "tenant", "patience_s", "think_s"):
            column = getattr(self, name)
            if column is None:
                continue
            column = np.ascontiguousarray(column, dtype=np.int64)
            if column.shape != (size,):
                raise ValueError(f"{name} has shape {column.shape}, wanted ({size},)")
            column.setflags(write=False)
            object.__setattr__(self, name, column)
        if size and ((np.diff(self.arrival_s) < 0).any() or self.arrival_s[0] < 0):
            raise ValueError("jobs stand in order of arrival, from 0")
        if size and (self.work.min() < 1 or self.estimate.min() < 1):
            raise ValueError("work and estimate are at least 1 milli-GPU-second")
        if size and not (self.need.min() >= 0 and self.need.max() < len(self.needs)):
            raise ValueError("need points outside needs")
        if (self.after_start is None) != (self.after is None):
            raise ValueError("after and after_start come together")
        if self.after_start is not None and self.after is not None:
            if len(self.after_start) != size + 1:
                raise ValueError(f"after_start has {len(self.after_start)} entries, wanted {size + 1}")
            if len(self.after) and not (self.after.min() >= 0 and self.after.max() < size):
                raise ValueError("after points outside the table")

    def __len__(self) -> int:
        return len(self.arrival_s)

    @classmethod
    def empty(cls) -> JobTable:
        """No jobs at all."""
        none = np.zeros(0, np.int64)
        return cls((), none, none, none, none, none)


def raised(estimate: int, done: int) -> int:
    """The estimate of all of a job's work once so much of it is done: doubled until it is above that.

    >>> raised(100, 99), raised(100, 100), raised(100, 450)
    (100, 200, 800)
    """
    while estimate <= done:
        estimate *= 2
    return estimate


def merge(tables: list[JobTable]) -> JobTable:
    """One table in order of arrival; at one instant the order of the tables, then of their rows, is kept."""
    tables = [table for table in tables if len(table)]
    if not tables:
        return JobTable.empty()
    needs: list[Need] = []
    tenants: list[str] = []
    columns: dict[str, list[Ints]] = {
        name: [] for name in ("need", "arrival_s", "work", "estimate", "deadline_s", "tenant", "patience_s", "think_s")
    }
    links: list[tuple[int, int]] = []  # (job, predecessor) by position before sorting
    names: list[str] = []
    base = 0
    for table in tables:
        known = {need: index for index, need in enumerate(needs)}
        fresh = [need for need in table.needs if need not in known]
        for need in fresh:
            known[need] = len(needs)
            needs.append(need)
        columns["need"].append(np.array([known[need] for need in table.needs], np.int64)[table.need])
        for tenant in table.tenants:
            if tenant not in tenants:
                tenants.append(tenant)
        own = table.tenant if table.tenant is not None else np.zeros(len(table), np.int64)
        columns["tenant"].append(np.array([tenants.index(tenant) for tenant in table.tenants], np.int64)[own])
        for name in ("arrival_s", "work", "estimate", "deadline_s"):
            columns[name].append(getattr(table, name))
        columns["patience_s"].append(_patience_s(table))
        columns["think_s"].append(table.think_s if table.think_s is not None else np.zeros(len(table), np.int64))
        if table.after is not None and table.after_start is not None:
            owner = np.repeat(np.arange(len(table)), np.diff(table.after_start))
            links += [(base + int(job), base + int(before)) for job, before in zip(owner, table.after, strict=True)]
        names += table.names or (f"{table.needs[0].workload}-{row}" for row in range(len(table)))
        base += len(table)
    joined = {name: np.concatenate(parts) for name, parts in columns.items()}
    if not joined["think_s"].any():
        del joined["think_s"]
    order = np.argsort(joined["arrival_s"], kind="stable")
    after_start = after = None
    if links:
        place = np.empty(base, np.int64)
        place[order] = np.arange(base)
        pairs = sorted((int(place[job]), int(place[before])) for job, before in links)
        counts = np.bincount([job for job, _ in pairs], minlength=base)
        after_start = np.concatenate(([0], np.cumsum(counts))).astype(np.int64)
        after = np.array([before for _, before in pairs], np.int64)
    return JobTable(
        needs=tuple(needs),
        **{name: column[order] for name, column in joined.items()},
        tenants=tuple(tenants),
        after_start=after_start,
        after=after,
        names=tuple(names[index] for index in order),
    )


def _patience_s(table: JobTable) -> Ints:
    """Each job's own patience, or its need's."""
    if table.patience_s is not None:
        return table.patience_s
    return np.array([need.patience_s for need in table.needs], np.int64)[table.need]


@dataclass(frozen=True)
class Autoscale:
    """How often a service's size is reconsidered, how far above the need it aims, and its least size in replicas."""

    period_s: int = 300
    headroom: float = 0.2
    minimum_replicas: int = 1


@dataclass(frozen=True, eq=False)
class Service:
    """A need over time that cannot wait: inference traffic, served or lost.

    requests_per_s: the need. replica: what one replica holds of an instance. replica_requests_per_s: requests a second
    that one replica serves within the objective, by GPU name; a GPU that is not named cannot serve it.
    input_tokens, output_tokens: means a request, for offers that sell tokens; None where it has none.
    usd_per_lost_request: value lost with a request not served. usd_revenue_per_request: earned with one that is.

    >>> import marketsim as ms
    >>> by_day = ms.Path.steps([(0, 2.0), (28_800, 10.0), (64_800, 2.0)])  # requests a second
    >>> chat = ms.Service("chat", by_day, ms.Need("chat"), {"H100": 4.0}, usd_per_lost_request=0.01)
    >>> chat.requests_per_s.integral(0, 86_400)  # requests of the day
    460800.0
    """

    name: str
    requests_per_s: Path
    replica: Need
    replica_requests_per_s: Mapping[str, float]
    usd_per_lost_request: float = 0.0
    usd_revenue_per_request: float = 0.0
    autoscale: Autoscale = field(default_factory=Autoscale)
    input_tokens: float | None = None
    output_tokens: float | None = None
    latency_s: float | None = None
    latency_share: float | None = None
    serving: object | None = None  # how the rates come about (`demand.serving`), for levers that change the model
