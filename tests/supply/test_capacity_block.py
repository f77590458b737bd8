"""Capacity blocks: all paid at once, gone before a fixed hour of the day, and lost where the run ends before them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
import supply_books as books
from pydantic import ValidationError

from marketsim.streams import Dice
from marketsim.supply.capacity_block import BlockTerms, CapacityBlock
from marketsim.supply.kind import FinanceFacts
from marketsim.throw import Throw
from marketsim.units import DAY_S, HOUR_S, MINUTE_S, YEAR_S

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def block(**change: Any) -> CapacityBlock:
    keys: dict[str, Any] = {
        "kind": "capacity_block",
        "provider": "AWS",
        "shape": {"gpu": "H100", "gpus": 8},
        "usd_per_gpu_hour": 2.5,
        "term": "2 d",
    }
    return CapacityBlock.model_validate(keys | change)


def terms(start: datetime = NOON, **change: Any) -> BlockTerms:
    offer = block(**change).build("b", Throw(Dice(0), YEAR_S, YEAR_S, start), FinanceFacts())
    assert isinstance(offer.commitment, BlockTerms)
    return offer.commitment


def test_a_block_is_shut_down_half_an_hour_before_half_past_eleven() -> None:
    # from noon, two days reach noon of the day after next; its 11:30 is half an hour before, the shut-down an hour
    assert terms().ends_s(0, None) == 2 * DAY_S - HOUR_S
    morning = terms(datetime(2026, 3, 1, 11, 30, tzinfo=UTC))
    assert morning.ends_s(0, None) == 2 * DAY_S - 30 * MINUTE_S
    assert morning.ends_s(0, DAY_S) == DAY_S - 30 * MINUTE_S
    assert terms(datetime(2026, 3, 1, 11, 29, tzinfo=UTC)).ends_s(0, DAY_S) == DAY_S - 29 * MINUTE_S
    assert all(terms().ends_s(t_s, DAY_S) - t_s >= 11 * HOUR_S for t_s in range(0, 2 * DAY_S, 977))
    assert terms(start=NOON, shut_down="0 s", end_of_day="12 h").ends_s(0, None) == 2 * DAY_S


def test_all_of_it_is_paid_at_once_and_used_up_by_its_end() -> None:
    whole = round(3 * 8 * 2.5 * 48 * 10**6)
    charges = books.life(terms(), 3, 0, [DAY_S, 2 * DAY_S])
    assert books.paid(charges[:1]) == books.paid(charges) == books.used(charges) == whole
    assert books.balances(charges)["prepaid"] == 0


def test_what_is_left_when_the_run_ends_is_lost() -> None:
    charges = books.life(terms(lead="5 d"), 1, 0, [DAY_S])
    assert books.used(charges) == 8 * 2.5 * 48 * 10**6
    books.assert_cash_identity(books.life(terms(), 1, 0, [DAY_S]))


@pytest.mark.parametrize(
    "change", [{"term": "36 h"}, {"term": "183 d"}, {"end_of_day": "24 h"}, {"most_instances": 65}]
)
def test_a_block_that_is_not_sold_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        block(**change)


def test_a_block_is_of_whole_days_up_to_half_a_year() -> None:
    assert [terms().term_fault(term_s) for term_s in (None, DAY_S, 182 * DAY_S)] == [None] * 3
    for term_s in (HOUR_S, 36 * HOUR_S, 183 * DAY_S):
        assert "whole days, 1 d to 182 d" in str(terms().term_fault(term_s))
        assert block().term_fault(term_s) == terms().term_fault(term_s)


def test_a_block_that_is_paid_for_ties_money_up_from_the_order_on() -> None:
    """A year's rate of 0.21 over ten days of waiting and two of use, whose money is half gone in the mean."""
    facts = FinanceFacts(0.21)
    bound = block(lead="10 d", end_of_day="12 h", shut_down="0 s").build(
        "b", Throw(Dice(0), YEAR_S, YEAR_S, NOON), facts
    )
    charges = books.life(bound.commitment, 1, 0, [12 * DAY_S])
    whole = 8 * 2.5 * 48 * 10**6
    wanted = whole * (1.21 ** (10 / 365) - 1 + (1.21 ** (2 / 365) - 1) / 2)
    assert books.used_by(charges, "expense:capital") == pytest.approx(wanted, abs=2)
    books.assert_cash_identity(charges)
