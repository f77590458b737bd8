"""What a policy is told a job will take, drawn apart from the truth: it may be exact, noisy, a user's limit, a mean."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from marketsim import settings, streams
from marketsim.streams import Dice, Floats
from marketsim.units import HOUR_S

Ints = NDArray[np.int64]


class Estimate(settings.Kind):
    """The contract: an estimate for each job from its true work; dice of its own, so the truth's draws never move."""

    def draw(self, work: Floats, gang_milli: Ints, mean_work: Floats, dice: Dice) -> Floats:
        """Estimated milli-GPU-seconds, shape (n,). mean_work: of the job's class; gang_milli: what it holds."""
        raise NotImplementedError


class Exact(Estimate):
    """The truth."""

    kind: Literal["exact"] = "exact"

    def draw(self, work: Floats, gang_milli: Ints, mean_work: Floats, dice: Dice) -> Floats:
        return work


class LognormalError(Estimate):
    """The truth times a factor whose median is `bias`."""

    kind: Literal["lognormal"] = "lognormal"
    sigma: Annotated[float, Field(ge=0, le=3)] = Field(description="standard deviation of ln(estimate / truth)")
    bias: Annotated[float, Field(gt=0, le=100)] = Field(default=1.0, description="median of estimate over truth")

    def draw(self, work: Floats, gang_milli: Ints, mean_work: Floats, dice: Dice) -> Floats:
        return work * streams.lognormal(dice.uniforms("estimate", len(work)), self.bias, self.sigma)


class UserLimit(Estimate):
    """The time limit a user types: the least round number above a padded guess, as job schedulers ask for."""

    kind: Literal["user_limit"] = "user_limit"
    padding: Annotated[float, Field(ge=1, le=100)] = Field(default=1.5, description="guess over true run time")
    sigma: Annotated[float, Field(ge=0, le=3)] = Field(default=0.5, description="spread of ln guess")
    limits_h: Annotated[tuple[settings.Positive, ...], Field(min_length=1, max_length=50, strict=False)] = Field(
        default=(1, 4, 12, 24, 48, 72, 168, 336, 672, 2016), description="round numbers of hours; the last is the most"
    )

    def draw(self, work: Floats, gang_milli: Ints, mean_work: Floats, dice: Dice) -> Floats:
        guess = streams.lognormal(dice.uniforms("estimate", len(work)), self.padding, self.sigma) * work
        limits = np.sort(np.array(self.limits_h)) * HOUR_S
        index = np.minimum(np.searchsorted(limits, guess / gang_milli, side="left"), len(limits) - 1)
        return limits[index] * gang_milli


class ClassMean(Estimate):
    """The mean of all jobs of its class: what a scheduler without users' guesses knows."""

    kind: Literal["class_mean"] = "class_mean"

    def draw(self, work: Floats, gang_milli: Ints, mean_work: Floats, dice: Dice) -> Floats:
        return mean_work


KINDS: dict[str, type[settings.Kind]] = {
    "exact": Exact,
    "lognormal": LognormalError,
    "user_limit": UserLimit,
    "class_mean": ClassMean,
}
if TYPE_CHECKING:
    AnyEstimate = Estimate
else:
    AnyEstimate = settings.one_of(KINDS)
