"""Money over time and the levelised cost, against closed forms, a second way, and the printed reference row."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketsim.supply import finance

# an 8xH100 server at 10 % capital; the row of the figures on own clusters, by used share
REFERENCE = {0.2: 9.43, 0.3: 6.30, 0.4: 4.74, 0.5: 3.81, 0.6: 3.18, 0.7: 2.74, 0.8: 2.40, 0.9: 2.14, 1.0: 1.93}


def own(usd_per_server: float = 282_000, **change: float) -> finance.OwnGpu:
    settings = {"years": 5, "resale_share": 0.15, "cost_of_capital": 0.10, "kw": 1.275, **change}
    return finance.OwnGpu(finance.all_in_usd(usd_per_server, 0.19) / 8, **settings)


@pytest.mark.parametrize(("use", "usd"), REFERENCE.items())
def test_the_reference_row_is_met_to_a_cent_at_every_use(use: float, usd: float) -> None:
    assert own().usd_per_used_hour(use) == pytest.approx(usd, abs=0.01)


@pytest.mark.parametrize(
    ("gpu", "usd"),
    [
        (own(cost_of_capital=0.15), 3.01),
        (own(years=6, resale_share=0.08), 2.59),
        (own(cost_of_capital=0.20), 3.29),
        (own(operations_usd=600_000 / 64), 4.21),  # 64 GPUs, two engineers of $300,000
        (own(operations_usd=600_000 / 64, cost_of_capital=0.20), 4.76),
    ],
)
def test_the_variants_beside_the_reference_row_are_met_to_a_cent(gpu: finance.OwnGpu, usd: float) -> None:
    assert gpu.usd_per_used_hour(0.7) == pytest.approx(usd, abs=0.01)


def test_break_even_against_three_dollars_moves_from_64_to_99_percent_of_the_time() -> None:
    assert own().break_even_use(3.0) == pytest.approx(0.64, abs=0.005)
    assert own(operations_usd=600_000 / 64).break_even_use(3.0) == pytest.approx(0.99, abs=0.005)


def test_at_the_break_even_use_owning_costs_the_price_and_below_it_never_pays() -> None:
    use = own().break_even_use(3.0)
    assert use is not None
    assert own().usd_per_used_hour(use) == pytest.approx(3.0, rel=1e-12)
    assert own().break_even_use(1.0) is None


def test_an_unused_gpu_costs_infinitely_much_an_hour() -> None:
    assert own().usd_per_used_hour(0.0) == math.inf


@given(st.floats(-0.5, 2.0), st.integers(1, 60))
def test_the_capital_recovery_factor_pays_one_back(rate: float, periods: int) -> None:
    factor = finance.capital_recovery_factor(rate, periods)
    assert finance.net_present_value(rate, [-1.0] + [factor] * periods) == pytest.approx(0, abs=1e-9)


def test_a_rate_near_nothing_is_straight_line() -> None:
    assert finance.capital_recovery_factor(1e-14, 4) == pytest.approx(0.25, rel=1e-9)


@pytest.mark.parametrize(("rate", "periods"), [(-1.0, 3), (0.1, 0), (-2.0, 3)])
def test_a_discount_of_all_or_no_period_is_refused(rate: float, periods: float) -> None:
    with pytest.raises(ValueError, match=r"rate of -100|periods"):
        finance.capital_recovery_factor(rate, periods)


@given(st.floats(-0.3, 1.5), st.lists(st.floats(1, 1000), min_size=1, max_size=10))
def test_the_internal_rate_of_return_is_found_where_it_was_put(rate: float, later: list[float]) -> None:
    price = sum(flow / (1 + rate) ** (period + 1) for period, flow in enumerate(later))
    assert finance.internal_rate_of_return([-price, *later]) == pytest.approx(rate, abs=1e-8)


def test_flows_with_two_rates_of_return_are_refused_and_gifts_have_none() -> None:
    with pytest.raises(ValueError, match="more than once"):
        finance.internal_rate_of_return([-1, 5, -6])
    assert finance.internal_rate_of_return([1, 2]) is None
    assert finance.internal_rate_of_return([-1, 5, 6]) == pytest.approx(5.0)  # x^2 - 5x - 6 at 1 + r = 6


def test_payback_waits_for_the_sum_to_stay_above_nothing() -> None:
    assert finance.payback_periods([-10, 20, -15, 10]) == pytest.approx(2.5)
    assert finance.payback_periods([1, 1]) == 0.0
    assert finance.payback_periods([]) is None


@given(st.floats(0.0, 0.5), st.integers(1, 10), st.floats(0, 1))
def test_annual_capital_is_the_level_payment_on_the_price_less_resale_discounted(
    rate: float, years: int, resale: float
) -> None:
    worth_now = 100 - 100 * resale / (1 + rate) ** years
    level = finance.loan_payment(worth_now, rate, years)
    assert finance.annual_capital_usd(100, rate, years, resale) == pytest.approx(level, rel=1e-9, abs=1e-9)


def test_building_against_renting_is_worth_what_it_saves_discounted() -> None:
    build, rent = [1000.0, 10.0, 10.0, 10.0], [0.0, 510.0, 510.0, 510.0]
    found = finance.against(build, rent, 0.0)
    assert found.net_present_value == pytest.approx(500)
    assert found.payback_months == pytest.approx(2.0)
    assert found.return_per_year is not None
    assert finance.against(build, rent, found.return_per_year).net_present_value == pytest.approx(0, abs=1e-6)
    assert finance.against([5.0], [1.0, 1.0], 0.1).payback_months is None


def test_tiers_meet_at_their_bounds_and_are_refused_out_of_order() -> None:
    tiers = [(100.0, 0.0), (200.0, 2.0), (math.inf, 1.0)]
    assert [finance.tiered_usd(amount, tiers) for amount in (0, 100, 150, 200, 300)] == [0, 0, 100, 200, 300]
    with pytest.raises(ValueError, match="rise"):
        finance.tiered_usd(1, [(5.0, 1.0), (5.0, 2.0)])
    with pytest.raises(ValueError, match="end at"):
        finance.tiered_usd(9, [(5.0, 1.0)])


def test_losses_are_set_off_before_a_profit_is_taxed() -> None:
    assert finance.taxes_with_losses_carried([-100, 150, 100], 0.2) == [0, 10, 20]


def test_sharing_a_link_multiplies_the_time_on_it_and_not_the_latency() -> None:
    assert finance.transfer_s(1, 8000, 5, 3) == 5 + 3
    with pytest.raises(ValueError, match="above 0"):
        finance.transfer_s(1, 0)


def test_half_years_of_interest_make_a_year() -> None:
    half = finance.annual_equivalent(0.3, 0.5)
    assert (1 + half) ** 2 == pytest.approx(1.3)
