"""Every chart keeps the contract: a message from the figures, words for who cannot see, the same bytes twice."""

from __future__ import annotations

import dataclasses
import functools
import re
import xml.etree.ElementTree as ET

import handmade
import matplotlib
import pandas as pd
import pytest
from matplotlib.text import Text

from marketsim import charts
from marketsim.charts import saving
from marketsim.charts.chart import SIZES, NothingToDraw
from marketsim.i18n.locale import Locale

CHINESE = Locale("zh", "CNY", 7.1, "2026-01-01", "test")
EVERY = pytest.mark.parametrize("name", list(charts.KINDS))


@pytest.fixture(scope="module")
def tables():
    return handmade.tables_once()


@functools.cache
def _made(name):
    return charts.KINDS[name].figures(handmade.tables_once())


@functools.cache
def drawn(name, size):
    """Each picture is drawn once for all tests that look at it."""
    return charts.KINDS[name].draw(_made(name), size, "en", "a stamp with $x$")


def figures_of(name, tables):
    return _made(name)


@EVERY
def test_the_hand_made_tables_feed_every_chart(name, tables):
    assert charts.KINDS[name].fits(tables)
    assert len(figures_of(name, tables).table)


@EVERY
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_message_question_and_words_are_said_in_both_languages(name, lang, tables):
    chart, locale = charts.KINDS[name], Locale("en") if lang == "en" else CHINESE
    figures = figures_of(name, tables)
    for sentence in (figures.message, chart.question, chart.title, figures.alt, *figures.notes):
        assert locale.say(sentence).strip()
        assert "{" not in locale.say(sentence)
    assert locale.say(figures.message) in chart.alt(figures, locale)
    assert "nan" not in chart.alt(figures, locale).lower().split()


@EVERY
@pytest.mark.parametrize("size", list(SIZES))
def test_the_title_is_the_message_and_no_text_leaves_the_sheet(name, size, tables):
    figures = figures_of(name, tables)
    figure = drawn(name, size)
    assert tuple(figure.get_size_inches()) == SIZES[size]
    texts = [text for text in figure.findobj(Text) if text.get_text() and text.get_visible()]
    said = " ".join(text.get_text() for text in figure.texts)
    assert Locale().say(figures.message) in said
    width, height = figure.get_size_inches() * figure.dpi
    for text in texts:
        box = text.get_window_extent(figure.canvas.get_renderer())
        inside = box.x0 > -1 and box.y0 > -1 and box.x1 < width + 1 and box.y1 < height + 1
        assert inside or not text.get_text().strip(), f"{text.get_text()!r} leaves the sheet: {box}"


@EVERY
@pytest.mark.parametrize("size", list(SIZES))
def test_no_text_covers_another(name, size, tables):
    assert covered(drawn(name, size)) == []


def covered(figure) -> list[str]:
    """Pairs of texts, of head, axes, marks and notes, whose letters lie on each other."""
    renderer = figure.canvas.get_renderer()
    seen = [text for text in figure.findobj(Text) if text.get_text().strip() and text.get_visible()]
    boxes = [(text.get_text(), text.get_window_extent(renderer)) for text in seen]
    found = []
    for place, (one, box) in enumerate(boxes):
        for other, under in boxes[place + 1 :]:
            wide, tall = min(box.x1, under.x1) - max(box.x0, under.x0), min(box.y1, under.y1) - max(box.y0, under.y0)
            if wide > 2 and tall > 3.5:
                found.append(f"{one!r} covers {other!r}")
    return found


@pytest.mark.parametrize("size", [*SIZES, "slide"])
@pytest.mark.parametrize("name", ["cost_stack", "cost_misses", "differences", "distribution"])
def test_sixteen_policies_with_long_names_are_all_there_and_can_be_read(name, size):
    made = _many()
    figures = charts.KINDS[name].figures(made)
    assert len(set(figures.table["policy"])) >= 15
    figure = charts.KINDS[name].draw(figures, size, titled=size != "slide")
    assert covered(figure) == []
    shown = {text.get_text().strip().replace("\n", "") for text in figure.findobj(Text)}
    assert {str(policy) for policy in figures.table["policy"]} <= shown


@pytest.mark.parametrize("size", [*SIZES, "slide"])
def test_of_many_policies_only_the_frontier_and_the_best_have_an_ellipse_and_no_name_touches_another(size):
    from matplotlib.patches import Polygon

    figures = charts.KINDS["cost_misses"].figures(_many())
    whole = figures.table["front"] | (figures.table["policy"] == figures.facts["first"])
    figure = charts.KINDS["cost_misses"].draw(figures, size, titled=size != "slide")
    assert len(figure.findobj(Polygon)) == whole.sum() < len(figures.table) / 2
    renderer = figure.canvas.get_renderer()
    names = [text for text in figure.findobj(Text) if text.get_text() in set(figures.table["policy"])]
    boxes = [name.get_window_extent(renderer) for name in names]
    assert len(boxes) == len(figures.table)
    assert not [1 for place, one in enumerate(boxes) for other in boxes[place + 1 :] if one.overlaps(other)]
    few = charts.KINDS["cost_misses"].figures(handmade.tables_once())
    assert len(charts.KINDS["cost_misses"].draw(few).findobj(Polygon)) == len(few.table)


