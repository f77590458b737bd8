"""Work that ends: what training and experiments share, and how their settings become a table of jobs.

Stored work is what the whole gang must deliver: GPU-seconds times 1 + sigma (n - 1), since n GPUs together are
n / (1 + sigma (n - 1)) times as fast as one (parallel efficiency 1 / (1 + sigma (n - 1))). That of an elastic job,
which may be started on other numbers of GPUs too, is counted at the size it declares.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from marketsim import settings, streams
from marketsim.demand.arrivals import AnyArrivals, Arrived
from marketsim.demand.checkpoints import CheckpointSettings
from marketsim.demand.deadlines import AnyDeadline, Deadline, NoDeadline
from marketsim.demand.demand import (
    Demand,
    DurationOrNone,
    Family,
    GpuName,
    Interconnect,
    MemoryGb,
    Residency,
    Sigma,
)
from marketsim.demand.distributions import AnyDistribution
from marketsim.demand.estimates import AnyEstimate, Estimate, Exact
from marketsim.demand.gangs import AnyGang, ConstantGang, Gang
from marketsim.demand.job import NEVER, JobTable, Need, elastic, parallel_loss
from marketsim.errors import Fault, InputError
from marketsim.streams import Dice, Floats
from marketsim.throw import Throw
from marketsim.units import HOUR_S, MILLI

Ints = NDArray[np.int64]
MOST_WORK = 2**52  # milli-GPU-seconds in one job, 1.25 billion GPU-hours: beyond this floats are not whole


class Failures(settings.Settings):
    """A job's own failures: bad code, a bad configuration, memory. A failed attempt ends part-way and is run again."""

    share: settings.OpenShare = Field(description="share of attempts that fail")
    retries: Annotated[int, Field(ge=1, le=20)] = Field(default=3, description="failed attempts at most")


class Finite(Demand):
    """The settings of finite work."""

    arrivals: AnyArrivals = Field(description="when jobs are submitted")
    work_gpu_hours: AnyDistribution | None = Field(default=None, description="GPU-hours on one reference GPU")
    run_hours: AnyDistribution | None = Field(default=None, description="or: hours that the whole gang runs")
    reference_gpu: GpuName = Field(default="H100", description="GPU that work is counted on")
    family: Family = Field(default="nlp", description="workload family, whose GPU speeds apply")
    gang: AnyGang = Field(default=ConstantGang(), description="GPUs held at once")
    parallel_sigma: Sigma = Field(default=0.0, description="loss of efficiency a further GPU: 1/(1+sigma(n-1))")
    memory_gb_per_gpu: MemoryGb = Field(default=0.0, description="memory needed on each GPU")
    interconnect: Interconnect | None = Field(
        default=None, description="least interconnect; left out: fabric for several instances, else none"
    )
    deadline: AnyDeadline = Field(default=NoDeadline(), description="when it must be done")
    checkpoint: CheckpointSettings = Field(default=CheckpointSettings(), description="how work is kept when stopped")
    estimate: AnyEstimate = Field(default=Exact(), description="what a policy is told it will take")
    prep_share: settings.Share = Field(default=0.0, description="data preparation, as a share on top of the work")
    failures: Failures | None = Field(default=None, description="attempts that end by the job's own fault")
    data_gb: settings.NonNegative = Field(default=0.0, description="data a job reads, moved to where it runs")
    residency: Residency | None = Field(default=None, description="classes it may run in; left out: anywhere")
    patience: DurationOrNone = Field(default=None, description="it leaves the queue after this wait; none: never")
    priority: Annotated[int, Field(ge=-1000, le=1000)] = Field(default=0, description="larger goes first where asked")
    tenants: dict[settings.Name, settings.NonNegative] | None = Field(
        default=None, description="who submits -> how often"
    )

    @model_validator(mode="after")
    def _one_size(self) -> Self:
        if (self.work_gpu_hours is None) == (self.run_hours is None):
            raise ValueError("give work_gpu_hours or run_hours, one of them")
        if self.tenants is not None and sum(self.tenants.values()) <= 0:
            raise ValueError("one tenant needs a weight above 0")
        return self


@dataclass(frozen=True, eq=False)
class Drawn:
    """Jobs before they are cut into stages: one row a job, shape (n,). work: true milli-GPU-seconds, a float.

    mean_work: the mean of the job's class; hidden: what the true work is multiplied with, unknown to the estimate.
    """

    arrived: Arrived
    gang: Ints
    work: Floats
    mean_work: Floats
    hidden: Floats


def inflation(settings_: Finite) -> Floats:
    """Work on each class of gang over work on one GPU, with data preparation, shape (classes,)."""
    loss = np.array([parallel_loss(gang.gpus, settings_.parallel_sigma) for gang in settings_.gang.classes()])
    return loss * (1 + settings_.prep_share)


def sizes(settings_: Finite, uniforms: Floats, gang: Ints) -> tuple[Floats, Floats]:
    """True work and its class's mean in milli-GPU-seconds, shape (n,), from one uniform a job."""
    if settings_.run_hours is not None:
        held = np.array([one.gpus for one in settings_.gang.classes()])[gang]
        scale = HOUR_S * MILLI * (1 + settings_.prep_share) * held
        return settings_.run_hours.quantile(uniforms) * scale, settings_.run_hours.mean() * scale
    assert settings_.work_gpu_hours is not None
    scale = HOUR_S * MILLI * inflation(settings_)[gang]
    return settings_.work_gpu_hours.quantile(uniforms) * scale, settings_.work_gpu_hours.mean() * scale


