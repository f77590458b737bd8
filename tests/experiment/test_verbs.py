"""What-if, sweep, tornado, tune, selection, uncertain inputs: on a tiny scenario and on known models."""

from __future__ import annotations

import math
import pathlib
from typing import Any

import numpy as np
import pytest

from marketsim import scenario as scenarios
from marketsim.errors import InputError
from marketsim.experiment import choose, controls, folder, points, runners, sensitivity, study, sweep, tune, uncertainty
from marketsim.experiment import whatif as whatifs
from marketsim.experiment.statistics.interval import Interval
from marketsim.experiment.statistics.stopping import Until
from marketsim.streams import Dice, normal

TINY: dict[str, Any] = {
    "name": "tiny",
    "horizon": "5 d",
    "demand": {
        "train": {
            "kind": "training",
            "arrivals": {"kind": "batches", "per_day": 4, "batch_mean": 1},
            "work_gpu_hours": {"kind": "lognormal", "median": 8, "p90": 20},
            "reference_gpu": "H100",
            "gang": {"kind": "constant", "gpus": 1},
            "deadline": {"kind": "after_arrival", "within": "2 d", "usd_per_late_day": 50, "usd_at_most": 200},
        }
    },
    "supply": {
        "cloud": {
            "kind": "on_demand",
            "provider": "X",
            "residency": "eu",
            "shape": {"gpu": "H100", "gpus": 1},
            "usd_per_gpu_hour": 4.0,
        },
        "spot": {
            "kind": "spot",
            "like": "cloud",
            "usd_per_gpu_hour": 1.5,
            "availability": {
                "kind": "two_state",
                "available": {"kind": "exponential", "mean": "10 h"},
                "gone": {"kind": "exponential", "mean": "5 h"},
            },
        },
    },
    "policies": {
        "cloud-only": {"placement": {"kind": "on_demand_only"}},
        "spot-first": {"placement": {"kind": "spot_greedy", "wait_before_fallback": "1 h"}},
    },
}


@pytest.fixture(scope="module")
def tiny() -> scenarios.Scenario:
    return scenarios.check(TINY)


def test_a_real_study_gives_the_same_folder_again(tiny: scenarios.Scenario, tmp_path: pathlib.Path) -> None:
    found = study.run_study(tiny, replications=6, out=tmp_path / "a")
    study.run_study(tiny, replications=3, out=tmp_path / "b", chunk=1)
    study.run_study(tiny, replications=6, out=tmp_path / "b")
    names = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert names == sorted(path.name for path in (tmp_path / "b").iterdir())
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name
    assert folder.read(tmp_path / "a").to_json() == found.to_json()
    assert scenarios.loads((tmp_path / "a" / "resolved.yaml").read_text()) == tiny


def test_a_store_made_good_leaves_no_trace_in_the_folder(tiny: scenarios.Scenario, tmp_path: pathlib.Path) -> None:
    study.run_study(tiny, replications=2, out=tmp_path)
    whole = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    (tmp_path / "store.sqlite").write_bytes(b"no database" * 1000)
    again = study.run_study(tiny, replications=2, out=tmp_path)
    assert "was damaged" in again.warnings[0]
    (tmp_path / "store.damaged").unlink()
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == whole


def test_a_changed_scenario_is_refused_in_the_same_folder(tiny: scenarios.Scenario, tmp_path: pathlib.Path) -> None:
    study.run_study(tiny, replications=1, out=tmp_path / "a")
    for other, seed in ((tiny.changed({"supply.cloud.usd_per_gpu_hour": 4.1}), 1), (tiny, 2)):
        with pytest.raises(InputError, match="holds run"):
            study.run_study(other, replications=1, seed=seed, out=tmp_path / "a")
    with pytest.raises(InputError, match=r"no policy has this name \(got spot-frist\)"):
        study.run_study(tiny, ["spot-frist"], 1)


