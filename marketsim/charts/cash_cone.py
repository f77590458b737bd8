"""The purse over time: the median, the cone of outcomes, the lowest point, and where it is empty."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from marketsim.charts import palette, timeline
from marketsim.charts.chart import Chart, Figures, NothingToDraw, Tables
from marketsim.charts.sheet import LABEL, SMALL, Sheet
from marketsim.i18n.locale import Said, said

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PREFIX = "cash_usd/month/"


def figures(tables: Tables) -> Figures:
    """A row a month of the best policy: least, P10, median, P90 and most of cash, and the share of outcomes below 0."""
    replications, ranking = tables["replications"], tables["ranking"]
    policy = str(ranking["policy"].iloc[0])
    months = sorted(name for name in map(str, replications.columns) if name.startswith(PREFIX))
    mine = replications[replications["policy"] == policy]
    if not months or not mine[months[0]].notna().any():
        raise NothingToDraw("no opening cash is given")
    cash = mine[months].ffill(axis=1).to_numpy(float)  # a run that ended early keeps what it had
    table = pd.DataFrame(
        {
            "month": np.arange(len(months)),
            "least": cash.min(axis=0),
            "p10": np.quantile(cash, 0.1, axis=0),
            "median": np.median(cash, axis=0),
            "p90": np.quantile(cash, 0.9, axis=0),
            "most": cash.max(axis=0),
            "below": (cash < 0).mean(axis=0),
        }
    )
    n = len(cash)
    notes = (said("note.cone") if n >= 10 else said("note.cone_all"), said("note.n", n=n))
    alt = said("chart.cash_cone.alt", low=float(table["median"].min()), end=float(table["median"].iloc[-1]))
    facts = {"n": n, "start": replications.attrs.get("start")}
    return Figures(table, _message(policy, table, cash), alt, notes, facts)


def _message(policy: str, table: pd.DataFrame, cash: NDArray[np.float64]) -> Said:
    trough = int(np.argmin(table["median"]))
    low = float(table["median"].iloc[trough])
    ever = float((cash < 0).any(axis=1).mean())
    if ever == 0:
        return said("chart.cash_cone.safe", policy=policy, n=len(cash), low=low, month=trough)
    first = int(np.argmax(table["below"].to_numpy() > 0))
    return said("chart.cash_cone.risk", policy=policy, share=ever, month=first)


def paint(sheet: Sheet, figures: Figures) -> None:
    """A grey cone, the median in black through it, the lowest point marked, and the line at which money is out."""
    table, locale = figures.table, sheet.locale
    axes = sheet.axes(left=0.62, right=0.55, top=0.22, bottom=0.26)
    low, high = ("p10", "p90") if figures.facts["n"] >= 10 else ("least", "most")
    month = table["month"].to_numpy(float)
    axes.fill_between(month, table[low], table[high], facecolor=palette.SPREAD, alpha=0.35, linewidth=0, zorder=2)
    axes.plot(month, table["median"], color=palette.INK, linewidth=2, zorder=3)
    least, most = min(float(table[low].min()), 0.0), max(float(table[high].max()), 0.0)
    room = 0.06 * (most - least or 1.0)
    sheet.money(axes, "y", most + room, least - (room if least < 0 else 0.0), count=5)
    timeline.months(sheet, axes, max(float(month[-1]), 1.0), figures.facts["start"])
    axes.axhline(0, color=palette.INK, linewidth=1.2, zorder=2)
    trough = int(np.argmin(table["median"]))
    value = float(table["median"].iloc[trough])
    axes.plot(trough, value, "v", ms=8, color=palette.INK, zorder=4, clip_on=False)
    inside = trough > 0.6 * month[-1]  # below the lowest point of a line there is always room
    text = locale.text("chart.cash_cone.trough", low=value) + ("  " if inside else "")
    where = {"ha": "right" if inside else "left", "va": "top"}
    sheet.halo(sheet.write(axes, trough, value - room * 0.6, text, LABEL, True, zorder=6, **where))
    _end_names(sheet, axes, table, low, high)
    sheet.top_name("axis.cash")


def _end_names(sheet: Sheet, axes: Axes, table: pd.DataFrame, low: str, high: str) -> None:
    """What the edges of the cone are, at its right end; pushed apart where they would touch."""
    limits = axes.get_ylim()
    line = (limits[1] - limits[0]) * SMALL * 1.2 / 72 / (axes.get_position().height * sheet.height)
    top, bottom = float(table[high].iloc[-1]), float(table[low].iloc[-1])
    push = max(line - (top - bottom), 0.0) / 2
    for name, at in ((high, top + push), (low, bottom - push)):
        words = " " + sheet.locale.text(f"word.{name}")
        sheet.write(axes, float(table["month"].iloc[-1]), at, words, SMALL, colour=palette.QUIET, va="center")


CHART = Chart(
    "cash_cone",
    "cash over time: median, cone of outcomes, lowest point and where it is empty",
    ("replications", "ranking"),
    figures,
    paint,
)
