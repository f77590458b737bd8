"""Prices whose volatility changes: two states in turns, and clusters with momentum, each day by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pydantic
import pytest
from scipy import stats

from marketsim.prices import KINDS
from marketsim.prices.bootstrap import HALF_LIFE_DAYS
from marketsim.prices.momentum_garch_t import garch_changes, student
from marketsim.prices.process import Asked
from marketsim.prices.regime_vol import states
from marketsim.streams import Dice, normal
from marketsim.throw import Throw
from marketsim.units import DAY_S

ASKED = Asked("spot", "AWS", "H100", 8, "us-east-1a", "spot")
TWO = {"kind": "regime_vol", "level": 0.5, "sd_calm": 0.0, "sd_busy": 0.1, "days_calm": 7_000, "days_busy": 3_000}
CLUSTERS = {"kind": "momentum_garch_t", "level": 2.0, "rho": 0.5, "sd_per_day": 0.1, "a": 0.2, "b": 0.7, "nu": 6.0}


def made(settings: dict[str, Any], **more: Any) -> Any:
    return KINDS[settings["kind"]].model_validate({**settings, **more})


def throw(replication: int, end_s: int) -> Throw:
    return Throw(Dice(5, replication).under("prices/spot"), end_s, end_s)


def test_a_state_is_left_on_the_days_whose_uniform_lies_below_one_over_its_mean_stay() -> None:
    """Calm for 4 days: left below 0.25; busy for 2: left below 0.5; at the limit itself a state stays."""
    uniforms = np.array([0.3, 0.25, 0.2, 0.6, 0.5, 0.4, 0.1, 0.49])
    assert states(uniforms, False, 4.0, 2.0).tolist() == [0, 0, 1, 1, 1, 0, 1, 0]
    assert states(uniforms, True, 4.0, 2.0).tolist() == [0, 0, 1, 1, 1, 0, 1, 0]
    assert states(uniforms[4:], True, 4.0, 2.0).tolist() == [1, 0, 1, 0]
    both = states(np.stack((uniforms, uniforms[::-1])), np.array([False, True]), 4.0, 2.0)
    assert both.tolist() == [[0, 0, 1, 1, 1, 0, 1, 0], [0, 1, 0, 0, 0, 1, 0, 0]]


def test_a_state_of_one_day_is_left_every_day() -> None:
    uniforms = np.array([0.9, 0.99, 0.0, 0.5])
    assert states(uniforms, False, 1.0, 1.0).tolist() == [1, 0, 1, 0]
    assert states(uniforms[None, :], False, 1.0, 1.0).tolist() == [[1, 0, 1, 0]]


def test_a_run_begins_busy_with_the_chance_of_a_busy_day() -> None:
    """States of thousands of days: on the first day a price moves where the dice of the beginning lie below 0.3."""
    kind, busy = made(TWO), 0
    for replication in range(200):
        cast = throw(replication, 2 * DAY_S)
        moved = bool(np.diff(kind.draw(cast, ASKED).values)[0])
        assert moved == (cast.dice.uniforms("first", 1)[0] < 0.3)
        busy += moved
    assert 40 <= busy <= 80


def test_a_busy_price_moves_by_its_normals_and_is_pulled_to_its_level() -> None:
    kind = made(TWO, days_calm=1, days_busy=10_000, start=0.8, kappa_per_day=0.25)
    path = kind.draw(throw(0, 3 * DAY_S + 5), ASKED)
    assert path.times_s.tolist() == [0, DAY_S, 2 * DAY_S, 3 * DAY_S]
    level, wanted = math.log(0.8), [0.8]
    state = states(throw(0, 1).dice.uniforms("states", 3), False, 1.0, 10_000.0)
    assert state.tolist() == [1, 1, 1]
    for change in 0.1 * normal(throw(0, 1).dice.uniforms("changes", 3)):
        level += 0.25 * (math.log(0.5) - level) + change
        wanted.append(math.exp(level))
    np.testing.assert_allclose(path.values, wanted, rtol=1e-12)
    assert made(TWO).draw(throw(0, 0), ASKED).values.tolist() == pytest.approx([0.5])


def test_the_usual_pull_is_that_of_the_default_process() -> None:
    assert made(TWO).kappa_per_day == pytest.approx(1 - 0.5 ** (1 / HALF_LIFE_DAYS), rel=0.02)


def by_hand(innovations: list[float], change: float, variance: float) -> list[float]:
    """rho 0.5, sd 0.1, a 0.2, b 0.7: the long-run variance is 0.01, and 0.25 is the most."""
    found = []
    for one in innovations:
        surprise = math.sqrt(variance) * one
        change = 0.5 * change + surprise
        found.append(change)
        variance = min(0.1 * 0.01 + 0.2 * surprise**2 + 0.7 * variance, 0.25)
    return found


@pytest.mark.parametrize("innovations", [[1.0, -2.0, 0.5, 0.0, 1.5], [30.0, 1.0, -40.0, 1.0, 1.0]])
def test_clusters_of_volatility_day_by_day_in_one_row_and_in_several(innovations: list[float]) -> None:
    row = np.array(innovations)
    np.testing.assert_allclose(garch_changes(row, 0.5, 0.1, 0.2, 0.7), by_hand(innovations, 0.0, 0.01))
    np.testing.assert_allclose(garch_changes(row, 0.5, 0.1, 0.2, 0.7, 0.3, 0.04), by_hand(innovations, 0.3, 0.04))
    several = garch_changes(np.stack((row, -row)), 0.5, 0.1, 0.2, 0.7, np.array([0.3, -0.1]), np.array([0.04, 0.02]))
    wanted = [by_hand(innovations, 0.3, 0.04), by_hand([-one for one in innovations], -0.1, 0.02)]
    np.testing.assert_allclose(several, wanted)
    usual = garch_changes(row[None, :], 0.5, 0.1, 0.2, 0.7)
    np.testing.assert_allclose(usual, [by_hand(innovations, 0.0, 0.01)])


def test_innovations_are_students_with_their_spread_made_one_and_their_ends_finite() -> None:
    uniforms = np.array([0.1, 0.5, 0.975])
    np.testing.assert_allclose(student(uniforms, 6.0), stats.t.ppf(uniforms, 6) * math.sqrt(4 / 6), atol=1e-12)
    ends = student(np.array([0.0, 1.0]), 6.0)
    assert ends[0] == pytest.approx(stats.t.ppf(2.0**-53, 6) * math.sqrt(4 / 6))
    assert ends[1] == pytest.approx(-ends[0])


def test_a_clustered_price_is_its_start_times_what_its_changes_add_up_to() -> None:
    for settings, start in ((made(CLUSTERS), 2.0), (made(CLUSTERS, start=3.0), 3.0)):
        path = settings.draw(throw(1, 4 * DAY_S + 1), ASKED)
        assert path.times_s.tolist() == [day * DAY_S for day in range(5)]
        innovations = student(throw(1, 1).dice.uniforms("innovations", 4), 6.0)
        wanted = start * np.exp(np.cumsum([0.0, *garch_changes(innovations, 0.5, 0.1, 0.2, 0.7)]))
        np.testing.assert_allclose(path.values, wanted, rtol=1e-12)


@pytest.mark.parametrize("kind", [CLUSTERS, {**TWO, "sd_calm": 0.3, "sd_busy": 0.3}])
def test_a_price_of_changing_volatility_turns_at_its_walls(kind: dict[str, Any]) -> None:
    path = made(kind, level=0.5, at_least=0.4, at_most=0.7).draw(throw(2, 300 * DAY_S), ASKED)
    assert path.values.min() >= 0.4
    assert path.values.max() <= 0.7
    assert len(set(path.values.tolist())) == 301  # turned back, not kept at the wall


@pytest.mark.parametrize(
    ("kind", "key", "good", "bad"),
    [
        (CLUSTERS, "rho", 0.999, 1.0), (CLUSTERS, "rho", -0.999, -1.0), (CLUSTERS, "sd_per_day", 2.0, 2.01),
        (CLUSTERS, "nu", 2.01, 2.0), (CLUSTERS, "nu", 1_000, 1_001), (CLUSTERS, "b", 0.79, 0.8),
        (TWO, "sd_calm", 2.0, 2.01), (TWO, "sd_busy", 2.0, 2.01), (TWO, "days_calm", 1, 0.99),
        (TWO, "days_busy", 1, 0.99), (TWO, "days_calm", 10_000, 10_001), (TWO, "days_busy", 10_000, 10_001),
        (TWO, "kappa_per_day", 0.999, 1.0), (TWO, "kappa_per_day", 0.0, -0.001),
        (TWO, "sd_calm", 0.0, -0.001), (TWO, "sd_busy", 0.0, -0.001),
        (CLUSTERS, "sd_per_day", 0.001, 0.0), (CLUSTERS, "a", 0.0, -0.001), (CLUSTERS, "b", 0.0, -0.001),
    ],
)  # fmt: skip
def test_settings_end_where_the_law_does(kind: dict[str, Any], key: str, good: float, bad: float) -> None:
    assert getattr(made(kind, **{key: good}), key) == good
    with pytest.raises(pydantic.ValidationError, match=r"below 1|than"):
        made(kind, **{key: bad})


@pytest.mark.parametrize("name", ["aws-calm", "aws-active"])
def test_named_clusters_spread_as_the_measured_changes_do(name: str) -> None:
    """A day's change spreads by sd / sqrt(1 - rho^2), which is the volatility of the mean-reverting fit."""
    given, other = KINDS["momentum_garch_t"].presets[name], KINDS["ou"].presets[name]
    spread = given["sd_per_day"] / math.sqrt(1 - given["rho"] ** 2)
    assert spread == pytest.approx(other["sigma_per_sqrt_day"], rel=0.15)