def test_an_object_of_the_users_own_is_run_beside_the_scenarios(tiny: scenarios.Scenario) -> None:
    from marketsim.policies.policy import Start

    class Mine:
        name = "mine"

        def decide(self, view: Any) -> list[Start]:
            return [Start(job.id, "cloud") for job in view.waiting() if view.can_start(job, "cloud")]

    found = study.run_study(tiny, ["cloud-only", Mine()], replications=3)
    assert found.policies == ("cloud-only", "mine")
    assert found.column("mine", "total_cost_usd") == pytest.approx(found.column("cloud-only", "total_cost_usd"))


def test_what_if_a_price_rises_by_a_tenth_so_does_a_price_blind_bill(tiny: scenarios.Scenario) -> None:
    base, changed = whatifs.what_if(
        tiny, {"supply.cloud.usd_per_gpu_hour": 4.4}, policies=["cloud-only"], replications=5
    )
    (cost, *_) = whatifs.changes(base, changed, ["total_cost_usd"])
    assert cost.share == pytest.approx(0.1, abs=1e-7)  # of a charge's micro-dollar
    assert cost.told_apart is True
    assert whatifs.frame([cost])["policy"].tolist() == ["cloud-only"]


def test_folders_are_compared_in_pairs_only_where_they_met_the_same_throws(tiny: scenarios.Scenario) -> None:
    base = study.run_study(tiny, replications=5)
    same = study.run_study(tiny.changed({"policies.spot-first.placement.wait_before_fallback": "2 h"}), replications=5)
    other = study.run_study(tiny, replications=5, seed=2)
    paired = whatifs.compare_results(base, same, ["total_cost_usd"])
    apart = whatifs.compare_results(base, other, ["total_cost_usd"])
    assert paired[0].note == "identical in all 5"  # cloud-only does not wait for spot
    assert apart[0].note == "not paired"
    assert apart[0].high is not None
    assert apart[0].high > 0 or apart[0].value < 0


def test_a_setting_is_read_from_text() -> None:
    assert points.setting("a.b=1..3:3")[0].grid(3) == (1, 2, 3)
    assert points.setting("a.b=30 min..2 h:4")[0].grid(4) == ("30 min", "1 h", "90 min", "2 h")
    assert points.setting("a.b=edf,fifo")[0].values == ("edf", "fifo")
    assert points.setting("a.b=0.5..1.5")[0].at(0.5) == 1.0
    for wrong in ("a", "a=", "a=3..1", "a=x..y"):
        with pytest.raises(InputError):
            points.setting(wrong)


def test_designs_cover_their_ranges() -> None:
    one, two = points.setting("x=0.0..1.0")[0], points.setting("y=a,b")[0]
    assert points.grid([one, two], 3) == [{"x": x, "y": y} for x in (0.0, 0.5, 1.0) for y in ("a", "b")]
    spread = points.scattered([one], 8, "lhs")
    assert sorted(int(point["x"] * 8) for point in spread) == list(range(8))
    assert len(points.scattered([one, two], 6, "sobol")) == 6
    with pytest.raises(InputError, match="grid, lhs, sobol"):
        points.scattered([one], 4, "random")


def test_a_wrong_edit_is_told_before_anything_runs(tiny: scenarios.Scenario) -> None:
    with pytest.raises(InputError, match=r"supply\.cloud"):
        points.run_points(tiny, [{}, {"supply.cloud.usd_per_gpu_hour": -1}], replications=1)


def test_points_stop_together_once_each_difference_within_them_is_known(tiny: scenarios.Scenario) -> None:
    edits = [{}, {"supply.cloud.usd_per_gpu_hour": 6.0}]
    until = Until(half_width=40.0)
    plan = study.Plan(300, until, "total_cost_usd", to="cloud-only")
    found = points.run_points(tiny, edits, replications=plan)
    counts = {one.stamp["replications"] for one in found}
    assert len(counts) == 1
    assert 10 < min(counts) < 300
    for one in found:
        assert len(one.column("spot-first", "total_cost_usd")) == min(counts)
        (gap,) = one.differences("total_cost_usd", to="cloud-only")
        assert gap.high - gap.low <= 80.0  # type: ignore[operator]
    # each pair of the points is watched: with the change alone it would have been enough sooner or just then
    alone = [points.run_points(tiny, [edit], replications=plan)[0].stamp["replications"] for edit in edits]
    assert max(alone) == min(counts) > min(alone)
    # the scenario's own rule is the same rule
    asked = {"at_most": 300, "until": {"metric": "total_cost_usd", "half_width": 40, "to": "cloud-only"}}
    said = points.run_points(tiny.changed({"experiment.replications": asked}), edits)
    assert {one.stamp["replications"] for one in said} == counts


