"""Slurm's accounting as `sacct --parsable2` prints it: a header line and fields between bars.

    sacct --allusers --parsable2 --starttime 2025-01-01 \\
          --format JobID,Account,Submit,ElapsedRaw,NNodes,AllocTRES,State,TimelimitRaw

Needed: JobID, Submit, ElapsedRaw or Elapsed, AllocTRES or ReqTRES (for gres/gpu=N). Used where given: NNodes, and
Account or User as the tenant. Other columns may stand there. Job steps (`123.batch`) are parts of their job and are
passed over.
"""

from __future__ import annotations

import pathlib
import re
from datetime import UTC, datetime

import numpy as np

from marketsim import strict_csv
from marketsim.demand import tracefile
from marketsim.errors import MOST_FAULTS, Fault, InputError
from marketsim.importers.importer import Imported, Importer, spread

_ELAPSED = re.compile(r"(?:(\d+)-)?(?:(\d{1,2}):)?(\d{1,2}):(\d{2})")
_GPU = re.compile(r"(?:^|,)gres/gpu=(\d+)")
_TYPED_GPU = re.compile(r"(?:^|,)gres/gpu:[^=,]+=(\d+)")


def elapsed_s(text: str) -> int:
    """Seconds of Slurm's `[DD-][HH:]MM:SS`; ValueError for anything else.

    >>> elapsed_s("1-02:00:05"), elapsed_s("10:00")
    (93605, 600)
    """
    found = _ELAPSED.fullmatch(text.strip())
    if found is None:
        raise ValueError("is not a time such as 1-02:00:05")
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


def gpus_of(tres: str) -> int:
    """GPUs in a TRES list such as `cpu=16,gres/gpu=8,gres/gpu:a100=8`; the typed ones only where the sum is missing."""
    found = _GPU.search(tres)
    return int(found[1]) if found else sum(int(count) for count in _TYPED_GPU.findall(tres))


def _submit(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError("is not a time such as 2025-01-31T08:00:00") from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _places(names: list[str], file: str) -> dict[str, int]:
    """Where the needed and the welcome columns stand."""
    if len(names) == 1 and "," in names[0]:
        raise InputError(Fault("the separator is a comma, a bar is needed: use --parsable2", file=file, line=1))
    places = {name: index for index, name in enumerate(names)}
    if len(places) != len(names):
        raise InputError(Fault("duplicate column", file=file, line=1, got="|".join(names)))
    missing = [name for name in ("JobID", "Submit") if name not in places]
    missing += [] if {"ElapsedRaw", "Elapsed"} & set(places) else ["ElapsedRaw"]
    missing += [] if {"AllocTRES", "ReqTRES"} & set(places) else ["AllocTRES"]
    if missing:
        raise InputError(Fault(f"column {', '.join(missing)} is missing", file=file, line=1, got="|".join(names)))
    return places


def read(path: pathlib.Path) -> Imported:
    """The GPU jobs of a listing, sorted by submission (`sacct` sorts by job)."""
    lines = strict_csv.text_of(path).split("\n")
    names = lines[0].split("|")
    places = _places(names, path.name)
    faults: list[Fault] = []
    rows: list[tuple[float, int, int, int, str, str]] = []
    why = {"a step of a job": 0, "no GPU": 0, "ran for no time": 0}
    seen: dict[str, int] = {}
    for number, line in enumerate(lines[1:], start=2):
        if not line:
            continue
        cells = line.split("|")
        if len(cells) != len(names):
            what = f"row has {len(cells)} fields, the header has {len(names)}"
            faults.append(Fault(what, file=path.name, line=number, got=line))
        elif "." in cells[places["JobID"]]:
            why["a step of a job"] += 1
        else:
            try:
                row = _row(cells, places)
            except ValueError as error:
                faults.append(Fault(str(error), file=path.name, line=number, got=line))
                continue
            if cells[places["JobID"]] in seen:
                what = f"duplicate of line {seen[cells[places['JobID']]]}"
                faults.append(Fault(what, file=path.name, line=number, key="JobID", got=cells[places["JobID"]]))
            seen[cells[places["JobID"]]] = number
            if row[2] == 0:
                why["no GPU"] += 1
            elif row[1] == 0:
                why["ran for no time"] += 1
            else:
                rows.append(row)
        if len(faults) >= MOST_FAULTS:
            break
    if faults:
        raise InputError(faults)
    if not rows:
        raise InputError(Fault("no job held a GPU", file=path.name))
    return Imported(_trace(rows), sum(why.values()) + len(rows), {reason: n for reason, n in why.items() if n})


def _row(cells: list[str], places: dict[str, int]) -> tuple[float, int, int, int, str, str]:
    """Submit (epoch s), seconds, GPUs, nodes, job, tenant of one job."""

    def cell(*names: str) -> str:
        return next((cells[places[name]] for name in names if name in places and cells[places[name]]), "")

    raw = cell("ElapsedRaw")
    seconds = strict_csv.count(raw) if raw else elapsed_s(cell("Elapsed"))
    nodes = strict_csv.count(cell("NNodes")) if cell("NNodes") else 0
    gpus = gpus_of(cell("AllocTRES", "ReqTRES"))
    submit = _submit(cell("Submit")).timestamp()
    return submit, seconds, gpus, nodes, strict_csv.word(cell("JobID")), cell("Account", "User") or "all"


def _trace(rows: list[tuple[float, int, int, int, str, str]]) -> tracefile.Trace:
    submit = np.array([round(row[0]) for row in rows], np.int64)
    start = int(submit.min()) // 86_400 * 86_400
    parts = [
        (nodes, gpus // nodes) if nodes and gpus % nodes == 0 else spread(gpus) for _, _, gpus, nodes, _, _ in rows
    ]
    return tracefile.from_columns(
        submit - start, np.array([row[1] for row in rows], np.int64), np.array([each for _, each in parts], np.int64),
        instances=np.array([count for count, _ in parts], np.int64), job=[row[4] for row in rows],
        tenant=[row[5] for row in rows], start=datetime.fromtimestamp(start, UTC),
    )  # fmt: skip


KIND = Importer("Slurm accounting as sacct --parsable2 prints it.", "trace", read)
