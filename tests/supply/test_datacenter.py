"""What is bought: the price is written off or resold, capital costs its rate, and buying late wins nothing."""

from __future__ import annotations

from typing import Any

import pytest
import supply_books as books
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from marketsim.path import Path
from marketsim.settings import Seconds
from marketsim.streams import Dice
from marketsim.supply import depreciation, finance
from marketsim.supply.datacenter import Datacenter
from marketsim.supply.kind import FinanceFacts
from marketsim.supply.lead import AT_ONCE, Constant, Delivery
from marketsim.supply.owned import Loan, PurchaseTerms, Resale
from marketsim.throw import Throw
from marketsim.units import DAY_S, MICRO, MONTH_S, WEEK_S, YEAR_S

CALM = Path.constant(1.0)
NOW = Delivery(AT_ONCE, Dice(0), CALM)
SLOW = Delivery(Constant(time=Seconds(26 * WEEK_S)), Dice(0), CALM)
THROW = Throw(Dice(1), 2 * YEAR_S, 2 * YEAR_S)


def terms(**change: Any) -> PurchaseTerms:
    base: dict[str, Any] = {"price": 100_000 * MICRO, "extras": 8_000 * MICRO, "life_s": 5 * YEAR_S, "delivery": NOW}
    return PurchaseTerms(**base | change)


def kind(**change: Any) -> Datacenter:
    keys: dict[str, Any] = {
        "kind": "datacenter",
        "shape": {"gpu": "H100", "gpus": 8, "interconnect": "fabric", "largest_gang_instances": 4},
        "usd_per_server": 288_000,
        "network_share": 0.19,
        "lead": {"kind": "triangular", "low": "8 w", "mode": "16 w", "high": "52 w"},
        "life": "5 y",
        "resale": {"share_after_life": 0.15},
        "kw_per_server": 10.2,
        "usd_per_kwh": 0.0826,
        "usd_per_kw_month": 184,
        "staff": {"engineers": 2, "usd_per_year_each": 300_000, "per_servers": 32},
        "maintenance_share_per_year": 0.04,
    }
    return Datacenter.model_validate(keys | change)


LOANS = st.builds(
    Loan,
    share=st.floats(0, 1),
    rate_per_year=st.floats(0, 0.5),
    term=st.integers(1, 60).map(lambda months: Seconds(months * MONTH_S)),
    balloon_share=st.floats(0, 0.5),
)
TERMS = st.builds(
    PurchaseTerms,
    price=st.integers(1, 10**12),
    extras=st.integers(0, 10**11),
    life_s=st.integers(1, 7).map(lambda years: years * YEAR_S),
    delivery=st.sampled_from([NOW, SLOW]),
    method=st.sampled_from([cls() for cls in depreciation.KINDS.values()]),
    resale=st.builds(Resale, share_after_life=st.floats(0, 1), selling_cost_share=st.floats(0, 0.5)),
    cost_of_capital=st.floats(0, 0.5),
    paid_at_order_share=st.floats(0, 1),
    loan=st.none() | LOANS,
)
CUTS = st.lists(st.integers(1, 8 * YEAR_S), min_size=1, max_size=15, unique=True).map(sorted)


@settings(max_examples=200, deadline=None)
@given(TERMS, st.integers(1, 9), CUTS)
def test_books_of_any_purchase_balance_and_cash_is_expense_plus_what_is_left(
    bought: PurchaseTerms, instances: int, cuts: list[int]
) -> None:
    delivered_s = bought.delivered_s(0, 0)
    charges = books.life(bought, instances, 0, cuts)
    books.assert_cash_identity(charges)
    net = books.balances(charges)
    assert net["servers"] == bought.worth(instances, max(cuts[-1] - delivered_s, 0), cuts[-1])
    assert net["debt"] <= 0


@given(CUTS)
def test_however_time_is_divided_the_same_is_written_off_and_repaid(cuts: list[int]) -> None:
    loan = Loan(share=0.5, rate_per_year=0.12, term=Seconds(36 * MONTH_S), balloon_share=0.2)
    bought = terms(loan=loan, resale=Resale(share_after_life=0.15))
    parts, once = books.life(bought, 3, 0, cuts), books.life(bought, 3, 0, [cuts[-1]])
    for account in ("expense:depreciation", "expense:interest", "expense:end-valuation"):
        assert books.used_by(parts, account) == books.used_by(once, account)
    assert books.paid(parts) == books.paid(once)


