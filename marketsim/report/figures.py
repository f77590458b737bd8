"""All charts of a study as files: PNG and SVG in both shapes, the figures as CSV, captions and words beside them."""

from __future__ import annotations

import json
import pathlib
from functools import partial
from typing import TYPE_CHECKING, Any

from marketsim import charts
from marketsim.charts import saving
from marketsim.charts.chart import SIZES, Size
from marketsim.errors import Fault, InputError, nearest
from marketsim.experiment import folder as folders
from marketsim.experiment.results import Results
from marketsim.i18n.locale import Locale
from marketsim.report import document
from marketsim.report.document import Document, Drawn
from marketsim.report.html import Map

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def write(
    results: Results | str | pathlib.Path,
    out: str | pathlib.Path | None = None,
    lang: str | Locale = "en",
    **more: Any,
) -> pathlib.Path:
    """Write the folder `figures` (`figures.zh`) into a results folder, or `out`; `more` as `document.of` takes it."""
    made = document.of(results, lang, **more)
    base = pathlib.Path(".") if isinstance(results, Results) else pathlib.Path(results)
    where = pathlib.Path(out) if out is not None else base / ("figures" + document.suffix(made.locale))
    for name, content in files(made).items():
        folders.place(where / name, content)
    return where


def files(made: Document, run: Map = map) -> dict[str, bytes]:
    """File name -> content: `NAME.wide.png`, `.svg`, `NAME.csv`, and `captions.json`.

    run: as `map`, for instance of a pool of processes; the bytes are the same.
    """
    out: dict[str, bytes] = {}
    for found in run(partial(_files_of, locale=made.locale, stamp=made.stamp_line), made.drawn):
        out |= found
    captions = [
        {
            "name": one.chart.name,
            "message": made.say(one.figures.message),
            "question": made.say(one.chart.question),
            "alt": one.chart.alt(one.figures, made.locale),
            "stamp": made.stamp_line,
        }
        for one in made.drawn
    ]
    out["captions.json"] = (json.dumps(captions, ensure_ascii=False, indent=1) + "\n").encode()
    return out


def _files_of(one: Drawn, locale: Locale, stamp: str) -> dict[str, bytes]:
    """The files of one chart."""
    out, name = {}, one.chart.name
    message, alt = locale.say(one.figures.message), one.chart.alt(one.figures, locale)
    for size in SIZES:
        figure = one.chart.draw(one.figures, size, locale, stamp)  # type: ignore[arg-type]
        out[f"{name}.{size}.png"] = saving.png(figure)
        out[f"{name}.{size}.svg"] = saving.svg(figure, f"{name.replace('_', '-')}-{size}", message, alt).encode()
    out[f"{name}.csv"] = folders.frame_text(one.figures.table).encode()
    return out


def draw(
    results: Results | str | pathlib.Path, chart: str, size: Size = "wide", lang: str | Locale = "en", **more: Any
) -> Figure:
    """One chart of results or of a results folder, as a matplotlib Figure that no global state knows.

    chart: a name of `kinds("charts")`; size: wide, square or slide; more: as `document.of` takes it, for instance
    `scenario`, without which charts of a single run cannot be drawn. Raises InputError for another name, and where the
    results hold nothing that the chart could show.

    >>> import marketsim as ms
    >>> results = ms.run(ms.load("speech", ["horizon=2 w"]), ["cloud-only", "spot-first"], replications=3)
    >>> figure = ms.draw(results, "distribution")
    >>> figure.get_size_inches().tolist()
    [8.0, 4.5]
    >>> ms.draw(results, "distributions")
    Traceback (most recent call last):
    marketsim.errors.InputError: chart: no such chart (got distributions); allowed: ... Did you mean distribution?
    """
    if chart not in charts.KINDS:
        hint = nearest(chart, charts.KINDS)
        raise InputError(Fault("no such chart", key="chart", got=chart, allowed=", ".join(charts.KINDS), hint=hint))
    made = document.of(results, lang, **more)
    for one in made.drawn:
        if one.chart.name == chart:
            return one.chart.draw(one.figures, size, made.locale, made.stamp_line)
    raise InputError(Fault("the results hold nothing that it could show", key=f"chart {chart}"))
