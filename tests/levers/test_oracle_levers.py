"""The oracles of rounds and transfers, on other parameters than the study's."""

from __future__ import annotations

from typing import Any

import pytest

from analysis.oracle_levers import run_case


def case(model: str, **params: Any) -> dict[str, Any]:
    return {"model": model, "params": params}


def test_all_of_n_and_the_first_k_of_n() -> None:
    found = run_case(case("fedavg_straggler", n=5, k=2, c=1.0, m=2.0), quick=True)
    harmonic = 1 + 1 / 2 + 1 / 3 + 1 / 4 + 1 / 5
    wanted = {"mean_max": 1 + 2 * harmonic, "mean_kth": 1 + 2 * (1 / 5 + 1 / 4)}
    for name, value in wanted.items():
        assert abs(found[name].value - value) <= 4 * (found[name].se or 0.0)
        assert 4 * (found[name].se or 0.0) <= 0.03 * value


def test_the_first_of_unequal_clients() -> None:
    found = run_case(case("fedavg_hetero_exp", rates=[3.0, 1.0]), quick=True)
    for name, value in {"mean_min": 0.25, "P_first_is_client1": 0.75, "mean_max": 1 / 3 + 1 - 1 / 4}.items():
        assert abs(found[name].value - value) <= 4 * (found[name].se or 0.0)


def test_a_link_is_exact() -> None:
    found = run_case(
        case("transfer_time", params_m=10.0, bytes_per_param=4, compression=0.5, mbps=8.0, latency_s=1.0, n_share=2)
    )
    assert {name: one.value for name, one in found.items()} == pytest.approx(
        {"megabytes": 20.0, "t_one": 21.0, "t_round_updown": 42.0, "t_shared": 41.0}
    )
    assert all(one.se is None for one in found.values())
