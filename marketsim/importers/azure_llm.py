"""The Azure LLM inference trace (CC-BY-4.0): `TIMESTAMP,ContextTokens,GeneratedTokens`, one row a request."""

from __future__ import annotations

import pathlib
import re
from datetime import UTC, datetime

import numpy as np

from marketsim import strict_csv
from marketsim.importers.importer import Imported, Importer, Requests

_STAMP = re.compile(r"(\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2})(\.\d{1,9})?(?:\+00:00)?")


def _stamp(text: str) -> float:
    """Seconds since 1970 with the fraction kept to 100 ns."""
    found = _STAMP.fullmatch(text.strip())
    if found is None:
        raise ValueError("is not a time such as 2023-11-16 18:15:46.6805900")
    try:
        whole = datetime.strptime(found[1], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        raise ValueError("is no real date") from None
    return strict_csv.of_our_time(whole).timestamp() + float(found[2] or 0)


def read(path: pathlib.Path) -> Imported:
    """The requests of a file, seconds counted from the first."""
    columns = {"TIMESTAMP": _stamp, "ContextTokens": strict_csv.count, "GeneratedTokens": strict_csv.count}
    got = strict_csv.read(path, columns, sorted_by="TIMESTAMP")
    times = np.asarray(got["TIMESTAMP"], np.float64)
    tokens = (np.asarray(got[name], np.int64) for name in ("ContextTokens", "GeneratedTokens"))
    return Imported(Requests(times - times[0], *tokens), len(times))


KIND = Importer("Azure LLM inference requests with their tokens.", "requests", read)
