"""Shares by replication: in how many of n did it happen (the purse fell below 0, a gate failed)."""

from __future__ import annotations

import math

from marketsim.experiment.statistics.interval import Interval


def wilson(count: int, n: int, confidence: float = 0.95) -> Interval:
    """The share count / n and its score interval (Wilson 1927); sound at 0 and at 1; n at least 1."""
    from scipy import special

    if not 0 <= count <= n or n < 1:
        raise ValueError(f"a share needs 0 <= count <= n and n >= 1, not {count} of {n}")
    z = float(special.ndtri(0.5 + confidence / 2))
    share = count / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    low, high = max(middle - half, 0.0), min(middle + half, 1.0)
    return Interval(share, 0.0 if count == 0 else low, 1.0 if count == n else high, n)


def clopper_pearson_upper(count: int, n: int, confidence: float = 0.95) -> float:
    """The exact one-sided upper bound of a share (Clopper and Pearson 1934)."""
    from scipy import special

    return 1.0 if count == n else float(special.betaincinv(count + 1, n - count, confidence))


def rule_of_three(n: int) -> float:
    """About the 95 % upper bound of what was seen in none of n: 3 / n."""
    return 3 / n
