"""The state of the market: one scarcity over time that moves spot prices, quotes, stock, delivery and resale together.

Scarcity is in standard deviations: 0 in ordinary times, above when capacity is short, below in a glut. A scenario draws
it from regimes or takes a stress path of the past; its loadings say how strongly each thing follows. What a loading
of 1 does is stated once, in `marketsim.tilt`. All loadings 0: every price and stock is drawn by itself.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from marketsim import settings
from marketsim.path import Path
from marketsim.settings import Duration, Kind, PositiveDuration, Seconds, Settings
from marketsim.streams import exponential, pick
from marketsim.throw import Throw
from marketsim.tilt import follow, tilt
from marketsim.units import DAY_S, MONTH_S, WEEK_S

__all__ = ["KINDS", "AnyScarcity", "Loadings", "Market", "Scarcity", "follow", "tilt"]


class Loadings(Settings):
    """How strongly each thing follows scarcity; 0: not at all, 1: as `marketsim.tilt` reads the past."""

    spot: float = Field(default=1.0, ge=0, le=3, description="spot and other drawn prices")
    quotes: float = Field(default=0.6, ge=0, le=3, description="prices of contracts signed from now on")
    stock: float = Field(
        default=0.8, ge=0, le=3, description="odds and length of being out of stock, spot and on demand"
    )
    delivery: float = Field(default=0.7, ge=0, le=3, description="lead time of servers and contracts")
    resale: float = Field(default=0.5, ge=0, le=3, description="what used servers and contracts fetch")

    def as_mapping(self) -> dict[str, float]:
        """Loadings by name, as a throw carries them."""
        return {name: float(getattr(self, name)) for name in type(self).model_fields}


class Scarcity(Kind):
    """One kind of market state."""

    loadings: Loadings = Field(default_factory=Loadings, description="how strongly each thing follows")

    def draw(self, throw: Throw) -> Path:
        """Standard deviations from second 0 to at least throw.end_s; throw has the market's own dice."""
        raise NotImplementedError


class Ordinary(Scarcity):
    """No market state: 0 for ever."""

    kind: Literal["none"] = "none"

    def draw(self, throw: Throw) -> Path:
        """0 for ever."""
        return Path.constant(0.0)


class Constant(Scarcity):
    """One state for ever; a bare number in a scenario is this."""

    scalar_key: ClassVar[str | None] = "level"
    kind: Literal["constant"] = "constant"
    level: float = Field(ge=-4, le=4, description="standard deviations, above 0 when capacity is short")

    def draw(self, throw: Throw) -> Path:
        """The level for ever."""
        return Path.constant(self.level)


