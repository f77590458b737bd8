"""Open by the clock: machines that other work needs for part of each day, such as edge devices in offices."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field

from marketsim.availability.process import Availability, counted
from marketsim.path import Path
from marketsim.prices.process import Asked
from marketsim.settings import Count, Duration, Share
from marketsim.throw import Throw
from marketsim.units import DAY_S


class Hours(Availability):
    """Open for a share of every day, from a time of day (UTC) on."""

    kind: Literal["hours"] = "hours"
    open_share: Share = Field(description="share of each day in which it may be used, in one stretch")
    weekend_share: Share | None = Field(
        default=None, description="the same on Saturday and Sunday; as on weekdays if not given"
    )
    opens: Duration = Field(default=0, description="when the stretch begins, after midnight UTC")
    instances: Count | None = Field(default=None, description="instances while open; no bound where not given")

    def draw(self, throw: Throw, asked: Asked) -> Path:
        """Open from `opens` of each day for its share of 24 h, day by day."""
        midnight = throw.start.replace(hour=0, minute=0, second=0, microsecond=0)
        into_day = int((throw.start - midnight).total_seconds())
        weekend_share = self.open_share if self.weekend_share is None else self.weekend_share
        days = np.arange(-1, throw.end_s // DAY_S + 2)
        shares = np.where((midnight.weekday() + days) % 7 >= 5, weekend_share, self.open_share)
        opens = days * DAY_S + self.opens % DAY_S - into_day
        closes = opens + np.round(shares * DAY_S).astype(np.int64)
        edges = np.unique(np.concatenate(([0], opens, closes)))
        edges = edges[(edges >= 0) & (edges <= max(throw.end_s, 0))]
        day = np.searchsorted(opens, edges, side="right") - 1
        states = ((edges < closes[day]) | ((day > 0) & (edges < closes[day - 1]))).astype(np.float64)
        return counted(Path(edges, states), self.instances)

    def share(self) -> float:
        """The mean over a week."""
        weekend = self.open_share if self.weekend_share is None else self.weekend_share
        return (5 * self.open_share + 2 * weekend) / 7
