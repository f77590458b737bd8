"""Taxes on profit, at each year's end and at the end of the run; losses of earlier years are set off first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from marketsim.ledger import ACCOUNT, ACCOUNTS
from marketsim.supply.finance import taxes_with_losses_carried
from marketsim.units import YEAR_S

if TYPE_CHECKING:
    from marketsim.engine.run import Engine

CASH, EQUITY, TAX = ACCOUNT["cash"], ACCOUNT["equity"], ACCOUNT["expense:tax"]
REVENUE, CAPITAL = ACCOUNT["income:revenue"], ACCOUNT["expense:capital"]
# what lowers profit: every expense but the tax itself and the cost of one's own capital, which nobody is paid
DEDUCTED = np.array([name.startswith("expense:") for name in ACCOUNTS])
DEDUCTED[[TAX, CAPITAL]] = False
CREDITS = ACCOUNT["income:credits"]


class Taxes:
    """Profit of each year out of the ledger: revenue, less effective expenses, less other burn."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._rate = engine.world.money.tax_rate
        self._profits: list[float] = []
        self._posted = 0  # rows of the ledger that belong to earlier years
        self._year = 0

    def month(self, now: int) -> None:
        """At the end of a year (12 months of 730 h) its tax is paid."""
        if self._rate > 0 and now // YEAR_S > self._year:
            self._year = now // YEAR_S
            self._pay(now)

    def settle(self) -> None:
        """At the end of the run the rest of a year is taxed like a whole one."""
        if self._rate > 0 and len(self._engine.ledger.posted) > self._posted:
            self._pay(self._engine.kernel._now)

    def _pay(self, now: int) -> None:
        ledger = self._engine.ledger
        rows = ledger.posted.rows()[self._posted :]
        debit, credit, billed, effective = rows[:, 1], rows[:, 2], rows[:, 3], rows[:, 4]
        cost = int((effective * (DEDUCTED[debit].astype(np.int64) - DEDUCTED[credit])).sum())
        cost -= int(effective[credit == CREDITS].sum())
        burn = int(billed[(debit == EQUITY) & (credit == CASH)].sum())
        self._profits.append(float(int(effective[credit == REVENUE].sum()) - cost - burn))
        micro = round(taxes_with_losses_carried(self._profits, self._rate)[-1])
        if micro > 0:
            self._engine.books.post(now, TAX, CASH, micro, micro)
        self._posted = len(ledger.posted)
