"""Contracts: what is signed is paid, to the micro-dollar, however time is divided and however late it is signed."""

from __future__ import annotations

from typing import Any

import pytest
import supply_books as books
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from marketsim.path import Path
from marketsim.settings import Seconds
from marketsim.streams import Dice
from marketsim.supply.kind import FinanceFacts
from marketsim.supply.lead import AT_ONCE, Constant, Delivery
from marketsim.supply.rental import Rental
from marketsim.supply.rental_terms import RentalTerms
from marketsim.throw import Throw
from marketsim.units import DAY_S, HOUR_S, MONTH_S, YEAR_S

AT_ONCE_DELIVERY = Delivery(AT_ONCE, Dice(0), Path.constant(1.0))
TWO_YEARS = Throw(Dice(1), 2 * YEAR_S, 2 * YEAR_S)


def terms(**change: Any) -> RentalTerms:
    settings = {"quotes": Path.constant(20.0), "term_s": YEAR_S, "delivery": AT_ONCE_DELIVERY, **change}
    return RentalTerms(**settings)


def kind(**change: Any) -> Rental:
    keys: dict[str, Any] = {
        "kind": "rental",
        "provider": "neocloud",
        "shape": {"gpu": "H100", "gpus": 8},
        "usd_per_gpu_hour": 2.35,
        "term": "12 months",
        "upfront_share": 0.2,
        "lead": "21 d",
    }
    return Rental.model_validate(keys | change)


def test_a_year_of_two_instances_costs_its_price_times_its_hours() -> None:
    charges = books.life(terms(upfront_share=0.2), 2, 0, [month * MONTH_S for month in range(1, 13)])
    whole = 20 * 2 * 8760 * 10**6
    assert books.used(charges) == books.paid(charges) == whole
    assert charges[0].billed == whole // 5
    assert books.balances(charges)["prepaid"] == 0


CUTS = st.lists(st.integers(1, 2 * YEAR_S), min_size=1, max_size=12, unique=True).map(sorted)


@given(
    upfront=st.floats(0, 1),
    indexed=st.booleans(),
    instances=st.integers(1, 9),
    term_s=st.integers(1, 2 * YEAR_S),
    cuts=CUTS,
    resale=st.floats(0, 1),
    usd=st.floats(0.01, 500),
)
def test_however_time_is_divided_the_books_balance_and_the_parts_add_up(
    upfront: float, indexed: bool, instances: int, term_s: int, cuts: list[int], resale: float, usd: float
) -> None:
    rental = terms(
        quotes=Path.steps([(0, usd), (YEAR_S, 2 * usd)]),
        term_s=term_s,
        upfront_share=upfront,
        indexed=indexed,
        resale_share=resale,
    )
    charges = books.life(rental, instances, 0, cuts)
    once = books.life(rental, instances, 0, [cuts[-1]])
    books.assert_cash_identity(charges)
    assert books.used(charges) == books.used(once)
    assert books.paid(charges) == books.paid(once)


@given(st.floats(0, 1), st.floats(0, 1), st.integers(0, YEAR_S))
def test_signing_late_never_costs_less_than_the_obligation_less_resale(
    upfront: float, resale: float, at_s: int
) -> None:
    rental = terms(upfront_share=upfront, resale_share=resale)
    charges = books.life(rental, 1, at_s, [YEAR_S] if at_s < YEAR_S else [YEAR_S + 1])
    whole = 20 * 8760 * 10**6
    assert books.used(charges) >= whole * (1 - resale) - 2


def test_on_the_last_day_the_whole_obligation_is_charged_less_resale() -> None:
    rental = terms(upfront_share=0.25, resale_share=0.5)
    charges = [*rental.at_signing(1, YEAR_S, None), *rental.at_close(1, YEAR_S, YEAR_S, YEAR_S)]
    assert books.used(charges) == 20 * 8760 * 10**6 // 2
    books.assert_cash_identity(charges)


def test_what_is_signed_and_not_yet_delivered_is_owed_too() -> None:
    slow = kind().build("r", TWO_YEARS, FinanceFacts()).commitment
    assert slow is not None
    delivered_s = slow.delivered_s(0, 0)
    assert delivered_s == 21 * DAY_S
    charges = [*slow.at_signing(1, 0, None), *slow.at_close(1, 0, delivered_s, 20 * DAY_S)]
    assert books.used(charges) == round(2.35 * 8 * 8760 * 10**6)


