"""Lead times: each law by its quantiles, and one draw an order."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError
from scipy import stats

from marketsim.path import Path
from marketsim.streams import Dice
from marketsim.supply.lead import Constant, Delivery, Lead, Lognormal, Triangular
from marketsim.units import DAY_S, LONGEST_S, WEEK_S

READ = TypeAdapter(Lead)


def test_a_bare_duration_is_a_constant_lead() -> None:
    assert READ.validate_python("21 d").quantile_s(0.3) == 21 * DAY_S


def test_quantiles_are_those_of_scipy() -> None:
    three = READ.validate_python({"kind": "triangular", "low": "8 w", "mode": "16 w", "high": "52 w"})
    two = READ.validate_python({"kind": "lognormal", "median": "10 w", "p90": "30 w"})
    assert isinstance(three, Triangular)
    assert isinstance(two, Lognormal)
    law = stats.triang(8 / 44, 8 * WEEK_S, 44 * WEEK_S)
    for u in np.linspace(0.01, 0.99, 25):
        assert three.quantile_s(u) == pytest.approx(law.ppf(u))
    assert two.quantile_s(0.5) == pytest.approx(10 * WEEK_S)
    assert two.quantile_s(0.9) == pytest.approx(30 * WEEK_S)


def test_orders_of_one_offer_wait_by_their_law() -> None:
    delivery = Delivery(Lognormal.model_validate({"median": "10 w", "p90": "30 w"}), Dice(3), Path.constant(1.0))
    waits = np.array([delivery.delivered_s(0, order) for order in range(4000)])
    assert np.mean(waits <= 10 * WEEK_S) == pytest.approx(0.5, abs=0.03)
    assert np.mean(waits <= 30 * WEEK_S) == pytest.approx(0.9, abs=0.02)


def test_no_order_waits_longer_than_a_scenario_may_last() -> None:
    delivery = Delivery(Constant.model_validate({"time": "10 y"}), Dice(0), Path.constant(5.0))
    assert delivery.delivered_s(7, 0) == 7 + LONGEST_S


@pytest.mark.parametrize("wrong", ["21", 21, {"kind": "lognormal", "median": "3 d", "p90": "2 d"}, {"kind": "never"}])
def test_a_lead_that_cannot_be_is_refused(wrong: object) -> None:
    with pytest.raises(ValidationError):
        READ.validate_python(wrong)
