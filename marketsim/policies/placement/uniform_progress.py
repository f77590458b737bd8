"""Uniform progress: stay on the straight line from start to deadline, on spot where that is enough."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field

from marketsim.policies.placement.slotted import IDLE, ON_DEMAND, SPOT, Pick, Slot, Slotted


class UniformProgress(Slotted):
    """Spot or idle while progress is on or above the line c = t T / R, on-demand below it (Can't Be Late, NSDI 2024).

    With hysteresis an on-demand instance is kept until progress would pay for two more launches, so that a job near the
    line does not flap. A safety net goes to on-demand while the rest still fits. Never late where the work fits at all.
    """

    kind: Literal["uniform_progress"] = "uniform_progress"
    hysteresis: bool = Field(default=True, description="keep on-demand until progress is two launches above the line")

    def pick(self, slot: Slot, memory: dict[str, float]) -> Pick:
        """Spot, on-demand or idle."""
        pick: Pick = slot.spot_or_idle
        if slot.c - slot.t * slot.T / slot.R < 0:
            pick = SPOT if slot.spot_here else ON_DEMAND
        if self.hysteresis and slot.now_on == ON_DEMAND:
            ahead = (slot.t + 2 * slot.d) * slot.T / slot.R - slot.c < 0
            if not slot.spot_here or not ahead:
                pick = ON_DEMAND
        left = slot.down(slot.R - slot.t)
        if slot.up(slot.T - slot.c + 2 * slot.d) >= left and slot.now_on in (IDLE, ON_DEMAND):
            pick = ON_DEMAND
        if slot.up(slot.T - slot.c + slot.d) >= left:
            pick = slot.last_call
        return pick

    def stays(self, slot: Slot, done_per_s: float) -> float:
        """For good on spot that works; on an on-demand instance, with hysteresis, until two launches ahead."""
        if slot.now_on == SPOT:
            return 0.0 if slot.pend else math.inf
        behind = (slot.t + 2 * slot.d) * slot.T / slot.R - slot.c
        if slot.now_on != ON_DEMAND or not self.hysteresis or behind < 0:
            return 0.0
        gained_per_s = done_per_s - slot.T / slot.R  # at most: overhead, checkpoints and a low estimate take from it
        return max(behind / gained_per_s - 1, 0.0) if gained_per_s > 0 else math.inf
