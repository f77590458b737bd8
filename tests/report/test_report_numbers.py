"""One number is the same in table, page, CSV, workbook, deck and JSON; and the same results give the same bytes."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from dataclasses import replace
from html.parser import HTMLParser
from xml.etree import ElementTree

import handmade
import pytest

from marketsim.cli import summary
from marketsim.experiment import folder as folders
from marketsim.i18n.locale import Locale
from marketsim.report import deck, document, html, pdf, workbook

SPACE = {"s": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}


@pytest.fixture(scope="module")
def results():
    return handmade.results()


@pytest.fixture(scope="module")
def made(results):
    return document.of(results, more=handmade.tables_once(), grid=handmade.grid())


@pytest.fixture(scope="module")
def page(made):
    return html.text(fewer(made))


def fewer(made, charts=("cost_stack", "cost_misses")):
    """The document with some of its charts: the drawing of each is tested where charts are."""
    return replace(made, drawn=tuple(one for one in made.drawn if one.chart.name in charts))


@pytest.fixture(scope="module")
def book(made):
    return sheets(workbook.content(made))


def sheets(content: bytes) -> dict[str, list[list[object]]]:
    """Sheet name -> rows of cells as numbers or text; a formula's cell is its value."""
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        names = [
            one.attrib["name"]
            for one in ElementTree.fromstring(file.read("xl/workbook.xml")).iter(f"{{{SPACE['s']}}}sheet")
        ]
        texts = ["".join(part.text or "" for part in one.iter(f"{{{SPACE['s']}}}t"))
                 for one in ElementTree.fromstring(file.read("xl/sharedStrings.xml"))]  # fmt: skip
        out = {}
        for place, name in enumerate(names, 1):
            rows = []
            for row in ElementTree.fromstring(file.read(f"xl/worksheets/sheet{place}.xml")).iter(
                f"{{{SPACE['s']}}}row"
            ):
                cells = []
                for cell in row:
                    value = cell.find("s:v", SPACE)
                    found = None if value is None else value.text
                    cells.append(
                        texts[int(found)]
                        if cell.attrib.get("t") == "s"
                        else found
                        if cell.attrib.get("t") == "str"
                        else None
                        if found is None
                        else float(found)
                    )
                rows.append(cells)
            out[name] = rows
        return out


