"""How strongly a thing follows the market's state: a factor exp(loading x scale x scarcity), stated here once.

Scarcity is in standard deviations, 0 in ordinary times and positive when capacity is short. The loading is the
scenario's (0: does not follow at all, 1: as the past says); the scale is the past's, in logarithms a deviation:

| what | scale | from |
|---|---|---|
| spot | 0.11 | sd over time of the mean log ratio of spot to on-demand, 127 AWS series of 2024 and 2025: 0.105 |
| quotes | 0.27 | one-year H100 contract $1.70 to $2.35, Oct 2025 to Mar 2026: 2 deviations at loading 0.6 |
| stock | 0.90 | odds that a zone has none: advisor buckets of <5 % against >20 %, 2 deviations at loading 0.8 |
| delivery | 0.70 | servers in 36-52 weeks (2023) against 8-12 (2024), read as 3 deviations at a loading of 0.7 |
| resale | 0.20 | assumption: resale moves less than new quotes; value of A100s fell 6-7 % a year in 2022-25, T4s 25 % |

The last three are readings of few episodes, not fits, and are to be taken as assumptions.
"""

from __future__ import annotations

import numpy as np

from marketsim.path import Path, combine
from marketsim.throw import Throw

SCALES = {"spot": 0.11, "quotes": 0.27, "stock": 0.90, "delivery": 0.70, "resale": 0.20}


def tilt(throw: Throw, what: str) -> Path:
    """The factor by which prices, odds or times of `what` follow the market: above 1 when capacity is short.

    what: one of `SCALES`. Exactly 1 for ever where the loading or the scarcity is 0.
    """
    strength = throw.loadings.get(what, 0.0) * SCALES[what]
    if strength == 0 or not throw.scarcity.values.any():
        return Path.constant(1.0)
    return throw.scarcity.map(lambda level: np.exp(strength * level))


def follow(path: Path, throw: Throw, what: str, at_least: float = 0.0, at_most: float = np.inf) -> Path:
    """The path times its factor, kept within bounds where the factor is not 1; the very path where it is."""
    factor = tilt(throw, what)
    if len(factor.values) == 1 and factor.values[0] == 1.0:
        return path
    return combine([path, factor], lambda level, times: np.clip(level * times, at_least, at_most))
