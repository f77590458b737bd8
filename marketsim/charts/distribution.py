"""How the cost of each policy ranges from one replication to the next, and how likely it is to pass the budget."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from marketsim.charts import palette, ranked
from marketsim.charts.chart import Chart, Figures, NothingToDraw, Tables, rows
from marketsim.charts.sheet import LABEL, SMALL, Sheet
from marketsim.i18n.locale import Said, said

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

COST = "total_cost_usd"


def figures(tables: Tables) -> Figures:
    """A row a policy: mean, interval, P10-P90, and the share of outcomes over the budget where one is given."""
    ranking, replications = tables["ranking"].head(ranked.MOST_ROWS), tables["replications"]
    budget = float(tables["budget"]["usd"].iloc[0]) if "budget" in tables and len(tables["budget"]) else None
    values = {
        policy: np.sort(replications.loc[replications["policy"] == policy, COST].dropna().to_numpy(float))
        for policy in ranking["policy"]
    }
    values = {policy: found for policy, found in values.items() if len(found)}
    if max((len(found) for found in values.values()), default=0) < 2:
        raise NothingToDraw("one outcome has no spread")
    table = ranked.spread(replications, COST, values)
    table["least"] = [float(found[0]) for found in values.values()]
    table["most"] = [float(found[-1]) for found in values.values()]
    table["over"] = [np.nan if budget is None else float((found > budget).mean()) for found in values.values()]
    table = table.reset_index()
    alt = said("chart.distribution.alt", list=ranked.listed(table["policy"], table["mean"], "usd"))
    facts = {"values": values, "budget": budget, "first": ranked.first(ranking)}
    notes = (said("note.dots"), *ranked.notes(table), *ranked.left_out(tables["ranking"], ranked.MOST_ROWS))
    return Figures(table, _message(table, str(ranking["policy"].iloc[0]), budget), alt, notes, facts)


def _message(table: pd.DataFrame, first: str, budget: float | None) -> Said:
    best = next(row for row in rows(table) if row["policy"] == first)
    if budget is not None:
        return said("chart.distribution.budget", policy=first, share=best["over"], budget=budget)
    if np.isfinite(best["p10"]):
        return said("chart.distribution.range", policy=first, low=best["p10"], high=best["p90"])
    return said("chart.distribution.few", policy=first, low=best["least"], high=best["most"], n=int(best["n"]))


def paint(sheet: Sheet, figures: Figures) -> None:
    """A dot a replication, stacked where they meet; grey line P10-P90 below them, diamond the interval of the mean."""
    table, values, budget = figures.table, figures.facts["values"], figures.facts["budget"]
    names = [str(name) for name in table["policy"]]
    right = 0.92 if budget is not None else 0.15
    top = 0.2 if budget is not None else 0.0
    room = 1.35 if sheet.narrow else 1.7
    axes, places = sheet.rows(names, room, figures.facts["first"], right=right, top=top, bottom=0.45)
    most = max(float(table["most"].max()), budget or 0.0) * 1.04
    sheet.money(axes, "x", most)
    wide = axes.get_position().width * sheet.width
    tall = axes.get_position().height * sheet.height / (len(names) or 1)
    dot = min(0.055, 0.4 * tall)
    for place, row in zip(places, rows(table), strict=True):
        found = values[row["policy"]]
        x, level = _stacked(found, most * dot * 1.15 / wide)
        step = min(dot * 1.05 / tall, 0.52 / max(float(level.max()), 1.0))
        colour = palette.BEST if row["policy"] == figures.facts["first"] else palette.OTHER
        axes.plot(x, place + 0.02 + level * step, "o", ms=dot * 72, mfc=colour, mec=palette.PAPER, mew=0.4, zorder=3,
                  clip_on=False)  # fmt: skip
        if np.isfinite(row["p10"]):
            ranked.outcomes(axes, row["p10"], row["p90"], place - 0.16)
        ranked.interval(axes, row["mean"], row["low"], row["high"], place - 0.34, 0.09)
    if budget is not None:
        _budget(sheet, axes, table, places, budget)
    sheet.axis_name(axes, "axis.total_cost")


def _budget(sheet: Sheet, axes: Axes, table: pd.DataFrame, places: list[float], budget: float) -> None:
    axes.axvline(budget, color=palette.INK, linewidth=1.3, linestyle=(0, (4, 2)), zorder=2)
    top = axes.get_ylim()[1]
    text = sheet.locale.text("chart.distribution.line", budget=budget)
    sheet.write(axes, budget, top, text, SMALL + 0.5, ha="center", va="bottom")
    limit = axes.get_xlim()[1]
    for place, row in zip(places, rows(table), strict=True):
        over = sheet.locale.text("chart.distribution.over", share=float(row["over"]))
        sheet.write(axes, limit * 1.03, place, over, LABEL - 1, True, ha="left", va="center")


def _stacked(values: NDArray[np.float64], bin_usd: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sorted values as dots: each where it is, one level higher for each that it would cover."""
    level = np.zeros(len(values))
    last: list[float] = []  # the rightmost value of each level
    for place, value in enumerate(values):
        free = next((at for at, other in enumerate(last) if value - other >= bin_usd), len(last))
        last[free : free + 1] = [float(value)]
        level[place] = free
    return values, level


CHART = Chart(
    "distribution",
    "a dot a replication: the spread of total cost, with the budget and the chance of passing it",
    ("replications", "ranking"),
    figures,
    paint,
    uses=("budget",),
)
