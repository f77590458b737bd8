"""Figures of the statistics that a pencil, a sum of chances or a second implementation gives, at their edges."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
import pytest
from scipy import integrate, stats

from marketsim.experiment.statistics import interval, multiple, quantile, selection, variance


def dice(seed: int = 1) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64DXSM(seed))


# ---------------------------------------------------------------------------------------------------- intervals


@pytest.mark.parametrize("wrong", [[[1.0, 2.0]], [[1.0], [2.0]], 3.0, []])
def test_a_sample_is_one_row(wrong: object) -> None:
    with pytest.raises(ValueError, match="one row"):
        interval.sample(wrong)  # type: ignore[arg-type]


def test_half_of_an_interval_is_asked_only_where_there_is_one() -> None:
    assert interval.Interval(1.0, 0.5, 2.5, 3).half_width == 1.0
    assert interval.Interval(1.0, None, 2.5, 3).half_width is None
    assert interval.Interval(1.0, 0.5, None, 3).half_width is None


def test_a_mean_far_below_nothing_is_as_sure_as_one_far_above() -> None:
    assert interval.t_interval([-1e-200, -3e-200]).p == 0.0
    up, down = interval.t_interval([1.0, 2.0, 4.0]), interval.t_interval([-1.0, -2.0, -4.0])
    assert up.p == down.p == pytest.approx(stats.ttest_1samp([1.0, 2.0, 4.0], 0).pvalue)
    assert (up.low, up.high) == (-(down.high or 0), -(down.low or 0))


def test_the_wanted_confidence_is_that_of_the_interval() -> None:
    data = [3.0, 5.0, 4.0, 8.0]
    wide, narrow = interval.t_interval(data, 0.99), interval.t_interval(data, 0.5)
    error = np.std(data, ddof=1) / 2
    assert wide.half_width == pytest.approx(stats.t.ppf(0.995, 3) * error)
    assert narrow.half_width == pytest.approx(stats.t.ppf(0.75, 3) * error)
    assert interval.welch(data, [1.0, 2.0], 0.8).half_width == pytest.approx(
        stats.t.ppf(0.9, interval.welch_freedom(data, [1, 2])) * math.sqrt(error**2 + 0.5 / 2)
    )


@pytest.mark.parametrize(("first", "second"), [([1.0], [1.0, 2.0]), ([1.0, 2.0], [1.0])])
def test_a_pair_of_unlike_lengths_is_no_pair(first: list[float], second: list[float]) -> None:
    with pytest.raises(ValueError, match="one length"):
        interval.paired(first, second)


def test_two_independent_samples_count_as_the_smaller() -> None:
    assert interval.welch([1.0, 2.0], [1.0, 2.0, 4.0]).n == 2
    assert interval.welch([1.0, 2.0, 4.0], [1.0, 2.0]).n == 2
    one_fixed = interval.welch([0.0, 2.0, 4.0], [1.0, 1.0])
    assert (one_fixed.note, one_fixed.half_width) == (None, pytest.approx(stats.t.ppf(0.975, 2) * 2 / math.sqrt(3)))
    fixed = interval.welch([7.0] * 3, [4.0] * 5)
    assert (fixed.low, fixed.value, fixed.high, fixed.n) == (3.0, 3.0, 3.0, 3)
    few = interval.welch([7.0], [4.0, 6.0])
    assert (few.value, few.low, few.n, few.note) == (2.0, None, 1, "needs n >= 2, has 1")


def test_degrees_of_freedom_by_hand() -> None:
    """Variances 2 and 8 over two numbers each: (1 + 4)^2 / (1 / 1 + 16 / 1)."""
    assert interval.welch_freedom([0.0, 2.0], [5.0, 9.0]) == pytest.approx(25 / 17)
    # variances 1 and 2 over three and two: (1/3 + 1)^2 / ((1/9) / 2 + 1)
    assert interval.welch_freedom([1.0, 2.0, 3.0], [0.0, 2.0]) == pytest.approx((16 / 9) / (1 / 18 + 1))


def test_a_bootstrap_begins_at_ten_and_is_near_the_t_interval_of_many() -> None:
    data = dice(3).normal(10, 2, 400)
    assert interval.bootstrap(data[:9]).note == "needs n >= 10, has 9"
    assert interval.bootstrap(data[:10]).low is not None
    found, plain = interval.bootstrap(data), interval.t_interval(data)
    assert (found.value, found.n, found.note) == (plain.value, 400, None)
    assert found.half_width == pytest.approx(plain.half_width, rel=0.05)
    assert interval.bootstrap(data, confidence=0.5).half_width == pytest.approx(0.6745 * 2 / 20, rel=0.1)


def test_a_statistic_that_is_the_same_in_every_resample_has_no_interval() -> None:
    def never(data: np.ndarray, axis: int) -> np.ndarray:
        return np.zeros_like(data.mean(axis=axis))

    with np.errstate(all="ignore"), pytest.warns(stats.DegenerateDataWarning):
        found = interval.bootstrap(np.arange(12.0), never)
    assert (found.value, found.low, found.high, found.n) == (0.0, None, None, 12)
    assert found.note == "the statistic does not vary between resamples"


def test_one_number_alone_does_not_vary() -> None:
    for find in (interval.bootstrap, quantile.cvar_interval, lambda data: quantile.quantile_interval(data, 0.5)):
        found = find([3.0])
        assert (found.value, found.note) == (3.0, "identical in all 1")


# ---------------------------------------------------------------------------------------------------- quantiles


@pytest.mark.parametrize(
    ("n", "level", "confidence"), [(72, 0.95, 0.95), (200, 0.95, 0.9), (72, 0.05, 0.95), (9, 0.5, 0.9)]
)
def test_ranks_are_the_tightest_that_leave_no_more_than_the_tail_on_each_side(
    n: int, level: float, confidence: float
) -> None:
    """P(fewer than `lower` values at or below the quantile) and P(at least `upper`), summed one by one."""
    found = quantile.ranks(n, level, confidence)
    assert found is not None

    def below(count: int) -> float:
        return sum(math.comb(n, k) * level**k * (1 - level) ** (n - k) for k in range(count))

    tail = (1 - confidence) / 2
    assert below(found.lower) <= tail < below(found.lower + 1)
    assert 1 - below(found.upper) <= tail < 1 - below(found.upper - 1)
    assert found.coverage == pytest.approx(below(found.upper) - below(found.lower))


def test_the_lowest_and_the_highest_value_may_be_a_rank() -> None:
    assert (quantile.ranks(72, 0.05) or (0,))[0] == 1
    assert quantile.ranks(71, 0.05) is None
    assert (quantile.ranks(72, 0.95) or (0, 0))[1] == 72


def test_a_least_n_that_meets_its_chance_exactly_is_not_one_more() -> None:
    assert quantile.least_n_upper(0.5, 0.75) == 2  # 0.5^2 = 0.25
    assert quantile.least_n(0.5, 0.5) == 2
    assert quantile.least_n_upper(0.1, 0.999) == 3


def test_a_quantile_is_the_value_at_its_rank_though_floats_make_the_rank_a_little_more() -> None:
    assert 0.07 * 100 > 7
    found = quantile.quantile_interval(np.arange(1, 101), 0.07)
    assert (found.value, found.n) == (7, 100)
    assert quantile.quantile_interval([3.0, 1.0, 2.0], 0.01).value == 1
    assert quantile.quantile_interval([3.0, 1.0, 2.0], 1.0 - 1e-3).value == 3


@pytest.mark.parametrize("data", [[1.0, 2.0, 2.0, 2.0], [1.0, 1.0, 1.0, 2.0]])
def test_data_of_which_one_number_differs_do_vary(data: list[float]) -> None:
    assert (quantile.quantile_interval(data, 0.5).note or "").startswith("needs n")
    assert interval.t_interval(data).note is None
    assert (interval.bootstrap(data).note or "").startswith("needs n")
    assert (quantile.cvar_interval(data).note or "").startswith("needs n")


@pytest.mark.parametrize("level", [0.0, 0.3, 0.5, 0.77, 0.95, 0.999])
def test_cvar_is_the_mean_of_the_quantiles_above(level: float) -> None:
    data = np.sort(dice(5).gamma(2, 1, 40))

    def value_at(share: float) -> float:
        return float(data[min(int(share * 40), 39)])

    edges = [level, *(k / 40 for k in range(41) if k / 40 > level)]
    wanted = math.fsum((b - a) * value_at((a + b) / 2) for a, b in itertools.pairwise(edges)) / (1 - level)
    assert quantile.cvar(data, level) == pytest.approx(wanted)


def test_cvar_interval_is_that_of_the_mean_of_what_lies_above_its_edge() -> None:
    data = dice(6).exponential(1, 200)
    found = quantile.cvar_interval(data, 0.9)
    edge = np.sort(data)[179]
    parts = edge + np.maximum(data - edge, 0) / 0.1
    assert found.value == pytest.approx(parts.mean())
    assert found.n == 200
    half = stats.t.ppf(0.975, 199) * parts.std(ddof=1) / math.sqrt(200)
    assert (found.low, found.high) == pytest.approx((found.value - half, found.value + half))
    assert quantile.cvar_interval(data[:199], 0.9).note == "needs n >= 200, has 199"
    half = quantile.cvar_interval(data, 0.9, 0.8).half_width or 0
    assert half == pytest.approx(stats.t.ppf(0.9, 199) * parts.std(ddof=1) / math.sqrt(200))
    same = quantile.cvar_interval([2.0] * 5)
    assert (same.value, same.note) == (2.0, "identical in all 5")


@pytest.mark.parametrize("level", [0.6, 0.95])
def test_tails_of_the_normal_and_the_lognormal_are_their_integrals(level: float) -> None:
    def tail(law: object, edge: float) -> float:
        return integrate.quad(lambda x: x * law.pdf(x), edge, np.inf)[0] / (1 - level)  # type: ignore[attr-defined]

    normal, heavy = stats.norm(3, 2), stats.lognorm(0.7, scale=math.exp(0.4))
    assert quantile.normal_var(3, 2, level) == pytest.approx(normal.ppf(level))
    assert quantile.normal_cvar(3, 2, level) == pytest.approx(tail(normal, normal.ppf(level)))
    assert quantile.lognormal_cvar(0.4, 0.7, level) == pytest.approx(tail(heavy, heavy.ppf(level)))


# ---------------------------------------------------------------------------------------------------- selection


def test_constants_of_kim_and_nelson_by_hand() -> None:
    """Two systems, eleven first replications: (2 x 0.05)^(-2/10) = 10^0.2."""
    eta = selection.kn_eta(2, 11, 0.05)
    assert eta == pytest.approx((10**0.2 - 1) / 2)
    assert selection.kn_eta(5, 11, 0.05) == pytest.approx((40**0.2 - 1) / 2)
    assert selection.kn_h2(eta, 11) == pytest.approx(10 * (10**0.2 - 1))
    assert selection.kn_most(10.0, 4.0, 2.0) == 10
    assert selection.kn_most(10.0, 4.1, 2.0) == 10
    assert selection.kn_band(10.0, 4.0, 2.0, 4) == 1.5


def test_what_never_differs_is_undecided_until_the_last_stage_and_then_the_first_is_as_good() -> None:
    """Ten alternating differences of -2 and 2: variance 40 / 9; then nothing. h^2 s^2 / delta^2 tells the end."""
    asked: list[tuple[list[int], int]] = []

    def draw(alive: Sequence[int], r: int) -> list[float]:
        asked.append((list(alive), r))
        sign = 0 if r >= 10 else (-1) ** r
        return [float(sign * (1 if system else -1)) for system in alive]

    last = math.floor(9 * (10 ** (2 / 9) - 1) * 40 / 9 / 0.8**2)
    found = selection.kim_nelson(draw, 2, delta=0.8)
    assert found == selection.Selected(0, True, (last + 1, last + 1), (0, 1))
    assert asked == [([0, 1], r) for r in range(last + 1)]
    short = selection.kim_nelson(draw, 2, delta=0.8, at_most=last)
    assert (short.decided, short.n) == (False, (last, last))


def test_a_dropped_system_is_drawn_no_more_and_the_least_mean_wins_wherever_it_stands() -> None:
    noise = dice(7).normal(0, 1, (2_000, 3))
    asked: list[list[int]] = []

    def draw(alive: Sequence[int], r: int) -> list[float]:
        asked.append(list(alive))
        return [(9.0, 0.5, 0.0)[i] + noise[r, i] for i in alive]

    found = selection.kim_nelson(draw, 3, delta=0.4)
    assert (found.best, found.decided, found.left) == (2, True, (2,))
    assert found.dropped_at == {0: 10, 1: found.n[1]}
    assert found.n == (10, found.n[1], found.n[1])
    assert found.n[1] > 10
    assert asked == [[0, 1, 2]] * 10 + [[1, 2]] * (found.n[1] - 10)


def test_the_least_that_a_selection_takes() -> None:
    """Two systems, two first replications, a promise little better than a coin's."""
    found = selection.kim_nelson(lambda alive, r: [float(i) + 0.01 * r * i for i in alive], 2, 0.5, alpha=0.49, n0=2)
    assert (found.best, found.decided) == (0, True)
    three = selection.kim_nelson(lambda alive, r: [float(i) + 0.01 * r * i for i in alive], 3, 0.5, alpha=0.6, n0=2)
    assert (three.best, three.decided) == (0, True)


