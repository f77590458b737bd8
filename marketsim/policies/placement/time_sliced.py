"""The deadline cut into slices, each with its share of the work: what is won in one is spent in the next."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field

from marketsim.policies.placement.slotted import ON_DEMAND, SPOT, Pick, Slot, Slotted
from marketsim.settings import PositiveDuration
from marketsim.units import HOUR_S


class TimeSliced(Slotted):
    """Spot or idle inside a slice until its quota is in danger, then on-demand (or a spot instance that runs).

    K = ceil(R / slice) slices of T / K seconds of work each. Work beyond the quota is a gain that later slices may wait
    for: all of it (`spread: none`), or spread over the slices that are left (`spread: average`). The gain is a running
    sum in double precision, in the published order of summation.
    """

    kind: Literal["time_sliced"] = "time_sliced"
    slice: PositiveDuration = Field(default=8 * HOUR_S, description="length of a slice, a whole number of slots")
    spread: Literal["none", "average"] = Field(default="none", description="how a gain is spent")

    def pick(self, slot: Slot, memory: dict[str, float]) -> Pick:
        """Spot or idle; on-demand once the slice's quota needs it."""
        slices = math.ceil(slot.R / self.slice)
        quota = slot.T / slices
        number = min(slot.t // self.slice, slices - 1)
        gain = self._gain(slot, memory, number, quota)
        if self.spread == "average":
            gain = gain / (slices - number)
        need = quota - (slot.c - memory["before"])
        end = (number + 1) * self.slice
        left = slot.up(need + slot.d) if number == slices - 1 else need + slot.d
        in_danger = left > (end - slot.t) + gain - slot.g
        if in_danger or slot.up(slot.T - slot.c + slot.d) > slot.R - slot.t - slot.g:
            return SPOT if slot.now_on == SPOT else ON_DEMAND
        return slot.spot_or_idle

    @staticmethod
    def _gain(slot: Slot, memory: dict[str, float], number: int, quota: float) -> float:
        """Bring the running sum up to this slice; `before` is the progress one slot before its first slot."""
        if memory.get("slice") != number:
            if "slice" in memory:
                memory["gain"] += (slot.c - memory["first"]) - quota
            else:
                memory["gain"] = 0.0
            memory["before"] = memory.get("last", 0.0)
            memory["first"] = slot.c
            memory["slice"] = number
        memory["last"] = slot.c
        return memory["gain"]
