"""Who misses deadlines and who waits: by workload and size of the job."""

from __future__ import annotations

import numpy as np
import pandas as pd

from marketsim import units
from marketsim.charts import palette
from marketsim.charts.chart import Chart, Figures, NothingToDraw, Tables, rows
from marketsim.charts.sheet import LABEL, SMALL, Sheet
from marketsim.i18n.locale import said

MOST = 10


def figures(tables: Tables) -> Figures:
    """A row a workload and GPUs: jobs, dated, missed, share missed, wait of those that started in h (P50, P95)."""
    jobs = tables["jobs"]
    if not len(jobs):
        raise NothingToDraw("no job arrived")
    wait = (pd.to_numeric(jobs["start_s"]).astype(float) - jobs["arrival_s"]) / units.HOUR_S
    frame = pd.DataFrame(
        {
            "workload": jobs["workload"],
            "gpus": jobs["gpus"],
            "dated": jobs["deadline_s"].notna(),
            "missed": jobs["missed"].astype(bool),
            "wait_h": wait,
        }
    )
    groups = frame.groupby(["workload", "gpus"], sort=True)
    table = groups.agg(jobs=("missed", "size"), dated=("dated", "sum"), missed=("missed", "sum"))
    table["missed_share"] = table["missed"] / table["dated"].where(table["dated"] > 0)
    table["wait_p50_h"] = groups["wait_h"].quantile(0.5)
    table["wait_p95_h"] = groups["wait_h"].quantile(0.95)
    table = table.sort_values("jobs", ascending=False, kind="stable").head(MOST).sort_index().reset_index()
    policy = str(jobs["policy"].iloc[0]) if "policy" in jobs else ""
    dated = table[table["dated"] > 0]
    notes = (said("note.one_run"), said("note.waits"))
    alt = said("chart.misses.alt", n=float(len(frame)), missed=float(frame["missed"].sum()))
    if not len(dated):
        worst = max(rows(table), key=lambda row: np.nan_to_num(row["wait_p95_h"]))
        values = {"workload": worst["workload"], "gpus": worst["gpus"], "wait": worst["wait_p95_h"]}
        return Figures(table, said("chart.misses.waits", policy=policy, **values), alt, notes)
    worst = max(rows(dated), key=lambda row: row["missed"])
    all_missed = float(dated["missed"].sum())
    if all_missed == 0:
        return Figures(table, said("chart.misses.none", policy=policy, n=float(dated["dated"].sum())), alt, notes)
    values = {"workload": worst["workload"], "gpus": worst["gpus"], "share": worst["missed"] / all_missed}
    return Figures(table, said("chart.misses.message", policy=policy, **values), alt, notes)


def paint(sheet: Sheet, figures: Figures) -> None:
    """Left, the share of deadlines missed as bars; right, the wait: a dot at P50 and a line to P95."""
    table, locale = figures.table, sheet.locale
    names = [f"{row['workload']} · {locale.gpus(row['gpus'])}\u00a0GPU" for row in rows(table)]
    room = 1.5 if sheet.narrow else 2.0
    name_wide = min(max(sheet.inches(name, LABEL, True) for name in names) + 0.12, room)
    free = sheet.width - 2 * 0.16 - name_wide
    half = free / 2
    axes, places = sheet.rows(names, room, right=half + 0.16, top=0.24, bottom=0.26)
    other = sheet.axes(left=name_wide + half + 0.26, right=0.3, top=0.24, bottom=0.26)
    other.set_ylim(*axes.get_ylim())
    sheet.ticks(other, "y", [], [], grid=False)
    most = min(1.0, max(float(np.nanmax([*table["missed_share"].fillna(0), 0.01])) * 1.25, 0.02))
    for place, row in zip(places, rows(table), strict=True):
        if np.isfinite(row["missed_share"]):
            axes.barh(place, row["missed_share"], 0.6, facecolor=palette.OTHER, zorder=2)
            text = " " + locale.share(float(row["missed_share"]))
            sheet.halo(sheet.write(axes, row["missed_share"], place, text, LABEL - 1, True, va="center", zorder=5))
        else:
            sheet.write(axes, 0, place, " " + locale.text("word.no_deadline"), SMALL, colour=palette.QUIET, va="center")
        if np.isfinite(row["wait_p50_h"]):
            other.plot([row["wait_p50_h"], row["wait_p95_h"]], [place] * 2, color=palette.SPREAD, linewidth=2)
            other.plot(row["wait_p50_h"], place, "o", ms=6, color=palette.INK, zorder=4, clip_on=False)
            if row["wait_p95_h"] > row["wait_p50_h"]:
                other.plot(row["wait_p95_h"], place, "|", ms=9, mew=2, color=palette.SPREAD, zorder=3, clip_on=False)
    sheet.scale(axes, "x", most, locale.share, count=3)
    longest = max(float(np.nanmax([*table["wait_p95_h"].fillna(0), 0.1])) * 1.08, 0.1)
    sheet.scale(other, "x", longest, locale.hours, count=2 if sheet.narrow else 3)
    y = (sheet.top - 0.1) / sheet.height
    for at, key in ((axes.get_position().x0, "axis.missed"), (other.get_position().x0, "axis.wait")):
        sheet.write(sheet.figure, at, y, locale.text(key), SMALL + 0.5, colour=palette.QUIET, va="center")


CHART = Chart("misses", "missed deadlines and waits by workload and size of the job", ("jobs",), figures, paint)
