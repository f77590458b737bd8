"""Offered load against what the market lets start, by stretches of weeks, before any policy is asked.

A workload is counted in its own reference GPU, so a row shows sizes and no sum. The market is what metered offers let
start within their first quota; capacity that is signed or bought, and tokens, come on top.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marketsim import units
from marketsim.demand import load
from marketsim.path import Path
from marketsim.supply.offer import Offer
from marketsim.world import World


@dataclass(frozen=True)
class Stretch:
    """Weeks from first to last, counted from 1: mean GPUs offered by workload, mean GPUs startable.

    market: None where, some of the time at least, there is no bound.
    """

    first_week: int
    last_week: int
    offered: dict[str, float]
    market: float | None


def against_market(world: World, most: int = 12) -> tuple[Stretch, ...]:
    """Load and market in at most so many stretches of equally many weeks; the last may be shorter."""
    offered = load.offered_by_week(world.jobs, world.services, world.horizon_s)
    metered = [offer for offer in world.offers if offer.commitment is None and offer.usd_per_input_token is None]
    out = []
    for first, last in load.stretches(world.horizon_s, most):
        edges = np.minimum(np.arange(first, last + 1) * units.WEEK_S, world.horizon_s)
        from_s, to_s = int(edges[0]), int(edges[-1])
        bounded = all(_share_without_bound(offer).mean(from_s, to_s) == 0 for offer in metered)
        market = sum(_startable(offer).mean(from_s, to_s) * offer.shape.gpus for offer in metered)
        means = {
            name: float(np.average(values[first:last], weights=np.diff(edges))) for name, values in offered.items()
        }
        out.append(Stretch(first + 1, last, means, market if bounded else None))
    return tuple(out)


def _startable(offer: Offer) -> Path:
    """Instances that may be started within the first quota."""
    most = units.UNLIMITED if offer.quota is None else offer.quota
    return offer.launchable.map(lambda many: np.minimum(many, most))


def _share_without_bound(offer: Offer) -> Path:
    """1 where neither market nor quota bounds what may be started, else 0; a mean of such figures says nothing."""
    return _startable(offer).map(lambda many: (many >= units.UNLIMITED).astype(np.float64))