def need_of(name: str, settings_: Any, gang: Gang) -> Need:
    """The need of one class of gang; `settings_` is Finite or a trace, which have these keys in common."""
    deadline: Deadline = settings_.deadline
    return Need(
        workload=name,
        instances=gang.instances,
        milli=gang.milli,
        memory_gb_per_gpu=settings_.memory_gb_per_gpu,
        interconnect=settings_.interconnect or ("fabric" if gang.instances > 1 else "none"),
        residency=settings_.residency,
        reference_gpu=settings_.reference_gpu,
        family=settings_.family,
        checkpoint=settings_.checkpoint.as_checkpoint(),
        patience_s=NEVER if settings_.patience is None else settings_.patience,
        data_gb=settings_.data_gb,
        priority=settings_.priority,
        usd_per_late_day=deadline.usd_per_late_day,
        usd_at_most=float("inf") if deadline.usd_at_most is None else deadline.usd_at_most,
    )


def needs_of(name: str, settings_: Finite) -> tuple[Need, ...]:
    """The need of each class of gang, with the other sizes at which its jobs may be started."""
    gang = settings_.gang
    return tuple(
        elastic(need_of(name, settings_, one), [need_of(name, settings_, other) for other in others],
                settings_.parallel_sigma)
        for one, others in zip(gang.classes(), gang.other_sizes(), strict=True)
    )  # fmt: skip


def whole_work(name: str, work: Floats) -> Ints:
    """Work rounded to whole milli-GPU-seconds, at least 1; InputError for a job that no world can hold."""
    if len(work) and not float(work.max()) <= MOST_WORK:
        got = f"{float(work.max()) / HOUR_S / MILLI:.3g} GPU-hours"
        raise InputError(Fault("a job is larger than can be simulated", key=f"demand.{name}", got=got))
    return np.maximum(np.rint(work), 1).astype(np.int64)


def table(name: str, settings_: Finite, drawn: Drawn, throw: Throw, chain: tuple[float, ...] = (1.0,)) -> JobTable:
    """The jobs as a table. chain: shares of the work of stages that follow one another, adding up to 1.

    Failed attempts come before the first stage. The last stage alone has the job's deadline, so it is counted once. In
    a closed loop a person's job follows his one before.
    """
    count = len(drawn.work)
    dice = throw.dice
    classes = settings_.gang.classes()
    milli = np.array([gang.instances * gang.milli for gang in classes], np.int64)[drawn.gang]
    estimator: Estimate = settings_.estimate
    estimate = estimator.draw(drawn.work, milli, drawn.mean_work, dice)
    run_s = np.ceil(np.minimum(estimate / milli, 1e15)).astype(np.int64)
    deadline = settings_.deadline.draw(drawn.arrived.times_s, run_s, dice)
    failed, at = _failures(settings_.failures, count, dice)
    stages = failed + len(chain)
    owner = np.repeat(np.arange(count), stages)
    stage = np.arange(len(owner)) - np.repeat(np.cumsum(stages) - stages, stages)  # 0, 1, ... within each job
    step = stage - failed[owner]  # below 0: an attempt that fails
    share = np.array(chain)[np.maximum(step, 0)]
    done = np.where(step < 0, at[owner, np.minimum(stage, at.shape[1] - 1)], 1.0)
    last = step == len(chain) - 1
    before = np.where(stage > 0, np.arange(len(owner)) - 1, -1)
    think = None
    if drawn.arrived.think_s is not None:
        previous = _previous(drawn.arrived.batch)
        last_row = np.cumsum(stages) - 1
        waited_for = np.where(previous >= 0, last_row[previous], -1)
        before = np.where(stage > 0, before, waited_for[owner])
        think = np.where(stage == 0, drawn.arrived.think_s[owner], 0)
    follows = before >= 0
    return JobTable(
        needs=needs_of(name, settings_),
        need=drawn.gang[owner],
        arrival_s=drawn.arrived.times_s[owner],
        work=whole_work(name, drawn.work[owner] * drawn.hidden[owner] * share * done),
        estimate=whole_work(name, estimate[owner] * share),
        deadline_s=np.where(last, deadline[owner], NEVER),
        tenant=None if settings_.tenants is None else _tenants(settings_.tenants, count, dice)[owner],
        tenants=("all",) if settings_.tenants is None else tuple(settings_.tenants),
        after_start=np.concatenate(([0], np.cumsum(follows))).astype(np.int64) if follows.any() else None,
        after=before[follows] if follows.any() else None,
        think_s=think,
    )


def _previous(batch: Ints) -> Ints:
    """The job before each of the same batch, -1 for the first; shape (n,)."""
    order = np.argsort(batch, kind="stable")
    found = np.full(len(batch), -1, np.int64)
    same = batch[order][1:] == batch[order][:-1]
    found[order[1:][same]] = order[:-1][same]
    return found


def _failures(failures: Failures | None, count: int, dice: Dice) -> tuple[Ints, Floats]:
    """Failed attempts of each job, (n,), and how far each got, (n, most of them)."""
    if failures is None or failures.share == 0:
        return np.zeros(count, np.int64), np.ones((count, 1))
    uniforms = np.maximum(dice.uniforms("failures", count), 2.0**-54)
    failed = np.minimum(np.log(uniforms) / np.log(failures.share), failures.retries).astype(np.int64)
    at = dice.uniforms("failures/at", count * failures.retries).reshape(count, failures.retries)
    return failed, at


def _tenants(tenants: dict[str, float], count: int, dice: Dice) -> Ints:
    return streams.pick(dice.uniforms("tenant", count), np.array(list(tenants.values())))
