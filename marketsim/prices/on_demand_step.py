"""A list price with rare changes, mostly cuts; spot prices that are a ratio to it follow by themselves.

AWS cut accelerator list prices 9 times in 427 instance-years of 2024 to 2026, by 25 to 44 % (p5.48xlarge from $98.32 to
$55.04 in June 2025); GCP changed one 130 times in 616 instance-years, by -27 to +39 %, most within 15 %.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from marketsim.path import Path
from marketsim.prices.catalogue import look_up
from marketsim.prices.process import Asked, PriceProcess
from marketsim.settings import UsdPerGpuHour
from marketsim.streams import exponential
from marketsim.throw import Throw
from marketsim.units import YEAR_S


class OnDemandStep(PriceProcess):
    """A list price that is changed at random times by a drawn share."""

    kind: Literal["on_demand_step"] = "on_demand_step"
    usd: UsdPerGpuHour | None = Field(
        default=None, description="USD per GPU-hour at second 0; the catalogue's if not given"
    )
    instance: str | None = Field(default=None, description="the provider's name of the instance, for the catalogue")
    changes_per_year: float = Field(ge=0, le=50, description="mean number of changes a year")
    sizes: tuple[float, ...] = Field(description="quantiles of a change of the logarithm, evenly spaced from 0 to 1")

    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "aws": {"changes_per_year": 0.021, "sizes": [-0.58, -0.40, -0.40, -0.40, -0.29]},
        "gcp": {"changes_per_year": 0.21, "sizes": [-0.27, -0.13, -0.05, -0.035, -0.01, 0.03, 0.04]},
    }

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if len(self.sizes) < 2 or (np.diff(self.sizes) < 0).any():
            raise ValueError("`sizes` needs at least two quantiles that never fall")
        return self

    def now(self, asked: Asked) -> float:
        """The list price at second 0."""
        return self.usd or look_up(asked, asked.column, asked.zone, self.instance, "scaled").usd

    def draw(self, throw: Throw, asked: Asked) -> Path:
        """The list price with its changes."""
        start = self.now(asked)
        if self.changes_per_year == 0:
            return Path.constant(start)
        mean_s = YEAR_S / self.changes_per_year
        count = int(2 * throw.end_s / mean_s) + 16
        while True:
            waits = exponential(throw.dice.uniforms("waits", count), mean_s)
            times = np.cumsum(np.maximum(np.round(waits), 1.0))
            if times[-1] > throw.end_s:
                break
            count *= 2
        times = times[times <= throw.end_s]
        drawn = throw.dice.uniforms("sizes", len(times))
        sizes = np.interp(drawn, np.linspace(0, 1, len(self.sizes)), self.sizes)
        values = start * np.exp(np.concatenate(([0.0], np.cumsum(sizes))))
        return Path(np.concatenate(([0], times)).astype(np.int64), values)
