"""The Alibaba PAI trace of 2020 (CC-BY-4.0) cut by GAIA: `arrival_time,length,cpus` or `submit_s,duration_s,units`."""

from __future__ import annotations

import pathlib

import numpy as np

from marketsim import strict_csv
from marketsim.demand import tracefile
from marketsim.importers.importer import Imported, Importer, spread_all

LAYOUTS = (("arrival_time", "length", "cpus"), ("submit_s", "duration_s", "units"))


def _units(text: str) -> int:
    value = strict_csv.count(text)
    if not 1 <= value <= 10_000:
        raise ValueError("must lie between 1 and 10,000")
    return value


def read(path: pathlib.Path) -> Imported:
    """The jobs of a file in either layout; a unit is taken for a GPU. Times are rounded to whole seconds."""
    found = set(strict_csv.header(path))
    names = max(LAYOUTS, key=lambda layout: len(found & set(layout)))
    columns = {names[0]: strict_csv.non_negative, names[1]: strict_csv.positive, names[2]: _units}
    got = strict_csv.read(path, columns, sorted_by=names[0])
    submit, duration = (np.rint(np.asarray(got[name], np.float64)).astype(np.int64) for name in names[:2])
    instances, each = spread_all(np.asarray(got[names[2]], np.int64))
    trace = tracefile.from_columns(submit, np.maximum(duration, 1), each, instances=instances)
    return Imported(trace, len(submit))


KIND = Importer("Alibaba PAI 2020 as arrival_time,length,cpus or submit_s,duration_s,units.", "trace", read)
