"""The statistics of a comparison: closed forms, what is refused, and the coverage that an interval promises."""

from __future__ import annotations

import json
import math
import pathlib
from collections.abc import Sequence

import numpy as np
import pytest
from scipy import stats

from analysis import oracle_statistics
from marketsim.experiment import sensitivity
from marketsim.experiment.statistics import interval, multiple, output, quantile, selection, shares, stopping, variance


def dice(seed: int = 1) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64DXSM(seed))


def test_a_t_interval_of_three_numbers_by_hand() -> None:
    found = interval.t_interval([1.0, 2.0, 3.0])
    assert found.value == 2
    assert found.half_width == pytest.approx(4.302652729911275 / math.sqrt(3))


def test_two_numbers_are_enough_for_an_interval_and_their_t_has_one_degree_of_freedom() -> None:
    found = interval.t_interval([0.0, 2.0])
    assert (found.value, found.n) == (1, 2)
    assert found.half_width == pytest.approx(12.706204736)
    other = interval.welch([0.0, 2.0], [5.0, 9.0])
    assert other.value == -6
    assert other.half_width == pytest.approx(stats.t.ppf(0.975, interval.welch_freedom([0, 2], [5, 9])) * math.sqrt(5))
    assert [interval.t_interval([1.0]).note, interval.welch([1.0], [1.0, 2.0]).note] == ["needs n >= 2, has 1"] * 2


def test_one_sample_that_does_not_vary_leaves_the_spread_of_the_other() -> None:
    found = interval.welch([1.0, 1.0, 1.0], [0.0, 2.0, 4.0])
    assert found.note is None
    assert found.half_width == pytest.approx(stats.t.ppf(0.975, 2) * 2 / math.sqrt(3))
    assert interval.welch([1.0, 1.0], [3.0, 3.0]).note == "identical in all 2"


def test_numbers_whose_spread_is_below_what_a_float_can_hold_are_told_apart_from_nothing_only_by_their_mean() -> None:
    assert interval.t_interval([1e-200, -1e-200]).p == 1.0
    assert interval.t_interval([1e-200, 3e-200]).p == 0.0


def test_a_paired_interval_is_that_of_the_differences_and_a_constant_shift_is_identical() -> None:
    a = [10.0, 12.0, 9.0]
    assert interval.paired(a, [9.0, 11.0, 8.0]).note == "identical in all 3"
    assert interval.paired(a, [9.0, 11.0, 8.0]).half_width == 0
    assert interval.paired(a, [1.0, 2.0, 3.0]).p == pytest.approx(stats.ttest_rel(a, [1.0, 2.0, 3.0]).pvalue)
    with pytest.raises(ValueError, match="one length"):
        interval.paired(a, [1.0])


def test_welch_agrees_with_a_second_implementation() -> None:
    a, b = dice(1).normal(0, 1, 12), dice(2).normal(1, 3, 30)
    found, other = interval.welch(a, b), stats.ttest_ind(a, b, equal_var=False)
    assert found.p == pytest.approx(other.pvalue)
    assert (found.low, found.high) == pytest.approx(tuple(other.confidence_interval()))


@pytest.mark.parametrize("make", [interval.t_interval, interval.bootstrap, output.batch_interval])
def test_what_n_does_not_support_is_refused_with_the_n_that_would_do(make: object) -> None:
    found = make([1.0, 2.0, 4.0][: 1 if make is interval.t_interval else 3])  # type: ignore[operator]
    assert found.low is None
    assert found.high is None
    assert found.note.startswith("needs n >= ")


def test_constant_data_are_identical_and_never_nan() -> None:
    same = [0.1] * 12  # the mean of these is not 0.1 in floats
    for found in (interval.t_interval(same), interval.bootstrap(same), quantile.quantile_interval(same, 0.95)):
        assert (found.low, found.value, found.high) == (0.1, 0.1, 0.1)
        assert found.note == "identical in all 12"
    assert interval.welch(same, same).half_width == 0
    assert output.lag_one(same) == 0


def test_numbers_that_are_none_are_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        interval.t_interval([1.0, float("nan")])
    with pytest.raises(ValueError, match="at least one"):
        interval.t_interval([])


