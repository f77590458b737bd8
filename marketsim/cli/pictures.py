"""The pictures and the report of a run, put into its results folder; they can be written again from its tables."""

from __future__ import annotations

import pathlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from marketsim.experiment.results import Results

FIGURES, REPORT = "figures", "report.html"


def add(results: Results, folder: pathlib.Path) -> None:
    """Draw what the results in a folder say into `figures/`, with captions, and write `report.html`."""
    if results.nothing_ran:
        return
    from marketsim.experiment import folder as folders
    from marketsim.report import document, figures, html

    made = document.of(folder)
    for name, content in figures.files(made).items():
        folders.place(folder / FIGURES / name, content)
    folders.place(folder / REPORT, html.text(made).encode())


def written(folder: pathlib.Path) -> list[tuple[str, str]]:
    """What there is to look at: (what, name in the folder)."""
    found = []
    if (folder / FIGURES).is_dir():
        found.append(("Pictures", FIGURES))
    if (folder / REPORT).is_file():
        found.append(("Report", REPORT))
    return found
