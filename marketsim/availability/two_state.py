"""Available or gone, in turns whose lengths are independent: a semi-Markov process with exact whole-second spells.

A spot zone hands out a shape or does not. Both spells may be heavy-tailed. Zones of one provider, GPU and shape share
part of their outages: `common` is the share (in log availability) of a process that all of them draw from the same
dice. When the market is tight, spells of being gone grow longer and spells of being available shorter.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from marketsim.availability import presets
from marketsim.availability.process import Availability, counted
from marketsim.availability.spells import AnySpell, Spell
from marketsim.path import Path, combine
from marketsim.prices.process import Asked
from marketsim.settings import Count, OpenShare
from marketsim.streams import Dice
from marketsim.throw import Throw
from marketsim.tilt import tilt


class TwoState(Availability):
    """Spells of being available and of being gone."""

    kind: Literal["two_state"] = "two_state"
    available: AnySpell = Field(description="law of the time for which instances can be had and kept")
    gone: AnySpell = Field(description="law of the time for which none can")
    instances: Count | None = Field(default=None, description="instances while available; no bound where not given")
    common: OpenShare = Field(default=0.0, description="share of outages in common with zones of the same shape")

    presets: ClassVar[dict[str, dict[str, Any]]] = presets.two_state()

    def draw(self, throw: Throw, asked: Asked) -> Path:
        """Starts in a random state, in the middle of its spell."""
        factor = tilt(throw, "stock")
        share = self.share()
        own = alternating(self.available, self.gone, throw.dice, throw.end_s, factor, share ** (1 - self.common))
        if self.common:
            dice = Dice(throw.dice.seed, throw.dice.replication).under(
                f"availability-common/{asked.provider}/{asked.gpu}/{asked.gpus}"
            )
            shared = alternating(self.available, self.gone, dice, throw.end_s, factor, share**self.common)
            own = combine([own, shared], np.minimum)
        return counted(own, self.instances)

    def share(self) -> float:
        """Mean spell available over the mean of both."""
        up, down = self.available.mean_s(), self.gone.mean_s()
        return up / (up + down)


def alternating(up: Spell, down: Spell, dice: Dice, end_s: int, factor: Path, share: float | None = None) -> Path:
    """A path of 1 (available) and 0 (gone) to at least end_s.

    factor: by how much a gone spell that begins at a time is longer, and an available one shorter. share: long-run
    share of time available, reached by stretching the available spells; None leaves them as they are.
    """
    mean_up, mean_down = up.mean_s(), down.mean_s()
    own = mean_up / (mean_up + mean_down)
    share = own if share is None else share
    stretch = mean_down * share / (1 - share) / mean_up if share != own else 1.0
    state_u, spell_u, cut_u = dice.uniforms("start", 3)
    first_up = bool(state_u < share)
    factor_now = factor.at(0)
    first = up.left_s(spell_u, cut_u) * stretch / factor_now if first_up else down.left_s(spell_u, cut_u) * factor_now
    count = max(16, int(2.5 * end_s / (mean_up * stretch + mean_down)) + 16)
    while True:
        ups = np.maximum(np.round(up.lengths(dice.uniforms("up", count)) * stretch), 1.0)
        downs = np.maximum(np.round(down.lengths(dice.uniforms("down", count))), 1.0)
        lengths = np.empty(2 * count)
        lengths[0::2], lengths[1::2] = (downs, ups) if first_up else (ups, downs)
        ends = _ends(max(1.0, round(first)), lengths, not first_up, factor)
        if ends[-1] > end_s:
            break
        count *= 2
    times = np.concatenate(([0], ends[: int(np.searchsorted(ends, end_s, side="right"))])).astype(np.int64)
    return Path(times, ((np.arange(len(times)) + first_up) % 2).astype(np.float64))


def _ends(first: float, lengths: np.ndarray, second_up: bool, factor: Path) -> np.ndarray:
    """When each spell ends, whole seconds; lengths[0] is the second spell's, available where second_up."""
    if len(factor.values) == 1 and factor.values[0] == 1.0:
        return first + np.concatenate(([0.0], np.cumsum(lengths)))
    ends = [first]
    up = second_up
    for length in lengths:
        times = factor.at(int(ends[-1]))
        ends.append(ends[-1] + max(1.0, round(length / times if up else length * times)))
        up = not up
    return np.array(ends)