def test_one_policy_by_itself_has_no_difference_to_watch_and_takes_all(tiny: scenarios.Scenario) -> None:
    plan = study.Plan(12, Until(half_width=1e9), "total_cost_usd", to="cloud-only")
    (alone,) = points.run_points(tiny, [{}], ["spot-first"], replications=plan)
    assert alone.stamp["replications"] == 12


def test_a_sweep_finds_the_price_at_which_spot_stops_paying(tiny: scenarios.Scenario) -> None:
    swept = sweep.sweep(tiny, [points.setting("supply.cloud.usd_per_gpu_hour=1.0..4.0")[0]], 4, replications=8)
    frame = swept.frame(["total_cost_usd"])
    assert len(frame) == 8
    assert frame["best"].sum() == 4
    (found,) = sweep.break_evens(swept, "total_cost_usd", "spot-first", "cloud-only")
    assert 1.0 < found.at < 4.0
    assert found.setting == "supply.cloud.usd_per_gpu_hour"


def test_a_crossing_and_the_span_in_which_it_may_lie_are_where_a_ruler_puts_them() -> None:
    xs = [0.0, 1.0, 2.0, 3.0]
    gaps = [Interval(x - 1.25, x - 1.25 - 0.5, x - 1.25 + 0.5, 9) for x in xs]
    assert sweep.crossings(xs, gaps) == [(1.25, 0.75, 1.75)]
    assert sweep.crossings(xs, [Interval(1.0, 0.5, 1.5, 9)] * 4) == []
    assert sweep.crossings([0.0, 1.0], [Interval(-1, -2, 0, 9), Interval(1, -1, 3, 9)])[0] == (0.5, None, None)


def test_a_tornado_puts_the_widest_swing_first(tiny: scenarios.Scenario) -> None:
    settings = [points.setting("supply.spot.usd_per_gpu_hour=1.4..1.6")[0]]
    settings += [points.setting("supply.cloud.usd_per_gpu_hour=3.0..5.0")[0]]
    bars = sensitivity.tornado(tiny, settings, "cloud-only", "total_cost_usd", replications=4)
    assert [bar.setting for bar in bars] == ["supply.cloud.usd_per_gpu_hour", "supply.spot.usd_per_gpu_hour"]
    assert bars[0].at_low.share == pytest.approx(-0.25)
    assert bars[0].at_high.share == pytest.approx(0.25)
    assert bars[1].swing == 0


def test_sobol_shares_of_a_scenario_are_those_of_its_price(tiny: scenarios.Scenario) -> None:
    settings = [points.setting(f"supply.{offer}.usd_per_gpu_hour=1.0..2.0")[0] for offer in ("cloud", "spot")]
    found = sensitivity.sobol_of(tiny, settings, "cloud-only", "total_cost_usd", n=16, replications=1)
    assert found.total[1].value == 0
    assert found.total[0].value == pytest.approx(1, abs=0.2)


def quadratic(chosen: dict[str, Any] | None, replications: range) -> dict[int, float]:
    x = 0.0 if chosen is None else chosen["x"]
    return {r: (x - 0.7) ** 2 * 10 + float(normal(Dice(3, r).uniforms("noise", 1))[0]) for r in replications}


def test_tune_improves_on_replications_that_it_never_saw() -> None:
    found = tune.tune(quadratic, [points.setting("x=0.0..1.0")[0]], "cost", trials=30, searched=8, held_out=20)
    assert found.settings["x"] == pytest.approx(0.7, abs=0.15)
    assert found.held_out.high is not None
    assert found.held_out.high < 0
    assert found.held_out.value == pytest.approx((found.settings["x"] - 0.7) ** 2 * 10 - 4.9)
    assert found == tune.tune(quadratic, [points.setting("x=0.0..1.0")[0]], "cost", trials=30, searched=8, held_out=20)


