"""The pictures and the report of a run, put into its results folder; they can be written again from its tables."""

from __future__ import annotations

import json
import pathlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from marketsim.experiment.results import Results
    from marketsim.experiment.runners import Runner
    from marketsim.report.knobs import Slider
    from marketsim.scenario import Scenario

FIGURES = "figures"
MOST_COMPARED = 4  # policies that a grid of what-ifs runs where none are named: the best ones


def draw_one(name: str, tables: Mapping[str, Any], path: pathlib.Path, quiet: bool = False) -> None:
    """Draw the chart of a name out of its tables into a file that ends in .png, .svg or .pdf, and say so.

    Where the tables hold nothing that it could show, nothing is written, and that is said.
    """
    from marketsim import charts
    from marketsim.charts import saving
    from marketsim.charts.chart import NothingToDraw
    from marketsim.cli import console
    from marketsim.experiment import folder

    chart = charts.KINDS[name]
    try:
        figures = chart.figures(tables)
    except NothingToDraw as reason:
        console.note(f"warning: no picture: {reason}")
        return
    figure = chart.draw(figures)
    suffix = path.suffix.lower()
    if suffix == ".svg":
        content = saving.svg(figure, name.replace("_", "-"), alt=chart.alt(figures)).encode()
    else:
        content = saving.pdf([figure]) if suffix == ".pdf" else saving.png(figure)
    folder.place(path, content)
    console.note(f"Picture: {path}", quiet)


def add(
    results: Results,
    folder: pathlib.Path,
    lang: str = "en",
    runner: Runner | None = None,
    scenario: Scenario | None = None,
) -> None:
    """Draw what the results in a folder say into `figures/`, with captions, and write `report.html`.

    runner: where to draw; in this process where not given. scenario: which knows where its data files are; the folder
    has none of them.
    """
    if results.nothing_ran:
        return
    from marketsim.experiment import folder as folders
    from marketsim.report import document, figures, html

    run: Any = map if runner is None or runner.workers == 1 else runner.executor.map
    made = document.of(folder, lang, scenario)
    for name, content in figures.files(made, run).items():
        folders.place(folder / (FIGURES + document.suffix(made.locale)) / name, content)
    folders.place(document.place_of(folder, None, made.locale, "html"), html.text(made, run).encode())


def add_grid(
    folder: pathlib.Path,
    results: Results,
    scenario: Scenario,
    sliders: Sequence[Slider] = (),
    policies: Sequence[str] = (),
    replications: int = 5,
    **run: Any,
) -> None:
    """Run a grid of what-ifs, and a policy lever by lever, beside results, so that their report has sliders.

    sliders: the two that tell most where none are given. policies: the best four where none are given. run: runner and
    progress. Raises InputError where no policy of the results is the scenario's.
    """
    from marketsim.errors import InputError
    from marketsim.experiment import folder as folders
    from marketsim.report import grid, knobs, lever_steps
    from marketsim.report.document import GRID

    order = [*results.best().order, *results.policies]
    known = [name for name in dict.fromkeys(order) if name in scenario.policies]
    if not known:
        raise InputError("no policy of these results is in their scenario, so nothing can be run again")
    made = grid.make(
        scenario,
        sliders or knobs.telling(scenario, results),
        replications,
        policies=list(policies) or known[:MOST_COMPARED],
        seed=int(results.stamp.get("seed", scenario.seed)),
        known=results,
        **run,
    )
    steps = lever_steps.make(scenario, results, replications, **run)
    for name, data in ((GRID, made.to_json()), (lever_steps.FILE, steps)):
        if data is not None:
            folders.place(folder / name, (json.dumps(data, ensure_ascii=False, allow_nan=False) + "\n").encode())


def written(folder: pathlib.Path, lang: str = "en") -> list[tuple[str, str]]:
    """What there is to look at: (what, name in the folder)."""
    end = "" if lang == "en" else f".{lang}"
    found = []
    if (folder / (FIGURES + end)).is_dir():
        found.append(("Pictures", FIGURES + end))
    if (folder / f"report{end}.html").is_file():
        found.append(("Report", f"report{end}.html"))
    return found
