"""When jobs are submitted: by the calendar, at random, or in batches with quiet days and busy days.

`per_day` is the mean number of jobs a day over a week at the scenario's start, whatever the cycle; growth is a function
of absolute time. The names of the dice are those of the arrivals alone, so nothing else moves them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from marketsim import settings, streams
from marketsim.demand import cycle
from marketsim.demand.distributions import AnyDistribution
from marketsim.throw import Throw
from marketsim.units import HOUR_S

GrowthPerYear = Annotated[float, Field(gt=-1, le=100)]
PerDay = Annotated[float, Field(gt=0, le=1_000_000)]
BatchSize = Annotated[int, Field(ge=1, le=100_000, strict=False)]


class Arrived(NamedTuple):
    """Submit times in whole seconds, rising, below the horizon; and the batch each came in; both shape (n,).

    think_s: of a closed loop, the time between the end of the same batch's job before and this one; None of others.
    """

    times_s: NDArray[np.int64]
    batch: NDArray[np.int64]
    think_s: NDArray[np.int64] | None = None


class Arrivals(settings.Kind):
    """The contract: `draw(throw)` gives all arrivals before the horizon; a longer horizon only appends."""

    def draw(self, throw: Throw) -> Arrived:
        """All arrivals before `throw.horizon_s`, in order of time."""
        raise NotImplementedError


def _alone(times_s: NDArray[np.float64], horizon_s: int) -> Arrived:
    """Arrivals that come one by one."""
    whole = np.floor(times_s).astype(np.int64)
    whole = whole[whole < horizon_s]
    return Arrived(whole, np.arange(len(whole)))


class Calendar(Arrivals):
    """At a fixed distance, such as a retraining each week."""

    kind: Literal["calendar"] = "calendar"
    every: settings.PositiveDuration = Field(description="distance of two submissions")
    first: settings.Duration = Field(default=0, description="time of the first")
    jobs: settings.PositiveCount = Field(default=1, description="jobs submitted together each time")

    def draw(self, throw: Throw) -> Arrived:
        times = np.arange(self.first, throw.horizon_s, self.every, dtype=np.int64)
        return Arrived(np.repeat(times, self.jobs), np.repeat(np.arange(len(times)), self.jobs))


class Poisson(Arrivals):
    """At random, one by one, on the week's cycle."""

    kind: Literal["poisson"] = "poisson"
    per_day: PerDay = Field(description="mean jobs a day at the start")
    week_cycle: cycle.WeekCycle = Field(default="flat", description="name, or 168 hour weights from Monday 00:00 UTC")
    growth_per_year: GrowthPerYear = Field(default=0.0, description="growth of the rate; 1.0 doubles it in a year")

    def draw(self, throw: Throw) -> Arrived:
        hours = cycle.whole_hours(throw.horizon_s)
        week = cycle.weights_of(self.week_cycle)[cycle.hour_of_week(throw.start, hours)]
        rate = self.per_day / 24 * week * cycle.growth(self.growth_per_year, hours)
        return _alone(cycle.arrivals(throw.dice, "arrivals", rate), throw.horizon_s)


