"""A bill's file as columns of text, read strictly: CSV (plain or .gz) or parquet, with limits that no bomb passes.

Cells stay text, so that dollars keep all their digits. Told in one line each: a column that is missing or renamed, a
row of another length, a quote that never closes, a formula in a cell, a parquet file that would unpack without end.
"""

from __future__ import annotations

import csv
import io
import pathlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from marketsim import strict_csv
from marketsim.billing.bill import stamp
from marketsim.errors import MOST_FAULTS, Fault, InputError, MissingExtra, nearest

MOST_BYTES = 512 * 2**20  # of text, unpacked
MOST_ROWS = 5_000_000
MOST_CELLS = 60_000_000
LONGEST_CELL = 32_768
PARQUET = b"PAR1"
_BATCH = 8_192
_AT_ONCE = 256 * 2**20  # bytes that a batch of nested cells may take before it is measured


@dataclass(eq=False)
class Table:
    """Columns of text by name, (rows,) each, and the faults found so far; `line` of a row is 2 for the first."""

    file: str
    columns: dict[str, Sequence[str]]
    rows: int
    faults: list[Fault] = field(default_factory=list)

    def column(self, name: str) -> Sequence[str]:
        """The cells of a column; empty ones where the file does not have it."""
        return self.columns.get(name, _Empty(self.rows))

    def parsed(self, name: str, parse: Callable[[str], Any]) -> list[Any]:
        """The column through a parser that raises ValueError; what is wrong is kept as a fault of its row."""
        out: list[Any] = []
        for row, cell in enumerate(self.column(name)):
            try:
                out.append(parse(cell))
            except ValueError as error:
                self.wrong(row, name, str(error), cell)
                out.append(None)
                if len(self.faults) > MOST_FAULTS:
                    break
        return out + [None] * (self.rows - len(out))

    def wrong(self, row: int, key: str, what: str, got: str | None = None, allowed: str | None = None) -> None:
        """Keep a fault of a row."""
        self.faults.append(Fault(what, file=self.file, line=row + 2, key=key, got=got, allowed=allowed))

    def check(self) -> None:
        """Raise InputError where anything was wrong."""
        if self.faults:
            raise InputError(self.faults)


class _Empty(Sequence[str]):
    """As many empty cells as there are rows."""

    def __init__(self, rows: int) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return self._rows

    def __getitem__(self, row: Any) -> Any:
        return ""

    def __iter__(self) -> Any:
        return iter([""] * self._rows)


def read(path: pathlib.Path, named: Callable[[str], str] = str) -> Table:
    """The columns of a file; `named` gives the one name of a column's spelling."""
    return _parquet(path, named) if is_parquet(path) else _csv(path, named)


def names_of(path: pathlib.Path) -> list[str]:
    """The names of the columns, as they stand; of CSV, only the first line is looked at."""
    if is_parquet(path):
        try:
            from pyarrow import ArrowException, parquet
        except ImportError:
            raise MissingExtra("pyarrow", "parquet") from None
        try:
            return list(parquet.read_schema(path).names)
        except (ArrowException, OSError, ValueError):
            raise InputError(Fault("cannot be read as parquet; is the file cut off?", file=path.name)) from None
    first = strict_csv.text_of(path, MOST_BYTES).lstrip("\n").split("\n", 1)[0]
    return next(csv.reader([first]), [])


def is_parquet(path: pathlib.Path) -> bool:
    """Whether a file is parquet, by its first bytes or its name."""
    try:
        with path.open("rb") as stream:
            return stream.read(4) == PARQUET or path.suffix.lower() == ".parquet"
    except OSError as error:
        raise InputError(Fault(f"cannot be read: {error.strerror or error}", file=path.name)) from None


def need(table: Table, wanted: Iterable[str], what: str) -> None:
    """Raise InputError that names the columns which are missing, and what may stand for the first of them."""
    missing = [name for name in wanted if name not in table.columns]
    if missing:
        raise InputError(
            Fault(
                f"column {', '.join(missing)} is missing: {what} has it", file=table.file, line=1,
                got=", ".join(list(table.columns)[:8]) + (" ..." if len(table.columns) > 8 else ""),
                hint=nearest(missing[0], table.columns),
            )
        )  # fmt: skip