def test_rinotts_constant_of_two_systems_is_that_of_the_difference_of_two_t() -> None:
    """h solves P(T1 - T2 <= h) = 0.95 with T of n0 - 1 degrees of freedom, summed over T1."""
    h = selection.rinott_h(2, 10, 0.95)
    found = integrate.quad(lambda t: stats.t.pdf(t, 9) * stats.t.cdf(h - t, 9), -60, 60, limit=200)[0]
    assert found == pytest.approx(0.95, abs=1e-4)
    assert selection.rinott_h(5, 10, 0.95) > h > selection.rinott_h(2, 30, 0.95)


def test_a_budget_by_hand() -> None:
    """Gaps 1 and 2, spreads 1 and 4: weights 1 and 4; the best 2 x sqrt(1 / 1 + 16 / 16)."""
    parts = selection.ocba([5.0, 4.0, 6.0], [1.0, 2.0, 4.0], 60)
    weights = np.array([1.0, 2 * math.sqrt(2), 4.0])
    np.testing.assert_allclose(parts, 60 * weights / weights.sum())


# ---------------------------------------------------------------------------------------------------- variance


def test_what_a_control_and_a_mirror_leave_of_the_variance() -> None:
    assert variance.control_beta(6.0, 4.0) == 1.5
    assert variance.control_ratio(10.0, 6.0, 4.0) == pytest.approx(1 - 0.9)
    assert variance.antithetic_ratio(4.0, -3.0) == 0.25


