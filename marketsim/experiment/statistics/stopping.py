"""How many replications: until the half-width of a mean or of a difference is as small as was asked."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from marketsim.experiment.statistics.interval import Interval, t_interval

LEAST = 10  # below this the standard deviation is itself too uncertain to stop on (Law, Simulation Modeling, 9.4.1)


def relative(share: float) -> float:
    """The relative half-width to stop at, so that the error relative to the true mean is within `share` (Law 9.4.1)."""
    return share / (1 + share)


def n_for_half_width(sd: float, half_width: float, confidence: float = 0.95) -> int:
    """The least n with t_{n-1} sd / sqrt(n) <= half_width; at least 2."""
    from scipy import special

    n = max(n_by_normal(sd, half_width, confidence), 2)
    while float(special.stdtrit(n - 1, 0.5 + confidence / 2)) * sd / math.sqrt(n) > half_width:
        n += 1
    return n


def n_by_normal(sd: float, half_width: float, confidence: float = 0.95) -> int:
    """The first guess of n: (z sd / half_width)^2, rounded up."""
    from scipy import special

    return math.ceil((float(special.ndtri(0.5 + confidence / 2)) * sd / half_width) ** 2)


def n_for_share(share: float, half_width: float, confidence: float = 0.95) -> int:
    """n for a share by replication: z^2 p (1 - p) / half_width^2, rounded up."""
    from scipy import special

    z = float(special.ndtri(0.5 + confidence / 2))
    return math.ceil(z * z * share * (1 - share) / half_width**2)


@dataclass(frozen=True)
class Until:
    """Stop when the half-width of a mean is at most a share of its size, or an absolute amount, n being at least 10."""

    half_width_share: float | None = None
    half_width: float | None = None
    confidence: float = 0.95
    n_min: int = LEAST

    def target(self, interval: Interval) -> float:
        """The half-width to reach, in the unit of the data."""
        if self.half_width is not None:
            return self.half_width
        return relative(self.half_width_share or 0.0) * abs(interval.value)

    def reached(self, values: Sequence[float]) -> bool:
        """Whether these are enough; data identical in all n are."""
        if len(values) < max(self.n_min, 2):
            return False
        interval = t_interval(values, self.confidence)
        return (interval.half_width or 0.0) <= self.target(interval)

    def guess(self, values: Sequence[float]) -> int:
        """About how many are needed in all, from those there are (at least 2); for the progress bar and chunks."""
        if len(values) < 2:
            return self.n_min
        interval = t_interval(values, self.confidence)
        target, half = self.target(interval), interval.half_width or 0.0
        if half == 0:
            return max(self.n_min, len(values))
        return max(self.n_min, math.ceil(len(values) * (half / target) ** 2)) if target > 0 else len(values) * 2
