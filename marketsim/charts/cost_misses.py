"""Cost against missed deadlines: where each policy lies, how far outcomes reach, and the bound where it is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from marketsim.charts import labels, palette, ranked
from marketsim.charts.chart import Chart, Figures, NothingToDraw, Tables, rows
from marketsim.charts.sheet import LABEL, SMALL, Sheet
from marketsim.i18n.locale import Said, said

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COVER = 0.8  # of outcomes, were they normal: the ellipse says of two numbers what P10-P90 says of one
MANY = 9  # policies, from above which most are but points
MATERIAL = 0.1  # of misses: fewer by less than this share is nothing to pay for
COST, MISS = "total_cost_usd", "missed_deadline_share"


def figures(tables: Tables) -> Figures:
    """A row a policy: both means with their intervals, and the covariance of outcomes (USD^2, USD x share, share^2)."""
    replications, ranking = tables["replications"], tables["ranking"]
    order = list(ranking["policy"])
    if MISS not in replications or replications[MISS].notna().sum() == 0:
        raise NothingToDraw("no job has a deadline")
    cost = ranked.spread(replications, COST, order).add_prefix("cost_")
    miss = ranked.spread(replications, MISS, order).add_prefix("miss_")
    table = cost.join(miss).dropna(subset=["cost_mean", "miss_mean"])
    if not len(table):
        raise NothingToDraw("no job has a deadline")
    covariances = [_covariance(replications, policy) for policy in table.index]
    table[["var_cost", "cov", "var_miss"]] = covariances
    table["front"] = _front(table)
    table = table.reset_index()
    bound = tables.get("bound")
    least = None if bound is None or not len(bound) else float(bound["total_cost_usd"].iloc[0])
    of = ".front" if len(table) > MANY else ""
    notes = [said(f"note.ellipse{of}")] if table["var_cost"].notna().any() else []
    notes += [said("note.cross")] if table["cost_low"].notna().any() else []
    notes += [said("note.n", n=int(table["cost_n"].max()))]
    alt = said(
        "chart.cost_misses.alt",
        costs=ranked.listed(table["policy"], table["cost_mean"], "usd"),
        misses=ranked.listed(table["policy"], table["miss_mean"], "share"),
    )
    return Figures(
        table, _message(table, replications), alt, tuple(notes), {"first": ranked.first(ranking), "bound": least}
    )


def _covariance(replications: pd.DataFrame, policy: str) -> tuple[float, float, float]:
    values = replications.loc[replications["policy"] == policy, [COST, MISS]].dropna().to_numpy(float)
    if len(values) < 3:
        return (np.nan, np.nan, np.nan)
    found = np.cov(values.T)
    return (float(found[0, 0]), float(found[0, 1]), float(found[1, 1]))


def _front(table: pd.DataFrame) -> list[bool]:
    """Whether no other policy is as good in both and better in one."""
    points = table[["cost_mean", "miss_mean"]].to_numpy(float)
    return [not any((other <= one).all() and (other < one).any() for other in points) for one in points]


def _message(table: pd.DataFrame, replications: pd.DataFrame) -> Said:
    """Whether more money buys fewer misses: a tenth at least, and more than chance by the paired differences."""
    known = rows(table)
    cheap = min(known, key=lambda row: (row["cost_mean"], row["miss_mean"]))
    values = {"policy": cheap["policy"], "share": cheap["miss_mean"], "cost": cheap["cost_mean"]}
    if cheap["miss_mean"] <= min(row["miss_mean"] for row in known):
        return said("chart.cost_misses.both", **values)
    chance = 0.05 / max(len(known) - 1, 1)  # of any of the comparisons being wrong, shared out
    better = [
        row
        for row in known
        if row["miss_mean"] <= (1 - MATERIAL) * cheap["miss_mean"]
        and _misses_fewer(replications, row["policy"], cheap["policy"], 1 - chance)
    ]
    if not better:
        return said("chart.cost_misses.same", **values)
    safe = min(better, key=lambda row: (row["miss_mean"], row["cost_mean"]))
    return said(
        "chart.cost_misses.trade",
        safe=safe["policy"],
        cheap=cheap["policy"],
        more=safe["cost_mean"] - cheap["cost_mean"],
        share=safe["miss_mean"],
        most=cheap["miss_mean"],
    )


def _misses_fewer(replications: pd.DataFrame, policy: str, than: str, confidence: float) -> bool:
    from marketsim.experiment.statistics import interval

    shares = replications.pivot(index="replication", columns="policy", values=MISS)[[policy, than]].dropna()
    if policy == than or len(shares) < 2:
        return False
    found = interval.paired(shares[policy].to_numpy(), shares[than].to_numpy(), confidence)
    return found.high is not None and found.high < 0


def ellipse(row: pd.Series) -> NDArray[np.float64] | None:
    """The outline that holds 80 % of a normal spread with the row's covariance; shape (2, 73), None without one."""
    matrix = np.array([[row["var_cost"], row["cov"]], [row["cov"], row["var_miss"]]], float)
    if not np.isfinite(matrix).all() or not matrix.any():
        return None
    sizes, axes = np.linalg.eigh(matrix)
    turn = np.linspace(0, 2 * np.pi, 73)
    reach = np.sqrt(-2 * np.log(1 - COVER))
    outline = axes @ (np.sqrt(np.clip(sizes, 0, None))[:, None] * np.array([np.cos(turn), np.sin(turn)])) * reach
    centre = np.array([[row["cost_mean"]], [row["miss_mean"]]])
    found = np.asarray(outline + centre)
    found[1] = np.clip(found[1], 0.0, 1.0)  # a share
    return found


