"""How long an order takes to come: a fixed time, three guesses, or a lognormal with a stated median and 90 % point.

The draw belongs to the order's number at its offer, so two policies that place the same order wait equally long. A
tight market stretches it (`delivery` in `marketsim.tilt`), as of the second of the order.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator
from scipy import special

from marketsim import units
from marketsim.path import Path
from marketsim.settings import Duration, Kind, PositiveDuration, Seconds, one_of
from marketsim.streams import Dice

Z90 = 1.2815515655446004  # the standard normal's 90 % point


class LeadTime(Kind):
    """The contract: `quantile_s(u)` in seconds for a uniform u in (0, 1)."""

    def quantile_s(self, u: float) -> float:
        """Seconds from order to use that a share u of orders does not exceed."""
        raise NotImplementedError


class Constant(LeadTime):
    """Always the same; a bare duration is this."""

    kind: Literal["constant"] = "constant"
    time: Duration = Field(description="from order to use")

    def quantile_s(self, u: float) -> float:
        """The same whatever u."""
        return float(self.time)


class Triangular(LeadTime):
    """Three guesses: at least, most likely, at most."""

    kind: Literal["triangular"] = "triangular"
    low: Duration = Field(description="shortest time")
    mode: Duration = Field(description="likeliest time")
    high: PositiveDuration = Field(description="longest time")

    @model_validator(mode="after")
    def _ordered(self) -> Triangular:
        if not self.low <= self.mode <= self.high or self.low == self.high:
            raise ValueError("low <= mode <= high must hold, with low below high")
        return self

    def quantile_s(self, u: float) -> float:
        """Inverse of the triangular distribution function."""
        width, rise = self.high - self.low, self.mode - self.low
        if u * width < rise:
            return self.low + math.sqrt(u * width * rise)
        return self.high - math.sqrt((1 - u) * width * (self.high - self.mode))


class Lognormal(LeadTime):
    """Mostly near the median, sometimes far beyond."""

    kind: Literal["lognormal"] = "lognormal"
    median: PositiveDuration = Field(description="half of the orders come by then")
    p90: PositiveDuration = Field(description="nine of ten come by then")

    @model_validator(mode="after")
    def _ordered(self) -> Lognormal:
        if self.p90 < self.median:
            raise ValueError("p90 must not be below the median")
        return self

    def quantile_s(self, u: float) -> float:
        """median x exp(sigma z), sigma from the two points."""
        sigma = math.log(self.p90 / self.median) / Z90
        return self.median * math.exp(sigma * float(special.ndtri(u)))


KINDS: dict[str, type[Kind]] = {"constant": Constant, "triangular": Triangular, "lognormal": Lognormal}


def _read_duration(value: Any) -> Any:
    return {"kind": "constant", "time": value} if isinstance(value, str | Seconds) else value


if TYPE_CHECKING:
    Lead = LeadTime
else:
    Lead = Annotated[one_of(KINDS), BeforeValidator(_read_duration)]
AT_ONCE = Constant(time=Seconds(0))


@dataclass(frozen=True, eq=False)
class Delivery:
    """A lead time with its dice and the market's pull on it; stretch is a factor over time."""

    lead: LeadTime
    dice: Dice
    stretch: Path

    def delivered_s(self, at_s: int, order: int) -> int:
        """When order number `order`, placed at `at_s`, can be used: whole seconds, at most 20 years later."""
        drawn = self.lead.quantile_s(self.dice.keyed("lead", order)) * self.stretch.at(at_s)
        return at_s + min(round(drawn), units.LONGEST_S)
