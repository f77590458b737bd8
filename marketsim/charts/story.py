"""One job's story on a time line: when it waited, where it ran, what stopped it, and whether it made its deadline."""

from __future__ import annotations

from typing import Any

from marketsim import units
from marketsim.charts import palette, ranked
from marketsim.charts.chart import Chart, Figures, NothingToDraw, Tables, rows
from marketsim.charts.sheet import SMALL, Sheet, filled
from marketsim.i18n.locale import said

WAITING = "waiting"
CROWDED = 0.5  # inches between two ends that are named together


def figures(tables: Tables) -> Figures:
    """A row a span: from_s, to_s, state (waiting, starting, running), offer, cause of its end, kept and lost GPU-h.

    Takes `story`; `attrs` has job, policy, arrival_s, deadline_s (or None) and finish_s (or None).
    """
    table = tables["story"].copy()
    about = table.attrs
    if not len(table):
        raise NothingToDraw("the job never came")
    values = {"job": about["job"], "policy": about["policy"]}
    stops = int((table["cause"].isin(["reclaimed", "failed", "preempted", "contract-ended"])).sum())
    lost = float(table["lost_gpu_h"].sum())
    finish, deadline = about.get("finish_s"), about.get("deadline_s")
    if finish is None:
        message = said("chart.story.never", **values)
    elif deadline is None:
        message = said("chart.story.done", **values, took=(finish - about["arrival_s"]) / units.HOUR_S, n=stops)
    else:
        late = (finish - deadline) / units.HOUR_S
        key = ("chart.story.late" if late > 0 else "chart.story.early") + ("" if stops else "_whole")
        message = said(key, **values, by=abs(late), n=stops, lost=lost)
    waited = float((table["to_s"] - table["from_s"])[table["state"] == WAITING].sum()) / units.HOUR_S
    alt = said("chart.story.alt", wait=waited, n=stops, lost=lost)
    return Figures(table, message, alt, (said("note.story"),), {"about": dict(about), "kinds": ranked.kinds(tables)})


def paint(sheet: Sheet, figures: Figures) -> None:
    """A row for waiting and one an offer; spans as bars in the offer's colour, ends marked, the deadline as a line."""
    table, about, kinds = figures.table, figures.facts["about"], figures.facts["kinds"]
    locale = sheet.locale
    lanes = list(dict.fromkeys(row["offer"] for row in rows(table) if row["state"] != WAITING))
    names = [locale.text("word.waiting"), *map(str, lanes)]
    axes, places = sheet.rows(names, 1.3 if sheet.narrow else 1.7, right=0.3, top=0.3, bottom=0.45)
    start = float(about["arrival_s"])
    end = max(float(table["to_s"].max()), float(about.get("deadline_s") or 0)) - start
    size, unit = (units.DAY_S, "axis.days_since") if end > 3 * units.DAY_S else (units.HOUR_S, "axis.hours_since")
    for row in rows(table):
        lane = 0 if row["state"] == WAITING else 1 + lanes.index(row["offer"])
        _span(sheet, axes, row, places[lane], (row["from_s"] - start) / size, (row["to_s"] - start) / size, kinds)
    _ends(sheet, axes, table, lanes, places, start, size, end / size)
    sheet.scale(axes, "x", end / size * 1.04 or 1.0, lambda value: f"{value:g}")
    sheet.axis_name(axes, unit)
    if about.get("deadline_s") is not None:
        at = (float(about["deadline_s"]) - start) / size
        axes.axvline(at, color=palette.INK, linewidth=1.6, linestyle=(0, (4, 2)), zorder=5)
        words = locale.text("word.deadline")
        sheet.write(axes, at, axes.get_ylim()[1], words, SMALL + 0.5, True, ha="center", va="bottom").set_clip_on(False)


_MARKS = {
    "reclaimed": "X",
    "failed": "X",
    "preempted": "X",
    "contract-ended": "X",
    "moved": ">",
    "stopped": "s",
    "finished": "o",
}


def _span(
    sheet: Sheet, axes: Any, row: dict[str, Any], place: float, x0: float, x1: float, kinds: dict[str, str]
) -> None:
    if row["state"] == WAITING:
        axes.barh(place, x1 - x0, 0.3, left=x0, facecolor=palette.RULE, zorder=2)
        return
    style = filled(palette.look(kinds.get(row["offer"], "none")))
    if row["state"] == "starting":
        style |= {"alpha": 0.35, "hatch": ""}
    axes.barh(place, max(x1 - x0, 0), 0.5, left=x0, zorder=2, **style)


def _ends(
    sheet: Sheet, axes: Any, table: Any, lanes: list[str], places: list[float], start: float, size: float, end: float
) -> None:
    """What ended each span; ends that stand close together are named once, with their number."""
    inch = axes.get_position().width * sheet.width / (end or 1.0)
    free_from, skip = dict.fromkeys(lanes, -1.0), 0
    ends = [row for row in rows(table) if str(row["cause"]) in _MARKS]
    small = 9.0 if len(ends) <= 12 else 5.5
    for number, row in enumerate(ends):
        mark = _MARKS[str(row["cause"])]
        x, place = (row["to_s"] - start) / size, places[1 + lanes.index(row["offer"])]
        face = palette.PAPER if row["cause"] == "finished" else palette.INK
        axes.plot(
            x,
            place,
            mark,
            ms=9 if row["cause"] == "finished" else small,
            mfc=face,
            mec=palette.INK,
            mew=1.2,
            zorder=6,
            clip_on=False,
        )
        if number < skip:
            continue
        words = sheet.locale.name("cause", str(row["cause"]))
        if row["lost_gpu_h"] >= 0.5:
            words += f" (−{sheet.locale.number(row['lost_gpu_h'])} GPU-h)"
        crowd = _crowd(ends[number:], size / inch)
        if crowd > 1:
            words += f" {crowd}×"
        wide = sheet.inches(words, SMALL - 0.5)
        left = max(x * inch - wide / 2, 0.0) if crowd == 1 else x * inch
        if left > free_from[row["offer"]]:
            free_from[row["offer"]], skip = left + wide + 0.08, number + crowd
            sheet.halo(sheet.write(axes, left / inch, place + 0.33, words, SMALL - 0.5, va="bottom", zorder=7))


def _crowd(ends: list[dict[str, Any]], inch_s: float) -> int:
    """How many ends in a row are of the first's kind and no farther from their neighbour than a name is wide."""
    first, count, last = ends[0], 0, float(ends[0]["to_s"])
    for row in ends:
        if row["offer"] != first["offer"] or row["cause"] != first["cause"] or row["to_s"] - last > CROWDED * inch_s:
            break
        count, last = count + 1, float(row["to_s"])
    return count


CHART = Chart("story", "one job's story on a time line", ("story",), figures, paint, uses=("offers",))
