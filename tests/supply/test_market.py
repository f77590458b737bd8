"""The state of the market: regimes, stress paths, and what follows it by how much."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pydantic
import pytest

from marketsim.path import Path
from marketsim.settings import Seconds
from marketsim.streams import Dice
from marketsim.supply.market import KINDS, Constant, Loadings, Market, Regime, Stress, follow, tilt
from marketsim.throw import Throw
from marketsim.units import DAY_S, MONTH_S, WEEK_S


def throw(days: int = 730, replication: int = 0, **more: Any) -> Throw:
    return Throw(Dice(1, replication).under("market"), days * DAY_S, days * DAY_S, **more)


def test_a_scenario_reads_as_written() -> None:
    loadings = {"spot": 1.0, "quotes": 0.6, "stock": 0.8, "delivery": 0.7, "resale": 0.5}
    market = Market.model_validate({"scarcity": {"kind": "regime", "preset": "calm-2025", "loadings": loadings}})
    assert market.scarcity.begins == "calm"
    assert market.scarcity.loadings.as_mapping() == loadings
    assert Market.model_validate({"scarcity": 1.5}).scarcity == Constant(level=1.5)
    assert Market().scarcity.draw(throw()) == Path.constant(0.0)


@pytest.mark.parametrize("preset", list(KINDS["stress"].presets))
def test_stress_paths_begin_and_hold_their_last_level(preset: str) -> None:
    stress = Stress(preset=preset)  # type: ignore[call-arg]
    path = stress.draw(throw(3000))
    assert path.at(0) == pytest.approx(stress.levels[0])
    assert path.at(2999 * DAY_S) == pytest.approx(stress.levels[-1])
    assert np.abs(path.values).max() == pytest.approx(max(abs(level) for level in stress.levels), abs=0.1)


def test_the_squeeze_makes_one_year_quotes_rise_from_1_70_to_2_35_in_five_months() -> None:
    path = Stress(preset="squeeze-2025-2026").draw(throw())  # type: ignore[call-arg]
    factor = tilt(throw(scarcity=path, loadings=Loadings().as_mapping()), "quotes")
    assert 1.70 * factor.at(0) == pytest.approx(1.70)
    assert 1.70 * factor.at(5 * MONTH_S + WEEK_S) == pytest.approx(2.35, abs=0.02)


def test_a_late_stress_leaves_ordinary_times_before_it() -> None:
    stress = Stress(times=(Seconds(0), Seconds(70 * DAY_S)), levels=(1.0, 2.0), begin=Seconds(100 * DAY_S))
    path = stress.draw(throw())
    assert path.at(90 * DAY_S) == 0.0
    assert path.at(112 * DAY_S) == pytest.approx(1.0 + 12 / 70, abs=0.02)


def test_points_out_of_order_are_refused() -> None:
    with pytest.raises(pydantic.ValidationError, match="increase"):
        Stress(times=(Seconds(0), Seconds(5), Seconds(5)), levels=(0.0, 1.0, 2.0))
    with pytest.raises(pydantic.ValidationError, match="between -4 and 4"):
        Stress(times=(Seconds(0), Seconds(5)), levels=(0.0, 9.0))


def test_regimes_start_where_told_and_come_to_all_three_for_the_times_they_last() -> None:
    regime = Regime(begins="calm", noise=0.0, half_life=Seconds(DAY_S))
    values = [regime.draw(throw(7300, one)).values for one in range(60)]
    assert all(path[0] == 0.0 for path in values)
    late = np.concatenate([path[200:] for path in values])
    shares = [float(np.mean(np.abs(late - level) < 0.05)) for level in (0.0, 1.6, -1.2)]
    # calm, tight and glut are entered equally often (a symmetric chain), so time goes by their mean lengths: 9, 8, 9
    np.testing.assert_allclose(shares, np.array([9, 8, 9]) / 26, atol=0.05)


def test_a_longer_run_extends_a_market_and_changes_nothing() -> None:
    for kind in (Regime(), Stress(preset="glut-late-2024")):  # type: ignore[call-arg]
        short, long = kind.draw(throw(100)), kind.draw(throw(900))
        weeks = np.arange(0, 100 * DAY_S, WEEK_S)
        np.testing.assert_array_equal(long.at_many(weeks), short.at_many(weeks))


def test_what_follows_is_multiplied_by_the_stated_factor_within_bounds() -> None:
    tight = throw(scarcity=Path.constant(2.0), loadings={"delivery": 0.5})
    assert tilt(tight, "delivery").at(0) == pytest.approx(math.exp(0.5 * 0.70 * 2.0))
    assert tilt(tight, "spot") == Path.constant(1.0)
    assert follow(Path.constant(0.9), tight, "delivery", 0.1, 1.0) == Path.constant(1.0)
    same = Path.constant(7.0)
    assert follow(same, throw(), "spot") is same
