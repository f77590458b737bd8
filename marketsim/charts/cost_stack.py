"""Total cost of each policy as a stack of its offers, with the spread of outcomes and the interval of the mean."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from marketsim.charts import palette, ranked
from marketsim.charts.chart import Chart, Figures, NothingToDraw, Tables, rows
from marketsim.charts.sheet import LABEL, OUTLINE, SMALL, Sheet, filled
from marketsim.i18n.locale import Said, said

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

PREFIX = "cost_usd/offer/"
PENALTY = "penalty"


def figures(tables: Tables) -> Figures:
    """A row a policy, in order of the objective: a column an offer, penalties, total, P10-P90, interval of the mean."""
    ranking, replications = tables["ranking"].head(ranked.MOST_ROWS), tables["replications"]
    kinds = ranked.kinds(tables)
    means = replications.groupby("policy", sort=False).mean(numeric_only=True)
    parts = [name for name in map(str, means.columns) if name.startswith(PREFIX) and (means[name].fillna(0) != 0).any()]
    if not parts:
        raise NothingToDraw("no offer cost anything")
    table = means.loc[list(ranking["policy"]), parts].fillna(0.0)
    table.columns = [name.removeprefix(PREFIX) for name in parts]
    table = table[sorted(map(str, table.columns), key=lambda offer: ranked.order_of(kinds.get(str(offer), "none")))]
    metric = "total_with_penalties_usd" if _penalised(means) else "total_cost_usd"
    if metric == "total_with_penalties_usd":
        table[PENALTY] = means.loc[table.index, ["late_usd", "lost_requests_usd"]].fillna(0.0).sum(axis=1)
    spread = ranked.spread(replications, metric, table.index)
    out = table.join(spread).reset_index()
    shown = [str(name) for name in table.columns]
    return Figures(
        out,
        _message(ranking, out, metric),
        said("chart.cost_stack.alt", list=ranked.listed(out["policy"], out["mean"], "usd")),
        (*ranked.notes(spread), *ranked.left_out(tables["ranking"], ranked.MOST_ROWS)),
        {"offers": shown, "kinds": kinds, "metric": metric, "first": ranked.first(ranking)},
    )


def _penalised(means: pd.DataFrame) -> bool:
    return bool({"late_usd", "lost_requests_usd"} <= set(means.columns)) and bool(
        (means[["late_usd", "lost_requests_usd"]].fillna(0).sum(axis=1) > 0).any()
    )


def _message(ranking: pd.DataFrame, table: pd.DataFrame, metric: str) -> Said:
    ranked_by = ranking["metric"].iloc[0]
    if ranked_by in (metric, "total_cost_usd", "total_with_penalties_usd"):
        return ranked.message(ranking)
    cheap = min(rows(table), key=lambda row: float(row["mean"]))
    return said("chart.cost_stack.cheapest", policy=cheap["policy"], cost=cheap["mean"])


def paint(sheet: Sheet, figures: Figures) -> None:
    """Bars from 0 to the right; what was earned back (credits, resale) to the left of 0."""
    table, offers, kinds = figures.table, figures.facts["offers"], figures.facts["kinds"]
    locale = sheet.locale
    seen = sorted({kinds.get(offer, "none") for offer in offers if offer != PENALTY}, key=ranked.order_of)
    entries = [(kind, locale.name("kind", kind)) for kind in seen]
    if PENALTY in offers:
        entries.append(("", locale.text("word.penalty")))
    used = sheet.legend(entries)
    names = [str(name) for name in table["policy"]]
    room = 1.35 if sheet.narrow else 1.7
    axes, places = sheet.rows(names, room, figures.facts["first"], right=0.62, top=used, bottom=0.3)
    most, least = _limits(table, offers)
    inch = axes.get_position().width * sheet.width / (most - least)
    tall = axes.get_position().height * sheet.height / (axes.get_ylim()[1] - axes.get_ylim()[0])  # inches a row
    for place, row in zip(places, rows(table), strict=True):
        right, back, named = 0.0, 0.0, []
        for offer in offers:
            value = float(row[offer])
            start = right if value >= 0 else back
            style = _style(offer, kinds)
            axes.barh(place, value, 0.62, left=start, **style)
            named.append((offer, style["facecolor"], start, value))
            right, back = (right + value, back) if value >= 0 else (right, back + value)
        low = min(float(row[end]) for end in ("mean", "low") if np.isfinite(row[end]))
        for offer, colour, start, value in named:  # beside the diamond, not under it
            end = min(max(start, start + value), low) if value > 0 else start
            _name(sheet, axes, offer, colour, (min(start, start + value) + end) / 2, place,
                  (end - min(start, start + value)) * inch, tall)  # fmt: skip
        _ends(sheet, axes, row, place, most - least, tall)
    axes.axvline(0, color=palette.INK, linewidth=0.8)
    sheet.money(axes, "x", most, least, count=4 if sheet.narrow else 6)


def _style(offer: str, kinds: dict[str, str]) -> dict[str, Any]:
    if offer == PENALTY:
        return OUTLINE
    return filled(palette.look(kinds.get(offer, "none")))


def _limits(table: pd.DataFrame, offers: list[str]) -> tuple[float, float]:
    costs = table[offers].to_numpy(float)
    most = np.where(costs > 0, costs, 0).sum(axis=1).max()
    tops = [most, *(table[name].max() for name in ("mean", "p90", "high") if table[name].notna().any())]
    least = min(0.0, float(np.where(costs < 0, costs, 0).sum(axis=1).min()))
    return float(max(tops)) * 1.02 or 1.0, least * 1.05


def _name(
    sheet: Sheet, axes: Axes, offer: str, colour: str, middle: float, place: float, inches: float, tall: float
) -> None:
    """The offer's name in its part, where the part is long and high enough for it."""
    text = sheet.locale.name("offer", offer)
    if offer == PENALTY or sheet.inches(text, SMALL - 0.5) + 0.12 > inches or 0.62 * tall < SMALL * 1.3 / 72:
        return
    box = {"facecolor": colour, "edgecolor": "none", "pad": 1.5}
    ink = palette.ink_on(colour)
    sheet.write(axes, middle, place, text, SMALL - 0.5, False, ink, ha="center", va="center", bbox=box)


def _ends(sheet: Sheet, axes: Axes, row: dict[str, Any], place: float, span: float, tall: float) -> None:
    """The total, its P10-P90 as a thin line above the bar, the interval of its mean as a diamond on the bar's end."""
    far = max(float(row["mean"]), float(np.nan_to_num(row["high"])))
    if np.isfinite(row["p10"]):
        tight = tall < 0.24  # above the bar it would lie on the row before
        ranked.outcomes(axes, row["p10"], row["p90"], place if tight else place + 0.40, haloed=tight)
        far = max(far, float(row["p90"]))
    ranked.interval(axes, row["mean"], row["low"], row["high"], place, min(0.13, 0.07 / tall))
    text = sheet.write(
        axes,
        max(far, row["mean"]) + span * 0.015,
        place,
        sheet.locale.usd(row["mean"]),
        min(LABEL, tall * 72 / 1.25),
        True,
        va="center",
        ha="left",
    )
    text.set_clip_on(False)


CHART = Chart(
    "cost_stack",
    "total cost of each policy, stacked by offer, with P10-P90 and the interval of the mean",
    ("replications", "ranking"),
    figures,
    paint,
    uses=("offers",),
)
