"""A name that is a script, a formula and mathematics is a name everywhere, and nothing else."""

from __future__ import annotations

import io
import re
import zipfile
from html.parser import HTMLParser
from xml.etree import ElementTree

import handmade
import pytest

from marketsim.charts import saving
from marketsim.experiment import folder as folders
from marketsim.report import deck, document, figures, html, workbook

EVIL = handmade.HORRID
FORMULA = "=cmd|' /C calc'!A0"


@pytest.fixture(scope="module")
def made():
    results = handmade.results(name=EVIL)
    results.rows = {FORMULA if policy == "build" else EVIL if policy == "spot-first" else policy: rows
                    for policy, rows in results.rows.items()}  # fmt: skip
    few = {name: handmade.tables_once()[name] for name in ("offers", "capacity")}
    return document.of(results, more=few)


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.scripts, self.handlers, self.text = 0, [], ""

    def handle_starttag(self, tag, attrs):
        self.scripts += tag == "script"
        self.handlers += [name for name, _ in attrs if name.startswith("on")]

    def handle_data(self, data):
        self.text += data


def test_in_the_page(made):
    page = html.text(made)
    tags = Tags()
    tags.feed(page)
    assert tags.scripts == 0  # no grid, so not even a script of our own
    assert tags.handlers == []
    assert EVIL in tags.text
    assert "<script>alert" not in page


def test_in_the_grid_of_a_page(made):
    grid = handmade.grid()
    cells = {}
    for place, cell in grid.cells.items():
        means = {EVIL if name == "build" else name: one for name, one in cell.means.items()}
        cells[place] = type(cell)(means, tuple(EVIL if name == "build" else name for name in cell.order), cell.clear)
    page = html.text(
        document.of(handmade.results(name=EVIL), grid=type(grid)(grid.axes, cells, grid.metric, grid.n), pictures=False)
    )
    tags = Tags()
    tags.feed(page)
    assert tags.scripts == 2  # the figures and the sliders
    assert "<script>alert" not in page


def test_in_a_picture(made):
    for one in made.drawn[:2]:
        text = saving.svg(one.chart.draw(one.figures, "wide", "en", made.stamp_line), "x", EVIL, EVIL)
        root = ElementTree.fromstring(text)
        assert not list(root.iter("{http://www.w3.org/2000/svg}script"))
        assert root.attrib["aria-label"] == EVIL


def test_in_a_workbook(made):
    with zipfile.ZipFile(io.BytesIO(workbook.content(made))) as file:
        for name in file.namelist():
            if name.startswith("xl/worksheets/"):
                formulas = re.findall(r"<f>([^<]*)</f>", file.read(name).decode())
                assert all(re.match(r"(SUMPRODUCT|INDEX|SUM|B\d|[A-Z]+\d+[-*])", one) for one in formulas)
        assert "&lt;script&gt;alert(1)&lt;/script&gt; =1+1 $x$" in file.read("xl/sharedStrings.xml").decode()


def test_in_a_deck_and_the_workbooks_inside_it(made):
    content = deck.content(made)
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        inside = [name for name in file.namelist() if name.endswith(".xlsx")]
        assert inside
        for name in inside:
            with zipfile.ZipFile(io.BytesIO(file.read(name))) as book:
                for sheet in (one for one in book.namelist() if one.startswith("xl/worksheets/sheet")):
                    assert "<f>" not in book.read(sheet).decode()
        for name in file.namelist():
            if name.endswith((".xml", ".rels")):
                ElementTree.fromstring(file.read(name))


def test_in_csv(made):
    tables = {**folders.tables(made.results), **{name: content.decode() for name, content in _csv(made).items()}}
    for text in tables.values():
        assert not re.search(r"(?m)(^|,)\"?[=+@]", text)


def _csv(made):
    few = document.Document(**{**made.__dict__, "drawn": made.drawn[:1]})
    return {name: content for name, content in figures.files(few).items() if name.endswith(".csv")}
