"""Jobs as they were recorded: replayed, cut, thinned, scaled, repeated to the horizon, or resampled block by block."""

from __future__ import annotations

from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from marketsim import settings, strict_csv
from marketsim.demand import finite, tracefile
from marketsim.demand.checkpoints import CheckpointSettings
from marketsim.demand.deadlines import AnyDeadline, NoDeadline
from marketsim.demand.demand import Demand, DurationOrNone, Family, GpuName, Interconnect, MemoryGb, Residency
from marketsim.demand.estimates import AnyEstimate, Exact
from marketsim.demand.gangs import Gang
from marketsim.demand.job import NEVER, JobTable
from marketsim.errors import Fault, InputError
from marketsim.throw import Throw
from marketsim.units import DAY_S

Ints = NDArray[np.int64]


class TraceDemand(Demand):
    """A recorded workload. Recorded seconds are run time of the whole gang on `reference_gpu`.

    Order of the changes: slice, thin, scale, then repeat or resample. What is submitted at or after the horizon is left
    out.
    """

    kind: Literal["trace"] = "trace"
    file: str = Field(
        min_length=1, max_length=500, description="CSV beside the scenario: job,submit_s,duration_s,gpus,.."
    )
    reference_gpu: GpuName = Field(default="H100", description="GPU that the recorded seconds ran on")
    family: Family = Field(default="nlp", description="workload family, whose GPU speeds apply")
    memory_gb_per_gpu: MemoryGb = Field(default=0.0, description="memory needed on each GPU")
    interconnect: Interconnect | None = Field(
        default=None, description="least interconnect; left out: fabric for several instances, else none"
    )
    deadline: AnyDeadline = Field(default=NoDeadline(), description="for jobs that the file gives no deadline")
    checkpoint: CheckpointSettings = Field(default=CheckpointSettings(), description="how work is kept when stopped")
    estimate: AnyEstimate = Field(default=Exact(), description="what a policy is told it will take")
    data_gb: settings.NonNegative = Field(default=0.0, description="data a job reads, moved to where it runs")
    residency: Residency | None = Field(default=None, description="classes it may run in; left out: anywhere")
    patience: DurationOrNone = Field(default=None, description="it leaves the queue after this wait; none: never")
    priority: Annotated[int, Field(ge=-1000, le=1000)] = Field(default=0, description="larger goes first where asked")
    tenants: Annotated[tuple[str, ...], Field(min_length=1, strict=False)] | None = Field(
        default=None, description="only these tenants of the file"
    )
    since: settings.Duration = Field(default=0, description="where the slice starts; it becomes second 0")
    until: DurationOrNone = Field(default=None, description="where the slice ends; none: the file's end")
    keep_share: Annotated[float, Field(gt=0, le=1)] = Field(default=1.0, description="share of jobs kept, by chance")
    time_scale: Annotated[float, Field(gt=0, le=1000)] = Field(default=1.0, description="factor on submission times")
    work_scale: Annotated[float, Field(gt=0, le=1000)] = Field(default=1.0, description="factor on durations")
    repeat: DurationOrNone = Field(default=None, description="span after which the slice starts anew; none: once")
    resample: DurationOrNone = Field(default=None, description="block drawn again and again by chance; none: replay")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.repeat is not None and self.resample is not None:
            raise ValueError("repeat and resample exclude each other")
        if self.repeat == 0 or self.resample == 0:
            raise ValueError("repeat and resample need a span above 0 s")
        if self.until is not None and self.until <= self.since:
            raise ValueError("until must lie after since")
        return self

    def jobs(self, name: str, throw: Throw) -> JobTable:
        trace = tracefile.read(strict_csv.local_file(throw.folder, self.file, f"demand.{name}.file"))
        return self.table(name, trace, throw)

    def table(self, name: str, trace: tracefile.Trace, throw: Throw) -> JobTable:
        """The jobs of a trace already read, cut and changed as the settings say."""
        kept = self._kept(trace, throw)
        if not kept.any():
            raise InputError(Fault("no job of the trace is left in the slice", key=f"demand.{name}", got=self.file))
        trace = trace.rows(kept)
        submit = np.floor((trace.submit_s - self.since) * self.time_scale).astype(np.int64)
        rows, arrival = self._laid_out(submit, throw)
        if not len(rows):
            raise InputError(Fault("no job of the trace is submitted before the horizon", key=f"demand.{name}",
                                   got=f"{submit.min()} s", allowed=f"below {throw.horizon_s} s"))  # fmt: skip
        pairs, need = np.unique(np.stack([trace.instances, trace.milli], 1)[rows], axis=0, return_inverse=True)
        gangs = [Gang(int(instances), int(milli)) for instances, milli in pairs]
        gang_milli = np.array([gang.instances * gang.milli for gang in gangs], np.int64)[need.ravel()]
        work = (trace.duration_s[rows] * self.work_scale * gang_milli).astype(np.float64)
        mean = np.bincount(need.ravel(), work) / np.bincount(need.ravel())
        estimate = self.estimate.draw(work, gang_milli, mean[need.ravel()], throw.dice)
        run_s = np.ceil(estimate / gang_milli).astype(np.int64)
        given = trace.deadline_s[rows]
        drawn = self.deadline.draw(arrival, run_s, throw.dice)
        tenants = tuple(sorted(set(trace.tenant)))
        number = {tenant: index for index, tenant in enumerate(tenants)}
        return JobTable(
            needs=tuple(finite.need_of(name, self, gang) for gang in gangs),
            need=need.ravel(),
            arrival_s=arrival,
            work=finite.whole_work(name, work),
            estimate=finite.whole_work(name, estimate),
            deadline_s=np.where(given == NEVER, drawn, arrival + (given - trace.submit_s[rows])),
            tenant=np.array([number[trace.tenant[row]] for row in rows], np.int64),
            tenants=tenants,
            names=self._names(trace, rows),
        )

    def _kept(self, trace: tracefile.Trace, throw: Throw) -> NDArray[np.bool_]:
        kept = trace.submit_s >= self.since
        if self.until is not None:
            kept = kept & (trace.submit_s < self.until)
        if self.tenants is not None:
            kept = kept & np.isin(np.array(trace.tenant, dtype=object), np.array(self.tenants, dtype=object))
        if self.keep_share < 1:
            kept = kept & (throw.dice.uniforms("keep", len(trace)) < self.keep_share)
        return np.asarray(kept)

    def _laid_out(self, submit: Ints, throw: Throw) -> tuple[Ints, Ints]:
        """Rows of the slice and their submission times up to the horizon, in order of time."""
        if self.resample is not None:
            rows, times = _blocks(submit, self.resample, throw)
        else:
            rounds = 1 if self.repeat is None else -(-throw.horizon_s // self.repeat)
            span = self.repeat or 0
            inside = np.flatnonzero(submit < span) if self.repeat is not None else np.arange(len(submit))
            rows = np.tile(inside, rounds)
            times = (np.arange(rounds)[:, None] * span + submit[inside][None, :]).ravel()
        keep = times < throw.horizon_s
        return rows[keep], times[keep]

    def _names(self, trace: tracefile.Trace, rows: Ints) -> tuple[str, ...]:
        """Names of the file; of a row used again, with the number of the use."""
        used: dict[int, int] = {}
        names = []
        for row in rows:
            times = used.get(int(row), 0)
            used[int(row)] = times + 1
            names.append(trace.job[row] if times == 0 else f"{trace.job[row]}#{times + 1}")
        return tuple(names)


def _blocks(submit: Ints, block_s: int, throw: Throw) -> tuple[Ints, Ints]:
    """Blocks of the record drawn with replacement, one after the other: rows and times in order of time.

    A block starts on a whole multiple of the day (of the block where that is shorter), so days keep their hours; use
    whole weeks to keep the week. Only blocks that lie whole in the record are drawn.
    """
    step = min(DAY_S, block_s)
    starts = np.arange(0, max(int(submit.max()) + 1 - block_s, 0) + 1, step)
    count = -(-throw.horizon_s // block_s)
    chosen = starts[(throw.dice.uniforms("blocks", count) * len(starts)).astype(np.int64)]
    rows, times = [], []
    for index, start in enumerate(chosen):
        low, high = np.searchsorted(submit, [start, start + block_s])
        rows.append(np.arange(low, high))
        times.append(submit[low:high] - start + index * block_s)
    return np.concatenate(rows), np.concatenate(times).astype(np.int64)