def test_bootstrap_interval_has_a_seed_of_its_own_and_follows_a_skewed_mean() -> None:
    data = dice().exponential(1, 60)
    found = interval.bootstrap(data)
    assert found == interval.bootstrap(data)
    assert found.low is not None
    assert found.high is not None
    assert found.high - found.value > found.value - found.low  # skewed to the right, as the mean's law is


def test_least_n_of_a_quantile_is_where_ranks_begin_to_exist() -> None:
    assert quantile.least_n(0.95) == 72
    assert quantile.ranks(72, 0.95) is not None
    assert quantile.ranks(71, 0.95) is None
    assert quantile.least_n_upper(0.95) == 59
    assert quantile.quantile_interval(range(50), 0.95).note == "needs n >= 72, has 50"


def test_a_low_quantile_needs_as_many_as_the_high_one_that_mirrors_it() -> None:
    assert [quantile.least_n(level) for level in (0.05, 0.95, 0.1, 0.9)] == [72, 72, 36, 36]


def test_quantile_interval_is_made_of_order_statistics() -> None:
    found = quantile.quantile_interval(np.arange(1, 201)[::-1], 0.95)
    assert (found.low, found.value, found.high) == (184, 190, 197)


@pytest.mark.parametrize(("level", "wanted"), [(0.9, 9.5), (0.75, 8.2), (0.0, 5.5)])
def test_cvar_weighs_the_edge_in_part(level: float, wanted: float) -> None:
    sample = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0]
    by_hand = {0.9: 10.0, 0.75: (10 + 9 + 0.5 * 8) / 2.5, 0.0: 5.5}[level]
    assert quantile.cvar(sample, level) == pytest.approx(by_hand)


def test_cvar_needs_twenty_in_the_tail() -> None:
    assert quantile.cvar_interval(dice().normal(size=399)).note == "needs n >= 400, has 399"
    found = quantile.cvar_interval(dice().normal(size=4_000))
    assert found.low is not None
    assert found.high is not None
    assert found.low < quantile.normal_cvar(0, 1, 0.95) < found.high


def test_wilson_is_sound_at_nothing_and_at_all() -> None:
    none, every = shares.wilson(0, 20), shares.wilson(20, 20)
    assert none.low == 0
    assert every.high == 1
    assert none.high == pytest.approx(0.1611, abs=1e-4)  # z^2 / (n + z^2)
    other = stats.binomtest(7, 20).proportion_ci(method="wilson")
    found = shares.wilson(7, 20)
    assert (found.low, found.high) == pytest.approx((other.low, other.high))


def test_holm_never_orders_otherwise_than_p_and_is_at_least_as_sharp_as_bonferroni() -> None:
    p = dice().random(20).tolist()
    adjusted = multiple.holm(p)
    assert np.argsort(p).tolist() == np.argsort(adjusted, kind="stable").tolist() or sorted(adjusted) == [
        adjusted[i] for i in np.argsort(p)
    ]
    assert all(one <= other for one, other in zip(adjusted, multiple.bonferroni(p), strict=True))


def test_until_stops_at_its_target_and_not_before_ten() -> None:
    wide = stopping.Until(half_width_share=0.05)
    assert not wide.reached([100.0] * 9)
    assert wide.reached([100.0] * 10)
    data = dice().normal(100, 20, 300).tolist()
    n = next(n for n in range(2, 300) if wide.reached(data[:n]))
    half = interval.t_interval(data[:n]).half_width
    assert half is not None
    assert half <= 0.05 / 1.05 * np.mean(data[:n])
    assert not wide.reached(data[: n - 1])
    assert 10 <= wide.guess(data[:20]) <= 200


def test_a_control_takes_out_what_it_explains() -> None:
    u = dice().random(400)
    found = variance.controlled(np.exp(u), u, [0.5])
    plain = interval.t_interval(np.exp(u))
    assert found.low is not None
    assert found.high is not None
    assert found.low < math.e - 1 < found.high
    assert found.half_width / plain.half_width == pytest.approx(math.sqrt(0.01628), rel=0.15)  # type: ignore[operator]
    assert variance.controlled(np.exp(u), np.ones(400), [1.0]) == plain  # a control that does not vary is left out
    assert variance.controlled(u[:8], u[:8], [0.5]).note == "needs n >= 11, has 8"


