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
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np

from marketsim import strict_csv
from marketsim.demand import tracefile
from marketsim.errors import MOST_FAULTS, Fault, InputError, nearest
from marketsim.importers.importer import MOST_GPUS, MOST_INSTANCES, Imported, Importer, spread
from marketsim.units import LONGEST_S

_NAMES = ("JobID", "Account", "Submit", "ElapsedRaw", "NNodes", "AllocTRES")
_ELAPSED = re.compile(r"(?:(\d+)-)?(?:(\d{1,2}):)?(\d{1,2}):(\d{2})")
_TRES = re.compile(r"[A-Za-z][^=,]*=[^=,]*(,[A-Za-z][^=,]*=[^=,]*)*,?")
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
    """GPUs in a TRES list such as `cpu=16,gres/gpu=8,gres/gpu:a100=8`; the typed ones only where the sum is missing.

    ValueError for a text that is no such list, and for more GPUs than any job has.
    """
    if tres and not _TRES.fullmatch(tres):
        raise ValueError("is no list such as cpu=16,gres/gpu=8")
    found = _GPU.search(tres)
    gpus = int(found[1]) if found else sum(int(count) for count in _TYPED_GPU.findall(tres))
    if gpus > MOST_GPUS:
        raise ValueError(f"has more than {MOST_GPUS:,} GPUs")
    return gpus


def _submit(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError("is not a time such as 2025-01-31T08:00:00") from None
    return strict_csv.of_our_time(at if at.tzinfo else at.replace(tzinfo=UTC))


def _seconds(text: str) -> int:
    value = strict_csv.count(text)
    if value > LONGEST_S:
        raise ValueError("is longer than 20 years of seconds")
    return value


def _nodes(text: str) -> int:
    value = strict_csv.count(text)
    if value > MOST_INSTANCES:
        raise ValueError(f"is above {MOST_INSTANCES:,}")
    return value


def _places(names: list[str], file: str) -> dict[str, int]:
    """Where the needed and the welcome columns stand."""
    if not any(name.strip() for name in names):
        raise InputError(Fault("the file is empty", file=file, line=1, allowed="the header of sacct --parsable2"))
    other = strict_csv.other_text(names[0])
    if other:
        raise InputError(Fault(other, file=file, line=1, allowed="what sacct --parsable2 prints"))
    for mark, name in ((",", "a comma"), ("\t", "a tab"), (";", "a semicolon")):
        if len(names) == 1 and mark in names[0]:
            raise InputError(Fault(f"the separator is {name}, a bar is needed: use --parsable2", file=file, line=1))
    places = {name: index for index, name in enumerate(names)}
    if len(places) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError(Fault(f"duplicate column {twice}", file=file, line=1, got="|".join(names)))
    missing = [name for name in ("JobID", "Submit") if name not in places]
    missing += [] if {"ElapsedRaw", "Elapsed"} & set(places) else ["ElapsedRaw"]
    missing += [] if {"AllocTRES", "ReqTRES"} & set(places) else ["AllocTRES"]
    if not set(names) & set(_NAMES):
        what = "the first line is no header of sacct"
        raise InputError(Fault(what, file=file, line=1, got="|".join(names), allowed="|".join(_NAMES)))
    if missing:
        hint = nearest(missing[0], [name for name in names if name not in ("JobID", "Submit")])
        what = f"column {', '.join(missing)} is missing"
        raise InputError(Fault(what, file=file, line=1, got="|".join(names), hint=hint))
    return places


def read(path: pathlib.Path) -> Imported:
    """The GPU jobs of a listing, sorted by submission (`sacct` sorts by job)."""
    text = strict_csv.text_of(path)
    first = len(text) - len(text.lstrip("\n")) + 1
    lines = text.lstrip("\n").split("\n")
    names = lines[0].split("|")
    places = _places(names, path.name)
    faults: list[Fault] = []
    rows: list[tuple[float, int, int, int, str, str]] = []
    why = {"a step of a job": 0, "no GPU": 0, "ran for no time": 0}
    seen: dict[str, int] = {}
    for number, line in enumerate(lines[1:], start=first + 1):
        if len(faults) >= MOST_FAULTS:
            break
        if not line:
            continue
        cells = line.split("|")
        if cells == names:
            faults.append(Fault("the header stands here again", file=path.name, line=number))
        elif len(cells) != len(names):
            cut = "; is the file cut off here?" if line is lines[-1] or lines[number - first + 1 :] == [""] else ""
            what = f"row has {len(cells)} fields, the header has {len(names)}{cut}"
            faults.append(Fault(what, file=path.name, line=number, got=line))
        elif "." in cells[places["JobID"]]:
            why["a step of a job"] += 1
        else:
            row = _row(cells, places, path.name, number, faults)
            if row is None:
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
    if faults:
        raise InputError(faults)
    if not any(lines[1:]):
        raise InputError(Fault("the file is empty: no rows below the header", file=path.name, line=first))
    if not rows:
        raise InputError(Fault("no job held a GPU", file=path.name))
    return Imported(_trace(rows), sum(why.values()) + len(rows), {reason: n for reason, n in why.items() if n})


def _row(
    cells: list[str], places: dict[str, int], file: str, line: int, faults: list[Fault]
) -> tuple[float, int, int, int, str, str] | None:
    """Submit (epoch s), seconds, GPUs, nodes, job, tenant of one job; None where a cell is wrong, which is kept."""
    before = len(faults)

    def cell(parse: Callable[[str], Any], *names: str) -> Any:
        name = next((name for name in names if name in places and cells[places[name]]), None)
        name = name or next((name for name in names if name in places), names[0])
        text = cells[places[name]] if name in places else ""
        try:
            return parse(text)
        except ValueError as error:
            at = 1 + sum(len(left) + 1 for left in cells[: places[name]])
            faults.append(Fault(str(error), file=file, line=line, column=at, key=name, got=text))

    job = cell(strict_csv.word, "JobID")
    raw = "ElapsedRaw" in places and cells[places["ElapsedRaw"]]
    seconds = cell(_seconds, "ElapsedRaw") if raw or "Elapsed" not in places else cell(elapsed_s, "Elapsed")
    nodes = cell(lambda text: _nodes(text) if text else 0, "NNodes")
    gpus = cell(gpus_of, "AllocTRES", "ReqTRES")
    submit = cell(lambda text: _submit(text).timestamp(), "Submit")
    tenant = cell(str, "Account", "User") or "all"
    return (submit, seconds, gpus, nodes, job, tenant) if len(faults) == before else None


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
