"""What charts of policies share: their order, the message of the ranking, and how the two spreads are drawn.

The spread of outcomes (P10-P90) is a thin grey line with caps; the interval of a mean is a dark diamond that reaches
from its low to its high end. They look different because they are different: the first stays however often the dice are
thrown, the second shrinks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from marketsim.charts import palette
from marketsim.charts.chart import Tables
from marketsim.i18n.locale import Said, said

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


MOST_NAMED = 4  # policies in one sentence
MOST_ROWS = 20  # policies in one chart


def kinds(tables: Tables) -> dict[str, str]:
    """Offer -> kind, from the table of offers where there is one."""
    if "offers" not in tables:
        return {}
    table = tables["offers"]
    return dict(zip(table["offer"], table["kind"], strict=True))


def order_of(kind: str) -> int:
    """The place of a kind in every stack and legend."""
    known = list(palette.KINDS)
    return known.index(kind) if kind in known else len(known) - 1


def spread(replications: pd.DataFrame, metric: str, policies: Iterable[str]) -> pd.DataFrame:
    """mean, low, high, p10, p90, n of a metric by policy, as the results give them; `low` to `p90` may be empty."""
    import pandas as pd

    from marketsim.experiment.results import LEAST_FOR_RANGE
    from marketsim.experiment.statistics.interval import t_interval

    rows = {}
    confidence = replications.attrs.get("confidence", 0.95)
    for policy in policies:
        values = replications.loc[replications["policy"] == policy, metric].dropna().to_numpy(float)
        if not len(values):
            rows[policy] = dict.fromkeys(("mean", "low", "high", "p10", "p90"), None) | {"n": 0}
            continue
        found = t_interval(values, confidence)
        p10, p90 = np.quantile(values, (0.1, 0.9)) if len(values) >= LEAST_FOR_RANGE else (None, None)
        rows[policy] = {"mean": found.value, "low": found.low, "high": found.high, "p10": p10, "p90": p90, "n": found.n}
    frame = pd.DataFrame.from_dict(rows, orient="index")
    return frame.astype(dict.fromkeys(("mean", "low", "high", "p10", "p90"), float)).rename_axis("policy")


def first(ranking: pd.DataFrame) -> str | None:
    """The policy that is best, None where nothing is ranked or nobody keeps within the limits."""
    placed = ranking.loc[ranking["place"] == 1, "policy"]
    return str(placed.iloc[0]) if len(placed) else None


def message(ranking: pd.DataFrame) -> Said:
    """What the ranking says in one sentence: who is best and by how much, or who cannot be told apart."""
    metric = str(ranking["metric"].iloc[0] or "")
    placed = ranking[ranking["place"].notna()].sort_values("place", kind="stable")
    if not metric:
        front = list(ranking.loc[ranking["front"], "policy"])
        return said("answer.frontier", n=len(front), policies=front)
    if not len(placed):
        return said("answer.none")
    best = placed.iloc[0]
    what = metric_words(metric)
    values = {"policy": best["policy"], "value": measured(metric, best["mean"]), "what": what}
    if len(placed) == 1:
        return said("answer.only", **values)
    second = placed.iloc[1]
    if not best["known"]:
        return said("answer.untested", **values)
    unsure = [name for name, group in zip(placed["policy"], placed["group"], strict=True) if group == 1][1:]
    if unsure:
        return said("answer.unclear", **values, n=len(unsure), others=few(unsure))
    less = abs(second["mean"] - best["mean"])
    share = less / abs(second["mean"]) if second["mean"] else 0.0
    return said("answer.clear", **values, less=measured(metric, less), share=share, second=second["policy"])


def few(names: Sequence[str]) -> Said:
    """Names for a sentence: the first, and how many more there are where it would be too long."""
    if len(names) <= MOST_NAMED:
        return said("names.all", names=list(names))
    shown = list(names[: MOST_NAMED - 1])
    return said("names.few", names=shown, n=len(names) - len(shown))


def left_out(ranking: pd.DataFrame, most: int) -> tuple[Said, ...]:
    """A note of how many policies a chart has no room for."""
    return (said("note.left_out", n=len(ranking) - most),) if len(ranking) > most else ()


def setting(path: str) -> Said:
    """A dotted path in the reader's words: `supply.aws-p5.usd_per_gpu_hour` is `aws-p5 · USD per GPU-hour`."""
    return said("value.setting", path=path)


def metric_words(metric: str) -> Said | str:
    """What a metric is called in a sentence."""
    from marketsim import i18n

    key = f"metric.{metric}"
    return said(key) if key in i18n.KINDS["en"] else metric


def measured(metric: str, value: float) -> Said:
    """A value to be written as its metric is."""
    return said("value.metric", value=(metric, value))


def listed(names: Iterable[object], values: Iterable[float], form: str) -> Said:
    """Names with their values, for a picture's words."""
    return said(
        "value.list", items=(form, [(str(name), float(value)) for name, value in zip(names, values, strict=True)])
    )


def outcomes(axes: Axes, p10: float, p90: float, at: float, upright: bool = False, haloed: bool = False) -> None:
    """P10 to P90 of outcomes: a thin grey line with caps; haloed: in white, where it lies on a bar."""
    from matplotlib.patheffects import withStroke

    white = [withStroke(linewidth=4.0, foreground=palette.PAPER)] if haloed else None
    line: dict[str, Any] = {
        "color": palette.SPREAD,
        "linewidth": 1.6,
        "solid_capstyle": "butt",
        "zorder": 3,
        "clip_on": False,
        "path_effects": white,
    }
    along, across = [p10, p90], [at, at]
    axes.plot(*((across, along) if upright else (along, across)), **line)
    for end in (p10, p90):
        mark = "_" if upright else "|"
        axes.plot(
            *((at, end) if upright else (end, at)),
            mark,
            color=palette.SPREAD,
            ms=6,
            mew=1.6,
            clip_on=False,
            path_effects=white,
        )


def interval(axes: Axes, mean: float, low: float, high: float, at: float, tall: float = 0.13) -> None:
    """The interval of a mean: a dark diamond from its low to its high end; a bare line at the mean without one."""
    left, right = axes.get_xlim()
    if not (np.isfinite(low) and np.isfinite(high)) or high - low < 0.002 * (right - left):
        axes.plot([mean, mean], [at - tall, at + tall], color=palette.BEST, linewidth=1.4, zorder=4)
        return
    corners = ([low, mean, high, mean], [at, at + tall, at, at - tall])
    axes.fill(*corners, facecolor=palette.BEST, edgecolor=palette.PAPER, linewidth=0.7, zorder=4)


def notes(spread: pd.DataFrame) -> tuple[Said, ...]:
    """How the two spreads are to be read, those that are drawn."""
    out = []
    if spread["p10"].notna().any():
        out.append(said("note.outcomes"))
    if spread["low"].notna().any():
        out.append(said("note.interval"))
    out.append(said("note.n", n=int(spread["n"].max())))
    return tuple(out)
