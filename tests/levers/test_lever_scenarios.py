"""The three scenarios about needing less show what their first lines promise."""

from __future__ import annotations

import pathlib

import pytest

from marketsim import scenario
from marketsim.build import build, policy_of
from marketsim.engine.run import run
from marketsim.errors import InputError
from marketsim.metrics.measure import measure
from marketsim.world import World

SCENARIOS = pathlib.Path(__file__).parents[2] / "scenarios"


def load(name: str, *edits: str) -> scenario.Scenario:
    return scenario.load(SCENARIOS / f"{name}.yaml", edits)


def measured(asked: scenario.Scenario, world: World, policy: str) -> dict[str, float | None]:
    return measure(world, run(world, policy_of(asked, policy)))


def test_a_quantized_model_lets_the_edge_take_the_cloud_s_traffic_unless_it_fails() -> None:
    asked = load("edge-unlocked", "horizon=7 d")
    by_level = {}
    for replication in range(12):
        world = build(asked, replication)
        by_level.setdefault(world.levers["int4"].outcome.level, world)
    assert set(by_level) == {0, 1}  # the four bits that were asked for, and the six that it falls back to
    good, bad = (measured(asked, by_level[level], "edge-int4") for level in (0, 1))
    cloud = measured(asked, by_level[0], "cloud")
    idle = measured(asked, by_level[0], "edge-as-it-is")
    key = "total_with_penalties_usd"
    assert good[key] < cloud[key] < idle[key] < bad[key]  # type: ignore[operator]
    assert good["utilization/offer/desks"] > 0.15  # type: ignore[operator]
    assert not bad.get("utilization/offer/desks")
    assert bad["cost_usd/offer/cloud-h100"] == pytest.approx(
        cloud["cost_usd/offer/cloud-h100"], rel=0.25  # twice the one-off work comes on top
    )  # fmt: skip


def test_compression_does_not_pay_where_one_gpu_is_enough_already() -> None:
    asked = load("compression-does-not-pay", "horizon=20 d")
    world = build(asked, 0)
    plain, student = (measured(asked, world, policy) for policy in ("as-it-is", "distilled"))
    dearer = student["total_cost_usd"] - plain["total_cost_usd"]  # type: ignore[operator]
    assert dearer == pytest.approx(720 * 2.48, rel=0.01)
    assert student["cost_usd/offer/cloud-t4"] == plain["cost_usd/offer/cloud-t4"]


def test_only_federated_rounds_may_learn_from_data_that_stay() -> None:
    asked = load("only-federated", "horizon=30 d")
    world = build(asked, 0)
    central, federated = (measured(asked, world, policy) for policy in ("central", "federated"))
    assert central["missed_deadline_share"] == 1.0
    assert federated["missed_deadline_share"] == 0.0
    assert federated["cost_usd/offer/cloud-h100"] == 0.0
    freed = load("only-federated", "horizon=30 d", "demand.triage.residency=[clinic,us]")
    free = measured(freed, build(freed, 0), "central")
    assert free["missed_deadline_share"] == 0.0
    assert 0 < free["total_cost_usd"] < federated["total_cost_usd"]  # type: ignore[operator]


def test_a_curve_of_ones_own_is_read_when_the_world_is_built_and_not_when_it_is_checked(
    tmp_path: pathlib.Path,
) -> None:
    head = ("technique,method,setting,metric,before,change,se,n,size_ratio,macs_ratio,train_speedup,prefill_speedup,"
            "decode_speedup,oneoff_gpu_hours,oneoff_gpu,basis,source\n")  # fmt: skip
    (tmp_path / "mine.csv").write_text(head + "pruning,mine,0.5,wer,9,0.1,0.1,5,2,1,1,1,1.5,3,H100,user,my log\n")
    curve = "{kind: curve, target: assistant, file: mine.csv, method: mine, setting: SETTING}"
    text = scenario.dump(load("startup", "horizon=3 d"))
    found, missing = (
        scenario.loads(text, tmp_path).changed(["levers.own=" + curve.replace("SETTING", setting)])
        for setting in ("0.5", "0.9")
    )
    assert build(found).levers["own"].outcome is not None
    with pytest.raises(InputError, match="no row of the file has this method and setting"):
        build(missing)
