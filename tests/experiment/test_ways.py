"""The map of ways: simulated cost against the closed form, where they change places, and hosting against tokens."""

from __future__ import annotations

import json
import pathlib
from typing import Any

import pytest

from marketsim import scenario
from marketsim.charts.breakeven import CHART
from marketsim.cli.main import main
from marketsim.errors import InputError
from marketsim.experiment import hosting, payback, ways

SHAPE = {"gpu": "H100", "gpus": 8, "interconnect": "nvlink"}
TINY: dict[str, Any] = {
    "name": "ways",
    "horizon": "8 w",
    "demand": {
        "train": {"kind": "training", "preset": "speech-finetune"},
        "chat": {"kind": "inference", "preset": "llm-8b-chat", "requests_per_s": {"kind": "constant", "mean": 5}},
    },
    "supply": {
        "cloud": {"kind": "on_demand", "provider": "AWS", "shape": SHAPE, "usd_per_gpu_hour": 4},
        "rent": {
            "kind": "rental", "provider": "neo", "shape": SHAPE, "usd_per_gpu_hour": 2, "term": "4 w", "lead": "9 d",
        },
        "own": {
            "kind": "datacenter", "shape": SHAPE, "usd_per_server": 100_000, "life": "5 y", "lead": "90 d",
            "resale": {"share_after_life": 0.9}, "kw_per_server": 10, "usd_per_kwh": 0.1,
            "staff": {"engineers": 1, "usd_per_year_each": 200_000, "per_servers": 64},
        },
        "tokens": {"kind": "token_api", "usd_per_million_input_tokens": 0.1, "usd_per_million_output_tokens": 0.4},
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def tiny() -> scenario.Scenario:
    return scenario.check(TINY)


@pytest.fixture(scope="module")
def found(tiny: scenario.Scenario) -> ways.Ways:
    return ways.ways_of(tiny, gpus=(8, 256), uses=(0.25, 0.75, 1.0), replications=1)


def test_a_simulated_used_hour_costs_what_the_closed_form_says(found: ways.Ways) -> None:
    assert {point.way for point in found.points} == {"cloud", "rent", "own"}
    for point in found.points:
        assert point.mean_usd == pytest.approx(point.formula_usd, rel=1e-4)
    cost = {(p.way, p.gpus, p.use): p.mean_usd for p in found.points}
    assert cost["cloud", 8, 0.25] == pytest.approx(4.0)
    assert cost["rent", 8, 0.25] == pytest.approx(8.0)


def test_the_cheapest_way_changes_where_the_closed_form_says(found: ways.Ways) -> None:
    assert found.turns[0] == (pytest.approx(0.5), 8)  # 2 USD all the time against 4 USD when used
    assert [found.at(8, use)[0].way for use in (0.25, 0.75)] == ["cloud", "rent"]
    assert found.at(256, 1.0)[0].way == "own"  # the engineer is shared by 32 servers
    assert all(found.at(row, use)[0].way == found.best_by_formula(row, use) for row in (8, 256) for use in (0.25, 1.0))


def test_rows_may_be_horizons_and_a_short_one_leaves_the_fixed_cost_of_a_long_term(tiny: scenario.Scenario) -> None:
    spans = {"horizons_s": (14 * 86_400, 56 * 86_400), "uses": (1.0,), "replications": 1}
    short = ways.ways_of(tiny, "horizon_s", gpus=(8,), only=("cloud", "rent"), **spans)  # type: ignore[arg-type]
    by_row = {row: {point.way: point.mean_usd for point in short.at(row, 1.0)} for row in short.rows()}
    assert by_row[14 * 86_400]["rent"] == pytest.approx(4.0)  # four weeks are owed, two are used
    assert by_row[56 * 86_400]["rent"] == pytest.approx(2.0)


def test_an_offer_that_is_no_way_is_named(tiny: scenario.Scenario) -> None:
    with pytest.raises(InputError, match=r"no offer of machines .*got tokens.*cloud, rent, own"):
        ways.ways_of(tiny, only=("tokens",))


def test_the_map_is_drawn_with_the_closed_form_over_it(found: ways.Ways) -> None:
    figures = CHART.figures({"whatif": found.frame()})
    assert figures.facts["closed_form"][0] == (pytest.approx(0.5), 8.0)
    assert set(figures.table["policy"]) == {"cloud", "rent", "own"}
    drawn = CHART.draw(figures)
    dashed = [line for line in drawn.axes[0].lines if line.get_linestyle() == "--"]
    assert len(dashed) == len(found.turns)


def test_the_command_prints_the_map_and_the_services(tmp_path: pathlib.Path, capfd: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "ways.yaml"
    file.write_text(json.dumps(TINY))
    picture = tmp_path / "map.svg"
    common = ["breakeven", str(file), "-q", "-n", "1", "--gpus", "8"]
    assert main([*common, "--picture", str(picture)]) == 0
    printed = capfd.readouterr().out
    assert "cloud 4.00" in printed
    assert "at 8 GPUs the cheapest way changes at 50.0%" in printed
    assert "own against rent" in printed
    assert "Requests a day from which hosting beats tokens" in printed
    assert picture.read_text().startswith("<svg xmlns")
    assert main([*common, "--json"]) == 0
    told = json.loads(capfd.readouterr().out)
    assert told["reference_gpu"] == "H100"
    assert {one["host"] for one in told["services"]} == {"cloud", "rent", "own"}


@pytest.mark.parametrize(("asked", "thrown"), [(["-n", "2"], 2), ([], 1)])
def test_the_throws_that_are_asked_for_are_those_of_hosting_too(
    asked: list[str], thrown: int, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    monkeypatch.setattr(hosting, "host_or_tokens", lambda *given: seen.append(given[2]) or [])
    monkeypatch.setattr(payback, "paybacks", lambda *_, **__: [])
    file = tmp_path / "ways.yaml"
    file.write_text(json.dumps(TINY | {"horizon": "2 w"}))
    assert main(["breakeven", str(file), "-q", "--gpus", "8", "--way", "cloud", *asked]) == 0
    assert seen == [thrown]
