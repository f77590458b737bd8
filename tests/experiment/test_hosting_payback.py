"""Hosting against tokens and buying against signing, from runs: where both cost the same a pencil says."""

from __future__ import annotations

from typing import Any

import pytest

from marketsim import scenario
from marketsim.experiment import hosting, payback
from marketsim.supply import finance
from marketsim.units import DAY_S, MONTH_S

SHAPE = {"gpu": "H100", "gpus": 8, "interconnect": "nvlink"}
TOKEN_USD = (1155 * 0.1 + 211 * 0.4) / 1e6  # a mean request of the preset
TWELVE: dict[str, Any] = {
    "name": "twelve weeks",
    "horizon": "84 d",
    "demand": {
        "chat": {
            "kind": "inference", "preset": "llm-8b-chat", "requests_per_s": {"kind": "constant", "mean": 5},
            "autoscale": {"period": "1 h", "headroom": 0.0, "minimum_instances": 1},
        },
    },
    "supply": {
        "rent": {"kind": "rental", "provider": "neo", "shape": SHAPE, "usd_per_gpu_hour": 2, "term": "28 d"},
        "own": {
            "kind": "datacenter", "shape": SHAPE, "usd_per_server": 20_000, "life": "5 y", "lead": "90 d",
            "resale": {"share_after_life": 1.0}, "kw_per_server": 10, "usd_per_kwh": 0.0,
        },
        "tokens": {"kind": "token_api", "usd_per_million_input_tokens": 0.1, "usd_per_million_output_tokens": 0.4},
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def twelve() -> scenario.Scenario:
    return scenario.check(TWELVE)


def test_a_steady_need_turns_in_the_simulation_where_it_turns_in_closed_form(twelve: scenario.Scenario) -> None:
    """Three contracts of 28 d at 2 USD a GPU-hour against so much a request, for whole instances."""
    rent = next(one for one in hosting.host_or_tokens(twelve) if one.host == "rent")
    assert rent.requests_per_day is not None
    instances = round(rent.requests_per_day * TOKEN_USD / (2 * 8 * 24))
    assert rent.requests_per_day == pytest.approx(instances * 2 * 8 * 24 / TOKEN_USD, rel=1e-3)
    assert rent.simulated_per_day == pytest.approx(rent.requests_per_day, rel=0.015)
    assert rent.needed_per_day == 5 * DAY_S


def test_days_and_nights_put_the_turn_off_and_dear_machines_never_win(twelve: scenario.Scenario) -> None:
    """At 8 USD a GPU-hour a steady need turns at 88 % of an instance's capacity; peaks of waves go to the tokens."""
    nearly_full = ["supply.rent.usd_per_gpu_hour=8", "horizon=28 d"]
    cycle = "demand.chat.requests_per_s={kind: cycle, mean: 5, day_amplitude: 0.8}"
    steady, waves = (
        next(one for one in hosting.host_or_tokens(twelve.changed(edits)) if one.host == "rent")
        for edits in (nearly_full, [*nearly_full, cycle])
    )
    assert steady.simulated_per_day is not None
    assert waves.simulated_per_day is not None
    assert waves.simulated_per_day > 1.05 * steady.simulated_per_day
    dear = twelve.changed(["supply.rent.usd_per_gpu_hour=200"])
    rent = next(one for one in hosting.host_or_tokens(dear) if one.host == "rent")
    assert rent.simulated_per_day is rent.requests_per_day is None


@pytest.mark.parametrize("turn", [0.3, 10.0, 77.0, 900.0])
def test_a_turn_is_found_from_wherever_the_search_begins(turn: float) -> None:
    for guess in (0.5, 10.0, 1000.0):
        found = hosting.first_gain(lambda x: x - turn, guess, 1000.0)
        assert found == pytest.approx(turn, rel=hosting.TURN_SHARE)
    assert hosting.first_gain(lambda x: -1.0, 5.0, 1000.0) is None


def test_a_server_pays_back_in_the_month_in_which_the_rent_it_saves_has_added_up(twelve: scenario.Scenario) -> None:
    """20,000 USD at once against 16 USD an hour paid each month: 11,680 USD each 730 h, so 1.71 months."""
    (found,) = payback.paybacks(twelve, 8, replications=1)
    assert (found.bought, found.against, found.gpus) == ("own", "rent", 8)
    assert found.back_months == pytest.approx(20_000 / (16 * 730), rel=0.01)
    # it resells for what it cost, so that all rent of twelve weeks is saved, at no cost of capital
    assert found.worth_usd == pytest.approx(16 * 84 * 24, rel=1e-6)
    dear = twelve.changed(["supply.own.usd_per_server=200000", "finance.cost_of_capital_per_year=0.2"])
    (never,) = payback.paybacks(dear, 8, replications=1)
    assert never.back_months is None
    rent = [0.0, 16 * 730, 16 * 730, 16 * (84 * 24 - 1460), 200_000]
    assert never.worth_usd == pytest.approx(
        finance.net_present_value(1.2 ** (1 / 12) - 1, [-200_000, *rent[1:]]), rel=0.02
    )


def test_what_buying_is_worth_follows_the_cost_of_capital_through_the_company_s_stages(
    twelve: scenario.Scenario,
) -> None:
    """A stage that begins at once is that rate; one at 20 % after two of four months stands between 0 and 20 %."""
    rate = "finance.cost_of_capital_per_year=0.2"
    free, dear, at_once, later = (
        payback.paybacks(twelve.changed(edits), 8, replications=1)[0].worth_usd
        for edits in (
            [], [rate],
            ["finance.capital_stages=[{at: 1 s, cost_of_capital_per_year: 0.2}]"],
            ["finance.capital_stages=[{at: 1460 h, cost_of_capital_per_year: 0.2}]"],
        )
    )  # fmt: skip
    assert at_once == pytest.approx(dear, rel=1e-6)
    assert dear < later < free


def test_without_both_there_is_nothing_to_pay_back(twelve: scenario.Scenario) -> None:
    assert payback.paybacks(twelve, 8, replications=1, only=("rent",)) == []
    assert MONTH_S == 730 * 3600
