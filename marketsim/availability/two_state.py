"""Available or gone, in turns: a semi-Markov process with exact whole-second spells, whose balance drifts over weeks.

A spot zone hands out a shape or does not. Both spells may be heavy-tailed. Measured zones also have good and bad weeks
(a K80 zone was there 46 % of the time in two weeks and 13 % in the next), which independent spells would average away:
`drift_sd` lets the balance wander. Zones of one provider, GPU and shape share part of their outages: `common` is the
share (in log availability) of a process that all of them draw from the same dice. When the market is tight, spells of
being gone grow longer and spells of being available shorter.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from marketsim.availability import presets
from marketsim.availability.process import Availability, counted
from marketsim.availability.spells import AnySpell, Spell
from marketsim.path import Path, combine
from marketsim.prices.drawn import grid
from marketsim.prices.ou import ou_step, ou_values
from marketsim.prices.process import Asked
from marketsim.settings import Count, OpenShare, PositiveDuration, Seconds
from marketsim.streams import Dice
from marketsim.throw import Throw
from marketsim.tilt import tilt
from marketsim.units import DAY_S, HOUR_S

DRIFT_STEP_S = 6 * HOUR_S


class TwoState(Availability):
    """Spells of being available and of being gone."""

    kind: Literal["two_state"] = "two_state"
    available: AnySpell = Field(description="law of the time for which instances can be had and kept")
    gone: AnySpell = Field(description="law of the time for which none can")
    instances: Count | None = Field(default=None, description="instances while available; no bound where not given")
    common: OpenShare = Field(default=0.0, description="share of outages in common with zones of the same shape")
    drift_sd: float = Field(default=0.0, ge=0, le=3, description="standard deviation of the log factor on both spells")
    drift_half_life: PositiveDuration = Field(
        default=Seconds(7 * DAY_S), description="time in which the drift forgets half of itself"
    )

    presets: ClassVar[dict[str, dict[str, Any]]] = presets.two_state()

    def draw(self, throw: Throw, asked: Asked) -> Path:
        """Starts in a random state, in the middle of its spell."""
        factor = times(tilt(throw, "stock"), drift(throw.dice, throw.end_s, self.drift_sd, self.drift_half_life))
        share = self.available.mean_s() / (self.available.mean_s() + self.gone.mean_s())
        own = alternating(self.available, self.gone, throw.dice, throw.end_s, factor, share ** (1 - self.common))
        if self.common:
            dice = Dice(throw.dice.seed, throw.dice.replication).under(
                f"availability-common/{asked.provider}/{asked.gpu}/{asked.gpus}"
            )
            factor = times(tilt(throw, "stock"), drift(dice, throw.end_s, self.drift_sd, self.drift_half_life))
            shared = alternating(self.available, self.gone, dice, throw.end_s, factor, share**self.common)
            own = combine([own, shared], np.minimum)
        return counted(own, self.instances)

    def share(self) -> float:
        """Mean spell available over the mean of both, on average over the drift."""
        odds = self.available.mean_s() / self.gone.mean_s()
        nodes, weights = np.polynomial.hermite_e.hermegauss(41)
        return float((weights * odds / (odds + np.exp(2 * self.drift_sd * nodes))).sum() / weights.sum())


def times(one: Path, other: Path) -> Path:
    """The product of two factors."""
    for path, second in ((one, other), (other, one)):
        if len(path.values) == 1 and path.values[0] == 1.0:
            return second
    return combine([one, other], np.multiply)


def drift(dice: Dice, end_s: int, sd: float, half_life_s: int, begin: float | None = None) -> Path:
    """A factor whose logarithm wanders around 0 with the given long-run sd; exactly 1 where that is 0.

    begin: its logarithm at second 0; drawn from the long-run law where not given.
    """
    if sd == 0:
        return Path.constant(1.0)
    at_s = grid(end_s, DRIFT_STEP_S)
    kappa = np.log(2) / half_life_s
    _, unit = ou_step(kappa, 1.0, DRIFT_STEP_S)
    sigma = sd * np.sqrt(1 - np.exp(-2 * kappa * DRIFT_STEP_S)) / unit
    normals = dice.normals("drift", len(at_s))
    first = sd * normals[0] if begin is None else begin
    return Path(at_s, np.exp(ou_values(normals[1:], float(first), 0.0, kappa, float(sigma), DRIFT_STEP_S)))


def alternating(
    up: Spell,
    down: Spell,
    dice: Dice,
    end_s: int,
    factor: Path,
    share: float | None = None,
    begin: tuple[bool, int] | None = None,
) -> Path:
    """A path of 1 (available) and 0 (gone) to at least end_s.

    factor: by how much a gone spell that begins at a time is longer, and an available one shorter. share: long-run
    share of time available, reached by stretching the available spells; None leaves them as they are. begin: (whether
    it is available at second 0, for how many seconds it has been so); a random moment where not given.
    """
    mean_up, mean_down = up.mean_s(), down.mean_s()
    own = mean_up / (mean_up + mean_down)
    share = own if share is None else share
    stretch = mean_down * share / (1 - share) / mean_up if share != own else 1.0
    state_u, spell_u, cut_u = dice.uniforms("start", 3)
    first_up = bool(state_u < share) if begin is None else begin[0]
    law, scale = (up, stretch / factor.at(0)) if first_up else (down, factor.at(0))
    first = scale * (law.left_s(spell_u, cut_u) if begin is None else law.left_after_s(spell_u, begin[1] / scale))
    count = max(16, int(2.5 * end_s / (mean_up * stretch + mean_down)) + 16)
    while True:
        ups = np.maximum(np.round(up.lengths(dice.uniforms("up", count)) * stretch), 1.0)
        downs = np.maximum(np.round(down.lengths(dice.uniforms("down", count))), 1.0)
        lengths = np.empty(2 * count)
        lengths[0::2], lengths[1::2] = (downs, ups) if first_up else (ups, downs)
        ends = _ends(max(1.0, round(first)), lengths, not first_up, factor, end_s)
        if ends[-1] > end_s:
            break
        count *= 2
    moments = np.concatenate(([0], ends[: int(np.searchsorted(ends, end_s, side="right"))])).astype(np.int64)
    return Path(moments, ((np.arange(len(moments)) + first_up) % 2).astype(np.float64))


def _ends(first: float, lengths: np.ndarray, second_up: bool, factor: Path, end_s: int) -> np.ndarray:
    """When each spell ends, whole seconds; lengths[0] is the second spell's, available where second_up."""
    if len(factor.values) == 1 and factor.values[0] == 1.0:
        return first + np.concatenate(([0.0], np.cumsum(lengths)))
    at_s, values = factor.times_s.tolist(), factor.values.tolist()
    now, up, place, last = first, second_up, 0, len(at_s) - 1
    ends = [now]
    for length in lengths.tolist():
        if now > end_s:
            break
        while place < last and at_s[place + 1] <= now:
            place += 1
        now += max(1.0, round(length / values[place] if up else length * values[place]))
        ends.append(now)
        up = not up
    return np.array(ends)
