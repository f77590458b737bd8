"""What each lever saves, step by step, and beside each step the quality that it costs."""

from __future__ import annotations

from itertools import pairwise

from marketsim.charts import palette
from marketsim.charts.chart import Chart, Figures, NothingToDraw, Tables, rows
from marketsim.charts.sheet import LABEL, SMALL, Sheet
from marketsim.i18n.locale import said

LESS, MORE = "#0072B2", "#D55E00"


def figures(tables: Tables) -> Figures:
    """A row a step: its name, total cost after it, the change that it made, and the quality metric after it.

    Takes `levers`: step, total_cost_usd, metric, value; the first row, with no name, is the state before any lever.
    `attrs` may have the policy.
    """
    table = tables["levers"][["step", "total_cost_usd", "metric", "value"]].reset_index(drop=True)
    if len(table) < 2:
        raise NothingToDraw("no lever was adopted")
    policy = tables["levers"].attrs.get("policy")
    notes = () if policy is None else (said("note.levers", policy=policy),)
    table["change_usd"] = table["total_cost_usd"].diff()
    first, last = float(table["total_cost_usd"].iloc[0]), float(table["total_cost_usd"].iloc[-1])
    quality = rows(table[table["value"].notna()])
    values = {"saved": abs(first - last), "share": abs(first - last) / first if first else 0.0}
    key = "chart.levers.saves" if last <= first else "chart.levers.costs"
    if quality:
        metric, before, after = quality[0]["metric"], f"{quality[0]['value']:.3g}", f"{quality[-1]['value']:.3g}"
        message = said(f"{key}_quality", **values, metric=metric, before=before, after=after)
    else:
        message = said(key, **values)
    alt = said("chart.levers.alt", first=first, last=last)
    return Figures(table, message, alt, notes)


def paint(sheet: Sheet, figures: Figures) -> None:
    """Full bars for before and after, floating ones for what each lever takes off or adds; quality at the right."""
    table, locale = figures.table, sheet.locale
    first, *others = map(str, table["step"])
    names = [first or locale.text("word.before"), *others, locale.text("word.after")]
    axes, places = sheet.rows(
        names, 1.5 if sheet.narrow else 2.2, right=0.6 if sheet.narrow else 0.9, top=0.24, bottom=0.3
    )
    totals = table["total_cost_usd"].to_numpy(float)
    sheet.money(axes, "x", float(totals.max()) * (1.34 if sheet.narrow else 1.2), count=3 if sheet.narrow else 5)
    limit = axes.get_xlim()[1]
    bars = [(0.0, totals[0], palette.OTHER, "")]
    for before, after in pairwise(totals):
        less = after <= before
        bars.append((before, after - before, LESS if less else MORE, "" if less else "///"))
    bars.append((0.0, totals[-1], palette.INK, ""))
    quality = [*rows(table), None]
    for place, (start, length, colour, hatch), row in zip(places, bars, quality, strict=True):
        axes.barh(place, length, 0.6, left=start, facecolor=colour, edgecolor=palette.PAPER, hatch=hatch, zorder=3)
        whole = colour in (palette.OTHER, palette.INK)
        words = locale.usd(length) if whole else f"{'+' if length > 0 else ''}{locale.usd(length)}"
        far = max(start, start + length)
        sheet.halo(sheet.write(axes, far + limit * 0.01, place, words, LABEL - 1, True, va="center", zorder=5))
        if row is not None and row["value"] == row["value"]:
            text = f"{row['value']:.3g}"
            frame = axes.get_position()
            low, high = axes.get_ylim()
            y = frame.y0 + (place - low) / (high - low) * frame.height
            sheet.write(sheet.figure, 1 - 0.16 / sheet.width, y, text, LABEL - 1, ha="right", va="center")
    for one, (upper, lower) in zip(totals, pairwise(places), strict=True):
        axes.plot([one, one], [upper - 0.3, lower + 0.3], color=palette.OTHER, linewidth=0.8, zorder=2)
    shown = [row["metric"] for row in rows(table) if row["value"] == row["value"]]
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
    if shown:
        right = 1 - 0.16 / sheet.width
        sheet.write(sheet.figure, right, y, str(shown[0]), SMALL + 0.5, colour=palette.QUIET, ha="right", va="center")


CHART = Chart("levers", "what each lever saves, step by step, with the quality beside it", ("levers",), figures, paint)
