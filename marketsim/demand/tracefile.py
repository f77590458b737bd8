"""The one CSV of recorded jobs that the package reads and writes; every importer ends in it.

Header `job,submit_s,duration_s,gpus[,instances,deadline_s,tenant]`: whole seconds since the trace's start, rising; GPUs
on each instance, to three decimals; the deadline absolute, or empty. What it means: the job held instances x gpus for
duration_s.
"""

from __future__ import annotations

import csv
import io
import pathlib
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from marketsim import strict_csv, units
from marketsim.demand.job import NEVER
from marketsim.errors import MOST_FAULTS, Fault, InputError
from marketsim.units import MILLI

Ints = NDArray[np.int64]
REQUIRED = ("job", "submit_s", "duration_s", "gpus")
OPTIONAL = ("instances", "deadline_s", "tenant")


@dataclass(frozen=True, eq=False)
class Trace:
    """Recorded jobs in order of submission, shape (n,) each. milli: thousandths of a GPU on each instance.

    deadline_s: absolute, NEVER for none. start: the calendar instant of second 0, None where it is not known. Raises
    ValueError for columns that do not fit together.
    """

    job: tuple[str, ...]
    submit_s: Ints
    duration_s: Ints
    milli: Ints
    instances: Ints
    deadline_s: Ints
    tenant: tuple[str, ...]
    start: datetime | None = None

    def __post_init__(self) -> None:
        size = len(self.job)
        for name in ("submit_s", "duration_s", "milli", "instances", "deadline_s"):
            column = np.ascontiguousarray(getattr(self, name), np.int64)
            if column.shape != (size,):
                raise ValueError(f"{name} has shape {column.shape}, wanted ({size},)")
            column.setflags(write=False)
            object.__setattr__(self, name, column)
        if len(self.tenant) != size:
            raise ValueError("a tenant is needed for each job")

    def __len__(self) -> int:
        return len(self.job)

    @property
    def gpu_seconds(self) -> float:
        """Offered load in all: GPUs x seconds, exact to a thousandth."""
        return int(np.sum(self.milli * self.instances * self.duration_s)) / MILLI

    def rows(self, keep: NDArray[np.bool_] | Ints) -> Trace:
        """Those rows, by mask or index in order of submission."""
        index = np.arange(len(self))[keep]
        return Trace(
            tuple(self.job[i] for i in index), self.submit_s[index], self.duration_s[index], self.milli[index],
            self.instances[index], self.deadline_s[index], tuple(self.tenant[i] for i in index), self.start,
        )  # fmt: skip


def from_columns(
    submit_s: Ints,
    duration_s: Ints,
    gpus: NDArray[np.float64] | Ints,
    *,
    job: list[str] | None = None,
    instances: Ints | None = None,
    deadline_s: Ints | None = None,
    tenant: list[str] | None = None,
    start: datetime | None = None,
) -> Trace:
    """A trace from loose columns of one length, sorted by submission; what is left out takes its plain value."""
    order = np.argsort(submit_s, kind="stable")
    size = len(submit_s)
    names = job if job is not None else [f"j{row}" for row in range(size)]
    tenants = tenant if tenant is not None else ["all"] * size
    each = instances if instances is not None else np.ones(size, np.int64)
    until = deadline_s if deadline_s is not None else np.full(size, NEVER, np.int64)
    milli = np.maximum(np.rint(np.asarray(gpus, np.float64) * MILLI), 1).astype(np.int64)
    return Trace(
        tuple(names[i] for i in order), np.asarray(submit_s, np.int64)[order], np.asarray(duration_s, np.int64)[order],
        milli[order], each[order], until[order], tuple(tenants[i] for i in order), start,
    )  # fmt: skip


def _second(text: str) -> int:
    value = strict_csv.count(text)
    if value > units.LONGEST_S:
        raise ValueError("lies beyond any horizon (20 years of seconds); are these milliseconds or an epoch?")
    return value


def _duration(text: str) -> int:
    value = _second(text)
    if value == 0:
        raise ValueError("must be above 0: a job of 0 GPU-hours (gpu_hours) is none")
    return value


def _deadline(text: str) -> int:
    return NEVER if not text.strip() else _second(text)


def _gpus(text: str) -> float:
    value = strict_csv.positive(text)
    if value > 1024:
        raise ValueError("more than 1,024 GPUs on one instance")
    milli = value * MILLI
    if round(milli) < 1 or abs(milli - round(milli)) > 1e-6 or (value > 1 and value != int(value)):
        raise ValueError("GPUs are whole, or one share below 1 to a thousandth")
    return value


def _instances(text: str) -> int:
    value = strict_csv.count(text)
    if not 1 <= value <= 10_000:
        raise ValueError("must lie between 1 and 10,000")
    return value


COLUMNS: dict[str, strict_csv.Parser] = {
    "job": strict_csv.word,
    "submit_s": _second,
    "duration_s": _duration,
    "gpus": _gpus,
    "instances": _instances,
    "deadline_s": _deadline,
    "tenant": strict_csv.word,
}


def read(path: pathlib.Path) -> Trace:
    """The trace in a file; InputError with each thing that is wrong, its line and its column."""
    got = strict_csv.read(path, COLUMNS, optional=OPTIONAL, sorted_by="submit_s", unique="job")
    size = len(got["line"])
    submit = np.asarray(got["submit_s"], np.int64)
    deadline = np.asarray(got.get("deadline_s", np.full(size, NEVER)), np.int64)
    early = np.flatnonzero(deadline < submit)
    if len(early):
        raise InputError(
            [
                Fault("the deadline lies before the submission", file=path.name, line=int(got["line"][row]),
                      key="deadline_s", got=str(deadline[row]), allowed=f"{submit[row]} or later")
                for row in early[:MOST_FAULTS]
            ]
        )  # fmt: skip
    return Trace(
        job=tuple(str(name) for name in got["job"]),
        submit_s=submit,
        duration_s=np.asarray(got["duration_s"], np.int64),
        milli=np.rint(np.asarray(got["gpus"], np.float64) * MILLI).astype(np.int64),
        instances=np.asarray(got.get("instances", np.ones(size)), np.int64),
        deadline_s=deadline,
        tenant=tuple(str(name) for name in got.get("tenant", ["all"] * size)),
    )


def text(trace: Trace) -> str:
    """The CSV of a trace; columns that say nothing are left out, and `read` gives the same trace back."""
    with_instances = bool((trace.instances != 1).any())
    with_deadline = bool((trace.deadline_s != NEVER).any())
    with_tenant = any(name != "all" for name in trace.tenant)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    used = (with_instances, with_deadline, with_tenant)
    writer.writerow([*REQUIRED, *(name for name, use in zip(OPTIONAL, used, strict=True) if use)])
    for row in range(len(trace)):
        until = int(trace.deadline_s[row])
        optional = (int(trace.instances[row]), "" if until == NEVER else until, trace.tenant[row])
        gpus = f"{trace.milli[row] / MILLI:.3f}".rstrip("0").rstrip(".")
        cells = [trace.job[row], int(trace.submit_s[row]), int(trace.duration_s[row]), gpus]
        writer.writerow([*cells, *(cell for cell, use in zip(optional, used, strict=True) if use)])
    return out.getvalue()
