"""A published price that chases a target: providers smooth what they post.

The target's logarithm t reverts to the long-run level; a day's published logarithm moves by a share of the gap:
t' = theta + (t - theta) e^(-kappa) + sigma Z, p' = p + share (t' - p). A smoothed price has momentum without any in the
target, which is what AWS prices show since 2017.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from marketsim.path import Path
from marketsim.prices.drawn import DrawnPrice, autoregression, grid
from marketsim.prices.ou import ou_values
from marketsim.prices.process import Asked
from marketsim.settings import NonNegative, Positive
from marketsim.streams import Floats
from marketsim.throw import Throw
from marketsim.units import DAY_S


def chased(targets: Floats, start: float, share: float) -> Floats:
    """Published values from the targets of the same times, the first being `start`; shape as targets (n,)."""
    return autoregression(start, 1 - share, share * targets[1:])


class SmoothedReversion(DrawnPrice):
    """A published price that closes a share of the gap to a reverting target each day."""

    kind: Literal["smoothed_ou"] = "smoothed_ou"
    mean: Positive = Field(description="long-run level: USD per GPU-hour, or share of the price of ratio_to")
    kappa_per_day: NonNegative = Field(description="speed at which the target reverts, a day")
    sigma_per_sqrt_day: NonNegative = Field(description="volatility of the target's logarithm a square root of a day")
    share_per_day: float = Field(gt=0, le=1, description="share of the gap that the published price closes in a day")

    # kappa, and sigma and share so that changes have the median standard deviation and the median momentum (0.3) of
    # aws_fitted_parameters_given_only.csv, calm and active halves.
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "aws-calm": {"mean": 0.41, "kappa_per_day": 0.005, "sigma_per_sqrt_day": 0.022, "share_per_day": 0.7},
        "aws-active": {"mean": 0.29, "kappa_per_day": 0.013, "sigma_per_sqrt_day": 0.049, "share_per_day": 0.7},
    }

    def draw(self, throw: Throw, asked: Asked) -> Path:
        """A step a day."""
        times = grid(throw.end_s, DAY_S)
        start, mean = math.log(self.start or self.mean), math.log(self.mean)
        normals = throw.dice.normals("target", len(times) - 1)
        targets = ou_values(normals, start, mean, self.kappa_per_day, self.sigma_per_sqrt_day, 1.0)
        return self.settle(Path(times, np.exp(chased(targets, start, self.share_per_day))), throw, asked)
