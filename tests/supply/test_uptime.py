"""Machines up and down, against enumeration, limits and a matrix."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from marketsim.supply import uptime


def test_k_of_n_counts_every_state_of_the_machines() -> None:
    up = 0.7
    states = itertools.product([0, 1], repeat=5)
    by_hand = sum(np.prod([up if bit else 1 - up for bit in state]) for state in states if sum(state) >= 3)
    assert uptime.k_of_n_share(3, 5, up) == pytest.approx(by_hand)


def test_a_unit_up_now_is_up_at_once_and_in_the_long_run_by_its_share() -> None:
    assert uptime.up_after(0, 900, 100) == 1
    assert uptime.up_after(1e6, 900, 100) == pytest.approx(0.9)


@pytest.mark.parametrize(("machines", "crews"), [(1, 1), (5, 1), (16, 3), (64, 3)])
def test_waiting_for_a_crew_solves_the_chain_s_equations(machines: int, crews: int) -> None:
    up, repair = 50.0, 9.0
    rates = np.zeros((machines + 1, machines + 1))
    for down in range(machines):
        rates[down, down + 1] = (machines - down) / up
        rates[down + 1, down] = min(down + 1, crews) / repair
    rates -= np.diag(rates.sum(axis=1))
    system = np.vstack([rates.T, np.ones(machines + 1)])
    share = np.linalg.lstsq(system, np.append(np.zeros(machines + 1), 1.0), rcond=None)[0]
    wanted = 1 - share @ np.arange(machines + 1) / machines
    assert uptime.machine_repair_up_share(machines, crews, up, repair) == pytest.approx(wanted, rel=1e-9)


def test_enough_crews_are_as_good_as_no_limit_and_none_is_refused() -> None:
    assert uptime.machine_repair_up_share(4, 4, 90, 10) == 0.9
    assert uptime.machine_repair_up_share(4, 1, 90, 10) < 0.9
    with pytest.raises(ValueError, match="at least one"):
        uptime.machine_repair_up_share(4, 0, 90, 10)
