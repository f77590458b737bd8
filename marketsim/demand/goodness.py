"""How good a workload fit is: intervals of its numbers, its statistics beside generated ones, columns for a picture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from marketsim.demand import fit_parts, workload_stats
from marketsim.demand.fit import FitResult, Fitted, Sample, estimate
from marketsim.demand.workload_stats import Jobs
from marketsim.streams import Dice
from marketsim.units import DAY_S, HOUR_S, MILLI

Floats = NDArray[np.float64]


class Interval(NamedTuple):
    """A number of the fit and its interval."""

    name: str
    value: float
    low: float
    high: float


class Check(NamedTuple):
    """One statistic of the record beside generated ones of the same days."""

    name: str
    observed: float
    low: float
    high: float
    inside: bool


def numbers(fitted: Fitted) -> dict[str, float]:
    """The numbers of a fit that have a name of their own."""
    sizes, counts = np.array(list(fitted.batch)), np.array(list(fitted.batch.values()))
    mix = fitted.weights / fitted.weights.sum()
    named = {
        "jobs a day": fitted.per_day,
        "jobs in a batch": float(np.average(sizes, weights=counts)),
        "weekend over weekday": float(fitted.week[120:].mean() / fitted.week[:120].mean()),
        "sigma of days": fitted.busy.day_sigma,
        "sigma of hours": fitted.busy.hour_sigma,
        "similarity in a batch": fitted.similarity,
    }
    median = int(np.searchsorted(fit_parts.SHARES, 0.5))
    for (instances, milli), share, hours in zip(fitted.gangs, mix, fitted.hours, strict=True):
        if share > 0:
            gpus = f"{instances} x {milli / MILLI:g} GPUs"
            named[f"share of {gpus}"] = float(share)
            named[f"median hours on {gpus}"] = float(hours[median])
    if fitted.slack is not None:
        named["median slack"] = float(fitted.slack[median])
    return named


def intervals(result: FitResult, dice: Dice, rounds: int = 100, confidence: float = 0.9) -> list[Interval]:
    """Percentile intervals of the numbers by drawing whole days again, with replacement, each from its own weekday.

    The sigmas of drawn days are those of the moments; they are put in proportion to the calibrated ones.
    """
    sample = result.sample
    days = (sample.to_s - sample.from_s) // DAY_S
    edges = np.searchsorted(sample.jobs.submit_s, sample.from_s + np.arange(days + 1) * DAY_S)
    drawn: dict[str, list[float]] = {}
    for round_ in range(rounds):
        like = (days - 1 - np.arange(days) % 7) // 7 + 1  # days of the same weekday as each
        chosen = np.arange(days) % 7 + 7 * (dice.uniforms("bootstrap", days, round_) * like).astype(np.int64)
        for name, value in numbers(estimate(_again(sample, chosen, edges))).items():
            drawn.setdefault(name, []).append(value)
    tails = [(1 - confidence) / 2, (1 + confidence) / 2]
    by_moments = numbers(estimate(sample))
    found = []
    for name, value in numbers(result.fitted).items():
        scale = value / by_moments[name] if name.startswith("sigma") and by_moments[name] > 0 else 1.0
        low, high = np.quantile(drawn.get(name, [value]), tails) * scale
        found.append(Interval(name, value, float(low), float(high)))
    return found


def _again(sample: Sample, chosen: NDArray[np.int64], edges: NDArray[np.int64]) -> Sample:
    """The sample made of chosen days; each keeps its hours, and moves to a place of its own."""
    rows, times = [], []
    for place, day in enumerate(chosen):
        part = np.arange(edges[day], edges[day + 1])
        rows.append(part)
        times.append(sample.jobs.submit_s[part] + (place - day) * DAY_S)
    row = np.concatenate(rows)
    jobs = Jobs(np.concatenate(times), sample.jobs.run_s[row], sample.jobs.gpus[row], sample.jobs.week_offset_h)
    return Sample(jobs, sample.gang[row], sample.slack[row], sample.gangs, sample.from_s, sample.to_s)


def goodness(result: FitResult, dice: Dice, rounds: int = 100, confidence: float = 0.95) -> list[Check]:
    """Each statistic of the fitted days and the band of generated days, of the fit itself, without drift."""
    observed = workload_stats.measure(result.jobs, result.from_s, result.to_s)
    experiments = result.settings()
    drawn = [
        workload_stats.measure(
            result.generated(experiments, Dice(dice.seed, round_, dice.prefix), result.from_s, result.to_s),
            result.from_s, result.to_s,
        )
        for round_ in range(rounds)
    ]  # fmt: skip
    low, high = np.nanquantile(np.array(drawn), [(1 - confidence) / 2, (1 + confidence) / 2], axis=0)
    return [
        Check(row.name, float(seen), float(below), float(above), bool(below <= seen <= above))
        for row, seen, below, above in zip(workload_stats.rows(), observed, low, high, strict=True)
    ]


def lines(result: FitResult, dice: Dice, rounds: int = 100) -> list[str]:
    """The intervals and the goodness of fit as text, a line a number."""
    text = [f"{'fitted':32} {'value':>10} {'90 % from':>10} {'to':>10}"]
    text += [
        f"{one.name:32} {one.value:10.4g} {one.low:10.4g} {one.high:10.4g}" for one in intervals(result, dice, rounds)
    ]
    checks = goodness(result, dice, rounds)
    text += ["", f"{'statistic of the record':32} {'observed':>10} {'95 % from':>10} {'to':>10}  inside"]
    text += [
        f"{one.name:32} {one.observed:10.4g} {one.low:10.4g} {one.high:10.4g}  {'yes' if one.inside else 'NO'}"
        for one in checks
    ]
    held = sum(one.inside for one in checks)
    return [*text, "", f"{held} of {len(checks)} statistics of the record lie inside what the fit draws"]


def frames(result: FitResult, dice: Dice) -> dict[str, Mapping[str, Floats]]:
    """Columns for a picture, of the record and of one generated stretch of the same days.

    `gpu_hours` and `gap_s`: sorted values, x of an ECDF. `autocorrelation`: of daily counts at lags 1 to 14. `week`:
    share of jobs in each hour of the week, (168,).
    """
    made = result.generated(result.settings(), dice, result.from_s, result.to_s)
    both = {"record": result.jobs.between(result.from_s, result.to_s), "generated": made}
    return {
        "gpu_hours": {name: np.sort(jobs.gpu_hours) for name, jobs in both.items()},
        "gap_s": {name: np.sort(np.diff(jobs.submit_s)).astype(np.float64) for name, jobs in both.items()},
        "autocorrelation": {
            name: _autocorrelation(_daily(jobs, result.from_s, result.to_s)) for name, jobs in both.items()
        },
        "week": {name: _week(jobs) for name, jobs in both.items()},
    }


def _daily(jobs: Jobs, from_s: int, to_s: int) -> Floats:
    return np.histogram(jobs.submit_s, np.arange(from_s, to_s + 1, DAY_S))[0].astype(np.float64)


def _autocorrelation(counts: Floats, lags: int = 14) -> Floats:
    centred = counts - counts.mean()
    total = float(np.sum(centred**2)) or 1.0
    return np.array([float(np.sum(centred[lag:] * centred[:-lag])) / total for lag in range(1, lags + 1)])


def _week(jobs: Jobs) -> Floats:
    hour = (jobs.submit_s // HOUR_S + jobs.week_offset_h) % 168
    return np.bincount(hour, minlength=168) / max(len(jobs), 1)
