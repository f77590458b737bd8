"""The bill of a job under the published greedy rule in gaps of time: spot where it can be had, on-demand when it must.

Rules: ../shared/cases/spot/RULES.md. Many starts are priced at once.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

IDLE, SPOT, ON_DEMAND = 0, 1, 2


def cost(
    available: NDArray[np.int64],
    gap_s: float,
    job_s: float,
    deadline_s: float,
    restart_s: float,
    spot_usd: float,
    on_demand_usd: float,
) -> NDArray[np.float64]:
    """USD of each job; available (jobs, gaps): whether spot can be had in each gap from the job's start on.

    Whole gaps are billed, that of the end too. gaps must reach past the deadline by the job's length at worst; where
    the rows end first, on-demand goes on.
    """
    jobs, gaps = available.shape
    done = np.zeros(jobs)
    pending = np.zeros(jobs)
    held = np.zeros(jobs, np.int64)
    dollars = np.zeros(jobs)
    running = np.ones(jobs, bool)
    gap = 0
    while running.any():
        here = available[:, gap] == 1 if gap < gaps else np.zeros(jobs, bool)
        held = np.where((held == SPOT) & ~here, IDLE, held)
        needed = np.ceil((job_s - done + restart_s) / gap_s - 1e-9) * gap_s
        late = needed >= deadline_s - gap * gap_s - 1e-9
        keep = (held == SPOT) & here
        free_spot = here & (restart_s == 0)
        pick = np.where(late, np.where(keep | free_spot, SPOT, ON_DEMAND), np.where(here, SPOT, IDLE))
        pending = np.where((pick != held) & (pick != IDLE), restart_s, pending)
        held = pick
        works = running & (held != IDLE)
        dollars += np.where(works, np.where(held == SPOT, spot_usd, on_demand_usd) * gap_s / 3600, 0.0)
        work = np.maximum(gap_s - pending, 0.0)
        done = np.where(works, done + np.minimum(work, job_s - done), done)
        pending = np.where(works, np.maximum(pending - gap_s, 0.0), pending)
        running &= job_s - done > 1e-3
        gap += 1
    return dollars
