"""Demand will be as it has been: the quantiles of a stretch of the past."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field

from marketsim.policies.forecast.forecast import Floats, Forecast, Seen
from marketsim.settings import PositiveDuration, Seconds, Share
from marketsim.units import DAY_S, WEEK_S


class EmpiricalQuantiles(Forecast):
    """Any step may be as any of the last `window` was; a plan reckons with their quantile."""

    kind: Literal["empirical_quantiles"] = "empirical_quantiles"
    window: PositiveDuration = Field(default=Seconds(90 * DAY_S), description="stretch of the past that is used")
    at_least: PositiveDuration = Field(default=Seconds(WEEK_S), description="nothing is known before so much was seen")
    quantile: Share = Field(default=0.5, description="that `path` gives for every step")

    def path(self, seen: Seen, ahead: int) -> Floats | None:
        """The quantile, the same for each step."""
        samples = self.samples(seen, ahead)
        return None if samples is None else np.full(ahead, float(np.quantile(samples, self.quantile)))

    def samples(self, seen: Seen, ahead: int) -> Floats | None:
        """The steps of the window, each once."""
        if len(seen.steps) * seen.step_s < self.at_least:
            return None
        return seen.steps[-max(self.window // seen.step_s, 1) :]