@pytest.mark.parametrize("size", [*SIZES, "slide"])
def test_figures_beside_many_differences_are_no_taller_than_their_rows(size):
    figures = charts.KINDS["differences"].figures(_many())
    more = figures.table.head(4).assign(policy=["a", "b", "c", "d"])
    figures = dataclasses.replace(figures, table=pd.concat([figures.table, more]))
    figure = charts.KINDS["differences"].draw(figures, size, titled=False)
    renderer = figure.canvas.get_renderer()
    boxes = [one.get_window_extent(renderer) for one in figure.findobj(Text) if one.get_text().startswith("+$")]
    assert len(boxes) == 19
    assert not [1 for place, one in enumerate(boxes) for other in boxes[place + 1 :] if one.overlaps(other)]


@functools.cache
def _many():
    from marketsim.report import tables as report_tables

    return {**report_tables.of_results(handmade.many()), "offers": handmade.offers()}


@EVERY
def test_drawing_twice_gives_the_same_bytes_and_leaves_settings_alone(name, tables):
    chart, figures = charts.KINDS[name], figures_of(name, tables)
    before = dict(matplotlib.rcParams)
    first, second = drawn(name, "wide"), chart.draw(figures, "wide", "en", "a stamp with $x$")
    assert saving.svg(first, "x") == saving.svg(second, "x")
    if name in ("week", "story"):  # the same drawing in points
        assert saving.png(first, 40) == saving.png(second, 40)
    assert dict(matplotlib.rcParams) == before


@EVERY
def test_an_svg_is_well_formed_names_its_picture_and_keeps_its_ids_to_itself(name, tables):
    text = saving.svg(drawn(name, "wide"), "mine", "A title", "Words & <more>")
    root = ET.fromstring(text)
    assert root.attrib["role"] == "img"
    assert root.attrib["aria-label"] == "Words & <more>"
    assert all(found.startswith("mine-") for found in re.findall(r'\bid="([^"]+)"', text))
    assert not re.search(r"https?://(?!www\.w3\.org)", text)


@EVERY
def test_no_text_is_read_as_mathematics(name, tables):
    figure = drawn(name, "wide")
    assert not any(text.get_parse_math() for text in figure.findobj(Text))


@EVERY
def test_no_rows_are_no_chart_and_no_crash(name, tables):
    chart = charts.KINDS[name]
    for needed in chart.needs:
        assert not chart.fits({**tables, needed: tables[needed].head(0)})
    assert not chart.fits({})


def test_each_lever_says_what_quality_it_costs_in_its_own_metric():
    table = handmade.more()["levers"].assign(
        step=["", "int4", "student"], metric=["", "perplexity_ratio", "glue"], before=[None, 1.0, 80.0],
        value=[None, 1.02, 78.0],
    )  # fmt: skip
    figures = charts.KINDS["levers"].figures({"levers": table.astype({"before": float, "value": float})})
    said = Locale().say(figures.message)
    assert said.endswith("relative perplexity goes from 1 to 1.02, GLUE score goes from 80 to 78")
    for size in SIZES:
        figure = charts.KINDS["levers"].draw(figures, size)
        words = [text.get_text() for text in figure.findobj(Text)]
        assert sum("2% worse" in one for one in words) == 1  # more perplexity is worse
        assert sum("2.5% worse" in one for one in words) == 1  # and less of a score
        assert covered(figure) == []


def test_nothing_to_draw_says_what_is_missing(tables):
    nobody = tables["replications"].assign(missed_deadline_share=float("nan"))
    with pytest.raises(NothingToDraw, match="no job has a deadline"):
        charts.KINDS["cost_misses"].figures({**tables, "replications": nobody})


def test_money_buys_fewer_misses_only_where_that_is_more_than_chance_and_more_than_a_tenth():
    from marketsim.i18n.locale import Locale
    from marketsim.report import tables as of

    def message(dear_shares):
        made = handmade.results(n=10)
        cheap, dear = made.rows["rent-and-burst"], made.rows["build"]
        for place, share in enumerate(dear_shares):
            cheap[place]["missed_deadline_share"], dear[place]["missed_deadline_share"] = 0.2, share
        made.rows = {"rent-and-burst": cheap, "build": dear}
        return Locale().say(charts.KINDS["cost_misses"].figures(of.of_results(made)).message)

    assert "no other policy clearly misses fewer" in message([0.19] * 10)
    assert "no other policy clearly misses fewer" in message([0.0, 0.3] * 5)
    assert "more buys fewer misses: build misses 5" in message([0.05] * 10)
