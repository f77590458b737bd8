"""Paired differences to the best policy with their intervals: which can be told apart, and by how much."""

from __future__ import annotations

import numpy as np

from marketsim.charts import palette, ranked
from marketsim.charts.chart import Chart, Figures, NothingToDraw, Tables, rows
from marketsim.charts.sheet import LABEL, Sheet
from marketsim.i18n.locale import said


def figures(tables: Tables) -> Figures:
    """A row a policy but the best: its difference to the best, low, high, adjusted p, and whether it is told apart."""
    ranking = tables["ranking"]
    table = ranking.loc[ranking["diff"].notna(), ["policy", "diff", "diff_low", "diff_high", "p", "n", "group"]].copy()
    if not len(table):
        raise NothingToDraw("there is nothing to compare")
    table["told_apart"] = table["group"] != 1
    left_out = ranked.left_out(table, ranked.MOST_ROWS)
    whole, table = table, table.head(ranked.MOST_ROWS)
    metric, best = str(ranking["metric"].iloc[0]), str(ranking["policy"].iloc[0])
    what = ranked.metric_words(metric)
    unclear = [str(name) for name in whole.loc[~whole["told_apart"], "policy"]]
    nearest = rows(table)[0]
    if unclear:
        message = said("chart.differences.unclear", best=best, n=len(unclear), others=ranked.few(unclear))
    else:
        least = ranked.measured(metric, float(nearest["diff"]))
        message = said("chart.differences.clear", best=best, nearest=nearest["policy"], least=least)
    alt = said("chart.differences.alt", best=best, list=ranked.listed(table["policy"], table["diff"], "usd"))
    notes = (said("note.paired", what=what, best=best), said("note.n", n=int(table["n"].max())), *left_out)
    return Figures(table.reset_index(drop=True), message, alt, notes, {"metric": metric, "best": best})


def paint(sheet: Sheet, figures: Figures) -> None:
    """A dot and the interval a policy, right of the line at 0; hollow and grey where it is not told apart."""
    table, metric = figures.table, figures.facts["metric"]
    axes, places = sheet.rows(
        [str(name) for name in table["policy"]], 1.35 if sheet.narrow else 1.7, right=0.75, bottom=0.3
    )
    ends = table[["diff", "diff_low", "diff_high"]].to_numpy(float)
    least, most = min(float(np.nanmin(ends)), 0.0), max(float(np.nanmax(ends)), 0.0)
    room = 0.05 * (most - least or 1.0)
    if metric.endswith("_usd"):
        sheet.money(axes, "x", most + room, least - room, count=5)
    else:
        sheet.scale(axes, "x", most + room, lambda value: sheet.locale.metric(metric, value), least - room)
    axes.axvline(0, color=palette.INK, linewidth=1.2)
    span, wide = float(np.ptp(axes.get_xlim())), axes.get_position().width * sheet.width
    tall = axes.get_position().height * sheet.height / len(table)
    size = min(LABEL if len(table) <= 9 else LABEL - 1.5, tall * 72 / 1.25)
    for place, row in zip(places, rows(table), strict=True):
        colour = palette.BEST if row["told_apart"] else palette.OTHER
        if np.isfinite(row["diff_low"]):
            axes.plot(
                [row["diff_low"], row["diff_high"]], [place] * 2, color=colour, linewidth=3, solid_capstyle="butt"
            )
        face = colour if row["told_apart"] else palette.PAPER
        axes.plot(row["diff"], place, "o", ms=min(8.0, 0.75 * tall * 72), mfc=face, mec=colour, mew=1.6, zorder=4)
        sign = "+" if row["diff"] > 0 else ""
        words = sign + sheet.locale.metric(metric, float(row["diff"]))
        dot = 0.09 * span / wide  # inches of a dot's half, in data
        far = max(np.nan_to_num(row["diff_high"], nan=-np.inf), row["diff"] + dot)
        text = sheet.write(axes, far + 0.06 * span / wide, place, words, size, row["told_apart"], va="center")
        text.set_clip_on(False)


CHART = Chart(
    "differences",
    "paired differences to the best policy, with intervals",
    ("ranking",),
    figures,
    paint,
)
