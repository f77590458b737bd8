"""Momentum, clustered volatility and heavy tails: the best one-step forecast of daily spot prices that we know of.

Changes d of the logarithm: d' = rho d + e', e' = sqrt(h') T with T a Student t of unit variance, and
h' = w + a e^2 + b h (Bollerslev 1986, 1987); w is set so that the long-run variance of e is sd^2. With a + b near 1
the volatility hardly returns, so forecasts over months spread too far: for those, `bootstrap` is the default.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar, Literal, Self

import numpy as np
from pydantic import Field, model_validator
from scipy import special

from marketsim.path import Path
from marketsim.prices.drawn import DrawnPrice, grid, reflected
from marketsim.prices.process import Asked
from marketsim.settings import Positive, Share
from marketsim.streams import Floats
from marketsim.throw import Throw
from marketsim.units import DAY_S

MOST_VARIANCE = 25.0  # times the long-run one: what keeps a nearly integrated volatility from running away


def student(uniforms: Floats, nu: float) -> Floats:
    """Student t variates of unit variance by inversion; nu > 2."""
    inside = np.clip(uniforms, 2.0**-53, 1 - 2.0**-53)
    return special.stdtrit(nu, inside) * math.sqrt((nu - 2) / nu)


def garch_changes(
    innovations: Floats,
    rho: float,
    sd: float,
    a: float,
    b: float,
    change: float | Floats = 0.0,
    variance: float | Floats | None = None,
) -> Floats:
    """Daily changes (..., n) from innovations of unit variance, after a day with `change` and variance `variance`.

    variance: that of the first day to come, the long-run one where not given; it is capped at MOST_VARIANCE times that.
    """
    long_run = sd**2
    out = np.empty(innovations.shape)
    if innovations.ndim == 1:  # plain numbers are ten times as fast for a single path
        before, spread = float(change), float(long_run if variance is None else variance)
        for day, innovation in enumerate(innovations.tolist()):
            surprise = math.sqrt(spread) * innovation
            before = rho * before + surprise
            out[day] = before
            spread = min((1 - a - b) * long_run + a * surprise**2 + b * spread, MOST_VARIANCE * long_run)
        return out
    last = np.broadcast_to(np.asarray(change, np.float64), innovations.shape[:-1])
    now = np.broadcast_to(np.asarray(long_run if variance is None else variance, np.float64), innovations.shape[:-1])
    for day in range(innovations.shape[-1]):
        shock = np.sqrt(now) * innovations[..., day]
        last = rho * last + shock
        out[..., day] = last
        now = np.minimum((1 - a - b) * long_run + a * shock**2 + b * now, MOST_VARIANCE * long_run)
    return out


class MomentumGarchT(DrawnPrice):
    """A walk of the logarithm with momentum, GARCH(1,1) volatility and Student t innovations."""

    kind: Literal["momentum_garch_t"] = "momentum_garch_t"
    level: Positive = Field(description="level at second 0 where `start` is not given")
    rho: float = Field(gt=-1, lt=1, description="share of a day's change that comes again the next day")
    sd_per_day: float = Field(gt=0, le=2, description="long-run standard deviation of a day's innovation")
    a: Share = Field(description="weight of yesterday's squared innovation in today's variance")
    b: Share = Field(description="weight of yesterday's variance")
    nu: float = Field(gt=2, le=1000, description="degrees of freedom; the smaller, the heavier the tails")

    # rho, a, b, nu: medians over aws_fitted_parameters_given_only.csv, calm and active halves; sd: of the innovations
    # of the same series, as its fitted long-run value is not determined where a + b is near 1.
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "aws-calm": {"level": 0.41, "rho": 0.30, "sd_per_day": 0.015, "a": 0.25, "b": 0.71, "nu": 6.8},
        "aws-active": {"level": 0.29, "rho": 0.29, "sd_per_day": 0.034, "a": 0.35, "b": 0.63, "nu": 5.8},
    }

    @model_validator(mode="after")
    def _stable(self) -> Self:
        if self.a + self.b >= 1:
            raise ValueError("`a` + `b` must be below 1, else the volatility has no long-run level")
        return self

    def draw(self, throw: Throw, asked: Asked) -> Path:
        """A step a day."""
        times = grid(throw.end_s, DAY_S)
        innovations = student(throw.dice.uniforms("innovations", len(times) - 1), self.nu)
        changes = garch_changes(innovations, self.rho, self.sd_per_day, self.a, self.b)
        path = np.log(self.start or self.level) + np.concatenate(([0.0], np.cumsum(changes)))
        return self.settle(
            Path(times, np.exp(reflected(path, np.log(self.lowest), np.log(self.highest)))), throw, asked
        )
