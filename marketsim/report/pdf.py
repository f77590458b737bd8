"""The report as a PDF of 16:9 pages: the answer, the table, a page a chart, assumptions, limits, stamp."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from marketsim import units
from marketsim.charts import palette, saving
from marketsim.charts.sheet import EDGE, LABEL, LINE, SMALL, TITLE, Sheet
from marketsim.experiment.results import Results
from marketsim.i18n.locale import Locale, Said, said
from marketsim.report import document
from marketsim.report.document import Document

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NOBODY = said("report.answer")
MOST_ROWS = 9  # of the table on a page


def write(
    results: Results | str | pathlib.Path,
    out: str | pathlib.Path | None = None,
    lang: str | Locale = "en",
    **more: Any,
) -> pathlib.Path:
    """Write the PDF of results or of a results folder, and say where it is; `more` as `document.of` takes it."""
    return document.save(results, out, lang, "pdf", content, **more)


def content(made: Document) -> bytes:
    """The PDF."""
    return saving.pdf(list(pages(made)), made.locale.text("report.title", name=made.name))


def pages(made: Document) -> Iterator[Figure]:
    """Page by page."""
    yield _answer(made)
    sheets = units.ceil_div(len(made.rows), MOST_ROWS)
    each = units.ceil_div(len(made.rows), sheets)
    for first in range(0, len(made.rows), each):
        yield _table(made, made.rows[first : first + each])
    for one in made.drawn:
        yield one.chart.draw(one.figures, "wide", made.locale, made.stamp_line)
    if made.assumed:
        lines = [
            f"{one.path} = {one.value}: {one.source}{f' ({one.date})' if one.date not in one.source else ''}"
            for one in made.assumed
        ]
        yield from _text(made, "report.assumed", [*lines, *filter(None, [made.own_notes])])
    last = [made.say(made.validation), *(made.say(one) for one in made.limits), made.command]
    yield from _text(made, "report.limits", last)


def _page(made: Document, title: str, size: float = TITLE) -> Sheet:
    sheet = Sheet("wide", made.locale, None, NOBODY, (), made.stamp_line)
    for line in sheet.wrapped(title, size, True, sheet.width - 2 * EDGE):
        sheet.write(sheet.figure, EDGE / sheet.width, sheet.top / sheet.height, line, size, True, va="top")
        sheet.top -= size * LINE / 72
    sheet.top -= 0.08
    return sheet


def _put(sheet: Sheet, text: str, size: float, colour: str = palette.INK) -> bool:
    """A paragraph below what is there; False, and nothing written, where it does not fit any more."""
    lines = sheet.wrapped(text, size, False, sheet.width - 2 * EDGE)
    if sheet.top - len(lines) * size * LINE / 72 < sheet.bottom:
        return False
    for line in lines:
        sheet.write(sheet.figure, EDGE / sheet.width, sheet.top / sheet.height, line, size, False, colour, va="top")
        sheet.top -= size * LINE / 72
    sheet.top -= size * 0.45 / 72
    return True


def _answer(made: Document) -> Figure:
    sheet = _page(made, made.say(made.answer), 20.0)
    for one, colour in ((made.doubt, palette.INK), (made.flip, palette.INK), (made.description, palette.QUIET)):
        if made.say(one):
            _put(sheet, made.say(one), LABEL + 1, colour)
    if made.locale.currency != "USD":
        _put(sheet, made.locale.text("report.currency", **rate(made.locale)), SMALL, palette.QUIET)
    return sheet.finished()


def rate(locale: Locale) -> dict[str, Any]:
    """The reader's rate of exchange, for its sentence."""
    return {"currency": locale.currency, "rate": locale.per_usd, "date": locale.as_of, "source": locale.source or "–"}


def _table(made: Document, shown: Sequence[dict[str, Any]]) -> Figure:
    """Policies from top to bottom, metrics from left to right: the mean, and below it its interval."""
    sheet = _page(made, made.locale.text("report.table"))
    _put(sheet, made.locale.text("report.table.how", confidence=made.results.confidence), SMALL - 0.5, palette.QUIET)
    locale = made.locale
    metrics = [name for name in made.metrics if name != "jobs"]
    axes, places = sheet.rows([row["policy"] for row in shown], 1.6, made.rows[0]["policy"], top=0.3)
    axes.set_xlim(0, len(metrics))
    sheet.ticks(axes, "x", [], [], grid=False)
    wide = axes.get_position().width * sheet.width / len(metrics) - 0.08
    for column, metric in enumerate(metrics):
        words = "\n".join(sheet.wrapped(locale.name("metric", metric), SMALL - 0.5, True, wide))
        top = (column + 0.97, len(shown) - 0.42)
        sheet.write(axes, *top, words, SMALL - 0.5, True, palette.QUIET, ha="right", va="bottom").set_clip_on(False)
    for place, row in zip(places, shown, strict=True):
        axes.axhline(place - 0.5, color=palette.RULE, linewidth=0.7)
        edge = axes.get_position().x0 * sheet.width - 0.06  # where the names end
        verdict, size = made.say(row["verdict"]), SMALL - 1.5
        size *= max(min((edge - EDGE) / sheet.inches(verdict, size), 1.0), 0.8)
        verdict = sheet.shortened(verdict, size, edge - EDGE)
        at = (edge / sheet.width, axes.transData.transform((0, place - 0.34))[1] / sheet.figure.dpi / sheet.height)
        sheet.write(sheet.figure, *at, verdict, size, False, palette.QUIET, ha="right", va="center")
        for column, metric in enumerate(metrics):
            cell = row["cells"][metric]
            mean = locale.metric(metric, cell["mean"])
            sheet.write(axes, column + 0.97, place, mean, LABEL, row["state"] == "best", ha="right", va="bottom")
            if cell["low"] is not None and cell["low"] != cell["high"]:
                ends = f"{locale.metric(metric, cell['low'])} – {locale.metric(metric, cell['high'])}"
                grey = palette.QUIET
                sheet.write(axes, column + 0.97, place - 0.04, ends, SMALL - 2, False, grey, ha="right", va="top")
    return sheet.finished()


def _text(made: Document, title: str, paragraphs: Sequence[str | Said]) -> Iterator[Figure]:
    """As many pages as the paragraphs need."""
    sheet = _page(made, made.locale.text(title))
    for one in paragraphs:
        text = made.say(one)
        if not _put(sheet, text, SMALL):
            yield sheet.finished()
            sheet = _page(made, made.locale.text(title))
            _put(sheet, text[:1500], SMALL)
    yield sheet.finished()
