"""A fitted price process beside what came: the fan of its forecast, where outcomes fell, how changes grow with time.

It is drawn once by `marketsim fit prices --picture`, from the arrays of `prices.fit.FitResult`; it answers no question
about policies and so stands in no report.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from marketsim.charts import palette

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Floats = NDArray[np.float64]
BAND = palette.KINDS["token_api"].colour


def draw(fan: Mapping[str, Floats], pit: Floats, spread: Mapping[str, Floats], title: str, unit: str) -> Figure:
    """Three panels. fan: day, quantiles (n, 5), real; pit: shares in equal bins; spread: horizon, real, process."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 5.6), layout="constrained")
    figure.suptitle(title.replace("$", r"\$"), x=0.01, ha="left", fontsize=12, fontweight="bold")
    grid = figure.add_gridspec(2, 3)
    _fan(figure.add_subplot(grid[:, 0:2]), fan, unit)
    _pit(figure.add_subplot(grid[0, 2]), pit)
    _spread(figure.add_subplot(grid[1, 2]), spread)
    return figure


def _fan(axes: Axes, fan: Mapping[str, Floats], unit: str) -> None:
    day, bands = fan["day"], fan["quantiles"]
    axes.fill_between(day, bands[:, 0], bands[:, 4], color=BAND, alpha=0.18, linewidth=0, label="90 % of paths")
    axes.fill_between(day, bands[:, 1], bands[:, 3], color=BAND, alpha=0.32, linewidth=0, label="50 % of paths")
    axes.plot(day, bands[:, 2], color=BAND, linewidth=1.4, linestyle="--", label="median path")
    axes.plot(day, fan["real"], color=palette.INK, linewidth=1.8, label="what came")
    axes.set(xlabel="days after the last one fitted", ylabel=unit.replace("$", r"\$"))
    axes.set_ylim(bottom=0)
    axes.grid(color=palette.RULE, linewidth=0.5)
    axes.legend(frameon=False, loc="upper left")


def _pit(axes: Axes, pit: Floats) -> None:
    edges = np.arange(len(pit)) / len(pit)
    axes.bar(edges, pit, width=0.9 / len(pit), align="edge", color=BAND)
    axes.axhline(1 / len(pit), color=palette.INK, linewidth=0.9, linestyle="--")
    axes.set(xlabel="share of paths below what came", ylabel="share of forecasts", xlim=(0, 1))


def _spread(axes: Axes, spread: Mapping[str, Floats]) -> None:
    axes.plot(spread["horizon"], spread["real"], color=palette.INK, marker="o", markersize=3, label="measured")
    axes.plot(
        spread["horizon"], spread["process"], color=BAND, marker="s", markersize=3, linestyle="--", label="process"
    )
    axes.set(xscale="log", yscale="log", xlabel="days apart", ylabel="sd of log changes")
    axes.grid(color=palette.RULE, linewidth=0.5)
    axes.legend(frameon=False, loc="upper left")
