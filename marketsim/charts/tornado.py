"""Which setting matters most: each alone at its low and high end, and what that does to the figure."""

from __future__ import annotations

from typing import Any

from marketsim.charts import palette, ranked
from marketsim.charts.chart import Chart, Figures, NothingToDraw, Tables, rows
from marketsim.charts.sheet import SMALL, Sheet
from marketsim.i18n.locale import said

MOST = 10
LOW, HIGH = "#BDBDBD", "#4D4D4D"


def figures(tables: Tables) -> Figures:
    """A row a setting, the widest swing first: its two ends and the change of the metric at each against the base.

    Takes `tornado`: setting, low, high (as text), at_low, at_high, metric, policy.
    """
    table = tables["tornado"].copy()
    table["swing"] = (table["at_high"] - table["at_low"]).abs()
    table = table[table["swing"] > 0].sort_values("swing", ascending=False, kind="stable").head(MOST)
    if not len(table):
        raise NothingToDraw("no setting changes the figure")
    top = rows(table)[0]
    metric = str(top["metric"])
    message = said(
        "chart.tornado.message",
        setting=ranked.setting(str(top["setting"])),
        low=top["low"],
        high=top["high"],
        what=ranked.metric_words(metric),
        swing=ranked.measured(metric, float(top["swing"])),
    )
    form = "usd" if metric.endswith("_usd") else "share"
    alt = said("chart.tornado.alt", list=ranked.listed(table["setting"], table["swing"], form))
    notes = (said("note.tornado", policy=str(top["policy"])),)
    return Figures(table.reset_index(drop=True), message, alt, notes, {"metric": metric})


def paint(sheet: Sheet, figures: Figures) -> None:
    """Two bars a setting from the base: light for the low end, dark for the high one, each end's value at its tip."""
    table, metric = figures.table, figures.facts["metric"]
    names = [sheet.locale.setting(str(name)) for name in table["setting"]]
    room = 1.5 if sheet.narrow else 2.6
    axes, places = sheet.rows(names, room, right=0.1, bottom=0.3)
    ends = table[["at_low", "at_high"]].to_numpy(float)
    least, most = min(float(ends.min()), 0.0), max(float(ends.max()), 0.0)
    edge = 0.16 * (most - least)
    if metric.endswith("_usd"):
        sheet.money(axes, "x", most + edge, least - edge, count=4 if sheet.narrow else 5)
    else:
        sheet.scale(axes, "x", most + edge, lambda value: sheet.locale.metric(metric, value), least - edge, count=4)
    axes.axvline(0, color=palette.INK, linewidth=1.2, zorder=4)
    for place, row in zip(places, rows(table), strict=True):
        same = row["at_low"] * row["at_high"] > 0
        for which, colour, hatch in (("low", LOW, "///"), ("high", HIGH, "")):
            value = float(row[f"at_{which}"])
            shift = (0.17 if which == "low" else -0.17) if same else 0.0
            style: dict[str, Any] = {
                "facecolor": colour,
                "edgecolor": palette.PAPER,
                "hatch": hatch,
                "linewidth": 0.8,
                "zorder": 3,
            }
            axes.barh(place + shift, value, 0.3 if same else 0.56, **style)
            side = "left" if value >= 0 else "right"
            text = f" {row[which]} "
            sheet.write(axes, value, place + shift, text, SMALL, colour=palette.QUIET, ha=side, va="center")


CHART = Chart(
    "tornado",
    "which setting matters most: each alone at its low and high end",
    ("tornado",),
    figures,
    paint,
)
