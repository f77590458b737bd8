"""ServeGen's request rates (Alibaba, Apache-2.0) in windows of ten minutes: `t_s,rps`, or by client, which are summed.

Windows without requests were left out of the files; here they stand with a rate of 0.
"""

from __future__ import annotations

import pathlib

import numpy as np

from marketsim import strict_csv
from marketsim.errors import Fault, InputError
from marketsim.importers.importer import Imported, Importer, RateRecord
from marketsim.units import LONGEST_S

WINDOW_S = 600


def read(path: pathlib.Path) -> Imported:
    """The rate of a file over time, on whole windows from 0."""
    by_client = strict_csv.header(path)[:1] == ("client",)
    columns: dict[str, strict_csv.Parser] = {"client": strict_csv.count} if by_client else {}
    columns |= {"t_s": strict_csv.count, "rps": strict_csv.non_negative}
    if by_client:
        columns |= {"cv": strict_csv.non_negative, "dist": strict_csv.word}
    key = ("client", "t_s") if by_client else "t_s"
    got = strict_csv.read(path, columns, sorted_by=None if by_client else "t_s", unique=key)
    times = np.asarray(got["t_s"], np.int64)
    if times.max() > LONGEST_S:
        row = int(times.argmax())
        raise InputError(Fault("lies beyond any horizon (20 years of seconds)", file=path.name,
                               line=int(got["line"][row]), key="t_s", got=str(times[row])))  # fmt: skip
    off = np.flatnonzero(times % WINDOW_S)
    if len(off):
        raise InputError(Fault("is not the start of a window of 600 s", file=path.name, line=int(got["line"][off[0]]),
                               key="t_s", got=str(times[off[0]])))  # fmt: skip
    rates = np.bincount(times // WINDOW_S, weights=np.asarray(got["rps"], np.float64)).astype(np.float64)
    starts = np.arange(len(rates), dtype=np.int64) * WINDOW_S
    return Imported(RateRecord(starts, rates, len(rates) * WINDOW_S), len(times))


KIND = Importer("ServeGen request rates, in all or by client.", "rate", read)
