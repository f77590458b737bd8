"""The report as a deck of about fourteen slides, 16:9: a message a slide, charts that PowerPoint can edit, notes.

Where PowerPoint has the chart it is a chart of its own with the figures behind it; else it is a picture. Each has words
for who cannot see it, and the notes say how to read it and what it rests on.
"""

from __future__ import annotations

import io
import pathlib
from typing import Any

from marketsim.charts import palette, saving
from marketsim.errors import MissingExtra
from marketsim.experiment.results import Results
from marketsim.i18n.locale import Locale
from marketsim.report import archive, document, slide_charts
from marketsim.report import slide_text as put
from marketsim.report.document import Document, Drawn

MOST_CHARTS, MOST_ROWS = 10, 20
ORDER = (
    "cost_stack", "cost_misses", "differences", "distribution", "cash_cone", "breakeven", "tornado", "load",
    "demand_capacity", "levers", "misses", "week", "spot_market", "changes", "invoices", "story",
)  # fmt: skip


def write(
    results: Results | str | pathlib.Path,
    out: str | pathlib.Path | None = None,
    lang: str | Locale = "en",
    **more: Any,
) -> pathlib.Path:
    """Write the deck of results or of a results folder, and say where it is; `more` as `document.of` takes it."""
    return document.save(results, out, lang, "pptx", content, **more)


def content(made: Document) -> bytes:
    """The deck. Raises MissingExtra where python-pptx is not installed."""
    try:
        from pptx import Presentation
        from pptx.util import Inches
    except ImportError:
        raise MissingExtra("python-pptx", "deck") from None
    deck = Presentation()
    deck.slide_width, deck.slide_height = Inches(put.WIDE), Inches(put.TALL)
    deck.core_properties.title = made.name
    deck.core_properties.author = "marketsim"
    deck.core_properties.comments = made.stamp_line
    _answer(deck, made)
    _policies(deck, made)
    known = {one.chart.name: one for one in made.drawn}
    chosen = [known[name] for name in ORDER if name in known]
    for one in chosen[:MOST_CHARTS]:
        _chart(deck, made, one)
    _lists(deck, made)
    out = io.BytesIO()
    deck.save(out)
    return archive.settled(out.getvalue())


# ------------------------------------------------------------------------------------------------ slides


def _slide(deck: Any, made: Document, title: str, subtitle: str, notes: str) -> Any:
    """A slide with its title, what it asks below it, the stamp at the foot, and notes for who speaks."""
    slide = deck.slides.add_slide(deck.slide_layouts[5])
    head = slide.shapes.title
    put.box(head, put.EDGE, 0.35, put.WIDE - 2 * put.EDGE, 0.95)
    put.text(head.text_frame, title, 26 if len(title) < 60 else 23, True, made, anchor="bottom")
    if subtitle:
        put.text(
            put.textbox(slide, put.EDGE, 1.28, put.WIDE - 2 * put.EDGE, 0.4), subtitle, 15, False, made, palette.QUIET
        )
    put.text(
        put.textbox(slide, put.EDGE, 7.0, put.WIDE - 2 * put.EDGE, 0.3), made.stamp_line, 10, False, made, palette.QUIET
    )
    slide.notes_slide.notes_text_frame.text = notes
    return slide


def _answer(deck: Any, made: Document) -> None:
    notes = "\n".join([made.say(made.doubt), made.say(made.flip), made.description, made.command])
    slide = _slide(deck, made, made.say(made.answer), made.name, notes)
    best = made.rows[0]["cells"]
    shown = [
        name for name in ("total_cost_usd", "missed_deadline_share", "unserved_share", "utilization") if name in best
    ]
    for place, name in enumerate(shown):
        left = put.EDGE + place * (put.WIDE - 2 * put.EDGE) / len(shown)
        frame = put.textbox(slide, left, 2.0, (put.WIDE - 2 * put.EDGE) / len(shown) - 0.2, 1.3)
        figure = made.locale.metric(name, best[name]["mean"])
        put.text(frame, figure, 40 if len(figure) < 7 else 32, True, made)
        put.more(frame, made.locale.name("metric", name), 16, made)
    frame = put.textbox(slide, put.EDGE, 3.9, put.WIDE - 2 * put.EDGE, 2.8)
    put.text(frame, made.say(made.doubt), 20, False, made)
    for line in (made.say(made.flip), made.description):
        put.more(frame, line, 18, made)
    put.more(frame, made.rate, 14, made)


