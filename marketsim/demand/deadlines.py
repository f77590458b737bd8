"""When a job must be done, and what being late costs: a fixed span after it was submitted, or slack in run times."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from marketsim import settings
from marketsim.demand.distributions import AnyDistribution
from marketsim.demand.job import NEVER
from marketsim.streams import Dice

Ints = NDArray[np.int64]
UsdPerLateDay = Annotated[float, Field(ge=0, le=1e9)]
UsdAtMost = Annotated[float, Field(ge=0, le=1e12)]


class Deadline(settings.Kind):
    """The contract: a deadline for each job, and the value lost a started day past it, up to a ceiling."""

    usd_per_late_day: UsdPerLateDay = Field(default=0.0, description="value lost a started day past the deadline")
    usd_at_most: UsdAtMost | None = Field(default=None, description="ceiling of that loss a job; left out: none")

    def draw(self, arrival_s: Ints, run_s: Ints, dice: Dice) -> Ints:
        """Deadlines in seconds since the start, NEVER for none. run_s: estimated run time on the reference GPU."""
        raise NotImplementedError


class NoDeadline(Deadline):
    """It is done when it is done."""

    kind: Literal["none"] = "none"

    def draw(self, arrival_s: Ints, run_s: Ints, dice: Dice) -> Ints:
        return np.full(len(arrival_s), NEVER, np.int64)


class AfterArrival(Deadline):
    """A fixed time after submission, such as a release four days later."""

    kind: Literal["after_arrival"] = "after_arrival"
    within: settings.PositiveDuration = Field(description="time from submission to the deadline")

    def draw(self, arrival_s: Ints, run_s: Ints, dice: Dice) -> Ints:
        return arrival_s + self.within


class Slack(Deadline):
    """A multiple of the estimated run time on the reference GPU, from submission."""

    # Chronus (MIT): deadlines of 30,735 Philly jobs drawn by its authors from their survey of users; deadline over run
    # time has median 1.97 and 90 % point 3.13.
    presets: ClassVar[Any] = {
        "chronus-survey": {"factor": {"kind": "lognormal", "median": 1.97, "p90": 3.13}},
    }
    kind: Literal["slack"] = "slack"
    factor: AnyDistribution = Field(description="deadline over estimated run time; below 1 it cannot be met")
    share: settings.Share = Field(default=1.0, description="share of jobs that have a deadline at all")

    def draw(self, arrival_s: Ints, run_s: Ints, dice: Dice) -> Ints:
        factor = self.factor.quantile(dice.uniforms("deadline", len(arrival_s)))
        at = arrival_s + np.ceil(np.minimum(factor * run_s, 1e15)).astype(np.int64)
        if self.share == 1:
            return at
        return np.where(dice.uniforms("deadline/has", len(arrival_s)) < self.share, at, NEVER)


KINDS: dict[str, type[settings.Kind]] = {"none": NoDeadline, "after_arrival": AfterArrival, "slack": Slack}
if TYPE_CHECKING:
    AnyDeadline = Deadline
else:
    AnyDeadline = settings.one_of(KINDS)
