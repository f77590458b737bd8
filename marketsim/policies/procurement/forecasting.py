"""The annotation of a rule's forecast, and what rules that sign at a period share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from marketsim.policies import forecast
from marketsim.policies.forecast.seasonal_naive import SeasonalNaive
from marketsim.settings import Seconds, one_of
from marketsim.units import DAY_S, WEEK_S

if TYPE_CHECKING:
    from marketsim.policies.forecast.forecast import Forecast as AnyForecast
else:
    AnyForecast = one_of(forecast.KINDS)

__all__ = ["DAILY", "LAST_WEEK", "WEEKLY", "AnyForecast"]

WEEKLY = Seconds(WEEK_S)
DAILY = Seconds(DAY_S)
LAST_WEEK = SeasonalNaive()
