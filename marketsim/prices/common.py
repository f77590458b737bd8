"""Why prices move together: common factors of one GPU type across regions, and of one GPU family within a region.

A series' standardised daily change is sqrt(1 - a - b) own + sqrt(a) type + sqrt(b) family-and-region. Measured on AWS
accelerators the correlation of changes grows with the horizon (1, 7, 30 days: same type, other region .08, .22, .22;
same family, same region .15, .34, .42), while that of a series' own part does not: so the factors carry the momentum
(first-order autoregression, 0.8 a day) and the own part has none (measured blocks with random signs).
The factors' shares grow with the market's `spot` loading up to the measured ones at 1; at 0 draws are independent.
"""

from __future__ import annotations

import math
import re

import numpy as np

from marketsim.prices.drawn import autoregression, market_dice
from marketsim.prices.process import Asked
from marketsim.streams import Floats
from marketsim.throw import Throw

TYPE_SHARE, FAMILY_SHARE = 0.08, 0.15  # of the variance of a daily change
MOMENTUM = 0.8  # a day


def region_of(zone: str) -> str:
    """The region of a zone: us-east-1 of us-east-1a, europe-west4 of europe-west4-b; a region stays itself."""
    return re.sub(r"(?<=[0-9])-?[a-z]$", "", zone)


def factor(throw: Throw, name: str, days: int) -> Floats:
    """Daily changes of a common factor, unit variance, shape (days,); the same for all who name it."""
    normals = market_dice(throw.dice).normals(name, days)
    shocks = normals[1:] * math.sqrt(1 - MOMENTUM**2)
    return autoregression(float(normals[0]), MOMENTUM, shocks) if days else normals


def shares(throw: Throw) -> tuple[float, float]:
    """Shares of variance of the type's and of the family's factor, by the market's `spot` loading."""
    strength = min(throw.loadings.get("spot", 0.0), 1.0)
    return strength * TYPE_SHARE, strength * FAMILY_SHARE


def together(own: Floats, signs: Floats, throw: Throw, asked: Asked) -> Floats:
    """Standardised changes with their common part; `own` as they are where the loading is 0.

    own (days,): measured changes in order, with their momentum; signs (days,): +1 or -1, which take it away.
    """
    of_type, of_family = shares(throw)
    if of_type + of_family == 0:
        return own
    own_part = math.sqrt(1 - of_type - of_family) * own * signs
    alike = factor(throw, f"type/{asked.provider}/{asked.gpu}/{asked.gpus}", len(own))
    near = factor(throw, f"family/{asked.provider}/{asked.gpu}/{region_of(asked.zone)}", len(own))
    return np.asarray(own_part + math.sqrt(of_type) * alike + math.sqrt(of_family) * near)
