"""The pieces of a workload fit, each a function of plain columns: batches, week, busy days, gangs, sizes.

Busy days and hours are estimated by moments: where counts have variance V about expected counts e, the excess over
Poisson, mean((n - e)^2 - e) / mean(e^2), is exp(sigma^2) - 1 of a lognormal rate factor.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from marketsim import streams
from marketsim.demand.workload_stats import Jobs
from marketsim.units import DAY_S, HOUR_S

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LONGEST_BATCH_GAP_S = 300.0
PSEUDO_BATCHES = 20.0  # batches' worth of belief in a flat day: with a few dozen, single hours are noise
PSEUDO_DAYS, PSEUDO_PER_DAY = 1.0, 3.0  # belief in each day of the week: a day's worth, or three batches' if more
SHARES = np.array([0, .005, .01, .02, .05, .1, .15, .2, .25, .3, .35, .4, .45, .5, .55, .6, .65, .7, .75, .8, .85,
                   .9, .925, .95, .97, .98, .99, .995, 1.0])  # fmt: skip


class BatchFit(NamedTuple):
    """Batches of a stream: start of each (s), jobs in each, number of each job's batch, mean gap inside one (s)."""

    starts_s: Ints
    sizes: Ints
    batch: Ints
    spacing_s: float


def batches(submit_s: Ints) -> BatchFit:
    """Jobs at most 5 min apart (a tenth of the mean gap where that is less, for busy streams) are one batch."""
    if not len(submit_s):
        return BatchFit(submit_s, submit_s, submit_s, 0.0)
    gaps = np.diff(submit_s)
    limit = min(LONGEST_BATCH_GAP_S, float(np.mean(gaps)) / 10) if len(gaps) else 0.0
    inside = gaps <= limit
    batch = np.concatenate(([0], np.cumsum(~inside))).astype(np.int64)
    first = np.concatenate(([True], ~inside))
    spacing = float(np.mean(gaps[inside])) if inside.any() else 0.0
    return BatchFit(submit_s[first], np.bincount(batch).astype(np.int64), batch, spacing)


def week(starts_s: Ints, offset_h: int, from_s: int, to_s: int) -> Floats:
    """Relative rate of the 168 hours of the week, mean 1: a smoothed day times shrunk days of the week.

    from_s, to_s: whole days apart. A day of the week that was not seen takes the rate of weekdays, or of weekends.
    """
    hour = (starts_s // HOUR_S + offset_h) % 168
    of_day = np.bincount(hour % 24, minlength=24).astype(np.float64)
    kernel = np.array([1.0, 2, 3, 2, 1]) / 9
    smooth = sum(weight * np.roll(of_day, shift) for weight, shift in zip(kernel, range(-2, 3), strict=True))
    day = (smooth + PSEUDO_BATCHES / 24) / (len(hour) + PSEUDO_BATCHES) * 24
    counts = np.bincount(hour // 24, minlength=7).astype(np.float64)
    hours = (np.arange(from_s // HOUR_S, to_s // HOUR_S) + offset_h) % 168
    seen = np.bincount(hours // 24, minlength=7) / 24.0  # days of each sort in the record
    rate = max(len(hour) / max(float(seen.sum()), 1e-9), 1e-9)
    belief = max(PSEUDO_DAYS, PSEUDO_PER_DAY / rate)
    like = [slice(0, 5)] * 5 + [slice(5, 7)] * 2  # a day leans on its like, weekday or weekend
    group = np.array([(counts[part].sum() / rate + belief) / (seen[part].sum() + belief) for part in like])
    days = (counts / rate + belief * group) / (seen + belief)
    weights = np.repeat(days, 24) * np.tile(day, 7)
    return np.asarray(weights / weights.mean())


class BusyFit(NamedTuple):
    """Rate factors: sigma of ln over days with its correlation, sigma of ln over hours beyond that."""

    day_sigma: float
    day_correlation: float
    hour_sigma: float
    hour_correlation: float


def busy(starts_s: Ints, weights: Floats, offset_h: int, from_s: int, to_s: int) -> BusyFit:
    """Overdispersion of batch starts about the week, by days and by hours; from_s and to_s whole days apart."""
    hours = np.arange(from_s // HOUR_S, to_s // HOUR_S)
    expected = weights[(hours + offset_h) % 168]
    expected = expected * len(starts_s) / max(expected.sum(), 1e-9)
    counts = np.bincount(starts_s // HOUR_S - hours[0], minlength=len(hours)).astype(np.float64)
    days = counts.reshape(-1, 24).sum(1), expected.reshape(-1, 24).sum(1)
    day_excess, hour_excess = _excess(*days), _excess(counts, expected)
    day_variance = np.log1p(day_excess)
    hour_variance = max(np.log1p(hour_excess) - day_variance, 0.0)
    correlation = _log_correlation(*days, float(day_variance))
    sigma_h = float(min(np.sqrt(hour_variance), 2.0))
    return BusyFit(float(min(np.sqrt(day_variance), 2.0)), correlation, sigma_h, 0.6)


def _excess(counts: Floats, expected: Floats) -> float:
    return max(float(np.mean((counts - expected) ** 2 - expected) / np.mean(expected**2)), 0.0)


def _log_correlation(counts: Floats, expected: Floats, variance: float) -> float:
    """Correlation of ln factor from day to day, out of the covariance of the counts' ratios."""
    if variance < 1e-6 or len(counts) < 3:
        return 0.0
    ratio = counts / np.maximum(expected, 1e-9) - 1
    covariance = float(np.sum(expected[1:] * expected[:-1] * ratio[1:] * ratio[:-1]))
    covariance /= float(np.sum(expected[1:] * expected[:-1]))
    return float(np.clip(np.log(max(1 + covariance, 1e-9)) / variance, 0.0, 0.9))


def quantiles(values: Floats) -> Floats:
    """The inverse distribution function at `SHARES`, on a log scale, every value at least 1 s in hours."""
    return np.exp(np.quantile(np.log(np.maximum(values, 1 / HOUR_S)), SHARES))


def similarity(jobs: Jobs, batch: Ints, gang: Ints) -> float:
    """Correlation within batches of the normal scores that run times have among those of their gang, 0 to 0.95."""
    if len(jobs) < 10:
        return 0.0
    score = np.empty(len(jobs))
    for one in np.unique(gang):
        mine = gang == one
        rank = np.argsort(np.argsort(jobs.run_s[mine], kind="stable"), kind="stable")
        score[mine] = streams.normal((rank + 0.5) / int(mine.sum()))
    sums, squares, sizes = (np.bincount(batch, weights=column) for column in (score, score**2, np.ones(len(jobs))))
    pairs = sizes * (sizes - 1)
    if pairs.sum() < 10:
        return 0.0
    several = sizes > 1
    per_batch = (sums[several] ** 2 - squares[several]) / pairs[several]  # each batch counts alike
    return float(np.clip(np.average(per_batch, weights=np.minimum(sizes[several], 10)), 0.0, 0.95))


def whole_days(jobs: Jobs) -> tuple[int, int]:
    """Seconds of the first day's start and the last day's end."""
    return int(jobs.submit_s[0]) // DAY_S * DAY_S, (int(jobs.submit_s[-1]) // DAY_S + 1) * DAY_S
