"""Intervals of a mean: t, paired, Welch, bootstrap; what the data cannot give is refused with the n that would do.

An interval says how well a mean is known after n replications. It says nothing about the range of outcomes, which is a
matter of quantiles (`quantile.py`), nor about inputs that are themselves uncertain.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """A figure and its confidence interval, both in the unit of the data.

    low and high are None where n does not support them; `note` then says what would. Data that do not vary give
    low = value = high and the note `identical in all n`. p belongs to the hypothesis that the true figure is 0.
    """

    value: float
    low: float | None
    high: float | None
    n: int
    p: float | None = None
    note: str | None = None

    @property
    def half_width(self) -> float | None:
        """Half of high - low, None where there is none."""
        return None if self.low is None or self.high is None else (self.high - self.low) / 2


def sample(values: ArrayLike) -> Floats:
    """A sample as floats, shape (n,); ValueError for nothing, or for what is not finite."""
    data = np.asarray(values, dtype=np.float64)
    if data.ndim != 1 or not len(data):
        raise ValueError("a sample is one row of at least one number")
    if not np.isfinite(data).all():
        raise ValueError("a sample's numbers are finite")
    return data


def refused(value: float, n: int, needed: int) -> Interval:
    """No interval at this n, and the n that would do."""
    return Interval(value, None, None, n, note=f"needs n >= {needed}, has {n}")


def identical(value: float, n: int) -> Interval:
    """The interval of data that do not vary: a point, and no claim that it could not be otherwise."""
    return Interval(value, value, value, n, p=None, note=f"identical in all {n}")


def t_interval(values: ArrayLike, confidence: float = 0.95) -> Interval:
    """The mean and its Student interval, mean +- t_{n-1} s / sqrt(n); needs n >= 2."""
    from scipy import special

    data = sample(values)
    n, mean = len(data), float(data.mean())
    if n < 2:
        return refused(mean, n, 2)
    if (data == data[0]).all():
        return identical(float(data[0]), n)
    error = float(data.std(ddof=1)) / math.sqrt(n)
    half = float(special.stdtrit(n - 1, 0.5 + confidence / 2)) * error
    p = _two_sided(mean, error, n - 1)
    return Interval(mean, mean - half, mean + half, n, p)


def _two_sided(mean: float, error: float, freedom: float) -> float:
    from scipy import special

    if error == 0:
        return 1.0 if mean == 0 else 0.0
    return float(2 * special.stdtr(freedom, -abs(mean / error)))


def paired(first: ArrayLike, second: ArrayLike, confidence: float = 0.95) -> Interval:
    """Mean of first - second over the same replications, by the t interval of the differences; shapes must agree."""
    one, two = sample(first), sample(second)
    if len(one) != len(two):
        raise ValueError(f"paired samples have one length, not {len(one)} and {len(two)}")
    return t_interval(one - two, confidence)


def welch_freedom(first: ArrayLike, second: ArrayLike) -> float:
    """Welch-Satterthwaite degrees of freedom of two independent samples (Welch 1947)."""
    one, two = sample(first), sample(second)
    v1, v2 = float(one.var(ddof=1)) / len(one), float(two.var(ddof=1)) / len(two)
    return (v1 + v2) ** 2 / (v1**2 / (len(one) - 1) + v2**2 / (len(two) - 1))


def welch(first: ArrayLike, second: ArrayLike, confidence: float = 0.95) -> Interval:
    """Difference of the means of two independent samples, with unequal variances; n is the smaller; needs n >= 2."""
    from scipy import special

    one, two = sample(first), sample(second)
    difference, n = float(one.mean() - two.mean()), min(len(one), len(two))
    if n < 2:
        return refused(difference, n, 2)
    if (one == one[0]).all() and (two == two[0]).all():
        return identical(float(one[0] - two[0]), n)
    error = math.sqrt(float(one.var(ddof=1)) / len(one) + float(two.var(ddof=1)) / len(two))
    freedom = welch_freedom(one, two)
    half = float(special.stdtrit(freedom, 0.5 + confidence / 2)) * error
    return Interval(difference, difference - half, difference + half, n, _two_sided(difference, error, freedom))


def bootstrap(
    values: ArrayLike,
    statistic: Callable[..., NDArray[np.float64]] = np.mean,
    confidence: float = 0.95,
    resamples: int = 2_000,
    seed: int = 0,
) -> Interval:
    """BCa bootstrap interval of a statistic (Efron 1987); `statistic` takes an axis. Needs n >= 10.

    The resampling has a seed of its own, so the same data give the same interval.
    """
    from scipy import stats

    data = sample(values)
    n, value = len(data), float(statistic(data, axis=0))
    if (data == data[0]).all():
        return identical(float(statistic(data[:1], axis=0)), n)  # the mean of many 0.1 is not 0.1 in floats
    if n < 10:
        return refused(value, n, 10)
    found = stats.bootstrap(
        (data,),
        statistic,
        vectorized=True,
        n_resamples=resamples,
        confidence_level=confidence,
        method="BCa",
        random_state=np.random.Generator(np.random.PCG64DXSM(seed)),
    ).confidence_interval
    if not (math.isfinite(found.low) and math.isfinite(found.high)):
        return Interval(value, None, None, n, note="the statistic does not vary between resamples")
    return Interval(value, float(found.low), float(found.high), n)
