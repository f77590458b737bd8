"""The hindsight optimum of one job: pencil cases, every plan there is, and rows of the published table."""

from __future__ import annotations

import csv
import itertools
import math
import pathlib

import numpy as np
import pytest

from marketsim.experiment.bound.single_job import optimal_cost
from marketsim.streams import Dice

IDLE, SPOT, ON_DEMAND = range(3)


def played(
    plan: tuple[int, ...], available: list[bool], gap: float, job: float, overhead: float
) -> tuple[int, int] | None:
    """Billed gaps on spot and on-demand of a plan, by the rules gap by gap; None where the job is not done."""
    done = pending = 0.0
    last, billed = IDLE, [0, 0, 0]
    for pick, here in zip(plan, available, strict=True):
        if pick == SPOT and not here:
            return None
        if last == SPOT and not here:
            last = IDLE
        if pick not in (IDLE, last):
            pending = overhead
        last = pick
        if pick == IDLE:
            continue
        billed[pick] += 1
        work = max(gap - pending, 0.0)
        pending -= gap - work
        done += work
        if job - done <= 1e-3:
            return billed[SPOT], billed[ON_DEMAND]
    return None


def test_it_equals_the_cheapest_of_all_plans() -> None:
    compared = 0
    for entity in range(40):
        random = Dice(21).stream("cases", entity)
        gaps = int(random.integers(3, 8))
        gap = float(random.choice([600.0, 195.0]))
        overhead = float(random.choice([0.0, 72.0, 360.0, 720.0]))
        job = float(random.uniform(0.2, 0.9)) * gaps * gap
        available = [bool(value) for value in random.random(gaps) < 0.6]
        spot_usd = float(random.choice([0.5, 1.4, 3.5]))
        costs = [math.inf]
        for plan in itertools.product((IDLE, SPOT, ON_DEMAND), repeat=gaps):
            billed = played(plan, available, gap, job, overhead)
            if billed is not None:
                costs.append((billed[0] * spot_usd + billed[1] * 3.0) * gap / 3600)
        found = optimal_cost(available, gap, job, gaps * gap + 100, overhead, 3.0, spot_usd)
        assert found == pytest.approx(min(costs), rel=1e-9)
        compared += math.isfinite(found)
    assert compared > 20


def test_a_missing_gap_is_waited_out_where_there_is_time_and_bridged_on_demand_where_there_is_none() -> None:
    hour = 3600.0
    available = [True, True, False, True, True, True]
    assert optimal_cost([True] * 6, hour, 5 * hour, 6 * hour, hour, 3.0, 1.0) == pytest.approx(6.0)
    assert optimal_cost(available, hour, 2 * hour, 6 * hour, hour, 3.0, 1.0) == pytest.approx(3.0)  # spot in 4 to 6
    # four hours need all six gaps and two launches: on-demand over the missing gap from 1 to 3, then spot
    assert optimal_cost(available, hour, 4 * hour, 6 * hour, hour, 3.0, 1.0) == pytest.approx(3 * 3.0 + 3 * 1.0)
    # three hours: one of work in gaps 1 and 2, two in 4 to 6, each launch an hour
    assert optimal_cost(available, hour, 3 * hour, 6 * hour, hour, 3.0, 1.0) == pytest.approx(5.0)


def test_a_deadline_that_on_demand_cannot_meet_costs_infinity() -> None:
    assert optimal_cost([True] * 5, 600, 2990, 3000, 60, 3.0, 1.0) == math.inf
    assert optimal_cost([False] * 5, 600, 2940, 3000, 60, 3.0, 1.0) == pytest.approx(2.5)
    assert optimal_cost([], 600, 0, 0, 60, 3.0, 1.0) == 0.0


def test_an_availability_that_ends_before_the_deadline_is_refused() -> None:
    with pytest.raises(ValueError, match="4 gaps, the deadline is 5 gaps away"):
        optimal_cost([True] * 4, 600, 600, 3000, 60, 3.0, 1.0)


@pytest.mark.shared
@pytest.mark.parametrize("case_id", ["g009", "g049", "g068", "g127", "g171", "g206", "g234"])
def test_it_equals_the_published_optimum(shared: pathlib.Path, case_id: str) -> None:
    folder = shared / "cases" / "spot"
    with (folder / "spot_deadline_cases.csv").open(newline="") as file:
        case = next(row for row in csv.DictReader(file) if row["case_id"] == case_id)
    with (folder / "traces" / f"{case['trace']}.csv").open(newline="") as file:
        available = np.array([row["available"] == "1" for row in csv.DictReader(file)])
    found = optimal_cost(
        available[int(case["start_tick"]) :],
        float(case["gap_seconds"]),
        float(case["job_hours"]) * 3600,
        float(case["deadline_hours"]) * 3600,
        float(case["restart_overhead_hours"]) * 3600,
        float(case["od_price"]),
        float(case["spot_price"]),
    )
    assert found == pytest.approx(float(case["cost"]), rel=1e-6)
