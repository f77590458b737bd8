"""A spot market over time: its price, what it would let one keep, and the work that reclaims threw away."""

from __future__ import annotations

import numpy as np

from marketsim import units
from marketsim.charts import palette, timeline
from marketsim.charts.chart import Chart, Figures, NothingToDraw, Tables
from marketsim.charts.sheet import LABEL, SMALL, Sheet
from marketsim.i18n.locale import said

MOST_STEPS = 200


def figures(tables: Tables) -> Figures:
    """A row a step: from_s, to_s, mean USD per GPU-hour, mean GPUs held, share with capacity, reclaims, lost GPU-h.

    Takes `spot`, of one offer: policy, offer, from_s, to_s, usd_per_gpu_hour, available, held, reclaims, lost_gpu_h.
    """
    spot = tables["spot"]
    offer, policy = str(spot["offer"].iloc[0]), str(spot["policy"].iloc[0])
    numbers = spot.drop(columns=["policy", "offer"])
    if not np.isfinite(numbers["usd_per_gpu_hour"]).any():
        raise NothingToDraw("the spot offer has no price")
    table = timeline.coarser(numbers.drop(columns=["reclaims", "lost_gpu_h"]), MOST_STEPS)
    edges = np.append(table["from_s"].to_numpy(float), float(table["to_s"].iloc[-1]))
    place = np.clip(np.searchsorted(edges, spot["from_s"].to_numpy(float), side="right") - 1, 0, len(table) - 1)
    for name in ("reclaims", "lost_gpu_h"):
        table[name] = np.bincount(place, spot[name].to_numpy(float), minlength=len(table))
    lengths = (table["to_s"] - table["from_s"]).to_numpy(float)
    price = float(np.average(table["usd_per_gpu_hour"], weights=lengths))
    reclaims, lost = float(table["reclaims"].sum()), float(table["lost_gpu_h"].sum())
    held = float((table["held"] * lengths).sum() / units.HOUR_S)
    values = {"offer": offer, "policy": policy, "price": price}
    if held == 0:
        message = said("chart.spot_market.unused", **values)
    else:
        message = said("chart.spot_market.message", **values, n=reclaims, lost=lost, share=lost / held)
    there = float(np.average(table["available"], weights=lengths))
    alt = said("chart.spot_market.alt", price=price, share=there, lost=lost)
    return Figures(table, message, alt, (said("note.one_run"),), {"start": spot.attrs.get("start")})


def paint(sheet: Sheet, figures: Figures) -> None:
    """Three strips on one time: price, availability, and the GPU-hours lost to reclaims added up."""
    table, locale = figures.table, sheet.locale
    edges = np.append(table["from_s"].to_numpy(float), float(table["to_s"].iloc[-1])) / units.MONTH_S
    colour = palette.KINDS["spot"].colour
    whole = sheet.top - sheet.bottom - 0.24
    strip = whole / 3
    names = ("axis.spot_price", "axis.spot_there", "axis.spot_lost")
    for place, name in enumerate(names):
        top = place * strip + 0.24
        axes = sheet.axes(left=0.55, right=0.2, top=top, bottom=0.24 + (2 - place) * strip + 0.08)
        at = (0.16 / sheet.width, (sheet.top - place * strip - 0.08) / sheet.height)
        sheet.write(sheet.figure, *at, locale.text(name), SMALL + 0.5, va="center")
        if place == 0:
            values = table["usd_per_gpu_hour"].to_numpy(float)
            axes.step(edges, np.append(values, values[-1]), where="post", color=palette.INK, linewidth=1.2)
            sheet.scale(axes, "y", float(values.max()) * 1.12, locale.usd_tick, count=2, unit=locale.per_usd)
        elif place == 1:
            share = table["available"].to_numpy(float)
            axes.fill_between(edges, 0, np.append(share, share[-1]), step="post", facecolor=colour, linewidth=0)
            sheet.scale(axes, "y", 1.0, locale.share, count=2)
        else:
            total = np.append(0.0, np.cumsum(table["lost_gpu_h"].to_numpy(float)))
            axes.step(edges, total, where="post", color=palette.KINDS["token_api"].colour, linewidth=2)
            sheet.scale(axes, "y", max(float(total[-1]) * 1.3, 1.0), locale.number, count=2)
            end = locale.number(float(total[-1]))
            text = sheet.write(axes, edges[-1], total[-1], end, LABEL, True, ha="right", va="bottom")
            sheet.halo(text)
        timeline.months(sheet, axes, float(edges[-1]), figures.facts["start"], labelled=place == 2)


CHART = Chart(
    "spot_market",
    "spot price, availability and work lost to reclaims over time",
    ("spot",),
    figures,
    paint,
)
