"""What every workload keeps to, whatever its kind: a longer horizon appends, settings go round, numbers are whole."""

from __future__ import annotations

import pathlib
import re

import numpy as np
import pytest

from marketsim.demand import KINDS, presets
from marketsim.demand.demand import Demand
from marketsim.demand.job import JobTable
from marketsim.demand.trace import TraceDemand
from marketsim.streams import Dice
from marketsim.throw import Throw

DAY = 86_400
FOUR_JOBS = "job,submit_s,duration_s,gpus\n" + "".join(f"j{i},{i * 3600},{600 + i},{1 + i % 2}\n" for i in range(60))

EXAMPLES: dict[str, dict[str, object]] = {
    "weekly training with chains and failures": {
        "kind": "training", "arrivals": {"kind": "calendar", "every": "1 d"}, "milestones": [0.25, 0.75],
        "work_gpu_hours": {"kind": "lognormal", "median": 40, "p90": 90}, "failures": {"share": 0.4},
        "gang": {"kind": "choices", "gpus": [2, 8], "instances": [1, 2], "weights": [1, 1]}, "parallel_sigma": 0.02,
        "estimate": {"kind": "lognormal", "sigma": 0.4}, "tenants": {"asr": 2, "tts": 1},
        "deadline": {"kind": "after_arrival", "within": "3 d"},
    },
    "sweeps": {
        "kind": "experiments", "work_gpu_hours": {"kind": "mixture", "preset": "philly-startup"},
        "arrivals": {"kind": "batches", "per_day": 9, "batch_mean": 3, "week_cycle": "office", "cv": 3,
                     "spacing": "5 min"},
        "gang": {"kind": "choices", "gpus": [0.5, 4], "weights": [3, 1]}, "batch_similarity": 0.6,
        "early_stop": {"share": 0.3}, "estimate": {"kind": "user_limit"},
        "deadline": {"kind": "slack", "factor": {"kind": "lognormal", "median": 2.0, "p90": 3.5}, "share": 0.7},
    },
    "poisson with means as estimates": {
        "kind": "experiments", "arrivals": {"kind": "poisson", "per_day": 20, "growth_per_year": 1.0}, "run_hours": 2,
        "estimate": {"kind": "class_mean"}, "patience": "4 h",
    },
    "a steady hand": {"kind": "experiments", "arrivals": {"kind": "renewal", "per_day": 12, "cv": 0.3}, "run_hours": 1},
    "chat": {"kind": "inference", "preset": "llm-8b-chat",
             "requests_per_s": {"kind": "cycle", "mean": 9, "hourly_sigma": 0.3, "growth_per_year": 1.0}},
    "a constant service": {"kind": "inference", "requests_per_s": 3, "replica_gpus": 0.5,
                           "serving": {"kind": "measured", "requests_per_s": {"T4": 10.0}}},
    "people who wait": {"kind": "experiments", "arrivals": {"kind": "closed_loop", "people": 3, "think_hours": 5},
                        "run_hours": {"kind": "lognormal", "median": 2, "p90": 9}},
    "notebooks": {"kind": "interactive", "preset": "notebook"},
    "a trace": {"kind": "trace", "file": "jobs.csv", "repeat": "3 d", "keep_share": 0.8},
    "a trace in blocks": {"kind": "trace", "file": "jobs.csv", "resample": "1 d"},
}  # fmt: skip
PRESETS = [(kind, name) for kind, table in (("training", presets.TRAINING), ("experiments", presets.EXPERIMENTS),
                                            ("inference", presets.INFERENCE)) for name in table]  # fmt: skip


def made(example: dict[str, object]) -> Demand:
    return KINDS[str(example["kind"])].model_validate(example)  # type: ignore[return-value]


def throw(folder: pathlib.Path, days: int, replication: int = 0) -> Throw:
    return Throw(Dice(7, replication, "demand/x/"), days * DAY, (days + 30) * DAY, folder=folder)


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
    (tmp_path / "jobs.csv").write_text(FOUR_JOBS)
    return tmp_path


def test_every_kind_has_an_example() -> None:
    assert {example["kind"] for example in EXAMPLES.values()} == set(KINDS)


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_longer_horizon_extends_and_changes_nothing(name: str, folder: pathlib.Path) -> None:
    demand = made(EXAMPLES[name])
    short, long = demand.jobs("x", throw(folder, 20)), demand.jobs("x", throw(folder, 47))
    size = len(short)
    for column in ("need", "arrival_s", "work", "estimate", "deadline_s"):
        assert np.array_equal(getattr(short, column), getattr(long, column)[:size]), column
    assert short.needs == long.needs
    assert size == 0 or short.arrival_s.max() < 20 * DAY <= long.arrival_s[size]
    first, second = demand.service("x", throw(folder, 20)), demand.service("x", throw(folder, 47))
    if first is not None and second is not None:
        hours = np.arange(0, 20 * DAY, 3600)
        assert np.array_equal(first.requests_per_s.at_many(hours), second.requests_per_s.at_many(hours))


@pytest.mark.parametrize("name", EXAMPLES)
def test_settings_go_round_and_the_same_dice_give_the_same_jobs(name: str, folder: pathlib.Path) -> None:
    demand = made(EXAMPLES[name])
    again = type(demand).model_validate_json(demand.model_dump_json())
    assert again == demand
    one, two = demand.jobs("x", throw(folder, 20)), again.jobs("x", throw(folder, 20))
    assert np.array_equal(one.work, two.work)
    other = demand.jobs("x", throw(folder, 20, replication=1))
    if len(one) and name not in ("a trace", "a steady hand") and "run_hours" not in EXAMPLES[name]:
        assert not np.array_equal(one.work, other.work[: len(one)])


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_demand_is_jobs_or_a_service_and_a_disabled_one_says_so(name: str, folder: pathlib.Path) -> None:
    demand = made(EXAMPLES[name])
    jobs, service = demand.jobs("x", throw(folder, 20)), demand.service("x", throw(folder, 20))
    assert (len(jobs) > 0) != (service is not None)
    assert demand.enabled
    assert not made({**EXAMPLES[name], "enabled": False}).enabled


@pytest.mark.parametrize(("kind", "name"), PRESETS)
def test_every_preset_draws_and_has_a_source(kind: str, name: str, folder: pathlib.Path) -> None:
    demand = made({"kind": kind, "preset": name})
    jobs, service = demand.jobs("x", throw(folder, 800)), demand.service("x", throw(folder, 800))
    assert len(jobs) or service is not None
    assert name in presets.SOURCES


def test_the_jobs_of_a_kind_without_any_are_an_empty_table(folder: pathlib.Path) -> None:
    empty = made(EXAMPLES["chat"]).jobs("x", throw(folder, 3))
    assert isinstance(empty, JobTable)
    assert len(empty) == 0


def test_the_schema_takes_a_duration_where_none_may_stand_too() -> None:
    schema = TraceDemand.model_json_schema()["properties"]
    for key in ("patience", "until", "repeat", "resample"):
        text, none, null = schema[key]["anyOf"]
        assert re.fullmatch(text["pattern"], "36 h")
        assert (none, null) == ({"const": "none"}, {"type": "null"})
    assert TraceDemand(file="a.csv", patience="none").patience is None
