"""A fitted workload beside its record: sizes, gaps, memory from day to day, and the week hour by hour.

It is drawn once by `marketsim fit workload --picture`, from the columns of `demand.goodness.frames`; it answers no
question about policies and so stands in no report.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from marketsim.charts import palette

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Frames = Mapping[str, Mapping[str, NDArray[np.float64]]]
LOOKS: dict[str, dict[str, Any]] = {
    "record": {"color": palette.INK, "linewidth": 2.0, "linestyle": "-"},
    "generated": {"color": palette.KINDS["token_api"].colour, "linewidth": 1.6, "linestyle": "--"},
}


def draw(frames: Frames, title: str) -> Figure:
    """Five panels: two distribution functions, the autocorrelation of daily counts, two heat maps of the week."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 6.2), layout="constrained")
    figure.suptitle(title.replace("$", r"\$"), x=0.01, ha="left", fontsize=12, fontweight="bold")
    grid = figure.add_gridspec(2, 6)
    _ecdf(figure.add_subplot(grid[0, 0:2]), frames["gpu_hours"], "GPU-hours of a job", 1 / 3600)
    _ecdf(figure.add_subplot(grid[0, 2:4]), frames["gap_s"], "seconds between two jobs", 1.0)
    _memory(figure.add_subplot(grid[0, 4:6]), frames["autocorrelation"])
    most = max(float(shares.max()) for shares in frames["week"].values())
    for column, (name, shares) in zip((slice(0, 3), slice(3, 6)), frames["week"].items(), strict=True):
        _week(figure.add_subplot(grid[1, column]), name, shares, most)
    return figure


def _ecdf(axes: Axes, values: Mapping[str, NDArray[np.float64]], label: str, least: float) -> None:
    for name, one in values.items():
        shown = np.maximum(one, least)
        axes.step(shown, np.arange(1, len(shown) + 1) / max(len(shown), 1), where="post", label=name, **LOOKS[name])
    axes.set(xscale="log", xlabel=label, ylabel="share of jobs at or below", ylim=(0, 1))
    axes.grid(color=palette.RULE, linewidth=0.5)
    axes.legend(frameon=False, loc="upper left")


def _memory(axes: Axes, values: Mapping[str, NDArray[np.float64]]) -> None:
    for name, one in values.items():
        axes.plot(np.arange(1, len(one) + 1), one, marker="o", markersize=3, label=name, **LOOKS[name])
    axes.set_xticks(range(2, 15, 2), [str(day) for day in range(2, 15, 2)])
    axes.axhline(0, color=palette.QUIET, linewidth=0.8)
    axes.set(xlabel="days apart", ylabel="autocorrelation of daily jobs", ylim=(-0.6, 1))
    axes.grid(color=palette.RULE, linewidth=0.5)


def _week(axes: Axes, name: str, shares: NDArray[np.float64], most: float) -> None:
    axes.imshow(shares.reshape(7, 24), aspect="auto", cmap="cividis", vmin=0, vmax=most)
    axes.set(title=f"jobs by hour of the week: {name}", xlabel="hour")
    axes.set_xticks(range(0, 24, 3), [str(hour) for hour in range(0, 24, 3)])
    axes.set_yticks(range(7), ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"])
