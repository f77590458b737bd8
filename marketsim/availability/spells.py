"""Laws of how long a state lasts: spells of being available, or of being gone.

Measured spells are heavy-tailed: half of the gaps of a zone end within minutes and a few last days, so an exponential
law with the same mean has far too many middling ones. `table` takes the measured quantiles as they are.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
from pydantic import Field, model_validator
from scipy import special

from marketsim import settings
from marketsim.settings import Kind, Positive, PositiveDuration
from marketsim.streams import Floats, exponential, lognormal

_FINE = 4096  # equal shares into which a law is cut to take its mean and its spell in progress


class Spell(Kind):
    """The law of one state's length."""

    def lengths(self, uniforms: Floats) -> Floats:
        """Seconds by inversion, shape as uniforms."""
        raise NotImplementedError

    def mean_s(self) -> float:
        """Mean length in seconds."""
        return float(self.lengths(_midpoints()).mean())

    def left_s(self, uniform: float, share: float) -> float:
        """Seconds left of the spell in progress at a random moment: a length-biased spell, cut at a uniform share."""
        lengths = self.lengths(_midpoints())
        edges = np.cumsum(lengths)
        return float(share * lengths[min(int(np.searchsorted(edges, uniform * edges[-1])), len(lengths) - 1)])

    def left_after_s(self, uniform: float, age_s: float) -> float:
        """Seconds left of a spell that has lasted age_s: up to the end of a longer spell of the law.

        Beyond the law's 95 % quantile too few longer ones are known; there the chance of lasting as long again is taken
        for a half, as it is in measured zones (a Pareto tail of index 1).
        """
        lengths = self.lengths(_midpoints())
        longer = lengths[lengths > age_s]
        if len(longer) < 0.05 * len(lengths):
            return float(max(age_s, 1.0) * (1 / max(1 - uniform, 1e-6) - 1))
        return float(longer[int(uniform * len(longer))] - age_s)


def _midpoints() -> Floats:
    return (np.arange(_FINE) + 0.5) / _FINE


class Exponential(Spell):
    """Memoryless."""

    kind: Literal["exponential"] = "exponential"
    mean: PositiveDuration = Field(description="mean length")

    def lengths(self, uniforms: Floats) -> Floats:
        """Seconds."""
        return exponential(uniforms, self.mean)

    def mean_s(self) -> float:
        """The mean, exactly."""
        return float(self.mean)


class Lognormal(Spell):
    """A skewed law with a moderately heavy tail."""

    kind: Literal["lognormal"] = "lognormal"
    median: PositiveDuration = Field(description="median length")
    sigma: Positive = Field(description="standard deviation of the logarithm")

    def lengths(self, uniforms: Floats) -> Floats:
        """Seconds."""
        return lognormal(uniforms, self.median, self.sigma)

    def mean_s(self) -> float:
        """median exp(sigma^2 / 2)."""
        return self.median * math.exp(self.sigma**2 / 2)


class Weibull(Spell):
    """A law whose hazard falls (shape below 1) or rises with age."""

    kind: Literal["weibull"] = "weibull"
    mean: PositiveDuration = Field(description="mean length")
    shape: Positive = Field(description="1 is memoryless; below 1 long spells grow longer")

    def lengths(self, uniforms: Floats) -> Floats:
        """Seconds."""
        return self.mean / special.gamma(1 + 1 / self.shape) * exponential(uniforms) ** (1 / self.shape)

    def mean_s(self) -> float:
        """The mean, exactly."""
        return float(self.mean)


class Table(Spell):
    """Measured quantiles, logarithmically between two of them."""

    kind: Literal["table"] = "table"
    levels: tuple[float, ...] = Field(description="shares of spells, from 0 to 1")
    seconds: tuple[float, ...] = Field(description="length in seconds that this share of spells does not exceed")

    @model_validator(mode="after")
    def _grows(self) -> Table:
        if len(self.levels) != len(self.seconds) or len(self.levels) < 2:
            raise ValueError("`levels` and `seconds` need as many entries as each other, at least two")
        if self.levels[0] != 0 or self.levels[-1] != 1 or (np.diff(self.levels) <= 0).any():
            raise ValueError("`levels` increase from 0 to 1")
        if self.seconds[0] <= 0 or (np.diff(self.seconds) < 0).any():
            raise ValueError("`seconds` are above 0 and never fall")
        return self

    def lengths(self, uniforms: Floats) -> Floats:
        """Seconds."""
        return np.exp(np.interp(uniforms, self.levels, np.log(self.seconds)))


SPELLS: dict[str, type[Spell]] = {
    "exponential": Exponential,
    "lognormal": Lognormal,
    "weibull": Weibull,
    "table": Table,
}
AnySpell: Any = settings.one_of(SPELLS)