@pytest.mark.slow
def test_tuning_a_threshold_policy_pays_on_held_out_replications(tiny: scenarios.Scenario) -> None:
    slow = tiny.changed({"policies.spot-first.placement.wait_before_fallback": "20 h"})
    setting = points.setting("placement.wait_before_fallback=0 s..24 h")[0]
    found = tune.tune_policy(slow, "spot-first", [setting], trials=12, searched=8, held_out=40)
    assert found.held_out.high is not None
    assert found.held_out.high < 0


def test_a_choice_keeps_its_promise_about_the_number_of_workers() -> None:
    def task(policy: str, replication: int) -> dict[str, float | None]:
        noise = float(normal(Dice(1, replication).uniforms(policy, 1))[0])
        return {"cost": {"a": 1.0, "b": 0.0, "c": 3.0}[policy] + noise}

    one = choose.choose(task, ["a", "b", "c"], "cost", delta=0.5, ahead=1)
    many = choose.choose(task, ["a", "b", "c"], "cost", delta=0.5, ahead=50)
    assert one == many
    assert one.best == "b"
    assert one.decided
    assert one.replications["c"] <= one.replications["a"]


@pytest.mark.slow
def test_the_chance_of_choosing_right_is_kept_where_it_is_hardest() -> None:
    """Slippage: the best is better than every other by the indifference zone exactly; at least 95 % within error."""
    from marketsim.experiment.statistics import selection

    dice, right, repeats = np.random.Generator(np.random.PCG64DXSM(9)), 0, 400
    for _ in range(repeats):
        noise = dice.normal(0, 2, (4_000, 4))
        noise[:, 1:] += 1.0
        found = selection.kim_nelson(lambda alive, r, x=noise: x[r, list(alive)], 4, delta=1.0, n0=10, at_most=4_000)
        right += found.best == 0
    share = right / repeats
    assert share >= 0.95 - 2 * math.sqrt(0.95 * 0.05 / repeats)


def test_the_share_of_uncertain_inputs_is_that_of_a_model_with_an_answer() -> None:
    """Mean drawn with sd 2, outcomes about it with sd 1: four fifths of the variance are the inputs'."""

    def task(policy: str, replication: int) -> dict[str, float | None]:
        draw = int(policy.partition("/")[0])
        theta = 2 * float(normal(Dice(7, draw).uniforms("theta", 1))[0])
        return {"cost": 100 + theta + float(normal(Dice(8, replication).uniforms("noise", 1))[0])}

    found = uncertainty.outer_loop(task, 400, ["a"], "cost", 5)["a"]
    assert found.inputs_share.value == pytest.approx(0.8, rel=0.1)
    assert found.inputs_share.low is not None
    assert found.inputs_share.high is not None
    assert found.inputs_share.low < 0.8 < found.inputs_share.high
    assert found.inputs == pytest.approx(2, rel=0.1)
    assert found.monte_carlo == pytest.approx(1 / math.sqrt(2000), rel=0.1)
    assert found.outcomes[1] - found.outcomes[0] == pytest.approx(2 * 1.2816 * math.sqrt(5), rel=0.1)


def test_a_small_share_is_not_taken_for_the_noise_of_few_replications() -> None:
    """With 2 replications a draw, most of what the draws' means differ by is noise: 1/4 + 1/2, of which 1/4 counts."""
    dice = np.random.Generator(np.random.PCG64DXSM(4))
    values = dice.normal(0, 0.5, (4_000, 1)) + dice.normal(0, 1, (4_000, 2))
    found = uncertainty.spread(values)
    assert found.inputs_share.value == pytest.approx(0.2, rel=0.1)
    assert found.inputs == pytest.approx(0.5, rel=0.1)


def test_inputs_that_are_certain_have_no_share() -> None:
    dice = np.random.Generator(np.random.PCG64DXSM(2))
    found = uncertainty.spread(dice.normal(5, 1, (50, 20)))
    assert found.inputs_share.low == 0
    assert found.inputs_share.value < 0.05
    assert uncertainty.spread([[1.0, 1.0], [2.0, 2.0]]).inputs_share.value == 1
    with pytest.raises(ValueError, match="at least 2"):
        uncertainty.spread([[1.0, 2.0]])