def test_a_mean_with_a_control_is_the_regression_at_the_controls_mean() -> None:
    x = dice(8).normal(0, 1, 25)
    y = 3 + 2 * x + dice(9).normal(0, 0.5, 25)
    found, other = variance.controlled(y, x, [0.3]), stats.linregress(x - 0.3, y)
    assert found.value == pytest.approx(other.intercept)
    assert found.half_width == pytest.approx(stats.t.ppf(0.975, 23) * other.intercept_stderr)
    assert found.n == 25
    narrow = variance.controlled(y, x, [0.3], 0.6)
    assert narrow.half_width == pytest.approx(stats.t.ppf(0.8, 23) * other.intercept_stderr)


def test_of_several_controls_only_those_that_vary_count() -> None:
    x = dice(8).normal(0, 1, (12, 2))
    y = 3 + x @ [2.0, -1.0] + dice(9).normal(0, 0.5, 12)
    both = variance.controlled(y, x, [0.0, 0.0])
    with_a_third = variance.controlled(y, np.column_stack((x, np.full(12, 5.0))), [0.0, 0.0, 4.0])
    assert (both.low, both.value, both.high) == pytest.approx((with_a_third.low, with_a_third.value, with_a_third.high))
    assert variance.controlled(y[:11], x[:11], [0.0, 0.0]).note == "needs n >= 12, has 11"


