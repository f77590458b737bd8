"""How one number a job is spread: sizes, run times, slacks, as inverse distribution functions of its own uniforms.

Job i takes the i-th uniform of a column that belongs to nothing else, so a longer horizon appends jobs, changes none.
The unit is the owner's. Parameters are those a person knows: median and p90, mean and cv, low and high.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

import numpy as np
from pydantic import Field, model_validator
from scipy import special

from marketsim import settings, streams
from marketsim.streams import Floats

Z90 = 1.2815515655446004  # the standard normal's 90 % point
Sigma = Annotated[float, Field(ge=0, le=6)]


class Distribution(settings.Kind):
    """The contract: `quantile(uniforms)` of uniforms in [0, 1) gives values of the same shape; `mean()` of them all."""

    def quantile(self, uniforms: Floats) -> Floats:
        """The values that belong to uniforms; rising in them, except across the parts of a mixture."""
        raise NotImplementedError

    def mean(self) -> float:
        """The expected value."""
        raise NotImplementedError


class Constant(Distribution):
    """The same value each time."""

    scalar_key: ClassVar[str | None] = "value"
    kind: Literal["constant"] = "constant"
    value: settings.Positive = Field(description="the value")

    def quantile(self, uniforms: Floats) -> Floats:
        return np.full(np.shape(uniforms), self.value)

    def mean(self) -> float:
        return self.value


class Uniform(Distribution):
    """Any value between two bounds, all alike."""

    kind: Literal["uniform"] = "uniform"
    low: settings.NonNegative = Field(description="least value")
    high: settings.Positive = Field(description="greatest value")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low >= self.high:
            raise ValueError(f"low must be below high (got low {self.low:g}, high {self.high:g})")
        return self

    def quantile(self, uniforms: Floats) -> Floats:
        return self.low + (self.high - self.low) * uniforms

    def mean(self) -> float:
        return (self.low + self.high) / 2


class Triangular(Distribution):
    """Three guesses: at least, most likely, at most."""

    kind: Literal["triangular"] = "triangular"
    low: settings.NonNegative = Field(description="least value")
    mode: settings.NonNegative = Field(description="likeliest value")
    high: settings.Positive = Field(description="greatest value")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.low <= self.mode <= self.high or self.low == self.high:
            raise ValueError(f"low <= mode <= high must hold (got {self.low:g}, {self.mode:g}, {self.high:g})")
        return self

    def quantile(self, uniforms: Floats) -> Floats:
        width = self.high - self.low
        turn = (self.mode - self.low) / width
        rising = self.low + np.sqrt(uniforms * width * (self.mode - self.low))
        falling = self.high - np.sqrt((1 - uniforms) * width * (self.high - self.mode))
        return np.where(uniforms < turn, rising, falling)

    def mean(self) -> float:
        return (self.low + self.mode + self.high) / 3


class Exponential(Distribution):
    """Memoryless."""

    kind: Literal["exponential"] = "exponential"
    average: settings.Positive = Field(description="mean value")

    def quantile(self, uniforms: Floats) -> Floats:
        return streams.exponential(uniforms, self.average)

    def mean(self) -> float:
        return self.average


class Lognormal(Distribution):
    """A product of many small factors. Give the median with p90 or sigma, or the average with cv."""

    kind: Literal["lognormal"] = "lognormal"
    median: settings.Positive | None = Field(default=None, description="value that half of all stay below")
    p90: settings.Positive | None = Field(default=None, description="value that nine in ten stay below")
    sigma: Sigma | None = Field(default=None, description="standard deviation of the logarithm")
    average: settings.Positive | None = Field(default=None, description="mean value")
    cv: Annotated[float, Field(ge=0, le=1000)] | None = Field(default=None, description="standard deviation over mean")

    @model_validator(mode="after")
    def _one_pair(self) -> Self:
        given = {name for name in ("median", "p90", "sigma", "average", "cv") if getattr(self, name) is not None}
        if given not in ({"median", "p90"}, {"median", "sigma"}, {"average", "cv"}):
            raise ValueError("a lognormal takes median and p90, or median and sigma, or average and cv")
        if self.median is not None and self.p90 is not None and self.p90 < self.median:
            raise ValueError(f"p90 must be at least the median (got {self.p90:g} and {self.median:g})")
        return self

    @property
    def centre_and_sigma(self) -> tuple[float, float]:
        """Median, and standard deviation of the logarithm."""
        if self.median is None:
            variance = math.log1p((self.cv or 0.0) ** 2)
            return (self.average or 0.0) * math.exp(-variance / 2), math.sqrt(variance)
        if self.p90 is not None:
            return self.median, math.log(self.p90 / self.median) / Z90
        return self.median, self.sigma or 0.0

    def quantile(self, uniforms: Floats) -> Floats:
        return streams.lognormal(uniforms, *self.centre_and_sigma)

    def mean(self) -> float:
        median, sigma = self.centre_and_sigma
        return median * math.exp(sigma**2 / 2)


class Gamma(Distribution):
    """Sums of waiting times; cv 1 is the exponential."""

    kind: Literal["gamma"] = "gamma"
    average: settings.Positive = Field(description="mean value")
    cv: Annotated[float, Field(gt=0, le=100)] = Field(description="standard deviation over mean")

    def quantile(self, uniforms: Floats) -> Floats:
        return streams.gamma(np.maximum(uniforms, 2.0**-54), self.cv**-2, self.average * self.cv**2)

    def mean(self) -> float:
        return self.average


class Weibull(Distribution):
    """Life times; shape below 1 has many short and a few very long ones."""

    kind: Literal["weibull"] = "weibull"
    scale: settings.Positive = Field(description="value that 63 % stay below")
    shape: Annotated[float, Field(gt=0.05, le=100)] = Field(description="exponent; 1 is the exponential")

    def quantile(self, uniforms: Floats) -> Floats:
        return self.scale * (-np.log1p(-np.asarray(uniforms))) ** (1 / self.shape)

    def mean(self) -> float:
        return self.scale * float(special.gamma(1 + 1 / self.shape))


class Empirical(Distribution):
    """Values as measured: points of the inverse distribution function, joined by straight lines of the log."""

    kind: Literal["empirical"] = "empirical"
    values: Annotated[tuple[settings.Positive, ...], Field(min_length=2, max_length=20_000, strict=False)] = Field(
        description="values in rising order"
    )
    shares: Annotated[tuple[settings.Share, ...], Field(max_length=20_000, strict=False)] | None = Field(
        default=None, description="share of all below each value, rising from 0 to 1; left out: evenly spread"
    )

    @model_validator(mode="after")
    def _rising(self) -> Self:
        if any(later < earlier for earlier, later in zip(self.values, self.values[1:], strict=False)):
            raise ValueError("values must stand in rising order")
        if self.shares is not None:
            rising = all(later > earlier for earlier, later in zip(self.shares, self.shares[1:], strict=False))
            if len(self.shares) != len(self.values) or not rising or self.shares[0] != 0 or self.shares[-1] != 1:
                raise ValueError("shares must rise from 0 to 1, one for each value")
        return self

    def quantile(self, uniforms: Floats) -> Floats:
        return np.exp(np.interp(uniforms, self._shares, np.log(self.values)))

    def mean(self) -> float:
        low, high = np.array(self.values[:-1]), np.array(self.values[1:])
        ratio = np.log(high / low)
        flat = ratio < 1e-9
        logarithmic = (high - low) / np.where(flat, 1.0, ratio)  # the mean of exp along a straight line of the log
        return float(np.sum(np.diff(self._shares) * np.where(flat, low, logarithmic)))

    @property
    def _shares(self) -> Floats:
        return np.linspace(0, 1, len(self.values)) if self.shares is None else np.array(self.shares)


SIMPLE: dict[str, type[settings.Kind]] = {
    "constant": Constant,
    "uniform": Uniform,
    "triangular": Triangular,
    "exponential": Exponential,
    "lognormal": Lognormal,
    "gamma": Gamma,
    "weibull": Weibull,
    "empirical": Empirical,
}
if TYPE_CHECKING:
    AnySimple = Distribution
else:
    AnySimple = settings.one_of(SIMPLE)


class Mixture(Distribution):
    """Several sorts in one stream: debugging runs beside week-long ones."""

    # Three lognormals by maximum likelihood on ln GPU-hours of four startup-sized tenants of the Philly trace (e13805,
    # 2869ce, 7f04ca, ed69ec; 374 jobs of each; 2017; CC-BY-4.0). GPU-hours as they were: models grew as GPUs did.
    presets: ClassVar[Any] = {
        "philly-startup": {
            "parts": [
                {"kind": "lognormal", "median": 0.637, "sigma": 1.603},
                {"kind": "lognormal", "median": 16.94, "sigma": 1.099},
                {"kind": "lognormal", "median": 371.6, "sigma": 0.891},
            ],
            "weights": [0.43, 0.377, 0.193],
        }
    }
    kind: Literal["mixture"] = "mixture"
    parts: Annotated[tuple[AnySimple, ...], Field(min_length=1, max_length=50, strict=False)] = Field(
        description="the sorts, each a distribution"
    )
    weights: Annotated[tuple[settings.NonNegative, ...], Field(strict=False)] = Field(
        description="how often each comes"
    )

    @model_validator(mode="after")
    def _weighed(self) -> Self:
        if len(self.weights) != len(self.parts) or sum(self.weights) <= 0:
            raise ValueError("a mixture needs one weight for each part, and one above 0")
        return self

    def quantile(self, uniforms: Floats) -> Floats:
        u = np.asarray(uniforms, dtype=np.float64)
        chosen = streams.pick(u, np.array(self.weights))
        share = np.array(self.weights) / sum(self.weights)
        start = np.concatenate(([0.0], np.cumsum(share)))
        values = np.empty_like(u)
        for index, part in enumerate(self.parts):  # what is left of the uniform is again uniform within its part
            mine = chosen == index
            within = (u[mine] - start[index]) / share[index] if mine.any() else u[mine]
            values[mine] = part.quantile(np.clip(within, 0.0, 1 - 2.0**-53))
        return values

    def mean(self) -> float:
        return float(np.average([part.mean() for part in self.parts], weights=self.weights))


KINDS: dict[str, type[settings.Kind]] = {**SIMPLE, "mixture": Mixture}
if TYPE_CHECKING:
    AnyDistribution = Distribution
else:
    AnyDistribution = settings.one_of(KINDS)
