"""An availability that was measured: a trace of ticks, or of changes, played again.

The file's header is `tick,available` (0, 1 or a count for each tick of `gap`), or `time_s,instances` (changes).
"""

from __future__ import annotations

import pathlib
from functools import lru_cache
from typing import Literal

import numpy as np
from pydantic import Field, model_validator

from marketsim import strict_csv, units
from marketsim.availability.process import Availability
from marketsim.errors import Fault, InputError
from marketsim.path import Path
from marketsim.prices.process import Asked
from marketsim.settings import Count, Duration, PositiveDuration
from marketsim.throw import Throw
from marketsim.units import UNLIMITED


class Replay(Availability):
    """A measured trace, from a file or written out as changes."""

    kind: Literal["replay"] = "replay"
    file: str | None = Field(default=None, description="CSV beside the scenario: tick,available or time_s,instances")
    gap: PositiveDuration | None = Field(default=None, description="length of a tick; needed with tick,available")
    times: tuple[Duration, ...] | None = Field(
        default=None, description="times of changes from 0 s on, instead of a file"
    )
    instances: tuple[Count, ...] | None = Field(default=None, description="instances from each of `times` on")
    available_means: Count | None = Field(
        default=None, description="instances that an `available` of 1 stands for; no bound if not given"
    )
    fill: Literal["none", "hold", "repeat"] = Field(
        default="none", description="after the trace's end: refuse, hold its last value, or play it again"
    )
    begin: Duration | Literal["random"] = Field(
        default=0, description="how far into the trace to begin; random: anywhere, then round"
    )

    @model_validator(mode="after")
    def _one_source(self) -> Replay:
        if (self.file is None) == (self.times is None):
            raise ValueError("needs either `file` or `times` and `instances`")
        if self.times is not None:
            if self.instances is None or len(self.instances) != len(self.times):
                raise ValueError("`instances` needs one count for each of `times`")
            if self.times[0] != 0 or (np.diff(self.times) <= 0).any():
                raise ValueError("`times` start at 0 s and increase")
        if self.begin == "random" and self.fill != "repeat":
            raise ValueError("a random beginning needs `fill: repeat`, which plays the trace round")
        return self

    def draw(self, throw: Throw, asked: Asked) -> Path:
        """The trace from `begin` on."""
        trace, length, name = self._trace(throw, asked)
        begin = self.begin
        if begin == "random":
            begin = int(throw.dice.uniforms("begin", 1)[0] * length)
        if self.fill == "repeat" and length > 0:
            return _around(trace, length, begin % length, throw.end_s)
        if self.fill == "none" and length - begin < throw.horizon_s and length > 0:
            short = units.duration_text(throw.horizon_s - (length - begin))
            what = f"the trace ends {short} before the horizon"
            key = f"supply.{asked.offer_id}.availability"
            raise InputError(Fault(what, file=name, key=key, allowed="`fill: hold` or `fill: repeat`"))
        return _from(trace, begin)

    def _trace(self, throw: Throw, asked: Asked) -> tuple[Path, int, str | None]:
        """(instances from second 0 of the trace, its length in seconds or 0 where it has no end, the file's name)."""
        if self.times is not None and self.instances is not None:
            return Path(np.array(self.times, np.int64), np.array(self.instances, np.float64)), 0, None
        key = f"supply.{asked.offer_id}.availability"
        found = strict_csv.local_file(throw.folder, str(self.file), f"{key}.file")
        state = found.stat()
        starts, values, ticks = read_trace(found, state.st_mtime_ns, state.st_size)
        if not ticks:
            return Path(starts, values), int(starts[-1]), found.name
        if self.gap is None:
            raise InputError(Fault("a trace of ticks needs the length of a tick", file=found.name, key=f"{key}.gap"))
        most = UNLIMITED if self.available_means is None else self.available_means
        scaled = values * most if values.max() <= 1 else values
        return Path(starts * self.gap, scaled).simplified(), len(starts) * self.gap, found.name


def _from(trace: Path, begin: int) -> Path:
    """The path from `begin` on, which becomes second 0."""
    first = int(np.searchsorted(trace.times_s, begin, side="right")) - 1
    times = trace.times_s[first:] - begin
    times[0] = 0
    return Path(times, trace.values[first:])


def _around(trace: Path, length: int, begin: int, end_s: int) -> Path:
    """The trace from `begin` on, played round and round up to end_s."""
    rounds = (end_s + begin) // length + 1
    times = (trace.times_s[None, :] + length * np.arange(rounds)[:, None]).ravel()
    whole = Path(times, np.tile(trace.values, rounds))
    return _from(whole, begin).clipped(max(end_s, 0) + 1).simplified()


@lru_cache(maxsize=64)
def read_trace(path: pathlib.Path, changed_ns: int, size: int) -> tuple[np.ndarray, np.ndarray, bool]:
    """(ticks or seconds, counts, whether they are ticks) of a trace file; cached by its state on disk."""
    if "tick" in strict_csv.header(path):
        table = strict_csv.read(
            path, {"tick": strict_csv.count, "available": strict_csv.count}, sorted_by="tick", unique="tick"
        )
        ticks = table["tick"] - table["tick"][0]
        holes = np.flatnonzero(np.diff(ticks) != 1)
        if len(holes):
            line = int(table["line"][holes[0] + 1])
            raise InputError(Fault("a gap: ticks must follow one another", file=path.name, line=line, key="tick"))
        return ticks, table["available"].astype(np.float64), True
    table = strict_csv.read(
        path, {"time_s": strict_csv.count, "instances": strict_csv.count}, sorted_by="time_s", unique="time_s"
    )
    if table["time_s"][0] != 0:
        raise InputError(Fault("the first row must be at 0", file=path.name, line=2, key="time_s"))
    return table["time_s"], table["instances"].astype(np.float64), False