@pytest.mark.parametrize("method", [cls() for cls in depreciation.KINDS.values()], ids=lambda method: method.kind)
def test_all_charges_discounted_to_the_order_are_worth_the_price_whatever_the_method(
    method: depreciation.Method,
) -> None:
    """The law behind the levelised cost: write-off and interest on what is left are an annuity on the price."""
    bought = terms(method=method, cost_of_capital=0.2, delivery=SLOW, resale=Resale(share_after_life=0.15))
    start_s, close_s = bought.delivered_s(0, 0), bought.delivered_s(0, 0) + 4 * YEAR_S
    charges = books.life(bought, 1, 0, [start_s + k * MONTH_S for k in range(1, 49)])
    worth = sum(
        c.effective * (1 if c.debit.startswith("expense") else -1) / 1.2 ** (c.t_s / YEAR_S)
        for c in charges
        if c.effective
    )
    resale = bought.worth(1, 4 * YEAR_S, close_s) / 1.2 ** (close_s / YEAR_S)
    assert worth + resale == pytest.approx(108_000 * MICRO, rel=1e-9)


def test_a_year_of_levelised_capital_is_what_the_closed_form_says() -> None:
    own = terms(extras=0, cost_of_capital=0.1, resale=Resale(share_after_life=0.15))
    charges = books.life(own, 1, 0, [year * YEAR_S for year in range(1, 6)])
    level = finance.annual_capital_usd(100_000, 0.1, 5, 0.15)
    flows = [0.0] * 6
    for c in charges:
        flows[c.t_s // YEAR_S] += c.effective / MICRO
    assert finance.net_present_value(0.1, flows) == pytest.approx(
        finance.annuity_present_value(level, 0.1, 5), rel=1e-9
    )


@settings(deadline=None)
@given(st.integers(0, 2 * YEAR_S), st.floats(0, 0.6), st.floats(0, 0.5))
def test_buying_at_any_time_costs_what_is_not_resold_and_never_pays(at_s: int, selling: float, after: float) -> None:
    bought = terms(resale=Resale(share_after_life=after, selling_cost_share=selling), cost_of_capital=0.1)
    close_s = 2 * YEAR_S
    charges = books.life(bought, 2, at_s, [close_s])
    assert books.used(charges) - books.used_by(charges, "expense:capital") == bought.capex(2) - bought.worth(
        2, close_s - at_s, close_s
    )
    assert books.used(charges) >= 2 * 8_000 * MICRO


def test_an_order_on_its_way_at_the_end_is_owed_in_full_and_resold_as_new() -> None:
    bought = terms(delivery=SLOW, paid_at_order_share=0.3, cost_of_capital=0.21)
    charges = books.life(bought, 1, 0, [YEAR_S // 8, YEAR_S // 4])
    assert books.paid(charges) == 32_400 * MICRO
    assert -books.balances(charges)["payable"] == 75_600 * MICRO
    assert books.used_by(charges, "expense:end-valuation") == 8_000 * MICRO
    assert books.used_by(charges, "expense:capital") == pytest.approx(32_400 * MICRO * (1.21**0.25 - 1), rel=1e-9)
    books.assert_cash_identity(charges)


def test_money_tied_up_while_waiting_costs_its_rate_once() -> None:
    bought = terms(extras=0, delivery=SLOW, paid_at_order_share=0.4, cost_of_capital=0.21)
    start_s = 26 * WEEK_S
    first = bought.over(1, 0, start_s, start_s, start_s + MONTH_S)
    later = bought.over(1, 0, start_s, start_s + MONTH_S, start_s + 2 * MONTH_S)
    waiting = 40_000 * MICRO * (1.21 ** (start_s / YEAR_S) - 1)
    a_month = 1.21 ** (1 / 12) - 1
    wanted = waiting + 100_000 * MICRO * a_month
    assert books.used_by(first, "expense:capital") == pytest.approx(wanted, rel=1e-9)
    book = bought.book(1, MONTH_S)
    assert books.used_by(later, "expense:capital") == pytest.approx(book * a_month, rel=1e-9)
    assert books.paid(first) == 60_000 * MICRO


def test_an_order_of_the_last_second_is_owed_in_full_too() -> None:
    bought = terms(paid_at_order_share=0.25, loan=Loan(share=0.5, rate_per_year=0.1, term=Seconds(MONTH_S)))
    charges = books.life(bought, 1, YEAR_S, [YEAR_S])
    assert -books.balances(charges)["payable"] == 81_000 * MICRO
    assert books.balances(charges)["servers"] == 100_000 * MICRO
    assert books.used(charges) == 8_000 * MICRO


def test_interest_run_up_since_the_last_month_is_owed_at_the_end() -> None:
    bought = terms(extras=0, loan=Loan(share=1.0, rate_per_year=0.12, term=Seconds(12 * MONTH_S)))
    charges = books.life(bought, 1, 0, [MONTH_S // 4])
    assert books.used_by(charges, "expense:interest") == 250 * MICRO
    assert -books.balances(charges)["payable"] == 250 * MICRO


def test_a_loan_is_repaid_and_its_interest_is_that_of_the_annuity() -> None:
    loan = Loan(share=1.0, rate_per_year=0.12, term=Seconds(60 * MONTH_S))
    rows = loan.months(1_000_000 * MICRO)
    assert sum(repaid for _, _, repaid in rows) == 1_000_000 * MICRO
    assert sum(interest for _, interest, _ in rows) == pytest.approx(334_666.8610941055 * MICRO, abs=60)


def test_a_balloon_is_left_for_the_last_month() -> None:
    loan = Loan(share=1.0, rate_per_year=0.0, term=Seconds(10 * MONTH_S), balloon_share=0.5)
    assert [repaid for _, _, repaid in loan.months(100)] == [5] * 9 + [55]


def test_only_the_owner_s_own_money_is_charged_for_beside_a_loan() -> None:
    lent = terms(loan=Loan(share=1.0, rate_per_year=0.1, term=Seconds(12 * MONTH_S)), cost_of_capital=0.2)
    charges = lent.over(1, 0, 0, 0, MONTH_S)
    assert books.used_by(charges, "expense:capital") == 0
    assert books.used_by(charges, "expense:interest") == 900 * MICRO


def test_a_server_of_the_scenario_costs_price_network_and_tax() -> None:
    bought = kind().terms("own", THROW, FinanceFacts(sales_tax=0.08))
    assert bought.price == round(288_000 / 0.81 * MICRO)
    assert bought.capex(4) == pytest.approx(4 * 288_000 / 0.81 * 1.08 * MICRO, abs=8)
    assert bought.salvage(1) == round(bought.price * 0.15)


def test_deliveries_differ_by_order_and_not_by_what_else_is_drawn() -> None:
    bought = kind().terms("own", THROW, FinanceFacts())
    leads = [bought.delivered_s(DAY_S, order) - DAY_S for order in range(200)]
    assert all(8 * WEEK_S <= lead <= 52 * WEEK_S for lead in leads)
    assert len(set(leads)) > 190
    assert leads == [kind().terms("own", THROW, FinanceFacts()).delivered_s(0, order) for order in range(200)]


def test_running_costs_of_a_month_are_those_of_the_reference_formula() -> None:
    running = kind().running(8000)
    month = {c.debit: c.billed for c in running.over(0, MONTH_S, 2 * MONTH_S, 8000 * MONTH_S)}
    kwh = 10.2 * 730 * (0.75 + 0.30) * 1.25
    assert month["expense:power"] == pytest.approx(kwh * 0.0826 * MICRO, abs=1)
    assert month["expense:space"] == 2 * round(10.2 * 184 * MICRO)
    assert month["expense:staff"] == 50_000 * MICRO
    assert month["expense:maintenance"] == pytest.approx(2 * 288_000 / 0.81 * 0.04 / 12 * MICRO, abs=1)


def test_engineers_come_in_steps_and_with_the_order() -> None:
    staff = kind().running(8000)

    def month_usd(servers: int, ordered: int = 0) -> float:
        charges = staff.over(0, MONTH_S, servers * MONTH_S, 0, ordered * MONTH_S)
        return books.used_by(charges, "expense:staff") / MICRO

    assert [month_usd(n) for n in (0, 1, 32, 33)] == [0, 50_000, 50_000, 100_000]
    assert month_usd(0, ordered=1) == 50_000


def test_nothing_installed_costs_nothing() -> None:
    assert kind().running(8000).over(0, MONTH_S, 0, 0) == []


def test_resale_falls_by_the_same_share_each_year_or_evenly_to_the_end_of_the_life() -> None:
    assert Resale(value_loss_per_year=0.5).share(2 * YEAR_S, 5 * YEAR_S) == 0.25
    assert Resale(share_after_life=0.2).share(5 * YEAR_S // 2, 5 * YEAR_S) == pytest.approx(0.6)
    assert Resale(share_after_life=0.2).share(9 * YEAR_S, 5 * YEAR_S) == pytest.approx(0.2)
    assert Resale.model_validate({"preset": "t4"}).share(YEAR_S, YEAR_S) == 0.75


def test_each_new_generation_takes_a_share_of_what_an_older_machine_is_worth() -> None:
    steps = Resale(
        share_after_life=1.0,
        next_generation=Seconds(YEAR_S),
        generation_every=Seconds(YEAR_S),
        generation_drop_share=0.5,
    )
    bought = terms(resale=steps)
    worth = [bought.worth(1, age_s, age_s) / (100_000 * MICRO) for age_s in (0, YEAR_S - 1, YEAR_S, 2 * YEAR_S)]
    assert worth == [1.0, 1.0, 0.5, 0.25]
    assert (
        bought.worth(1, YEAR_S // 2, 2 * YEAR_S - 1) == 100_000 * MICRO
    )  # bought after the first, sold before the next


def test_a_building_of_one_s_own_is_written_off_by_its_own_life() -> None:
    room = kind(usd_per_kw_building=10_000, building_life="10 y", resale={"share_after_life": 0.0})
    bought = room.terms("own", THROW, FinanceFacts())
    assert bought.building == 102_000 * MICRO
    charges = books.life(bought, 1, 0, [bought.delivered_s(0, 0) + 5 * YEAR_S])
    assert books.balances(charges)["servers"] == 51_000 * MICRO
    assert books.used_by(charges, "expense:depreciation") == bought.price + 51_000 * MICRO


def test_a_tight_market_lifts_resale_and_never_above_the_price() -> None:
    tight = terms(resale=Resale(share_after_life=0.5), resale_market=Path.constant(1.5))
    assert tight.worth(1, 5 * YEAR_S, 0) == 75_000 * MICRO
    assert tight.worth(1, 0, 0) == 100_000 * MICRO


@pytest.mark.parametrize(
    "change",
    [
        {"life": "0 y"},
        {"life": "-5 y"},
        {"resale": {"share_after_life": 1.4}},
        {"resale": {"share_after_life": 0.1, "value_loss_per_year": 0.2}},
        {"network_share": 1.0},
        {"pue": 0.8},
        {"usd_per_server": 0},
        {"kw_per_server": -1},
        {"idle_power_share": 0.9},
        {"depreciation": {"kind": "declining_balance"}, "life": "30 months"},
        {"loan": {"share": 0.5, "rate_per_year": 0.1, "term": "90 d"}},
        {"loan": {"share": 0.5, "rate_per_year": 0.1, "term": "61 months"}},
        {"lead": {"kind": "triangular", "low": "9 w", "mode": "8 w", "high": "10 w"}},
        {"shape": {"gpu": "H1000", "gpus": 8}},
        {"outage": {"kind": "calendar", "per_gpu_year": -1}},
        {"colour": "red"},
    ],
)
def test_a_datacenter_that_cannot_be_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as refused:
        kind(**change)
    assert refused.value.error_count() == 1


def test_the_first_servers_wait_for_the_first_people_and_later_ones_do_not() -> None:
    staff = {"engineers": 2, "usd_per_year_each": 300_000, "per_servers": 32, "hire": "3 months"}
    slow = kind(lead="1 w", staff=staff).terms("own", THROW, FinanceFacts())
    assert [slow.delivered_s(DAY_S, order) - DAY_S for order in (0, 1)] == [3 * MONTH_S, WEEK_S]
    quick = kind(lead="26 w", staff=staff).terms("own", THROW, FinanceFacts())
    assert quick.delivered_s(0, 0) == 26 * WEEK_S
