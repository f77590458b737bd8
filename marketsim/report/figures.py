"""All charts of a study as files: PNG and SVG in both shapes, the figures as CSV, captions and words beside them."""

from __future__ import annotations

import json
import pathlib
from typing import Any

from marketsim.charts import saving
from marketsim.charts.chart import SIZES
from marketsim.experiment import folder as folders
from marketsim.experiment.results import Results
from marketsim.i18n.locale import Locale
from marketsim.report import document
from marketsim.report.document import Document


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


def files(made: Document) -> dict[str, bytes]:
    """File name -> content: `NAME.wide.png`, `.svg`, `NAME.csv`, and `captions.json`."""
    out: dict[str, bytes] = {}
    captions = []
    for one in made.drawn:
        name = one.chart.name
        words = {"message": made.say(one.figures.message), "question": made.say(one.chart.question)}
        alt = one.chart.alt(one.figures, made.locale)
        for size in SIZES:
            figure = one.chart.draw(one.figures, size, made.locale, made.stamp_line)  # type: ignore[arg-type]
            out[f"{name}.{size}.png"] = saving.png(figure)
            mark = f"{name.replace('_', '-')}-{size}"
            out[f"{name}.{size}.svg"] = saving.svg(figure, mark, words["message"], alt).encode()
        out[f"{name}.csv"] = folders.frame_text(one.figures.table).encode()
        captions.append({"name": name, **words, "alt": alt, "stamp": made.stamp_line})
    out["captions.json"] = (json.dumps(captions, ensure_ascii=False, indent=1) + "\n").encode()
    return out
