"""Quantiles and the tail behind them, without a word about the law of the data.

The interval of a quantile is between two order statistics; its coverage is a sum of binomial chances and so known
exactly (David and Nagaraja, Order Statistics, 3rd ed., ch. 7). A quantile near the end needs many replications.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from marketsim.experiment.statistics.interval import Interval, identical, refused, sample

TAIL = 20  # replications that must lie beyond a quantile before the mean of its tail is reported


class Ranks(NamedTuple):
    """Ranks of the two order statistics, from 1, and the exact chance that they enclose the quantile."""

    lower: int
    upper: int
    coverage: float


def ranks(n: int, level: float, confidence: float = 0.95) -> Ranks | None:
    """The ranks that leave at most (1 - confidence) / 2 on each side; None where n is too small for both."""
    from scipy import special, stats

    tail = (1 - confidence) / 2
    lower = int(stats.binom.ppf(tail, n, level))
    upper = int(stats.binom.ppf(1 - tail, n, level)) + 1
    if lower < 1 or upper > n:
        return None
    coverage = float(special.bdtr(upper - 1, n, level) - special.bdtr(lower - 1, n, level))
    return Ranks(lower, upper, coverage)


def least_n(level: float, confidence: float = 0.95) -> int:
    """The least n with both ranks: 72 for P95 at 95 %."""
    tail = (1 - confidence) / 2
    return max(_runs(level, tail), _runs(1 - level, tail))


def least_n_upper(level: float, confidence: float = 0.95) -> int:
    """The least n whose largest value is an upper bound of the quantile: 59 for P95 at 95 %."""
    return _runs(level, 1 - confidence)


def _runs(chance: float, tail: float) -> int:
    """The least n with chance^n <= tail."""
    return math.ceil(math.log(tail) / math.log(chance) - 1e-12)


def quantile_interval(values: ArrayLike, level: float, confidence: float = 0.95) -> Interval:
    """The sample quantile (the least value with at least `level` of the data at or below) and its interval."""
    data = np.sort(sample(values))
    n = len(data)
    value = float(data[max(math.ceil(level * n - 1e-9), 1) - 1])
    if data[0] == data[-1]:
        return identical(value, n)
    found = ranks(n, level, confidence)
    if found is None:
        return refused(value, n, least_n(level, confidence))
    return Interval(value, float(data[found.lower - 1]), float(data[found.upper - 1]), n)


def cvar(values: ArrayLike, level: float = 0.95) -> float:
    """Mean of the worst 1 - level of a sample, larger being worse; the value at the edge counts in part.

    Rockafellar and Uryasev 2002. level in [0, 1).
    """
    data = np.sort(sample(values))[::-1]
    tail = (1 - level) * len(data)
    whole = min(int(tail + 1e-9), len(data))
    part = tail - whole
    total = float(data[:whole].sum())
    if part > 1e-9 and whole < len(data):
        total += part * float(data[whole])
    return total / tail


def cvar_interval(values: ArrayLike, level: float = 0.95, confidence: float = 0.95) -> Interval:
    """CVaR and its asymptotic interval; needs 20 values in the tail, n >= 400 at 95 %.

    The error is that of the mean of q + (x - q)+ / (1 - level) with q the quantile (Trindade et al. 2007).
    """
    from scipy import special

    data = sample(values)
    n, value = len(data), cvar(data, level)
    if (data == data[0]).all():
        return identical(value, n)
    needed = math.ceil(TAIL / (1 - level) - 1e-9)
    if n < needed:
        return refused(value, n, needed)
    edge = float(np.quantile(data, level, method="inverted_cdf"))
    excess = np.maximum(data - edge, 0) / (1 - level)
    half = float(special.stdtrit(n - 1, 0.5 + confidence / 2)) * float(excess.std(ddof=1)) / math.sqrt(n)
    return Interval(value, value - half, value + half, n)


def normal_var(mean: float, sd: float, level: float) -> float:
    """The quantile of a normal loss: mean + sd z."""
    from scipy import special

    return mean + sd * float(special.ndtri(level))


def normal_cvar(mean: float, sd: float, level: float) -> float:
    """CVaR of a normal loss: mean + sd phi(z) / (1 - level)."""
    from scipy import special

    z = float(special.ndtri(level))
    return mean + sd * math.exp(-z * z / 2) / math.sqrt(2 * math.pi) / (1 - level)


def lognormal_cvar(log_mean: float, log_sd: float, level: float) -> float:
    """CVaR of a lognormal loss: its mean x Phi(sd - z) / (1 - level)."""
    from scipy import special

    z = float(special.ndtri(level))
    return math.exp(log_mean + log_sd**2 / 2) * float(special.ndtr(log_sd - z)) / (1 - level)
