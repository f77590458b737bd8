"""A level and a trend smoothed from season to season, and the usual course within a season."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field

from marketsim.policies.forecast.forecast import Floats, Forecast, Seen
from marketsim.settings import PositiveCount, PositiveDuration, Seconds, Share
from marketsim.units import WEEK_S

QUANTILES = (np.arange(20) + 0.5) / 20  # of past errors, spread around the path


class ExponentialSmoothing(Forecast):
    """Holt's smoothing of season means with a damped trend, and the mean course of the last seasons around it.

    Source: C. C. Holt, 1957; damping: E. S. Gardner and E. McKenzie, "Forecasting trends in time series", Management
    Science 31, 1985: level_t = a mean_t + (1 - a)(level + d trend), trend_t = b (level_t - level) + (1 - b) d trend.
    """

    kind: Literal["exponential_smoothing"] = "exponential_smoothing"
    season: PositiveDuration = Field(default=Seconds(WEEK_S), description="after which demand repeats; whole steps")
    level_weight: Share = Field(default=0.4, description="of the newest season in the level (a)")
    trend_weight: Share = Field(default=0.2, description="of the newest rise in the trend (b)")
    damping: Share = Field(default=0.95, description="of the trend, that is left a season later (d)")
    seasons: PositiveCount = Field(default=4, description="last seasons whose course and errors are used")

    def path(self, seen: Seen, ahead: int) -> Floats | None:
        """Level and damped trend of each coming season, with the course within it."""
        size = max(self.season // seen.step_s, 1)
        whole = self._whole_seasons(seen, size)
        if whole is None:
            return None
        level, trend = self._smoothed(whole.mean(axis=1))
        season = np.arange(ahead) // size + 1
        rise = trend * np.cumsum(self.damping ** np.arange(1, ahead // size + 2))
        return np.maximum(level + rise[season - 1] + np.resize(self._course(whole), ahead), 0.0)

    def samples(self, seen: Seen, ahead: int) -> Floats | None:
        """The path's steps, each with errors as the last seasons had them around their own means."""
        path = self.path(seen, ahead)
        whole = self._whole_seasons(seen, max(self.season // seen.step_s, 1))
        if path is None or whole is None:
            return None
        last = whole[-self.seasons :]
        errors = last - last.mean(axis=1, keepdims=True) - self._course(whole)
        return np.maximum(path[:, None] + np.quantile(errors, QUANTILES)[None, :], 0.0).ravel()

    def _whole_seasons(self, seen: Seen, size: int) -> Floats | None:
        """Past whole seasons, oldest first, shape (seasons, size); None before the first is over."""
        count = len(seen.steps) // size
        return None if not count else seen.steps[len(seen.steps) - count * size :].reshape(count, size)

    def _course(self, whole: Floats) -> Floats:
        last = whole[-self.seasons :]
        course: Floats = (last - last.mean(axis=1, keepdims=True)).mean(axis=0)
        return course

    def _smoothed(self, means: Floats) -> tuple[float, float]:
        """Level and trend after the last season."""
        level, trend = float(means[0]), 0.0
        for mean in means[1:].tolist():
            expected = level + self.damping * trend
            newer = self.level_weight * mean + (1 - self.level_weight) * expected
            trend = self.trend_weight * (newer - level) + (1 - self.trend_weight) * self.damping * trend
            level = newer
        return level, trend
