"""Jobs: how many came and finished, how long they waited, how many deadlines were missed and by how much."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from marketsim.demand.job import NEVER
from marketsim.ledger import CAUSE
from marketsim.metrics.measured import Measured
from marketsim.metrics.metric import Breakdown, Metric, share, table
from marketsim.units import HOUR_S, MILLI


def missed_deadline_share(measured: Measured) -> float | None:
    """Missed over dated jobs."""
    return share(int(measured.missed.sum()), int(measured.dated.sum()))


def missed_gpu_hours_share(measured: Measured) -> float | None:
    """The same, each job weighing its true work."""
    work = measured.world.jobs.work
    return share(float(work[measured.missed].sum()), float(work[measured.dated].sum()))


def tardiness_mean_h(measured: Measured) -> float | None:
    """Mean lateness of dated jobs, 0 where on time."""
    late = measured.tardiness_s[measured.dated]
    return float(late.mean()) / HOUR_S if len(late) else None


def tardiness_p95_h(measured: Measured) -> float | None:
    """The lateness that 95 % of dated jobs do not exceed."""
    return quantile_h(measured.tardiness_s[measured.dated], 0.95)


def offered_gpu_h(measured: Measured) -> float:
    """True work of all jobs on their reference GPUs."""
    return float(measured.world.jobs.work.sum()) / MILLI / HOUR_S


def wait_s(measured: Measured) -> NDArray[np.int64]:
    """Seconds from when a job could first be placed to its first start, of the jobs that started."""
    began = measured.first_start_s < NEVER
    return (measured.first_start_s - measured.placeable_s)[began]


def wait_mean_h(measured: Measured) -> float | None:
    """Mean wait of the jobs that started."""
    waits = wait_s(measured)
    return float(waits.mean()) / HOUR_S if len(waits) else None


def quantile_h(seconds: NDArray[np.int64], level: float) -> float | None:
    """A quantile in hours, None of nothing."""
    return float(np.quantile(seconds, level)) / HOUR_S if len(seconds) else None


def turnaround_mean_h(measured: Measured) -> float | None:
    """Mean time from arrival to finish of the jobs that finished."""
    done = measured.finish_s < NEVER
    spans = (measured.finish_s - measured.arrival_s)[done]
    return float(spans.mean()) / HOUR_S if len(spans) else None


def missed_by_workload(measured: Measured) -> dict[str, float | None]:
    """Missed over dated jobs of each workload; None where it has no deadlines."""
    missed, dated = workload_counts(measured, measured.missed), workload_counts(measured, measured.dated)
    return {name: share(missed[name], dated[name]) for name in missed}


def workload_counts(measured: Measured, of: NDArray[np.bool_]) -> dict[str, int]:
    """How many jobs of each workload are marked, in the order in which workloads stand in the table."""
    jobs = measured.world.jobs
    per_need = np.bincount(jobs.need[of], minlength=len(jobs.needs))
    out: dict[str, int] = {}
    for need, count in zip(jobs.needs, per_need, strict=True):
        out[need.workload] = out.get(need.workload, 0) + int(count)
    return out


def stops(measured: Measured, *causes: str) -> float:
    """How many attempts ended for these causes."""
    return float(np.isin(measured.attempts.cause, [CAUSE[name] for name in causes]).sum())


METRICS = table(
    [
        Metric("jobs", "jobs", None, "jobs that arrived", lambda m: float(m.submitted.sum())),
        Metric("jobs_finished", "jobs", "higher", "jobs that finished", lambda m: float((m.finish_s < NEVER).sum())),
        Metric("offered_gpu_h", "GPU-h", None, "work of all jobs, the same under every policy", offered_gpu_h),
        Metric("jobs_dated", "jobs", None, "jobs with a deadline", lambda m: float(m.dated.sum())),
        Metric(
            "missed_deadline_share",
            "share",
            "lower",
            "jobs that finished after their deadline, strictly, or never, over jobs with one",
            missed_deadline_share,
        ),
        Metric(
            "missed_gpu_hours_share", "share", "lower", "the same, each job weighing its work", missed_gpu_hours_share
        ),
        Metric("tardiness_mean_h", "h", "lower", "mean lateness of dated jobs, 0 where on time", tardiness_mean_h),
        Metric("tardiness_p95_h", "h", "lower", "lateness that 95 % of dated jobs do not exceed", tardiness_p95_h),
        Metric("wait_mean_h", "h", "lower", "mean wait until the first start, of jobs that started", wait_mean_h),
        Metric("wait_p50_h", "h", "lower", "median wait until the first start", lambda m: quantile_h(wait_s(m), 0.5)),
        Metric("wait_p95_h", "h", "lower", "wait that 95 % do not exceed", lambda m: quantile_h(wait_s(m), 0.95)),
        Metric("turnaround_mean_h", "h", "lower", "mean time from arrival to finish", turnaround_mean_h),
        Metric("attempts", "attempts", None, "starts of jobs", lambda m: float(len(m.attempts.job))),
        Metric("reclaims", "attempts", "lower", "attempts ended by a reclaim", lambda m: stops(m, "reclaimed")),
        Metric("failures", "attempts", "lower", "attempts ended by an outage", lambda m: stops(m, "failed")),
        Metric("moves", "attempts", None, "attempts moved by the policy", lambda m: stops(m, "moved", "stopped")),
    ]
)
BREAKDOWNS = [
    Breakdown("missed_share/workload", "share", "lower", "missed deadlines by workload", missed_by_workload),
]