def test_the_mean_of_two_mirrored_halves() -> None:
    found = variance.antithetic([1.0, 4.0, 3.0], [3.0, 0.0, 2.0])
    assert (found.value, found.n) == (pytest.approx(6.5 / 3), 3)
    assert found.half_width == interval.t_interval([2.0, 2.0, 2.5]).half_width


def test_what_common_dice_save_of_a_difference() -> None:
    """Variances 1 and 4, of the difference 1: a fifth is left."""
    assert variance.reduction([1.0, 2.0, 3.0], [2.0, 4.0, 6.0]) == pytest.approx(1 / 5)
    assert variance.reduction([1.0, 2.0, 3.0], [5.0, 5.0, 5.0]) == 1
    with pytest.raises(ValueError, match="neither"):
        variance.reduction([1.0, 1.0], [2.0, 2.0])


# ---------------------------------------------------------------------------------------------------- several


def test_a_later_p_is_never_called_smaller_than_one_before_it() -> None:
    assert multiple.holm([0.03, 0.01, 0.02]) == pytest.approx([0.04, 0.03, 0.04])
    assert multiple.holm([0.5, 0.001, 0.4]) == pytest.approx([0.8, 0.003, 0.8])
    assert multiple.holm([]) == []
    assert multiple.bonferroni([0.01, 0.3, 0.4]) == pytest.approx([0.03, 0.9, 1.0])
