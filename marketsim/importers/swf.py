"""The Standard Workload Format of the Parallel Workloads Archive: 18 numbers a line, `;` for comments, -1 for unknown.

Used fields: 1 job, 2 submit, 4 run time, 5 processors allocated, 8 requested, 12 user. A processor is taken for a GPU.
"""

from __future__ import annotations

import pathlib

import numpy as np

from marketsim import strict_csv
from marketsim.demand import tracefile
from marketsim.errors import MOST_FAULTS, Fault, InputError
from marketsim.importers.importer import Imported, Importer, spread_all

FIELDS = 18


def read(path: pathlib.Path) -> Imported:
    """The jobs of a file, sorted by submission as the format demands."""
    faults: list[Fault] = []
    rows: list[list[float]] = []
    for number, line in enumerate(strict_csv.text_of(path).split("\n"), start=1):
        if not line.strip() or line.lstrip().startswith(";"):
            continue
        parts = line.split()
        if len(parts) != FIELDS:
            what = f"line has {len(parts)} fields, the format has {FIELDS}"
            faults.append(Fault(what, file=path.name, line=number, got=line))
        else:
            try:
                rows.append([strict_csv.number(part) for part in parts])
            except ValueError as error:
                faults.append(Fault(str(error), file=path.name, line=number, got=line))
            else:
                if len(rows) > 1 and rows[-1][1] < rows[-2][1]:
                    faults.append(Fault("rows must be sorted by submit time", file=path.name, line=number,
                                        got=f"{rows[-1][1]:g} after {rows[-2][1]:g}"))  # fmt: skip
        if len(faults) >= MOST_FAULTS:
            break
    if faults:
        raise InputError(faults)
    if not rows:
        raise InputError(Fault("the file is empty: no jobs", file=path.name))
    table = np.array(rows)
    processors = np.where(table[:, 4] > 0, table[:, 4], table[:, 7]).astype(np.int64)
    ran = table[:, 3] > 0
    keep = np.flatnonzero(ran & (processors > 0))
    if not len(keep):
        raise InputError(Fault("no job ran on a processor", file=path.name))
    instances, each = spread_all(processors[keep])
    trace = tracefile.from_columns(
        np.rint(table[keep, 1]).astype(np.int64), np.maximum(np.rint(table[keep, 3]), 1).astype(np.int64), each,
        instances=instances, job=[f"{table[row, 0]:.0f}" for row in keep],
        tenant=[f"user-{table[row, 11]:.0f}" if table[row, 11] >= 0 else "all" for row in keep],
    )  # fmt: skip
    why = {"ran for no time": int((~ran).sum()), "no processors": int((ran & (processors <= 0)).sum())}
    return Imported(trace, len(rows), {reason: count for reason, count in why.items() if count})


KIND = Importer("Standard Workload Format of the Parallel Workloads Archive.", "trace", read)
