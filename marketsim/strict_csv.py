"""Data files from outside, read strictly: exact header, exact fields, finite numbers, order, no duplicates.

What a lenient reader guesses at (a renamed column, a shifted row, a comma for a point, an empty cell) is told here, all
at once, with file, line and column. Only local regular files are opened, and only up to a size.
"""

from __future__ import annotations

import csv
import gzip
import io
import pathlib
import re
import stat
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np

from marketsim import units
from marketsim.errors import MOST_FAULTS, Fault, InputError, nearest
from marketsim.files import PICKLES

MOST_BYTES = 64 * 2**20
LARGEST = 1e12

Parser = Callable[[str], Any]
_MARKS = {
    b"PK\x03\x04": "a zip archive or a workbook",
    b"PAR1": "parquet",
    b"%PDF": "a PDF",
    b"\x1f\x8b": "packed twice",
    b"BZh": "packed with bzip2",
    b"\xfd7zX": "packed with xz",
    b"\x28\xb5\x2f\xfd": "packed with zstd",
}
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
_WHOLE = re.compile(r"[+-]?[0-9]+")


def number(text: str) -> float:
    """A finite number with a decimal point, any sign."""
    if not text.strip():
        raise ValueError("the cell is empty, a number is needed")
    if text.strip().lower().lstrip("+-") in ("nan", "inf", "infinity"):
        raise ValueError("the number is not finite")
    if not _NUMBER.fullmatch(text.strip()):
        raise ValueError("is not a number")
    value = float(text)
    if not np.isfinite(value):
        raise ValueError("the number is not finite")
    return value


def _in_reach(value: float) -> float:
    """What is larger is no quantity of anything, and would overflow where it is multiplied."""
    if abs(value) > LARGEST:
        raise ValueError(f"is above {LARGEST:.0f}")
    return value


def positive(text: str) -> float:
    """A number above 0, at most 10^12."""
    value = _in_reach(number(text))
    if value <= 0:
        raise ValueError("must be above 0")
    return value


def non_negative(text: str) -> float:
    """A number from 0 to 10^12."""
    value = _in_reach(number(text))
    if value < 0:
        raise ValueError("must not be negative")
    return value


def whole(text: str) -> int:
    """A whole number, any sign."""
    if not text.strip():
        raise ValueError("the cell is empty, a whole number is needed")
    if not _WHOLE.fullmatch(text.strip()):
        raise ValueError("is not a whole number")
    return int(text)


def count(text: str) -> int:
    """A whole number from 0 to 10^18: nanoseconds since 1970 are among them."""
    value = whole(text)
    if value > 10**18:
        raise ValueError("is above 10^18")
    if value < 0:
        raise ValueError("must not be negative")
    return value


def zero_or_one(text: str) -> int:
    """0 or 1."""
    if text.strip() not in ("0", "1"):
        raise ValueError("is neither 0 nor 1")
    return int(text)


def word(text: str) -> str:
    """Any text that is not empty."""
    if not text.strip():
        raise ValueError("the cell is empty")
    return text


def epoch_s(text: str) -> float:
    """Seconds since 1970 of an ISO 8601 moment, which needs a timezone: Z or an offset."""
    try:
        found = units.moment(text.strip())
    except ValueError as error:
        raise ValueError(f"{error} (a timezone is needed in every row)") from None
    return of_our_time(found).timestamp()


def of_our_time(moment: datetime) -> datetime:
    """The moment, unless no record can be of it: a year before 1970 or after 2100 is a slip, or stands for unknown."""
    if not 1970 <= moment.year <= 2100:
        raise ValueError("lies before 1970 or after 2100")
    return moment


def local_file(folder: pathlib.Path | None, name: str, key: str | None = None) -> pathlib.Path:
    """The regular file that a scenario names, inside the scenario's folder; InputError for anything else."""
    home = pathlib.Path.cwd() if folder is None else folder
    bad = "must name a file beside the scenario"
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", name) or name.startswith("//"):
        raise InputError(Fault(f"{bad}, not a URL or a drive", key=key, got=name))
    path = pathlib.Path(name)
    if path.is_absolute() or name.startswith(("/", "\\", "~")):
        raise InputError(Fault(f"{bad}, not an absolute path", key=key, got=name, allowed="a relative path"))
    try:
        found = (home / path).resolve()
        inside = found.is_relative_to(home.resolve())
    except (OSError, ValueError, RuntimeError):
        raise InputError(Fault("cannot be a file name", key=key, got=name)) from None
    if not inside:
        raise InputError(Fault(f"{bad}; this path leads outside its folder", key=key, got=name))
    if not found.exists():
        raise InputError(Fault("there is no such file", key=key, got=name, hint=_near_file(found)))
    return found


