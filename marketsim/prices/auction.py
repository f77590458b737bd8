"""The auction era: a low price most of the time, and spikes far above on-demand. For stress, and for the past.

Until 2017 AWS spot was an auction. Between spikes the price stands at a small share of on-demand; a spike comes at
random, lasts minutes to hours and reaches several times the on-demand price, up to the cap of ten times.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from marketsim.path import Path
from marketsim.prices.drawn import DrawnPrice
from marketsim.prices.process import Asked
from marketsim.settings import Positive, PositiveDuration
from marketsim.streams import exponential, lognormal
from marketsim.throw import Throw

CAP = 10.0  # times on-demand: AWS's bid cap for most types from 2014 on


class Auction(DrawnPrice):
    """Calm prices that change now and then, interrupted by spikes; a ratio unless in USD."""

    kind: Literal["auction"] = "auction"
    calm: Positive = Field(description="median level between spikes: USD per GPU-hour, or share of ratio_to's price")
    calm_sigma: float = Field(
        default=0.35, ge=0, le=2, description="standard deviation of the logarithm between spikes"
    )
    calm_lasts: PositiveDuration = Field(description="mean time between two spikes")
    spike: Positive = Field(description="median level of a spike, in the same unit")
    spike_sigma: float = Field(default=0.6, ge=0, le=2, description="standard deviation of the logarithm of spikes")
    spike_median: PositiveDuration = Field(description="median length of a spike")
    spike_length_sigma: float = Field(
        default=1.6, ge=0, le=3, description="standard deviation of the logarithm of lengths"
    )

    # g2.2xlarge in us-east-1a and b, 2015-03-11 to 2015-08-31 against $0.65 on demand: 1.4 spells above on-demand a
    # day, median 0.2 h, 95 % within 6 h; median peak 1.6 to 4.0 times; median ratio between them 0.117, 95 % below .45.
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "aws-2015": {"calm": 0.117, "calm_lasts": "16 h", "spike": 2.5, "spike_median": "12 min"},
        "auction": {"calm": 0.117, "calm_lasts": "16 h", "spike": 2.5, "spike_median": "12 min"},
    }

    @property
    def highest(self) -> float:
        """Ten times on-demand for a ratio: an auction is not bound by the list price."""
        return self.at_most if self.at_most is not None else CAP if self.ratio_to else np.inf

    @property
    def lowest(self) -> float:
        """No floor but that of a price above 0."""
        return max(self.at_least or 0.0, 1e-6)

    def draw(self, throw: Throw, asked: Asked) -> Path:
        """Calm and spike in turns, each with its own level."""
        mean_spike = self.spike_median * np.exp(self.spike_length_sigma**2 / 2)
        count = int(1.5 * throw.end_s / (self.calm_lasts + mean_spike)) + 16
        while True:
            calm = np.maximum(np.round(exponential(throw.dice.uniforms("calm", count), self.calm_lasts)), 1.0)
            spike = lognormal(throw.dice.uniforms("spike", count), self.spike_median, self.spike_length_sigma)
            ends = np.cumsum(np.column_stack((calm, np.maximum(np.round(spike), 1.0))).ravel())
            if ends[-1] > throw.end_s:
                break
            count *= 2
        low = lognormal(throw.dice.uniforms("calm-level", count), self.calm, self.calm_sigma)
        if self.start is not None:
            low[0] = self.start
        high = lognormal(throw.dice.uniforms("spike-level", count), self.spike, self.spike_sigma)
        levels = np.column_stack((low, np.maximum(high, low))).ravel()
        kept = int(np.searchsorted(ends, throw.end_s, side="right"))
        times = np.concatenate(([0], ends[:kept])).astype(np.int64)
        return self.settle(Path(times, levels[: kept + 1]), throw, asked)
