"""The Chronus workload (MIT): Philly jobs in minutes with deadlines drawn by its authors from their survey of users.

`job_id,user,num_gpu,submit_time,duration,expect_time_list,expect_value_list,best_effort,job_type`. The rows stand in no
order of time. The first expected time is the deadline; jobs of type `best` have none.
"""

from __future__ import annotations

import pathlib

import numpy as np

from marketsim import strict_csv
from marketsim.demand import tracefile
from marketsim.demand.job import NEVER
from marketsim.importers.importer import Imported, Importer, spread_all
from marketsim.units import MINUTE_S


def _gpus(text: str) -> int:
    value = strict_csv.count(text)
    if value > 10_000:
        raise ValueError("must be at most 10,000")
    return value


def _levels(text: str) -> str:
    for part in text.split("-"):
        strict_csv.non_negative(part)
    return text


def _kind(text: str) -> str:
    if text not in ("strict", "soft", "best"):
        raise ValueError("is none of strict, soft and best")
    return text


def read(path: pathlib.Path) -> Imported:
    """The jobs of a file, sorted by submission, in seconds."""
    columns = {
        "job_id": strict_csv.count, "user": strict_csv.word, "num_gpu": _gpus, "submit_time": strict_csv.non_negative,
        "duration": strict_csv.non_negative, "expect_time_list": _levels, "expect_value_list": _levels,
        "best_effort": strict_csv.zero_or_one, "job_type": _kind,
    }  # fmt: skip
    got = strict_csv.read(path, columns, unique="job_id")
    submit, duration = (np.rint(np.asarray(got[name], np.float64) * MINUTE_S).astype(np.int64)
                        for name in ("submit_time", "duration"))  # fmt: skip
    first = np.array([float(text.split("-")[0]) for text in got["expect_time_list"]])
    best = np.array(got["job_type"], dtype=object) == "best"
    deadline = np.where(best, NEVER, submit + np.rint(first * MINUTE_S).astype(np.int64))
    gpus = np.asarray(got["num_gpu"], np.int64)
    instances, each = spread_all(np.maximum(gpus, 1))
    keep = np.flatnonzero((duration > 0) & (gpus > 0))
    trace = tracefile.from_columns(
        submit[keep], duration[keep], each[keep], instances=instances[keep], deadline_s=deadline[keep],
        job=[str(got["job_id"][row]) for row in keep], tenant=[str(got["user"][row]) for row in keep],
    )  # fmt: skip
    why = {"no GPU": int((gpus == 0).sum()), "ran for no time": int(((gpus > 0) & (duration <= 0)).sum())}
    return Imported(trace, len(submit), {reason: count for reason, count in why.items() if count})


KIND = Importer("Chronus: Philly jobs with deadlines from a survey of users.", "trace", read)
