"""One long run instead of many: batch means, the warm-up to leave out, and the model they are tested on.

Values of one run depend on each other, so s^2 / n is far too small; means of long batches hardly do.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from marketsim.experiment.statistics.interval import Interval, identical, refused, sample


def batch_means(values: ArrayLike, batches: int) -> np.ndarray:
    """Means of `batches` equal spans; what does not fill one is left out at the front; shape (batches,)."""
    data = sample(values)
    size = len(data) // batches
    if size < 1:
        raise ValueError(f"{len(data)} values do not fill {batches} batches")
    return data[len(data) - size * batches :].reshape(batches, size).mean(axis=1)


def batch_interval(values: ArrayLike, batches: int = 20, confidence: float = 0.95) -> Interval:
    """The mean of a stationary run and its interval by non-overlapping batch means; needs 10 values a batch."""
    from scipy import special

    data = sample(values)
    n, mean = len(data), float(data.mean())
    if n < 10 * batches:
        return refused(mean, n, 10 * batches)
    if (data == data[0]).all():
        return identical(mean, n)
    means = batch_means(data, batches)
    mean = float(means.mean())
    half = float(special.stdtrit(batches - 1, 0.5 + confidence / 2)) * float(means.std(ddof=1)) / math.sqrt(batches)
    return Interval(mean, mean - half, mean + half, n)


def asymptotic_variance(values: ArrayLike, batches: int) -> float:
    """n x Var(mean of n) for large n, estimated as batch size x variance of the batch means."""
    data = sample(values)
    return len(data) // batches * float(batch_means(data, batches).var(ddof=1))


def lag_one(values: ArrayLike) -> float:
    """Correlation of neighbours; near 0 when batches are long enough. 0 for data that do not vary."""
    data = sample(values)
    if (data == data[0]).all():
        return 0.0
    data = data - data.mean()
    return float(data[1:] @ data[:-1]) / float(data @ data)


class Warmup(NamedTuple):
    """How many values to leave out at the front, and the mean of the rest."""

    truncate: int
    mean: float


def mser(values: ArrayLike, batch: int = 5) -> Warmup:
    """The warm-up by MSER-5 (White, Cobb and Spratt 2000): leave out what makes the rest's mean look best known.

    Batches of 5; of the first half of possible cuts d the one with the least sum of squares over (k - d)^2.
    """
    data = sample(values)
    k = len(data) // batch
    if k < 2:
        raise ValueError(f"MSER needs at least {2 * batch} values, has {len(data)}")
    means = data[: k * batch].reshape(k, batch).mean(axis=1)
    left = np.arange(k, 0, -1)
    # sums over means[d:], for every d at once; centred first, so that the squares do not cancel
    centred = means - means.mean()
    first = np.cumsum(centred[::-1])[::-1]
    second = np.cumsum((centred**2)[::-1])[::-1]
    score = (second - first**2 / left) / left**2
    cut = int(np.argmin(score[: k // 2 + 1])) * batch
    return Warmup(cut, float(data[cut:].mean()))


class Ar1(NamedTuple):
    """Known figures of X' = m + phi (X - m) + e, sd(e) = s, and of means of b successive values."""

    variance: float
    asymptotic_variance: float
    batch_variance: float
    batch_correlation: float
    effective_share: float


def ar1(phi: float, s: float, b: int) -> Ar1:
    """Closed forms for a stationary AR(1): what batch means must give on it; |phi| < 1."""
    variance = s * s / (1 - phi * phi)
    lags = np.arange(1, b)
    own = variance / b * (1 + 2 * float(((1 - lags / b) * phi**lags).sum()))
    apart = np.arange(1, 2 * b)  # distance of a value of one batch from one of the next
    pairs = b - np.abs(apart - b)
    next_to = variance / b**2 * float((pairs * phi**apart).sum())
    return Ar1(variance, s * s / (1 - phi) ** 2, own, next_to / own, (1 - phi) / (1 + phi))
