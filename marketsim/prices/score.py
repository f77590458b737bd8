"""How good a forecast was: coverage of an interval, CRPS, place of the outcome, and the error of such means.

Windows that overlap, and series that move together, are not independent cases: the standard error of a mean over
origins and series resamples whole blocks of time, all series at once.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import special

from marketsim.streams import Dice, Floats


def crps(samples: Floats, outcome: float) -> float:
    """Continuous ranked probability score of a sample, E|X - y| - E|X - X'| / 2 (Gneiting and Raftery 2007)."""
    ordered = np.sort(samples)
    count = len(ordered)
    weights = 2 * np.arange(1, count + 1) - count - 1
    return float(np.abs(ordered - outcome).mean() - (weights * ordered).sum() / count**2)


def crps_normal(mean: float, sd: float, outcome: float) -> float:
    """The same of a normal law, in closed form."""
    z = (outcome - mean) / sd
    density = math.exp(-0.5 * z * z) / math.sqrt(2 * math.pi)
    return float(sd * (z * (2 * special.ndtr(z) - 1) + 2 * density - 1 / math.sqrt(math.pi)))


def block_error(
    values: Floats,
    origin: NDArray[np.int64],
    group: NDArray[np.int64],
    block: int,
    resamples: int = 500,
    seed: int = 7,
) -> float:
    """Standard error of the mean of values, one for each forecast.

    origin: day on which each forecast was made; group: number of its family of series. Two bootstraps, each of which
    keeps whole what is alike: circular blocks of `block` days (at least the horizon) with all series of those days, for
    what moves the whole market; and whole families with all their days, for overlapping windows and series that move
    together. Their variances are added, which errs on the wide side. nan for a single family on a single day.
    """
    dice = Dice(seed)
    by_day = _resampled(
        values, np.unique(origin, return_inverse=True)[1], dice.uniforms("days", resamples * 64), block, origin
    )
    by_group = _resampled(
        values, np.unique(group, return_inverse=True)[1], dice.uniforms("groups", resamples * 512), 0, origin
    )
    if math.isnan(by_day) and math.isnan(by_group):
        return math.nan
    return math.hypot(*(0.0 if math.isnan(one) else one for one in (by_day, by_group)))


def _resampled(
    values: Floats, place: NDArray[np.int64], uniforms: Floats, block: int, origin: NDArray[np.int64]
) -> float:
    """Bootstrap error of the mean over places: single places where block is 0, else runs that span `block` days."""
    many = int(place.max()) + 1
    if many < 2:
        return math.nan
    sums = np.bincount(place, weights=values, minlength=many)
    counts = np.bincount(place, minlength=many).astype(np.float64)
    length = 1
    if block:
        days = np.unique(origin)
        length = min(max(1, round(block / float(np.median(np.diff(days))))), many)
    needed = math.ceil(many / length)
    resamples = len(uniforms) // needed
    starts = (uniforms[: resamples * needed].reshape(resamples, needed) * many).astype(np.int64)
    places = (starts[:, :, None] + np.arange(length)) % many
    means = sums[places].sum(axis=(1, 2)) / np.maximum(counts[places].sum(axis=(1, 2)), 1.0)
    spread = float(means.std(ddof=1))
    if not block:
        return spread
    # Blocks that fill a share of the span cannot show what differs between such spans: the bootstrap's variance is too
    # small by about that share (Lahiri 2003, section 3.3), nothing is left to resample where one block fills it all.
    return spread / math.sqrt(1 - length / many) if length < many else math.nan