# ------------------------------------------------------------------------------------------------------ CSV


def _csv(path: pathlib.Path, named: Callable[[str], str]) -> Table:
    text = strict_csv.text_of(path, MOST_BYTES)
    file = path.name
    usual = csv.field_size_limit(LONGEST_CELL * 8)
    reader = csv.reader(io.StringIO(text), strict=True)
    rows: list[list[str]] = []
    faults: list[Fault] = []
    names: list[str] | None = None
    line = 0
    _refuse_other(text.lstrip("\n").split("\n", 1)[0], file)
    try:
        for row in reader:
            if row and names is None:
                names = [named(name) for name in row]
            elif row and names is not None:
                if named(row[0]) == names[0] and [named(name) for name in row] == names:
                    faults.append(Fault("the header stands here again", file=file, line=line + 1))
                elif len(row) != len(names):
                    cut = "; is the file cut off here?" if len(row) < len(names) else ""
                    what = f"row has {len(row)} fields, the header has {len(names)}{cut}"
                    faults.append(Fault(what, file=file, line=line + 1))
                rows.append(row)
            line = reader.line_num
            if len(faults) > MOST_FAULTS:
                break
    except csv.Error as error:
        open_quote = "unexpected end of data" in str(error)
        what = "a quote is not closed by the end of the file: it is cut off" if open_quote else str(error)
        raise InputError(Fault(what, file=file, line=line + 1)) from None
    finally:
        csv.field_size_limit(usual)  # it is the whole process's
    if names is None or not any(name.strip() for name in names):
        raise InputError(Fault("the file is empty", file=file, line=1, allowed="a header and lines of a bill"))
    if all(name == "" or name[0].isdigit() for name in names[:2]) or len([n for n in names if not n]) > 1:
        raise InputError(Fault("the first line is no header of a bill", file=file, line=1, got=",".join(names)))
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(Fault(f"duplicate column {', '.join(twice)}", file=file, line=1))
    if not rows:
        raise InputError(Fault("no lines below the header", file=file, line=1))
    if faults:
        raise InputError(faults)
    table = Table(file, dict(zip(names, zip(*rows, strict=True), strict=True)), len(rows))
    _no_formula(table)
    return table


def _refuse_other(first: str, file: str) -> None:
    """Refuse what is no CSV with commas by its first line."""
    other = strict_csv.other_text(first)
    if other:
        raise InputError(Fault(other, file=file, line=1, allowed="a bill as CSV or parquet"))
    for mark, name in ((";", "a semicolon"), ("\t", "a tab"), ("|", "a bar")):
        if first.count(mark) > first.count(","):
            what = f"the separator is {name}, a comma is needed (and a decimal point)"
            raise InputError(Fault(what, file=file, line=1, got=first))


def _no_formula(table: Table) -> None:
    for name, cells in table.columns.items():
        for row, cell in enumerate(cells):
            if cell and cell[0] in "=+-@\t" and is_formula(cell):
                table.wrong(row, name, "holds a formula; a bill has values", cell)
                if len(table.faults) > MOST_FAULTS:
                    break
    table.check()


def is_formula(cell: str) -> bool:
    """Whether a spreadsheet would run the cell: it begins as a formula does, and is no number.

    >>> is_formula("=1+1"), is_formula("-0.25"), is_formula("@SUM(A1)"), is_formula("-")
    (True, False, True, False)
    """
    if cell[0] in "=@\t":
        return True
    if cell[0] not in "+-" or len(cell.strip()) == 1:
        return False
    try:
        Decimal(cell.strip())
    except InvalidOperation:
        return cell[0] == "+" or any(mark in cell for mark in "()!|")
    return False


# -------------------------------------------------------------------------------------------------- parquet


