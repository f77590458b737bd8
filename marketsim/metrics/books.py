"""The books of a run: amounts by account, the trial balance, and cash against expense, all in whole micro-dollars.

A posting moves its amount from the credited to the debited account. `billed` is what was paid at that moment and
`effective` what was used up; where both are given they are equal, so the amount is the one that is not 0.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from marketsim.ledger import ACCOUNT, ACCOUNTS
from marketsim.metrics.measured import Measured

Ints = NDArray[np.int64]

EXPENSES = np.array([name.startswith("expense:") for name in ACCOUNTS])
COSTS = EXPENSES | np.array([name == "income:credits" for name in ACCOUNTS])
ASSETS = ("prepaid", "servers")
LIABILITIES = ("payable", "debt")


def amounts(measured: Measured) -> Ints:
    """What each posting moved; shape (postings,). Raises ValueError where billed and effective contradict."""
    posted = measured.rows("posted")
    both = (posted.billed != 0) & (posted.effective != 0)
    if (posted.billed[both] != posted.effective[both]).any():
        raise ValueError("the ledger is broken: a posting's billed and effective amounts differ")
    return np.where(posted.billed != 0, posted.billed, posted.effective)


def sums(index: Ints, weights: Ints, count: int) -> Ints:
    """Whole sums of weights per index; shape (count,). Exact where a float sum would not be."""
    out = np.zeros(count, np.int64)
    np.add.at(out, index, weights)
    return out


def trial_balance(measured: Measured) -> dict[str, int]:
    """Debits less credits of each account in micro-dollars; they add up to 0."""
    posted, moved = measured.rows("posted"), amounts(measured)
    net = sums(posted.debit, moved, len(ACCOUNTS)) - sums(posted.credit, moved, len(ACCOUNTS))
    return {name: int(net[index]) for index, name in enumerate(ACCOUNTS)}


def effective_cost(measured: Measured) -> Ints:
    """What each posting adds to the effective cost, in micro-dollars: expense, less credits used; (postings,)."""
    posted = measured.rows("posted")
    return posted.effective * (COSTS[posted.debit].astype(np.int64) - COSTS[posted.credit])


def cash_flow(measured: Measured, *, compute_only: bool) -> Ints:
    """What each posting adds to cash, in micro-dollars; (postings,).

    compute_only leaves out what the owner puts in or spends elsewhere (against equity) and revenue.
    """
    posted = measured.rows("posted")
    cash = ACCOUNT["cash"]
    flow = amounts(measured) * ((posted.debit == cash).astype(np.int64) - (posted.credit == cash))
    if compute_only:
        for other in (ACCOUNT["equity"], ACCOUNT["income:revenue"]):
            flow = np.where((posted.debit == other) | (posted.credit == other), 0, flow)
    return flow


class CashIdentity(NamedTuple):
    """The two sides of `cash_out = expense - imputed + assets - liabilities`, in micro-dollars, and their parts.

    expense is effective, less credits used; imputed is cost of capital that nobody is paid; changes are over the run.
    """

    cash_out: int
    expense: int
    imputed: int
    assets: int
    liabilities: int

    @property
    def holds(self) -> bool:
        """Whether both sides are equal to the micro-dollar."""
        return self.cash_out == self.expense - self.imputed + self.assets - self.liabilities


def cash_identity(measured: Measured) -> CashIdentity:
    """The cash identity of a run, each side from other postings; it holds exactly or the books are wrong."""
    balance = trial_balance(measured)
    posted = measured.rows("posted")
    capital, equity = ACCOUNT["expense:capital"], ACCOUNT["equity"]
    imputed = posted.effective * (
        ((posted.debit == capital) & (posted.credit == equity)).astype(np.int64)
        - ((posted.credit == capital) & (posted.debit == equity))
    )
    return CashIdentity(
        cash_out=-int(cash_flow(measured, compute_only=True).sum()),
        expense=int(effective_cost(measured).sum()),
        imputed=int(imputed.sum()),
        assets=sum(balance[name] for name in ASSETS),
        liabilities=-sum(balance[name] for name in LIABILITIES),
    )
