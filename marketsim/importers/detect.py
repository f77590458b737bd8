"""Which layout a file of jobs has, by its first line, so that `fit` and the studies take any of them."""

from __future__ import annotations

import pathlib

from marketsim import strict_csv
from marketsim.demand import tracefile
from marketsim.errors import Fault, InputError, nearest
from marketsim.importers import KINDS
from marketsim.importers.importer import Imported

_FIRST = {
    "job": "jobs",
    "submit_time": "philly",
    "arrival_time": "pai",
    "submit_s": "pai",
    "name": "openb",
    "job_id": "chronus",
}


def layout_of(path: pathlib.Path) -> str:
    """The name of the importer that reads the file; InputError where the first line is no known header."""
    names = strict_csv.header(path)
    if names[0] in _FIRST:
        return _FIRST[names[0]]
    if "JobID" in names[0].split("|"):
        return "slurm"
    if names[0].lstrip().startswith(";") or len(names[0].split()) == 18:
        return "swf"
    raise InputError(
        Fault(
            "the first line is no header of a trace of jobs that is known", file=path.name, line=1,
            got=",".join(names), allowed=",".join(tracefile.REQUIRED), hint=nearest(names[0], _FIRST),
        )
    )  # fmt: skip


def read_jobs(path: pathlib.Path) -> Imported:
    """The jobs of a file in any known layout."""
    return KINDS[layout_of(path)].read(path)