def test_data_that_do_not_vary_need_no_control() -> None:
    assert variance.controlled([2.0] * 12, dice(4).normal(0, 1, 12), 0.0).note == "identical in all 12"


def test_a_control_needs_ten_more_than_there_are_controls() -> None:
    x = dice(4).normal(0, 1, 11)
    y = 2 * x + dice(5).normal(0, 1, 11)
    assert variance.controlled(y, x, 0.0).half_width is not None
    assert variance.controlled(y[:10], x[:10], 0.0).note == "needs n >= 11, has 10"


def test_corrections_stay_at_one_at_most() -> None:
    assert multiple.bonferroni([0.9, 0.2]) == [1.0, 0.4]
    assert multiple.holm([0.9, 0.6]) == [1.0, 1.0]
    assert multiple.holm([0.04, 0.01, 0.9]) == pytest.approx([0.08, 0.03, 0.9])


def test_an_antithetic_pair_is_one_observation() -> None:
    u = dice().random(200)
    found = variance.antithetic(np.exp(u), np.exp(1 - u))
    assert found.n == 200
    independent = interval.t_interval((np.exp(u) + np.exp(dice(3).random(200))) / 2)
    assert found.half_width / independent.half_width == pytest.approx(math.sqrt(0.0323), rel=0.2)  # type: ignore[operator]


def test_mser_leaves_a_stationary_run_alone_and_cuts_a_ramp() -> None:
    noise = dice().normal(0, 1, 500)
    assert output.mser(noise).truncate <= 100
    ramp = np.concatenate((np.linspace(50, 0, 100), noise))
    assert 80 <= output.mser(ramp).truncate <= 130


def test_batch_means_of_an_ar1_know_its_asymptotic_variance() -> None:
    from scipy.signal import lfilter

    noise = dice().normal(0, 1, 400_000)
    series = lfilter([1.0], [1.0, -0.9], noise)[1_000:]
    known = output.ar1(0.9, 1.0, 1_995)
    batches = output.batch_means(series, 200)
    assert batches.var(ddof=1) == pytest.approx(known.batch_variance, rel=4 * math.sqrt(2 / 199))
    assert output.asymptotic_variance(series, 200) == pytest.approx(100, rel=4 * math.sqrt(2 / 199))
    assert series.var() == pytest.approx(known.variance, rel=0.05)
    assert abs(output.lag_one(batches) - known.batch_correlation) < 4 / math.sqrt(200)


def test_kim_nelson_takes_the_clearly_best_early_and_counts_what_each_took() -> None:
    means = [0.0, 5.0, 5.0, 5.0]
    noise = dice().normal(0, 1, (5_000, 4))
    found = selection.kim_nelson(lambda alive, r: [means[i] + noise[r, i] for i in alive], 4, delta=0.5, n0=10)
    assert found.best == 0
    assert found.decided
    assert found.dropped_at.keys() == {1, 2, 3}
    assert all(found.n[i] <= found.n[0] for i in (1, 2, 3))


def test_a_pair_that_is_soon_told_apart_does_not_end_the_comparison_of_the_others() -> None:
    """After ten all three means are 0; two of them may be undecided until 9, each of them and the third for longer."""

    def draw(alive: Sequence[int], r: int) -> list[float]:
        return [((0.1, -0.1, 2.0)[system]) * (1 - 2 * (r % 2)) for system in alive]

    found = selection.kim_nelson(draw, 3, delta=0.2, at_most=400)
    assert min(found.dropped_at.values()) == 11
    assert max(found.n) > 11
    assert len(found.left) < 3


def test_a_band_is_never_below_nothing_and_is_nothing_from_the_last_stage_on() -> None:
    assert selection.kn_most(10.0, 4.0, 1.0) == 40
    assert [selection.kn_band(10.0, 4.0, 1.0, r) for r in (20, 40, 80)] == [0.5, 0.0, 0.0]


