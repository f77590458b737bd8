"""Distributions: the numbers a person gives come out again, and means agree with the quantiles."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from marketsim.demand.distributions import KINDS, AnyDistribution, Distribution, Empirical, Lognormal, Mixture

ADAPTER: TypeAdapter[Distribution] = TypeAdapter(AnyDistribution)
GRID = (np.arange(400_000) + 0.5) / 400_000

EXAMPLES: dict[str, object] = {
    "constant": 3,
    "uniform": {"kind": "uniform", "low": 1, "high": 4},
    "triangular": {"kind": "triangular", "low": 8, "mode": 16, "high": 52},
    "exponential": {"kind": "exponential", "average": 2},
    "lognormal": {"kind": "lognormal", "median": 400, "p90": 1200},
    "gamma": {"kind": "gamma", "average": 5, "cv": 0.7},
    "weibull": {"kind": "weibull", "scale": 2, "shape": 1.5},
    "empirical": {"kind": "empirical", "values": [1, 2, 4, 100], "shares": [0, 0.25, 0.5, 1]},
    "mixture": {"kind": "mixture", "parts": [{"kind": "uniform", "low": 0, "high": 1}, 5], "weights": [1, 3]},
}


def made(data: object) -> Distribution:
    return ADAPTER.validate_python(data)


def test_every_kind_has_an_example() -> None:
    assert set(EXAMPLES) == set(KINDS)


@pytest.mark.parametrize("kind", EXAMPLES)
def test_the_mean_is_the_mean_of_the_quantiles(kind: str) -> None:
    law = made(EXAMPLES[kind])
    assert law.quantile(GRID).mean() == pytest.approx(law.mean(), rel=2e-3)


@pytest.mark.parametrize("kind", EXAMPLES)
def test_values_are_finite_not_negative_and_belong_to_their_own_uniform(kind: str) -> None:
    law = made(EXAMPLES[kind])
    edge = np.array([0.0, 2.0**-53, 0.5, 1 - 2.0**-53])
    values = law.quantile(edge)
    assert np.isfinite(values).all()
    assert (values >= 0).all()
    assert np.array_equal(law.quantile(edge[[3, 1]]), values[[3, 1]])


@pytest.mark.parametrize("kind", sorted(set(EXAMPLES) - {"mixture"}))
def test_quantiles_rise(kind: str) -> None:
    assert (np.diff(made(EXAMPLES[kind]).quantile(GRID[::1000])) >= 0).all()


def test_a_lognormal_has_the_median_and_p90_it_was_given() -> None:
    law = made({"kind": "lognormal", "median": 400, "p90": 1200})
    assert law.quantile(np.array([0.5, 0.9])) == pytest.approx([400, 1200])


def test_a_lognormal_has_the_average_and_cv_it_was_given() -> None:
    law = Lognormal(average=3.0, cv=2.0**0.5)
    values = law.quantile(GRID)
    assert law.mean() == pytest.approx(3.0)
    assert values.std() / values.mean() == pytest.approx(2.0**0.5, rel=0.02)


def test_a_triangular_value_at_its_mode_is_reached_by_the_share_below_it() -> None:
    law = made(EXAMPLES["triangular"])  # (16 - 8) / (52 - 8) of all lie below the mode
    assert law.quantile(np.array([8 / 44])) == pytest.approx([16])


def test_an_empirical_law_passes_through_its_points_and_is_straight_in_the_log_between() -> None:
    law = Empirical(values=(1, 2, 4, 100), shares=(0, 0.25, 0.5, 1))
    assert law.quantile(np.array([0, 0.25, 0.375, 0.5, 0.75])) == pytest.approx([1, 2, 8**0.5, 4, 20])


def test_a_mixture_gives_each_part_its_share() -> None:
    law = Mixture(parts=(made(1), made(10)), weights=(1, 3))
    values = law.quantile(GRID)
    assert np.mean(values == 1) == pytest.approx(0.25)
    assert law.mean() == pytest.approx(7.75)


def test_the_philly_mixture_has_a_few_jobs_that_take_most_of_the_work() -> None:
    size = np.sort(made({"kind": "mixture", "preset": "philly-startup"}).quantile(GRID))[::-1]
    assert size[: len(size) // 20].sum() / size.sum() > 0.4
    assert np.median(size) < size.mean() / 10


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({"kind": "lognormall", "median": 1, "p90": 2}, "lognormal"),
        ({"kind": "lognormal", "median": 1}, "median and p90, or median and sigma, or average and cv"),
        ({"kind": "lognormal", "median": 2, "p90": 1}, "p90 must be at least the median"),
        ({"kind": "lognormal", "average": 2, "cv": -1}, "cv"),
        ({"kind": "uniform", "low": 4, "high": 1.5}, "low must be below high"),
        ({"kind": "triangular", "low": 4, "mode": 3, "high": 5}, "low <= mode <= high"),
        ({"kind": "empirical", "values": [2, 1]}, "rising order"),
        ({"kind": "empirical", "values": [1, 2], "shares": [0, 0.5]}, "rise from 0 to 1"),
        ({"kind": "mixture", "parts": [1, 2], "weights": [1]}, "one weight for each part"),
        ({"kind": "exponential", "average": 0}, "greater than 0"),
        (True, "tag"),
    ],
)
def test_what_is_no_distribution_is_refused(data: object, says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        made(data)