def _near_file(path: pathlib.Path) -> str | None:
    try:
        return nearest(path.name, (entry.name for entry in path.parent.iterdir()))
    except OSError:
        return None


def text_of(path: pathlib.Path, most_bytes: int = MOST_BYTES) -> str:
    """The text of a local regular file in UTF-8, plain or .gz; a byte order mark is dropped, any line end is taken.

    Raises InputError for a folder, device or pipe, above `most_bytes` of content, for a NUL byte, for another encoding.
    """
    file = path.name
    if path.suffix.lower() in PICKLES:
        raise InputError(Fault("a pickle is never read: it could run any code", file=file, allowed="CSV text"))
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise InputError(Fault("is not a regular file", file=file))
        with path.open("rb") as opened:
            zipped = opened.read(2) == b"\x1f\x8b"
            opened.seek(0)
            source: Any = gzip.GzipFile(fileobj=opened) if zipped else opened
            data = source.read(most_bytes + 1)
    except (OSError, EOFError) as error:
        raise InputError(Fault(f"cannot be read: {getattr(error, 'strerror', None) or error}", file=file)) from None
    if len(data) > most_bytes:
        raise InputError(Fault(f"its size is above the {most_bytes // 2**20} MB that are read", file=file))
    strange = _no_text(data)
    if strange:
        raise InputError(Fault(strange, file=file, allowed="text in UTF-8, plain or .gz"))
    if b"\0" in data:
        line = data.count(b"\n", 0, data.index(b"\0")) + 1
        raise InputError(Fault("holds a NUL byte", file=file, line=line))
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(Fault("is not text in UTF-8", file=file, line=line)) from None


