"""The Mooncake traces (Apache-2.0): requests in milliseconds, as CSV `timestamp_ms,...` or as its own JSON lines."""

from __future__ import annotations

import json
import pathlib

import numpy as np

from marketsim import strict_csv
from marketsim.errors import Fault, InputError
from marketsim.importers.importer import Imported, Importer, Requests

JSON_NAMES = ("timestamp", "input_length", "output_length")


def read(path: pathlib.Path) -> Imported:
    """The requests of a file, seconds since its second 0."""
    if strict_csv.text_of(path)[:1] == "{":
        columns = _json_lines(path)
    else:
        names = ("timestamp_ms", "input_tokens", "output_tokens", "n_hash_blocks")
        got = strict_csv.read(path, dict.fromkeys(names, strict_csv.count), optional=names[3:], sorted_by=names[0])
        columns = [np.asarray(got[name], np.int64) for name in names[:3]]
    return Imported(Requests(columns[0] / 1000, columns[1], columns[2]), len(columns[0]))


def _json_lines(path: pathlib.Path) -> list[np.ndarray]:
    rows: list[list[int]] = []
    for number, line in enumerate(strict_csv.text_of(path).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
            row = [record[name] for name in JSON_NAMES]
            if not all(type(value) is int and value >= 0 for value in row):
                raise ValueError("times and lengths are whole and not negative")
            if max(row) > 10**15:
                raise ValueError("a time or length is beyond any")
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            what = f"{error} is missing" if isinstance(error, KeyError) else f"line cannot be read: {error}"
            raise InputError(Fault(what, file=path.name, line=number, got=line)) from None
        if rows and row[0] < rows[-1][0]:
            raise InputError(Fault("rows must be sorted by time", file=path.name, line=number, got=str(row[0])))
        rows.append(row)
    return [np.array(column, np.int64) for column in zip(*rows, strict=True)]


KIND = Importer("Mooncake requests with their tokens, CSV or JSON lines.", "requests", read)
