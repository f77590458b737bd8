"""How a startup's workload changes from one stretch of weeks to the next, as shocks on the fitted settings.

A fit tells what was; the weeks after belong to other projects. Over six tenants of the Philly trace the median size
moves by a factor of up to 9 between the first 60 % and the rest of 90 days, rates fall by up to 7, weekends fill and
empty. A prediction therefore draws its settings around the fit. The spreads below are the standard
deviations of each shock. They were set once for all tenants, by coverage and interval score at splits from 0.4 to 0.7;
they are figures of one trace of 2017 and no law.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import special

from marketsim import streams

Floats = NDArray[np.float64]


class Drift(NamedTuple):
    """Standard deviations: of ln unless said otherwise."""

    rate: float = 0.7
    busyness: float = 0.25  # of the sigmas of days and hours
    batch: float = 0.3  # exponent on batch sizes
    size_shift: float = 0.45  # in normal scores: more short jobs or more long ones
    size_scale: float = 0.35
    gang: float = 0.6  # of each choice's weight
    weekend: float = 0.6
    day: float = 0.25  # of each day of the week
    block: float = 0.5  # of each six hours of the day


NONE = Drift(*(0.0,) * len(Drift._fields))


def shift_shares(shares: Floats, by: float) -> Floats:
    """Shares of an inverse distribution function after a shift of `by` normal scores; 0 and 1 stay.

    Q'(u) = Q(Phi(z(u) + by)): the same values come, the longer ones more often where `by` is above 0.
    """
    moved = special.ndtr(special.ndtri(np.clip(shares, 1e-12, 1 - 1e-12)) - by)
    moved[0], moved[-1] = 0.0, 1.0
    return np.asarray(moved)


def shift_week(weights: Floats, uniforms: Floats, drift: Drift) -> Floats:
    """Hour weights with shocks on the weekend, each day and each six hours of the day; uniforms (12,); mean 1."""
    shock = streams.normal(uniforms)
    weekend = np.exp(drift.weekend * shock[0])
    days = np.exp(drift.day * shock[1:8]) * np.array([1.0] * 5 + [weekend] * 2)
    knots = drift.block * shock[8:12]
    centre = (np.arange(24) + 0.5 - 3) / 6  # blocks are centred on 3, 9, 15 and 21 h
    low = np.floor(centre).astype(int)
    part = centre - low
    hours = np.exp((1 - part) * knots[low % 4] + part * knots[(low + 1) % 4])
    moved = weights * np.repeat(days, 24) * np.tile(hours, 7)
    return np.asarray(moved / moved.mean())
