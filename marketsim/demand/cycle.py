"""The week's shape of people's work, growth, and the noise of days: rates by the hour, and arrivals drawn from them.

A rate is a function of absolute time: the hour of the week, the years since the scenario's start, a factor a day that
remembers the day before. Arrivals come from unit-rate exponentials through the inverse of the integrated rate (time
rescaling), so a longer horizon appends arrivals and moves none.
"""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from marketsim import settings, streams
from marketsim.errors import Fault, InputError
from marketsim.streams import Dice, Floats
from marketsim.units import HOUR_S, YEAR_S

HOURS_A_WEEK = 168
MOST_ARRIVALS = 5_000_000  # of one demand in one replication; beyond this a rate is mistyped

# An office day: the Philly trace's trimmed hourly profile has a trough of 0.54 of the mean, and weekends lie at 0.13 to
# 0.67 of weekdays over startup-sized tenants, 0.5 at the median (2017 trace, CC-BY-4.0). Its clock is not the users'
# own, so that the peak stands at 15:00 UTC is an assumption.
OFFICE_TROUGH, OFFICE_WEEKEND, OFFICE_PEAK_HOUR = 0.54, 0.5, 15


def profile(trough: float, weekend: float, peak_hour: float) -> Floats:
    """Relative rate of each hour of the week from Monday 00:00 UTC, shape (168,), mean 1.

    A cosine day whose lowest hour is `trough` of its mean, 0 to 1; Saturday and Sunday at `weekend` of a weekday.
    """
    hours = np.arange(HOURS_A_WEEK)
    day = 1 + (1 - trough) * np.cos(2 * np.pi * (hours % 24 + 0.5 - peak_hour) / 24)
    week = np.where(hours < 120, 1.0, weekend) * day
    return week / week.mean()


NAMED: dict[str, Floats] = {
    "flat": np.ones(HOURS_A_WEEK),
    "office": profile(OFFICE_TROUGH, OFFICE_WEEKEND, OFFICE_PEAK_HOUR),
}

HourWeights = Annotated[tuple[settings.NonNegative, ...], Field(min_length=168, max_length=168, strict=False)]
WeekCycle = Literal["flat", "office"] | HourWeights


def weights_of(cycle: str | tuple[float, ...]) -> Floats:
    """Relative rates of the 168 hours of a week, mean 1."""
    if isinstance(cycle, str):
        return NAMED[cycle]
    weights = np.array(cycle, dtype=np.float64)
    if weights.sum() <= 0:
        raise InputError("a week cycle needs an hour with a weight above 0")
    return weights / weights.mean()


def hour_of_week(start: datetime, hours: int) -> NDArray[np.int64]:
    """Hour of the week, Monday 00:00 UTC is 0, of each hour since the start, shape (hours,)."""
    return (start.weekday() * 24 + start.hour + np.arange(hours)) % HOURS_A_WEEK


def day_of(start: datetime, hours: int) -> NDArray[np.int64]:
    """Number of the calendar day in UTC, the start's is 0, of each hour since the start, shape (hours,)."""
    return (start.hour + np.arange(hours)) // 24


def growth(per_year: float, hours: int) -> Floats:
    """(1 + per_year) ** years at the middle of each hour since the start, shape (hours,)."""
    return (1.0 + per_year) ** ((np.arange(hours) + 0.5) * HOUR_S / YEAR_S)


def ar1(dice: Dice, name: str, count: int, sigma: float, correlation: float) -> Floats:
    """Positive factors with mean 1 whose logarithm is a stationary AR(1), shape (count,).

    sigma: standard deviation of the logarithm; correlation: from one factor to the next.
    """
    noise = dice.normals(name, count)
    state = np.empty(count)
    left = np.sqrt(1 - correlation**2)
    now = 0.0
    for index in range(count):
        now = noise[index] if index == 0 else correlation * now + left * noise[index]
        state[index] = now
    return np.exp(sigma * state - sigma**2 / 2)


def arrivals(dice: Dice, name: str, per_hour: Floats) -> Floats:
    """Times in seconds of a Poisson process whose rate an hour is constant within each hour, rising, shape (n,)."""
    return rescaled(dice, name, np.arange(len(per_hour) + 1) * float(HOUR_S), per_hour / HOUR_S)


def refuse_too_many(expected: float) -> None:
    """InputError where more arrivals are expected than can be simulated."""
    if expected > MOST_ARRIVALS:
        allowed = f"at most {MOST_ARRIVALS:,} in one demand"
        raise InputError(Fault("more arrivals than can be simulated", got=f"{expected:,.0f}", allowed=allowed))


def rescaled(dice: Dice, name: str, edges_s: NDArray[Any], per_s: NDArray[Any]) -> Floats:
    """Times of a Poisson process with rate per_s[k] from edges_s[k] to edges_s[k + 1], rising, shape (n,).

    Time rescaling: unit exponentials S_i mapped through the inverse of the integrated rate (Lewis and Shedler 1979 give
    thinning for the same law; this way draw i belongs to arrival i). Raises InputError above MOST_ARRIVALS.
    """
    mass = np.concatenate(([0.0], np.cumsum(per_s * np.diff(edges_s))))
    expected = float(mass[-1])
    refuse_too_many(expected)
    if expected == 0:
        return np.zeros(0)
    count = int(expected + 6 * np.sqrt(expected) + 16)
    while True:
        reached = np.cumsum(streams.exponential(dice.uniforms(name, count)))
        if reached[-1] >= expected:
            break
        count *= 2
    reached = reached[: int(np.searchsorted(reached, expected, side="left"))]
    piece = np.searchsorted(mass, reached, side="right") - 1
    return edges_s[piece] + (reached - mass[piece]) / per_s[piece]


@lru_cache(maxsize=256)
def day_sigma_for_cv(
    cv: float, batches_per_day: float, batch_mean: float, cycle: tuple[float, ...], rho: float
) -> float:
    """Sigma of the day factor at which geometric batches on a week cycle have the wanted inter-arrival cv.

    Found by bisection on one fixed long sample (400 to 2,800 days, the same dice for every sigma), because the gaps of
    a bursty stream that rests at night have no closed form. 0 where the cycle and the batches alone already give more;
    3 at most.
    """
    days = int(min(2800, max(400, 4000 / batches_per_day)))
    dice = Dice(20171004)
    hours = days * 24
    rate = np.array(cycle)[np.arange(hours) % HOURS_A_WEEK] * batches_per_day / 24
    day = np.arange(hours) // 24

    def cv_at(sigma: float) -> float:
        times = arrivals(dice, "gaps", rate * ar1(dice, "days", days, sigma, rho)[day])
        gaps = np.diff(times)
        if len(gaps) < 2:
            return 0.0
        second = float(np.mean(gaps**2)) / float(np.mean(gaps)) ** 2
        return float(np.sqrt(max(batch_mean * second - 1, 0.0)))  # gaps of 0 inside a batch, each gap once a batch

    low, high = 0.0, 3.0
    if cv_at(low) >= cv:
        return 0.0
    for _ in range(24):
        middle = (low + high) / 2
        low, high = (middle, high) if cv_at(middle) < cv else (low, middle)
    return (low + high) / 2


def whole_hours(horizon_s: int) -> int:
    """Hours that cover a horizon."""
    return -(-horizon_s // HOUR_S)
