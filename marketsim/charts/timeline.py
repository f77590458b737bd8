"""Time as an axis: steps made coarser, and months since the start, or dates where the start has one."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from marketsim import units
from marketsim.charts.sheet import Sheet

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


def held(values: object) -> NDArray[np.float64]:
    """The values of steps with the last once more, so that it holds up to the end of its step; shape (steps + 1,)."""
    array = np.asarray(values, float)
    return np.append(array, array[-1])


def coarser(steps: pd.DataFrame, most: int) -> pd.DataFrame:
    """At most `most` steps with from_s and to_s, each the mean of whole neighbours, weighted by their length.

    steps: from_s increasing, all other columns numbers; the last step is as long as the one before it, or, where
    `to_s` is given, ends there.
    """
    table = steps.reset_index(drop=True).copy()
    starts = table["from_s"].to_numpy(np.int64)
    if "to_s" not in table:
        length = int(starts[-1] - starts[-2]) if len(starts) > 1 else units.DAY_S
        table["to_s"] = np.append(starts[1:], int(table.attrs.get("end_s", starts[-1] + length)))
    times = -(-len(table) // most)
    if times == 1:
        return table
    group = np.arange(len(table)) // times
    length_s = (table["to_s"] - table["from_s"]).to_numpy(float)
    values = table.drop(columns=["from_s", "to_s"])
    total = values.mul(length_s, axis=0).groupby(group).sum()
    out = total.div(np.bincount(group, length_s), axis=0)
    out.insert(0, "from_s", table["from_s"].groupby(group).first())
    out.insert(1, "to_s", table["to_s"].groupby(group).last())
    return out


def months(sheet: Sheet, axes: Axes, end: float, start: str | None, labelled: bool = True) -> None:
    """Ticks on an axis in months of 730 h up to `end`: dates where `start` (ISO 8601) is known, else months."""
    axes.set_xlim(0, end)
    axes.tick_params(axis="x", pad=7)  # clear of the lowest label of the upright axis
    places, texts = _dates(end, start, 5 if sheet.narrow else 9) if start else _counted(sheet, end)
    sheet.ticks(axes, "x", places, texts if labelled else [""] * len(places), grid=True)


def _counted(sheet: Sheet, end: float) -> tuple[list[float], list[str]]:
    from marketsim.charts.sheet import round_ticks

    if end < 2:
        days = [place for place in round_ticks(0, end * units.MONTH_S / units.DAY_S, 5) if place <= end * 31]
        texts = [_first(sheet, "time.day", place) for place in days]
        return [place * units.DAY_S / units.MONTH_S for place in days], texts
    step = next(size for size in (1, 2, 3, 6, 12, 24, 48, 96, 192) if end / size <= (5 if sheet.narrow else 9))
    places = [float(place) for place in range(0, int(end) + 1, step)]
    return places, [_first(sheet, "time.month", place) for place in places]


def _first(sheet: Sheet, key: str, place: float) -> str:
    """Only the first tick says what is counted."""
    return sheet.locale.text(key, n=f"{place:g}") if place == 0 else f"{place:g}"


def _dates(end: float, start: str, most: int) -> tuple[list[float], list[str]]:
    begin = datetime.fromisoformat(start.replace("Z", "+00:00"))
    last = begin + timedelta(seconds=end * units.MONTH_S)
    spans = [
        (1, "d"),
        (2, "d"),
        (7, "d"),
        (14, "d"),
        (1, "m"),
        (2, "m"),
        (3, "m"),
        (6, "m"),
        (12, "m"),
        (24, "m"),
        (60, "m"),
    ]
    found: list[datetime] = []
    for size, unit in spans:
        found = list(_marks(begin, last, size, unit))
        if len(found) <= most:
            break
    form = "%Y-%m-%d" if len(found) > 1 and (found[1] - found[0]).days < 28 else "%Y-%m"
    if form == "%Y-%m-%d" and len(found) > 4:
        form = "%m-%d"
    return [(at - begin).total_seconds() / units.MONTH_S for at in found], [at.strftime(form) for at in found]


def _marks(begin: datetime, last: datetime, size: int, unit: str) -> list[datetime]:
    out = []
    if unit == "d":
        at = begin.replace(hour=0, minute=0, second=0, microsecond=0)
        while at <= last:
            if at >= begin:
                out.append(at)
            at += timedelta(days=size)
        return out
    month = begin.year * 12 + begin.month - 1
    month -= month % size if size > 1 else 0
    while True:
        at = begin.replace(year=month // 12, month=month % 12 + 1, day=1, hour=0, minute=0, second=0, microsecond=0)
        if at > last or len(out) > 400:
            return out
        if at >= begin:
            out.append(at)
        month += size
