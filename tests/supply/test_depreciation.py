"""Write-offs: they add up to cost less salvage to the micro-dollar, whatever the method and however time is divided."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketsim.supply import depreciation
from marketsim.units import HOUR_S, YEAR_S

METHODS = [depreciation.StraightLine(), depreciation.DecliningBalance(), depreciation.SumOfYearsDigits()]
AMOUNTS = st.integers(1, 10**13)


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.kind)
@given(cost=AMOUNTS, share=st.integers(0, 100), years=st.integers(1, 20), hours=st.lists(st.integers(0, 200_000)))
def test_a_write_off_never_falls_and_ends_at_cost_less_salvage(
    method: depreciation.Method, cost: int, share: int, years: int, hours: list[int]
) -> None:
    salvage, life_s = cost * share // 100, years * YEAR_S
    by_age = [method.written_off(cost, salvage, life_s, hour * HOUR_S) for hour in sorted(hours)]
    assert by_age == sorted(by_age)
    assert method.written_off(cost, salvage, life_s, 0) == 0
    assert method.written_off(cost, salvage, life_s, life_s) == cost - salvage
    assert all(amount <= cost - salvage for amount in by_age)


@given(AMOUNTS)
def test_macrs_writes_off_all_of_it_in_six_tax_years(cost: int) -> None:
    charges = depreciation.macrs_5_year(cost)
    assert sum(charges) == cost
    assert len(charges) == 6


def test_macrs_leaves_nothing_on_the_books_for_resale() -> None:
    assert depreciation.Macrs5().written_off(1000, 300, 5 * YEAR_S, 6 * YEAR_S) == 1000


@given(AMOUNTS, st.floats(1, 3), st.integers(1, 15))
def test_a_declining_balance_stays_above_salvage(cost: int, factor: float, years: int) -> None:
    salvage = cost // 10
    charges = depreciation.declining_balance(cost, salvage, years, factor)
    books = [cost - sum(charges[:year]) for year in range(years + 1)]
    assert min(charges) >= 0
    assert books[-1] >= salvage
    for before, after in itertools.pairwise(books):
        assert after == max(before - round(before * factor / years), salvage)
    ended = depreciation.declining_balance(cost, salvage, years, factor, last_takes_rest=True)
    assert ended[:-1] == charges[:-1]
    assert sum(ended) == cost - salvage


def test_within_a_year_an_asset_loses_value_evenly() -> None:
    year_and_a_quarter = 5 * YEAR_S // 4
    assert depreciation.DecliningBalance().written_off(1000, 0, 5 * YEAR_S, year_and_a_quarter) == 400 + 240 // 4
    assert depreciation.SumOfYearsDigits().written_off(1500, 0, 5 * YEAR_S, year_and_a_quarter) == 500 + 400 // 4


def test_straight_line_has_half_written_off_at_half_the_life() -> None:
    assert depreciation.StraightLine().written_off(300, 100, 5 * YEAR_S, 5 * YEAR_S // 2) == 100
