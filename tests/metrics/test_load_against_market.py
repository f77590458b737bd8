"""Load against the market: a pencil's sum, first quotas, and what stands in the page of a report."""

from __future__ import annotations

import io
import pathlib
import re
from dataclasses import replace

import pandas as pd
import pytest
from matplotlib.text import Text

import marketsim as ms
from marketsim import charts, scenario
from marketsim.build import build
from marketsim.charts.chart import Figures
from marketsim.i18n.locale import Locale
from marketsim.metrics import load
from marketsim.path import Path
from marketsim.report import deck, document, html, pdf
from marketsim.units import UNLIMITED, WEEK_S

TEXT = """
name: weekly
horizon: 14 d
demand:
  retrain: {kind: training, arrivals: {kind: calendar, every: 7 d}, work_gpu_hours: 336, gang: 2}
supply:
  cloud:
    kind: on_demand
    provider: Cloud
    shape: {gpu: H100, gpus: 2}
    usd_per_gpu_hour: 2.0
    quota_instances: {initial: 3}
  more:
    kind: on_demand
    provider: Other
    shape: {gpu: H100, gpus: 1}
    usd_per_gpu_hour: 3.0
    quota_instances: {initial: 1}
policies:
  cheapest: {placement: {kind: cheapest_feasible}}
"""


def test_a_week_of_336_gpu_hours_is_two_gpus_against_seven_that_quotas_allow() -> None:
    (one, two) = load.against_market(build(scenario.loads(TEXT, pathlib.Path(".")), 0))
    assert (one.first_week, one.last_week, two.last_week) == (1, 1, 2)
    assert one.offered["retrain"] == pytest.approx(336 / 168)
    assert one.market == pytest.approx(3 * 2 + 1 * 1)


def test_a_market_without_quota_has_no_bound() -> None:
    found = scenario.loads(TEXT.replace("    quota_instances: {initial: 3}\n", ""), pathlib.Path("."))
    assert {one.market for one in load.against_market(build(found, 0))} == {None}


def test_a_quota_holds_at_each_moment_and_who_has_none_has_no_bound_while_open() -> None:
    """Closed for half of each week, with 6 GPUs allowed while it is open: 3 in the mean, and 1 of the other's."""
    world = build(scenario.loads(TEXT, pathlib.Path(".")), 0)
    half = Path.steps([(at * WEEK_S // 2, (1 - at % 2) * UNLIMITED) for at in range(4)])
    cloud, more = world.offers
    for quota, market in ((3, 3.0 + 1.0), (None, None)):
        made = replace(world, offers=(replace(cloud, launchable=half, quota=quota), more))
        assert [one.market for one in load.against_market(made)] == [market, market]


@pytest.mark.parametrize(("lang", "title"), [("en", "Load against capacity"), ("zh", "负载与容量")])
def test_a_report_shows_the_load_of_each_week(lang: str, title: str) -> None:
    found = scenario.loads(TEXT, pathlib.Path("."))
    page = html.text(document.of(ms.run(found, replications=1), lang, scenario=found), lambda *_: ())
    section = page[page.index('<section id="load"') :]
    text = re.sub(r"<[^>]+>", " ", section[: section.index("</section>")]).split()
    assert title in " ".join(text)
    assert " ".join(text).endswith("1 2 7 2 2 7")


LOAD = {
    "en": "All demand: up to 2 H100, and the market lets 7 start",
    "zh": "全部需求：最多需要 2 个 H100，市场允许启动 7 个",
}


@pytest.mark.parametrize("lang", LOAD)
def test_pdf_and_deck_show_it_as_a_picture_whose_title_says_it(lang: str) -> None:
    pptx = pytest.importorskip("pptx")
    found = scenario.loads(TEXT, pathlib.Path("."))
    made = document.of(ms.run(found, replications=1), lang, scenario=found)
    said = [" ".join(text.get_text() for text in page.texts) for page in pdf.pages(made)]
    assert sum(LOAD[lang].replace(" ", "") in text.replace(" ", "") for text in said) == 1
    slides = pptx.Presentation(io.BytesIO(deck.content(made))).slides
    (slide,) = [one for one in slides if one.shapes.title.text_frame.text == LOAD[lang]]
    assert [shape.name for shape in slide.shapes if shape.shape_type == 13] == ["load"]  # a picture


def _figures(market: list[float], offered: list[dict[str, float]], gpus: dict[str, str]) -> Figures:
    table = pd.DataFrame(
        {"first_week": [1, 2], "last_week": [1, 2], "offered": offered, "market": market, "policy": "p"}
    )
    table.attrs.update(horizon_s=2 * WEEK_S, gpus=gpus)
    return charts.KINDS["load"].figures({"load": table})


def test_the_worst_stretch_is_said_and_nothing_is_added_up_that_is_counted_in_two_gpus() -> None:
    offered = [{"a": 10.0, "b": 6.0}, {"a": 4.0, "b": 8.0}]
    one, two = dict.fromkeys("ab", "H100"), {"a": "H100", "b": "A10"}

    def message(market: list[float], gpus: dict[str, str]) -> str:
        return Locale().say(_figures(market, offered, gpus).message)

    # short by 2 in the first week, by 4 in the second
    assert message([14.0, 8.0], one).startswith("All demand: up to 12 H100, of which the market lets 8 start")
    assert message([16.0, 12.0], one) == "All demand: up to 16 H100, and the market lets 16 start"
    assert message([float("nan")] * 2, one) == "All demand: up to 16 H100, and the market sets no bound"
    # both need seven in the mean: the first is said by itself
    assert message([14.0, 8.0], two) == "a: up to 10 H100, and the market lets 14 start"


def test_what_lies_beyond_the_market_is_marked_and_a_far_line_is_a_sentence() -> None:
    offered = [{"a": 10.0}, {"a": 12.0}]

    def words(market: list[float]) -> str:
        figure = charts.KINDS["load"].draw(_figures(market, offered, {"a": "H100"}))
        return " ".join(text.get_text() for text in figure.findobj(Text))

    assert "beyond what the market lets start" in words([11.0, 11.0])
    assert "beyond" not in words([13.0, 13.0])
    assert "the market lets 400 and more start, above this picture" in words([400.0, 500.0])
    assert "the market sets no bound" in words([float("nan")] * 2)


def test_check_shows_each_of_many_workloads_whole(tmp_path: pathlib.Path, capfd: pytest.CaptureFixture[str]) -> None:
    from marketsim.cli.main import main

    one = next(line for line in TEXT.splitlines() if "retrain:" in line)
    many = "\n".join(one.replace("retrain", f"retraining-{number}") for number in range(10))
    (tmp_path / "many.yaml").write_text(TEXT.replace(one, many))
    assert main(["check", str(tmp_path / "many.yaml")]) == 0
    out = capfd.readouterr().out
    assert all(f"retraining-{number}" in out for number in range(10))
    assert out.count("1 to 1") == out.count(" market\n") == 3
