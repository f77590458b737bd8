"""Load against capacity: GPUs that the workloads need week by week, and the line up to which the market lets start.

Before any policy is asked. What is signed or bought is no part of it: `demand_capacity` shows what a policy made of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from marketsim import units
from marketsim.charts import palette, ranked, timeline
from marketsim.charts.chart import Chart, Figures, NothingToDraw, Tables
from marketsim.charts.sheet import LABEL, SMALL, Sheet
from marketsim.i18n.locale import Said, said

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]
FAR = 2.5  # times the load, from where on the market's line lies above the picture
# workloads are no kinds of offer: greys from dark to light, then the same with a hatch
FILLS = [(grey, hatch) for hatch in ("", "////", "....") for grey in ("#8A8A8A", "#B4B4B4", "#D4D4D4", "#EAEAEA")]
LINES = ("#444444", "#767676", "#9A9A9A", "#B4B4B4")
BEYOND: dict[str, Any] = {
    "facecolor": "#D55E00",
    "edgecolor": palette.PAPER,
    "hatch": "xx",
    "linewidth": 0.0,
    "hatch_linewidth": 0.5,
}


def figures(tables: Tables) -> Figures:
    """A row a stretch of weeks: from_s, to_s, mean GPUs needed, a column a workload, and `market`, empty without bound.

    Takes `load` as `report.run_tables` makes it; `attrs` have the span, and the GPU in which each workload is counted.
    """
    given = tables["load"]
    names = list(given["offered"].iloc[0])
    counted: Mapping[str, str] = given.attrs.get("gpus", {})
    horizon_s = given.attrs.get("horizon_s") or float("inf")
    from_s = (given["first_week"].to_numpy(float) - 1) * units.WEEK_S
    table = pd.DataFrame(
        {"from_s": from_s, "to_s": np.minimum(given["last_week"].to_numpy(float) * units.WEEK_S, horizon_s)}
    )
    for name in names:
        table[name] = [float(row[name]) for row in given["offered"]]
    if not table[names].to_numpy().any():
        raise NothingToDraw("nobody needs a GPU")
    table["market"] = given["market"].astype(float).to_numpy()
    names.sort(key=lambda name: -float(table[name].to_numpy().mean()))
    table = table[["from_s", "to_s", *names, "market"]]
    one = len({counted.get(name, "") for name in names}) == 1  # only then can they be added up
    shown = table[names].sum(axis=1) if one else table[names[0]]
    what = said("word.load") if one else names[0]
    facts = {"workloads": names, "counted": counted, "one": one, "start": given.attrs.get("start")}
    alt = said("chart.load.alt", list=ranked.listed(names, [float(table[name].mean()) for name in names], "gpus"))
    message = _message(shown.to_numpy(float), table["market"].to_numpy(float), what, counted.get(names[0], "GPU"))
    return Figures(table, message, alt, (said("note.load"), said("note.one_run")), facts)


def _message(need: Floats, market: Floats, what: Said | str, gpu: str) -> Said:
    """Where it is short, the worst stretch; else the one of most need."""
    short = np.nan_to_num(need - market, nan=-np.inf)
    at = int(short.argmax()) if short.max() > 0 else int(need.argmax())
    values = {"what": what, "gpu": gpu, "most": float(need[at])}
    if not np.isfinite(market[at]):
        return said("chart.load.open", **values)
    key = "chart.load.short" if short.max() > 0 else "chart.load.enough"
    return said(key, **values, market=float(market[at]))


def paint(sheet: Sheet, figures: Figures) -> None:
    """Areas on each other where one GPU counts them all, else lines; the market as a heavy line over them."""
    table, locale, facts = figures.table, sheet.locale, figures.facts
    names: Sequence[str] = facts["workloads"]
    edges = np.append(table["from_s"].to_numpy(float), float(table["to_s"].iloc[-1])) / units.MONTH_S
    market = table["market"].to_numpy(float)
    total = table[list(names)].sum(axis=1).to_numpy(float)
    beyond = facts["one"] and bool((total > market).any())
    entries = [(_fill(place, facts["one"]), _named(name, facts)) for place, name in enumerate(names)]
    entries += [(BEYOND, locale.text("word.beyond"))] if beyond else []
    used = sheet.legend(entries) + 0.26
    axes = sheet.axes(left=0.42, right=0.2, top=used, bottom=0.26)
    base = np.zeros(len(table))
    for place, name in enumerate(names):
        values = table[name].to_numpy(float)
        if facts["one"]:
            style = _fill(place) | {"edgecolor": palette.PAPER, "linewidth": 0.3}
            axes.fill_between(edges, timeline.held(base), timeline.held(base + values), step="post", zorder=2, **style)
            base = base + values
        else:
            axes.step(edges, timeline.held(values), where="post", color=LINES[place % 4], linewidth=2.2, zorder=3)
            base = np.maximum(base, values)
    if beyond:
        least, most = timeline.held(np.minimum(np.nan_to_num(market, nan=np.inf), total)), timeline.held(total)
        axes.fill_between(edges, least, most, step="post", zorder=3, **BEYOND)
    near = np.isfinite(market).any() and float(np.nanmin(market)) <= FAR * float(base.max())
    top = max(float(base.max()), min(float(np.nanmax(market)), FAR * float(base.max())) if near else 0.0)
    sheet.scale(axes, "y", top * 1.2, locale.gpus, count=4)
    timeline.months(sheet, axes, float(edges[-1]), facts["start"])
    left = 0.16 / sheet.width
    gpu = facts["counted"].get(names[0], "GPU") if facts["one"] else "GPU"
    words = locale.text("axis.load", gpu=gpu)
    sheet.write(sheet.figure, left, (sheet.top - used + 0.1) / sheet.height, words, SMALL + 0.5)
    _market(sheet, axes, edges, market, near, top, right=float(base[-1]) < float(base[0]))


def _market(sheet: Sheet, axes: Axes, edges: Floats, market: Floats, near: bool, top: float, right: bool) -> None:
    """The line of what can be started, with its figure; where there is none in the picture, a sentence that says so.

    right: whether the figure stands at the end, else at the start: where there is less load.
    """
    locale, known = sheet.locale, market[np.isfinite(market)]
    if near:
        axes.step(edges, timeline.held(market), where="post", color=palette.INK, linewidth=2.6, zorder=5)
        level = float(known[-1] if right else known[0])
        words = locale.text("chart.load.line", market=level)
        at, side = (float(edges[-1]), "right") if right else (float(edges[-1]) * 0.006, "left")
        text = sheet.write(axes, at, min(level, top) + top * 0.03, words, LABEL, True, ha=side, va="bottom")
    else:
        key = "chart.load.above" if len(known) else "chart.load.unbounded"
        words = locale.text(key, **({"market": float(known.min())} if len(known) else {}))
        text = sheet.write(axes, float(edges[-1]), top * 1.19, words, LABEL, True, ha="right", va="top")
    sheet.halo(text).set_zorder(6)


def _fill(place: int, filled: bool = True) -> dict[str, Any]:
    grey, hatch = FILLS[place % len(FILLS)] if filled else (LINES[place % 4], "")
    return {"facecolor": grey, "edgecolor": palette.PAPER, "hatch": hatch, "linewidth": 0.8, "hatch_linewidth": 0.5}


def _named(name: str, facts: Mapping[str, object]) -> str:
    counted = facts["counted"]
    gpu = counted.get(name) if isinstance(counted, Mapping) and not facts["one"] else None
    return f"{name} ({gpu})" if gpu else name


CHART = Chart(
    "load",
    "GPUs that demand needs week by week against those that the market lets start",
    ("load",),
    figures,
    paint,
)
