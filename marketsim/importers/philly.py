"""The Philly trace (Microsoft, CC-BY-4.0) as one CSV: `submit_time,duration_s,num_gpus,vc`.

Submit times carry no zone; second 0 is midnight of the first day by their own clock. Gangs above 8 GPUs are spread over
instances of at most 8, as its servers had.
"""

from __future__ import annotations

import pathlib
from datetime import UTC, datetime

import numpy as np

from marketsim import strict_csv
from marketsim.demand import tracefile
from marketsim.importers.importer import Imported, Importer, spread_all


def _moment(text: str) -> float:
    try:
        at = datetime.strptime(text.strip(), "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        raise ValueError("is not a time such as 2017-09-04 10:30:41") from None
    return strict_csv.of_our_time(at).timestamp()


def _duration(text: str) -> int:
    value = strict_csv.count(text)
    if value == 0:
        raise ValueError("must be above 0")
    return value


def _gpus(text: str) -> int:
    value = strict_csv.count(text)
    if not 1 <= value <= 10_000:
        raise ValueError("must lie between 1 and 10,000")
    return value


def read(path: pathlib.Path) -> Imported:
    """The jobs of a file in this layout, in its order, which must be that of time."""
    columns = {"submit_time": _moment, "duration_s": _duration, "num_gpus": _gpus, "vc": strict_csv.word}
    got = strict_csv.read(path, columns, sorted_by="submit_time")
    epoch = np.rint(np.asarray(got["submit_time"])).astype(np.int64)
    start = datetime.fromtimestamp(int(epoch[0]) // 86_400 * 86_400, UTC)
    instances, each = spread_all(np.asarray(got["num_gpus"], np.int64))
    trace = tracefile.from_columns(
        epoch - int(start.timestamp()), np.asarray(got["duration_s"], np.int64), each,
        instances=instances, tenant=[str(vc) for vc in got["vc"]], start=start,
    )  # fmt: skip
    return Imported(trace, len(epoch))


KIND = Importer("Philly jobs as submit_time,duration_s,num_gpus,vc.", "trace", read)
