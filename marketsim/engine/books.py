"""Money as it moves: every posting goes through here, and cash is known at every instant."""

from __future__ import annotations

from collections.abc import Iterable

from marketsim.ledger import ACCOUNT, REFERENCE, Ledger
from marketsim.supply.offer import Charge
from marketsim.world import Money

CASH, EQUITY = ACCOUNT["cash"], ACCOUNT["equity"]
USAGE, CREDITS = ACCOUNT["expense:usage"], ACCOUNT["income:credits"]


class Books:
    """Writes `posted` rows and keeps the cash balance, in whole micro-dollars."""

    def __init__(self, ledger: Ledger, money: Money) -> None:
        self._write = ledger.posted.write
        self.cash = money.cash_micro or 0
        self._credits = money.credits
        self._credits_left = [credit.micro for credit in money.credits]

    def post(
        self,
        t_s: int,
        debit: int,
        credit: int,
        billed: int,
        effective: int,
        offer: int = -1,
        reference: int = REFERENCE["none"],
        number: int = -1,
        job: int = -1,
        service: int = -1,
    ) -> None:
        """One posting; accounts by number, amounts in micro-dollars."""
        self._write((t_s, debit, credit, billed, effective, offer, reference, number, job, service))
        if credit == CASH:
            self.cash -= billed
        elif debit == CASH:
            self.cash += billed

    def charges(self, charges: Iterable[Charge], offer: int, reference: int, number: int) -> None:
        """Postings that an offer's terms worked out."""
        for charge in charges:
            self.post(
                charge.t_s, ACCOUNT[charge.debit], ACCOUNT[charge.credit], charge.billed, charge.effective,
                offer, reference, number,
            )  # fmt: skip

    def usage(
        self, t_s: int, micro: int, provider: str, account: int, offer: int, reference: int, number: int,
        job: int = -1, service: int = -1,
    ) -> None:  # fmt: skip
        """What a provider bills for use; its credits pay first, while they last and are valid."""
        for index, credit in enumerate(self._credits):
            left = self._credits_left[index]
            if credit.provider == provider and t_s <= credit.until_s and left and micro > 0:
                part = min(left, micro)
                self._credits_left[index] -= part
                micro -= part
                self.post(t_s, account, CREDITS, 0, part, offer, reference, number, job, service)
        if micro:
            self.post(t_s, account, CASH, micro, micro, offer, reference, number, job, service)
