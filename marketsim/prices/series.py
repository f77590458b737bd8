"""Measured price series made ready for fitting: one value a day, ratios to on-demand, changes of logarithms."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from marketsim import strict_csv
from marketsim.errors import Fault, InputError
from marketsim.streams import Floats

LONGEST_HOLE_DAYS = 3  # holes up to this are filled along a straight line of logarithms
LEAST_DAYS = 120  # a series with fewer changes is no base for a law
LEAST_SD = 1e-4


@dataclass(frozen=True, eq=False)
class Series:
    """Logarithms of one series: `day` (n,) whole days since 1970, increasing by 1; `log` (n,), nan in longer holes."""

    name: tuple[str, str]  # region, instance
    day: NDArray[np.int64]
    log: Floats

    def until(self, day: int) -> Series:
        """The part before a day."""
        keep = self.day < day
        return Series(self.name, self.day[keep], self.log[keep])

    def changes(self) -> Floats:
        """Daily changes that are known, in order."""
        change = np.diff(self.log)
        return change[np.isfinite(change)]


def filled(log: Floats) -> Floats:
    """The values with the last known one standing in holes; the first must be known."""
    place = np.where(np.isfinite(log), np.arange(len(log)), 0)
    return log[np.maximum.accumulate(place)]


def day_number(text: str) -> int:
    """Whole days since 1970 of YYYY-MM-DD."""
    try:
        return date.fromisoformat(text.strip()).toordinal() - date(1970, 1, 1).toordinal()
    except ValueError:
        raise ValueError("is no date of the form YYYY-MM-DD") from None


def daily_ratios(spot: pathlib.Path, on_demand: pathlib.Path | None) -> list[Series]:
    """Log spot prices, or log ratios to the on-demand price of the day, of each (region, instance), in that order.

    spot: date,region,instance,spot_usd_hour; on_demand: date,region,instance,ondemand_usd_hour (change points; before
    the first one its price stands). A series without an on-demand price is left out where a file of them is given.
    """
    prices = _by_series(spot, "spot_usd_hour")
    listed = _by_series(on_demand, "ondemand_usd_hour") if on_demand else None
    found = []
    for name in sorted(prices):
        day, usd = prices[name]
        log = np.log(usd)
        if listed is not None:
            if name not in listed:
                continue
            at, list_usd = listed[name]
            log = log - np.log(list_usd[np.maximum(np.searchsorted(at, day, side="right") - 1, 0)])
        found.append(_every_day(name, day, log))
    if not found:
        raise InputError(Fault("no series of spot prices has an on-demand price", file=spot.name))
    return found


def _by_series(path: pathlib.Path, column: str) -> Mapping[tuple[str, str], tuple[NDArray[np.int64], Floats]]:
    """(days, prices) by (region, instance), sorted by day; InputError for two prices of one day."""
    columns = {"date": day_number, "region": strict_csv.word, "instance": strict_csv.word, column: strict_csv.positive}
    table = strict_csv.read(path, columns, unique=("date", "region", "instance"))
    names = list(zip(table["region"], table["instance"], strict=True))
    rows: dict[tuple[str, str], list[int]] = {}
    for row, name in enumerate(names):
        rows.setdefault(name, []).append(row)
    out = {}
    for name, places in rows.items():
        order = np.array(places)[np.argsort(table["date"][places], kind="stable")]
        out[name] = (table["date"][order], np.asarray(table[column], np.float64)[order])
    return out


def _every_day(name: tuple[str, str], day: NDArray[np.int64], log: Floats) -> Series:
    """The series with one value a day: short holes filled, longer ones nan."""
    days = np.arange(day[0], day[-1] + 1)
    filled = np.interp(days, day, log)
    after = np.minimum(np.searchsorted(day, days), len(day) - 1)
    hole = day[after] - day[np.maximum(after - 1, 0)]
    filled[(day[after] != days) & (hole > LONGEST_HOLE_DAYS + 1)] = np.nan
    return Series(name, days, filled)


def standardised(series: list[Series], least_days: int = LEAST_DAYS) -> list[Floats]:
    """Daily changes of each series that is long enough and moves, less their mean, over their standard deviation."""
    out = []
    for one in series:
        change = one.changes()
        if len(change) >= least_days and change.std() > LEAST_SD:
            out.append((change - change.mean()) / change.std())
    return out
