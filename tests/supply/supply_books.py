"""Sums over charges that several tests take: what was paid, what was used up, and whether the books fit together."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Sequence

from marketsim.ledger import ACCOUNTS
from marketsim.supply.offer import Charge, Commitment


def life(
    terms: Commitment, instances: int, at_s: int, cuts: Sequence[int], term_s: int | None = None, order: int = 0
) -> list[Charge]:
    """All charges of an order whose time is divided at `cuts`; the last cut is the close."""
    delivered_s = terms.delivered_s(at_s, order)
    ends_s = terms.ends_s(delivered_s, term_s)
    charges = list(terms.at_signing(instances, at_s, term_s))
    times = [delivered_s, *(cut if ends_s is None else min(cut, ends_s) for cut in cuts if cut > delivered_s)]
    for from_s, to_s in itertools.pairwise(times):
        if from_s < to_s:
            charges += terms.over(instances, at_s, delivered_s, from_s, to_s, term_s)
    if ends_s is None or cuts[-1] < ends_s:
        charges += terms.at_close(instances, at_s, delivered_s, cuts[-1], term_s)
    return charges


def used(charges: Iterable[Charge]) -> int:
    """Micro-dollars of expense, gains taken off."""
    charges = list(charges)
    return sum(c.effective for c in charges if c.debit.startswith("expense:")) - sum(
        c.effective for c in charges if c.credit.startswith("expense:")
    )


def used_by(charges: Iterable[Charge], account: str) -> int:
    """The same of one account."""
    return used(c for c in charges if account in (c.debit, c.credit))


def paid(charges: Iterable[Charge]) -> int:
    """Micro-dollars of cash that went out."""
    return sum(c.billed * ((c.credit == "cash") - (c.debit == "cash")) for c in charges)


def balances(charges: Iterable[Charge]) -> Counter[str]:
    """Debits less credits by account."""
    net: Counter[str] = Counter()
    for charge in charges:
        assert charge.billed == charge.effective or 0 in (charge.billed, charge.effective)
        assert {charge.debit, charge.credit} <= set(ACCOUNTS)
        amount = charge.billed or charge.effective
        assert amount > 0, f"an empty or negative posting: {charge}"
        net[charge.debit] += amount
        net[charge.credit] -= amount
    return net


def assert_cash_identity(charges: Sequence[Charge]) -> None:
    """cash_out = expense - imputed capital cost + change in assets - change in liabilities, to the micro-dollar."""
    net = balances(charges)
    assert sum(net.values()) == 0
    assets, liabilities = net["prepaid"] + net["servers"], -net["payable"] - net["debt"]
    assert paid(charges) == used(charges) - used_by(charges, "expense:capital") + assets - liabilities
