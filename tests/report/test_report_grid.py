"""A grid of what-ifs goes to JSON and back, says what flips the answer, and is what the runs say."""

from __future__ import annotations

import json
from dataclasses import replace

import handmade
import pytest

from marketsim import build, scenario, shipped
from marketsim.errors import InputError
from marketsim.report import document, grid, html, knobs


def test_a_grid_goes_round():
    made = handmade.grid()
    assert grid.Grid.of_json(json.loads(json.dumps(made.to_json()))) == made


def test_the_nearest_change_that_flips_is_told():
    axis, value, policy = handmade.grid(second=False).flip()
    assert (axis.path, value, policy) == ("supply.neocloud-1y.usd_per_gpu_hour", "4", "build")


def test_nothing_flips_where_one_policy_wins_everywhere():
    made = handmade.grid()
    cells = dict.fromkeys(made.cells, made.cells[made.base])
    assert grid.Grid(made.axes, cells, made.metric, made.n).flip() is None


def test_a_grid_with_a_hole_is_refused():
    data = handmade.grid().to_json()
    data["cells"].pop()
    with pytest.raises(InputError, match="cells are missing"):
        grid.Grid.of_json(data)


def test_a_file_that_is_no_grid_is_refused_and_none_is_none(tmp_path):
    (tmp_path / "grid.json").write_text("[1, 2]")
    with pytest.raises(InputError, match="no grid of what-ifs"):
        grid.Grid.read(tmp_path / "grid.json")
    assert grid.Grid.read(tmp_path / "other.json") is None


def test_every_cell_is_in_the_page_as_it_is_shown():
    made = handmade.grid()
    page = html.text(document.of(handmade.results(), grid=made, pictures=False))
    data = json.loads(page.split('id="grid">')[1].split("</script>")[0])
    assert set(data["cells"]) == {",".join(map(str, place)) for place in made.cells}
    cell = data["cells"]["3,1"]
    assert cell["rows"][0]["policy"] == made.cells[3, 1].order[0] == "build"
    shown = document.locale_of("en").metric("total_cost_usd", made.cells[3, 1].means["build"]["total_cost_usd"])
    assert cell["rows"][0]["texts"][0] == shown


def test_a_slider_holds_the_value_that_the_scenario_has(tiny_scenario):
    made = knobs.slider(tiny_scenario, "supply.cloud.usd_per_gpu_hour", [1, 9])
    assert made.values == (1.0, 2.0, 9.0)
    assert made.base == 1
    with pytest.raises(InputError, match="no number of the scenario stands there"):
        knobs.slider(tiny_scenario, "supply.cloud.provider", [1.0])
    with pytest.raises(InputError, match="moves over numbers"):
        knobs.slider(tiny_scenario, "supply.cloud.usd_per_gpu_hour", ["x"])


def test_a_slider_may_move_what_the_scenario_has_at_nothing(tiny_scenario):
    capital = knobs.slider(tiny_scenario, "finance.cost_of_capital_per_year", [0.1])
    assert [capital.edits(place) for place in (0, 1)] == [
        {"finance.cost_of_capital_per_year": 0.0},
        {"finance.cost_of_capital_per_year": 0.1},
    ]


def test_a_grid_is_made_by_running_each_point(tiny_scenario):
    price = knobs.slider(tiny_scenario, "supply.cloud.usd_per_gpu_hour", [4.0])
    made = grid.make(tiny_scenario, [price], 2, policies=["on-demand"])
    base, dear = (made.cells[place,].means["on-demand"]["total_cost_usd"] for place in (0, 1))
    assert dear == pytest.approx(2 * base)


def test_a_median_moves_with_its_tail(tiny_scenario):
    work = next(one for one in knobs.sliders(tiny_scenario) if one.path == "demand.work.work_gpu_hours.median")
    assert work.edits(len(work.values) - 1) == {
        "demand.work.work_gpu_hours.median": 16.0,
        "demand.work.work_gpu_hours.p90": 48.0,
    }


def test_a_median_that_is_asked_for_takes_its_tail_along_unless_that_has_a_slider_of_its_own(tiny_scenario):
    median, tail = ("demand.work.work_gpu_hours.median", "demand.work.work_gpu_hours.p90")
    moved = knobs.slider(tiny_scenario, median, [8.0])
    assert moved.edits(1) == {median: 8.0, tail: 24.0}
    assert knobs.slider(tiny_scenario, median, [8.0], [median, tail]).edits(1) == {median: 8.0}
    assert knobs.slider(tiny_scenario, tail, [20.0]).edits(1) == {tail: 20.0}


def test_the_swings_of_a_grid_are_those_of_its_ends_alone():
    swings = handmade.grid().swings()
    made = handmade.grid()
    policy = made.cells[made.base].order[0]
    for row, (low, high) in zip(
        swings.to_dict("records"), (((0, made.base[1]), (-1, made.base[1])), ((made.base[0], 0), (made.base[0], -1))),
        strict=True,
    ):  # fmt: skip
        at = [
            made.cells[
                tuple(len(axis.values) - 1 if one < 0 else one for one, axis in zip(place, made.axes, strict=True))
            ]
            for place in (low, high)
        ]
        base = made.cells[made.base].means[policy][made.metric]
        assert [row["at_low"], row["at_high"]] == [cell.means[policy][made.metric] - base for cell in at]
    assert handmade.grid(second=False).swings() is None


def test_a_grid_whose_objective_is_undefined_at_an_end_has_no_swings():
    made = handmade.grid()
    end = (0, made.base[1])
    cell = made.cells[end]
    nothing = {policy: {**means, made.metric: None} for policy, means in cell.means.items()}
    cells = {**made.cells, end: replace(cell, means=nothing)}
    assert replace(made, cells=cells).swings() is None


