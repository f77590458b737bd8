"""Fits: a workload drawn from known settings is recognised, the score punishes what it should, drift widens."""

from __future__ import annotations

import pathlib
from datetime import UTC, datetime

import numpy as np
import pytest

from marketsim.charts import workload_fit
from marketsim.demand import drift, fit, fit_parts, goodness, tracefile, workload_stats
from marketsim.demand.experiments import Experiments
from marketsim.demand.fit import FitResult
from marketsim.demand.tracefile import Trace
from marketsim.errors import InputError
from marketsim.streams import Dice
from marketsim.throw import Throw

DAY = 86_400
MONDAY = datetime(2024, 1, 1, tzinfo=UTC)
TRUTH = {
    "kind": "experiments",
    "arrivals": {"kind": "batches", "per_day": 12, "batch_sizes": {"1": 2, "3": 1}, "spacing": "20 s",
                 "week_cycle": "office", "day_sigma": 0.6, "day_correlation": 0.5},
    "run_hours_of_gang": [{"kind": "lognormal", "median": 0.5, "sigma": 1.5},
                          {"kind": "lognormal", "median": 8, "sigma": 1}],
    "gang": {"kind": "choices", "gpus": [1, 8], "weights": [0.8, 0.2]},
    "batch_similarity": 0.5,
    "deadline": {"kind": "slack", "factor": {"kind": "lognormal", "median": 2, "sigma": 0.3}},
}  # fmt: skip


