"""Prices set by a provider now and then: rare steps, capped, and standing until the next one.

GCP changes a spot price at most once in about a month and raises it by at most 15 % at a time; in between nothing
moves. Steps are drawn from a table of quantiles of the logarithm's change.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from marketsim.path import Path
from marketsim.prices.drawn import DrawnPrice, reflected
from marketsim.prices.process import Asked
from marketsim.settings import Positive, PositiveDuration, Seconds
from marketsim.streams import Floats, exponential
from marketsim.throw import Throw
from marketsim.units import DAY_S, YEAR_S


def step_times(waits: Floats, least_s: int) -> Floats:
    """Whole seconds at which steps come: waits beyond the least time, one after the other."""
    return np.cumsum(least_s + np.maximum(np.round(waits), 1.0))


class AdministeredStep(DrawnPrice):
    """Rare capped steps of the logarithm, with a pull to the long-run level."""

    kind: Literal["administered_step"] = "administered_step"
    level: Positive = Field(description="long-run level: USD per GPU-hour, or share of the price of ratio_to")
    steps_per_year: float = Field(gt=0, le=400, description="mean number of changes a year")
    least_time: PositiveDuration = Field(default=Seconds(28 * DAY_S), description="shortest time between two changes")
    sizes: tuple[float, ...] = Field(description="quantiles of a change of the logarithm, evenly spaced from 0 to 1")
    pull: float = Field(default=0.15, ge=0, lt=1, description="share of the gap to `level` that a change also closes")

    # GCP GPU instances, 2024-01 to 2025-12, 221 series: 4.1 changes a year, at least 28 d apart; quantiles of their
    # sizes (0, 10, ..., 100 %; outside 1 and 99 % cut off); median ratio of spot to on-demand at the end of 2025.
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "gcp-2026": {
            "level": 0.23,
            "steps_per_year": 4.1,
            "sizes": [-0.60, -0.163, -0.100, -0.060, -0.025, 0.0, 0.020, 0.038, 0.093, 0.140, 0.140],
        },
    }

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if len(self.sizes) < 2 or (np.diff(self.sizes) < 0).any():
            raise ValueError("`sizes` needs at least two quantiles that never fall")
        if self.steps_per_year * self.least_time >= YEAR_S:
            raise ValueError("`steps_per_year` leaves less than `least_time` between two changes")
        return self

    def draw(self, throw: Throw, asked: Asked) -> Path:
        """Steps with at least `least_time` between them; the first comes after a part of such a wait."""
        mean_wait = YEAR_S / self.steps_per_year - self.least_time
        count = int(1.5 * throw.end_s / (self.least_time + mean_wait)) + 12
        while True:
            waits = exponential(throw.dice.uniforms("waits", count), mean_wait)
            skipped = throw.dice.uniforms("first", 1)[0] * self.least_time
            times = step_times(waits, self.least_time) - np.floor(skipped)
            if times[-1] > throw.end_s:
                break
            count *= 2
        times = times[times <= throw.end_s]
        drawn = throw.dice.uniforms("sizes", len(times))
        sizes = np.interp(drawn, np.linspace(0, 1, len(self.sizes)), self.sizes)
        level = float(np.log(self.level))
        log = [float(np.log(self.start or self.level))]
        for size in sizes:
            moved = np.array(log[-1] + size - self.pull * (log[-1] - level))
            log.append(float(reflected(moved, np.log(self.lowest), np.log(self.highest))))
        at_s = np.concatenate(([0], times)).astype(np.int64)
        return self.settle(Path(at_s, np.exp(log)), throw, asked)
