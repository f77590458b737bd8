"""Two volatilities in turns: weeks in which hardly anything moves, and weeks in which much does.

The logarithm walks (with a weak pull to the long-run level) by normal changes whose standard deviation is that of the
day's state; states last geometric times (Hamilton 1989 in its simplest form).
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from marketsim.path import Path
from marketsim.prices.bootstrap import walk
from marketsim.prices.drawn import DrawnPrice, grid, reflected
from marketsim.prices.process import Asked
from marketsim.settings import Positive
from marketsim.streams import Floats, normal
from marketsim.throw import Throw
from marketsim.units import DAY_S


def states(uniforms: Floats, busy_first: Floats | bool, days_calm: float, days_busy: float) -> Floats:
    """0 (calm) or 1 (busy) of each day, shape as uniforms (..., n): a two-state Markov chain, mean stays in days."""
    leave_calm, leave_busy = min(1 / days_calm, 1.0), min(1 / days_busy, 1.0)
    out = np.empty(uniforms.shape)
    if uniforms.ndim == 1:  # plain numbers are twenty times as fast for a single path
        busy = bool(busy_first)
        for day, uniform in enumerate(uniforms.tolist()):
            busy ^= uniform < (leave_busy if busy else leave_calm)
            out[day] = busy
        return out
    state = np.broadcast_to(np.asarray(busy_first), uniforms.shape[:-1]).astype(np.float64)
    for day in range(uniforms.shape[-1]):
        leave = np.where(state > 0, leave_busy, leave_calm)
        state = np.where(uniforms[..., day] < leave, 1 - state, state)
        out[..., day] = state
    return out


class RegimeVolatility(DrawnPrice):
    """A walk of the logarithm with two volatility states."""

    kind: Literal["regime_vol"] = "regime_vol"
    level: Positive = Field(description="long-run level: USD per GPU-hour, or share of the price of ratio_to")
    sd_calm: float = Field(ge=0, le=2, description="standard deviation of a calm day's change of the logarithm")
    sd_busy: float = Field(ge=0, le=2, description="the same on a busy day")
    days_calm: float = Field(ge=1, le=10_000, description="mean length of calm times in days")
    days_busy: float = Field(ge=1, le=10_000, description="mean length of busy times in days")
    kappa_per_day: float = Field(default=0.007, ge=0, lt=1, description="pull to the level a day")

    # Medians over aws_fitted_parameters_given_only.csv (rs_s0, rs_s1, rs_d0, rs_d1), calm and active halves.
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "aws-calm": {"level": 0.41, "sd_calm": 0.0085, "sd_busy": 0.026, "days_calm": 30.0, "days_busy": 15.0},
        "aws-active": {"level": 0.29, "sd_calm": 0.0123, "sd_busy": 0.062, "days_calm": 33.0, "days_busy": 17.0},
    }

    def draw(self, throw: Throw, asked: Asked) -> Path:
        """A step a day."""
        times = grid(throw.end_s, DAY_S)
        days = len(times) - 1
        share_busy = self.days_busy / (self.days_calm + self.days_busy)
        busy = bool(throw.dice.uniforms("first", 1)[0] < share_busy)
        state = states(throw.dice.uniforms("states", days), busy, self.days_calm, self.days_busy)
        changes = np.where(state > 0, self.sd_busy, self.sd_calm) * normal(throw.dice.uniforms("changes", days))
        start = float(np.log(self.start or self.level))
        path = walk(changes, start, float(np.log(self.level)), self.kappa_per_day)
        return self.settle(
            Path(times, np.exp(reflected(path, np.log(self.lowest), np.log(self.highest)))), throw, asked
        )
