"""What is left undone at the end of the run, priced at on-demand, so that not doing work is no saving.

That is work that is still open at the end of the drain, and work that was given up on the way: cancelled, refused by a
full queue, gone out of patience, or of a job whose predecessor never finished. A policy that does none of it pays what
on demand would have cost; whether it was late is told by the metrics of misses, beside the cost.

Each job is priced as if it were started at that second on a lease of its own, boot, overhead and whole quanta included:
a share of one would be cheaper than what a job that is run in time pays for, wherever leases are not quite full.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from marketsim.engine import progress
from marketsim.ledger import ACCOUNT, REFERENCE
from marketsim.units import HOUR_S, MICRO

if TYPE_CHECKING:
    from marketsim.engine.run import Engine

BACKLOG, CASH, JOB = ACCOUNT["expense:backlog"], ACCOUNT["cash"], REFERENCE["job"]


def value(engine: Engine, left: Iterable[tuple[int, int, int]]) -> None:
    """Post the price of each (job, need, work left); jobs that no price list can value are counted in the ledger."""
    now = engine.kernel._now
    for job, need_index, work in left:
        priced = _price(engine, need_index)
        if priced is None:
            engine.ledger.unpriced_jobs += 1
            continue
        offer, size, usd_per_hour = priced
        need, seconds = engine.needs[size], _lease_s(engine, size, offer, work)
        micro = round(seconds * usd_per_hour * need.instances * MICRO / HOUR_S)
        engine.books.post(now, BACKLOG, CASH, micro, micro, offer, JOB, job, job)


def _lease_s(engine: Engine, need_index: int, offer: int, work: int) -> int:
    """Seconds that a lease for the work alone would be billed; 0 where nothing is left."""
    if work <= 0:
        return 0
    need, terms = engine.needs[need_index], engine.pools[offer].offer
    how, speed = need.checkpoint, engine.speed_ppm[need_index][offer]
    held_s = terms.boot_s + progress.held_s(work, need.gang_milli, speed, how.start_s, how)
    return -(-max(held_s, terms.minimum_s) // terms.quantum_s) * terms.quantum_s


def _price(engine: Engine, need_index: int) -> tuple[int, int, float] | None:
    """(offer, need at the size, USD an instance-hour): the scenario's backlog offer, else the cheapest metered.

    On demand goes before spot. An elastic job is priced at the size that it would be started at in an empty offer.
    """
    named, now = engine.world.backlog_offer, engine.kernel._now
    choices = []
    for pool in engine.pools:
        size = engine.setup.fastest(need_index, pool.index)
        speed, price = engine.speed_ppm[size][pool.index], pool.offer.price
        if price is None or not speed or (named is not None and pool.offer.id != named):
            continue
        usd, need, declared = price.at(now), engine.needs[size], engine.needs[need_index]
        paid = need.instances * declared.gang_milli / (need.gang_milli * declared.instances)  # 1 at the declared size
        choices.append((pool.offer.kind != "on_demand", usd / speed * paid, pool.index, size, usd))
    return min(choices)[2:] if choices else None
