"""A results folder: what was asked, what came out, and a stamp that says which bytes belong together.

Each file is written beside its place and renamed into it, the stamp last of all; so a folder whose stamp agrees with
its files is whole, and the same study gives the same bytes. Text that a spreadsheet would run as a formula is made
harmless.
"""

from __future__ import annotations

import contextlib
import csv
import hashlib
import io
import json
import os
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from marketsim.errors import Fault, InputError
from marketsim.experiment.results import Results
from marketsim.experiment.store import FILE, LOCK, StoreError
from marketsim.experiment.task import Outcome, Row

STAMP = "stamp.json"
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def cell(value: Any) -> str:
    """A value as a CSV cell: numbers so that they read back as they were, text never as a formula, None as nothing.

    >>> cell(0.1), cell("=1+1"), cell(None), cell(True)
    ('0.1', "'=1+1", '', 'true')
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    text = str(value)
    return "'" + text if text.startswith(_FORMULA) else text


def csv_text(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """CSV with LF line ends."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([cell(name) for name in header])
    writer.writerows([cell(value) for value in row] for row in rows)
    return out.getvalue()


def frame_text(frame: Any) -> str:
    """A pandas frame as CSV, without its index; missing values are empty."""
    import pandas as pd

    plain = frame.astype(object).where(pd.notna(frame), None)
    rows = ([_plain(value) for value in row] for row in plain.itertuples(index=False))
    return csv_text([str(name) for name in frame.columns], rows)


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value


def tables(results: Results) -> dict[str, str]:
    """The CSV tables of a study by file name: per metric, per replication, and the differences to the best."""
    names = ("policy", "to", "metric", "value", "low", "high", "n", "share", "p", "told_apart", "kept_variance", "note")
    differences = ([getattr(one, name) for name in names] for one in results.differences())
    rows = (
        [policy, replication, *(row.get(name) for name in results.metrics)]
        for policy, of in results.rows.items()
        for replication, row in sorted(of.items())
    )
    return {
        "summary.csv": frame_text(results.table()),
        "replications.csv": csv_text(["policy", "replication", *results.metrics], rows),
        "differences.csv": csv_text(names, differences),
    }


def own(folder: pathlib.Path) -> None:
    """Refuse a folder that holds something else: InputError. One that is empty, new, or of a study is fine."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise InputError(Fault("results go into a folder, this is a file", file=str(folder)))
    names = {path.name for path in folder.iterdir()}
    if names - {LOCK} and not names & {FILE, STAMP}:
        raise InputError(
            Fault("the folder holds something else than results of a study", file=str(folder), hint="Name a new one.")
        )


def write(results: Results, folder: pathlib.Path, more: Mapping[str, str | bytes] | None = None) -> list[str]:
    """Write tables, further files (scenario, figures, report) and the stamp; the names written, the stamp last.

    Raises StoreError where the disk fails; what stood there before is then still whole, or has no stamp that fits.
    """
    contents = {**(more or {}), **tables(results)}
    files = {name: text.encode() if isinstance(text, str) else text for name, text in contents.items()}
    sums = {name: hashlib.sha256(files[name]).hexdigest() for name in sorted(files)}
    failed = [
        {"policy": one.policy, "replication": one.replication, "error": one.error}
        for one in sorted(results.failures, key=lambda one: (one.policy, one.replication))
    ]
    objective = results.objective
    stamp = {
        "name": results.name,
        "confidence": results.confidence,
        "objective": None
        if objective is None
        else {"minimize": objective.minimize, "subject_to": dict(objective.subject_to)},
        "failed": failed,
        "warnings": list(results.warnings),
        **results.stamp,
        "files": sums,
    }
    files[STAMP] = (json.dumps(stamp, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()
    try:
        for name, content in files.items():
            place(folder / name, content)
    except OSError as error:
        raise StoreError(
            f"cannot write {error.filename or folder}: {error.strerror}; what was stored is kept"
        ) from error
    return list(files)


def place(path: pathlib.Path, content: bytes) -> None:
    """Write a file beside its place and rename it into it: nobody ever sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.new")
    try:
        with open(fresh, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(fresh, path)
    except BaseException:
        with contextlib.suppress(OSError):
            fresh.unlink(missing_ok=True)
        raise


class Limits:
    """An objective read back from a stamp."""

    def __init__(self, minimize: str, subject_to: Mapping[str, float]) -> None:
        self.minimize, self.subject_to = minimize, dict(subject_to)


def read(folder: str | os.PathLike[str]) -> Results:
    """The results of a folder that `run` or `marketsim run` wrote. Raises InputError for one that is not whole.

    >>> import marketsim as ms
    >>> import tempfile
    >>> scenario = ms.load("speech", ["horizon=2 w"])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     made = ms.run(scenario, ["cloud-only"], replications=2, out=folder)
    ...     again = ms.read_results(folder)
    >>> again.to_json() == made.to_json()
    True
    """
    base = pathlib.Path(folder)
    try:
        stamp = json.loads((base / STAMP).read_text(encoding="utf-8"))
        sums = dict(stamp["files"])
    except FileNotFoundError:
        raise InputError(Fault(f"no results: {STAMP} is missing", file=str(base))) from None
    except (OSError, ValueError, KeyError, TypeError):
        raise InputError(Fault("cannot be read as the stamp of results", file=str(base / STAMP))) from None
    for name, wanted in sums.items():
        try:
            content = (base / name).read_bytes()
        except OSError:
            raise InputError(Fault("a file of the results is missing; run again to restore it", file=name)) from None
        if hashlib.sha256(content).hexdigest() != wanted:
            what = "the file is not the one that was written; run again to restore it"
            raise InputError(Fault(what, file=str(base / name)))
    rows = _rows((base / "replications.csv").read_text(encoding="utf-8"))
    wanted_order = stamp.get("policies", list(rows))
    objective = stamp.get("objective")
    about = {"name", "confidence", "objective", "failed", "warnings", "files"}
    return Results(
        name=str(stamp.get("name", base.name)),
        rows={policy: rows.get(policy, {}) for policy in wanted_order},
        objective=None if objective is None else Limits(objective["minimize"], objective["subject_to"]),
        confidence=float(stamp.get("confidence", 0.95)),
        stamp={key: value for key, value in stamp.items() if key not in about},
        failures=tuple(
            Outcome(one["policy"], one["replication"], None, one["error"], 1) for one in stamp.get("failed", ())
        ),
        warnings=tuple(stamp.get("warnings", ())),
        antithetic=bool(stamp.get("antithetic", False)),
    )


def _rows(text: str) -> dict[str, dict[int, Row]]:
    out: dict[str, dict[int, Row]] = {}
    reader = csv.reader(io.StringIO(text))
    header = next(reader)
    for policy, replication, *values in reader:
        row = {name: float(value) if value else None for name, value in zip(header[2:], values, strict=True)}
        out.setdefault(policy, {})[int(replication)] = row
    return out
