"""Where one policy overtakes another: a map over two settings, or lines over one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from marketsim.charts import palette, ranked
from marketsim.charts.chart import Chart, Figures, NothingToDraw, Tables, rows
from marketsim.charts.sheet import LABEL, SMALL, Sheet
from marketsim.i18n.locale import Said, said

if TYPE_CHECKING:
    import pandas as pd

TINTS = ("#D6E6F2", "#FBE3C8", "#D5EBDD", "#F6F0C4", "#EBDDEB", "#E3E3E3", "#F4D5CB", "#CFE9EC")


def figures(tables: Tables) -> Figures:
    """A row a point: the one or two settings, the best policy, its value, and whether it is told apart.

    Takes `whatif`, a grid's frame; settings beyond the second stay as the scenario has them. Where it has an attribute
    `closed_form`, of (first setting, second setting), a formula's changes of the best are drawn over the map.
    """
    whatif = tables["whatif"]
    settings = [str(name) for name in whatif.attrs["settings"]]
    metric = str(whatif.attrs.get("metric") or "total_cost_usd")
    base = {name: whatif.loc[whatif["base"], name].iloc[0] for name in settings}
    for name in settings[2:]:
        whatif = whatif[whatif[name] == base[name]]
    shown = [name for name in settings[:2] if whatif[name].nunique() > 1]
    best = whatif[whatif["place"] == 1]
    if not shown or not len(best):
        raise NothingToDraw("no setting is varied, or nothing is ranked")
    table = best[[*shown, "policy", metric, "clear", "base"]].reset_index(drop=True)
    if len(shown) == 1:
        table = whatif[[*shown, "policy", metric, "place", "base"]].reset_index(drop=True)
    winners = list(dict.fromkeys(best["policy"]))
    moved = [ranked.setting(name) for name in shown]
    message = _message(best, base, shown, winners)
    alt = said("chart.breakeven.alt", settings=moved, policies=winners)
    turns = whatif.attrs.get("closed_form", ()) if len(shown) == 2 else ()
    marked = "closed_form" not in whatif.attrs  # a map of ways has no point at which the scenario stands
    kinds = {"note.base_point": marked, "note.hatched": len(shown) == 2, "note.closed_form": bool(turns)}
    notes = tuple(said(note) for note, applies in kinds.items() if applies)
    facts: dict[str, Any] = {"settings": shown, "metric": metric, "base": base, "winners": winners}
    facts |= {"closed_form": turns, "marked": marked}
    return Figures(table, message, alt, notes, facts)


def _message(best: pd.DataFrame, base: dict[str, Any], shown: list[str], winners: list[str]) -> Said:
    here = str(best.loc[best["base"], "policy"].iloc[0]) if best["base"].any() else winners[0]
    if len(winners) == 1:
        return said("chart.breakeven.never", policy=here, settings=[*map(ranked.setting, shown)])
    share = float((best["policy"] == here).mean())
    for name in shown:
        line = best
        for other in shown:
            if other != name:
                line = line[line[other] == base[other]]
        turned = [place for place, policy in enumerate(line["policy"]) if policy != here]
        if turned:
            own = line[name].tolist().index(base[name])
            found = rows(line)[min(turned, key=lambda place: abs(place - own))]
            values = {"setting": ranked.setting(name), "value": _text(found[name]), "other": found["policy"]}
            return said("chart.breakeven.turns", policy=here, **values)
    return said("chart.breakeven.both", policy=here, share=share, settings=[*map(ranked.setting, shown)])


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def paint(sheet: Sheet, figures: Figures) -> None:
    """Tinted fields with the winner's name, hatched where it is not sure; or a line a policy over one setting."""
    if len(figures.facts["settings"]) == 2:
        _map(sheet, figures)
    else:
        _lines(sheet, figures)


def _map(sheet: Sheet, figures: Figures) -> None:
    from matplotlib.patches import Rectangle

    table, (across, up) = figures.table, figures.facts["settings"]
    base, winners = figures.facts["base"], figures.facts["winners"]
    columns, lines = (list(dict.fromkeys(table[name])) for name in (across, up))
    wide = max(sheet.inches(_text(value), LABEL - 1) for value in lines)
    axes = sheet.axes(left=wide + 0.14, right=0.05, top=0.24, bottom=0.48)
    axes.set_xlim(-0.5, len(columns) - 0.5)
    axes.set_ylim(-0.5, len(lines) - 0.5)
    cell = axes.get_position().width * sheet.width / len(columns)
    for row in rows(table):
        x, y = columns.index(row[across]), lines.index(row[up])
        tint = TINTS[winners.index(row["policy"]) % len(TINTS)]
        hatch = "" if row["clear"] else "////"
        axes.add_patch(
            Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor=tint, edgecolor=palette.PAPER, linewidth=1.5, hatch=hatch)
        )
        here = figures.facts["marked"] and row[across] == base[across] and row[up] == base[up]
        if here:
            outline = Rectangle((x - 0.46, y - 0.44), 0.92, 0.88, fill=False, edgecolor=palette.INK, linewidth=2.2)
            axes.add_patch(outline)
    mark = (columns.index(base[across]), lines.index(base[up])) if figures.facts["marked"] else None
    for policy, first, last, y in _runs(table, columns, lines, across, up, mark):
        tint = TINTS[winners.index(policy) % len(TINTS)]
        name = sheet.shortened(policy, SMALL, cell * (last - first + 1) - 0.06)
        box = {"facecolor": tint, "edgecolor": "none", "pad": 1.0}
        bold = (first, y) == mark
        sheet.write(axes, (first + last) / 2, y, name, SMALL, bold, ha="center", va="center", bbox=box)
    for across_at, line in figures.facts["closed_form"]:
        x, y = np.interp(across_at, columns, range(len(columns))), lines.index(line)
        axes.plot([x, x], [y - 0.5, y + 0.5], color=palette.INK, linewidth=2.6, linestyle=(0, (2, 1)), zorder=4)
    sheet.ticks(axes, "x", range(len(columns)), [_text(value) for value in columns], grid=False)
    sheet.ticks(axes, "y", range(len(lines)), [_text(value) for value in lines], grid=False)
    _settings(sheet, axes, across, up)


