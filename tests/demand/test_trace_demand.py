"""Recorded jobs: the file goes round, wrong files are told, and the record is cut, thinned, repeated and resampled."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest

from marketsim.demand import tracefile
from marketsim.demand.job import NEVER, JobTable
from marketsim.demand.trace import TraceDemand
from marketsim.errors import InputError
from marketsim.streams import Dice
from marketsim.throw import Throw

DAY = 86_400
FULL = """job,submit_s,duration_s,gpus,instances,deadline_s,tenant
a,0,100,8,2,1000,red
b,50,60,0.25,1,,blue
c,90000,10,1,1,90500,red
"""


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
    (tmp_path / "jobs.csv").write_text(FULL)
    return tmp_path


def drawn(folder: pathlib.Path, days: int = 10, **more: object) -> JobTable:
    demand = TraceDemand.model_validate({"kind": "trace", "file": "jobs.csv", **more})
    return demand.jobs("history", Throw(Dice(4), days * DAY, days * DAY, folder=folder))


def test_a_trace_becomes_jobs_to_the_unit(folder: pathlib.Path) -> None:
    jobs = drawn(folder, reference_gpu="A100-80GB")
    assert jobs.names == ("a", "b", "c")
    assert jobs.work.tolist() == [100 * 16_000, 60 * 250, 10 * 1000]
    assert jobs.deadline_s.tolist() == [1000, NEVER, 90_500]
    assert [jobs.needs[need].instances for need in jobs.need] == [2, 1, 1]
    assert jobs.tenant is not None
    assert [jobs.tenants[tenant] for tenant in jobs.tenant] == ["red", "blue", "red"]
    assert jobs.needs[0].reference_gpu == "A100-80GB"


def test_a_file_goes_round(folder: pathlib.Path) -> None:
    trace = tracefile.read(folder / "jobs.csv")
    assert tracefile.text(trace) == FULL
    assert trace.gpu_seconds == 1600 + 15 + 10


def test_columns_that_say_nothing_are_left_out(folder: pathlib.Path) -> None:
    plain = tracefile.from_columns(np.array([5, 3]), np.array([1, 2]), np.array([1, 4]))
    assert tracefile.text(plain) == "job,submit_s,duration_s,gpus\nj1,3,2,4\nj0,5,1,1\n"


def test_what_comes_at_the_horizon_or_later_is_left_out(folder: pathlib.Path) -> None:
    assert drawn(folder, days=1).names == ("a", "b")


def test_a_slice_starts_at_second_zero_and_moves_deadlines_along(folder: pathlib.Path) -> None:
    jobs = drawn(folder, since="1 d")
    assert jobs.arrival_s.tolist() == [90_000 - DAY]
    assert jobs.deadline_s.tolist() == [90_500 - DAY]
    assert drawn(folder, until="50 s").names == ("a",)


def test_scales_stretch_time_and_work(folder: pathlib.Path) -> None:
    jobs = drawn(folder, time_scale=2.0, work_scale=0.5)
    assert jobs.arrival_s.tolist() == [0, 100, 180_000]
    assert jobs.work.tolist() == [50 * 16_000, 30 * 250, 5 * 1000]


def test_one_tenant_may_be_taken(folder: pathlib.Path) -> None:
    assert drawn(folder, tenants=["blue"]).names == ("b",)


def test_a_repeated_slice_fills_the_horizon_and_names_its_rounds(folder: pathlib.Path) -> None:
    jobs = drawn(folder, days=5, repeat="2 d")
    assert jobs.arrival_s.tolist() == [0, 50, 90_000, 172_800, 172_850, 262_800, 345_600, 345_650]
    assert jobs.names is not None
    assert jobs.names[3:5] == ("a#2", "b#2")


def test_thinning_keeps_the_asked_share_and_the_same_rows(tmp_path: pathlib.Path) -> None:
    rows = "".join(f"j{i},{i},10,1\n" for i in range(4000))
    (tmp_path / "jobs.csv").write_text("job,submit_s,duration_s,gpus\n" + rows)
    half, tenth = drawn(tmp_path, keep_share=0.5), drawn(tmp_path, keep_share=0.1)
    assert len(half) == pytest.approx(2000, abs=4 * 1000**0.5)
    assert half.names is not None
    assert tenth.names is not None
    assert set(tenth.names) < set(half.names)


def test_resampled_blocks_are_blocks_of_the_record(tmp_path: pathlib.Path) -> None:
    rows = "".join(f"j{i},{i * DAY + i},{i + 1},1\n" for i in range(10))  # day i holds one job i seconds into it
    (tmp_path / "jobs.csv").write_text("job,submit_s,duration_s,gpus\n" + rows)
    jobs = drawn(tmp_path, days=30, resample="2 d")
    days, seconds = jobs.arrival_s // DAY, jobs.arrival_s % DAY
    assert days.tolist() == list(range(30))
    assert (seconds[1::2] - seconds[::2] == 1).all()  # two days that followed one another still do
    assert len(set(seconds[::2].tolist())) > 3


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("job,submit_s,gpus\na,0,1\n", "duration_s is missing"),
        ("job,submit_s,duration_s,gpus\na,0,0,1\n", "gpu_hours"),
        ("job,submit_s,duration_s,gpus\na,0,5,0\n", "above 0"),
        ("job,submit_s,duration_s,gpus\na,0,5,1.5\n", "whole"),
        ("job,submit_s,duration_s,gpus\na,0,5,1e-10\n", "to a thousandth"),
        ("job,submit_s,duration_s,gpus\na,0,5,1\na,1,5,1\n", "duplicate"),
        ("job,submit_s,duration_s,gpus\na,9,5,1\nb,1,5,1\n", "sorted"),
        ("job,submit_s,duration_s,gpus\na,1735689600000,5,1\nb,1,5,1\n", "horizon"),
        ("job,submit_s,duration_s,gpus,deadline_s\na,50,5,1,40\n", "deadline lies before"),
        ("job,submit_s,duration_s,gpus\n", "empty"),
    ],
)
def test_a_wrong_file_is_told_with_its_name_and_what_is_wrong(tmp_path: pathlib.Path, text: str, says: str) -> None:
    (tmp_path / "jobs.csv").write_text(text)
    with pytest.raises(InputError, match=says) as caught:
        drawn(tmp_path)
    assert all(line.startswith("jobs.csv") for line in caught.value.lines())


def test_a_file_outside_the_scenario_is_refused(folder: pathlib.Path) -> None:
    with pytest.raises(InputError, match="outside its folder"):
        drawn(folder, file="../jobs.csv")


def test_an_empty_slice_says_so(folder: pathlib.Path) -> None:
    with pytest.raises(InputError, match="no job of the trace is left"):
        drawn(folder, since="100 d")
    with pytest.raises(InputError, match="before the horizon"):
        TraceDemand.model_validate({"kind": "trace", "file": "jobs.csv", "since": "1 d"}).jobs(
            "x", Throw(Dice(1), 60, 60, folder=folder)
        )