def test_uncertain_inputs_of_a_scenario_are_edits_by_path(tiny: scenarios.Scenario) -> None:
    inputs = [{"supply.cloud.usd_per_gpu_hour": price} for price in (2.0, 4.0, 8.0)]
    found = uncertainty.input_uncertainty(tiny, inputs, policies=["cloud-only"], replications=4)["cloud-only"]
    assert found.inputs_share.value > 0.5
    assert found.draws == 3


def test_offered_work_as_a_control_narrows_the_bill_and_keeps_the_mean(tiny: scenarios.Scenario) -> None:
    found = study.run_study(tiny, replications=30)
    task = study.ScenarioTask(tiny, 1)
    names = controls.usual(found)
    assert names == ("offered_gpu_h", "open_share/offer/spot")  # no service, both prices are constant, cloud is open
    known = controls.of_throws(task, names, first=1000, throws=100)
    assert known.means[1] == pytest.approx(2 / 3, abs=0.05)  # 10 h there, 5 h gone
    plain = found.cell("cloud-only", "total_cost_usd")
    fine = controls.controlled(found, "total_cost_usd", "cloud-only", known)
    assert fine.half_width is not None
    assert fine.half_width < 0.7 * (plain["high"] - plain["low"]) / 2
    assert fine.value == pytest.approx(4 * known.means[0], rel=0.02)  # all work is paid at 4 USD a GPU-hour
    both = found, "total_cost_usd", "spot-first", "cloud-only", known
    assert controls.kept_variance(*both) < 0.25
    assert controls.kept_variance(*both) < controls.kept_variance(*both, of_controlled=True)
    with pytest.raises(InputError, match="not known before a run"):
        controls.of_throws(task, ["utilization"], 0, 1)


def test_antithetic_pairs_are_observed_as_pairs_and_narrow_the_mean(tiny: scenarios.Scenario) -> None:
    pairs = study.run_study(tiny, ["cloud-only"], 40, antithetic=True)
    alone = study.run_study(tiny, ["cloud-only"], 40)
    work = pairs.column("cloud-only", "offered_gpu_h")
    assert work[0] == alone.column("cloud-only", "offered_gpu_h")[0]  # the first half of a pair is as it was
    first, second = [work[2 * k] for k in range(20)], [work[2 * k + 1] for k in range(20)]
    assert np.corrcoef(first, second)[0, 1] < -0.3
    cell, plain = pairs.cell("cloud-only", "total_cost_usd"), alone.cell("cloud-only", "total_cost_usd")
    assert cell["n"] == 20
    assert cell["mean"] == pytest.approx(np.mean(list(pairs.column("cloud-only", "total_cost_usd").values())))
    assert cell["high"] - cell["low"] < plain["high"] - plain["low"]
    with pytest.raises(InputError, match="even number"):
        study.run_study(tiny, ["cloud-only"], 5, antithetic=True)


def test_the_mirror_of_the_dice_is_their_complement() -> None:
    dice = Dice(5, 2).under("x")
    mirror = Dice(5, 2, mirrored=True).under("x")
    both = dice.uniforms("a", 1000) + mirror.uniforms("a", 1000)
    assert (both == 1 - 2.0**-53).all()
    assert 0 <= mirror.uniforms("a", 1000).min() <= mirror.uniforms("a", 1000).max() < 1
    assert dice.keyed("a", 1) + mirror.keyed("a", 1) == 1
    assert repr(Dice(5, 2)) == "Dice(seed=5, replication=2, prefix='')"


@pytest.mark.slow
def test_points_give_the_same_in_processes(tiny: scenarios.Scenario) -> None:
    edits = [{}, {"supply.cloud.usd_per_gpu_hour": 5.0}]
    here = points.run_points(tiny, edits, replications=2)
    pool = runners.Processes(2)
    try:
        there = points.run_points(tiny, edits, replications=2, runner=pool)
    finally:
        pool.close()
    assert [one.rows for one in here] == [one.rows for one in there]