@pytest.fixture(scope="module")
def folder(tmp_path_factory, tiny_scenario):
    """Results of the tiny scenario, in a folder as `marketsim run` leaves it."""
    from marketsim.experiment.study import run_study

    path = tmp_path_factory.mktemp("runs") / "tiny"
    run_study(tiny_scenario, replications=3, out=path)
    return path


def test_any_results_folder_can_be_given_sliders(folder):
    from click.testing import CliRunner

    from marketsim.cli.report import command

    plain = document.of(folder, pictures=False)
    assert plain.grid is None
    told = CliRunner().invoke(command, [str(folder), "--sliders", "-n", "2", "-j", "1"], standalone_mode=False)
    assert told.exception is None, told.output
    made = document.of(folder)
    assert [axis.path for axis in made.grid.axes][1] == "demand.work.arrivals.per_day"
    assert made.grid.axes[0].path.startswith("supply.cloud")
    assert len(made.grid.cells) == 9
    assert {"breakeven", "tornado"} <= {one.chart.name for one in made.drawn}
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert page.count('type="range"') == 2
    assert "was not worked out" not in page


def test_what_was_thrown_in_mirrored_pairs_is_run_again_for_a_grid_whose_other_cells_are_not(tiny_scenario):
    """Cells are compared replication by replication, so all meet the same dice."""
    from marketsim.experiment.study import run_study

    plain, pairs = (run_study(tiny_scenario, ["on-demand"], 4, antithetic=one) for one in (False, True))
    price = knobs.slider(tiny_scenario, "supply.cloud.usd_per_gpu_hour", [4.0])
    made = [grid.make(tiny_scenario, [price], 4, policies=["on-demand"], known=one) for one in (plain, pairs)]
    base, dear = ([one.cells[place,].means["on-demand"]["total_cost_usd"] for one in made] for place in (0, 1))
    assert base[0] == base[1] == pytest.approx(dear[0] / 2) == pytest.approx(dear[1] / 2)


def test_a_policy_is_run_lever_by_lever_and_the_last_step_is_the_policy(tmp_path):
    from marketsim.experiment.study import run_study
    from marketsim.report import lever_steps

    found = scenario.load(shipped.path("edge-unlocked"))
    results = run_study(found, ["edge-int4"], replications=1, out=tmp_path)
    steps = lever_steps.make(found, results, 1)
    assert [one["step"] for one in steps["steps"]] == ["", *found.policies["edge-int4"].levers]
    assert steps["steps"][-1]["total_cost_usd"] == results.cell("edge-int4", "total_cost_usd")["mean"]
    assert steps["steps"][0]["total_cost_usd"] > steps["steps"][-1]["total_cost_usd"]
    assert [one.get("metric") for one in steps["steps"]] == [None, "perplexity_ratio"]
    outcome = build.build(found, 0, int(results.stamp["seed"])).levers["int4"].outcome
    assert (steps["steps"][1]["before"], steps["steps"][1]["value"]) == (1.0, outcome.value)
    (tmp_path / "levers.json").write_text(json.dumps(steps), encoding="utf-8")
    drawn = {one.chart.name: one.figures for one in document.of(tmp_path, example=False).drawn}
    said = document.locale_of("en").say(drawn["levers"].message)
    assert "The levers save" in said
    assert f"relative perplexity goes from 1 to {outcome.value:.4g}" in said
    older = [{key: one[key] for key in ("step", "total_cost_usd")} for one in steps["steps"]]  # kept before quality was
    (tmp_path / "levers.json").write_text(json.dumps({**steps, "steps": older}), encoding="utf-8")
    assert len(lever_steps.read(tmp_path / "levers.json", steps["run"])) == 2
    (tmp_path / "levers.json").write_text(json.dumps({**steps, "run": "another"}), encoding="utf-8")
    assert "levers" not in {one.chart.name for one in document.of(tmp_path, example=False).drawn}
    assert lever_steps.make(found, run_study(found, ["cloud"], replications=1), 1) is None


def test_a_grid_of_another_run_is_left_out_and_said_so(folder):
    (folder / "grid.json").write_text(json.dumps({**handmade.grid().to_json(), "run": "another"}), encoding="utf-8")
    made = document.of(folder, pictures=False)
    assert made.grid is None
    assert any("was made for others" in made.say(one) for one in made.limits)


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_sources_of_a_shipped_scenario_are_in_the_readers_language_in_every_format(lang):
    import io

    from pptx import Presentation

    from marketsim.report import deck, pdf, workbook

    found = scenario.load(shipped.path("startup"))
    made = document.of(handmade.results(), lang, scenario=found, example=False, pictures=False)
    page = html.text(made)
    pages = " ".join(text.get_text() for one in pdf.pages(made) for text in one.texts)
    shapes = (shape for one in Presentation(io.BytesIO(deck.content(made))).slides for shape in one.shapes)
    slides = " ".join(shape.text_frame.text for shape in shapes if shape.has_text_frame)
    english, chinese = "market quote for one-year H100, March 2026", "一年期 H100 的市场报价，2026 年 3 月"
    told, other = (english, chinese) if lang == "en" else (chinese, english)
    for text in (page, pages, slides, str(workbook._assumed(made).to_dict())):
        assert told in text
        assert other not in text
    own = document.locale_of("zh").text("report.assumed.own")
    assert all((own in text) == (lang == "zh") for text in (page, slides))
