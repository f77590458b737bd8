"""A price that was: a file of dated prices, or steps written in the scenario, played again.

The file's header is `time,price` with moments in ISO 8601 with Z or an offset, or `time_s,usd_per_gpu_hour` with whole
seconds since the scenario's start. A file of several series has `time,zone,instance,price`; `zone` and `instance` say
which is meant. A price holds up to the next row. Nothing is held silently: a file that begins after
the start, ends before the run's horizon, or has a hole is refused unless `fill: hold` says so.
"""

from __future__ import annotations

import pathlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from pydantic import Field, model_validator

from marketsim import strict_csv, units
from marketsim.errors import Fault, InputError
from marketsim.path import Path
from marketsim.prices.process import Asked, PriceProcess
from marketsim.settings import Duration, PositiveDuration, UsdPerGpuHour
from marketsim.throw import Throw

LARGEST_HOLE = 3  # times the median interval, or `longest_gap` where given


class Replay(PriceProcess):
    """Dated prices played again, from a file or written out."""

    kind: Literal["replay"] = "replay"
    file: str | None = Field(default=None, description="CSV beside the scenario: time,price or time_s,usd_per_gpu_hour")
    times: tuple[Duration, ...] | None = Field(
        default=None, description="times since the start, from 0 s, instead of a file"
    )
    usd: tuple[UsdPerGpuHour, ...] | None = Field(default=None, description="USD per GPU-hour from each of `times` on")
    zone: str | None = Field(default=None, description="which zone of a file of several; the offer's if not given")
    instance: str | None = Field(default=None, description="which instance of a file of several series")
    per: Literal["gpu", "instance"] = Field(default="gpu", description="whether a price is of a GPU or of an instance")
    fill: Literal["none", "hold"] = Field(
        default="none", description="hold: the nearest earlier price stands in holes and at the ends"
    )
    longest_gap: PositiveDuration | None = Field(
        default=None, description="longest time between rows; 3 times the median where not given"
    )
    shift: Duration = Field(
        default=0, description="play the file from this long after its first row, whatever its dates"
    )
    align: Literal["date", "first_row"] = Field(
        default="date", description="whether second 0 is the scenario's start or the first row"
    )

    @model_validator(mode="after")
    def _one_source(self) -> Replay:
        if (self.file is None) == (self.times is None):
            raise ValueError("needs either `file` or `times` and `usd`")
        if self.times is not None:
            if self.usd is None or len(self.usd) != len(self.times):
                raise ValueError("`usd` needs one price for each of `times`")
            if self.times[0] != 0 or (np.diff(self.times) <= 0).any():
                raise ValueError("`times` start at 0 s and increase")
        return self

    def draw(self, throw: Throw, asked: Asked) -> Path:
        """The file's steps from the scenario's start on."""
        if self.times is not None and self.usd is not None:
            path = Path(np.array(self.times, np.int64), np.array(self.usd, np.float64))
        else:
            path = self._from_file(throw, asked)
        return path if self.per == "gpu" else path.map(lambda usd: usd / asked.gpus)

    def _from_file(self, throw: Throw, asked: Asked) -> Path:
        key = f"{asked.place}.file"
        found = strict_csv.local_file(throw.folder, str(self.file), key)
        state = found.stat()
        times, prices, dated = self._series(
            read_prices(found, state.st_mtime_ns, state.st_size), asked, found.name, key
        )
        if self.align == "first_row" or not dated:
            start = times[0] if self.align == "first_row" else 0.0
        else:
            start = throw.start.timestamp()
        at_s = np.round(times - start - self.shift).astype(np.int64)
        if self.fill == "none":
            self._refuse_holes(at_s, throw, found.name, key)
        return from_rows(at_s, prices)

    def _series(self, table: Prices, asked: Asked, file: str, key: str) -> tuple[np.ndarray, np.ndarray, bool]:
        """The one series of a file that is meant; InputError that names them where none or several are."""
        zone = asked.zone if self.zone is None else self.zone
        fits = [
            name
            for name in table.series
            if name == ("", "") or (self.instance in (None, name[1]) and (not zone or name[0] == zone))
        ]
        if len(fits) != 1:
            named = "; ".join(" ".join(name) for name in list(table.series)[:8])
            what = f"{len(fits) or 'none'} of the file's series are of this zone and instance"
            raise InputError(
                Fault(what, file=file, key=key, got=f"{zone} {self.instance or ''}".strip(), allowed=named)
            )
        return (*table.series[fits[0]], table.dated)

    def _refuse_holes(self, at_s: np.ndarray, throw: Throw, file: str, key: str) -> None:
        allowed = "`fill: hold`, where the last price may stand"
        if at_s[0] > 0:
            what = f"prices begin {units.duration_text(int(at_s[0]))} after the scenario's start"
            raise InputError(Fault(what, file=file, line=2, key=key, allowed=allowed))
        gaps = np.diff(at_s)
        usual = float(np.median(gaps)) if len(gaps) else 0.0
        most = self.longest_gap or LARGEST_HOLE * usual
        inside = np.flatnonzero((gaps > most) & (at_s[1:] > 0) & (at_s[:-1] < throw.horizon_s))
        if len(inside):
            row = int(inside[0])
            what = f"a gap of {units.duration_text(int(gaps[row]))} between two rows"
            raise InputError(
                Fault(what, file=file, line=row + 3, key=key, allowed=f"`longest_gap` above it, or {allowed}")
            )
        if at_s[-1] + most < throw.horizon_s:
            what = f"prices end {units.duration_text(int(throw.horizon_s - at_s[-1]))} before the horizon"
            raise InputError(Fault(what, file=file, line=len(at_s) + 1, key=key, allowed=allowed))


