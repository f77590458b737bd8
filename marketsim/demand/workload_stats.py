"""What makes a workload recognisable: burstiness, its week, its sizes, how few jobs take most of it, its gangs.

The same sums are taken of a real trace and of a generated table, so that one can be laid beside the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from marketsim.demand.job import JobTable
from marketsim.demand.tracefile import Trace
from marketsim.units import DAY_S, HOUR_S, MILLI

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

GANG_CLASSES = (("1 or less", 0.0, 1.0), ("2 to 4", 1.0, 4.0), ("5 to 8", 4.0, 8.0), ("more than 8", 8.0, np.inf))
CELL_HOURS = 6  # the week's profile in 28 cells: with fewer than ten jobs a day, single hours hold no number


@dataclass(frozen=True, eq=False)
class Jobs:
    """Columns of jobs, shape (n,): submission (s, rising), run time (s), GPUs held; hour of the week of second 0."""

    submit_s: Ints
    run_s: Floats
    gpus: Floats
    week_offset_h: int = 0

    def __len__(self) -> int:
        return len(self.submit_s)

    @property
    def gpu_hours(self) -> Floats:
        """GPU-hours of each job."""
        return self.run_s * self.gpus / HOUR_S

    def between(self, from_s: int, to_s: int) -> Jobs:
        """Jobs submitted from a second up to another; times are not moved."""
        low, high = np.searchsorted(self.submit_s, [from_s, to_s])
        part = slice(int(low), int(high))
        return Jobs(self.submit_s[part], self.run_s[part], self.gpus[part], self.week_offset_h)


def of_trace(trace: Trace) -> Jobs:
    """The columns of a trace."""
    offset = 0 if trace.start is None else trace.start.weekday() * 24 + trace.start.hour
    return Jobs(trace.submit_s, trace.duration_s.astype(np.float64), trace.instances * trace.milli / MILLI, offset)


def of_table(table: JobTable, week_offset_h: int = 0) -> Jobs:
    """The columns of generated jobs; run time is that on the reference GPU."""
    milli = np.array([need.gang_milli for need in table.needs], np.int64)[table.need]
    return Jobs(table.arrival_s, table.work / milli, milli / MILLI, week_offset_h)


class Row(NamedTuple):
    """One statistic's name, the group it belongs to, and whether it is compared on a log scale."""

    name: str
    group: str
    log: bool


def rows() -> tuple[Row, ...]:
    """All statistics in the order of `measure`."""
    days = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
    cells = [Row(f"{day} {hour:02}-{hour + CELL_HOURS:02} h", "hour-of-week profile", False)
             for day in days for hour in range(0, 24, CELL_HOURS)]  # fmt: skip
    return (
        Row("daily count CV", "daily count CV", True),
        Row("inter-arrival CV", "inter-arrival CV", True),
        *cells,
        *(Row(f"GPU-hours p{share}", f"GPU-hours p{share}", True) for share in (50, 90, 99)),
        *(Row(f"GPU-hour share of top {share} %", f"GPU-hour share of top {share} %", False) for share in (1, 5)),
        *(Row(f"share of jobs on {name} GPUs", "gang mix", False) for name, _, _ in GANG_CLASSES),
    )


def measure(jobs: Jobs, from_s: int, to_s: int) -> Floats:
    """All statistics of the jobs submitted in whole days from a second up to another; NaN where there are too few."""
    jobs = jobs.between(from_s, to_s)
    if len(jobs) < 3:
        return np.full(len(rows()), np.nan)
    counts = np.histogram(jobs.submit_s, np.arange(from_s, to_s + 1, DAY_S))[0]
    gaps = np.diff(jobs.submit_s)
    hour = (jobs.submit_s // HOUR_S + jobs.week_offset_h) % 168
    cells = np.bincount(hour // CELL_HOURS, minlength=168 // CELL_HOURS) / len(jobs)
    size = np.sort(jobs.gpu_hours)[::-1]
    held = [np.mean((jobs.gpus > low) & (jobs.gpus <= high)) for _, low, high in GANG_CLASSES]
    top = [size[: max(1, -(-len(size) * share // 100))].sum() / size.sum() for share in (1, 5)]
    return np.array([
        cv(counts), cv(gaps), *cells, *np.percentile(size, [50, 90, 99]), *top, *held,
    ], dtype=np.float64)  # fmt: skip


def cv(values: NDArray[np.int64] | Floats) -> float:
    """Coefficient of variation; 0 for none or all 0."""
    mean = float(np.mean(values)) if len(values) else 0.0
    return float(np.std(values)) / mean if mean > 0 else 0.0


def interval_score(low: Floats, high: Floats, observed: Floats, alpha: float = 0.05) -> Floats:
    """Score of (1 - alpha) intervals: width, plus 2 / alpha times what is missed. R. L. Winkler, JASA 67 (1972).

    Lower is better; a wide band pays its width, a narrow one its misses.

    >>> float(interval_score(np.array(1.0), np.array(3.0), np.array(3.5)))
    22.0
    """
    below, above = np.maximum(low - observed, 0), np.maximum(observed - high, 0)
    return (high - low) + 2 / alpha * (below + above)
