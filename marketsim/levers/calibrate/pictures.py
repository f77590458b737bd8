"""Pictures of a calibration: accuracy against bytes by technique, and rounds of federated averaging."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

CURVES = (
    "ptq",
    "qat",
    "unstructured_oneshot",
    "unstructured_finetune",
    "structured_finetune",
    "width",
    "distill",
    "l1",
)


def compression_picture(frame: pd.DataFrame) -> Figure:
    """Percentage points of accuracy against times smaller, with 95 % intervals of the mean."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.add_subplot()
    for name in CURVES:
        rows = frame[frame.method == name].sort_values("size_ratio")
        low, high = (100 * (rows.change - rows.ci95_low), 100 * (rows.ci95_high - rows.change))
        axes.errorbar(rows.size_ratio, 100 * rows.change, yerr=[low, high], marker="o", capsize=2, label=name)
    axes.axhline(0, color="0.6", linewidth=1)
    axes.set(
        xscale="log", xlabel="times smaller in bytes", ylabel="change of accuracy, percentage points", ylim=(-20, 3)
    )
    axes.legend(fontsize=8)
    axes.set_title("What each technique does to the reference network")
    return figure


def federated_picture(frame: pd.DataFrame, target: float = 0.85) -> Figure:
    """Rounds to a target by number of clients, alike or not, with 95 % intervals."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.add_subplot()
    mine = frame[(frame.target == target) & (frame.reached > 0)]
    for (iid, epochs), rows in mine.groupby(["iid", "E"]):
        label = f"{'alike' if iid else 'two labels each'}, {epochs} local epochs"
        axes.errorbar(rows.clients, rows.rounds, yerr=rows.rounds_half_width, marker="o", capsize=2, label=label)
    axes.set(xlabel="clients", ylabel=f"rounds to {target:.0%} accuracy", ylim=(0, None))
    if len(mine):
        axes.legend(fontsize=8)
    axes.set_title("Federated averaging of the reference network")
    return figure


def draw(frames: Mapping[str, pd.DataFrame], out: pathlib.Path) -> None:
    """Write both pictures as PNG; the file carries no date, so the same frames give the same bytes."""
    for name, figure in (
        ("compression.png", compression_picture(frames["compression"])),
        ("federated.png", federated_picture(frames["federated"])),
    ):
        figure.savefig(out / name, dpi=120, metadata={"Software": None})
