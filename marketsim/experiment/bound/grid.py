"""Slots of time for the bound: in each, the best that a step function offers, and windows rounded outward."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marketsim.path import Path
from marketsim.units import HOUR_S

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Grid:
    """`count` slots of `slot_s` seconds that cover [0, end_s); the last one may reach beyond it."""

    slot_s: int
    end_s: int

    @property
    def count(self) -> int:
        """Slots."""
        return max(-(-self.end_s // self.slot_s), 1)

    @property
    def hours(self) -> float:
        """Hours of a slot."""
        return self.slot_s / HOUR_S

    @property
    def starts_s(self) -> Ints:
        """First second of each slot, shape (count,)."""
        return np.arange(self.count, dtype=np.int64) * self.slot_s

    def least(self, path: Path) -> Floats:
        """The least value of a path in each slot, shape (count,)."""
        return self._reduced(np.minimum, path, 0)

    def greatest(self, path: Path, before_s: int = 0) -> Floats:
        """The greatest value in each slot and the `before_s` seconds ahead of it, shape (count,)."""
        return self._reduced(np.maximum, path, before_s)

    def _reduced(self, how: np.ufunc, path: Path, before_s: int) -> Floats:
        first = np.searchsorted(path.times_s, np.maximum(self.starts_s - before_s, 0), side="right") - 1
        last = np.searchsorted(path.times_s, self.starts_s + self.slot_s, side="left")  # steps strictly inside
        pairs = np.column_stack([first, last]).ravel()
        return how.reduceat(np.append(path.values, path.values[-1]), pairs)[::2]

    def total(self, path: Path, until_s: int) -> Floats:
        """Value x seconds of each slot up to `until_s`, shape (count,)."""
        edges = np.minimum(np.append(self.starts_s, self.count * self.slot_s), until_s)
        return np.diff(path.until_many(edges))

    def slot_of(self, t_s: Ints) -> Ints:
        """The slot that holds each instant, the last one for what lies beyond."""
        return np.minimum(t_s // self.slot_s, self.count - 1)

    def last_slot_before(self, t_s: Ints) -> Ints:
        """The last slot with a second before each instant, -1 for instant 0."""
        return np.minimum(-(-t_s // self.slot_s), self.count) - 1
