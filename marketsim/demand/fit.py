"""Fit a generator to a recorded workload: arrivals, week, busy days, batches, gangs, run times, deadlines.

`fit_workload` reads the package's CSV of jobs and gives a scenario block of kind `experiments` that draws its like. A
fit is a description of what was; `FitResult.drawn` is a prediction: it draws the settings around it (see drift.py).
"""

from __future__ import annotations

import pathlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marketsim import streams
from marketsim.demand import drift as drifting
from marketsim.demand import fit_parts, tracefile, workload_stats
from marketsim.demand.arrivals import Batches
from marketsim.demand.drift import Drift
from marketsim.demand.experiments import Experiments
from marketsim.demand.job import NEVER
from marketsim.demand.tracefile import Trace
from marketsim.demand.workload_stats import Jobs
from marketsim.errors import Fault, InputError
from marketsim.streams import Dice
from marketsim.throw import Throw
from marketsim.units import DAY_S, HOUR_S, MILLI

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LEAST_JOBS, LEAST_DAYS = 30, 2  # below this there is nothing to fit
LEAST_OF_A_GANG = 15  # jobs of a gang whose run times are fitted apart from the others'
USUAL_GANGS = ((1, 1000), (1, 2000), (1, 4000), (1, 8000), (2, 8000))  # one may come though none came yet
UNSEEN_JOBS = 0.5  # jobs' worth of belief in each usual gang that was not seen
MOST_SIGMA = 2.5  # of a rate factor: beyond it one day would hold the whole year


@dataclass(frozen=True, eq=False)
class Fitted:
    """The numbers of a fit, before they become settings.

    batch: jobs in a batch -> how often. gangs: (instances, milli); weights: jobs of each. hours: run hours at
    fit_parts.SHARES, one array a gang. slack: deadline over run time at those shares, None without deadlines.
    """

    per_day: float
    batch: dict[int, float]
    spacing_s: float
    week: Floats
    busy: fit_parts.BusyFit
    gangs: tuple[tuple[int, int], ...]
    weights: Floats
    hours: tuple[Floats, ...]
    similarity: float
    slack: Floats | None = None
    deadline_share: float = 0.0


@dataclass(frozen=True, eq=False)
class Sample:
    """What is fitted on: jobs of whole days, the gang of each as an index into `gangs`, slack (NaN for no deadline)."""

    jobs: Jobs
    gang: Ints
    slack: Floats
    gangs: tuple[tuple[int, int], ...]
    from_s: int
    to_s: int


def estimate(sample: Sample) -> Fitted:
    """The numbers of a fit."""
    jobs = sample.jobs
    found = fit_parts.batches(jobs.submit_s)
    week = fit_parts.week(found.starts_s, jobs.week_offset_h, sample.from_s, sample.to_s)
    sizes, counts = np.unique(found.sizes, return_counts=True)
    all_hours = jobs.run_s / HOUR_S
    pooled = fit_parts.quantiles(all_hours)
    own = [all_hours[sample.gang == index] for index in range(len(sample.gangs))]
    slack = sample.slack[np.isfinite(sample.slack)]
    return Fitted(
        per_day=len(jobs) * DAY_S / (sample.to_s - sample.from_s),
        batch={int(size): float(count) for size, count in zip(sizes, counts, strict=True)},
        spacing_s=found.spacing_s,
        week=week,
        busy=fit_parts.busy(found.starts_s, week, jobs.week_offset_h, sample.from_s, sample.to_s),
        gangs=sample.gangs,
        weights=np.bincount(sample.gang, minlength=len(sample.gangs)).astype(np.float64),
        hours=tuple(fit_parts.quantiles(hours) if len(hours) >= LEAST_OF_A_GANG else pooled for hours in own),
        similarity=fit_parts.similarity(jobs, found.batch, sample.gang),
        slack=fit_parts.quantiles(slack) if len(slack) >= LEAST_OF_A_GANG else None,
        deadline_share=len(slack) / len(jobs),
    )