@pytest.mark.parametrize("wrong", [{"alpha": 0.0}, {"alpha": 0.5}, {"n0": 1}, {"delta": 0.0}, {"systems": 1}])
def test_a_selection_that_promises_nothing_is_refused(wrong: dict[str, float]) -> None:
    given = {"systems": 2, "delta": 1.0, "alpha": 0.05, "n0": 10, **wrong}
    with pytest.raises(ValueError, match="selection needs"):
        selection.kim_nelson(lambda alive, r: [0.0 for _ in alive], **given)  # type: ignore[arg-type]


def test_kim_nelson_says_when_replications_ran_out() -> None:
    noise = dice().normal(0, 100, (20, 2))
    found = selection.kim_nelson(lambda alive, r: [noise[r, i] for i in alive], 2, delta=0.01, at_most=20)
    assert not found.decided
    assert found.left == (0, 1)


def test_ocba_gives_most_to_what_is_hard_to_tell_apart() -> None:
    parts = selection.ocba([1, 1.5, 9], [1, 1, 1], 100)
    assert parts.sum() == pytest.approx(100)
    assert parts[1] > 50 * parts[2]
    with pytest.raises(ValueError, match="least mean"):
        selection.ocba([1, 1], [1, 1], 10)


def test_sobol_indices_of_a_sum_are_its_shares_of_variance() -> None:
    found = sensitivity.sobol(lambda x: 3 * x[0] + x[1], [(0, 1), (0, 1), (5, 6)], n=512, resamples=50)
    assert [one.value for one in found.first] == pytest.approx([0.9, 0.1, 0], abs=0.01)
    assert [one.value for one in found.total] == pytest.approx([0.9, 0.1, 0], abs=0.01)
    assert found.variance == pytest.approx(10 / 12, rel=0.05)
    assert found.evaluations == 512 * 5
    assert found.first[0].low is not None
    again = sensitivity.sobol(lambda x: 3 * x[0] + x[1], [(0, 1), (0, 1), (5, 6)], n=512, resamples=50)
    assert again == found


@pytest.mark.shared
def test_every_statistics_oracle_is_met(shared: pathlib.Path) -> None:
    cases = json.loads((shared / "cases/oracles/cases.json").read_text())
    mine = [case for case in cases if case["model"] in oracle_statistics.MODELS]
    assert len(mine) == 12
    for case in mine:
        found = oracle_statistics.run_case(case, quick=True)
        rule = case["tolerance"]
        for name, wanted in case["expected"].items():
            room = (rule.get("rel") or rule.get("max_rel", 0)) * abs(wanted) + rule.get("abs", 0)
            assert abs(found[name].value - wanted) <= room, (case["id"], name, found[name], wanted)


@pytest.mark.shared
def test_mser5_cuts_where_it_was_published_to(shared: pathlib.Path) -> None:
    case = json.loads((shared / "cases/oracles/mser5.json").read_text())
    found = output.mser(case["series"])
    assert found.truncate == case["truncate"]
    assert found.mean == pytest.approx(case["mean_after"], rel=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("law", ["normal", "gamma"])
def test_coverage_of_the_intervals_is_what_they_promise(law: str) -> None:
    repeats, n = 1_000, 100
    draws = dice(11).normal(10, 3, (repeats, n)) if law == "normal" else dice(12).gamma(9, 1, (repeats, n))
    mean = 10 if law == "normal" else 9
    p95 = stats.norm(10, 3).ppf(0.95) if law == "normal" else stats.gamma(9).ppf(0.95)
    found = [interval.t_interval(row) for row in draws]
    hit = np.mean([one.low <= mean <= one.high for one in found])  # type: ignore[operator]
    assert 0.93 <= hit <= 0.97
    ranks = quantile.ranks(n, 0.95)
    assert ranks is not None
    ordered = np.sort(draws, axis=1)
    inside = np.mean((ordered[:, ranks.lower - 1] <= p95) & (p95 <= ordered[:, ranks.upper - 1]))
    assert abs(inside - ranks.coverage) <= 0.02
