"""The books of a few postings by hand: what each moves, costs and pays, and the balance that they leave."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from marketsim.ledger import ACCOUNT, ACCOUNTS
from marketsim.metrics import books


def posted(*rows: tuple[str, str, int, int]) -> Any:
    """What the books ask of a run: postings (debit, credit, billed, effective)."""
    table = SimpleNamespace(
        debit=np.array([ACCOUNT[row[0]] for row in rows], np.int64),
        credit=np.array([ACCOUNT[row[1]] for row in rows], np.int64),
        billed=np.array([row[2] for row in rows], np.int64),
        effective=np.array([row[3] for row in rows], np.int64),
    )
    return SimpleNamespace(rows={"posted": table}.__getitem__)


YEAR = posted(
    ("expense:usage", "cash", 70, 70),  # used and paid
    ("prepaid", "cash", 40, 0),  # paid, not used yet
    ("expense:contract", "prepaid", 0, 25),  # used, paid before
    ("servers", "debt", 90, 0),
    ("expense:depreciation", "servers", 0, 30),
    ("expense:power", "payable", 0, 8),
    ("expense:capital", "equity", 0, 6),  # of our own money: nobody is paid
    ("equity", "expense:capital", 0, 2),  # and some of it taken back
    ("expense:capital", "cash", 3, 3),  # interest that is paid
    ("expense:usage", "income:credits", 11, 11),
    ("income:credits", "expense:usage", -4, -4),
    ("cash", "equity", 500, 0),  # a round
    ("equity", "cash", 60, 0),  # other burn
    ("cash", "income:revenue", 33, 33),
    ("income:revenue", "cash", 5, 5),  # refunded
    ("cash", "expense:usage", 9, 9),  # a refund of ours
)


def test_a_posting_moves_what_is_given_of_it() -> None:
    assert books.amounts(YEAR).tolist() == [70, 40, 25, 90, 30, 8, 6, 2, 3, 11, -4, 500, 60, 33, 5, 9]


@pytest.mark.parametrize(("billed", "effective"), [(5, 6), (6, 5), (-5, 5)])
def test_a_posting_of_two_amounts_is_refused(billed: int, effective: int) -> None:
    with pytest.raises(ValueError, match="differ"):
        books.amounts(posted(("expense:usage", "cash", 7, 7), ("expense:usage", "cash", billed, effective)))


def test_sums_are_whole_numbers_and_exact() -> None:
    large = 2**53
    assert books.sums(np.array([0, 2, 0, 2]), np.array([large, 5, 1, -7]), 4).tolist() == [large + 1, 0, -2, 0]


def test_each_account_is_its_debits_less_its_credits() -> None:
    wanted = {
        "cash": -70 - 40 - 3 + 500 - 60 + 33 - 5 + 9, "prepaid": 40 - 25, "servers": 90 - 30, "debt": -90,
        "payable": -8, "equity": -6 + 2 - 500 + 60, "expense:usage": 70 + 11 + 4 - 9, "expense:contract": 25,
        "expense:depreciation": 30, "expense:power": 8, "expense:capital": 6 - 2 + 3, "income:credits": -11 - 4,
        "income:revenue": -33 + 5,
    }  # fmt: skip
    found = books.trial_balance(YEAR)
    assert {name: value for name, value in found.items() if value} == wanted
    assert list(found) == list(ACCOUNTS)
    assert sum(found.values()) == 0


def test_cost_is_expense_less_credits_and_nothing_else() -> None:
    assert books.effective_cost(YEAR).tolist() == [70, 0, 25, 0, 30, 8, 6, -2, 3, 0, 0, 0, 0, 0, 0, -9]
    assert [name for name, cost in zip(ACCOUNTS, books.COSTS, strict=True) if cost] == [
        name for name in ACCOUNTS if name.startswith("expense:") or name == "income:credits"
    ]


def test_cash_with_and_without_what_the_owner_and_the_customers_pay() -> None:
    flow = [-70, -40, 0, 0, 0, 0, 0, 0, -3, 0, 0, 500, -60, 33, -5, 9]
    assert books.cash_flow(YEAR, compute_only=False).tolist() == flow
    assert books.cash_flow(YEAR, compute_only=True).tolist() == [*flow[:11], 0, 0, 0, 0, 9]


def test_cash_out_is_expense_less_what_nobody_is_paid_and_what_is_left_over() -> None:
    found = books.cash_identity(YEAR)
    assert found == books.CashIdentity(cash_out=104, expense=131, imputed=4, assets=75, liabilities=98)
    assert found.holds
    for part in found._fields:
        assert not found._replace(**{part: getattr(found, part) + 1}).holds


def test_cost_of_capital_is_imputed_only_where_it_is_against_equity() -> None:
    """Cash, payable, credits and debt are no equity, on either side."""
    others = ("cash", "payable", "income:credits", "debt")
    rows = [("expense:capital", other, 7, 7) for other in others] + [
        (other, "expense:capital", 3, 3) for other in others
    ]
    assert books.cash_identity(posted(*rows)).imputed == 0
    assert books.cash_identity(posted(*rows, ("expense:capital", "equity", 0, 5))).imputed == 5
