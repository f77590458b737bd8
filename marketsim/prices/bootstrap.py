"""The default spot process: blocks of measured, standardised changes, scaled to a volatility, within bounds.

The stationary bootstrap (Politis and Romano 1994): measured changes are played in blocks of geometric length, so heavy
tails, clusters of volatility and momentum come along without a formula for them. A weak pull towards the long-run
level keeps paths of years in range; walls reflect. Chosen on AWS series of 2024 and 2025, because its intervals hold
what they promise over months, where a fitted mean reversion is overconfident (see analysis/price_models.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy import signal

from marketsim.data.tables import document
from marketsim.path import Path
from marketsim.prices.common import together
from marketsim.prices.drawn import DrawnPrice, grid, reflected
from marketsim.prices.process import Asked
from marketsim.settings import Positive, PositiveDuration, Seconds
from marketsim.streams import Floats
from marketsim.throw import Throw
from marketsim.units import DAY_S

# Chosen on five half-years from 2024-11 to 2025-12 of the given series, each forecast from the days before it: among
# blocks of 10 to 60 days and half-lives of 70 to 231 days and none, these held 90 % at 30 and at 90 days in all five
# within one standard error, with a CRPS at 90 days of 0.80 to 1.03 times a random walk's.
MEAN_BLOCK_DAYS = 40
HALF_LIFE_DAYS = 100


@dataclass(frozen=True, eq=False)
class Pool:
    """Standardised daily changes of several series: values (m,), unit variance, and where each series starts."""

    values: Floats
    starts: NDArray[np.int64]
    lengths: NDArray[np.int64]

    @classmethod
    def of(cls, series: list[Floats]) -> Pool:
        """A pool of series of standardised changes, each at least one long."""
        lengths = np.array([len(one) for one in series], np.int64)
        return cls(np.concatenate(series), np.cumsum(lengths) - lengths, lengths)


@cache
def packaged_pool() -> Pool:
    """Segments of AWS accelerators' changes of log spot ratio, 2024 and 2025, standardised, without name and date."""
    whole = document("spot_innovations")
    return Pool.of([np.array(segment, np.float64) / whole["per_deviation"] for segment in whole["segments"]])


def blocks(pool: Pool, begin: Floats, where: Floats, mean_block: float) -> Floats:
    """Standardised changes in blocks of geometric length, each within one series, round at its end.

    begin, where: uniforms (..., n); a block begins with chance 1 / mean_block, always at the first, at a place drawn by
    `where` over all values alike. Result (..., n): the first k depend on the first k uniforms alone.
    """
    count = begin.shape[-1]
    starts = begin < 1 / mean_block
    starts[..., :1] = True
    place = np.arange(count)
    first = np.maximum.accumulate(np.where(starts, place, 0), axis=-1)
    total = len(pool.values)
    at = np.minimum((np.take_along_axis(where, first, axis=-1) * total).astype(np.int64), total - 1)
    series = np.searchsorted(pool.starts, at, side="right") - 1
    return pool.values[pool.starts[series] + (at - pool.starts[series] + place - first) % pool.lengths[series]]


def walk(changes: Floats, start: float | Floats, level: float | Floats, pull: float) -> Floats:
    """x0 = start, x' = level + (x - level)(1 - pull) + change, along the last axis; result (..., n + 1)."""
    moved = signal.lfilter([1.0], [1.0, -(1 - pull)], changes, axis=-1)
    decay = (1 - pull) ** np.arange(1, changes.shape[-1] + 1)
    offset = np.asarray(start - np.asarray(level))[..., None]
    path = np.asarray(level)[..., None] + offset * decay + moved
    begin = np.broadcast_to(np.asarray(start)[..., None], (*path.shape[:-1], 1))
    return np.concatenate((begin, path), axis=-1)


class Bootstrap(DrawnPrice):
    """Measured changes in blocks; the default for spot."""

    kind: Literal["bootstrap"] = "bootstrap"
    level: Positive = Field(description="long-run level: USD per GPU-hour, or share of the price of ratio_to")
    sd_per_day: float = Field(gt=0, le=2, description="standard deviation of a day's change of the logarithm")
    mean_block: PositiveDuration = Field(
        default=Seconds(MEAN_BLOCK_DAYS * DAY_S), description="mean length of a block of measured changes"
    )
    half_life: PositiveDuration = Field(
        default=Seconds(HALF_LIFE_DAYS * DAY_S), description="time in which half of the gap to `level` closes"
    )

    # Medians over the series of aws_fitted_parameters_given_only.csv (ratio, and sd of changes from the same series up
    # to 2025-12-31), the half with the smaller volatility and the other.
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "aws-calm": {"level": 0.41, "sd_per_day": 0.016},
        "aws-active": {"level": 0.29, "sd_per_day": 0.036},
    }

    def draw(self, throw: Throw, asked: Asked) -> Path:
        """A step a day."""
        times = grid(throw.end_s, DAY_S)
        days = len(times) - 1
        begin, where, sign = (throw.dice.uniforms(name, days) for name in ("begin", "where", "sign"))
        own = blocks(packaged_pool(), begin, where, max(self.mean_block / DAY_S, 1.0))
        changes = self.sd_per_day * together(own, np.where(sign < 0.5, -1.0, 1.0), throw, asked)
        level = float(np.log(self.level))
        start = float(np.log(self.start)) if self.start else level
        path = walk(changes, start, level, 1 - 0.5 ** (DAY_S / self.half_life))
        low, high = np.log(self.lowest), np.log(self.highest)
        return self.settle(Path(times, np.exp(reflected(path, low, high))), throw, asked)

    def now(self, asked: Asked) -> float | None:
        """The starting level, where it is in USD."""
        return None if self.ratio_to else self.start or self.level
