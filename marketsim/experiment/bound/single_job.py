"""The cheapest way through spot and on-demand for one job with a deadline, all availability known beforehand: exact.

Gap mode: whole gaps are billed, each launch (the first too, and each change between spot and on-demand) costs an
overhead before work goes on, spot runs only in gaps where it is available, no work is lost when it is taken away.

**The programme.** A run of n gaps does n x gap - overhead of work (less for a run that does not outlast its overhead,
which an optimal plan does not contain). So all that a plan has lost by a gap, its idle gaps and its overheads, says
how far the job is; running on leaves the loss as it is, a launch adds the overhead to it, an idle gap adds a gap. The
state is (idle, spot or on-demand; loss), the loss is a multiple of the greatest common divisor of gap and overhead, and
it may not exceed deadline - job. Each gap is three to six operations on vectors of that length.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

HOUR_S = 3600.0
DONE_S = 1e-3  # a job with no more than this left is done
MICROS = 1_000_000


def optimal_cost(
    available: ArrayLike,
    gap_s: float,
    job_s: float,
    deadline_s: float,
    overhead_s: float,
    od_usd_per_hour: float,
    spot_usd_per_hour: float,
) -> float:
    """USD of the cheapest plan that does `job_s` seconds of work within floor(deadline_s / gap_s) gaps.

    available: whether spot can be had in each gap, at least as many as fit before the deadline. Times are read to the
    microsecond. Infinity where not even on-demand from the start meets the deadline. ValueError where the availability
    ends before the deadline, or a time is out of range.
    """
    if not gap_s > 0 or not job_s >= 0 or not overhead_s >= 0 or not deadline_s >= 0:
        raise ValueError("gap is positive, job, overhead and deadline are not negative")
    gaps = math.floor(deadline_s / gap_s + 1e-9)
    spot = np.asarray(available, dtype=bool)
    if len(spot) < gaps:
        raise ValueError(f"availability is given for {len(spot)} gaps, the deadline is {gaps} gaps away")
    if job_s <= DONE_S:
        return 0.0
    gap, overhead = round(gap_s * MICROS), round(overhead_s * MICROS)
    slack = gaps * gap - round((job_s - DONE_S) * MICROS)
    if slack < 0:
        return math.inf
    unit = math.gcd(gap, overhead)
    return _least(
        spot[:gaps],
        gap // unit,
        overhead // unit,
        slack // unit,
        od_usd_per_hour * gap_s / HOUR_S,
        spot_usd_per_hour * gap_s / HOUR_S,
    )


def _least(spot_here: NDArray[np.bool_], gap: int, overhead: int, slack: int, od_usd: float, spot_usd: float) -> float:
    """The programme forward in time, on losses 0 to slack; costs are kept less `od_usd` for each gap gone by."""
    size = slack + 1
    idle = np.full(size, np.inf)
    idle[0] = 0.0
    on_demand = np.full(size, np.inf)
    spot = np.full(size, np.inf)
    best = np.empty(size)
    launched = best[: max(size - overhead, 0)]
    waited = best[: max(size - gap, 0)]
    od_entry, spot_entry = on_demand[overhead:], spot[overhead:]
    idle_entry = idle[gap:]
    running_spot = False
    for here in spot_here.tolist():
        np.minimum(idle, on_demand, out=best)
        if running_spot:
            np.minimum(best, spot, out=best)
        np.minimum(od_entry, launched, out=od_entry)
        if here:
            if not running_spot:
                spot.fill(np.inf)
            np.minimum(spot_entry, launched, out=spot_entry)
            np.add(spot, spot_usd - od_usd, out=spot)
        running_spot = here
        np.subtract(waited, od_usd, out=idle_entry)
        idle[:gap] = np.inf
    least = min(idle.min(), on_demand.min(), spot.min() if running_spot else np.inf)
    return float(least + od_usd * len(spot_here))
