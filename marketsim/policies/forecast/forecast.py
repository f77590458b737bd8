"""What a forecast is: out of the demand seen so far, what each coming step may ask for. Instances, never the future.

A forecast answers two questions about the next `ahead` steps: the demand to be expected in each (`path`), and demands
that any one of them may have, equally likely (`samples`). It answers None as long as it has not seen enough.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from marketsim.policies.policy import Setup
from marketsim.settings import Kind, PositiveDuration, Seconds
from marketsim.units import HOUR_S

Floats = NDArray[np.float64]


class Seen(NamedTuple):
    """Demand of one offer up to now.

    steps: mean instances asked for in each past step, oldest first; the last one ends at now_s. offer: its number.
    """

    steps: Floats
    step_s: int
    now_s: int
    offer: int


class Forecaster(Protocol):
    """A forecast at work in one run."""

    def path(self, seen: Seen, ahead: int) -> Floats | None:
        """Expected instances in each of the next steps, shape (ahead,), at least 0; None where too little was seen."""
        ...

    def samples(self, seen: Seen, ahead: int) -> Floats | None:
        """Equally likely instances of a step among the next ones, shape (any,); None where too little was seen."""
        ...


class Forecast(Kind):
    """Settings of a forecast; most are their own working forecast."""

    step: PositiveDuration = Field(default=Seconds(HOUR_S), description="demand is looked at as means over steps")

    def bind(self, setup: Setup) -> Forecaster:
        """The working forecast of one run."""
        return self

    def path(self, seen: Seen, ahead: int) -> Floats | None:
        """Every kind has its own."""
        raise NotImplementedError

    def samples(self, seen: Seen, ahead: int) -> Floats | None:
        """The path itself, where a kind says nothing of its errors."""
        return self.path(seen, ahead)
