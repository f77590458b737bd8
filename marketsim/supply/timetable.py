"""Times at which seats are down whoever holds them: closed sites and provider outages, beside failures of their own.

A `Timetable` is an outage law: the engine asks it seat by seat for the next time up and the repair after it, and need
not know that part of what comes was written down before.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from marketsim.path import Path
from marketsim.supply.offer import CALENDAR, OutageLaw

Span = tuple[int, int]  # down from the first second, up again at the second
Rows = tuple[tuple[Span, ...], ...]
FOR_EVER_S = 2**61


@dataclass(frozen=True)
class Timetable(OutageLaw):
    """Down in a seat's spans, and by failures of its own, drawn until `end_s`, where `failures` is given.

    spans: increasing and apart, one row a seat from seat 0 on; the last row holds for all seats beyond, so that one row
    is a provider that is down as a whole.
    """

    mean_up_s: float = 0.0
    spans: Rows = ((),)
    failures: OutageLaw | None = None
    end_s: int = 0
    _downs: dict[int, list[Span]] = field(default_factory=dict, repr=False, compare=False)

    def up_s(self, seat: int, turn: int) -> int:
        """Seconds from the end of the last down time to the next, 0 for a seat that is down at once."""
        downs = self.downs(seat)
        before = downs[turn - 1][1] if turn else 0
        return downs[turn][0] - before if turn < len(downs) else FOR_EVER_S

    def repair_s(self, seat: int, turn: int) -> int:
        """Seconds that the down time of that number lasts."""
        downs = self.downs(seat)
        return downs[turn][1] - downs[turn][0] if turn < len(downs) else FOR_EVER_S

    def downs(self, seat: int) -> list[Span]:
        """All down times of a seat, increasing and apart; drawn once."""
        if seat not in self._downs:
            row = self.spans[min(seat, len(self.spans) - 1)]
            self._downs[seat] = union([*row, *self._own_failures(seat)])
        return self._downs[seat]

    def _own_failures(self, seat: int) -> list[Span]:
        """Failures of the seat's own; one that would fall into a closed time still counts, and is merged with it."""
        law, t_s = self.failures, 0
        found: list[Span] = []
        while law is not None:
            down_s = t_s + law.up_s(seat, len(found))
            if down_s >= self.end_s:
                break
            t_s = down_s + law.repair_s(seat, len(found))
            found.append((down_s, t_s))
        return [span for span in found if span[0] < span[1]]


def union(spans: Iterable[Span]) -> list[Span]:
    """Spans that cover the same seconds, increasing, none touching the next.

    >>> union([(5, 9), (0, 2), (2, 3), (6, 7)])
    [(0, 3), (5, 9)]
    """
    out: list[Span] = []
    for from_s, to_s in sorted(spans):
        if out and from_s <= out[-1][1]:
            out[-1] = (out[-1][0], max(out[-1][1], to_s))
        else:
            out.append((from_s, to_s))
    return out


def below(path: Path, level: float) -> tuple[Span, ...]:
    """The spans in which a path lies below a level.

    >>> below(Path.steps([(0, 4), (10, 0), (20, 4)]), 1)
    ((10, 20),)
    """
    times = [*path.times_s.tolist(), FOR_EVER_S]
    low = [span for span, value in zip(itertools.pairwise(times), path.values, strict=True) if value < level]
    return tuple(union(low))


def without(path: Path, spans: Iterable[Span]) -> Path:
    """The path with 0 in the spans: what is not there while the provider is down.

    >>> without(Path.constant(7), [(10, 20)]).values.tolist()
    [7.0, 0.0, 7.0]
    """
    merged = union(spans)
    if not merged:
        return path
    edges = np.array([edge for span in merged for edge in span if edge < FOR_EVER_S], np.int64)
    times = np.union1d(path.times_s, edges)
    starts = np.array([span[0] for span in merged])
    ends = np.array([span[1] for span in merged])
    place = np.searchsorted(starts, times, side="right") - 1
    down = (place >= 0) & (times < ends[np.maximum(place, 0)])
    return Path(times, np.where(down, 0.0, path.at_many(times))).simplified()


def with_timetable(spans: Rows, failures: OutageLaw | None, end_s: int) -> OutageLaw | None:
    """The law of seats that are down in spans and fail by a law of their own; that law where there are no spans.

    Raises ValueError where the failures go by the busy clock or wait for crews: those depend on what is run.
    """
    if not any(spans):
        return failures
    if failures is not None and (failures.clock != CALENDAR or failures.crews is not None):
        raise ValueError("times that are written down go together with failures by the calendar and without crews only")
    return Timetable(spans=spans, failures=failures, end_s=end_s)
