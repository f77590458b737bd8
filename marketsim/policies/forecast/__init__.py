"""Forecasts of demand from what was seen. One file a kind; `KINDS` is what a procurement rule may name."""

from marketsim.policies.forecast.empirical import EmpiricalQuantiles
from marketsim.policies.forecast.forecast import Forecast
from marketsim.policies.forecast.perfect import PerfectForecast
from marketsim.policies.forecast.seasonal_naive import SeasonalNaive
from marketsim.policies.forecast.smoothing import ExponentialSmoothing

KINDS: dict[str, type[Forecast]] = {
    "seasonal_naive": SeasonalNaive,
    "exponential_smoothing": ExponentialSmoothing,
    "empirical_quantiles": EmpiricalQuantiles,
    "perfect": PerfectForecast,
}
