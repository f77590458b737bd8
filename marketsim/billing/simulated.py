"""A run as a bill: each posting of the ledger as lines with a charge period, cut at the ends of calendar months.

Billed lines add up to the cash that the run's compute took, effective ones to its total cost, both to the micro-dollar.
Left out is what no provider charges: loans and their repayment, other burn, rounds of money, revenue.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import NamedTuple

from marketsim import units
from marketsim.billing.bill import Bill, Line, month_of, month_parts
from marketsim.ledger import ACCOUNTS, REFERENCES, TABLES, Ledger
from marketsim.path import Path
from marketsim.supply.offer import Offer
from marketsim.world import World

_POSTED = TABLES["posted"]
_OUTSIDE = ("equity", "income:revenue", "debt")
_OWN = ("datacenter", "edge")
_OF_ACCOUNT = {
    "expense:contract": "committed",
    "prepaid": "committed",
    "expense:network": "egress",
    "expense:storage": "storage",
    "expense:tokens": "tokens",
    "expense:tax": "tax",
    "servers": "own",
    "expense:depreciation": "own",
    "expense:capital": "own",
    "expense:power": "own",
    "expense:space": "own",
    "expense:staff": "own",
    "expense:maintenance": "own",
}


class Posting(NamedTuple):
    """A row of `posted`, accounts by name."""

    t_s: int
    debit: str
    credit: str
    billed: int
    effective: int
    offer: int
    reference: str
    number: int

    @property
    def moved(self) -> int:
        """The amount, whichever of the two says it."""
        return self.billed or self.effective

    @property
    def cash_out(self) -> int:
        """Micro-dollars of cash that it takes."""
        return self.moved * ((self.credit == "cash") - (self.debit == "cash"))

    @property
    def cost(self) -> int:
        """Micro-dollars of effective cost, before credits are taken off."""
        return self.effective * (self.debit.startswith("expense:") - self.credit.startswith("expense:"))

    @property
    def account(self) -> str:
        """The account that says what it is for."""
        for account in (self.debit, self.credit):
            if account.startswith("expense:"):
                return account
        return self.debit if self.credit in ("cash", "payable") else self.credit


def bill_of(world: World, ledger: Ledger, start: datetime) -> Bill:
    """The lines of a run that began at `start`."""
    postings = [
        Posting(row[0], ACCOUNTS[row[1]], ACCOUNTS[row[2]], row[3], row[4], row[5], REFERENCES[row[6]], row[7])
        for row in ledger.tables["posted"].rows().tolist()
    ]
    assert _POSTED[:8] == ("t_s", "debit", "credit", "billed", "effective", "offer", "reference", "number")
    spans = _Spans(world, ledger, postings)
    start_s = round(start.timestamp())
    lines: list[Line] = []
    for posting in postings:
        if not {posting.debit, posting.credit} & set(_OUTSIDE) or posting.account == "expense:capital":
            lines += _lines(posting, world, spans, start_s)
    return Bill(tuple(lines), f"simulated under {ledger.policy}")


class _Spans:
    """The time that each posting is for: a lease's from launch or its last bill, a contract's from its last charge."""

    def __init__(self, world: World, ledger: Ledger, postings: list[Posting]) -> None:
        self._launched = {row[1]: row[0] for row in ledger.tables["launched"].rows().tolist()}
        self._released = {row[1]: row[0] for row in ledger.tables["released"].rows().tolist()}
        self._offers = world.offers
        self._of_one: dict[tuple[str, int, int], int] = defaultdict(int)  # what a lease's bill is in all, credits too
        for one in postings:
            self._of_one[one.reference, one.number, one.t_s] += abs(one.moved)
        self._delivered = {row[1]: row[4] for row in ledger.tables["signed"].rows().tolist()}
        self._last: dict[tuple[str, str, int], tuple[int, int]] = {}  # -> (the span's start, its posting's time)

    def share(self, posting: Posting) -> float:
        """The part of a lease's bill at that instant which this posting is."""
        whole = self._of_one[posting.reference, posting.number, posting.t_s]
        return abs(posting.moved) / whole if whole else 0.0

    def of(self, posting: Posting) -> tuple[int, int]:
        """(from, to) in seconds since the start."""
        t_s = posting.t_s
        if posting.account in ("prepaid", "servers", "expense:lever", "expense:end-valuation", "expense:fee"):
            return t_s, t_s + 1
        key = (posting.account, posting.reference, posting.number)
        if posting.reference == "lease":
            key = ("", "lease", posting.number)
            first = self._launched.get(posting.number, t_s)
        elif posting.reference == "commitment":
            first = max(self._delivered.get(posting.number, 0), 0)
        else:
            first = max(t_s - 1, 0) // units.MONTH_S * units.MONTH_S
        from_s, at = self._last.get(key, (first, -1))
        if at == t_s:  # another part of the same bill
            return from_s, self._end(posting, from_s)
        from_s = first if at < 0 else self._end_of_last(posting, at)
        self._last[key] = (from_s, t_s)
        return from_s, self._end(posting, from_s)

    def _end_of_last(self, posting: Posting, at: int) -> int:
        return min(at, posting.t_s)

    def _end(self, posting: Posting, from_s: int) -> int:
        to_s = posting.t_s
        if posting.reference == "lease" and self._released.get(posting.number) == posting.t_s and posting.offer >= 0:
            offer, launched = self._offers[posting.offer], self._launched[posting.number]
            held = max(posting.t_s - launched, offer.minimum_s)
            to_s = launched + -(-held // offer.quantum_s) * offer.quantum_s
        return max(to_s, from_s + 1)


def _lines(posting: Posting, world: World, spans: _Spans, start_s: int) -> list[Line]:
    offer = world.offers[posting.offer] if posting.offer >= 0 else None
    from_s, to_s = spans.of(posting)
    parts = month_parts(start_s + from_s, start_s + to_s)
    outside = posting.account == "expense:capital" and "equity" in (posting.debit, posting.credit)
    cash, cost = 0 if outside else posting.cash_out, posting.cost
    by_credit = "income:credits" in (posting.debit, posting.credit)
    category = _category(posting, offer)
    rows = [(category, cash, cost, "used" if category == "committed" else "")]
    if by_credit:  # use at its price, and the credit that paid for it
        paid = posting.moved if posting.credit == "income:credits" else -posting.moved
        rows = [(category, paid, cost, ""), ("credit", cash - paid, -paid, "")]
        if not cost:  # a provider's credit in money
            rows = [("credit", cash, -paid, "")]
    elif category == "committed" and cash and cost:  # an invoice of the contract, and the use it pays for
        rows = [(category, cash, 0, "fee"), (category, 0, cost, "used")]
    elif posting.account == "prepaid":
        rows = [(category, cash, cost, "fee")]
    weights = _weights(posting, offer, parts, start_s)
    out = []
    for kind, billed, effective, status in rows:
        if billed or effective:
            pieces = zip(parts, units.shares(billed, weights), units.shares(effective, weights), strict=True)
            for (begin, end), paid_part, used_part in pieces:
                if paid_part or used_part:
                    out.append(_line(posting, offer, (begin, end), kind, status, paid_part, used_part, spans))
    return out


def _weights(posting: Posting, offer: Offer | None, parts: list[tuple[int, int]], start_s: int) -> list[int]:
    """How a posting is spread over its months: by the price over time where it is metered, else by time."""
    if len(parts) == 1:
        return [1]
    price = offer.price if offer is not None and posting.reference == "lease" else None
    path = price if price is not None else Path.constant(1.0)
    return [round(path.integral(begin - start_s, end - start_s) * units.MILLI) for begin, end in parts]


def _category(posting: Posting, offer: Offer | None) -> str:
    account = posting.account
    if account == "expense:usage":
        kind = offer.kind if offer is not None else "on_demand"
        return kind if kind in ("spot", "on_demand") else "on_demand"
    found = _OF_ACCOUNT.get(account, "other")
    return "own" if found == "committed" and offer is not None and offer.kind in _OWN else found


def _line(
    posting: Posting,
    offer: Offer | None,
    part: tuple[int, int],
    category: str,
    status: str,
    billed: int,
    effective: int,
    spans: _Spans,
) -> Line:
    metered = posting.reference == "lease" and category in ("on_demand", "spot")
    hours = (part[1] - part[0]) / units.HOUR_S * spans.share(posting) if metered else 0.0
    machine = offer is not None and offer.shape.gpus > 0 and category in ("on_demand", "spot", "committed", "own")
    return Line(
        from_s=part[0],
        to_s=part[1],
        month=month_of(part[0]),
        billed=billed,
        effective=effective,
        category=category,
        provider=offer.provider if offer is not None else "own",
        region=offer.zone if offer is not None else "",
        service=posting.account.split(":")[-1],
        what=f"{posting.account.split(':')[-1]} of {offer.id if offer is not None else 'the startup'}",
        instance=f"{offer.shape.gpu} x{offer.shape.gpus}" if offer is not None and machine else "",
        gpu=offer.shape.gpu if offer is not None and machine else "",
        gpus=offer.shape.gpus if offer is not None and machine else 0,
        hours=hours,
        resource=f"{posting.reference}-{posting.number}" if posting.reference in ("lease", "commitment") else "",
        commitment=f"commitment-{posting.number}" if posting.reference == "commitment" else "",
        status=status,
        offer=offer.id if offer is not None else "",
        kind=offer.kind if offer is not None else "",
    )
