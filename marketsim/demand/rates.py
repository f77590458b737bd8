"""How many requests a second a service meets over time: constant, on the day's and week's cycle, or as recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from marketsim import settings, strict_csv
from marketsim.demand import cycle
from marketsim.demand.arrivals import GrowthPerYear
from marketsim.errors import Fault, InputError
from marketsim.path import Path
from marketsim.throw import Throw
from marketsim.units import HOUR_S

RequestsPerS = Annotated[float, Field(gt=0, le=1e7)]


class Rate(settings.Kind):
    """The contract: the path of requests a second up to the horizon, in hourly steps; a longer horizon extends it."""

    def draw(self, throw: Throw) -> Path:
        """Requests a second from second 0 on."""
        raise NotImplementedError


class ConstantRate(Rate):
    """Always the same."""

    scalar_key: ClassVar[str | None] = "mean"
    kind: Literal["constant"] = "constant"
    mean: RequestsPerS = Field(description="requests a second")

    def draw(self, throw: Throw) -> Path:
        return Path.constant(self.mean)


class Cycle(Rate):
    """A cosine day, quieter weekends, growth, and lognormal noise of hours that remembers the hour before."""

    # ServeGen (Alibaba, Apache-2.0), service m-large: first harmonic of the day, weekend over weekday, and the
    # hourly residual of the log with its autocorrelation, over 14 days.
    presets: ClassVar[Any] = {
        "servegen-m-large": {"day_amplitude": 0.121, "peak_hour": 18.5, "weekend": 0.932, "hourly_sigma": 0.358,
                             "hourly_correlation": 0.865},
    }  # fmt: skip
    kind: Literal["cycle"] = "cycle"
    mean: RequestsPerS = Field(description="mean requests a second over a week at the start")
    day_amplitude: settings.Share = Field(default=0.5, description="rise of the busiest hour over the day's mean")
    peak_hour: Annotated[float, Field(ge=0, lt=24)] = Field(default=15.0, description="busiest hour of the day, UTC")
    weekend: Annotated[float, Field(gt=0, le=10)] = Field(default=1.0, description="weekend rate over weekday rate")
    growth_per_year: GrowthPerYear = Field(default=0.0, description="growth of the rate; 2.0 triples it in a year")
    hourly_sigma: Annotated[float, Field(ge=0, le=2)] = Field(default=0.0, description="spread of ln rate over hours")
    hourly_correlation: Annotated[float, Field(ge=0, lt=1)] = Field(
        default=0.865, description="correlation of ln rate from one hour to the next"
    )

    def draw(self, throw: Throw) -> Path:
        hours = max(cycle.whole_hours(throw.horizon_s), 1)
        week = cycle.profile(1 - self.day_amplitude, self.weekend, self.peak_hour)
        rate = self.mean * week[cycle.hour_of_week(throw.start, hours)] * cycle.growth(self.growth_per_year, hours)
        if self.hourly_sigma:
            rate = rate * cycle.ar1(throw.dice, "requests", hours, self.hourly_sigma, self.hourly_correlation)
        return Path(np.arange(hours, dtype=np.int64) * HOUR_S, rate)


class Recorded(Rate):
    """As recorded in a file with header `t_s,rps`, from 0 on and rising; repeated end to end where `repeat` is set."""

    kind: Literal["recorded"] = "recorded"
    file: str = Field(min_length=1, max_length=500, description="CSV beside the scenario: t_s,rps")
    scale: settings.Positive = Field(default=1.0, description="factor on all rates")
    repeat: settings.PositiveDuration | None = Field(default=None, description="span after which it starts anew")

    def draw(self, throw: Throw) -> Path:
        path = strict_csv.local_file(throw.folder, self.file, "file")
        columns = {"t_s": strict_csv.count, "rps": strict_csv.non_negative}
        read = strict_csv.read(path, columns, sorted_by="t_s", unique="t_s")
        times, rates = np.asarray(read["t_s"], np.int64), np.asarray(read["rps"], np.float64) * self.scale
        if times[0] != 0:
            raise InputError(Fault("the record must start at 0", file=path.name, line=2, key="t_s", got=str(times[0])))
        if self.repeat is not None:
            if times[-1] >= self.repeat:
                raise InputError(Fault("the record is longer than `repeat`", file=path.name, got=str(times[-1])))
            rounds = -(-throw.horizon_s // self.repeat)
            times = (np.arange(rounds)[:, None] * self.repeat + times[None, :]).ravel()
            rates = np.tile(rates, rounds)
        return Path(times, rates).clipped(max(throw.horizon_s, 1)).simplified()


KINDS: dict[str, type[settings.Kind]] = {"constant": ConstantRate, "cycle": Cycle, "recorded": Recorded}
if TYPE_CHECKING:
    AnyRate = Rate
else:
    AnyRate = settings.one_of(KINDS)
