"""A grid of what-ifs goes to JSON and back, says what flips the answer, and is what the runs say."""

from __future__ import annotations

import json

import handmade
import pytest

from marketsim.errors import InputError
from marketsim.report import document, grid, html


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
    with pytest.raises(InputError, match="own value must be among"):
        grid.make(tiny_scenario, {"supply.cloud.usd_per_gpu_hour": [1.0, 9.0]}, 1)


def test_a_grid_is_made_by_running_each_point(tiny_scenario):
    made = grid.make(tiny_scenario, {"supply.cloud.usd_per_gpu_hour": [2.0, 4.0]}, 2)
    base, dear = (made.cells[place,].means["on-demand"]["total_cost_usd"] for place in (0, 1))
    assert dear == pytest.approx(2 * base)