def from_rows(at_s: np.ndarray, prices: np.ndarray) -> Path:
    """The path of rows that may begin before or after second 0: the last earlier price stands there, else the first."""
    last = np.concatenate((np.diff(at_s) > 0, [True]))  # of rows within one second the last one stands
    at_s, prices = at_s[last], prices[last]
    first = max(int(np.searchsorted(at_s, 0, side="right")) - 1, 0)
    times = at_s[first:].copy()
    times[0] = 0
    return Path(times, prices[first:])


@dataclass(frozen=True, eq=False)
class Prices:
    """(zone, instance) -> (seconds, prices) of a file; dated: the seconds count from 1970. One series has no name."""

    series: Mapping[tuple[str, str], tuple[np.ndarray, np.ndarray]]
    dated: bool


@lru_cache(maxsize=64)
def read_prices(path: pathlib.Path, changed_ns: int, size: int) -> Prices:
    """The series of a price file; cached by its state on disk."""
    names = strict_csv.header(path)
    if "time_s" in names:
        columns = {"time_s": strict_csv.count, "usd_per_gpu_hour": strict_csv.positive}
        table = strict_csv.read(path, columns, sorted_by="time_s", unique="time_s")
        one = (table["time_s"].astype(np.float64), np.asarray(table["usd_per_gpu_hour"], np.float64))
        return Prices({("", ""): one}, False)
    dated: dict[str, strict_csv.Parser] = {"time": strict_csv.epoch_s, "price": strict_csv.positive}
    if "zone" not in names:
        table = strict_csv.read(path, dated, sorted_by="time", unique="time")
        return Prices({("", ""): (table["time"], np.asarray(table["price"], np.float64))}, True)
    several = {
        "time": strict_csv.epoch_s,
        "zone": strict_csv.word,
        "instance": strict_csv.word,
        "price": dated["price"],
    }
    table = strict_csv.read(path, several, unique=("time", "zone", "instance"))
    places: dict[tuple[str, str], list[int]] = {}
    for row, name in enumerate(zip(table["zone"], table["instance"], strict=True)):
        places.setdefault(name, []).append(row)
    series = {}
    for name, rows in places.items():
        times = table["time"][rows]
        wrong = np.flatnonzero(np.diff(times) < 0)
        if len(wrong):
            line = int(table["line"][rows[int(wrong[0]) + 1]])
            raise InputError(Fault("rows must be sorted by time in each series", file=path.name, line=line, key="time"))
        series[name] = (times, np.asarray(table["price"], np.float64)[rows])
    return Prices(series, True)
