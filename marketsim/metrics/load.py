"""Offered load against what the market lets start, by stretches of weeks, before any policy is asked.

A workload is counted in its own reference GPU, so a row shows sizes and no sum. The market is what metered offers let
start within their first quota; capacity that is signed or bought, and tokens, come on top.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marketsim import units
from marketsim.demand import load
from marketsim.world import World


@dataclass(frozen=True)
class Stretch:
    """Weeks from first to last, counted from 1: mean GPUs offered by workload, mean GPUs startable; None: no bound."""

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
        market = 0.0
        for offer in metered:
            least = offer.quota if offer.quota is not None else units.UNLIMITED
            market += min(offer.launchable.mean(int(edges[0]), int(edges[-1])), least) * offer.shape.gpus
        means = {
            name: float(np.average(values[first:last], weights=np.diff(edges))) for name, values in offered.items()
        }
        out.append(Stretch(first + 1, last, means, None if market >= units.UNLIMITED else market))
    return tuple(out)