class Batches(Arrivals):
    """In batches, as sweeps are: a Poisson stream of batches with busy and quiet days.

    Batch sizes are geometric, or drawn from `batch_sizes`. The day factor is a lognormal AR(1) with sigma `day_sigma`;
    or `cv` is given, the coefficient of variation of the time between jobs, and sigma is found from it.
    """

    kind: Literal["batches"] = "batches"
    per_day: PerDay = Field(description="mean jobs a day at the start")
    batch_mean: Annotated[float, Field(ge=1, le=10_000)] = Field(default=1.0, description="mean jobs in a batch")
    batch_sizes: Annotated[dict[BatchSize, settings.NonNegative], Field(min_length=1)] | None = Field(
        default=None, description="jobs in a batch -> how often; replaces the geometric law of batch_mean"
    )
    spacing: settings.Duration = Field(default=0, description="mean time between two jobs of a batch")
    week_cycle: cycle.WeekCycle = Field(default="flat", description="name, or 168 hour weights from Monday 00:00 UTC")
    cv: Annotated[float, Field(gt=0, le=50)] | None = Field(
        default=None, description="coefficient of variation of the time between jobs; sets day_sigma"
    )
    day_sigma: Annotated[float, Field(ge=0, le=3)] = Field(default=0.0, description="spread of ln rate over days")
    day_correlation: Annotated[float, Field(ge=0, lt=1)] = Field(
        default=0.5, description="correlation of ln rate from one day to the next"
    )
    hour_sigma: Annotated[float, Field(ge=0, le=3)] = Field(default=0.0, description="spread of ln rate over hours")
    hour_correlation: Annotated[float, Field(ge=0, lt=1)] = Field(
        default=0.6, description="correlation of ln rate from one hour to the next"
    )
    growth_per_year: GrowthPerYear = Field(default=0.0, description="growth of the rate; 1.0 doubles it in a year")

    @model_validator(mode="after")
    def _weighed(self) -> Self:
        if self.batch_sizes is not None and sum(self.batch_sizes.values()) <= 0:
            raise ValueError("one batch size needs a weight above 0")
        return self

    @property
    def mean_size(self) -> float:
        """Mean jobs in a batch."""
        if self.batch_sizes is None:
            return self.batch_mean
        return float(np.average(list(self.batch_sizes), weights=list(self.batch_sizes.values())))

    @property
    def sigma(self) -> float:
        """Spread of the day factor's logarithm."""
        if self.cv is None:
            return self.day_sigma
        week = tuple(cycle.weights_of(self.week_cycle))
        return cycle.day_sigma_for_cv(
            self.cv, self.per_day / self.mean_size, self.mean_size, week, self.day_correlation
        )

    def draw(self, throw: Throw) -> Arrived:
        hours = cycle.whole_hours(throw.horizon_s)
        week = cycle.weights_of(self.week_cycle)[cycle.hour_of_week(throw.start, hours)]
        day = cycle.day_of(throw.start, hours)
        busy = cycle.ar1(throw.dice, "arrivals/days", int(day[-1]) + 1, self.sigma, self.day_correlation)[day]
        if self.hour_sigma:
            busy = busy * cycle.ar1(throw.dice, "arrivals/hours", hours, self.hour_sigma, self.hour_correlation)
        rate = self.per_day / self.mean_size / 24 * week * busy * cycle.growth(self.growth_per_year, hours)
        starts = cycle.arrivals(throw.dice, "arrivals", rate)
        sizes = self._sizes(throw.dice.uniforms("arrivals/sizes", len(starts)))
        batch = np.repeat(np.arange(len(starts)), sizes)
        times = starts[batch]
        if self.spacing:
            gaps = streams.exponential(throw.dice.uniforms("arrivals/spacing", len(batch)), float(self.spacing))
            gaps[np.concatenate(([0], np.cumsum(sizes)[:-1]))[sizes > 0]] = 0.0  # the first comes at the batch's time
            along = np.cumsum(gaps)
            times = times + along - along[np.cumsum(sizes) - sizes][batch]
        whole = np.floor(times).astype(np.int64)
        order = np.argsort(whole, kind="stable")
        order = order[whole[order] < throw.horizon_s]
        return Arrived(whole[order], batch[order])

    def _sizes(self, uniforms: NDArray[np.float64]) -> NDArray[np.int64]:
        """Jobs of each batch, at least 1."""
        if self.batch_sizes is not None:
            known = np.array(list(self.batch_sizes), np.int64)
            return known[streams.pick(uniforms, np.array(list(self.batch_sizes.values())))]
        if self.batch_mean == 1:
            return np.ones(len(uniforms), np.int64)
        return 1 + np.floor(np.log1p(-uniforms) / np.log1p(-1 / self.batch_mean)).astype(np.int64)


class Renewal(Arrivals):
    """One by one with gaps of any regularity: cv below 1 is a steady hand, above 1 is bursty."""

    kind: Literal["renewal"] = "renewal"
    per_day: PerDay = Field(description="mean jobs a day")
    cv: Annotated[float, Field(gt=0, le=50)] = Field(
        description="coefficient of variation of the gaps, gamma distributed"
    )

    def draw(self, throw: Throw) -> Arrived:
        mean_s = 24 * HOUR_S / self.per_day
        count = int(throw.horizon_s / mean_s * 1.2 + 32)
        while True:
            uniforms = np.maximum(throw.dice.uniforms("arrivals", count), 2.0**-54)
            times = np.cumsum(streams.gamma(uniforms, self.cv**-2, mean_s * self.cv**2))
            if times[-1] >= throw.horizon_s or count > cycle.MOST_ARRIVALS:
                return _alone(times, throw.horizon_s)
            count *= 2


class ClosedLoop(Arrivals):
    """People who wait: each submits the next experiment some time after the last one ended.

    A person is a batch. The times are the earliest that can be, as if experiments took no time; the engine submits each
    `think` after the one before has ended, so that a policy which makes people wait also lowers what they submit.
    """

    kind: Literal["closed_loop"] = "closed_loop"
    people: Annotated[int, Field(ge=1, le=10_000)] = Field(description="who submit, one experiment at a time each")
    think_hours: AnyDistribution = Field(description="hours between the end of one and the submission of the next")

    def draw(self, throw: Throw) -> Arrived:
        mean_s = max(self.think_hours.mean() * HOUR_S, 1.0)
        cycle.refuse_too_many(throw.horizon_s / mean_s * self.people)
        times, people, thinks = [], [], []
        for person in range(self.people):
            count = int(throw.horizon_s / mean_s * 1.5) + 16
            while True:
                uniforms = throw.dice.uniforms("arrivals/think", count, person)
                think = np.maximum(np.rint(self.think_hours.quantile(uniforms) * HOUR_S), 1).astype(np.int64)
                at = np.cumsum(think)
                if at[-1] >= throw.horizon_s:
                    break
                count *= 2
            inside = int(np.searchsorted(at, throw.horizon_s))
            times.append(at[:inside])
            thinks.append(think[:inside])
            people.append(np.full(inside, person))
        together = np.concatenate(times)
        order = np.argsort(together, kind="stable")
        return Arrived(together[order], np.concatenate(people)[order], np.concatenate(thinks)[order])


KINDS: dict[str, type[settings.Kind]] = {
    "calendar": Calendar,
    "poisson": Poisson,
    "batches": Batches,
    "renewal": Renewal,
    "closed_loop": ClosedLoop,
}
if TYPE_CHECKING:
    AnyArrivals = Arrivals
else:
    AnyArrivals = settings.one_of(KINDS)
