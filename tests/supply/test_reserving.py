"""How much to commit to, against brute force over every demand and every day."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate

from marketsim.supply import reserving

DEMAND = {0: 0.1, 5: 0.2, 10: 0.4, 15: 0.2, 20: 0.1}


@pytest.mark.parametrize("reserved_usd", [0.05, 0.2, 0.35, 0.6, 0.75, 0.95])
def test_no_other_number_of_units_costs_less_than_the_quantile(reserved_usd: float) -> None:
    best = min(reserving.expected_cost(units, DEMAND, reserved_usd, 1.0) for units in range(25))
    units = reserving.reserve_units(DEMAND, reserved_usd, 1.0)
    assert reserving.expected_cost(units, DEMAND, reserved_usd, 1.0) == pytest.approx(best, abs=1e-12)


def test_the_least_of_several_equally_good_numbers_is_taken() -> None:
    assert reserving.reserve_units(DEMAND, 0.7, 1.0) == 5
    # eight tenths add up to 0.7999999999999999, a bit less than the ratio that they are equal to
    assert reserving.reserve_units(dict.fromkeys(range(10), 0.1), 0.2, 1.0) == 7


def test_what_is_no_cheaper_than_on_demand_is_not_reserved() -> None:
    assert reserving.reserve_units(DEMAND, 1.0, 1.0) == 0
    assert reserving.critical_ratio(1.2, 1.0) == 0.0


def test_normal_demand_costs_what_an_integral_over_it_says() -> None:
    z = np.linspace(-8, 8, 400_001)
    density = np.exp(-z * z / 2) / np.sqrt(2 * np.pi)
    demand = 100 + 20 * z
    for units in (60.0, 92.3, 130.0):
        by_hand = 0.65 * units + integrate.trapezoid(np.maximum(demand - units, 0) * density, z)
        assert reserving.expected_cost_normal(units, 100, 20, 0.65, 1.0) == pytest.approx(by_hand, rel=1e-7)
    assert reserving.expected_cost_normal(5, 7, 0, 0.5, 1.0) == 4.5


def test_the_newsvendor_is_the_cheapest_of_its_neighbours() -> None:
    best = reserving.newsvendor_normal(100, 20, 0.65, 1.0)
    costs = [reserving.expected_cost_normal(best + d, 100, 20, 0.65, 1.0) for d in (-1, 0, 1)]
    assert costs[1] < min(costs[0], costs[2])


@pytest.mark.parametrize("buy", [1, 2, 10, 37])
def test_buying_skis_on_the_day_the_rent_has_paid_for_them_is_at_worst_so_much_dearer(buy: int) -> None:
    ratios = [(days if days < buy else buy - 1 + buy) / min(days, buy) for days in range(1, 10 * buy + 1)]
    assert reserving.ski_rental_deterministic(buy) == pytest.approx(max(ratios))


def test_the_randomised_ratio_comes_from_a_day_drawn_with_rising_weights() -> None:
    buy = 10
    weights = np.array([(1 - 1 / buy) ** (buy - day) for day in range(1, buy + 1)])
    weights /= weights.sum()
    worst = max(
        sum(
            w * (days if days < day else day - 1 + buy)
            for day, w in zip(range(1, buy + 1), weights, strict=True)
        )
        / min(days, buy)
        for days in range(1, 50)
    )  # fmt: skip
    assert reserving.ski_rental_randomised(buy) == pytest.approx(worst)
    assert reserving.ski_rental_randomised(1_000_000) == pytest.approx(reserving.ski_rental_randomised(), rel=1e-6)