class Means(HTMLParser):
    """The figures of the page's table of policies, as they are kept behind what is shown."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[tuple[str, str], float] = {}

    def handle_starttag(self, tag, attrs):
        known = dict(attrs)
        if tag == "td" and "data-mean" in known:
            self.found[known["data-policy"], known["data-metric"]] = float(known["data-mean"])


def test_the_page_csv_workbook_and_json_have_the_same_means(results, made, page, book):
    kept = Means()
    kept.feed(page)
    told = results.to_json()["policies"]
    text = folders.tables(results)["summary.csv"]
    listed = {(row["policy"], row["metric"]): row for row in csv.DictReader(io.StringIO(text))}
    summary = book["Summary"]
    heads = summary[0]
    sheet = {(row[0], row[1]): dict(zip(heads, row, strict=False)) for row in summary[1:]}
    assert len(kept.found) == len(made.rows) * len(made.metrics)
    for (policy, metric), mean in kept.found.items():
        assert mean == told[policy][metric]["mean"]
        assert mean == float(listed[policy, metric]["mean"])
        assert mean == pytest.approx(sheet[policy, metric]["mean"], rel=1e-12)


def test_the_deck_has_the_figures_of_the_chart(results, made):
    from pptx import Presentation

    slides = Presentation(io.BytesIO(deck.content(made))).slides
    charts = {shape.name: shape.chart for slide in slides for shape in slide.shapes if shape.has_chart}
    stack = next(one for one in made.drawn if one.chart.name == "cost_stack").figures.table
    plot = charts["cost_stack"].plots[0]
    for policy, name in zip(stack["policy"], plot.categories, strict=True):
        assert str(name).startswith(f"{policy}  ")
    total = [sum(values) for values in zip(*(series.values for series in plot.series), strict=True)]
    for policy, value in zip(stack["policy"], total, strict=True):
        assert value == pytest.approx(results.cell(policy, "total_with_penalties_usd")["mean"], rel=1e-12)
    points = {series.name: next(series.iter_values()) for series in charts["cost_misses"].plots[0].series}
    for policy, share in points.items():
        assert share == results.cell(policy, "missed_deadline_share")["mean"]


def test_one_figure_reads_the_same_in_table_page_csv_workbook_deck_and_json(results, made, page, book):
    from pptx import Presentation

    told = results.to_json()["policies"]
    listed = {
        (row["policy"], row["metric"]): float(row["mean"])
        for row in csv.DictReader(io.StringIO(folders.tables(results)["summary.csv"]))
        if row["mean"]
    }
    slide = Presentation(io.BytesIO(deck.content(made))).slides[1]
    table = next(shape.table for shape in slide.shapes if shape.has_table)
    on_slide = {row.cells[0].text: [cell.text for cell in row.cells][1:-1] for row in list(table.rows)[1:]}
    on_page = {(policy, metric): text for policy, metric, text in re.findall(
        r'data-metric="(\w+)" data-policy="([^"]+)" data-mean="[^"]*">([^<]+)<', page)}  # fmt: skip
    on_page = {(policy, metric): text for (metric, policy), text in on_page.items()}
    heads = book["Policies"][0]
    in_book = {row[0]: dict(zip(heads, row, strict=False)) for row in book["Policies"][1:]}
    _, printed = next(summary.tables(results, made.locale, results.best()))
    in_terminal = {row[0][2:]: row[1:] for row in printed}
    shown = [name for name in made.metrics if name not in ("jobs", "cash_out_usd")]
    assert len(on_slide) == len(made.rows) == 4
    for policy, texts in on_slide.items():
        for metric, text in zip(shown, texts, strict=True):
            mean = told[policy][metric]["mean"]
            assert mean == listed[policy, metric]
            assert mean == pytest.approx(in_book[policy][metric], rel=1e-12)
            assert text == on_page[policy, metric] == made.locale.metric(metric, mean)
        for metric, text in zip(summary.SHOWN, in_terminal[policy], strict=True):
            mean = told[policy][metric]["mean"]
            if metric.endswith("_usd"):
                figure, _, rest = text.partition(" ±")
                assert f"${figure.rstrip('KM')}{text[-1]}" == made.locale.usd(mean), rest
            else:
                assert float(text[:-1]) == pytest.approx(100 * mean, abs=0.05)


def test_the_cost_model_adds_up_by_formula(results, made, book):
    rows = book["Cost model"]
    heads = rows[1]
    for row in rows[3 : 3 + len(made.rows)]:
        cells = dict(zip(heads, row, strict=False))
        assert cells["total cost, USD"] == pytest.approx(results.cell(row[0], "total_cost_usd")["mean"], rel=1e-9)
        whole = results.cell(row[0], "total_with_penalties_usd")["mean"]
        assert cells["with penalties, USD"] == pytest.approx(whole, rel=1e-9)
    assert ["least with penalties", "rent-and-burst"] in [row[:2] for row in rows]
    with zipfile.ZipFile(io.BytesIO(workbook.content(made))) as file:
        text = file.read("xl/worksheets/sheet3.xml").decode()
    assert text.count("SUMPRODUCT") == 2 * len(made.rows)


def test_table_and_picture_come_from_one_frame(made, book):
    for one in made.drawn:
        rows = book[f"fig {one.chart.name}"]
        assert rows[0] == [str(name) for name in one.figures.table.columns]
        assert len(rows) - 1 == len(one.figures.table)


def test_the_terminal_says_what_the_page_says(results, made):
    _, printed = next(summary.tables(results, made.locale, results.best()))
    shown = {row["policy"]: made.locale.usd(row["cells"]["total_cost_usd"]["mean"]) for row in made.rows}
    for policy, cost, *_ in printed:
        figure, _, rest = cost.partition(" ±")
        assert f"${figure}{rest[-1]}" == shown[policy[2:]]
    assert [row[0] for row in printed if row[0].startswith("*")] == ["* rent-and-burst"]


def test_the_same_results_give_the_same_bytes(results):
    few = {name: handmade.tables_once()[name] for name in ("offers", "hours")}
    made, again = (fewer(document.of(results, more=few), ("cost_stack", "week")) for _ in range(2))
    assert html.text(made) == html.text(again)
    assert deck.content(made) == deck.content(again)
    assert workbook.content(made) == workbook.content(again)


def test_a_pdf_has_every_policy_in_its_table_however_many_there_are():
    many = document.of(handmade.many(), pictures=False)
    told = [[label.get_text() for axes in page.axes for label in axes.get_yticklabels()] for page in pdf.pages(many)]
    named = ["".join(words.split()).rstrip("…") for page in told for words in page if words]
    assert named == [row["policy"][: len(words)] for row, words in zip(many.rows, named, strict=True)]
    assert max(map(len, told)) <= pdf.MOST_ROWS


@pytest.mark.slow
def test_the_same_results_give_the_same_pdf(results, made):
    assert pdf.content(made) == pdf.content(document.of(results, more=handmade.tables_once(), grid=handmade.grid()))


def test_every_format_is_written_in_chinese_with_yuan(results):
    few = {"offers": handmade.offers()}
    made = fewer(document.of(results, Locale("zh", "CNY", 7.1, "2026-01-01", "test"), more=few))
    page = html.text(made)
    assert '<html lang="zh-CN">' in page
    assert "¥1,499万" in page
    assert "1 美元兑 7.1 CNY" in page
    assert deck.content(made)[:2] == workbook.content(made)[:2] == b"PK"
    assert pdf.content(made).startswith(b"%PDF-")


def test_the_page_needs_nothing_from_outside(page):
    assert "default-src 'none'" in page
    outside = re.findall(r'(?:src|href|action|url)\s*=?\s*["\'(]?\s*(?:https?:)?//[^"\')\s>]+', page)
    assert not outside
    assert not re.search(r"<(?:link|iframe|object|embed|img)\b", page)


def test_the_answer_says_how_likely_it_is_wrong_and_what_would_flip_it(page):
    assert "Chance that another policy is better in truth: &lt;0.1%" in page
    assert "It flips when neocloud-1y · USD per GPU-hour goes from 2.35 to 4: then build is best." in page


def test_too_few_replications_claim_nothing():
    page = html.text(document.of(handmade.results(n=1), pictures=False))
    assert "too few replications" in page
    assert "Too few replications to say how likely" in page


def test_a_rejected_policy_is_shown_with_the_reason():
    from marketsim.experiment.folder import Limits

    made = document.of(
        handmade.results(objective=Limits("total_cost_usd", {"missed_deadline_share": 0.2})), pictures=False
    )
    states = {row["policy"]: row["state"] for row in made.rows}
    assert states == {"rent-and-burst": "best", "build": "out", "spot-first": "out", "cloud-only": "out"}
    assert "rejected: missed_deadline_share 0.2144 is above 0.2" in html.text(made)