def _runs(
    table: pd.DataFrame, columns: list[Any], lines: list[Any], across: str, up: str, mark: tuple[int, int] | None
) -> list[tuple[str, int, int, int]]:
    """(policy, first column, last column, line) of fields side by side with one winner, which is then named once.

    The marked field stands for itself: its outline would cut through a name.
    """
    found: list[tuple[str, int, int, int]] = []
    for row in sorted(rows(table), key=lambda one: (lines.index(one[up]), columns.index(one[across]))):
        x, y, policy = columns.index(row[across]), lines.index(row[up]), str(row["policy"])
        if found and found[-1][0] == policy and found[-1][2:] == (x - 1, y) and mark not in ((x, y), (x - 1, y)):
            found[-1] = (policy, found[-1][1], x, y)
        else:
            found.append((policy, x, x, y))
    return found


def _settings(sheet: Sheet, axes: Any, across: str, up: str | Said) -> None:
    frame = axes.get_position()
    x, y = (frame.x0 + frame.x1) / 2, frame.y0 - 0.3 / sheet.height
    words = sheet.locale.setting(across) + " →"
    sheet.write(sheet.figure, x, y, words, SMALL + 0.5, colour=palette.QUIET, ha="center", va="top")
    at = (0.16 / sheet.width, (sheet.top - 0.1) / sheet.height)
    words = sheet.locale.setting(up) + " ↑" if isinstance(up, str) else sheet.locale.say(up)
    sheet.write(sheet.figure, *at, words, SMALL + 0.5, colour=palette.QUIET, va="center")


def _lines(sheet: Sheet, figures: Figures) -> None:
    table, (name,), metric = figures.table, figures.facts["settings"], figures.facts["metric"]
    values = list(dict.fromkeys(table[name]))
    numbers = all(isinstance(value, int | float) for value in values)
    xs = [float(value) for value in values] if numbers else [float(place) for place in range(len(values))]
    axes = sheet.axes(left=0.6, right=1.25 if sheet.narrow else 1.6, top=0.24, bottom=0.48)
    least, most = min(xs), max(xs)
    axes.set_xlim(least, most)
    highest = float(table[metric].max()) * 1.06
    if metric.endswith("_usd"):
        sheet.money(axes, "y", highest, count=5)
    else:
        sheet.scale(axes, "y", highest, lambda value: sheet.locale.metric(metric, value), count=5)
    sheet.ticks(axes, "x", xs, [_text(value) for value in values])
    base, ends = figures.facts["base"][name], []
    axes.axvline(xs[values.index(base)], color=palette.RULE, linewidth=6, zorder=1)
    dashes = ["-", (0, (5, 2)), (0, (2, 1.5)), (0, (7, 2, 1.5, 2)), (0, (1, 1)), (0, (9, 3))]
    for place, policy in enumerate(dict.fromkeys(table["policy"])):
        mine = table[table["policy"] == policy]
        best = policy in figures.facts["winners"]
        style: dict[str, Any] = {"color": palette.INK if best else palette.OTHER, "linewidth": 2.2 if best else 1.3}
        axes.plot(xs, mine[metric], linestyle=dashes[place % len(dashes)], zorder=3, **style)
        ends.append((float(mine[metric].iloc[-1]), str(policy), best))
    _end_names(sheet, axes, ends, most, highest)
    _settings(sheet, axes, name, said("value.text", text=ranked.metric_words(metric)))


def _end_names(sheet: Sheet, axes: Any, ends: list[tuple[float, str, bool]], x: float, highest: float) -> None:
    """Names at the right ends of lines, pushed apart where they would touch."""
    tall = axes.get_position().height * sheet.height
    gap = highest * (LABEL * 1.2 / 72) / tall
    at = -gap
    for value, policy, best in sorted(ends):
        at = max(value, at + gap)
        name = sheet.shortened(policy, LABEL - 1, 1.2 if sheet.narrow else 1.5, best)
        sheet.write(axes, x, at, " " + name, LABEL - 1, best, va="center").set_clip_on(False)


CHART = Chart(
    "breakeven",
    "where one policy overtakes another, over one or two settings",
    ("whatif",),
    figures,
    paint,
)
