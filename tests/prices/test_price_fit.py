"""What is fitted to a drawn series comes back, and forecasts are scored as their definitions say."""

from __future__ import annotations

import math
import pathlib

import numpy as np
import pydantic
import pytest
from scipy import stats

from marketsim.errors import InputError
from marketsim.prices import KINDS, fit_methods, score
from marketsim.prices.backtest import Case, compare, families
from marketsim.prices.bootstrap import packaged_pool
from marketsim.prices.fit import fit_prices, read_series
from marketsim.prices.laws import LAWS
from marketsim.prices.momentum_garch_t import garch_changes, student
from marketsim.prices.ou import ou_values
from marketsim.prices.regime_vol import states
from marketsim.prices.series import Series, daily_ratios, day_number, standardised
from marketsim.prices.smoothed_ou import chased
from marketsim.settings import one_of
from marketsim.streams import Dice


def test_a_random_walk_looks_reverting_until_the_bias_is_taken_back() -> None:
    walks = [np.cumsum(Dice(1, one).normals("walk", 400)) * 0.02 for one in range(150)]
    plain = np.median([fit_methods.reversion(walk, corrected=False)[0] for walk in walks])
    corrected = np.median([fit_methods.reversion(walk, corrected=True)[0] for walk in walks])
    assert plain > 0.008
    assert corrected < 0.5 * plain


def test_a_strong_reversion_is_found_with_its_interval() -> None:
    logs = ou_values(Dice(2).normals("ou", 4000), 0.0, -1.0, 0.1, 0.05, 1.0)
    kappa, theta, sigma = fit_methods.reversion(logs, corrected=True)
    assert (kappa, theta, sigma) == pytest.approx((0.1, -1.0, 0.05), rel=0.15)
    low, high = fit_methods.profile_of_reversion(logs)
    assert low < 0.1 < high
    assert high - low < 0.05


def test_the_interval_of_a_spread_is_that_of_the_chi_square_law() -> None:
    low, high = fit_methods.profile_of_spread(0.02 * Dice(14).normals("z", 400))
    sd = 0.02 * Dice(14).normals("z", 400).std()
    wanted = sd * np.sqrt(400 / stats.chi2(400).ppf([0.95, 0.05]))
    assert (low, high) == pytest.approx(tuple(wanted), rel=0.01)


def test_days_with_jumps_are_told_from_the_others() -> None:
    jumps = Dice(3).uniforms("jump", 20_000) < 0.1
    residual = np.where(jumps, 0.02 + 0.1 * Dice(3).normals("size", 20_000), 0.0) + 0.01 * Dice(3).normals("z", 20_000)
    share, mean, sd, narrow = fit_methods.two_normals(residual)
    assert (share, mean, sd, narrow) == pytest.approx((0.1, 0.02, 0.1, 0.01), rel=0.2)


def test_two_volatilities_and_their_stays_are_found() -> None:
    busy = states(Dice(4).uniforms("s", 6000), False, 40.0, 20.0)
    changes = np.where(busy > 0, 0.05, 0.01) * Dice(4).normals("z", 6000)
    calm, loud, days_calm, days_busy = fit_methods.two_volatilities(changes)
    assert (calm, loud) == pytest.approx((0.01, 0.05), rel=0.1)
    assert (days_calm, days_busy) == pytest.approx((40, 20), rel=0.35)


def test_momentum_volatility_and_tails_are_found() -> None:
    changes = garch_changes(student(Dice(5).uniforms("t", 6000), 6.0), 0.3, 0.02, 0.15, 0.75)
    rho, sd, a, b, nu = fit_methods.garch_t(changes)
    assert (rho, sd) == pytest.approx((0.3, 0.02), rel=0.15)
    assert (a, b) == pytest.approx((0.15, 0.75), abs=0.08)
    assert 4 < nu < 10


def test_a_smoothed_price_gives_its_share_away() -> None:
    targets = ou_values(Dice(6).normals("t", 4000), 0.0, 0.0, 0.02, 0.03, 1.0)
    share, kappa, _, sigma = fit_methods.smoothed(chased(targets, 0.0, 0.5))
    assert share == pytest.approx(0.5, abs=0.051)
    assert sigma == pytest.approx(0.03, rel=0.1)
    assert kappa == pytest.approx(0.02, abs=0.01)  # its standard error is 0.003


def test_crps_is_that_of_its_definition_and_of_the_normal_law() -> None:
    samples = Dice(7).normals("x", 40_000)
    for outcome in (-1.0, 0.2, 3.0):
        assert score.crps(samples, outcome) == pytest.approx(score.crps_normal(0.0, 1.0, outcome), abs=0.01)
    assert score.crps(np.array([1.0, 3.0]), 2.0) == pytest.approx(0.5)  # mean |x - y| 1, half the mean |x - x'| 0.5


def test_the_error_of_a_mean_counts_what_is_alike_once() -> None:
    origin = np.repeat(np.arange(0, 700, 7), 40)
    group = np.tile(np.arange(40), 100)
    independent = (Dice(8).uniforms("i", 4000) < 0.9).astype(float)
    shared_days = np.repeat((Dice(8).uniforms("d", 100) < 0.9).astype(float), 40)
    shared_series = np.tile((Dice(8).uniforms("g", 40) < 0.9).astype(float), 100)
    plain = independent.std() / 4000**0.5
    assert score.block_error(independent, origin, group, 7) == pytest.approx(plain * 2**0.5, rel=0.3)
    assert score.block_error(shared_days, origin, group, 7) == pytest.approx(shared_days.std() / 10, rel=0.3)
    assert score.block_error(shared_series, origin, group, 7) == pytest.approx(shared_series.std() / 40**0.5, rel=0.3)