CALIBRATION_DICE, CALIBRATION_ROUNDS = 20170904, 12
DAY_STEPS = (-0.4, -0.2, 0.0, 0.25, 0.5)  # tried on the sigma of days as the moments give it
HOUR_SIGMAS = (0.0, 0.4, 0.8, 1.2, 1.6, 2.0)
TIE_TO_MOMENTS = 0.1  # weight of staying near the moments, against squared errors of two ln CVs


def calibrated(fitted: Fitted, sample: Sample) -> Fitted:
    """The fit with its rate factors' sigmas moved so that what it draws is about as bursty as the record.

    Moments of counts say little of long silences. Of a grid about them the pair of sigmas is taken whose drawn records
    (12 of the same days, medians) come nearest to the daily count CV and the inter-arrival CV together.
    """
    days = (sample.to_s - sample.from_s) // DAY_S
    counts = np.histogram(sample.jobs.submit_s, sample.from_s + np.arange(days + 1) * DAY_S)[0]
    wanted = np.log([max(workload_stats.cv(counts), 0.01), max(workload_stats.cv(np.diff(sample.jobs.submit_s)), 0.01)])
    moments = fitted.busy
    best, least = fitted, np.inf
    for day_step in DAY_STEPS:
        for hour_sigma in sorted({*HOUR_SIGMAS, moments.hour_sigma}):
            day_sigma = float(np.clip(moments.day_sigma + day_step, 0.0, MOST_SIGMA))
            trial = replace(fitted, busy=moments._replace(day_sigma=day_sigma, hour_sigma=hour_sigma))
            off = np.log(np.maximum(_burstiness(trial, sample), 0.01)) - wanted
            moved = (day_sigma - moments.day_sigma) ** 2 + (hour_sigma - moments.hour_sigma) ** 2
            miss = float(np.sum(off**2)) + TIE_TO_MOMENTS * moved
            if miss < least:
                best, least = trial, miss
    return best


def _burstiness(fitted: Fitted, sample: Sample) -> tuple[float, float]:
    """Median daily count CV and inter-arrival CV of drawn records of the sample's days."""
    arrivals = Batches.model_validate(_arrivals(fitted))
    span = sample.to_s - sample.from_s
    start = _instant(sample.from_s, sample.jobs.week_offset_h)
    drawn = []
    for round_ in range(CALIBRATION_ROUNDS):
        times = arrivals.draw(Throw(Dice(CALIBRATION_DICE, round_), span, span, start)).times_s
        counts = np.histogram(times, np.arange(0, span + 1, DAY_S))[0]
        drawn.append((workload_stats.cv(counts), workload_stats.cv(np.diff(times))))
    by_day, by_gap = np.median(np.array(drawn), axis=0)
    return float(by_day), float(by_gap)


