"""What providers pay back for months in which they were not up enough, from the outages that happened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from marketsim.engine.pool import Pool
from marketsim.ledger import ACCOUNT, REFERENCE

if TYPE_CHECKING:
    from marketsim.engine.run import Engine

CASH, USAGE, CONTRACT = ACCOUNT["cash"], ACCOUNT["expense:usage"], ACCOUNT["expense:contract"]
OFFER = REFERENCE["offer"]


class ServiceCredits:
    """At the end of each month: uptime of what was held at each offer with an agreement, and what comes back for it.

    Held is a lease from launch to release and what is committed from delivery on; a lease that failed counts as held,
    and down, until its seat was repaired, because its customer had wanted it. The bill is what was charged in the
    month: usage, and the month's share of contracts. What comes back is money off the bill, at once.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._pools = [pool for pool in engine.pools if pool.offer.sla is not None]
        self._from_s = 0
        self._posted = 0  # rows of the ledger that belong to earlier months

    def month(self, to_s: int) -> None:
        """Post what a span that ends now brings back: a month, or the rest of one at the end of the run."""
        from_s, self._from_s = self._from_s, to_s
        if not self._pools or to_s <= from_s:
            return
        posted = self._engine.ledger.posted.rows()[self._posted :]
        for pool in self._pools:
            sla = pool.offer.sla
            assert sla is not None
            held_s, down_s = self._held_and_down_s(pool, from_s, to_s)
            mine = (posted[:, 5] == pool.index) & ((posted[:, 1] == USAGE) | (posted[:, 1] == CONTRACT))
            bill = int(posted[mine, 4].sum())
            micro = round(bill * sla.credit_share(1 - down_s / held_s)) if held_s else 0
            if micro > 0:
                account = USAGE if pool.offer.price is not None else CONTRACT
                self._engine.books.post(to_s, CASH, account, micro, micro, pool.index, OFFER, pool.index)
        self._posted = len(self._engine.ledger.posted)

    def _held_and_down_s(self, pool: Pool, from_s: int, to_s: int) -> tuple[int, int]:
        ledger = self._engine.ledger
        released = {instance: t_s for t_s, instance, _ in ledger.released.rows().tolist()}
        held_s, down_s = 0, 0
        stays: dict[int, list[tuple[int, int]]] = {}  # seat -> when somebody held it
        for at_s, instance, offer, seat, _, _ in ledger.launched.rows().tolist():
            if offer == pool.index:
                until_s = released.get(instance, to_s)
                held_s += _overlap_s(at_s, until_s, from_s, to_s)
                stays.setdefault(seat, []).append((at_s, until_s))
        for at_s, offer, seat, back_s in ledger.outages.rows().tolist():
            if offer != pool.index:
                continue
            kept = [left_s for came_s, left_s in stays.get(seat, ()) if came_s <= at_s < left_s]
            gone_s = _overlap_s(at_s, min([back_s, *kept]), from_s, to_s)
            down_s += gone_s
            held_s += 0 if kept else gone_s
        return held_s, down_s


def _overlap_s(from_s: int, to_s: int, low_s: int, high_s: int) -> int:
    """Seconds that two spans share."""
    return max(min(to_s, high_s) - max(from_s, low_s), 0)
