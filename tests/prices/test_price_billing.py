"""A lease's bill by prefix sums is the bill of its seconds."""

from __future__ import annotations

import numpy as np
import pytest

from marketsim.prices.ou import OrnsteinUhlenbeck
from marketsim.prices.process import Asked
from marketsim.streams import Dice
from marketsim.throw import Throw
from marketsim.units import DAY_S, HOUR_S

HOURLY = OrnsteinUhlenbeck(mean=3.0, kappa_per_day=0.05, sigma_per_sqrt_day=0.1)


def draw(name: str, days: int) -> object:
    throw = Throw(Dice(1).under(f"prices/{name}"), days * DAY_S, days * DAY_S)
    return HOURLY.draw(throw, Asked(name, "AWS", "H100", 8, "us-east-1"))


def test_prefix_sums_bill_a_thousand_leases_as_their_seconds_do() -> None:
    path = draw("a", 20)
    by_second = np.repeat(path.values, HOUR_S)[: 20 * DAY_S]  # type: ignore[attr-defined]
    ends = np.sort((Dice(2).uniforms("leases", 2000).reshape(1000, 2) * 20 * DAY_S).astype(int), axis=1)
    for start, end in ends.tolist():
        assert path.integral(start, end) == pytest.approx(by_second[start:end].sum(), rel=1e-9, abs=1e-6)  # type: ignore[attr-defined]
