"""Profile-likelihood intervals: they hold the truth of drawn series, and closed forms where there are any."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from marketsim.prices import profiles
from marketsim.prices.laws import LAWS
from marketsim.prices.ou import ou_values
from marketsim.streams import Dice, Floats

OU = ou_values(Dice(2).normals("ou", 2000), 0.0, -1.0, 0.1, 0.05, 1.0)


def mixture(days: int, seed: int = 3) -> Floats:
    jumps = Dice(seed).uniforms("jump", days) < 0.1
    return np.where(jumps, 0.1 * Dice(seed).normals("size", days), 0.0) + 0.01 * Dice(seed).normals("z", days)


def test_level_speed_and_noise_of_a_reverting_price_are_held() -> None:
    found = profiles.of_process("ou", OU)
    truth = {"mean": np.exp(-1.0), "kappa_per_day": 0.1, "sigma_per_sqrt_day": 0.05}
    assert set(found) == set(truth)
    for name, (low, high) in found.items():
        assert low < truth[name] < high, name
        assert high / low < 2.2, name


def test_the_interval_of_a_level_is_that_of_the_mean_where_days_are_independent() -> None:
    """Without memory the level is a mean: +- 1.645 sd / sqrt(n)."""
    logs = 0.05 * Dice(5).normals("z", 3000)
    low, high = np.log(profiles.of_level(logs))
    wanted = logs.mean() + np.array([-1, 1]) * stats.norm.ppf(0.95) * logs.std() / np.sqrt(len(logs))
    assert (low, high) == pytest.approx(tuple(wanted), abs=0.003)


def test_how_often_a_price_is_changed_has_the_interval_of_a_binomial_share() -> None:
    changes = np.zeros(1000)
    changes[:40] = 0.05
    low, high = profiles.of_process("administered_step", np.concatenate(([0.0], np.cumsum(changes))))["steps_per_year"]
    cut = stats.chi2(1).ppf(0.90) / 2
    for share in (low / 365, high / 365):
        loss = 40 * np.log(0.04 / share) + 960 * np.log(0.96 / (1 - share))
        assert loss == pytest.approx(cut, abs=0.05)
    assert low < 0.04 * 365 < high


def test_the_share_of_days_with_jumps_is_held() -> None:
    low, high = profiles.of_jumps(mixture(3000))
    assert low < 0.1 < high
    assert high - low < 0.05


def test_the_noise_of_each_state_is_held() -> None:
    busy = np.repeat(np.arange(60) % 3 == 2, 25)
    changes = np.where(busy, 0.05, 0.01) * Dice(8).normals("z", len(busy))
    found = profiles.of_process("regime_vol", np.concatenate(([0.0], np.cumsum(changes))))
    assert found["sd_calm"][0] < 0.01 < found["sd_calm"][1]
    assert found["sd_busy"][0] < 0.05 < found["sd_busy"][1]


def test_momentum_and_the_weight_of_tails_are_held() -> None:
    shocks = 0.02 * stats.t(5).ppf(Dice(9).uniforms("u", 2500))
    changes = np.empty(len(shocks))
    before = 0.0
    for day, shock in enumerate(shocks.tolist()):
        before = changes[day] = 0.3 * before + shock
    found = profiles.of_process("momentum_garch_t", np.concatenate(([0.0], np.cumsum(changes))))
    assert found["rho"][0] < 0.3 < found["rho"][1]
    assert found["nu"][0] < 5 < found["nu"][1]
    assert found["rho"][1] - found["rho"][0] < 0.15


def test_how_fast_a_published_price_follows_is_held() -> None:
    target = ou_values(Dice(4).normals("t", 1500), 0.0, 0.0, 0.05, 0.03, 1.0)
    price = np.empty(len(target))
    price[0] = target[0]
    for day in range(1, len(target)):
        price[day] = price[day - 1] + 0.6 * (target[day] - price[day - 1])
    low, high = profiles.of_process("smoothed_ou", price)["share_per_day"]
    assert low <= 0.62
    assert high >= 0.55


def test_every_law_that_can_be_fitted_tells_how_much_the_days_say() -> None:
    assert set(profiles.PROFILES) == {name for name in LAWS if name != "random_walk"}
    assert profiles.of_process("random_walk", OU) == {}
