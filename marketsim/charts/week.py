"""Utilization by hour of the week: when what is paid for stands idle."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from marketsim.charts import palette
from marketsim.charts.chart import Chart, Figures, NothingToDraw, Tables, rows
from marketsim.charts.sheet import LABEL, SMALL, Sheet
from marketsim.i18n.locale import said


def figures(tables: Tables) -> Figures:
    """A row an hour of the week: weekday (0 Monday), hour (UTC), mean GPUs there, in use, and the share in use.

    Takes `hours`: policy, weekday, hour, there, used. The share is empty where nothing was there.
    """
    hours = tables["hours"]
    table = hours[["weekday", "hour", "there", "used"]].copy()
    if not (table["there"] > 0).any():
        raise NothingToDraw("no GPU was ever there")
    table["share"] = table["used"] / table["there"].where(table["there"] > 0)
    by_day = table.groupby("weekday")[["there", "used"]].mean()
    office, weekend = by_day.loc[by_day.index < 5].mean(), by_day.loc[by_day.index >= 5].mean()
    known = [row for row in rows(table) if np.isfinite(row["share"])]
    low = min(known, key=lambda row: row["share"])
    whole = float(table["used"].sum() / table["there"].sum())
    policy = str(hours["policy"].iloc[0])
    message = said(
        "chart.week.message",
        policy=policy,
        share=whole,
        low=float(low["share"]),
        day=said(f"day.{int(low['weekday'])}"),
        hour=int(low["hour"]),
    )
    alt = said(
        "chart.week.alt",
        office=float(office["used"] / office["there"]) if office["there"] else 0.0,
        weekend=float(weekend["used"] / weekend["there"]) if len(weekend) and weekend["there"] else 0.0,
    )
    return Figures(table, message, alt, (said("note.one_run"), said("note.utc")), {"low": low})


def paint(sheet: Sheet, figures: Figures) -> None:
    """A field an hour, dark where idle and bright where busy, days from top to bottom; the emptiest hour outlined."""
    from matplotlib import colormaps
    from matplotlib.patches import Rectangle

    table = figures.table
    locale = sheet.locale
    days = [locale.text(f"day.{day}") for day in range(7)]
    left = max(sheet.inches(day, LABEL - 1) for day in days) + 0.12
    axes = sheet.axes(left=left, right=0.05, top=0.42, bottom=0.26)
    grid = np.full((7, 24), np.nan)
    grid[table["weekday"].to_numpy(int), table["hour"].to_numpy(int)] = table["share"].to_numpy(float)
    colours, (least, most) = colormaps["cividis"], _span(grid)
    shades: dict[str, Any] = {"cmap": colours, "vmin": least, "vmax": most, "edgecolors": "white", "linewidth": 0.5}
    axes.pcolormesh(np.arange(25), np.arange(8), grid, **shades)
    axes.set_xlim(0, 24)
    axes.set_ylim(7, 0)
    sheet.ticks(axes, "y", [day + 0.5 for day in range(7)], days, colour=palette.INK, grid=False)
    hours = range(0, 24, 6 if sheet.narrow else 3)
    sheet.ticks(axes, "x", [float(hour) for hour in hours], [f"{hour}:00" for hour in hours], grid=False)
    low = figures.facts["low"]
    axes.add_patch(
        Rectangle((low["hour"], low["weekday"]), 1, 1, fill=False, edgecolor="#D55E00", linewidth=2.2, clip_on=False)
    )
    _key(sheet, colours, left, least, most)


def _span(shares: NDArray[np.float64]) -> tuple[float, float]:
    """The shares that the darkest and the brightest field stand for: whole tenths about what there is, 0.4 apart."""
    least, most = np.floor(10 * np.nanmin(shares)) / 10, np.ceil(10 * np.nanmax(shares)) / 10
    while most - least < 0.4 - 1e-9:
        least, most = (least - 0.1, most) if most >= 1 or least > 1 - most else (least, most + 0.1)
        least, most = max(least, 0.0), min(most, 1.0)
    return float(round(least, 1)), float(round(most, 1))


def _key(sheet: Sheet, colours: Any, left: float, least: float, most: float) -> None:
    """What the colours mean."""
    from matplotlib.patches import Rectangle

    y, x, wide = sheet.top - 0.2, 0.16 + left, 0.16
    shown = sheet.locale.text("axis.used")
    sheet.write(sheet.figure, x / sheet.width, y / sheet.height, shown, SMALL + 0.5, va="center")
    x += sheet.inches(shown, SMALL + 0.5) + 0.1
    for place in range(11):
        box = ((x + place * wide) / sheet.width, (y - 0.07) / sheet.height)
        patch = Rectangle(
            box,
            wide / sheet.width,
            0.14 / sheet.height,
            color=colours(place / 10),
            transform=sheet.figure.transFigure,
        )
        sheet.figure.add_artist(patch)
        if place % 5 == 0:
            text = sheet.locale.share(round(least + (most - least) * place / 10, 3))
            at = ((x + (place + 0.5) * wide) / sheet.width, (y + 0.1) / sheet.height)
            sheet.write(sheet.figure, *at, text, SMALL - 0.5, colour=palette.QUIET, ha="center", va="bottom")


CHART = Chart("week", "utilization by hour of the week", ("hours",), figures, paint)
