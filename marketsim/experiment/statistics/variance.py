"""Fewer replications for the same error: control variates and antithetic pairs.

A control is something of the throw whose mean is known (offered work, the mean price); what it explains of the spread
between replications is taken out of the estimate. In an antithetic pair the second throw uses 1 - u for each u.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from marketsim.experiment.statistics.interval import Interval, identical, refused, sample, t_interval


def control_beta(covariance: float, control_variance: float) -> float:
    """The best coefficient of one control: Cov(y, c) / Var(c)."""
    return covariance / control_variance


def control_ratio(variance: float, covariance: float, control_variance: float) -> float:
    """Variance left with the best coefficient, over the variance without: 1 - rho^2."""
    return 1 - covariance**2 / (variance * control_variance)


def antithetic_ratio(variance: float, covariance: float) -> float:
    """Variance of the mean of a pair, over that of two independent replications: 1 + rho."""
    return 1 + covariance / variance


def controlled(values: ArrayLike, controls: ArrayLike, means: ArrayLike, confidence: float = 0.95) -> Interval:
    """The mean of values, corrected by controls (n,) or (n, q) of known means (q,), and its interval.

    By regression on the centred controls, with n - q - 1 degrees of freedom (Lavenberg and Welch 1981). Controls that
    do not vary are left out. Needs n >= q + 10, below which the fitted coefficient costs more than it gives.
    """
    from scipy import special

    data = sample(values)
    columns = np.asarray(controls, dtype=np.float64).reshape(len(data), -1) - np.asarray(means, dtype=np.float64)
    columns = columns[:, np.ptp(columns, axis=0) > 0]
    n, q = columns.shape
    if q == 0:
        return t_interval(data, confidence)
    if (data == data[0]).all():
        return identical(float(data[0]), n)
    if n < q + 10:
        return refused(float(data.mean()), n, q + 10)
    design = np.column_stack((np.ones(n), columns))
    solved, *_ = np.linalg.lstsq(design, data, rcond=None)
    rest = data - design @ solved
    freedom = n - q - 1
    spread = float(rest @ rest) / freedom
    error = math.sqrt(spread * float(np.linalg.pinv(design.T @ design)[0, 0]))
    half = float(special.stdtrit(freedom, 0.5 + confidence / 2)) * error
    value = float(solved[0])
    return Interval(value, value - half, value + half, n)


def antithetic(first: ArrayLike, second: ArrayLike, confidence: float = 0.95) -> Interval:
    """The mean over antithetic pairs: the pair's mean is one observation, so n counts pairs."""
    return t_interval((sample(first) + sample(second)) / 2, confidence)


def reduction(first: ArrayLike, second: ArrayLike) -> float:
    """Variance of a difference under common random numbers, as a share of what independent runs would have.

    Var(a - b) / (Var(a) + Var(b)); 1 is no gain, 0 a perfect one. ValueError where neither varies.
    """
    one, two = sample(first), sample(second)
    apart = float(one.var(ddof=1) + two.var(ddof=1))
    if apart == 0:
        raise ValueError("neither sample varies")
    return float((one - two).var(ddof=1)) / apart
