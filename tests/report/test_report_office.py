"""Decks and workbooks as an office program shows them: every slide fits, nothing falls off, formulas give our sums."""

from __future__ import annotations

import csv

import handmade
import office
import pytest

from marketsim.i18n.locale import Locale
from marketsim.report import deck, document, workbook

pytestmark = [pytest.mark.slow, pytest.mark.extra]
CHINESE = Locale("zh", "CNY", 7.1, "2026-01-01", "test")


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_every_slide_can_be_drawn_and_nothing_reaches_its_edge(lang, tmp_path):
    locale = Locale() if lang == "en" else CHINESE
    made = document.of(handmade.results(), locale, more=handmade.tables_once(), grid=handmade.grid())
    path = tmp_path / f"{lang}.pptx"
    path.write_bytes(deck.content(made))
    drawn = office.pictures(path, tmp_path)
    assert len(drawn) == 13
    for one in drawn:
        office.check_slide(one)


def test_sixteen_policies_fit_on_their_slides(tmp_path):
    path = tmp_path / "many.pptx"
    path.write_bytes(deck.content(document.of(handmade.many(), more={"offers": handmade.offers()})))
    for one in office.pictures(path, tmp_path):
        office.check_slide(one)


def test_an_office_program_works_out_the_sums_that_we_wrote(tmp_path):
    results = handmade.results()
    made = document.of(results, pictures=False)
    path = tmp_path / "book.xlsx"
    path.write_bytes(workbook.content(made))
    office.converted(path, "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,false,false,false,false,3", tmp_path)
    (sheet,) = tmp_path.glob("book-*.csv")
    rows = list(csv.reader(sheet.read_text(encoding="utf-8").splitlines()))
    column = rows[1].index("with penalties, USD")
    found = {row[0]: float(row[column]) for row in rows[3 : 3 + len(made.rows)]}
    wanted = {policy: results.cell(policy, "total_with_penalties_usd")["mean"] for policy in results.policies}
    assert found == pytest.approx(wanted, rel=1e-9)
