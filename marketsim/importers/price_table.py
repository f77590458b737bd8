"""What price importers make: series of dated prices, or a price book; as tables, in words and as CSV.

Series become `time,price` where there is one, else `time,zone,instance,price`; both are read by the `replay` price and
by `marketsim fit prices`. A price book has the columns of the packaged catalogue and is read by the `catalogue` price.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from marketsim import units
from marketsim.errors import Fault, InputError

Floats = NDArray[np.float64]
USUAL_GAPS = 3  # a gap longer than this many median ones is told

BOOK_HEADER = (
    "provider,gpu,gpu_mem_gb,instance,gpus_per_instance,region,ondemand_usd_gpu_hour,spot_usd_gpu_hour,"
    "commit1y_usd_gpu_hour,commit3y_usd_gpu_hour,price_date,source,note"
)


def stamp(epoch_s: float) -> str:
    """YYYY-MM-DDTHH:MM:SSZ of seconds since 1970."""
    return datetime.fromtimestamp(round(epoch_s), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True, eq=False)
class PriceSeries:
    """Prices in USD per instance-hour from moments on: (zone, instance) -> (seconds since 1970 increasing, prices)."""

    series: Mapping[tuple[str, str], tuple[Floats, Floats]]
    notes: tuple[str, ...] = ()

    def summary(self) -> str:
        """How many series and prices, and over which time; then each note."""
        times = [times for times, _ in self.series.values()]
        first, last = min(one[0] for one in times), max(one[-1] for one in times)
        count = sum(len(one) for one in times)
        said = f"{len(times)} series, {count} prices, {stamp(float(first))} to {stamp(float(last))}"
        return "; ".join((said, *self.notes))

    def text(self) -> str:
        """The CSV."""
        if len(self.series) == 1:
            ((times, prices),) = self.series.values()
            rows = zip(times.tolist(), prices.tolist(), strict=True)
            return "time,price\n" + "".join(f"{stamp(at)},{usd!r}\n" for at, usd in rows)
        lines = [
            f"{stamp(at)},{zone},{instance},{usd!r}\n"
            for (zone, instance), (times, prices) in sorted(self.series.items())
            for at, usd in zip(times.tolist(), prices.tolist(), strict=True)
        ]
        return "time,zone,instance,price\n" + "".join(lines)


@dataclass(frozen=True)
class BookRow:
    """One line of a price book; prices in USD per GPU-hour, None where the provider lists none."""

    provider: str
    gpu: str
    instance: str
    gpus: int
    region: str
    on_demand: float | None
    spot: float | None


@dataclass(frozen=True)
class PriceBook:
    """Prices of a day by provider, GPU, instance and region."""

    rows: tuple[BookRow, ...]
    source: str
    date: str = field(default="")

    def summary(self) -> str:
        """How many rows, of how many GPUs and regions."""
        gpus, regions = {row.gpu for row in self.rows}, {row.region for row in self.rows}
        return f"a price book of {len(self.rows)} rows, {len(gpus)} GPUs in {len(regions)} regions"

    def text(self) -> str:
        """The CSV in the catalogue's columns."""
        lines = []
        for row in self.rows:
            prices = ["" if price is None else repr(price) for price in (row.on_demand, row.spot)]
            cells = [row.provider, row.gpu, "", row.instance, str(row.gpus), row.region, *prices, "", "", self.date]
            lines.append(",".join([*cells, self.source, ""]) + "\n")
        return BOOK_HEADER + "\n" + "".join(lines)


def ordered(
    rows: Mapping[tuple[str, str], list[tuple[float, float, int]]], file: str, unit: str = "row"
) -> tuple[dict[tuple[str, str], tuple[Floats, Floats]], int]:
    """(series in order of time, how many repeated rows were dropped) of (seconds, price, row number) lists.

    A series may stand oldest first or newest first, as providers give it; anything else is disorder, told by row, and
    so are two prices of one moment. The same row twice (pages that overlap) counts once.
    """
    faults: list[Fault] = []
    out: dict[tuple[str, str], tuple[Floats, Floats]] = {}
    repeated = 0
    for name in sorted(rows):
        series = rows[name]
        falling = len(series) > 1 and series[0][0] > series[-1][0]
        series = series[::-1] if falling else series
        times: list[float] = []
        prices: list[float] = []
        for at, usd, row in series:
            if times and at < times[-1]:
                what = f"{unit} {row}: {' '.join(name)} is out of order of time"
                faults.append(Fault(what, file=file, got=stamp(at), allowed="oldest first or newest first"))
            elif times and at == times[-1] and usd != prices[-1]:
                faults.append(
                    Fault(f"{unit} {row}: duplicate: two prices of {' '.join(name)} at {stamp(at)}", file=file)
                )
            elif times and at == times[-1]:
                repeated += 1
            else:
                times.append(at)
                prices.append(usd)
        out[name] = (np.array(times), np.array(prices))
    if faults:
        raise InputError(faults)
    if not out:
        raise InputError(Fault("the file is empty: no price that can be used", file=file))
    return out, repeated


def gaps(times: Floats) -> tuple[str, ...]:
    """A note for each hole in a series of regular prices; none for a series of changes, whose steps vary."""
    steps = np.diff(times)
    if len(steps) < 4:
        return ()
    usual = float(np.median(steps))
    if np.mean(steps == usual) < 0.5:
        return ()
    holes = np.flatnonzero(steps > USUAL_GAPS * usual)
    return tuple(
        f"a gap of {units.duration_text(round(float(steps[hole])))} after {stamp(float(times[hole]))}"
        for hole in holes[:10]
    )
