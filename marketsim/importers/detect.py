"""Which layout a file of jobs or a bill has, by its first line, so that commands and studies take any of them."""

from __future__ import annotations

import pathlib

from marketsim import strict_csv
from marketsim.billing.focus_columns import MANDATORY as FOCUS_NAMES
from marketsim.demand import tracefile
from marketsim.errors import Fault, InputError, nearest
from marketsim.importers import KINDS, aws_cur
from marketsim.importers.bill_table import is_parquet
from marketsim.importers.bill_table import names_of as bill_names
from marketsim.importers.importer import Imported

_FIRST = {
    "job": "jobs",
    "submit_time": "philly",
    "arrival_time": "pai",
    "submit_s": "pai",
    "name": "openb",
    "pod": "kubernetes",
    "job_id": "chronus",
}

_REQUESTS: dict[tuple[str, ...], str] = {
    ("TIMESTAMP", "ContextTokens"): "azure_llm",
    ("timestamp_ms", "input_tokens"): "mooncake",
    ("client", "t_s"): "servegen",
    ("t_s", "rps"): "servegen",
}

LEAST_COLUMNS = 5  # of those a bill must have; fewer are another table's


def layout_of(path: pathlib.Path) -> str:
    """The name of the importer that reads the file; InputError where the first line is no known header."""
    names = strict_csv.header(path)
    if not any(name.strip() for name in names):
        raise InputError(Fault("the file is empty", file=path.name, line=1, allowed=",".join(tracefile.REQUIRED)))
    if names[0] in _FIRST:
        return _FIRST[names[0]]
    if names[0].lstrip().startswith("{"):
        return "kubernetes"
    if "JobID" in names[0].split("|"):
        return "slurm"
    if names[0].lstrip().startswith(";") or len(names[0].split()) == 18:
        return "swf"
    if names[:2] in _REQUESTS:
        what = f"holds requests or their rate (importer {_REQUESTS[names[:2]]}), not jobs"
        raise InputError(Fault(what, file=path.name, line=1, allowed=",".join(tracefile.REQUIRED)))
    raise InputError(
        Fault(
            "the first line is no header of a trace of jobs that is known", file=path.name, line=1,
            got=",".join(names), allowed=",".join(tracefile.REQUIRED), hint=nearest(names[0], _FIRST),
        )
    )  # fmt: skip


def layout_of_any(path: pathlib.Path) -> str:
    """The name of the importer that reads the file: of a bill, of requests or rates, or of jobs."""
    if is_parquet(path):
        return bill_layout_of(path)
    try:
        return bill_layout_of(path)
    except InputError:
        names = strict_csv.header(path)
    if names[0].startswith("{") and '"input_length"' in ",".join(names):
        return "mooncake"
    return _REQUESTS.get(names[:2]) or layout_of(path)


def read_jobs(path: pathlib.Path) -> Imported:
    """The jobs of a file in any known layout."""
    return KINDS[layout_of(path)].read(path)


def bill_layout_of(path: pathlib.Path) -> str:
    """The name of the importer that reads a bill; InputError where its columns are of neither layout."""
    names = bill_names(path)
    scores = {
        "focus": len(set(FOCUS_NAMES) & set(names)),
        "aws_cur": len(set(aws_cur.NEEDED) & set(map(aws_cur.column_name, names))),
    }
    best = max(scores, key=lambda name: scores[name])
    if scores[best] < LEAST_COLUMNS:
        raise InputError(
            Fault("has the columns of no bill that is known", file=path.name, line=1, got=",".join(names[:8]),
                  allowed="FOCUS 1.x or the AWS Cost and Usage Report")
        )  # fmt: skip
    return best


def read_bill(path: pathlib.Path) -> Imported:
    """The bill in a file, in either layout."""
    return KINDS[bill_layout_of(path)].read(path)
