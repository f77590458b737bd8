"""Copies of data in the places where they are used: brought once, by the tier billed, and stored until the end.

A workload's data are copied to a provider's zone when a job first needs them there. They come out of the place that
holds them and asks least, or, as at first, out of the startup's own store for nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from marketsim.demand.job import Need
from marketsim.engine.pool import Pool
from marketsim.engine.state import JobState
from marketsim.ledger import ACCOUNT, REFERENCE
from marketsim.supply import finance
from marketsim.supply.offer import Offer
from marketsim.units import MICRO, MONTH_S

if TYPE_CHECKING:
    from marketsim.engine.run import Engine

NETWORK, STORAGE = ACCOUNT["expense:network"], ACCOUNT["expense:storage"]
OFFER = REFERENCE["offer"]
MEGABITS_A_GB = 8_000


@dataclass(frozen=True)
class _Copy:
    """A workload's data at a provider's place: since when they are stored there, and from when they can be used."""

    data_gb: float
    since_s: int
    there_s: int
    offer: int  # the offer for which they were brought, to whose price list their storage belongs


class Copies:
    """Brings, keeps and bills copies of data."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._copies: dict[tuple[str, str, str], _Copy] = {}  # by workload, provider and zone
        self._out_gb: dict[tuple[str, int], float] = {}  # taken out of a provider in a month

    def usd(self, need: Need, pool: Pool) -> float | None:
        """USD of copying a workload's data to the offer's place now; None where they lie there, or it has none."""
        offer = pool.offer
        if not need.data_gb or self._holds(need, offer):
            return None
        source = self._source(need)
        out_usd = 0.0 if source is None else self._out_usd(source, need.data_gb)
        return need.data_gb * offer.usd_per_gb_in + out_usd

    def _holds(self, need: Need, offer: Offer) -> bool:
        return need.workload in offer.data_here or (need.workload, offer.provider, offer.zone) in self._copies

    def _source(self, need: Need) -> Offer | None:
        """Whence data are taken: the first of the offers that hold them and ask least."""
        holders = [offer for offer in self._engine.world.offers if self._holds(need, offer)]
        return min(holders, key=lambda offer: self._out_usd(offer, need.data_gb), default=None)

    def _out_usd(self, offer: Offer, gb: float) -> float:
        """What so much more costs to take out of a provider in this month, by its tiers where it has them."""
        if offer.gb_out_tiers is None:
            return gb * offer.usd_per_gb_out
        before = self._out_gb.get((offer.provider, self._engine.kernel._now // MONTH_S), 0.0)
        tiers = offer.gb_out_tiers
        return finance.tiered_usd(before + gb, tiers) - finance.tiered_usd(before, tiers)

    def bring(self, job: JobState, pool: Pool, ready_s: int, transfer_s: int) -> int:
        """Copy the workload's data to the offer's place where it is not yet; when instances and data are both there.

        transfer_s: over the line into the place; the line out of where they come from may be the narrower one.
        """
        need, offer = job.need, pool.offer
        if not need.data_gb or self._holds(need, offer):
            return ready_s + self.transfer_left_s(need, offer, ready_s, transfer_s)
        engine, source = self._engine, self._source(need)
        now = engine.kernel._now
        bills = [(offer.provider, need.data_gb * offer.usd_per_gb_in)]  # each end bills, and takes its own credits
        if source is not None:
            bills.append((source.provider, self._out_usd(source, need.data_gb)))
            month = (source.provider, now // MONTH_S)
            self._out_gb[month] = self._out_gb.get(month, 0.0) + need.data_gb
            if source.downlink_mbit_s is not None:
                transfer_s = max(transfer_s, int(-(-need.data_gb * MEGABITS_A_GB // source.downlink_mbit_s)))
        copy = _Copy(need.data_gb, now, ready_s + transfer_s, pool.index)
        self._copies[need.workload, offer.provider, offer.zone] = copy
        for provider, usd in bills:
            if usd:
                engine.books.usage(
                    now, round(usd * MICRO), provider, NETWORK, pool.index, OFFER, pool.index, job.id
                )  # fmt: skip
        return ready_s + transfer_s

    def transfer_left_s(self, need: Need, offer: Offer, ready_s: int, transfer_s: int) -> int:
        """Seconds after `ready_s` until a workload's data are at the offer's place: others may be bringing them."""
        if not transfer_s:
            return 0
        copy = self._copies.get((need.workload, offer.provider, offer.zone))
        return transfer_s if copy is None else max(copy.there_s - ready_s, 0)

    def store(self, from_s: int, to_s: int) -> None:
        """Charge the storage of a span, each copy by the price list of its place."""
        engine = self._engine
        for copy in self._copies.values():
            offer = engine.pools[copy.offer].offer
            usd = offer.usd_per_gb_month_storage
            if usd is None:
                usd = engine.world.usd_per_gb_month_storage
            micro = round(usd * copy.data_gb * MICRO * (to_s - max(from_s, copy.since_s)) / MONTH_S)
            if micro > 0:
                engine.books.usage(to_s, micro, offer.provider, STORAGE, copy.offer, OFFER, copy.offer)
