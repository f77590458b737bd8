"""Load against the market: a pencil's sum, first quotas, and what stands in the page of a report."""

from __future__ import annotations

import pathlib
import re
from dataclasses import replace

import pytest

import marketsim as ms
from marketsim import scenario
from marketsim.build import build
from marketsim.metrics import load
from marketsim.path import Path
from marketsim.report import document, html
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


def test_check_shows_each_of_many_workloads_whole(tmp_path: pathlib.Path, capfd: pytest.CaptureFixture[str]) -> None:
    from marketsim.cli.main import main

    one = next(line for line in TEXT.splitlines() if "retrain:" in line)
    many = "\n".join(one.replace("retrain", f"retraining-{number}") for number in range(10))
    (tmp_path / "many.yaml").write_text(TEXT.replace(one, many))
    assert main(["check", str(tmp_path / "many.yaml")]) == 0
    out = capfd.readouterr().out
    assert all(f"retraining-{number}" in out for number in range(10))
    assert out.count("1 to 1") == out.count(" market\n") == 3
