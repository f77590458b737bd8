"""A what-if as a table: each policy's figures before and after, and whether the change is more than chance."""

from __future__ import annotations

from marketsim.charts import palette, ranked
from marketsim.charts.chart import Chart, Figures, NothingToDraw, Tables, rows
from marketsim.charts.sheet import LABEL, SMALL, Sheet
from marketsim.i18n.locale import said

MOST_POLICIES, METRICS = 8, ("total_cost_usd", "total_with_penalties_usd", "missed_deadline_share", "utilization")


def figures(tables: Tables) -> Figures:
    """A row a policy and metric: before, after, paired change, its interval, and whether it is told apart.

    Takes `changes`: policy, metric, before, value (after less before), low, high, told_apart; `attrs["edits"]`, words.
    """
    changes = tables["changes"]
    table = changes[changes["metric"].isin(METRICS)].copy()
    if not len(table):
        raise NothingToDraw("nothing was compared")
    table["after"] = table["before"] + table["value"]
    edits = str(changes.attrs.get("edits", ""))
    cost = rows(table[table["metric"] == "total_cost_usd"])
    telling = [row for row in cost if row["told_apart"]]
    if not telling:
        message = said("chart.changes.same", edits=edits)
    else:
        most = max(telling, key=lambda row: abs(row["value"]))
        key = "chart.changes.more" if most["value"] > 0 else "chart.changes.less"
        share = abs(most["value"]) / most["before"] if most["before"] else 0.0
        message = said(key, edits=edits, policy=most["policy"], change=abs(most["value"]), share=share)
    alt = said(
        "chart.changes.alt", list=ranked.listed([row["policy"] for row in cost], [row["value"] for row in cost], "usd")
    )
    notes = (said("note.changes"), *ranked.left_out(table.drop_duplicates("policy"), MOST_POLICIES))
    return Figures(table.reset_index(drop=True), message, alt, notes)


def paint(sheet: Sheet, figures: Figures) -> None:
    """A line a policy; in each cell the figure after, and below it the change, bold where it is more than chance."""
    table, locale = figures.table, sheet.locale
    policies = list(dict.fromkeys(table["policy"]))[:MOST_POLICIES]
    metrics = [name for name in METRICS if name in set(table["metric"])][: 3 if sheet.narrow else 4]
    axes, places = sheet.rows([str(name) for name in policies], 1.35 if sheet.narrow else 1.7, top=0.34)
    axes.set_xlim(0, len(metrics))
    sheet.ticks(axes, "x", [], [], grid=False)
    for column, metric in enumerate(metrics):
        words = sheet.wrapped(
            locale.name("metric", metric), SMALL, True, axes.get_position().width * sheet.width / len(metrics) - 0.1
        )
        head = sheet.write(
            axes,
            column + 0.95,
            len(policies) - 0.38,
            "\n".join(words),
            SMALL,
            True,
            palette.QUIET,
            ha="right",
            va="bottom",
        )
        head.set_clip_on(False)
    cells = {(row["policy"], row["metric"]): row for row in rows(table)}
    for place, policy in zip(places, policies, strict=True):
        axes.axhline(place - 0.5, color=palette.RULE, linewidth=0.7)
        for column, metric in enumerate(metrics):
            row = cells.get((policy, metric))
            if row is None:
                continue
            sheet.write(
                axes, column + 0.95, place + 0.05, locale.metric(metric, row["after"]), LABEL, ha="right", va="bottom"
            )
            told = bool(row["told_apart"])
            change = (
                locale.points(row["value"])
                if metric.endswith(("share", "utilization"))
                else _signed(sheet, metric, row)
            )
            mark = f"{'▲' if row['value'] > 0 else '▼'} {change}" if told else f"≈ {change}"
            colour = palette.INK if told else palette.OTHER
            sheet.write(axes, column + 0.95, place - 0.02, mark, SMALL, told, colour, ha="right", va="top")


def _signed(sheet: Sheet, metric: str, row: dict[str, float]) -> str:
    return ("+" if row["value"] > 0 else "") + sheet.locale.metric(metric, row["value"])


CHART = Chart(
    "changes", "a what-if as a table: before, after, and whether it is more than chance", ("changes",), figures, paint
)
