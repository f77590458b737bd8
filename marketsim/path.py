"""Right-continuous step functions of time: prices, capacities, request rates, market states.

A path holds its value from each time up to the next. Times are whole seconds since the scenario's start; the first is
0 and the last value holds for ever.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, eq=False)
class Path:
    """A step function. `times_s` (n,) whole, increasing, from 0; `values` (n,) finite, in the unit of its owner.

    Raises ValueError for times and values that are not that.

    >>> import marketsim as ms
    >>> price = ms.Path.steps([(0, 2.0), (3600, 3.0)])  # USD an hour
    >>> price.at(3599), price.at(3600), price.integral(0, 7200) / 3600
    (2.0, 3.0, 5.0)
    """

    times_s: NDArray[np.int64]
    values: NDArray[np.float64]

    def __post_init__(self) -> None:
        times = np.ascontiguousarray(self.times_s, dtype=np.int64)
        values = np.ascontiguousarray(self.values, dtype=np.float64)
        if times.ndim != 1 or times.shape != values.shape or not len(times):
            raise ValueError("a path needs as many times as values, and at least one")
        if times[0] != 0 or (np.diff(times) <= 0).any():
            raise ValueError("a path's times start at 0 and increase")
        if not np.isfinite(values).all():
            raise ValueError("a path's values are finite")
        times.setflags(write=False)
        values.setflags(write=False)
        object.__setattr__(self, "times_s", times)
        object.__setattr__(self, "values", values)

    @classmethod
    def constant(cls, value: float) -> Path:
        """The same value for ever."""
        return cls(np.zeros(1, np.int64), np.array([value], np.float64))

    @classmethod
    def steps(cls, pairs: Iterable[tuple[int, float]]) -> Path:
        """A path from (time_s, value) pairs in order of time."""
        times, values = zip(*pairs, strict=True)
        return cls(np.array(times, np.int64), np.array(values, np.float64))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Path):
            return NotImplemented
        return np.array_equal(self.times_s, other.times_s) and np.array_equal(self.values, other.values)

    def __hash__(self) -> int:
        return hash((self.times_s.tobytes(), self.values.tobytes()))

    @cached_property
    def _prefix(self) -> NDArray[np.float64]:
        """Integral from 0 to each of `times_s`."""
        return np.concatenate(([0.0], np.cumsum(np.diff(self.times_s) * self.values[:-1])))

    @cached_property
    def _lists(self) -> tuple[list[int], list[float]]:
        """Times and values as plain numbers, among which Python finds one instant faster than numpy does."""
        return self.times_s.tolist(), self.values.tolist()

    @cached_property
    def _constant(self) -> float | None:
        return float(self.values[0]) if len(self.values) == 1 else None

    def at(self, t_s: int) -> float:
        """The value at an instant; before 0 the first value."""
        if self._constant is not None:
            return self._constant
        times, values = self._lists
        return values[max(bisect_right(times, t_s) - 1, 0)]

    def at_many(self, t_s: ArrayLike) -> NDArray[np.float64]:
        """The values at many instants, shape as `t_s`."""
        return self.values[np.maximum(np.searchsorted(self.times_s, t_s, side="right") - 1, 0)]

    def until(self, t_s: int) -> float:
        """Value x seconds from 0 to an instant; t_s at least 0."""
        times, values = self._lists
        index = bisect_right(times, t_s) - 1
        return float(self._prefix[index]) + (t_s - times[index]) * values[index]

    def until_many(self, t_s: ArrayLike) -> NDArray[np.float64]:
        """Value x seconds from 0 to many instants, shape as `t_s`."""
        t = np.asarray(t_s, dtype=np.int64)
        index = np.searchsorted(self.times_s, t, side="right") - 1
        return self._prefix[index] + (t - self.times_s[index]) * self.values[index]

    def integral(self, from_s: int, to_s: int) -> float:
        """Value x seconds between two instants, 0 <= from_s <= to_s, by a difference of prefix sums in O(log n)."""
        if self._constant is not None:
            return self._constant * (to_s - from_s)
        return self.until(to_s) - self.until(from_s)

    def mean(self, from_s: int, to_s: int) -> float:
        """The mean value between two instants; the value itself where they are equal."""
        return self.at(from_s) if to_s <= from_s else self.integral(from_s, to_s) / (to_s - from_s)

    def next_change_s(self, t_s: int) -> int | None:
        """The first time after `t_s` at which a step is written, None after the last."""
        times, _ = self._lists
        index = bisect_right(times, t_s)
        return times[index] if index < len(times) else None

    def map(self, change: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> Path:
        """A path with the same times and changed values."""
        return Path(self.times_s, change(self.values))

    def clipped(self, to_s: int) -> Path:
        """The path with the steps at and after `to_s` (at least 1) dropped; its last value holds on."""
        count = max(int(np.searchsorted(self.times_s, to_s, side="left")), 1)
        return Path(self.times_s[:count], self.values[:count])

    def simplified(self) -> Path:
        """The same function without steps that change nothing."""
        keep = np.concatenate(([True], np.diff(self.values) != 0))
        return Path(self.times_s[keep], self.values[keep])


def combine(paths: Sequence[Path], how: Callable[..., NDArray[np.float64]]) -> Path:
    """The pointwise combination of paths, such as `combine([a, b], numpy.minimum)`, on the union of their times."""
    times = paths[0].times_s
    for path in paths[1:]:
        times = np.union1d(times, path.times_s)
    return Path(times, how(*(path.at_many(times) for path in paths)))
