"""Latency over intervals: M/M/c in each, a backlog that is worked off, autoscaling, and when it does not hold."""

from __future__ import annotations

import numpy as np
import pytest

from marketsim.demand import latency
from marketsim.streams import Dice, exponential

EXPONENTIAL = exponential((np.arange(20_000) + 0.5) / 20_000)


def test_one_interval_has_the_mean_wait_of_mmc() -> None:
    found = latency.latency(np.full(24, 8.0), 10, EXPONENTIAL, 1e6)
    assert found.mean_wait_s == pytest.approx(0.20459007539822174, rel=2e-3)
    assert found.warnings == ()


def test_intervals_count_by_their_requests() -> None:
    busy, quiet = (latency.latency(np.array([rate]), 10, EXPONENTIAL, 1e6).mean_wait_s for rate in (9.0, 3.0))
    both = latency.latency(np.array([9.0, 3.0]), 10, EXPONENTIAL, 1e6).mean_wait_s
    assert both == pytest.approx(0.75 * busy + 0.25 * quiet, rel=1e-6)


def test_a_backlog_is_carried_and_worked_off() -> None:
    fixed = np.full(100, 1.0)
    # 2 a second on one server for 100 s leave 100 waiting; at 0.5 a second they are gone after 200 s
    found = latency.latency(np.array([2.0, 0.5, 0.5, 0.5]), 1, fixed, 100.0)
    assert found.overload_share == pytest.approx(100 / 350)
    assert any("above capacity" in warning for warning in found.warnings)
    delays = np.array([50, 75, 25, 0]) * np.array([200, 50, 50, 50]) / 350
    assert delays.sum() < found.mean_wait_s < delays.sum() + 10


def test_idle_time_before_a_rush_works_nothing_off() -> None:
    fixed = np.full(100, 1.0)
    rush, after_idle = (latency.latency(np.array(rates), 1, fixed, 100.0).mean_wait_s * np.sum(rates)
                        for rates in ([2.0, 0.5, 0.5, 0.5], [0.1, 2.0, 0.5, 0.5, 0.5]))  # fmt: skip
    assert after_idle == pytest.approx(rush, rel=0.01)  # the few requests before it hardly wait


def test_a_rare_overload_stands_in_the_p99_as_it_does_in_the_sum_over_all() -> None:
    per_s = np.full(1000, 0.5)
    per_s[500:508] = 3.0  # eight windows of a thousand, then a backlog that is worked off
    found = latency.latency(per_s, 1, np.full(100, 1.0), 100.0, shares=(0.99,))
    net = np.cumsum((per_s - 1) * 100)
    after = net - np.minimum(np.minimum.accumulate(net), 0)
    delay = (np.concatenate(([0], after[:-1])) + after) / 2
    order = np.argsort(delay)
    cumulated = np.cumsum(per_s[order]) / per_s.sum()
    exact = delay[order][np.searchsorted(cumulated, 0.99)] + 1
    assert found.quantiles_s[0] == pytest.approx(exact, rel=0.1)


def test_what_is_late_is_what_lies_beyond_the_objective() -> None:
    found = latency.latency(np.full(4, 8.0), 10, EXPONENTIAL, 1e6, objective_s=3.0)
    assert found.late_share is not None
    again = latency.latency(np.full(4, 8.0), 10, EXPONENTIAL, 1e6, shares=(1 - found.late_share,))
    assert again.quantiles_s[0] == pytest.approx(3.0, rel=2e-2)


def test_without_servers_nothing_is_served() -> None:
    found = latency.latency(np.array([1.0]), 0, EXPONENTIAL, 3600.0, objective_s=10.0)
    assert (found.overload_share, found.late_share) == (1.0, 1.0)


def test_short_intervals_are_warned_of() -> None:
    found = latency.latency(np.full(10, 0.95), 1, EXPONENTIAL, 60.0)
    assert any("too short for the queue to settle" in warning for warning in found.warnings)


def test_bursts_in_a_record_raise_the_wait_and_are_warned_of() -> None:
    steady = np.cumsum(exponential(Dice(1).uniforms("gaps", 20_000), 0.2))
    bursty = np.repeat(np.cumsum(exponential(Dice(2).uniforms("gaps", 4_000), 1.0)), 5)
    rates = np.full(20, 5.0)
    one, two = (latency.latency(rates, 8, EXPONENTIAL, 200.0, record_s=times) for times in (steady, bursty))
    assert not any("bursts" in warning for warning in one.warnings)
    assert any("bursts" in warning for warning in two.warnings)
    assert two.mean_wait_s > 2 * one.mean_wait_s


def test_a_short_record_does_not_know_its_own_quantiles() -> None:
    times = np.arange(60.0)
    found = latency.latency(np.array([1.0]), 2, EXPONENTIAL, 60.0, record_s=times)
    assert any("relaxation times" in warning for warning in found.warnings)


def test_replicas_follow_the_rate_after_an_interval_and_a_cold_start() -> None:
    rate = np.array([10.0, 10, 30, 30, 30, 10, 10])
    # sized on the interval before; one more interval of 60 s to load in 23 s; fewer at once
    got = latency.autoscaled(rate, 60.0, 10.0, headroom=0.0, minimum=1, cold_start_s=23.0)
    assert got.tolist() == [1, 1, 1, 1, 3, 3, 1]


def test_headroom_and_minimum_hold() -> None:
    assert latency.autoscaled(np.full(3, 10.0), 60.0, 10.0, headroom=0.2).tolist() == [2, 2, 2]
    assert latency.autoscaled(np.zeros(3), 60.0, 10.0, minimum=2).tolist() == [2, 2, 2]