def test_leaving_early_caps_what_is_left_to_pay() -> None:
    half = books.life(terms(leaving_share=0.1), 1, 0, [YEAR_S // 2])
    assert books.used(half) == 20 * 8760 * 10**6 // 2 * 11 // 10


@pytest.mark.parametrize(("upfront", "back", "due"), [(0.0, 0, 10), (0.5, 15, 0), (1.0, 40, 0)])
def test_leaving_pays_the_fee_out_of_what_was_prepaid_and_brings_back_its_rest(
    upfront: float, back: int, due: int
) -> None:
    # a hundredth of the price of the year is the unit: half a year is left, a fifth of it is the fee
    percent = 20 * 8760 * 10**4
    rental = terms(upfront_share=upfront, leaving_share=0.2)
    before = [*rental.at_signing(1, 0, None), *rental.over(1, 0, 0, 0, YEAR_S // 2)]
    leaving = list(rental.at_leaving(1, 0, 0, YEAR_S // 2))
    assert books.paid(leaving) == (due - back) * percent
    assert books.used_by(leaving, "expense:fee") == 10 * percent
    books.assert_cash_identity([*before, *leaving])
    assert books.balances([*before, *leaving])["prepaid"] == 0


def test_a_contract_without_a_way_out_cannot_be_left() -> None:
    with pytest.raises(ValueError, match="cannot be left"):
        terms().at_leaving(1, 0, 0, 10)


def test_a_fixed_price_is_that_of_the_day_of_signing_and_an_indexed_one_follows() -> None:
    quotes = Path.steps([(0, 10.0), (YEAR_S // 2, 30.0)])
    cuts = [YEAR_S // 2, YEAR_S]
    assert books.used(books.life(terms(quotes=quotes), 1, 0, cuts)) == 10 * 8760 * 10**6
    assert books.used(books.life(terms(quotes=quotes, indexed=True), 1, 0, cuts)) == 20 * 8760 * 10**6
    later = [YEAR_S // 2 + YEAR_S]
    assert books.used(books.life(terms(quotes=quotes), 1, YEAR_S // 2, later)) == 30 * 8760 * 10**6


def test_a_contract_that_ran_before_the_start_is_billed_only_from_the_start() -> None:
    for indexed in (False, True):
        old = terms(indexed=indexed)
        charges = old.over(1, -YEAR_S // 2, -YEAR_S // 2, 0, YEAR_S // 2)
        assert books.paid(charges) == 20 * 4380 * 10**6


def test_quotes_delivery_and_resale_follow_a_tight_market_and_not_a_loading_of_nothing() -> None:
    loadings = {"quotes": 1.0, "delivery": 1.0, "resale": 1.0}
    tight = Throw(Dice(1), YEAR_S, YEAR_S, scarcity=Path.constant(2.0), loadings=loadings)
    calm = Throw(Dice(1), YEAR_S, YEAR_S, scarcity=Path.constant(2.0))
    offers = [kind(resale_share=0.3).terms("r", throw) for throw in (tight, calm)]
    dear, usual = (books.used(books.life(offer, 1, 0, [30 * DAY_S + HOUR_S])) for offer in offers)
    assert offers[0].quotes.at(0) > 1.5 * offers[1].quotes.at(0)
    assert offers[0].delivered_s(0, 0) > 3 * offers[1].delivered_s(0, 0)
    assert offers[1].quotes.at(0) == pytest.approx(2.35 * 8)
    assert dear > usual


def test_the_price_list_column_goes_by_the_term() -> None:
    assert kind().column() == "commit1y"
    assert kind(term="36 months").column() == "commit3y"


@pytest.mark.parametrize(
    "change",
    [{"term": "0 d"}, {"term": "-1 y"}, {"upfront_share": 1.2}, {"usd_per_gpu_hour": 0}, {"resale_share": -0.1}],
)
def test_a_contract_that_cannot_be_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        kind(**change)


def test_each_length_of_contract_has_its_own_price_and_no_other_is_sold() -> None:
    offer = kind(other_terms=[{"term": "1 months", "usd_per_gpu_hour": 3.0}, {"term": "36 months", "of_quote": 0.7}])
    sold = offer.build("r", TWO_YEARS, FinanceFacts()).commitment
    assert isinstance(sold, RentalTerms)
    for term_s, usd in ((None, 2.35), (YEAR_S, 2.35), (MONTH_S, 3.0), (36 * MONTH_S, 2.35 * 0.7)):
        length_s = term_s or YEAR_S
        charges = books.life(sold, 1, 0, [4 * YEAR_S], term_s)
        assert books.paid(charges) == pytest.approx(usd * 8 * length_s / HOUR_S * 10**6, abs=1)
        assert sold.term_fault(term_s) is offer.term_fault(term_s) is None
    told = "is sold for 1 month or 12 months or 36 months only, not for 6 months: no price is stated for that"
    assert sold.term_fault(6 * MONTH_S) == offer.term_fault(6 * MONTH_S) == told
    with pytest.raises(ValueError, match="not for 6 months"):
        sold.at_signing(1, 0, 6 * MONTH_S)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"other_terms": [{"term": "1 months"}]}, "a term needs its price"),
        ({"other_terms": [{"term": "1 months", "usd_per_gpu_hour": 3.0, "of_quote": 1.1}]}, "a term needs its price"),
        ({"other_terms": [{"term": "12 months", "of_quote": 1.1}]}, "one price for each length"),
        ({"sublet": True}, "sublet needs resale_share"),
    ],
)
def test_a_length_needs_one_price_and_a_sub_tenant_pays_something(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        kind(**change)


def test_a_sub_tenant_takes_the_rest_of_a_contract_for_his_share_as_the_market_has_it_then() -> None:
    """Half a year is left of 175,200: he pays 60 % of it, and after a glut 30 %."""
    half, left = YEAR_S // 2, 20 * 4380 * 10**6
    for factor, cost in ((1.0, 0.4), (0.5, 0.7)):
        rental = terms(sublet=True, resale_share=0.6, resale=Path.steps([(0, 1.0), (half, factor)]))
        assert rental.may_leave
        charges = [*books.life(rental, 1, 0, [half])[:-1], *rental.at_leaving(1, 0, 0, half)]
        assert books.used_by(charges, "expense:fee") == pytest.approx(cost * left, abs=1)
        books.assert_cash_identity(charges)
        assert rental.least_leaving_share == pytest.approx(0.4)
    assert not terms(resale_share=0.6).may_leave  # who may not sublet finds a buyer at the end of the run alone


def test_money_prepaid_costs_its_rate_while_it_waits_and_while_it_is_used_up() -> None:
    """A year at 20 USD an hour, ordered half a year ahead, at 21 %: 10 % of it waiting, then about half of 21 %."""
    late = Delivery(Constant(time=Seconds(YEAR_S // 2)), Dice(0), Path.constant(1.0))
    rental = terms(upfront_share=1.0, cost_of_capital=0.21, delivery=late)
    whole = 20 * 8760 * 10**6
    charges = books.life(rental, 1, 0, [YEAR_S // 2 + month * MONTH_S for month in range(1, 13)])
    spans = sum((1 - (month + 0.5) / 12) * (1.21 ** (1 / 12) - 1) for month in range(12))
    assert books.used_by(charges, "expense:capital") == pytest.approx(whole * (0.10 + spans), abs=20)
    books.assert_cash_identity(charges)
    # an order on its way at the end of the run was tied up too
    waiting = [*rental.at_signing(1, 0, None), *rental.at_close(1, 0, YEAR_S // 2, YEAR_S // 4)]
    assert books.used_by(waiting, "expense:capital") == pytest.approx(whole * (1.21**0.25 - 1), abs=1)
    books.assert_cash_identity(waiting)


def test_capital_gets_cheaper_as_the_company_grows() -> None:
    """21 % in the first half year and nothing from then on, on half of the price, used up evenly over the year."""
    facts = FinanceFacts(0.21, capital_stages=((YEAR_S // 2, 0.0),))
    grown = kind(upfront_share=0.5, lead="0 s").build("r", TWO_YEARS, facts).commitment
    assert grown is not None
    charges = books.life(grown, 1, 0, [YEAR_S // 2, YEAR_S])
    whole = 2.35 * 8 * 8760 * 10**6
    assert books.used_by(charges, "expense:capital") == pytest.approx(whole / 2 * 0.75 * 0.10, rel=1e-6)
