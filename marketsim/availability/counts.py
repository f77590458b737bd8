"""A capacity that shrinks rather than vanishes: a number of instances that rises and falls with one hidden state.

The hidden state is a stationary mean-reverting standard normal; instance k can be had while it is above a threshold of
its own. The thresholds run evenly from that of the first instance, which is there `single_share` of the time, to that
of the last, there `all_share` of the time: so a gang sees less than a single job, and both see the same market. K80s
in us-west-2a were there 89 % of the time singly and 33 % in eights.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar, Literal, Self

import numpy as np
from pydantic import Field, model_validator
from scipy import special

from marketsim.availability.process import Availability
from marketsim.path import Path
from marketsim.prices.drawn import grid
from marketsim.prices.ou import ou_values
from marketsim.prices.process import Asked
from marketsim.settings import OpenShare, PositiveCount, PositiveDuration, Seconds
from marketsim.streams import Dice, Floats
from marketsim.throw import Throw
from marketsim.tilt import tilt
from marketsim.units import HOUR_S


class Counts(Availability):
    """Up to `most` instances, of which more or fewer can be had."""

    kind: Literal["counts"] = "counts"
    most: PositiveCount = Field(description="instances when there is plenty")
    single_share: float = Field(gt=0, lt=1, description="share of time with at least one instance")
    all_share: float = Field(gt=0, lt=1, description="share of time with all of them")
    half_life: PositiveDuration = Field(
        default=Seconds(24 * HOUR_S), description="time in which the hidden state forgets half of itself"
    )
    step: PositiveDuration = Field(default=Seconds(HOUR_S), description="time between changes")
    common: OpenShare = Field(default=0.0, description="share of variance in common with zones of the same GPU")

    # Shares: traces of us-west-2a, 2022-10-26 to 2022-11-22 (skypilot-org/spot-traces@221da1a); the half-life is set so
    # that eights are taken back about five times a day, as there.
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "k80-us-west-2a": {
            "most": 8,
            "single_share": 0.8927,
            "all_share": 0.3263,
            "half_life": "8 h",
            "step": "10 min",
        },
    }

    @model_validator(mode="after")
    def _fewer_have_all(self) -> Self:
        if self.all_share > self.single_share:
            raise ValueError("`all_share` cannot be above `single_share`: all instances include the first")
        return self

    def draw(self, throw: Throw, asked: Asked) -> Path:
        """A count each `step`."""
        times = grid(throw.end_s, self.step)
        hidden = self._hidden(throw.dice, len(times))
        if self.common:
            shared = Dice(throw.dice.seed, throw.dice.replication).under(
                f"availability-common/{asked.provider}/{asked.gpu}"
            )
            hidden = math.sqrt(1 - self.common) * hidden + math.sqrt(self.common) * self._hidden(shared, len(times))
        hidden = hidden - np.log(tilt(throw, "stock").at_many(times))
        counts = np.searchsorted(self.thresholds(), hidden, side="left").astype(np.float64)
        return Path(times, counts).simplified()

    def thresholds(self) -> Floats:
        """The hidden state above which each instance can be had, (most,), rising."""
        first, last = -special.ndtri(self.single_share), -special.ndtri(self.all_share)
        return np.linspace(first, last, self.most)

    def share(self) -> float:
        """Share of time with at least one."""
        return self.single_share

    def _hidden(self, dice: Dice, count: int) -> Floats:
        normals = dice.normals("hidden", count)
        kappa = math.log(2) / self.half_life
        return ou_values(normals[1:], float(normals[0]), 0.0, kappa, math.sqrt(2 * kappa), self.step)
