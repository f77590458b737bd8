"""Spot as long as there is time, then on-demand to the end: two published forms."""

from __future__ import annotations

import math
from typing import Literal

from marketsim.policies.placement.slotted import ON_DEMAND, SPOT, Pick, Slot, Slotted


class SpotOnly(Slotted):
    """Spot when it can be had, else wait; the deadline is not looked at."""

    kind: Literal["spot_only"] = "spot_only"

    def pick(self, slot: Slot, memory: dict[str, float]) -> Pick:
        """Spot or nothing."""
        return slot.spot_or_idle


class Greedy(Slotted):
    """Spot or idle until the work left and one launch would just fit before the deadline; then no more waiting.

    Can be late by a part of a slot (as published): where the deadline is no multiple of the slot, or where spot is
    taken away while it warms up.
    """

    kind: Literal["greedy"] = "greedy"

    def pick(self, slot: Slot, memory: dict[str, float]) -> Pick:
        """Spot or idle; when time is up, spot that runs or on-demand."""
        if slot.up(slot.T - slot.c + slot.d) < slot.R - slot.t:
            return slot.spot_or_idle
        if slot.now_on == SPOT:
            return SPOT
        return SPOT if not slot.d and slot.spot_here else ON_DEMAND


class GreedySafe(Slotted):
    """Greedy that keeps time for a second launch, and so is never late where the work fits at all."""

    kind: Literal["greedy_safe"] = "greedy_safe"

    def pick(self, slot: Slot, memory: dict[str, float]) -> Pick:
        """Spot or idle; on-demand once two launches no longer fit."""
        left = slot.T - slot.c
        slots = math.floor((slot.R - slot.t) / slot.g)
        if math.ceil((left + slot.d) / slot.g) >= slots:
            return SPOT if slot.now_on == SPOT and not slot.pend else ON_DEMAND
        if math.ceil((left + 2 * slot.d) / slot.g) >= slots:
            return SPOT if slot.now_on == SPOT and slot.spot_here else ON_DEMAND
        return slot.spot_or_idle
