"""Offered load by week: a pencil's sum for jobs and for a service."""

from __future__ import annotations

import numpy as np
import pytest

from marketsim.demand import load
from marketsim.demand.inference import Inference
from marketsim.demand.training import Training
from marketsim.errors import InputError
from marketsim.streams import Dice
from marketsim.throw import Throw
from marketsim.units import DAY_S, WEEK_S

HORIZON = 2 * WEEK_S + WEEK_S // 2
THROW = Throw(Dice(1), HORIZON, HORIZON)


def test_jobs_and_services_add_up_by_week() -> None:
    jobs = Training.model_validate(
        {"kind": "training", "arrivals": {"kind": "calendar", "every": "7 d"}, "work_gpu_hours": 168}
    ).jobs("retrain", THROW)  # fmt: skip
    service = Inference.model_validate(
        {"kind": "inference", "requests_per_s": 12, "replica_gpus": 2,
         "serving": {"kind": "measured", "requests_per_s": {"L4": 4.0, "T4": 1.0}}}
    ).service("chat", THROW)  # fmt: skip
    assert service is not None
    found = load.offered_by_week(jobs, [service], HORIZON)
    assert found["retrain"] == pytest.approx([1, 1, 2])  # 168 GPU-hours in a week; the last one is half as long
    assert found["chat"] == pytest.approx([24, 24, 24])  # the reference cannot serve it, the slowest GPU that can does
    assert load.service_by_week(service, HORIZON, "L4") == pytest.approx([6, 6, 6])
    with pytest.raises(InputError, match="no rate is known"):
        load.service_by_week(service, HORIZON, "H100")


def test_all_work_is_counted_once() -> None:
    jobs = Training.model_validate(
        {"kind": "training", "arrivals": {"kind": "poisson", "per_day": 9}, "work_gpu_hours": 3}
    ).jobs("x", THROW)  # fmt: skip
    spans = np.array([WEEK_S, WEEK_S, HORIZON - 2 * WEEK_S])
    assert float(np.sum(load.jobs_by_week(jobs, HORIZON)["x"] * spans)) == pytest.approx(jobs.work.sum() / 1000)
    assert load.weeks(DAY_S) == 1