def paint(sheet: Sheet, figures: Figures) -> None:
    """Cost to the right, misses upwards, both from 0: the lower left corner is where one wants to be.

    Of many policies only the best and those on the frontier have ellipse and cross; the others are faint points.
    """
    table, first, bound = figures.table, figures.facts["first"], figures.facts["bound"]
    locale = sheet.locale
    axes = sheet.axes(left=0.5, right=0.15, top=0.22, bottom=0.45)
    full = [len(table) <= MANY or bool(row["front"]) or row["policy"] == first for _, row in table.iterrows()]
    outlines = [ellipse(row) if whole else None for whole, (_, row) in zip(full, table.iterrows(), strict=True)]
    most_cost = max([float(table["cost_mean"].max()), *(float(one[0].max()) for one in outlines if one is not None)])
    most_miss = max([float(table["miss_mean"].max()), *(float(one[1].max()) for one in outlines if one is not None)])
    most_miss = max(most_miss, 0.005)
    for outline, (_, row) in zip(outlines, table.iterrows(), strict=True):
        if outline is not None:
            colour = palette.BEST if row["policy"] == first else palette.SPREAD
            axes.fill(outline[0], outline[1], facecolor=colour, alpha=0.12, linewidth=0, zorder=2)
            axes.plot(outline[0], outline[1], color=colour, linewidth=0.9, zorder=2)
    sheet.money(axes, "x", most_cost * 1.12)
    sheet.scale(axes, "y", most_miss * 1.12, lambda share: locale.share(share) if share <= 1 else "", count=5)
    for whole, (_, row) in zip(full, table.iterrows(), strict=True):
        best = row["policy"] == first
        colour = palette.BEST if best else palette.OTHER
        if not whole:
            axes.plot(
                row["cost_mean"], row["miss_mean"], "o", ms=4.5, mfc=palette.PAPER, mec=palette.SPREAD, zorder=3,
                clip_on=False,
            )  # fmt: skip
            continue
        _cross(axes, row, colour)
        mark = "D" if best else "o"
        face = colour if row["front"] else palette.PAPER
        axes.plot(
            row["cost_mean"], row["miss_mean"], mark, ms=7, mfc=face, mec=colour, mew=1.5, zorder=5, clip_on=False
        )
    front = table[table["front"]].sort_values("cost_mean")
    if len(front) > 1:
        axes.plot(
            front["cost_mean"], front["miss_mean"], color=palette.OTHER, linewidth=1, linestyle=(0, (4, 3)), zorder=1
        )
    if bound is not None:
        axes.axvline(bound, color=palette.INK, linewidth=1.1, linestyle=(0, (1, 2)))
        text = locale.text("chart.cost_misses.bound", cost=bound)
        sheet.write(axes, bound, axes.get_ylim()[1], " " + text, SMALL, colour=palette.QUIET, va="top", ha="left")
    ends = table[["cost_low", "cost_high", "miss_low", "miss_high"]].where(pd.Series(full, index=table.index), np.nan)
    arms = [(float(a), float(b), float(c), float(d)) for a, b, c, d in ends.itertuples(index=False)]
    points = [(row["cost_mean"], max(row["miss_mean"], 0.0)) for _, row in table.iterrows()]
    size = LABEL if len(points) <= 9 else LABEL - 1.5
    names = [str(name) for name in table["policy"]]
    faint = {name for name, whole in zip(names, full, strict=True) if not whole}
    labels.beside(sheet, axes, points, names, size, bold=first, arms=arms, small=faint)
    sheet.axis_name(axes, "axis.total_cost")
    sheet.top_name("axis.missed")


def _cross(axes: Axes, row: pd.Series, colour: str) -> None:
    """The intervals of both means, as a cross."""
    line: dict[str, Any] = {"color": colour, "linewidth": 2.2, "zorder": 4, "solid_capstyle": "butt"}
    if np.isfinite(row["cost_low"]):
        axes.plot([row["cost_low"], row["cost_high"]], [row["miss_mean"]] * 2, **line)
    if np.isfinite(row["miss_low"]):
        axes.plot([row["cost_mean"]] * 2, [max(row["miss_low"], 0), row["miss_high"]], **line)


CHART = Chart(
    "cost_misses",
    "cost against missed deadlines, with ellipses of outcomes, the frontier and the bound",
    ("replications", "ranking"),
    figures,
    paint,
    uses=("bound",),
)
