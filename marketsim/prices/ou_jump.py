"""Mean reversion with jumps: shortages and cuts that come at once and fade.

dX = kappa (theta - X) dt + sigma dW + J dN with N Poisson and J normal (Cartea and Figueroa 2005). Over a step the
number of jumps, their times and sizes are drawn, and each decays to the step's end, so the law is exact for any step:
E X_t = theta + (x0 - theta) e^(-kt) + l m (1 - e^(-kt)) / k, Var = (s^2 + l (m^2 + d^2)) (1 - e^(-2kt)) / 2k.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field
from scipy import special

from marketsim.path import Path
from marketsim.prices.drawn import DrawnPrice, autoregression, grid
from marketsim.prices.ou import ou_step
from marketsim.prices.process import Asked
from marketsim.settings import NonNegative, Positive, PositiveDuration, Seconds
from marketsim.streams import Dice, Floats, normal
from marketsim.throw import Throw
from marketsim.units import DAY_S


def jump_sums(dice: Dice, count: int, kappa: float, step: float, per_unit: float, mean: float, sd: float) -> Floats:
    """What the jumps of each of `count` steps amount to at the step's end, shape (count,).

    per_unit: jumps a unit of time; step in that unit. Number by inversion of the Poisson law, times uniform.
    """
    expected = per_unit * step
    uniforms = dice.uniforms("jumps", count)
    most = max(1, math.ceil(expected + 12 * math.sqrt(expected) + 12))
    numbers = np.searchsorted(special.pdtr(np.arange(most), expected), uniforms, side="right")
    total = np.zeros(count)
    for turn in range(int(numbers.max(initial=0))):
        left = step * (1 - dice.uniforms("jump-times", count, turn))
        size = mean + sd * normal(dice.uniforms("jump-sizes", count, turn))
        total += np.where(numbers > turn, size * np.exp(-kappa * left), 0.0)
    return total


class JumpReversion(DrawnPrice):
    """Mean reversion of the logarithm (or the level) with normally distributed jumps."""

    kind: Literal["ou_jump"] = "ou_jump"
    mean: Positive = Field(
        description="level to which it reverts between jumps: USD per GPU-hour, or share of ratio_to"
    )
    kappa_per_day: NonNegative = Field(description="speed of reversion a day")
    sigma_per_sqrt_day: NonNegative = Field(description="volatility a square root of a day between jumps")
    jumps_per_day: float = Field(ge=0, le=50, description="mean number of jumps a day")
    jump_mean: float = Field(default=0.0, ge=-5, le=5, description="mean jump, of the logarithm or the level")
    jump_sd: NonNegative = Field(description="standard deviation of a jump")
    scale: Literal["log", "level"] = Field(default="log", description="whether the logarithm or the level reverts")
    step: PositiveDuration = Field(default=Seconds(DAY_S), description="time between changes")

    # Medians over aws_fitted_parameters_given_only.csv (j_lam, j_s, j_sd, j_mu, kappa), calm and active halves.
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "aws-calm": {"mean": 0.41, "kappa_per_day": 0.0052, "sigma_per_sqrt_day": 0.0088, "jumps_per_day": 0.35,
                     "jump_mean": 0.001, "jump_sd": 0.024},
        "aws-active": {"mean": 0.29, "kappa_per_day": 0.0127, "sigma_per_sqrt_day": 0.0141, "jumps_per_day": 0.35,
                       "jump_mean": -0.003, "jump_sd": 0.073},
    }  # fmt: skip

    def levels(self, dice: Dice, count: int) -> Floats:
        """The process at 0, step, ..., count steps: logarithms or levels, shape (count + 1,)."""
        step = self.step / DAY_S
        decay, sd = ou_step(self.kappa_per_day, self.sigma_per_sqrt_day, step)
        shocks = sd * dice.normals("ou", count)
        shocks += jump_sums(dice, count, self.kappa_per_day, step, self.jumps_per_day, self.jump_mean, self.jump_sd)
        start, mean = self.start or self.mean, self.mean
        if self.scale == "log":
            start, mean = math.log(start), math.log(mean)
        return mean + autoregression(start - mean, decay, shocks)

    def draw(self, throw: Throw, asked: Asked) -> Path:
        """A path with a step each `step`."""
        times = grid(throw.end_s, self.step)
        values = self.levels(throw.dice, len(times) - 1)
        return self.settle(Path(times, np.exp(values) if self.scale == "log" else values), throw, asked)
