"""What all drawn prices share: a level of their own or a share of another offer's price, bounds, and the market.

AWS spot has been within [0.10, 1.00] of on-demand since the end of auctions in 2017; those are a ratio's bounds.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from pydantic import Field
from scipy import signal

from marketsim.path import Path, combine
from marketsim.prices.process import Asked, PriceProcess, other_price
from marketsim.settings import Name, NonNegative, Positive
from marketsim.streams import Dice, Floats
from marketsim.throw import Throw
from marketsim.tilt import follow

LOWEST_RATIO, HIGHEST_RATIO = 0.10, 1.00


class DrawnPrice(PriceProcess):
    """A price with dice. Levels are USD per GPU-hour, or shares of the price of `ratio_to` where that is given."""

    ratio_to: Name | None = Field(default=None, description="offer whose price this one is a share of")
    start: Positive | None = Field(default=None, description="level at second 0; the long-run level where not given")
    at_least: NonNegative | None = Field(default=None, description="lowest level; 0.10 for a ratio, else 0")
    at_most: Positive | None = Field(default=None, description="highest level; 1.00 for a ratio, else none")

    def after(self) -> tuple[str, ...]:
        """The offer that this one is a ratio to."""
        return (self.ratio_to,) if self.ratio_to else ()

    @property
    def lowest(self) -> float:
        """The lowest level, above 0 so that a price is never missing."""
        return max(self.at_least if self.at_least is not None else LOWEST_RATIO if self.ratio_to else 0.0, 1e-6)

    @property
    def highest(self) -> float:
        """The highest level."""
        return self.at_most if self.at_most is not None else HIGHEST_RATIO if self.ratio_to else np.inf

    def settle(self, levels: Path, throw: Throw, asked: Asked) -> Path:
        """USD per GPU-hour of drawn levels: bounded, moved with the market, times the other price."""
        bounded = levels.map(lambda level: np.clip(level, self.lowest, self.highest))
        moved = follow(bounded, throw, "spot", self.lowest, self.highest)
        if self.ratio_to is None:
            return moved
        return combine([moved, other_price(throw, asked, self.ratio_to)], np.multiply)


def grid(end_s: int, step_s: int) -> np.ndarray:
    """0, step, 2 steps, ... up to the last one not after end_s; a longer run appends to it."""
    return np.arange(0, max(end_s, 0) + 1, step_s, dtype=np.int64)


def autoregression(start: float, decay: float, shocks: Floats) -> Floats:
    """x0 = start, x[i+1] = decay x[i] + shocks[i]: the exact skeleton of every linear process, shape (n + 1,)."""
    moved, _ = signal.lfilter([1.0], [1.0, -decay], shocks, zi=[decay * start])
    return np.concatenate(([start], moved))


def reflected(levels: Floats, low: float, high: float) -> Floats:
    """A walk folded at two walls, so that it never leaves [low, high] and never sticks; walls may be infinite."""
    if np.isfinite(low) and np.isfinite(high):
        width = high - low
        along = np.mod(levels - low, 2 * width)
        return low + np.minimum(along, 2 * width - along)
    if np.isfinite(low):
        return low + np.abs(levels - low)
    return high - np.abs(high - levels) if np.isfinite(high) else levels


def market_dice(dice: Dice) -> Dice:
    """The dice that all prices of a replication share: those of common factors."""
    return replace(dice, prefix="").under("prices-market")
