"""Erlang's formulas against sums over states, and the Allen-Cunneen wait against what is exact."""

from __future__ import annotations

import math

import numpy as np
import pytest

from marketsim.demand import queueing


def blocked_by_sum(servers: int, offered: float) -> float:
    terms = [offered**k / math.factorial(k) for k in range(servers + 1)]
    return terms[-1] / sum(terms)


@pytest.mark.parametrize(("servers", "offered"), [(1, 0.5), (8, 5.0), (100, 80.0), (3, 9.0)])
def test_erlang_b_is_the_share_of_the_full_state(servers: int, offered: float) -> None:
    assert float(queueing.erlang_b(servers, offered)) == pytest.approx(blocked_by_sum(servers, offered), rel=1e-10)


def test_erlang_c_of_one_server_is_its_load() -> None:
    assert queueing.erlang_c(1, np.array([0.0, 0.3, 0.9])) == pytest.approx([0.0, 0.3, 0.9])


def test_erlang_c_is_vectorised_and_one_above_capacity() -> None:
    got = queueing.erlang_c(np.array([10, 4, 2]), np.array([8.0, 3.0, 2.0]))
    assert got == pytest.approx([0.4091801507964435, 0.5094339622641509, 1.0])


def test_a_million_servers_do_not_overflow() -> None:
    got = queueing.erlang_b(np.array([1e6, 1e6]), np.array([9e5, 2e6]))
    assert got == pytest.approx([0.0, 0.5], abs=1e-5)


def test_the_wait_of_a_deterministic_server_is_half_that_of_an_exponential_one() -> None:
    exponential, fixed = queueing.wait(0.5, 1, 1.0), queueing.wait(0.5, 1, 1.0, service_cv2=0.0)
    assert float(exponential.mean_s) == pytest.approx(1.0)  # M/M/1: rho / (mu - lambda)
    assert float(fixed.mean_s) == pytest.approx(0.5)  # M/D/1 by Pollaczek and Khinchine


def test_a_lognormal_server_waits_by_pollaczek_and_khinchine() -> None:
    assert float(queueing.wait(0.5, 1, 1.0, service_cv2=1.5).mean_s) == pytest.approx(1.25)


def test_the_tail_of_an_mmc_wait_is_exponential() -> None:
    queue = queueing.wait(8.0, 10, 1.0)
    assert float(queue.beyond(0.5)) == pytest.approx(0.4091801507964435 * math.exp(-1.0))


def test_above_capacity_the_wait_has_no_end() -> None:
    assert math.isinf(float(queueing.wait(2.0, 1, 1.0).mean_s))


def test_the_response_of_mm1_is_exponential() -> None:
    nodes = -np.log1p(-(np.arange(4000) + 0.5) / 4000)
    got = queueing.response_quantile(queueing.wait(np.array([0.5]), 1, 1.0), nodes, 0.95)
    assert got == pytest.approx([5.991464547107982], rel=2e-3)  # -ln(0.05) / (mu - lambda)


def test_the_largest_rate_keeps_the_objective_and_no_more() -> None:
    rate = queueing.largest_rate(64, 2.0, 0.5, 0.99)
    assert float(queueing.wait(rate, 64, 2.0).beyond(0.5)) == pytest.approx(0.01, rel=1e-6)
    assert queueing.largest_rate(64, 2.0, -0.1, 0.99) == 0
