"""Simulated against invoiced, month by month: does the model pay what was really paid?"""

from __future__ import annotations

from typing import Any

import numpy as np

from marketsim.charts import palette
from marketsim.charts.chart import Chart, Figures, NothingToDraw, Tables, rows
from marketsim.charts.sheet import SMALL, Sheet
from marketsim.i18n.locale import said


def figures(tables: Tables) -> Figures:
    """A row a month: invoiced, simulated mean, its P10 and P90 (may be empty), and simulated over invoiced less 1.

    Takes `invoices`: month (text), invoiced_usd, simulated_usd, and, where known, p10, p90.
    """
    table = tables["invoices"].copy()
    for name in ("p10", "p90"):
        if name not in table:
            table[name] = np.nan
    table["error_share"] = table["simulated_usd"] / table["invoiced_usd"].where(table["invoiced_usd"] != 0) - 1
    if not len(table) or not table["invoiced_usd"].any():
        raise NothingToDraw("no invoice is given")
    invoiced, simulated = float(table["invoiced_usd"].sum()), float(table["simulated_usd"].sum())
    share = abs(simulated / invoiced - 1)
    worst = max(rows(table), key=lambda row: abs(np.nan_to_num(row["error_share"])))
    key = "chart.invoices.more" if simulated >= invoiced else "chart.invoices.less"
    values = {"share": share, "n": len(table), "worst": abs(float(np.nan_to_num(worst["error_share"])))}
    message = said(key, **values, month=str(worst["month"]))
    alt = said("chart.invoices.alt", simulated=simulated, invoiced=invoiced)
    known = table["p10"].notna().any()
    return Figures(table, message, alt, (said("note.outcomes"),) if known else ())


def paint(sheet: Sheet, figures: Figures) -> None:
    """Two bars a month from 0: grey what was invoiced, dark what was simulated with its P10-P90."""
    from marketsim.charts import ranked

    table, locale = figures.table, sheet.locale
    axes = sheet.axes(left=0.6, right=0.1, top=0.3, bottom=0.26)
    x = np.arange(len(table), dtype=float)
    axes.bar(x - 0.2, table["invoiced_usd"], 0.38, facecolor="#BDBDBD", hatch="///", edgecolor=palette.PAPER, zorder=2)
    axes.bar(x + 0.2, table["simulated_usd"], 0.38, facecolor=palette.INK, zorder=2)
    for place, row in zip(x, rows(table), strict=True):
        if np.isfinite(row["p10"]):
            ranked.outcomes(axes, row["p10"], row["p90"], place + 0.42, upright=True)
    most = float(np.nanmax(table[["invoiced_usd", "simulated_usd", "p90"]].to_numpy(float)))
    sheet.money(axes, "y", most * 1.08, count=5)
    axes.set_xlim(-0.6, len(table) - 0.3)
    every = max(1, -(-len(table) // (6 if sheet.narrow else 12)))
    shown = [str(month) if place % every == 0 else "" for place, month in enumerate(table["month"])]
    sheet.ticks(axes, "x", list(x), shown, size=SMALL, grid=False)
    _key(sheet, locale.text("word.invoiced"), locale.text("word.simulated"))


def _key(sheet: Sheet, invoiced: str, simulated: str) -> None:
    from matplotlib.patches import Rectangle

    x, y = 0.16, sheet.top - 0.12
    for text, colour, hatch in ((invoiced, "#BDBDBD", "///"), (simulated, palette.INK, "")):
        box = (x / sheet.width, (y - 0.06) / sheet.height)
        style: dict[str, Any] = {"facecolor": colour, "edgecolor": palette.PAPER, "hatch": hatch}
        patch = Rectangle(box, 0.2 / sheet.width, 0.12 / sheet.height, transform=sheet.figure.transFigure, **style)
        sheet.figure.add_artist(patch)
        sheet.write(sheet.figure, (x + 0.26) / sheet.width, y / sheet.height, text, SMALL + 0.5, va="center")
        x += 0.5 + sheet.inches(text, SMALL + 0.5)


CHART = Chart("invoices", "simulated against invoiced by month", ("invoices",), figures, paint)