class Regime(Scarcity):
    """Calm, tight and glut in turns: a semi-Markov target, chased week by week.

    A regime lasts an exponential time and is followed by one of the other two. The state moves towards the regime's
    level, closing half of the gap in `half_life`, with a little noise of its own.
    """

    kind: Literal["regime"] = "regime"
    begins: Literal["calm", "tight", "glut"] = Field(default="calm", description="the regime at second 0")
    calm: PositiveDuration = Field(default=Seconds(9 * MONTH_S), description="mean length of calm times")
    tight: PositiveDuration = Field(default=Seconds(8 * MONTH_S), description="mean length of shortages")
    glut: PositiveDuration = Field(default=Seconds(9 * MONTH_S), description="mean length of gluts")
    level_calm: float = Field(default=0.0, ge=-4, le=4, description="state in calm times, standard deviations")
    level_tight: float = Field(default=1.6, ge=-4, le=4, description="state in a shortage")
    level_glut: float = Field(default=-1.2, ge=-4, le=4, description="state in a glut")
    tight_after_calm: float = Field(
        default=0.5, ge=0, le=1, description="chance that calm ends in a shortage, else in a glut"
    )
    half_life: PositiveDuration = Field(
        default=Seconds(45 * DAY_S), description="time in which half of the gap to the regime's level closes"
    )
    noise: float = Field(default=0.08, ge=0, le=2, description="standard deviation of a week's own movement")

    # Lengths: what 2023 to 2026 showed for H100s: short of supply from early 2023 for about 14 months, a glut from mid
    # 2024 for about a year, calm in 2025, tight again from October 2025. Four spells are no statistics: an assumption.
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "calm-2025": {"begins": "calm"},
        "tight-2026": {"begins": "tight"},
        "glut-2024": {"begins": "glut"},
    }

    def draw(self, throw: Throw) -> Path:
        """A value each week."""
        weeks = throw.end_s // WEEK_S + 1
        target = self._targets(throw, weeks)
        keep = 0.5 ** (WEEK_S / self.half_life)
        noise = self.noise * throw.dice.normals("noise", weeks)
        levels = np.empty(weeks)
        level = target[0]
        for week in range(weeks):
            levels[week] = level
            level = np.clip(target[week] + (level - target[week]) * keep + noise[week], -4, 4)
        return Path(np.arange(weeks, dtype=np.int64) * WEEK_S, levels)

    def _targets(self, throw: Throw, weeks: int) -> np.ndarray:
        """The regime's level in each week."""
        levels = {"calm": self.level_calm, "tight": self.level_tight, "glut": self.level_glut}
        means = {"calm": self.calm, "tight": self.tight, "glut": self.glut}
        follows = {
            "calm": (("tight", "glut"), (self.tight_after_calm, 1 - self.tight_after_calm)),
            "tight": (("calm", "glut"), (0.5, 0.5)),
            "glut": (("calm", "tight"), (0.5, 0.5)),
        }
        stream = throw.dice.stream("regimes")
        regime, left = str(self.begins), 0.0
        out = np.empty(weeks)
        started = False
        for week in range(weeks):
            while left <= 0:
                length_u, next_u = stream.random(2)
                if started:
                    names, weights = follows[regime]
                    regime = names[int(pick(np.array([next_u]), np.array(weights))[0])]
                started = True
                left += float(exponential(length_u, means[regime]))
            out[week] = levels[regime]
            left -= WEEK_S
        return out


class Stress(Scarcity):
    """A path written down: what happened once, or what is feared; linear between its points, week by week."""

    kind: Literal["stress"] = "stress"
    times: tuple[Duration, ...] = Field(description="times since the start, from 0 s on")
    levels: tuple[float, ...] = Field(
        description="state at each of `times`, standard deviations; the last one holds on"
    )
    begin: Duration = Field(default=0, description="when the first point comes; ordinary times before")

    # Sources. 2023: servers took 36-52 weeks (from memory, low trust) and 8xH100 rose from $249k (2023-09) to $288k
    # (2024-07) by Epoch's hardware prices. 2024: the same servers took 8-12 weeks. Squeeze: one-year H100 contracts
    # went from $1.70 to $2.35 an hour between October 2025 and March 2026, on-demand sold out (market reports).
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "shortage-2023": {"times": ["0 s", "3 months", "10 months", "16 months"], "levels": [0.5, 2.0, 2.0, 0.0]},
        "glut-late-2024": {"times": ["0 s", "4 months", "12 months", "16 months"], "levels": [0.0, -1.0, -1.3, -0.5]},
        "squeeze-2025-2026": {"times": ["0 s", "5 months", "12 months", "18 months"], "levels": [0.0, 2.0, 2.0, 0.5]},
    }

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if len(self.times) != len(self.levels) or not self.times:
            raise ValueError("`levels` needs one entry for each of `times`")
        if self.times[0] != 0 or (np.diff(self.times) <= 0).any():
            raise ValueError("`times` start at 0 s and increase")
        if any(not -4 <= level <= 4 for level in self.levels):
            raise ValueError("`levels` lie between -4 and 4")
        return self

    def draw(self, throw: Throw) -> Path:
        """The points, joined by weekly steps."""
        weeks = np.arange(throw.end_s // WEEK_S + 1, dtype=np.int64) * WEEK_S
        levels = np.interp(weeks - self.begin, self.times, self.levels)
        return Path(weeks, np.where(weeks < self.begin, 0.0, levels)).simplified()


KINDS: dict[str, type[Scarcity]] = {"none": Ordinary, "constant": Constant, "regime": Regime, "stress": Stress}


AnyScarcity: Any = settings.one_of(KINDS)


class Market(Settings):
    """The `market` part of a scenario."""

    scarcity: AnyScarcity = Field(default_factory=Ordinary, description="the state of the market over time")
