"""A mean-reverting price (Ornstein-Uhlenbeck), exact for any step.

dX = kappa (theta - X) dt + sigma dW. Over a step h: X' = theta + (X - theta) e^(-kappa h) + sd Z with
sd = sigma sqrt((1 - e^(-2 kappa h)) / (2 kappa)) (Glasserman 2004, section 3.3.1). On the `log` scale X is the
logarithm of the level (Schwartz 1997, model 1), which keeps it above 0.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from marketsim.path import Path
from marketsim.prices.drawn import DrawnPrice, autoregression, grid
from marketsim.prices.process import Asked
from marketsim.settings import NonNegative, Positive, PositiveDuration, Seconds
from marketsim.streams import Floats
from marketsim.throw import Throw
from marketsim.units import DAY_S


def ou_step(kappa: float, sigma: float, step: float) -> tuple[float, float]:
    """(decay, sd of the shock) of one step; kappa a unit of time, sigma a square root of it, step in that unit."""
    if kappa == 0:
        return 1.0, sigma * math.sqrt(step)
    return math.exp(-kappa * step), sigma * math.sqrt(-math.expm1(-2 * kappa * step) / (2 * kappa))


def ou_values(normals: Floats, start: float, theta: float, kappa: float, sigma: float, step: float) -> Floats:
    """An exact path at 0, step, 2 steps, ...; normals (n,) standard, result (n + 1,)."""
    decay, sd = ou_step(kappa, sigma, step)
    return theta + autoregression(start - theta, decay, sd * normals)


class OrnsteinUhlenbeck(DrawnPrice):
    """Mean reversion with one volatility. Known to be overconfident over months: see `bootstrap` for the default."""

    kind: Literal["ou"] = "ou"
    mean: Positive = Field(
        description="long-run level (median on the log scale): USD per GPU-hour, or share of ratio_to"
    )
    kappa_per_day: NonNegative = Field(
        description="speed of reversion a day; half of a gap closes in ln 2 / kappa days"
    )
    sigma_per_sqrt_day: NonNegative = Field(description="volatility a square root of a day, of the log or the level")
    scale: Literal["log", "level"] = Field(default="log", description="whether the logarithm or the level reverts")
    step: PositiveDuration = Field(default=Seconds(3600), description="time between changes")

    # Medians over the series of aws_fitted_parameters_given_only.csv (AWS, fitted on data up to 2025-12-31): calm are
    # the half with the smaller sigma, active the other half.
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "aws-calm": {"mean": 0.41, "kappa_per_day": 0.0052, "sigma_per_sqrt_day": 0.0176, "step": "1 d"},
        "aws-active": {"mean": 0.29, "kappa_per_day": 0.0127, "sigma_per_sqrt_day": 0.0379, "step": "1 d"},
    }

    def draw(self, throw: Throw, asked: Asked) -> Path:
        """A path with a step each `step`."""
        times = grid(throw.end_s, self.step)
        normals = throw.dice.normals("ou", len(times) - 1)
        start, mean = self.start or self.mean, self.mean
        if self.scale == "log":
            start, mean = math.log(start), math.log(mean)
        values = ou_values(normals, start, mean, self.kappa_per_day, self.sigma_per_sqrt_day, self.step / DAY_S)
        return self.settle(Path(times, np.exp(values) if self.scale == "log" else values), throw, asked)

    def now(self, asked: Asked) -> float | None:
        """The starting level, where it is in USD."""
        return None if self.ratio_to else self.start or self.mean
