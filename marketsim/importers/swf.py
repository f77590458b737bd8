"""The Standard Workload Format of the Parallel Workloads Archive: 18 numbers a line, `;` for comments, -1 for unknown.

Used fields: 1 job, 2 submit, 4 run time, 5 processors allocated, 8 requested, 11 status, 12 user. A processor is taken
for a GPU. Lines of status 2, 3 and 4 are the parts of a job that was stopped and went on; one line more has the whole.
"""

from __future__ import annotations

import pathlib

import numpy as np

from marketsim import strict_csv
from marketsim.demand import tracefile
from marketsim.errors import MOST_FAULTS, Fault, InputError
from marketsim.importers.importer import MOST_GPUS, Imported, Importer, spread_all
from marketsim.units import LONGEST_S

FIELDS = 18
PARTS = (2, 3, 4)  # statuses
_FIELDS = {0: ("job", 0, 10**12), 1: ("submit time", 0, LONGEST_S), 3: ("run time", -1, LONGEST_S),
           4: ("processors allocated", -1, MOST_GPUS), 7: ("processors requested", -1, MOST_GPUS)}  # fmt: skip


def read(path: pathlib.Path) -> Imported:
    """The jobs of a file, sorted by submission as the format demands."""
    faults: list[Fault] = []
    rows: list[list[float]] = []
    seen: dict[float, int] = {}
    parts_of_jobs = 0
    text = strict_csv.text_of(path)
    other = strict_csv.other_text(text)
    if other:
        raise InputError(Fault(other, file=path.name, line=1, allowed=f"lines of {FIELDS} numbers"))
    for number, line in enumerate(text.split("\n"), start=1):
        if len(faults) >= MOST_FAULTS:
            break
        if not line.strip() or line.lstrip().startswith(";"):
            continue
        parts = line.split()
        if len(parts) != FIELDS:
            what = f"line has {len(parts)} fields, the format has {FIELDS}"
            faults.append(Fault(what, file=path.name, line=number, got=line))
        else:
            row = _row(parts, path.name, number, faults)
            if row is None:
                continue
            if row[10] in PARTS:
                parts_of_jobs += 1
                continue
            if row[0] in seen:
                what = f"duplicate of line {seen[row[0]]}"
                faults.append(Fault(what, file=path.name, line=number, key="job", got=f"{row[0]:.0f}"))
            if rows and row[1] < rows[-1][1]:
                faults.append(Fault("rows must be sorted by submit time", file=path.name, line=number,
                                    got=f"{row[1]:.0f} after {rows[-1][1]:.0f}"))  # fmt: skip
            seen[row[0]] = number
            rows.append(row)
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
    why = {
        "a part of a job": parts_of_jobs,
        "ran for no time": int((~ran).sum()),
        "no processors": int((ran & (processors <= 0)).sum()),
    }
    return Imported(trace, len(rows) + parts_of_jobs, {reason: count for reason, count in why.items() if count})


def _row(parts: list[str], file: str, line: int, faults: list[Fault]) -> list[float] | None:
    """The numbers of a line; None where one is wrong, which is kept."""
    row = []
    for place, part in enumerate(parts):
        name, low, most = _FIELDS.get(place, ("", None, None))
        try:
            row.append(strict_csv.number(part))
            if low is not None and most is not None and not low <= row[-1] <= most:
                raise ValueError(f"must lie between {low} and {most}")
        except ValueError as error:
            key = f"field {place + 1}" + (f" ({name})" if name else "")
            faults.append(Fault(str(error), file=file, line=line, key=key, got=part))
            return None
    return row


KIND = Importer("Standard Workload Format of the Parallel Workloads Archive.", "trace", read)