def _parquet(path: pathlib.Path, named: Callable[[str], str]) -> Table:
    try:
        import pyarrow as arrow
        from pyarrow import parquet
    except ImportError:
        raise MissingExtra("pyarrow", "parquet") from None
    file = path.name
    try:
        opened = parquet.ParquetFile(path)
        about = opened.metadata
        _refuse_bomb(about, file)
        texts = [
            about.schema.column(place).path
            for place in range(about.num_columns)
            if about.schema.column(place).physical_type == "BYTE_ARRAY"
        ]
        # text stays a dictionary until it is measured: a page of one long value repeated is small only on disk
        opened = parquet.ParquetFile(path, read_dictionary=[name for name in texts if "." not in name])
        columns: dict[str, list[str]] = {named(name): [] for name in opened.schema_arrow.names}
        if len(columns) != len(opened.schema_arrow.names):
            raise InputError(Fault("two columns have one name", file=file))
        total = 0
        for batch in opened.iter_batches(batch_size=_rows_at_once(about)):
            for name, values in zip(opened.schema_arrow.names, batch.columns, strict=True):
                total += _measured(values, file, name)
                if total > MOST_BYTES:
                    raise _bomb(file, f"more than {MOST_BYTES // 2**20} MB of cells")
                columns[named(name)] += _texts(values)
    except InputError:
        raise
    except (arrow.ArrowException, OSError, ValueError, OverflowError) as error:
        why = str(error).split("\n")[0][:120]
        raise InputError(Fault(f"cannot be read as parquet; is the file cut off? ({why})", file=file)) from None
    rows = about.num_rows
    if not rows:
        raise InputError(Fault("no lines in the file", file=file))
    table = Table(file, {name: tuple(cells) for name, cells in columns.items()}, rows)
    _no_formula(table)
    return table


def _refuse_bomb(about: Any, file: str) -> None:
    if about.num_rows > MOST_ROWS:
        raise _bomb(file, f"{about.num_rows:,} rows")
    cells = sum(chunk.num_values for chunk in _chunks(about))
    if cells > MOST_CELLS:
        raise _bomb(file, f"{cells:,} cells")
    unpacked = sum(about.row_group(place).total_byte_size for place in range(about.num_row_groups))
    if unpacked > MOST_BYTES:
        raise _bomb(file, f"{unpacked / 2**20:,.0f} MB unpacked")


def _chunks(about: Any) -> Iterator[Any]:
    for group in range(about.num_row_groups):
        for place in range(about.num_columns):
            yield about.row_group(group).column(place)


def _rows_at_once(about: Any) -> int:
    """Rows of a batch: fewer where a nested column has large pages, whose values cannot stay a dictionary."""
    nested = [chunk.total_uncompressed_size for chunk in _chunks(about) if "." in chunk.path_in_schema]
    return min(_BATCH, max(16, _AT_ONCE // max(nested, default=1)))


def _bomb(file: str, got: str) -> InputError:
    allowed = f"{MOST_ROWS:,} rows, {MOST_CELLS:,} cells, {MOST_BYTES // 2**20} MB"
    return InputError(Fault("would unpack to more than is read", file=file, got=got, allowed=allowed))


def _measured(values: Any, file: str, name: str) -> int:
    """Bytes that the cells have as text; InputError for one cell that is longer than any bill's."""
    import pyarrow as arrow
    from pyarrow import compute

    if not arrow.types.is_dictionary(values.type):
        return int(values.nbytes)
    lengths = compute.binary_length(values.dictionary)
    longest = compute.max(lengths).as_py() or 0
    if longest > LONGEST_CELL:
        raise InputError(Fault("a cell is longer than is read", file=file, key=name, got=f"{longest:,} bytes",
                               allowed=f"{LONGEST_CELL:,}"))  # fmt: skip
    return int(longest) * len(values)


def _texts(values: Any) -> list[str]:
    """Cells as text that loses nothing: moments in ISO 8601, maps as JSON, numbers with all digits."""
    import json

    out = []
    for value in values.to_pylist():
        if value is None:
            out.append("")
        elif isinstance(value, datetime):
            out.append(stamp(round(value.timestamp())) if value.tzinfo else value.isoformat(timespec="seconds") + "Z")
        elif isinstance(value, str):
            out.append(value)
        elif isinstance(value, bytes):
            out.append(value.decode("utf-8", "replace"))
        elif isinstance(value, float):
            out.append(repr(value))
        elif isinstance(value, list | dict):
            out.append(json.dumps(value, default=str))
        else:
            out.append(str(value))
    return out
