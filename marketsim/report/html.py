"""The report as one HTML file that needs nothing else: no network, no font, no second file; it prints well too."""

from __future__ import annotations

import base64
import hashlib
import json
import pathlib
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from importlib import resources
from typing import TYPE_CHECKING, Any

from marketsim.charts import saving
from marketsim.experiment.results import Results
from marketsim.i18n.locale import Locale, Said
from marketsim.report import document
from marketsim.report.document import Document, Drawn
from marketsim.report.grid import Cell, Grid

if TYPE_CHECKING:
    from markupsafe import Markup

Map = Callable[[Callable[[Drawn], Any], Iterable[Drawn]], Iterable[Any]]
MOST_ROWS = 40  # of a chart's figures; the CSV has them all


def write(
    results: Results | str | pathlib.Path,
    out: str | pathlib.Path | None = None,
    lang: str | Locale = "en",
    **more: Any,
) -> pathlib.Path:
    """Write the report of results or of a results folder, and say where it is.

    out: the file; in a results folder `report.html` (`report.zh.html` in Chinese) where not given. more: as
    `document.of` takes it: scenario, more, grid, example, validation.
    """
    return document.save(results, out, lang, "html", lambda made: text(made).encode(), **more)


def text(made: Document, run: Map = map) -> str:
    """The whole page. run: as `map`, for instance of a pool of processes, to draw its pictures."""
    from markupsafe import Markup

    script = _part("sliders.js")
    context: dict[str, Any] = {
        "style": Markup(_part("report.css")),
        "script": Markup(script),
        "script_hash": _hash(script),
        "pictures": list(run(partial(picture, locale=made.locale), made.drawn)),
        "sliders": None,
        "load": made.tables["load"].to_dict("records") if "load" in made.tables else [],
    }
    if made.grid is not None and made.grid.axes:
        context |= _sliders(made.grid, made.locale)
    return render("report.html", made, context)


def render(template: str, made: Document, context: Mapping[str, Any]) -> str:
    """A template of this folder, everything in it escaped unless it is markup of our own."""
    locale = made.locale
    return (
        _environment()
        .get_template(template)
        .render(
            doc=made,
            lang=locale.lang,
            t=locale.text,
            say=locale.say,
            value=locale.metric,
            gpus=locale.gpus,
            raw=lambda value: "" if value is None else repr(value),
            metric_name=lambda name: locale.name("metric", name),
            **context,
        )
    )


def _environment() -> Any:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("marketsim.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
    )


def _part(name: str) -> str:
    return (resources.files("marketsim.report") / "templates" / name).read_text(encoding="utf-8")


def _hash(script: str) -> str:
    digest = hashlib.sha256(script.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


def picture(one: Drawn, locale: Locale) -> dict[str, Any]:
    """A chart for a template: message, question, both sizes as SVG, and the figures that it shows."""
    from markupsafe import Markup

    chart, figures = one.chart, one.figures
    title, alt = locale.say(chart.title), chart.alt(figures, locale)
    drawn: dict[str, Markup] = {}
    for size in ("wide", "square"):
        figure = chart.draw(figures, size, locale, titled=False)
        drawn[size] = Markup(saving.svg(figure, f"{chart.name.replace('_', '-')}-{size}", title, alt))
    shown = figures.table.head(MOST_ROWS)
    return {
        "name": chart.name,
        "title": title,
        "message": locale.say(figures.message),
        "question": locale.say(chart.question),
        "columns": [str(name) for name in shown.columns],
        "rows": [[_cell(value) for value in row] for row in shown.itertuples(index=False)],
        "more": len(figures.table) - len(shown),
        **drawn,
    }


def _cell(value: Any) -> dict[str, Any]:
    """A figure as it is kept: numbers to seven figures, nothing where there is none."""
    import numpy as np
    import pandas as pd

    if value is None or (not isinstance(value, str) and pd.isna(value)):
        return {"text": "", "number": True}
    if isinstance(value, str | bool | np.bool_):
        return {"text": str(value), "number": False}
    return {"text": f"{value:.7g}" if isinstance(value, float) else str(value), "number": True}


def _sliders(grid: Grid, locale: Locale) -> dict[str, Any]:
    from markupsafe import Markup

    first = next(iter(grid.cells.values()))
    metrics = list(next(iter(first.means.values())))
    cells = {",".join(map(str, place)): _shown(grid, cell, metrics, locale) for place, cell in grid.cells.items()}
    axes = [
        {"label": locale.say(one.label), "texts": list(one.texts), "base": one.base, "most": len(one.values) - 1}
        for one in grid.axes
    ]
    data = json.dumps({"axes": axes, "cells": cells}, ensure_ascii=False, separators=(",", ":"))
    safe = data.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026").replace("\u2028", "\\u2028")
    return {
        "sliders": axes,
        "grid_metrics": metrics,
        "grid_json": Markup(safe),
        "base_cell": cells[",".join(map(str, grid.base))],
    }


def _shown(grid: Grid, cell: Cell, metrics: list[str], locale: Locale) -> dict[str, Any]:
    """A cell as text: the page's script puts it in place and works out nothing."""
    order = [*cell.order, *(policy for policy in cell.means if policy not in cell.order)]
    rows = [
        {
            "policy": policy,
            "best": bool(cell.order) and policy == cell.order[0],
            "texts": [locale.metric(name, cell.means[policy].get(name)) for name in metrics],
        }
        for policy in order
    ]
    return {"answer": locale.say(cell_answer(grid, cell)), "rows": rows}


def cell_answer(grid: Grid, cell: Cell) -> Said:
    """What a cell says: who is best there, and whether that can be told."""
    from marketsim.charts import ranked
    from marketsim.i18n.locale import said

    if not cell.order:
        return said("answer.cell.none")
    best = cell.order[0]
    value = ranked.measured(grid.metric, float(cell.means[best].get(grid.metric) or 0.0))
    key = "answer.cell" if cell.clear else "answer.cell.unclear"
    return said(key, policy=best, what=ranked.metric_words(grid.metric), value=value)
