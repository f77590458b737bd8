"""Which is best, with a chance of being right that was chosen beforehand.

Kim and Nelson's procedure drops systems as soon as they are clearly not the best; it allows common random numbers and
promises the best with probability 1 - alpha where it is better than the others by at least the indifference zone.
Smaller is better throughout.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray


def kn_eta(systems: int, n0: int, alpha: float) -> float:
    """eta of Kim and Nelson 2001 with c = 1: ((2 alpha / (k - 1))^(-2 / (n0 - 1)) - 1) / 2."""
    return 0.5 * ((2 * alpha / (systems - 1)) ** (-2 / (n0 - 1)) - 1)


def kn_h2(eta: float, n0: int) -> float:
    """h^2 = 2 eta (n0 - 1)."""
    return 2 * eta * (n0 - 1)


def kn_most(h2: float, s2: float, delta: float) -> int:
    """N: the largest n at which a pair with variance of differences s2 may still be undecided."""
    return math.floor(h2 * s2 / delta**2)


def kn_band(h2: float, s2: float, delta: float, r: int) -> float:
    """W(r): how much worse a system's mean may be after r replications and stay in."""
    return max(0.0, delta / (2 * r) * (h2 * s2 / delta**2 - r))


@dataclass(frozen=True)
class Selected:
    """What was chosen, how many replications each system took, when each was dropped, and those left together.

    With replications at an end before the procedure is, `best` is the best mean of those left and `decided` is False.
    """

    best: int
    decided: bool
    n: tuple[int, ...]
    left: tuple[int, ...]
    dropped_at: dict[int, int] = field(default_factory=dict)


def kim_nelson(
    draw: Callable[[Sequence[int], int], Sequence[float]],
    systems: int,
    delta: float,
    alpha: float = 0.05,
    n0: int = 10,
    at_most: int = 1_000_000,
) -> Selected:
    """Choose the system with the least mean. delta: the indifference zone, in the unit of the values, above 0.

    draw(alive, r) gives the values of replication r (from 0) for the systems still alive, in that order. Raises
    ValueError for fewer than 2 systems, n0 below 2, alpha outside (0, 1 - 1 / systems) or delta not above 0.
    """
    if systems < 2 or n0 < 2 or not 0 < alpha < 1 - 1 / systems or not delta > 0:
        raise ValueError("selection needs 2 systems, n0 of 2, delta above 0 and alpha between 0 and 1 - 1/systems")
    alive = list(range(systems))
    first = np.array([list(draw(alive, r)) for r in range(n0)], dtype=np.float64)
    h2 = kn_h2(kn_eta(systems, n0, alpha), n0)
    s2 = np.array([[float((first[:, i] - first[:, j]).var(ddof=1)) for j in range(systems)] for i in range(systems)])
    sums, r = first.sum(axis=0), n0
    dropped: dict[int, int] = {}
    while True:
        means = sums / r
        worse = [
            i for i in alive if any(means[i] > means[j] + kn_band(h2, s2[i, j], delta, r) for j in alive if j != i)
        ]
        dropped |= dict.fromkeys(worse, r)
        alive = [i for i in alive if i not in worse]
        # one that is left alone has no pair that may still be undecided
        decided = r > max((kn_most(h2, s2[i, j], delta) for i in alive for j in alive if i != j), default=0)
        if decided or r >= at_most:
            break
        sums[alive] += np.asarray(draw(alive, r), dtype=np.float64)
        r += 1
    best = min(alive, key=lambda i: (means[i], i))
    return Selected(best, decided, tuple(dropped.get(i, r) for i in range(systems)), tuple(alive), dropped)


def rinott_h(systems: int, n0: int, chance: float) -> float:
    """Rinott's constant (1978) for two stages of independent normals; N = max(n0, ceil((h s / delta)^2)).

    Solves E[Phi(h / sqrt((n0 - 1) (1 / x + 1 / y)))^.]: the inner mean over one chi-square to the power k - 1, the
    outer over the other, by Gauss-Legendre in the probability of each.
    """
    from scipy import optimize, special

    nodes, weights = np.polynomial.legendre.leggauss(200)
    p, w = (nodes + 1) / 2, weights / 2
    chi = special.chdtri(n0 - 1, 1 - p)
    scale = np.sqrt((n0 - 1) * (1 / chi[:, None] + 1 / chi[None, :]))

    def excess(h: float) -> float:
        inner = special.ndtr(h / scale) @ w
        return float(inner ** (systems - 1) @ w) - chance

    return float(optimize.brentq(excess, 0.01, 50.0, xtol=1e-10))


def ocba(means: ArrayLike, sds: ArrayLike, budget: float) -> NDArray[np.float64]:
    """How a budget of replications is best shared for picking the least mean (Chen et al. 2000); shape (systems,).

    Raises ValueError where the least mean is not unique: there is nothing to tell apart.
    """
    mean, sd = np.asarray(means, dtype=np.float64), np.asarray(sds, dtype=np.float64)
    best = int(np.argmin(mean))
    others = np.arange(len(mean)) != best
    gap = mean - mean[best]
    if (gap[others] <= 0).any():
        raise ValueError("two systems share the least mean")
    weight = np.zeros(len(mean))
    weight[others] = (sd[others] / gap[others]) ** 2
    weight[best] = sd[best] * math.sqrt(float((weight[others] ** 2 / sd[others] ** 2).sum()))
    return budget * weight / weight.sum()