def _no_text(data: bytes) -> str | None:
    """What a file is by its first bytes, where it is plainly no text in UTF-8."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff") or any(data[place::2][:64].count(0) > 32 for place in (0, 1)):
        return "is text in UTF-16; save it as UTF-8"
    return next((f"is {what}, not text" for mark, what in _MARKS.items() if data.startswith(mark)), None)


def other_text(first: str) -> str | None:
    """What a file is by its first line, where that is plainly no line of a table.

    >>> other_text('[{"a": 1}'), other_text("<!DOCTYPE html>"), other_text("job,submit_s")
    ('the file is JSON', 'the file is HTML or XML', None)
    """
    if first.lstrip()[:1] in ("{", "["):
        return "the file is JSON"
    return "the file is HTML or XML" if first.lstrip()[:1] == "<" else None


def header(path: pathlib.Path) -> tuple[str, ...]:
    """The names in the first line of a file that is not blank, as they stand."""
    return tuple(text_of(path).lstrip("\n").split("\n", 1)[0].split(","))


def read(
    path: pathlib.Path,
    columns: Mapping[str, Parser],
    *,
    optional: Sequence[str] = (),
    sorted_by: str | None = None,
    unique: str | Sequence[str] | None = None,
    most_bytes: int = MOST_BYTES,
) -> dict[str, Any]:
    """The columns of a CSV file: numpy arrays where all cells are numbers, else lists; plus `line`, (n,) line numbers.

    columns: name -> parser of a cell, in the order of the header; those in `optional` may be left out. sorted_by: a
    column that never falls. unique: a column, or several together, in which no value comes twice (checked after order,
    so that a repeated time is told as a duplicate). Raises InputError with a Fault for each thing that is wrong.
    """
    text = text_of(path, most_bytes)
    file = path.name
    other = other_text(text.lstrip("\n").split("\n", 1)[0])
    if other:
        allowed = "a CSV with the header " + _wanted(columns, optional)
        raise InputError(Fault(other, file=file, line=1, allowed=allowed))
    rows = _rows(text, file)
    names = _names(rows[0][1] if rows else [], columns, optional, file)
    if len(rows) < 2:
        raise InputError(Fault("the file is empty: no rows below the header", file=file, line=1))
    faults: list[Fault] = []
    cells: dict[str, list[Any]] = {name: [] for name in names}
    lines: list[int] = []
    parsers = [columns[name] for name in names]
    for line, row in rows[1:]:
        if len(faults) > MOST_FAULTS:
            break
        lines.append(line)
        if row == names:
            faults.append(Fault("the header stands here again", file=file, line=line))
            continue
        if len(row) != len(names):
            cut = "; is the file cut off here?" if line == rows[-1][0] and len(row) < len(names) else ""
            what = f"row has {len(row)} fields, the header has {len(names)}{cut}"
            faults.append(Fault(what, file=file, line=line, got=",".join(row)))
            continue
        for place, (name, parse, cell) in enumerate(zip(names, parsers, row, strict=True)):
            try:
                cells[name].append(parse(cell))
            except ValueError as error:
                at = 1 + sum(len(left) + 1 for left in row[:place])
                faults.append(Fault(f"row {line - 1}: {error}", file=file, line=line, column=at, key=name, got=cell))
    if faults:
        raise InputError(faults)
    told = [row[names.index(sorted_by)] for _, row in rows[1:]] if sorted_by is not None else []
    _check_order(cells, lines, sorted_by, told, unique, file)
    table: dict[str, Any] = {name: _column(values) for name, values in cells.items()}
    table["line"] = np.array(lines, np.int64)
    return table


def _rows(text: str, file: str) -> list[tuple[int, list[str]]]:
    """(line number, fields) of each line that is not blank; the number is the line on which the row starts."""
    reader = csv.reader(io.StringIO(text), strict=True)
    rows: list[tuple[int, list[str]]] = []
    before = 0
    try:
        for row in reader:
            if row:
                rows.append((before + 1, row))
            before = reader.line_num
    except csv.Error as error:
        what = "a quote is not closed by the end of the file" if "end of data" in str(error) else str(error)
        raise InputError(Fault(f"line {before + 1}: {what}", file=file, line=before + 1)) from None
    return rows


def _names(found: list[str], columns: Mapping[str, Parser], optional: Sequence[str], file: str) -> list[str]:
    """The header's names where they are the wanted ones in the wanted order; else InputError."""
    wanted = _wanted(columns, optional)
    got = ",".join(found)
    if not any(name.strip() for name in found):
        raise InputError(Fault("the file is empty", file=file, line=1, allowed=f"a header {wanted}"))
    if len(found) == 1 and len(columns) - len(optional) > 1:
        for mark, name in ((";", "a semicolon"), ("\t", "a tab"), ("|", "a bar")):
            if mark in found[0]:
                what = f"the separator is {name}, a comma is needed (and a decimal point)"
                raise InputError(Fault(what, file=file, line=1, got=got))
    twice = sorted({name for name in found if found.count(name) > 1})
    if twice:
        raise InputError(Fault(f"duplicate column {', '.join(twice)}", file=file, line=1, got=got, allowed=wanted))
    missing = [name for name in columns if name not in found and name not in optional]
    unknown = [name for name in found if name not in columns]
    if not set(found) & set(columns) and nearest(found[0], columns) is None:
        raise InputError(Fault("the first line is no header of this table", file=file, line=1, got=got, allowed=wanted))
    if missing or unknown:
        parts = [f"column {name} is missing" for name in missing] + [f"column {name} is unknown" for name in unknown]
        hint = nearest(unknown[0], missing or columns) if unknown else None
        raise InputError(Fault(", ".join(parts), file=file, line=1, got=got, allowed=wanted, hint=hint))
    if found != [name for name in columns if name in found]:
        raise InputError(Fault("the columns stand in another order", file=file, line=1, got=got, allowed=wanted))
    return found


def _wanted(columns: Mapping[str, Parser], optional: Sequence[str]) -> str:
    return ",".join(f"[{name}]" if name in optional else name for name in columns)


def _check_order(
    cells: Mapping[str, list[Any]],
    lines: Sequence[int],
    sorted_by: str | None,
    told: Sequence[str],
    unique: str | Sequence[str] | None,
    file: str,
) -> None:
    """Faults of order and of duplicates; `told` are the cells of the sorted column as they stand in the file."""
    faults: list[Fault] = []
    if sorted_by is not None:
        column = cells[sorted_by]
        faults += [
            Fault("rows must be sorted by time" if "time" in sorted_by else "rows must be sorted", file=file,
                  line=lines[row], key=sorted_by, got=f"{told[row]} after {told[row - 1]}")
            for row in range(1, len(column))
            if column[row] < column[row - 1]
        ]  # fmt: skip
    if unique is not None:
        keys = [unique] if isinstance(unique, str) else list(unique)
        seen: dict[tuple[Any, ...], int] = {}
        for row, value in enumerate(zip(*(cells[key] for key in keys), strict=True)):
            first = seen.setdefault(value, row)
            if first != row:
                what = f"duplicate of line {lines[first]}"
                got = ",".join(str(part) for part in value)
                faults.append(Fault(what, file=file, line=lines[row], key=",".join(keys), got=got))
    if faults:
        raise InputError(faults)


def _column(values: list[Any]) -> Any:
    if values and all(isinstance(value, int) for value in values):
        try:
            return np.array(values, np.int64)
        except OverflowError:
            return values
    return np.array(values, np.float64) if values and all(isinstance(v, int | float) for v in values) else values
