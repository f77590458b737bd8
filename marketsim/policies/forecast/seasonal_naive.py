"""The next season will be as the last one was, hour by hour."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field

from marketsim.policies.forecast.forecast import Floats, Forecast, Seen
from marketsim.settings import PositiveDuration, Seconds
from marketsim.units import WEEK_S


class SeasonalNaive(Forecast):
    """As in the same step of the last season (same hour last week); nothing is known before one season is over."""

    kind: Literal["seasonal_naive"] = "seasonal_naive"
    season: PositiveDuration = Field(default=Seconds(WEEK_S), description="after which demand repeats; whole steps")

    def path(self, seen: Seen, ahead: int) -> Floats | None:
        """The last season, repeated."""
        size = max(self.season // seen.step_s, 1)
        if len(seen.steps) < size:
            return None
        return np.resize(seen.steps[-size:], ahead)

    def samples(self, seen: Seen, ahead: int) -> Floats | None:
        """The last season's steps, each once."""
        size = max(self.season // seen.step_s, 1)
        return None if len(seen.steps) < size else seen.steps[-size:]
