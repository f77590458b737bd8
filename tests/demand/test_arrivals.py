"""Arrivals: rates, cycles, batches and silences come out as they were asked for."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from pydantic import ValidationError
from scipy import stats

from marketsim.demand import cycle
from marketsim.demand.arrivals import Batches, Calendar, ClosedLoop, Poisson, Renewal
from marketsim.errors import InputError
from marketsim.settings import Seconds
from marketsim.streams import Dice
from marketsim.throw import Throw

DAY = 86_400
MONDAY = datetime(2024, 1, 1, tzinfo=UTC)


def throw(days: float, replication: int = 0, start: datetime = MONDAY) -> Throw:
    return Throw(Dice(3, replication), int(days * DAY), int(days * DAY), start)


def test_the_calendar_submits_at_its_times_and_not_at_the_horizon() -> None:
    arrived = Calendar(every=Seconds(7 * DAY), first=Seconds(DAY), jobs=2).draw(throw(15))
    assert arrived.times_s.tolist() == [DAY, DAY, 8 * DAY, 8 * DAY]
    assert arrived.batch.tolist() == [0, 0, 1, 1]


def test_poisson_counts_have_the_mean_and_the_variance_of_a_poisson_law() -> None:
    counts = [len(Poisson(per_day=5).draw(throw(10, r)).times_s) for r in range(600)]
    assert np.mean(counts) == pytest.approx(50, abs=4 * 50**0.5 / 600**0.5)
    assert np.var(counts) / np.mean(counts) == pytest.approx(1, abs=4 * (2 / 600) ** 0.5)


def test_gaps_of_a_flat_poisson_stream_are_exponential() -> None:
    gaps = np.diff(Poisson(per_day=500).draw(throw(20)).times_s)
    assert stats.kstest(gaps + 0.5, "expon", args=(0, DAY / 500)).pvalue > 0.001


def test_rescaled_times_keep_the_rate_of_each_piece() -> None:
    edges, rates = np.array([0.0, 100, 200, 300]), np.array([0.5, 0.0, 2.0])
    times = cycle.rescaled(Dice(1), "x", edges, rates)
    counts = np.histogram(times, edges)[0]
    assert counts[1] == 0
    assert abs(counts[0] - 50) < 4 * 50**0.5
    assert abs(counts[2] - 200) < 4 * 200**0.5


def test_office_weekends_are_half_as_busy_and_nights_are_quiet() -> None:
    arrived = Poisson(per_day=400, week_cycle="office").draw(throw(7 * 20))
    hour = arrived.times_s // 3600 % 168
    weekend = np.mean(hour >= 120) / 2 / (np.mean(hour < 120) / 5)
    assert weekend == pytest.approx(0.5, abs=0.03)
    assert np.mean(hour % 24 == 15) > 2 * np.mean(hour % 24 == 3)


def test_the_cycle_follows_the_calendar_and_not_the_start() -> None:
    saturday = datetime(2024, 1, 6, tzinfo=UTC)
    first_two_days = Poisson(per_day=1000, week_cycle="office").draw(throw(2, start=saturday)).times_s
    assert len(first_two_days) == pytest.approx(2 * 1000 * 7 * 0.5 / 6, rel=0.1)


def test_growth_is_a_function_of_absolute_time() -> None:
    arrived = Poisson(per_day=100, growth_per_year=1.0).draw(throw(730))
    years = np.histogram(arrived.times_s, [0, 365 * DAY, 730 * DAY])[0]
    assert years[1] / years[0] == pytest.approx(2, rel=0.03)
    assert years[0] == pytest.approx(36_500 / np.log(2), rel=0.02)


def test_batches_have_the_mean_size_and_leave_the_daily_rate_alone() -> None:
    arrived = Batches(per_day=30, batch_mean=3).draw(throw(1000))
    sizes = np.bincount(arrived.batch)
    assert len(arrived.times_s) / 1000 == pytest.approx(30, rel=0.05)
    assert sizes.mean() == pytest.approx(3, rel=0.03)
    assert np.mean(sizes == 1) == pytest.approx(1 / 3, abs=0.02)  # geometric


def test_batch_sizes_may_be_given_one_by_one() -> None:
    arrived = Batches.model_validate({"kind": "batches", "per_day": 66, "batch_sizes": {"1": 0.5, "4": 0.3, "8": 0.2}})
    sizes = np.bincount(arrived.draw(throw(2000)).batch)
    assert set(sizes.tolist()) == {1, 4, 8}
    assert np.mean(sizes == 8) == pytest.approx(0.2, abs=0.01)
    assert arrived.mean_size == pytest.approx(3.3)


def test_jobs_of_a_batch_are_spaced_and_stay_in_order_of_time() -> None:
    batches = Batches(per_day=20, batch_mean=4, spacing=Seconds(600))
    arrived = batches.draw(throw(400))
    assert (np.diff(arrived.times_s) >= 0).all()
    within = [np.diff(arrived.times_s[arrived.batch == one]) for one in range(1500)]
    assert np.concatenate(within).mean() == pytest.approx(600, rel=0.06)


def test_a_batch_that_straddles_the_horizon_is_cut_there() -> None:
    batches = Batches(per_day=20, batch_mean=4, spacing=Seconds(20_000))
    short, long = batches.draw(throw(5)).times_s, batches.draw(throw(9)).times_s
    assert short.max() < 5 * DAY
    assert np.array_equal(long[: len(short)], short)
    assert long[len(short)] >= 5 * DAY


@pytest.mark.parametrize("cv", [2.7, 4.0])
def test_the_inter_arrival_cv_is_the_one_asked_for(cv: float) -> None:
    batches = Batches(per_day=6, batch_mean=2, week_cycle="office", cv=cv)
    gaps = np.concatenate([np.diff(batches.draw(throw(2000, r)).times_s) for r in range(6)])
    assert gaps.std() / gaps.mean() == pytest.approx(cv, rel=0.12)


def test_a_cv_below_what_the_batches_give_needs_no_busy_days() -> None:
    assert Batches(per_day=6, batch_mean=3, cv=1.0).sigma == 0


def test_busy_days_have_mean_one_and_the_spread_and_memory_asked_for() -> None:
    factor = cycle.ar1(Dice(5), "days", 60_000, 0.8, 0.5)
    logs = np.log(factor)
    assert factor.mean() == pytest.approx(1, abs=0.03)
    assert logs.std() == pytest.approx(0.8, rel=0.02)
    assert np.corrcoef(logs[1:], logs[:-1])[0, 1] == pytest.approx(0.5, abs=0.02)


def test_a_renewal_stream_has_the_rate_and_the_regularity_asked_for() -> None:
    gaps = np.diff(Renewal(per_day=24, cv=0.3).draw(throw(400)).times_s)
    assert gaps.mean() == pytest.approx(3600, rel=0.02)
    assert gaps.std() / gaps.mean() == pytest.approx(0.3, rel=0.05)


def test_in_a_closed_loop_each_person_thinks_between_two_submissions() -> None:
    arrived = ClosedLoop(people=2, think_hours={"kind": "constant", "value": 6}).draw(throw(1))  # type: ignore[arg-type]
    assert arrived.times_s.tolist() == [21_600, 21_600, 43_200, 43_200, 64_800, 64_800]
    assert arrived.batch.tolist() == [0, 1, 0, 1, 0, 1]
    assert arrived.think_s is not None
    assert set(arrived.think_s.tolist()) == {21_600}


def test_a_mistyped_rate_is_refused_before_memory_runs_out() -> None:
    with pytest.raises(InputError, match="more arrivals than can be simulated"):
        Poisson(per_day=1_000_000).draw(throw(3650))


def test_weights_of_a_week_need_168_hours_and_one_above_zero() -> None:
    with pytest.raises(ValidationError):
        Poisson.model_validate({"kind": "poisson", "per_day": 1, "week_cycle": [1.0] * 24})
    with pytest.raises(InputError, match="above 0"):
        Poisson(per_day=1, week_cycle=(0.0,) * 168).draw(throw(1))
