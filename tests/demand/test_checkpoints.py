"""Checkpoint intervals: Young's, Daly's and the exact optimum, and how settings become whole seconds."""

from __future__ import annotations

import pytest
from scipy import optimize

from marketsim.demand import checkpoints
from marketsim.demand.checkpoints import CheckpointSettings


def test_dalys_published_intervals_come_out() -> None:
    # checkpoint 5 min: M = 24 h, 6 h and 15 min give 117, 57 and 9.1 min (Daly 2006)
    assert [round(checkpoints.daly(5, m), 1) for m in (1440, 360, 15)] == [116.7, 56.7, 9.1]


@pytest.mark.parametrize(("delta", "mtbf"), [(1 / 12, 24.0), (1 / 12, 6.0), (0.05, 8.0)])
def test_the_exact_optimum_minimizes_the_expected_time(delta: float, mtbf: float) -> None:
    best = optimize.minimize_scalar(lambda tau: checkpoints.expected_time(48, tau, delta, 0.1, mtbf),
                                    bounds=(0.01, mtbf), method="bounded", options={"xatol": 1e-10})  # fmt: skip
    assert checkpoints.exact(delta, mtbf) == pytest.approx(best.x, rel=1e-5)
    assert checkpoints.daly(delta, mtbf) == pytest.approx(best.x, rel=1e-3)
    assert checkpoints.young(delta, mtbf) == pytest.approx(best.x, rel=0.1)


def test_a_checkpoint_longer_than_twice_the_mtbf_is_taken_once_an_mtbf() -> None:
    assert checkpoints.daly(10, 4) == 4


@pytest.mark.parametrize(("text", "every_s"), [("1 h", 3600), ("0 s", 0), ("none", None), (None, None)])
def test_an_interval_is_a_duration_zero_or_none(text: str | None, every_s: int | None) -> None:
    made = CheckpointSettings.model_validate({"every": text, "cost": "2 min", "restart": "5 min"})
    assert made.as_checkpoint().every_s == every_s
    assert CheckpointSettings.model_validate(made.model_dump(mode="json")) == made


def test_daly_is_worked_out_in_whole_seconds() -> None:
    made = CheckpointSettings.model_validate({"every": "daly", "mtbf": "24 h", "cost": "5 min"})
    assert made.as_checkpoint().every_s == round(checkpoints.daly(300, 86_400)) == 7001
    assert made.model_dump(mode="json")["every"] == "daly"
