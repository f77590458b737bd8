"""The pictures and the report of a run, added to its results folder under the same stamp."""

from __future__ import annotations

import pathlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from marketsim.experiment.results import Results
    from marketsim.scenario import Scenario

FIGURES, REPORT = "figures", "report.html"


def add(results: Results, folder: pathlib.Path, scenario: Scenario, given: str) -> None:
    """Draw what the results say into `figures/`, with captions, write `report.html`, and stamp the folder again."""
    if not any(results.rows.values()):
        return
    from marketsim.charts import saving
    from marketsim.experiment.study import write_results
    from marketsim.report import document, html

    made = document.of(folder)
    more: dict[str, bytes | str] = {}
    captions = []
    for one in made.drawn:
        name = one.chart.name.replace("_", "-")
        alt = one.chart.alt(one.figures, made.locale)
        figure = one.chart.draw(one.figures, "wide", made.locale, made.stamp_line)
        more[f"{FIGURES}/{name}.png"] = saving.png(figure)
        more[f"{FIGURES}/{name}.svg"] = saving.svg(figure, name, made.say(one.chart.title), alt)
        captions.append(f"{name}\n\n{made.say(one.figures.message)}\n\n{alt}\n")
    more[f"{FIGURES}/captions.txt"] = "\n".join(captions)
    more[REPORT] = html.text(made)
    write_results(results, folder, scenario, given, more)


def written(folder: pathlib.Path) -> list[tuple[str, str]]:
    """What there is to look at: (what, name in the folder)."""
    found = []
    if (folder / FIGURES).is_dir():
        found.append(("Pictures", FIGURES))
    if (folder / REPORT).is_file():
        found.append(("Report", REPORT))
    return found
