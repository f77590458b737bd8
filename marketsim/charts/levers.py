"""What each lever saves, step by step, and beside each step the quality that it costs."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from marketsim import i18n
from marketsim.charts import palette
from marketsim.charts.chart import Chart, Figures, NothingToDraw, Tables, rows
from marketsim.charts.sheet import LABEL, LINE, SMALL, Sheet
from marketsim.i18n.locale import Said, said
from marketsim.levers.effect import higher_is_better

LESS, MORE = "#0072B2", "#D55E00"


def figures(tables: Tables) -> Figures:
    """A row a step: its name, total cost after it, the change that it made, and its metric of quality before and after.

    Takes `levers`: step, total_cost_usd, metric, value, and `before`, else the value of the step before is taken; the
    first row, with no name, is the state before any lever. `attrs` may have the policy.
    """
    given = tables["levers"].reset_index(drop=True)
    table = given[["step", "total_cost_usd", "metric", "value"]].copy()
    table.insert(3, "before", given["before"] if "before" in given else given["value"].shift())
    if len(table) < 2:
        raise NothingToDraw("no lever was adopted")
    policy = tables["levers"].attrs.get("policy")
    notes = () if policy is None else (said("note.levers", policy=policy),)
    table["change_usd"] = table["total_cost_usd"].diff()
    first, last = float(table["total_cost_usd"].iloc[0]), float(table["total_cost_usd"].iloc[-1])
    found = rows(table[table["value"].notna() & table["before"].notna()])
    quality = {str(row["metric"]): (row["before"], row["value"]) for row in reversed(found)}  # the first's start
    quality = {metric: (before, _last(found, metric)) for metric, (before, _) in reversed(quality.items())}
    values = {"saved": abs(first - last), "share": abs(first - last) / first if first else 0.0}
    key = "chart.levers.saves" if last <= first else "chart.levers.costs"
    if quality:
        goes = [
            said("chart.levers.goes", metric=_named(metric), before=_figure(before), after=_figure(after))
            for metric, (before, after) in quality.items()
        ]
        message = said(f"{key}_quality", **values, quality=goes)
    else:
        message = said(key, **values)
    alt = said("chart.levers.alt", first=first, last=last)
    return Figures(table, message, alt, notes)


def _last(found: list[dict[str, Any]], metric: str) -> float:
    return float([row["value"] for row in found if row["metric"] == metric][-1])


def _named(metric: str) -> Said | str:
    """What a metric of quality is called, its own name where nobody has put it into words."""
    key = f"quality.{metric}"
    return said(key) if key in i18n.KINDS["en"] else metric.replace("_", " ")


def _figure(value: float) -> str:
    """A metric in four figures, so that a loss of a percent shows."""
    return f"{value:.4g}"


def _worse(row: dict[str, Any]) -> Said:
    """By what share of its start the metric became worse, or better."""
    better = row["value"] > row["before"] if higher_is_better(row["metric"]) else row["value"] < row["before"]
    share = abs(row["value"] / row["before"] - 1)
    return said("chart.levers.better" if better and share else "chart.levers.worse", share=round(share, 4))


def paint(sheet: Sheet, figures: Figures) -> None:
    """Full bars for before and after, floating ones for what each lever takes off or adds; quality at the right."""
    table, locale = figures.table, sheet.locale
    first, *others = map(str, table["step"])
    names = [first or locale.text("word.before"), *others, locale.text("word.after")]
    quality = [row if row["value"] == row["value"] and row["before"] == row["before"] else None for row in rows(table)]
    tall = (sheet.top - sheet.bottom - 0.54) / (len(table) + 1)
    most = min(3, int((tall - 0.05) / ((LABEL - 1) * LINE / 72)))
    texts = [_beside(sheet, row, most) for row in (*quality, None)]
    room = max((sheet.inches(line, LABEL - 1, True) for lines in texts for line in lines), default=0.0) + 0.1
    axes, places = sheet.rows(
        names, 1.3 if sheet.narrow else 2.0, right=room if any(texts) else 0.2, top=0.24, bottom=0.3
    )
    totals = table["total_cost_usd"].to_numpy(float)
    sheet.money(axes, "x", float(totals.max()) * (1.34 if sheet.narrow else 1.2), count=3 if sheet.narrow else 5)
    limit = axes.get_xlim()[1]
    bars = [(0.0, totals[0], palette.OTHER, "")]
    for before, after in pairwise(totals):
        less = after <= before
        bars.append((before, after - before, LESS if less else MORE, "" if less else "///"))
    bars.append((0.0, totals[-1], palette.INK, ""))
    for place, (start, length, colour, hatch), lines in zip(places, bars, texts, strict=True):
        axes.barh(place, length, 0.6, left=start, facecolor=colour, edgecolor=palette.PAPER, hatch=hatch, zorder=3)
        whole = colour in (palette.OTHER, palette.INK)
        words = locale.usd(length) if whole else f"{'+' if length > 0 else ''}{locale.usd(length)}"
        far = max(start, start + length)
        sheet.halo(sheet.write(axes, far + limit * 0.01, place, words, LABEL - 1, True, va="center", zorder=5))
        frame = axes.get_position()
        low, high = axes.get_ylim()
        y = frame.y0 + (place - low) / (high - low) * frame.height
        for at, line in enumerate(lines):
            up = ((len(lines) - 1) / 2 - at) * (LABEL - 1) * LINE / 72 / sheet.height
            sheet.write(sheet.figure, 1 - 0.16 / sheet.width, y + up, line, LABEL - 1, at > 0, ha="right", va="center")
    for one, (upper, lower) in zip(totals, pairwise(places), strict=True):
        axes.plot([one, one], [upper - 0.3, lower + 0.3], color=palette.OTHER, linewidth=0.8, zorder=2)
    y = (sheet.top - 0.1) / sheet.height
    sheet.write(
        sheet.figure,
        axes.get_position().x0,
        y,
        locale.text("axis.total_cost"),
        SMALL + 0.5,
        colour=palette.QUIET,
        va="center",
    )
    if any(texts):
        right, words = 1 - 0.16 / sheet.width, locale.text("axis.quality")
        sheet.write(sheet.figure, right, y, words, SMALL + 0.5, colour=palette.QUIET, ha="right", va="center")


def _beside(sheet: Sheet, row: dict[str, Any] | None, most: int) -> list[str]:
    """At most so many lines beside a lever's bar: its metric, from what to what, and how much worse that is."""
    if row is None:
        return []
    name, worse = sheet.locale.say(_named(str(row["metric"]))), sheet.locale.say(_worse(row))
    figures = f"{_figure(row['before'])} → {_figure(row['value'])}"
    if most >= 3:
        return [name, figures, worse]
    if sheet.narrow:
        return [figures, worse][-max(most, 1) :]
    return [f"{name} {figures}", worse] if most == 2 else [f"{name} {figures}, {worse}"]


CHART = Chart("levers", "what each lever saves, step by step, with the quality beside it", ("levers",), figures, paint)
