"""Demand against capacity over time: GPUs held by offer, GPUs wanted, and below them those that wait."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from marketsim import units
from marketsim.charts import palette, ranked, timeline
from marketsim.charts.chart import Chart, Figures, NothingToDraw, Tables
from marketsim.charts.sheet import SMALL, Sheet, filled
from marketsim.i18n.locale import Said, said

if TYPE_CHECKING:
    import pandas as pd

MOST_STEPS = 104
IDLE = 0.4  # of what is held in use, below which capacity does not follow demand but towers over it
NOT_OFFERS = ("policy", "from_s", "to_s", "wanted", "jobs", "services", "queue")


def figures(tables: Tables) -> Figures:
    """A row a step: from_s, to_s, mean GPUs wanted, held by jobs, by services, waiting, and there, a column an offer.

    Takes one policy's run, `capacity` as `metrics.frames.demand_and_capacity` makes it with a column `policy` more.
    """
    capacity = tables["capacity"].reset_index(drop="from_s" in tables["capacity"].columns)
    policy = str(capacity["policy"].iloc[0])
    table = timeline.coarser(capacity[capacity["policy"] == policy].drop(columns="policy"), MOST_STEPS)
    offers = [name for name in table.columns if name not in NOT_OFFERS and (table[name] > 0).any()]
    if not (table["wanted"] > 0).any():
        raise NothingToDraw("nobody wanted a GPU")
    table["queue"] = (table["wanted"] - table["jobs"] - table["services"]).clip(lower=0.0)
    kinds = ranked.kinds(tables)
    offers = sorted(offers, key=lambda offer: ranked.order_of(kinds.get(offer, "none")))
    table = table[["from_s", "to_s", "wanted", "jobs", "services", "queue", *offers]]
    facts = {"offers": offers, "kinds": kinds, "start": capacity.attrs.get("start")}
    return Figures(table, _message(policy, table, offers), _alt(table, offers), (said("note.one_run"),), facts)


def _means(table: pd.DataFrame) -> dict[str, float]:
    weights = (table["to_s"] - table["from_s"]).to_numpy(float)
    names = [name for name in table.columns if name not in ("from_s", "to_s")]
    return {name: float(np.average(table[name], weights=weights)) for name in names}


def _message(policy: str, table: pd.DataFrame, offers: list[str]) -> Said:
    mean = _means(table)
    have = sum(mean[offer] for offer in offers)
    if mean["queue"] > 0.05 * mean["wanted"]:
        values = {"queue": mean["queue"], "wanted": mean["wanted"], "peak": float(table["queue"].max())}
        return said("chart.demand_capacity.short", policy=policy, **values)
    share = (mean["jobs"] + mean["services"]) / have if have else 0.0
    key = "chart.demand_capacity.idle" if share < IDLE else "chart.demand_capacity.enough"
    return said(key, policy=policy, have=have, share=share)


def _alt(table: pd.DataFrame, offers: list[str]) -> Said:
    mean = _means(table)
    names = ["wanted", "queue", *offers]
    return said("chart.demand_capacity.alt", list=ranked.listed(names, [mean[name] for name in names], "gpus"))


def paint(sheet: Sheet, figures: Figures) -> None:
    """Stacked areas of what there is, the line of what is wanted over them; what waits below, to its own scale.

    Where nothing ever waits a line says so, and the areas have all the room.
    """
    table, offers, kinds = figures.table, figures.facts["offers"], figures.facts["kinds"]
    entries = _entries(sheet, offers, kinds)
    used = sheet.legend(entries) + 0.26
    whole = sheet.top - used - sheet.bottom - 0.26
    waits = bool((table["queue"] > 0).any())
    below = 0.30 * whole if waits else 0.0
    upper = sheet.axes(left=0.42, right=0.2, top=used, bottom=0.26 + (below + 0.26 if waits else 0.2))
    edges = np.append(table["from_s"].to_numpy(float), float(table["to_s"].iloc[-1])) / units.MONTH_S
    base = np.zeros(len(table))
    for offer in offers:
        top = base + table[offer].to_numpy(float)
        style = filled(palette.look(kinds.get(offer, "none")))
        style |= {"edgecolor": palette.PAPER, "linewidth": 0.3}
        upper.fill_between(edges, timeline.held(base), timeline.held(top), step="post", zorder=2, **style)
        base = top
    upper.step(edges, timeline.held(table["wanted"]), where="post", color=palette.INK, linewidth=1.4, zorder=4)
    locale = sheet.locale
    sheet.scale(upper, "y", max(float(base.max()), float(table["wanted"].max())) * 1.08, locale.gpus, count=4)
    timeline.months(sheet, upper, edges[-1], figures.facts["start"], labelled=not waits)
    left = 0.16 / sheet.width
    sheet.write(
        sheet.figure, left, (sheet.top - used + 0.1) / sheet.height, locale.text("axis.gpus_wanted"), SMALL + 0.5
    )
    if not waits:
        y = (sheet.bottom + 0.04) / sheet.height
        sheet.write(sheet.figure, left, y, locale.text("chart.demand_capacity.nobody"), SMALL + 0.5)
        return
    lower = sheet.axes(left=0.42, right=0.2, top=used + whole - below, bottom=0.26)
    lower.fill_between(edges, 0, timeline.held(table["queue"]), step="post", facecolor=palette.SPREAD, zorder=2)
    sheet.scale(lower, "y", max(float(table["queue"].max()) * 1.2, 1.2), locale.gpus, count=2)
    timeline.months(sheet, lower, edges[-1], figures.facts["start"])
    y = lower.get_position().y1 + 0.07 / sheet.height
    sheet.write(sheet.figure, left, y, locale.text("axis.gpus_waiting"), SMALL + 0.5)


def _entries(sheet: Sheet, offers: list[str], kinds: dict[str, str]) -> list[tuple[str, str]]:
    """A swatch a kind, with the offers that share it."""
    by_kind: dict[str, list[str]] = {}
    for offer in offers:
        by_kind.setdefault(kinds.get(offer, "none"), []).append(sheet.locale.name("offer", offer))
    named = {kind: sheet.locale.names(sorted(found)) for kind, found in by_kind.items()}
    return [(kind, f"{sheet.locale.name('kind', kind)}: {names}") for kind, names in named.items()]


CHART = Chart(
    "demand_capacity",
    "GPUs wanted against GPUs held by offer over time, with the queue below",
    ("capacity",),
    figures,
    paint,
    uses=("offers",),
)
