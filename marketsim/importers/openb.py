"""The openb pods of Alibaba's 2023 trace: `name,cpu_milli,memory_mib,num_gpu,gpu_milli,...`.

A pod holds its GPUs from scheduling to deletion. Pods without a GPU, and those never scheduled, are left out.
"""

from __future__ import annotations

import pathlib

import numpy as np

from marketsim import strict_csv
from marketsim.demand import tracefile
from marketsim.errors import Fault, InputError
from marketsim.importers.importer import Imported, Importer
from marketsim.units import MILLI

NEVER_SCHEDULED = -1.0


def _when(text: str) -> float:
    return strict_csv.non_negative(text) if text.strip() else NEVER_SCHEDULED


def _milli(text: str) -> int:
    value = strict_csv.count(text)
    if value > MILLI:
        raise ValueError("a GPU has 1,000 thousandths")
    return value


def read(path: pathlib.Path) -> Imported:
    """The pods of a file that held a GPU."""
    columns = {
        "name": strict_csv.word, "cpu_milli": strict_csv.count, "memory_mib": strict_csv.count,
        "num_gpu": strict_csv.count, "gpu_milli": _milli, "qos": strict_csv.word, "pod_phase": strict_csv.word,
        "creation_time": strict_csv.count, "deletion_time": strict_csv.count, "scheduled_time": _when,
    }  # fmt: skip
    got = strict_csv.read(path, columns, sorted_by="creation_time", unique="name")
    gpus = np.asarray(got["num_gpu"], np.int64)
    scheduled = np.asarray(got["scheduled_time"], np.float64)
    held = np.asarray(got["deletion_time"], np.int64) - np.rint(scheduled).astype(np.int64)
    no_gpu = gpus == 0
    never = ~no_gpu & (scheduled == NEVER_SCHEDULED)
    no_time = ~no_gpu & ~never & (held <= 0)
    nothing = np.flatnonzero((gpus == 1) & (np.asarray(got["gpu_milli"], np.int64) == 0))
    if len(nothing):
        line = int(got["line"][nothing[0]])
        raise InputError(Fault("a pod of one GPU holds no share of it", file=path.name, line=line, key="gpu_milli"))
    keep = np.flatnonzero(~(no_gpu | never | no_time))
    share = np.where(gpus == 1, np.asarray(got["gpu_milli"], np.int64), gpus * MILLI)
    trace = tracefile.from_columns(
        np.asarray(got["creation_time"], np.int64)[keep], held[keep], share[keep] / MILLI,
        job=[str(got["name"][row]) for row in keep], tenant=[str(got["qos"][row]) for row in keep],
    )  # fmt: skip
    why = {"no GPU": int(no_gpu.sum()), "never scheduled": int(never.sum()), "held for no time": int(no_time.sum())}
    return Imported(trace, len(gpus), {reason: count for reason, count in why.items() if count})


KIND = Importer("Alibaba openb 2023 pods, shares of a GPU to a thousandth.", "trace", read)
