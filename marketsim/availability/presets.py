"""Named availabilities: zones that were measured, and the buckets that a provider publishes.

The buckets of the AWS Spot Advisor tell the share of instances interrupted within a month; zones that were pinged for
weeks are far harsher, above all for whole 8-GPU instances. Bucket presets take the middle of the bucket as a monthly
rate and a gone spell of 2 h, which is an assumption: the advisor says nothing of how long capacity stays away.
"""

from __future__ import annotations

import math
from typing import Any

from marketsim.data.tables import document
from marketsim.units import MONTH_S

BUCKETS = {
    "advisor-0-5": 0.025,
    "advisor-5-10": 0.075,
    "advisor-10-15": 0.125,
    "advisor-15-20": 0.175,
    "advisor-20-up": 0.30,
}

# The zone us-west-2a of the 2022 measurement is not among the traces at hand; the one beside it, with the same shape
# and days, stands for it.
STANDS_FOR = {"v100-us-west-2a-8gpu": "v100-us-west-2b-8gpu"}

# An assumption: nobody publishes how often on-demand is out of stock. Half a day a month in ordinary times; with the
# usual loading a market two deviations tight makes that a fifth of all time, as in the winter of 2025 to 2026.
ON_DEMAND_STOCK: dict[str, Any] = {
    "available": {"kind": "exponential", "mean": "30 d"},
    "gone": {"kind": "exponential", "mean": "12 h"},
}


def two_state() -> dict[str, dict[str, Any]]:
    """Settings of `two_state` by preset name."""
    measured = {zone["preset"]: dict(zone["settings"]) for zone in document("spot_spells")}
    measured |= {name: measured[other] for name, other in STANDS_FOR.items()}
    return measured | {name: _bucket(share) for name, share in BUCKETS.items()} | {"on-demand-stock": ON_DEMAND_STOCK}


def _bucket(monthly_share: float) -> dict[str, Any]:
    """Exponential spells with the given chance of at least one interruption in a month."""
    mean_s = round(-MONTH_S / math.log(1 - monthly_share))
    return {"available": {"kind": "exponential", "mean": f"{mean_s} s"}, "gone": {"kind": "exponential", "mean": "2 h"}}
