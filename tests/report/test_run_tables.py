"""Tables of one run say what the ledger says: of the spot market, the hours of the week, and the story of a job."""

from __future__ import annotations

import numpy as np
import pytest

from marketsim.build import build, policy_of
from marketsim.engine.run import run
from marketsim.metrics.measure import measure
from marketsim.metrics.measured import Measured
from marketsim.report import run_tables

START = "2026-01-01T00:00:00Z"  # a Thursday


@pytest.fixture(scope="module")
def measured(tiny_scenario):
    world = build(tiny_scenario, 1)
    return Measured(world, run(world, policy_of(tiny_scenario, "cheapest")))


@pytest.fixture(scope="module")
def made(measured):
    return run_tables.of_run(measured, "cheapest", START)


def test_reclaims_and_lost_work_of_the_spot_market_are_the_ledgers(measured, made):
    spot = made["spot"]
    assert set(spot["offer"]) == {"cloud-spot"}
    assert spot["reclaims"].sum() == measure(measured.world, measured.ledger)["reclaims"] > 0
    tries = measured.attempts
    lost = tries.lost[tries.offer == 1][tries.cause[tries.offer == 1] == 1].sum() / 3_600_000
    assert spot["lost_gpu_h"].sum() == pytest.approx(lost)
    assert np.allclose(spot["usd_per_gpu_hour"], 1.0)
    assert spot["available"].between(0, 1).all()


def test_a_mean_over_steps_is_the_integral_over_its_span():
    found = run_tables.means(np.array([0, 10, 20]), np.array([0, 5, 12]), np.array([2.0, 4.0, 0.0]))
    assert found.tolist() == [3.0, 0.8]


def test_the_week_has_all_its_hours_and_uses_no_more_than_there_is(made):
    hours = made["hours"]
    assert len(hours) == 168
    assert (hours["used"] <= hours["there"] + 1e-9).all()
    assert set(hours["weekday"]) == set(range(7))


def test_a_story_has_no_holes_and_keeps_the_jobs_work(measured):
    for job in range(len(measured.world.jobs)):
        story = run_tables.story(measured, job, "cheapest")
        assert (story["from_s"].iloc[1:].to_numpy() == story["to_s"].iloc[:-1].to_numpy()).all()
        assert (story["to_s"] > story["from_s"]).all()
        if story.attrs["finish_s"] is not None:
            assert story["to_s"].iloc[-1] == story.attrs["finish_s"]
            assert story["cause"].iloc[-1] == "finished"
        kept = measured.attempts.kept[measured.attempts.job == job].sum() / 3_600_000
        assert story["kept_gpu_h"].sum() == pytest.approx(kept)


def test_a_job_that_is_not_there_has_no_story(measured):
    with pytest.raises(IndexError):
        run_tables.story(measured, 10_000, "cheapest")


def test_the_telling_job_is_one_of_the_most_attempts(measured):
    counts = np.bincount(measured.attempts.job)
    assert counts[run_tables.telling_job(measured)] == counts.max()


def test_all_charts_of_a_run_can_be_made_from_it(tiny_scenario, made):
    from marketsim.report import document, tables

    names = {one.chart.name for one in document.drawn({**made, **tables.of_scenario(tiny_scenario)})}
    assert {"demand_capacity", "week", "spot_market", "misses", "story"} <= names


def test_cash_by_month_ends_where_the_purse_does(tiny_scenario):
    scenario = tiny_scenario.changed({"initial.cash_usd": 1000.0, "horizon": "40 d"})
    world = build(scenario, 0)
    row = measure(world, run(world, policy_of(scenario, "cheapest")))
    months = {name: value for name, value in row.items() if name.startswith("cash_usd/month/")}
    assert list(months) == ["cash_usd/month/00", "cash_usd/month/01", "cash_usd/month/02"]
    assert months["cash_usd/month/00"] == 1000.0
    assert months["cash_usd/month/02"] == pytest.approx(1000.0 - row["cash_out_usd"])