@pytest.mark.parametrize("name", sorted(LAWS))
def test_each_law_covers_a_series_of_its_own_kind_or_of_a_walk(name: str) -> None:
    logs = np.log(0.4) + np.cumsum(np.concatenate(([0.0], 0.01 * Dice(9).normals("w", 1200))))
    days = np.arange(len(logs))
    cases = [Case.of(Series(("us-east-1", "g5.xlarge"), days, logs), 800)]
    law = {name: LAWS[name]}
    found = compare([case for case in cases if case], packaged_pool(), False, law, every=3, count=150)[name]
    assert found.coverage(1) > 0.75
    assert np.isfinite(found.gain).all()
    assert found.relative_crps(1) < 1.4


def test_a_density_integrates_to_one_over_the_next_change() -> None:
    logs = np.log(0.4) + np.cumsum(np.concatenate(([0.0], 0.01 * Dice(10).normals("w", 300))))
    for name, law in LAWS.items():
        fitted = law.fit(logs, (-math.inf, math.inf), packaged_pool())
        moves = np.arange(-0.15, 0.15, 0.001)
        dense = [math.exp(law.density(fitted, np.append(logs, logs[-1] + move))[-1]) for move in moves]
        assert sum(dense) * 0.001 == pytest.approx(1.0, abs=0.02), name


def test_families_are_those_of_the_instances_name() -> None:
    names = [("a", "g5.xlarge"), ("b", "g5.48xlarge"), ("a", "p5.48xlarge")]
    assert families(names).tolist() == [0, 0, 1]


def test_a_file_is_fitted_ranked_and_written_as_a_scenario_block(tmp_path: pathlib.Path) -> None:
    usd = 8 * np.exp(np.cumsum(0.02 * Dice(11).normals("w", 500)))
    rows = [f"{np.datetime64('2024-01-01') + day}T00:00:00Z,{price:.4f}" for day, price in enumerate(usd)]
    (tmp_path / "spot.csv").write_text("\n".join(["time,price", *rows]) + "\n")
    result = fit_prices(tmp_path / "spot.csv", process="momentum_garch_t", per=8, every=14, count=80)
    assert {row.process for row in result.rows} == set(LAWS)
    assert [row.gain for row in result.rows] == sorted((row.gain for row in result.rows), reverse=True)
    assert "kind: momentum_garch_t" in result.block_text()
    assert result.fan["quantiles"].shape == (result.held_back, 5)
    assert result.pit.sum() == pytest.approx(1.0)
    adapter = pydantic.TypeAdapter(one_of(KINDS))
    for row in result.rows:
        if row.settings:
            assert adapter.validate_python(dict(row.settings)).kind == row.settings["kind"]
    assert result.block["level"] == pytest.approx(usd[-1] / 8, rel=0.01)


def test_too_short_a_file_or_an_unknown_process_is_refused(tmp_path: pathlib.Path) -> None:
    (tmp_path / "spot.csv").write_text("time,price\n2024-01-01T00:00:00Z,1\n2024-01-02T00:00:00Z,1.1\n")
    with pytest.raises(InputError, match="at least 120 daily changes"):
        fit_prices(tmp_path / "spot.csv")
    with pytest.raises(InputError, match="Did you mean ou_jump"):
        fit_prices(tmp_path / "spot.csv", process="ou_jumps")


def test_daily_means_weigh_prices_by_the_time_they_held(tmp_path: pathlib.Path) -> None:
    rows = ["2024-01-01T00:00:00Z,1", "2024-01-01T18:00:00Z,5", "2024-01-03T00:00:00Z,7"]
    (tmp_path / "spot.csv").write_text("\n".join(["time,price", *rows]) + "\n")
    (series,) = read_series(tmp_path / "spot.csv", None)
    np.testing.assert_allclose(np.exp(series.log), [2.0, 5.0, 7.0])
    assert series.day[0] == day_number("2024-01-01")


def test_ratios_take_the_list_price_of_the_day_and_fill_short_holes_only(tmp_path: pathlib.Path) -> None:
    spot = ["date,region,instance,spot_usd_hour"]
    spot += [f"2024-01-{day:02d},r,i,{usd}" for day, usd in ((1, 4), (2, 4), (4, 1), (12, 1))]
    (tmp_path / "spot.csv").write_text("\n".join(spot) + "\n")
    listed = "date,region,instance,ondemand_usd_hour\n2024-01-01,r,i,8\n2024-01-03,r,i,2\n"
    (tmp_path / "od.csv").write_text(listed)
    (one,) = daily_ratios(tmp_path / "spot.csv", tmp_path / "od.csv")
    np.testing.assert_allclose(np.exp(one.log[:4]), 0.5)
    assert np.isnan(one.log[4:11]).all()
    assert standardised([one]) == []


def test_the_gain_of_the_right_law_shows_on_its_own_series() -> None:
    changes = garch_changes(student(Dice(12).uniforms("t", 1500), 4.0), 0.4, 0.02, 0.2, 0.75)
    logs = np.cumsum(np.concatenate(([0.0], changes)))
    case = Case.of(Series(("r", "i"), np.arange(len(logs)), logs), 1000)
    assert case is not None
    laws = {name: LAWS[name] for name in ("ou", "momentum_garch_t")}
    found = compare([case], packaged_pool(), False, laws, every=50, count=20)
    assert found["momentum_garch_t"].gain.mean() - found["ou"].gain.mean() > 0.15
    assert stats.kstest(found["ou"].pit, "uniform").pvalue > 1e-6
