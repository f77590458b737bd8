"""Drawn prices follow the laws that their formulas state, for any step, in mean, spread and distribution."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from marketsim.path import Path
from marketsim.prices import KINDS, drawn
from marketsim.prices.bootstrap import Bootstrap, Pool, blocks, packaged_pool, walk
from marketsim.prices.momentum_garch_t import garch_changes, student
from marketsim.prices.ou import OrnsteinUhlenbeck, ou_step, ou_values
from marketsim.prices.ou_jump import jump_sums
from marketsim.prices.process import Asked
from marketsim.prices.regime_vol import states
from marketsim.prices.smoothed_ou import chased
from marketsim.settings import Seconds
from marketsim.streams import Dice
from marketsim.throw import Throw
from marketsim.units import DAY_S

ASKED = Asked("spot", "AWS", "H100", 8, "us-east-1a", "spot")


def throw(replication: int, days: int, **more: object) -> Throw:
    return Throw(Dice(11, replication).under("prices/spot"), days * DAY_S, days * DAY_S, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("steps", [1, 4, 40])
def test_mean_reversion_has_the_same_law_at_a_time_whatever_the_step(steps: int) -> None:
    kappa, theta, sigma, start, span = 1.5, 2.0, 0.4, 3.0, 1.0
    normals = Dice(1).normals("z", 20_000 * steps).reshape(20_000, steps)
    ends = np.array([ou_values(row, start, theta, kappa, sigma, span / steps)[-1] for row in normals])
    mean = theta + (start - theta) * math.exp(-kappa * span)
    sd = sigma * math.sqrt((1 - math.exp(-2 * kappa * span)) / (2 * kappa))
    assert stats.kstest((ends - mean) / sd, "norm").pvalue > 0.001


def test_without_reversion_the_walk_spreads_with_the_root_of_time() -> None:
    assert ou_step(0.0, 0.3, 4.0) == (1.0, pytest.approx(0.6))
    assert ou_step(1e-9, 0.3, 4.0)[1] == pytest.approx(0.6)


def test_jumps_have_the_mean_and_variance_of_the_decayed_compound_poisson_sum() -> None:
    kappa, rate, mean, sd, step = 2.0, 1.5, 0.5, 0.2, 1.0
    sums = jump_sums(Dice(3), 40_000, kappa, step, rate, mean, sd)
    wanted = rate * mean * (1 - math.exp(-kappa * step)) / kappa
    variance = rate * (mean**2 + sd**2) * (1 - math.exp(-2 * kappa * step)) / (2 * kappa)
    assert abs(sums.mean() - wanted) < 4 * math.sqrt(variance / len(sums))
    assert sums.var() == pytest.approx(variance, rel=0.05)
    assert (sums == 0).mean() == pytest.approx(math.exp(-rate * step), abs=0.01)


def test_volatility_states_last_geometric_times_of_the_given_means() -> None:
    path = states(Dice(5).uniforms("s", 200_000), False, 30.0, 15.0)
    assert path.mean() == pytest.approx(1 / 3, abs=0.02)
    assert np.abs(np.diff(path)).sum() / 2 == pytest.approx(200_000 / 45, rel=0.05)
    several = states(Dice(5).uniforms("s", 200_000)[None, :], False, 30.0, 15.0)
    np.testing.assert_array_equal(several[0], path)


def test_student_innovations_have_unit_variance_and_the_right_tails() -> None:
    drawn = student(Dice(6).uniforms("t", 100_000), 5.0)
    assert stats.kstest(drawn * math.sqrt(5 / 3), "t", args=(5,)).pvalue > 0.001


def test_changes_with_momentum_keep_their_long_run_variance_and_autocorrelation() -> None:
    innovations = Dice(7).normals("g", 300_000)
    changes = garch_changes(innovations, 0.3, 0.02, 0.1, 0.8)
    assert changes.std() == pytest.approx(0.02 / math.sqrt(1 - 0.3**2), rel=0.05)
    assert np.corrcoef(changes[1:], changes[:-1])[0, 1] == pytest.approx(0.3, abs=0.02)
    np.testing.assert_allclose(garch_changes(innovations[None, :50], 0.3, 0.02, 0.1, 0.8)[0], changes[:50], rtol=1e-12)


def test_a_published_price_closes_its_share_of_the_gap_each_day() -> None:
    np.testing.assert_allclose(chased(np.array([0.0, 1.0, 1.0]), 0.0, 0.7), [0.0, 0.7, 0.91])


def test_blocks_follow_one_series_and_go_round_at_its_end() -> None:
    pool = Pool.of([np.array([1.0, 2.0, 3.0]), np.array([10.0, 20.0])])
    begin = np.array([0.9, 0.9, 0.9, 0.0, 0.9, 0.9])  # blocks start at the first day and at the fourth
    where = np.array([0.3, 0.0, 0.0, 0.99, 0.0, 0.0])  # place 1 of 5 (series 0), place 4 (series 1)
    np.testing.assert_array_equal(blocks(pool, begin, where, 20), [2, 3, 1, 20, 10, 20])


def test_blocks_have_the_given_mean_length_and_use_every_value_alike() -> None:
    pool = Pool.of([np.arange(60.0) + 100 * one for one in range(5)])
    values = blocks(pool, Dice(8).uniforms("b", 100_000), Dice(8).uniforms("w", 100_000), 20)
    breaks = (np.diff(values) != 1) & (np.diff(values) != -59)
    assert breaks.mean() == pytest.approx(1 / 20, rel=0.05)
    assert np.bincount((values // 100).astype(int)) / len(values) == pytest.approx(np.full(5, 0.2), abs=0.02)


def test_the_packaged_changes_are_standardised_and_heavy_tailed() -> None:
    values = packaged_pool().values
    assert abs(values.mean()) < 0.01
    assert values.std() == pytest.approx(1.0, abs=0.01)
    assert stats.kurtosis(values) > 5


def test_a_walk_pulled_back_halves_its_gap_in_the_half_life() -> None:
    path = walk(np.zeros(10), 1.0, 0.0, 1 - 0.5**0.1)
    assert path[-1] == pytest.approx(0.5)
    assert path.shape == (11,)
    assert walk(np.zeros((3, 10)), 1.0, 0.0, 0.1).shape == (3, 11)


def test_the_default_spot_price_moves_by_its_volatility_and_stays_in_bounds() -> None:
    kind = Bootstrap(level=0.4, sd_per_day=0.03, ratio_to="od")
    other = {"od": Path.constant(5.0)}
    paths = [kind.draw(throw(one, 365, prices=other), ASKED).values / 5.0 for one in range(60)]
    changes = np.concatenate([np.diff(np.log(path)) for path in paths])
    assert changes.std() == pytest.approx(0.03, rel=0.08)
    assert min(path.min() for path in paths) >= 0.10
    assert max(path.max() for path in paths) <= 1.00
    assert all(path[0] == pytest.approx(0.4) for path in paths)


def test_prices_of_one_type_or_family_move_together_as_measured_and_more_over_weeks() -> None:
    kind = Bootstrap(level=0.4, sd_per_day=0.02, at_least=0.01, at_most=20.0)
    places = [
        Asked("a", "AWS", "H100", 8, "us-east-1a"),
        Asked("b", "AWS", "H100", 8, "us-west-2b"),
        Asked("c", "AWS", "H100", 1, "us-east-1b"),
    ]
    days, together = 1500, {1: [], 7: [], 30: []}  # type: tuple[int, dict[int, list[list[float]]]]
    for replication in range(25):
        paths = []
        for asked in places:
            dice = Dice(2, replication).under(f"prices/{asked.offer_id}")
            end_s = days * DAY_S
            paths.append(np.log(kind.draw(Throw(dice, end_s, end_s, loadings={"spot": 1.0}), asked).values))
        for horizon, found in together.items():
            moves = [path[horizon:] - path[:-horizon] for path in paths]
            found.append([float(np.corrcoef(moves[0], moves[other])[0, 1]) for other in (1, 2)])
    for horizon, wanted in {1: (0.08, 0.15), 7: (0.22, 0.34), 30: (0.22, 0.42)}.items():
        np.testing.assert_allclose(np.mean(together[horizon], axis=0), wanted, atol=0.07)


def test_without_loading_prices_move_alone() -> None:
    kind = Bootstrap(level=0.4, sd_per_day=0.02, at_least=0.01, at_most=20.0)
    found = []
    for replication in range(20):
        moves = []
        for name, zone in (("a", "us-east-1a"), ("b", "us-east-1b")):
            dice = Dice(2, replication).under(f"prices/{name}")
            path = kind.draw(Throw(dice, 400 * DAY_S, 400 * DAY_S), Asked(name, "AWS", "H100", 8, zone)).values
            moves.append(np.diff(np.log(path)))
        found.append(np.corrcoef(*moves)[0, 1])
    assert abs(np.mean(found)) < 0.04


def test_a_tight_market_lifts_drawn_prices_by_the_stated_factor() -> None:
    kind = OrnsteinUhlenbeck(mean=2.0, kappa_per_day=0.1, sigma_per_sqrt_day=0.05, step=Seconds(DAY_S))
    calm = kind.draw(throw(0, 30), ASKED)
    tight = kind.draw(throw(0, 30, scarcity=Path.constant(2.0), loadings={"spot": 1.0}), ASKED)
    np.testing.assert_allclose(tight.values, calm.values * math.exp(0.11 * 2.0))
    deaf = kind.draw(throw(0, 30, scarcity=Path.constant(2.0), loadings={"spot": 0.0}), ASKED)
    assert deaf == calm


@pytest.mark.parametrize(
    ("scale", "at_t"),
    [("level", lambda left: 0.25 + 0.75 * left), ("log", lambda left: 0.25 * 4.0**left)],
)
def test_without_noise_a_price_goes_back_to_its_mean_on_its_scale(scale: str, at_t: Callable[[float], float]) -> None:
    kind = KINDS["ou"].model_validate(
        {"mean": 0.25, "start": 1.0, "kappa_per_day": 0.7, "sigma_per_sqrt_day": 0.0, "scale": scale}
    )
    path = kind.draw(Throw(Dice(1), 5 * DAY_S, 5 * DAY_S), Asked("x", "AWS", "H100", 1, None, "spot"))
    assert np.diff(path.times_s).tolist() == [3600] * 120
    for day in (0, 1, 2.5, 5):
        assert path.at(int(day * DAY_S)) == pytest.approx(at_t(math.exp(-0.7 * day)), rel=1e-12)
    assert kind.now(Asked("x", "AWS", "H100", 1, None, "spot")) == 1.0


def test_a_level_stays_inside_the_bounds_that_are_given_or_implied() -> None:
    given = {"kind": "ou", "mean": 0.5, "kappa_per_day": 0.0, "sigma_per_sqrt_day": 0.0}
    free = KINDS["ou"].model_validate(given)
    assert (free.lowest, free.highest) == (1e-6, np.inf)
    ratio = KINDS["ou"].model_validate({**given, "ratio_to": "cloud"})
    assert (ratio.lowest, ratio.highest, ratio.after()) == (0.1, 1.0, ("cloud",))
    bound = KINDS["ou"].model_validate({**given, "at_least": 0.0, "at_most": 0.4})
    assert (bound.lowest, bound.highest) == (1e-6, 0.4)
    path = bound.draw(Throw(Dice(1), DAY_S, DAY_S), Asked("x", "AWS", "H100", 1, None, "spot"))
    assert set(path.values.tolist()) == {0.4}


def test_a_folded_walk_turns_at_its_walls() -> None:
    levels = np.array([-1.0, 0.0, 0.5, 1.0, 1.5, 2.25, 4.0])
    assert drawn.reflected(levels, 0.0, 1.0).tolist() == [1.0, 0.0, 0.5, 1.0, 0.5, 0.25, 0.0]
    assert drawn.reflected(levels, 0.0, np.inf).tolist() == [1.0, 0.0, 0.5, 1.0, 1.5, 2.25, 4.0]
    assert drawn.reflected(levels, -np.inf, 1.0).tolist() == [-1.0, 0.0, 0.5, 1.0, 0.5, -0.25, -2.0]
    assert drawn.reflected(levels, -np.inf, np.inf).tolist() == levels.tolist()
    higher = np.array([0.5, 1.0, 2.0, 3.5, 6.0])
    assert drawn.reflected(higher, 1.0, 3.0).tolist() == [1.5, 1.0, 2.0, 2.5, 2.0]
    assert drawn.reflected(higher, 1.0, np.inf).tolist() == [1.5, 1.0, 2.0, 3.5, 6.0]
    assert drawn.reflected(higher, -np.inf, 3.0).tolist() == [0.5, 1.0, 2.0, 2.5, 0.0]


@pytest.mark.parametrize(("end_s", "times"), [(0, [0]), (1, [0, 1]), (-3, [0])])
def test_a_grid_ends_with_the_last_step_that_is_not_after_the_end(end_s: int, times: list[int]) -> None:
    assert drawn.grid(end_s, 1).tolist() == times
    assert drawn.grid(7_199, 3_600).tolist() == [0, 3_600]
    assert drawn.grid(7_200, 3_600).tolist() == [0, 3_600, 7_200]