def _instant(t_s: int, week_offset_h: int) -> datetime:
    """A calendar instant with the hour of the week that a second of the record has; 1 January 2024 is a Monday."""
    return datetime(2024, 1, 1, tzinfo=UTC) + timedelta(hours=int(t_s // HOUR_S + week_offset_h) % 168)


def _arrivals(fit: Fitted) -> dict[str, Any]:
    """The arrivals of a fit as a scenario writes them."""
    return {
        "kind": "batches",
        "per_day": round(fit.per_day, 4),
        "batch_sizes": {str(size): round(weight, 4) for size, weight in fit.batch.items()},
        "spacing": f"{round(fit.spacing_s)} s",
        "week_cycle": [round(float(weight), 4) for weight in fit.week],
        "day_sigma": round(fit.busy.day_sigma, 4),
        "day_correlation": round(fit.busy.day_correlation, 4),
        "hour_sigma": round(fit.busy.hour_sigma, 4),
        "hour_correlation": fit.busy.hour_correlation,
    }


@dataclass(frozen=True, eq=False)
class FitResult:
    """A fitted workload: the numbers, the sample they come from, and all jobs of the trace, fitted on or not."""

    tenant: str | None
    fitted: Fitted
    sample: Sample
    jobs: Jobs
    reference_gpu: str = "H100"

    @property
    def from_s(self) -> int:
        """Start of the first day fitted on."""
        return self.sample.from_s

    @property
    def to_s(self) -> int:
        """End of the last day fitted on."""
        return self.sample.to_s

    def settings(self, fitted: Fitted | None = None) -> Experiments:
        """The generator: of the fit, or of other numbers."""
        return Experiments.model_validate(self.block(fitted))

    def block(self, fitted: Fitted | None = None) -> dict[str, Any]:
        """The scenario block that draws such a workload, as plain data."""
        fit = fitted or self.fitted
        used = [index for index in range(len(fit.gangs)) if fit.weights[index] > 0]
        total = sum(fit.weights[index] for index in used)
        block: dict[str, Any] = {
            "kind": "experiments",
            "arrivals": _arrivals(fit),
            "reference_gpu": self.reference_gpu,
            "gang": {
                "kind": "choices",
                "gpus": [fit.gangs[index][1] / MILLI for index in used],
                "instances": [fit.gangs[index][0] for index in used],
                "weights": [round(float(fit.weights[index] / total), 6) for index in used],
            },
            "run_hours_of_gang": [_empirical(fit.hours[index]) for index in used],
            "batch_similarity": round(fit.similarity, 4),
        }
        if fit.slack is not None:
            block["deadline"] = {
                "kind": "slack", "factor": _empirical(fit.slack), "share": round(fit.deadline_share, 4),
            }  # fmt: skip
        return block

    def drawn(self, dice: Dice, drift: Drift | None = None) -> Fitted:
        """Numbers for other weeks than those fitted: the fit with one draw of its drift."""
        by = Drift() if drift is None else drift
        fit = self.fitted
        shock = dice.normals("fit/shocks", 6)
        per_gang = dice.normals("fit/gangs", 3 * len(fit.gangs)).reshape(3, -1)
        tilt = np.array(list(fit.batch)) ** (by.batch * shock[1])
        hours = []
        for index, quantiles in enumerate(fit.hours):
            shift = by.size_shift * (shock[4] + 0.5 * per_gang[0, index])
            scale = np.exp(by.size_scale * (shock[5] + 0.5 * per_gang[1, index]))
            shares = drifting.shift_shares(fit_parts.SHARES, shift)
            hours.append(np.exp(np.interp(fit_parts.SHARES, shares, np.log(quantiles))) * scale)
        return Fitted(
            per_day=fit.per_day * float(np.exp(by.rate * shock[0])),
            batch={size: count * float(by_) for (size, count), by_ in zip(fit.batch.items(), tilt, strict=True)},
            spacing_s=fit.spacing_s,
            week=drifting.shift_week(fit.week, dice.uniforms("fit/week", 12), by),
            busy=fit.busy._replace(
                day_sigma=float(min(fit.busy.day_sigma * np.exp(by.busyness * shock[2]), MOST_SIGMA)),
                hour_sigma=float(min(fit.busy.hour_sigma * np.exp(by.busyness * shock[3]), MOST_SIGMA)),
            ),
            gangs=fit.gangs,
            weights=self._gang_weights(dice, by, per_gang[2]),
            hours=tuple(hours),
            similarity=fit.similarity,
            slack=fit.slack,
            deadline_share=fit.deadline_share,
        )

    def _gang_weights(self, dice: Dice, by: Drift, shock: Floats) -> Floats:
        """Gang weights with sampling error (Dirichlet, by gamma variates) and drift."""
        unseen = np.array([UNSEEN_JOBS * (gang in USUAL_GANGS and by.gang > 0) for gang in self.fitted.gangs])
        believed = self.fitted.weights + unseen
        uniforms = np.clip(dice.uniforms("fit/mix", len(believed)), 1e-12, 1 - 1e-12)
        sampled = [float(streams.gamma(uniform, jobs, 1.0)) if jobs > 0 else 0.0
                   for uniform, jobs in zip(uniforms, believed, strict=True)]  # fmt: skip
        return np.array(sampled) * np.exp(by.gang * shock)

    def generate(self, dice: Dice, from_s: int, to_s: int, drift: Drift | None = None) -> Jobs:
        """Jobs of other weeks, on the trace's clock, from a second up to another, whole days apart."""
        return self.generated(self.settings(self.drawn(dice, drift)), dice, from_s, to_s)

    def generated(self, experiments: Experiments, dice: Dice, from_s: int, to_s: int) -> Jobs:
        """Jobs of a generator, on the trace's clock."""
        start = _instant(from_s, self.jobs.week_offset_h)
        table = experiments.jobs("fit", Throw(dice.under("jobs"), to_s - from_s, to_s - from_s, start))
        jobs = workload_stats.of_table(table)
        return Jobs(jobs.submit_s + from_s, jobs.run_s, jobs.gpus, self.jobs.week_offset_h)


def _empirical(values: Floats) -> dict[str, Any]:
    """An empirical distribution at fit_parts.SHARES as a scenario writes it."""
    rising = np.maximum.accumulate(values)
    return {
        "kind": "empirical",
        "values": [float(f"{value:.5g}") for value in rising],
        "shares": [float(share) for share in fit_parts.SHARES],
    }


def fit_trace(trace: Trace, tenant: str | None = None, until_share: float | None = None) -> FitResult:
    """The fit of a trace, of one tenant of it, on its first days.

    until_share: share of its days that is fitted on, all where left out. Raises InputError for an unknown tenant, fewer
    than 30 jobs, or fewer than two days.
    """
    if tenant is not None:
        keep = np.array([name == tenant for name in trace.tenant])
        if not keep.any():
            known = ", ".join(sorted(set(trace.tenant))[:20])
            raise InputError(Fault("no such tenant in the trace", got=tenant, allowed=known))
        trace = trace.rows(keep)
    if len(trace) < LEAST_JOBS:
        raise InputError(Fault("too few jobs to fit", got=str(len(trace)), allowed=f"{LEAST_JOBS} or more"))
    jobs = workload_stats.of_trace(trace)
    from_s, end_s = fit_parts.whole_days(jobs)
    days = (end_s - from_s) // DAY_S
    fit_days = days if until_share is None else max(1, round(days * until_share))
    to_s = from_s + fit_days * DAY_S
    first = jobs.between(from_s, to_s)
    if fit_days < LEAST_DAYS or len(first) < LEAST_JOBS:
        got = f"{len(first)} jobs in {fit_days} days"
        raise InputError(Fault("too little to fit", got=got, allowed=f"{LEAST_JOBS} jobs, {LEAST_DAYS} days or more"))
    size = len(first)
    pairs = list(zip(trace.instances[:size].tolist(), trace.milli[:size].tolist(), strict=True))
    gangs = tuple(sorted(set(pairs) | set(USUAL_GANGS)))
    number = {pair: index for index, pair in enumerate(gangs)}
    until = trace.deadline_s[:size]
    slack = np.where(until == NEVER, np.nan, (until - first.submit_s) / first.run_s)
    sample = Sample(first, np.array([number[pair] for pair in pairs], np.int64), slack, gangs, from_s, to_s)
    return FitResult(tenant, calibrated(estimate(sample), sample), sample, jobs)


def fit_workload(path: pathlib.Path, tenant: str | None = None, until_share: float | None = None) -> FitResult:
    """The fit of a CSV of jobs in the package's own layout."""
    return fit_trace(tracefile.read(path), tenant, until_share)
