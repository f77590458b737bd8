"""The package's own CSV of jobs, checked and told: job,submit_s,duration_s,gpus[,instances,deadline_s,tenant]."""

from __future__ import annotations

import pathlib

from marketsim.demand import tracefile
from marketsim.importers.importer import Imported, Importer


def read(path: pathlib.Path) -> Imported:
    """The jobs of a file."""
    trace = tracefile.read(path)
    return Imported(trace, len(trace))


KIND = Importer("The package's own CSV of jobs.", "trace", read)
