"""What an importer is: it reads one published layout strictly and gives the package's own table, and its CSV.

Job traces become `job,submit_s,duration_s,gpus,...`, requests `t_s,input_tokens,output_tokens`, rates `t_s,rps`,
prices as `price_table.py` beside this says. Rows that the table cannot say (a job without a GPU, one that never ran)
are left out and counted by reason, never dropped silently.
"""

from __future__ import annotations

import pathlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from marketsim import units
from marketsim.billing.bill import Bill, usd_text
from marketsim.demand import tracefile
from marketsim.demand.tracefile import Trace
from marketsim.errors import Fault, InputError
from marketsim.importers.price_table import PriceBook, PriceSeries

MOST_INSTANCES = 10_000
MOST_GPUS = 100_000  # of one job

Floats = NDArray[np.float64]


class Requests(NamedTuple):
    """Requests to a language model in order of time: seconds since the start, tokens in, tokens out; (n,) each."""

    t_s: Floats
    input_tokens: NDArray[np.int64]
    output_tokens: NDArray[np.int64]


class RateRecord(NamedTuple):
    """Requests a second in windows: window starts in whole seconds from 0, rates, and the end of the last window."""

    t_s: NDArray[np.int64]
    rps: Floats
    end_s: int


@dataclass(frozen=True)
class Imported:
    """What was read: the table, how many rows the file has, and why rows were left out."""

    table: Trace | Requests | RateRecord | PriceSeries | PriceBook | Bill
    rows: int
    left_out: Mapping[str, int] = field(default_factory=dict)

    @property
    def trace(self) -> Trace:
        """The table of jobs; TypeError where it is another."""
        if not isinstance(self.table, Trace):
            raise TypeError("this importer does not make a trace of jobs")
        return self.table

    @property
    def bill(self) -> Bill:
        """The bill; TypeError where it is another table."""
        if not isinstance(self.table, Bill):
            raise TypeError("this importer does not make a bill")
        return self.table

    def lines(self) -> list[str]:
        """What was read and its offered load, a line each."""
        left = "".join(f"; {count} left out: {why}" for why, count in self.left_out.items())
        if isinstance(self.table, Bill):
            return [f"{self.rows} rows{left}", *self.table.summary()]
        return [f"{self.rows} rows{left}", offered(self.table)]

    def text(self) -> str:
        """The table as the documented CSV."""
        if isinstance(self.table, Trace):
            return tracefile.text(self.table)
        if isinstance(self.table, PriceSeries | PriceBook | Bill):
            return self.table.text()
        if isinstance(self.table, Requests):
            rows = zip(*(column.tolist() for column in self.table), strict=True)
            return "t_s,input_tokens,output_tokens\n" + "".join(f"{t:.7f},{a},{b}\n" for t, a, b in rows)
        pairs = zip(self.table.t_s.tolist(), self.table.rps.tolist(), strict=True)
        return "t_s,rps\n" + "".join(f"{t},{rate!r}\n" for t, rate in pairs)


@dataclass(frozen=True)
class Importer:
    """One layout: what it is, what it makes, and how it is read."""

    doc: str
    makes: Literal["trace", "requests", "rate", "prices", "bill"]
    reader: Callable[[pathlib.Path], Imported]

    def read(self, path: pathlib.Path) -> Imported:
        """The table of a file; InputError with one line for each sort of fault, however many rows have it."""
        try:
            found = self.reader(path)
        except InputError as error:
            raise InputError(_one_of_each(error.faults)) from None
        if isinstance(found.table, Trace):
            _check_reach(found.table, path.name)
        return found


def _check_reach(trace: Trace, file: str) -> None:
    """Refuse what the package's own table does not hold: it could be written, and not be read again."""
    if not len(trace):
        raise InputError(Fault("no job of the file held a GPU for any time", file=file))
    last = trace.submit_s + trace.duration_s
    for column, most, what in (
        (trace.submit_s, units.LONGEST_S, "is submitted more than 20 years after the first day"),
        (last, units.LONGEST_S, "ends more than 20 years after the first day"),
        (trace.milli, 1024 * units.MILLI, "has more than 1,024 GPUs on a machine, here in thousandths"),
        (trace.instances, MOST_INSTANCES, f"is spread over more than {MOST_INSTANCES:,} machines"),
    ):
        beyond = np.flatnonzero(column > most)
        if len(beyond):
            row = int(beyond[0])
            raise InputError(Fault(f"job {trace.job[row]} {what}", file=file, got=str(column[row]), allowed=f"{most}"))


def _one_of_each(faults: Sequence[Fault]) -> list[Fault]:
    """The first fault of each sort, with how many more rows have it."""
    sorts: dict[tuple[str | None, str], list[Fault]] = {}
    for fault in faults:
        sorts.setdefault((fault.key, re.sub(r"\d+", "#", fault.what)), []).append(fault)
    return [
        first if not rest else replace(first, what=f"{first.what}, and in {len(rest)} or more rows after it")
        for first, *rest in sorts.values()
    ]


def offered(table: Trace | Requests | RateRecord | PriceSeries | PriceBook | Bill) -> str:
    """The offered load in words: GPU-seconds and mean GPUs, or requests and tokens a second; of prices, their span."""
    if isinstance(table, PriceSeries | PriceBook):
        return table.summary()
    if isinstance(table, Bill):
        return f"{len(table)} lines, {usd_text(table.total())} USD billed"
    if isinstance(table, Trace):
        span = int(table.submit_s[-1] - table.submit_s[0]) if len(table) else 0
        mean = f", {table.gpu_seconds / span:.4g} GPUs on average over {span / 86_400:.4g} days" if span else ""
        return f"{len(table)} jobs, {table.gpu_seconds:.3f} GPU-seconds offered{mean}"
    if isinstance(table, Requests):
        span_s = float(table.t_s[-1] - table.t_s[0])
        tokens = f"{int(table.input_tokens.sum())} input and {int(table.output_tokens.sum())} output tokens"
        return f"{len(table.t_s)} requests in {span_s:.3f} s, {tokens}"
    requests = float(np.sum(table.rps * np.diff(np.append(table.t_s, table.end_s))))
    return f"{requests:.3f} requests in {table.end_s} s, {requests / table.end_s:.6g} a second on average"


def spread(gpus: int, most: int = 8) -> tuple[int, int]:
    """Instances and GPUs on each for a gang: the largest equal part of at most `most` GPUs.

    >>> spread(4), spread(32), spread(12)
    ((1, 4), (4, 8), (2, 6))
    """
    each = next(part for part in range(min(gpus, most), 0, -1) if gpus % part == 0)
    return gpus // each, each


def spread_all(gpus: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """`spread` of a whole column: instances and GPUs on each, (n,) both."""
    known = {int(count): spread(int(count)) for count in np.unique(gpus)}
    pairs = np.array([known[int(count)] for count in gpus], np.int64).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]
