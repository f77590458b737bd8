"""Reports: one document, written as a page, a PDF, a deck or a workbook; a plain dict of writers by name.

Each writer is `write(results_or_folder, out=None, lang="en", **more) -> path`.
"""

from __future__ import annotations

import importlib
import pathlib
from typing import Any

FORMATS = {
    "html": "marketsim.report.html",
    "pdf": "marketsim.report.pdf",
    "deck": "marketsim.report.deck",
    "xlsx": "marketsim.report.workbook",
    "figures": "marketsim.report.figures",
}


def write(results: Any, form: str = "html", out: Any = None, lang: Any = "en", **more: Any) -> pathlib.Path:
    """Write results or a results folder in a format of `FORMATS`, and say where. Raises InputError for another.

    form: html, pdf, deck, xlsx or figures (a folder). out: the file; a usual name in the folder of the results, or in
    the working directory, where not given. lang: en or zh. more: as `document.of` takes it, for instance `scenario`.
    Raises MissingExtra where deck or xlsx need a package that is not installed.

    >>> import marketsim as ms
    >>> import pathlib, tempfile
    >>> results = ms.run(ms.load("speech", ["horizon=2 w"]), ["cloud-only", "spot-first"], replications=3)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     page = ms.write_report(results, "html", pathlib.Path(folder) / "speech.html")
    ...     page.name, page.read_text(encoding="utf-8").startswith("<!doctype html>")
    ('speech.html', True)
    """
    from marketsim.errors import Fault, InputError, nearest

    if form not in FORMATS:
        hint = nearest(form, FORMATS)
        raise InputError(Fault("no such format", key="format", got=form, allowed=", ".join(FORMATS), hint=hint))
    path: pathlib.Path = importlib.import_module(FORMATS[form]).write(results, out, lang, **more)
    return path
