"""The reservation rules against pencil sums, the rule written out slot by slot, and all plans there are."""

from __future__ import annotations

import csv
import itertools
import math
import pathlib

import numpy as np
import pytest

from marketsim.policies.procurement import reservation
from marketsim.policies.procurement.reservation import Tariff
from marketsim.streams import Dice


def written_out(demand: list[int], tariff: Tariff, z: float, ahead: int = 0) -> list[int]:
    """Algorithms 1 and 3 of the paper as they are printed, with an array of what counts as covered."""
    size, tau, p = len(demand), tariff.period, tariff.on_demand
    d = np.concatenate((np.zeros(tau, int), demand, np.zeros(2 * tau, int)))
    x = np.zeros_like(d)
    made = [0] * size
    for t in range(size):
        now = t + tau
        window = slice(now + ahead - tau + 1, now + ahead + 1)
        while p * np.count_nonzero(d[window] > x[window]) > z + 1e-12 and (not ahead or x[now] < d[now]):
            made[t] += 1
            x[now + ahead - tau + 1 : now + tau] += 1
    return made


def test_a_plan_costs_its_fees_what_is_uncovered_and_the_share_of_what_is_used() -> None:
    tariff = Tariff(period=3, on_demand=0.5, fee=1.0, alpha=0.4)
    # slots 1 to 3 hold one instance: uncovered are 1, 1, 0, 0, 2; three are used at 0.2
    outcome = reservation.outcome([1, 2, 1, 1, 2], [0, 1, 0, 0, 0], tariff)
    assert outcome == (pytest.approx(1.0 + 0.5 * 4 + 0.2 * 3), 1, 4)


def test_the_deterministic_rule_reserves_once_the_fee_has_been_spent_on_demand() -> None:
    tariff = Tariff(period=10, on_demand=0.3)  # three slots cost 0.9, the fourth exceeds the fee of 1
    assert list(reservation.by_threshold([1] * 8, tariff, tariff.breakeven)) == [0, 0, 0, 1, 0, 0, 0, 0]
    exact = Tariff(period=10, on_demand=0.25)  # four slots cost exactly 1, which does not exceed it
    assert list(reservation.by_threshold([1] * 8, exact, exact.breakeven)) == [0, 0, 0, 0, 1, 0, 0, 0]


@pytest.mark.parametrize("ahead", [0, 1, 3])
def test_the_rule_with_a_heap_of_gaps_reserves_as_the_rule_written_out(ahead: int) -> None:
    for entity in range(150):
        random = Dice(11).stream("paths", entity)
        tariff = Tariff(int(random.integers(ahead + 1, 9)), float(random.uniform(0.1, 0.9)), 1.0, 0.25)
        demand = [int(value) for value in random.integers(0, 5, 25)]
        z = float(random.uniform(0, 1)) * tariff.breakeven
        assert list(reservation.by_threshold(demand, tariff, z, ahead)) == written_out(demand, tariff, z, ahead)


def test_the_optimum_is_the_cheapest_of_all_plans() -> None:
    demands, tariffs, cheapest = [], [], []
    for entity in range(25):
        random = Dice(12).stream("paths", entity)
        tariff = Tariff(
            int(random.integers(1, 5)), float(random.uniform(0.2, 0.9)), 1.0, float(random.choice([0, 0.4]))
        )
        demand = [int(value) for value in random.integers(0, 3, 6)]
        plans = itertools.product(range(3), repeat=len(demand))
        cheapest.append(min(reservation.outcome(demand, plan, tariff).cost for plan in plans))
        demands.append(demand)
        tariffs.append(tariff)
    found = reservation.optima(demands, tariffs)
    costs = [reservation.outcome(*case).cost for case in zip(demands, found, tariffs, strict=True)]
    assert costs == pytest.approx(cheapest, abs=1e-9)


def test_the_drawn_threshold_has_the_density_of_the_paper_and_its_rest_at_never() -> None:
    tariff = Tariff(period=5, on_demand=0.5, alpha=0.4)
    uniforms = (np.arange(20_000) + 0.5) / 20_000
    drawn = np.array([reservation.threshold_of(u, tariff) for u in uniforms])
    assert np.isinf(drawn).mean() == pytest.approx(0.4 / (math.e - 1 + 0.4), abs=1e-4)
    for z in (0.3, 0.9, 1.5):
        wanted = (math.exp(0.6 * z) - 1) / (math.e - 1 + 0.4)  # the density integrated from 0 to z
        assert (drawn <= z).mean() == pytest.approx(wanted, abs=1e-4)
    assert drawn[np.isfinite(drawn)].max() <= tariff.breakeven


def test_the_newsvendor_reserves_the_levels_that_are_used_often_enough() -> None:
    samples = [0, 1, 1, 2, 3, 3, 3, 4, 5, 9]  # shares at or above 1..5: 0.9, 0.7, 0.6, 0.3, 0.2
    assert reservation.newsvendor(samples, 0.65) == 2
    assert reservation.newsvendor(samples, 0.6) == 2  # 0.6 does not exceed 0.6
    assert reservation.newsvendor(samples, 0.59) == 3
    assert reservation.newsvendor(samples, 0.0) == 9
    assert reservation.newsvendor(samples, 1.0) == 0
    assert reservation.newsvendor([], 0.2) == 0


def test_the_newsvendor_is_the_level_of_least_expected_cost() -> None:
    for entity in range(40):
        random = Dice(13).stream("samples", entity)
        samples = random.integers(0, 12, 30)
        tariff = Tariff(10, float(random.uniform(0.05, 0.5)), 1.0, 0.2)

        def cost(level: int, samples: np.ndarray = samples, tariff: Tariff = tariff) -> float:
            uncovered = np.maximum(samples - level, 0).mean()
            return tariff.fee * level + tariff.period * tariff.saved * uncovered

        best = min(cost(level) for level in range(14))
        found = reservation.newsvendor(samples, tariff.fee / (tariff.period * tariff.saved))
        assert cost(found) == pytest.approx(best, rel=1e-12)


def test_hindsight_within_a_period_reserves_the_levels_that_pay_in_it() -> None:
    tariff = Tariff(period=4, on_demand=0.4)  # a level pays from its third slot on
    assert list(reservation.quantile_hindsight([2, 1, 1, 2, 3, 3, 3, 0], tariff)) == [1, 0, 0, 0, 3, 0, 0, 0]
    assert list(reservation.peak([2, 1, 1, 2, 3, 3, 3, 0], tariff)) == [3, 0, 0, 0, 3, 0, 0, 0]


@pytest.mark.shared
def test_the_deterministic_rule_meets_its_published_cases(shared: pathlib.Path) -> None:
    folder = shared / "cases" / "spot"
    with (folder / "reservation_cases.csv").open(newline="") as file:
        cases = [case for case in csv.DictReader(file) if case["policy"] == "A_beta"]
    assert cases
    for case in cases:
        with (folder / "demands" / case["demand"]).open(newline="") as file:
            demand = [int(row["demand"]) for row in csv.DictReader(file)]
        tariff = Tariff(int(case["period_tau"]), float(case["on_demand_price"]), 1.0, float(case["alpha"]))
        found = reservation.outcome(demand, reservation.by_threshold(demand, tariff, tariff.breakeven), tariff)
        assert found.cost == pytest.approx(float(case["cost"]), rel=1e-6)
        assert found.reservations == int(case["reservations"])