def made(days: int = 112, replication: int = 0) -> Trace:
    jobs = Experiments.model_validate(TRUTH).jobs("x", Throw(Dice(8, replication), days * DAY, days * DAY, MONDAY))
    milli = np.array([need.milli for need in jobs.needs])[jobs.need]
    duration = np.maximum(jobs.work // milli, 1)
    return tracefile.from_columns(jobs.arrival_s, duration, milli / 1000, deadline_s=jobs.deadline_s)


@pytest.fixture(scope="module")
def fitted() -> FitResult:
    return fit.fit_trace(made())


def test_a_fit_finds_the_settings_that_drew_the_record(fitted: FitResult) -> None:
    found = fitted.fitted
    assert found.per_day == pytest.approx(12, rel=0.2)
    assert found.batch[3] / found.batch[1] == pytest.approx(0.5, rel=0.25)
    assert found.similarity == pytest.approx(0.5, abs=0.12)
    assert found.spacing_s == pytest.approx(20, rel=0.5)  # batches that fall together stand in it too
    shares = dict(zip(found.gangs, found.weights / found.weights.sum(), strict=True))
    assert shares[1, 8000] == pytest.approx(0.2, abs=0.05)
    median = int(np.searchsorted(fit_parts.SHARES, 0.5))
    hours = dict(zip(found.gangs, found.hours, strict=True))
    assert hours[1, 1000][median] == pytest.approx(0.5, rel=0.25)
    assert hours[1, 8000][median] == pytest.approx(8, rel=0.35)
    assert found.slack is not None
    assert found.slack[median] == pytest.approx(2, rel=0.05)
    weekend = found.week[120:].mean() / found.week[:120].mean()
    assert weekend == pytest.approx(0.5, abs=0.2)


def test_what_a_fit_draws_is_hard_to_tell_from_its_record(fitted: FitResult) -> None:
    checks = goodness.goodness(fitted, Dice(1), rounds=60)
    assert np.mean([check.inside for check in checks]) >= 0.85


def test_the_block_is_a_scenarios_and_draws_the_same(fitted: FitResult) -> None:
    block = fitted.block()
    assert Experiments.model_validate(block) == fitted.settings()
    assert set(block["arrivals"]["batch_sizes"]) >= {"1", "3"}
    assert block["deadline"]["share"] == 1.0


def test_intervals_hold_the_number_and_most_of_the_truth(fitted: FitResult) -> None:
    named = {one.name: one for one in goodness.intervals(fitted, Dice(1), rounds=40)}
    assert all(one.low <= one.high for one in named.values())
    per_day, share = named["jobs a day"], named["share of 1 x 8 GPUs"]
    assert per_day.low < per_day.value < per_day.high
    assert share.low < 0.2 < share.high
    assert 0.2 < (per_day.high - per_day.low) / per_day.value * 2 < 2


def test_a_prediction_is_wider_than_the_fit(fitted: FitResult) -> None:
    def medians(by: drift.Drift) -> np.ndarray:
        return np.array([np.median(fitted.generate(Dice(1, r), 0, 28 * DAY, by).gpu_hours) for r in range(40)])

    assert np.log(medians(drift.Drift())).std() > 2 * np.log(medians(drift.NONE)).std()


def test_a_fit_on_the_first_days_knows_nothing_of_the_rest() -> None:
    trace = made()
    later = trace.submit_s >= round(112 * 0.6) * DAY
    changed = tracefile.from_columns(trace.submit_s, np.where(later, 7, trace.duration_s), trace.milli / 1000,
                                     deadline_s=trace.deadline_s)  # fmt: skip
    one, two = fit.fit_trace(trace, until_share=0.6), fit.fit_trace(changed, until_share=0.6)
    assert one.block() == two.block()
    assert one.to_s == 67 * DAY


def test_batches_are_jobs_close_together() -> None:
    found = fit_parts.batches(np.array([0, 100, 200, 5000, 5100, 90_000]))
    assert found.sizes.tolist() == [3, 2, 1]
    assert found.starts_s.tolist() == [0, 5000, 90_000]
    assert found.spacing_s == 100


def test_a_days_share_of_the_week_does_not_depend_on_how_often_it_was_seen() -> None:
    starts = np.arange(0, 10 * DAY, 1800)  # ten days, so three of one weekday and one of others
    week = fit_parts.week(starts, 0, 0, 10 * DAY)
    assert week.reshape(7, 24).sum(1) == pytest.approx([24] * 7, rel=0.02)


def test_shifted_shares_move_weight_to_longer_jobs_and_keep_the_values() -> None:
    moved = drift.shift_shares(np.array([0, 0.5, 0.9, 1.0]), 1.0)
    assert moved == pytest.approx([0, 0.15865525, 0.61085, 1.0], abs=1e-4)  # Phi(-1), Phi(1.2816 - 1)


def test_statistics_are_the_ones_a_pencil_gives() -> None:
    submit = np.array([0, 3600, 7200, DAY])
    jobs = workload_stats.Jobs(submit, np.array([3600.0, 3600, 7200, 36_000]), np.array([1.0, 1, 2, 8]))
    rows = {
        row.name: value
        for row, value in zip(workload_stats.rows(), workload_stats.measure(jobs, 0, 2 * DAY), strict=True)
    }
    assert rows["daily count CV"] == pytest.approx(0.5)  # 3 and 1
    assert rows["Mon 00-06 h"] == 0.75
    assert rows["GPU-hours p50"] == pytest.approx(2.5)  # 1, 1, 4, 80
    assert rows["GPU-hour share of top 1 %"] == pytest.approx(80 / 86)
    assert rows["share of jobs on 5 to 8 GPUs"] == 0.25
    gaps = np.array([3600, 3600, DAY - 7200])
    assert rows["inter-arrival CV"] == pytest.approx(gaps.std() / gaps.mean())


def test_the_interval_score_punishes_width_and_misses() -> None:
    score = workload_stats.interval_score(np.array([0.0, 0, 0]), np.array([1.0, 4, 1]), np.array([0.5, 0.5, 1.1]))
    assert score == pytest.approx([1, 4, 1 + 40 * 0.1])


def test_too_little_is_refused() -> None:
    with pytest.raises(InputError, match="no such tenant"):
        fit.fit_trace(made(14), tenant="who")
    with pytest.raises(InputError, match="too few jobs"):
        fit.fit_trace(made(28).rows(np.arange(20)))
    with pytest.raises(InputError, match="too little to fit"):
        fit.fit_trace(made(28), until_share=0.02)


def test_a_file_is_fitted_from_its_path(tmp_path: pathlib.Path) -> None:
    trace = made(28)
    (tmp_path / "jobs.csv").write_text(tracefile.text(trace))
    assert fit.fit_workload(tmp_path / "jobs.csv").block() == fit.fit_trace(trace).block()


def test_frames_hold_the_record_and_one_drawn_like_it(fitted: FitResult) -> None:
    frames = goodness.frames(fitted, Dice(1))
    assert set(frames) == {"gpu_hours", "gap_s", "autocorrelation", "week"}
    assert all(set(both) == {"record", "generated"} for both in frames.values())
    assert frames["week"]["record"].sum() == pytest.approx(1)
    assert len(frames["autocorrelation"]["record"]) == 14


def test_the_text_has_every_number_and_the_picture_all_panels(fitted: FitResult) -> None:
    lines = goodness.lines(fitted, Dice(1), rounds=10)
    assert sum("yes" in line or "NO" in line for line in lines) == len(workload_stats.rows())
    assert lines[-1].endswith("lie inside what the fit draws")
    figure = workload_fit.draw(goodness.frames(fitted, Dice(1)), "a $ in a name")
    assert len(figure.axes) == 5
    drawn = figure.axes[0].lines[0].get_xdata()
    assert float(np.max(drawn)) == pytest.approx(fitted.sample.jobs.gpu_hours.max())