def _policies(deck: Any, made: Document) -> None:
    """The table of policies, rejected ones too; a table that can be edited."""
    from pptx.enum.text import MSO_ANCHOR
    from pptx.util import Inches, Pt

    metrics = [name for name in made.metrics if name not in ("jobs", "cash_out_usd")]
    locale = made.locale
    notes = locale.text("report.table.how", confidence=made.results.confidence)
    n = int(made.results.stamp.get("replications", 0))
    slide = _slide(deck, made, locale.text("report.table"), locale.text("deck.table", n=n), notes)
    shown = made.rows[:MOST_ROWS]
    tall = min(0.45, put.BODY[3] / (len(shown) + 2))
    size = 13 if len(shown) <= 9 else min(11.0, tall * 72 / 1.7)
    shape = slide.shapes.add_table(
        len(shown) + 1, len(metrics) + 2, *map(Inches, put.BODY[:3]), Inches(put.BODY[3] / 2)
    )
    put.describe(shape, "table", "; ".join(f"{row['policy']}: {made.say(row['verdict'])}" for row in shown))
    table = shape.table
    heads = [
        locale.text("word.policy"),
        *(locale.name("metric", name) for name in metrics),
        locale.text("word.verdict"),
    ]
    lines = [heads]
    for row in shown:
        cells = [locale.metric(name, row["cells"][name]["mean"]) for name in metrics]
        lines.append([row["policy"], *cells, made.say(row["verdict"])])
    for y, line in enumerate(lines):
        for x, words in enumerate(line):
            cell = table.cell(y, x)
            bold = y == 0 or (shown[y - 1]["state"] == "best")
            put.text(cell.text_frame, words, size, bold, made, palette.PAPER if y == 0 else palette.INK)
            cell.vertical_anchor = MSO_ANCHOR.MIDDLE
            cell.margin_left = cell.margin_right = Pt(5)
            cell.margin_top = cell.margin_bottom = Pt(1.5)
    for y, row in enumerate(table.rows):
        row.height = Inches(tall if y else max(tall, 3.2 * size / 72))
    widths = [2.7, *([1.3] * len(metrics)), put.BODY[2] - 2.7 - 1.3 * len(metrics)]
    for column, wide in zip(table.columns, widths, strict=True):
        column.width = Inches(wide)


def _chart(deck: Any, made: Document, one: Drawn) -> None:
    """A chart of PowerPoint's own where it has one, else a picture; the question below, how to read it in the notes."""
    chart, figures = one.chart, one.figures
    alt = chart.alt(figures, made.locale)
    reading = " · ".join(made.say(note) for note in figures.notes)
    notes = "\n".join(
        filter(None, [alt, f"{made.locale.text('deck.reasoning')}: {reading}" if reading else "", made.stamp_line])
    )
    slide = _slide(deck, made, made.say(figures.message), made.say(chart.question), notes)
    draw = slide_charts.NATIVE.get(chart.name)
    if draw is not None and not (chart.name == "cost_misses" and len(figures.table) > slide_charts.MOST_NAMED):
        put.describe(draw(slide, made, one), chart.name, alt)
        return
    from pptx.util import Inches

    picture = io.BytesIO(saving.png(chart.draw(figures, "slide", made.locale, titled=False), 240))
    shape = slide.shapes.add_picture(picture, *map(Inches, put.BODY))
    put.describe(shape, chart.name, alt)


def _lists(deck: Any, made: Document) -> None:
    """What is assumed, and what the deck does not say."""
    text = made.locale.text
    if made.assumed:
        notes = "\n".join(f"{one.path} = {one.value}: {one.source}" for one in made.assumed)
        slide = _slide(deck, made, text("report.assumed"), "", notes[:6000])
        frame = put.textbox(slide, *put.BODY)
        for place, one in enumerate(made.assumed[:12]):
            line = f"{one.path}: {one.source}"
            line = line if len(line) < 150 else line[:149] + "…"
            (put.text if place == 0 else put.more)(frame, line, 14, *([False, made] if place == 0 else [made]))
        if len(made.assumed) > 12:
            put.more(frame, text("deck.next", n=len(made.assumed) - 12), 14, made)
        put.more(frame, made.own_notes, 12, made)
    slide = _slide(deck, made, text("deck.limits"), "", made.command)
    frame = put.textbox(slide, *put.BODY)
    put.text(frame, made.say(made.validation), 16, False, made)
    put.more(frame, made.rate, 16, made)
    for limit in made.limits[:8]:
        put.more(frame, made.say(limit), 16, made)
