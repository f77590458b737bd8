"""A scenario: defaults that run, `like`, names that must exist, and the way to text and back."""

from __future__ import annotations

import pathlib
import pickle

import pytest

from marketsim import build, dotted, plain_yaml, scenario, shipped
from marketsim.errors import InputError

LEAST = """\
name: least
demand:
  train:
    kind: training
    arrivals: {kind: calendar, every: 7 d}
    work_gpu_hours: 4
supply:
  cloud:
    kind: on_demand
    provider: AWS
    shape: {gpu: H100}
    usd_per_gpu_hour: 3
"""


def told(text: str, *edits: str) -> list[str]:
    """The faults of a text with edits."""
    with pytest.raises(InputError) as caught:
        scenario.loads(text).changed(list(edits)) if edits else scenario.loads(text)
    return caught.value.lines()


def test_name_demand_and_supply_are_enough() -> None:
    found = scenario.loads(LEAST)
    assert found.horizon == 12 * 730 * 3600
    assert list(found.policies) == ["cheapest", "on-demand-only"]
    world = build.build(found, 0)
    assert len(world.jobs) == 53  # 365 days in weeks, the first at 0
    assert [offer.id for offer in world.offers] == ["cloud"]


@pytest.mark.parametrize("key", ["name", "demand", "supply"])
def test_without_one_of_the_three_it_is_told(key: str) -> None:
    document = plain_yaml.parse(LEAST)
    data = {name: value for name, value in document.data.items() if name != key}
    with pytest.raises(InputError, match=f"{key}: is missing"):
        scenario.check(data)


@pytest.mark.parametrize("name", shipped.names())
def test_a_shipped_scenario_survives_the_way_to_text_and_back(name: str) -> None:
    found = scenario.load(shipped.path(name))
    again = scenario.loads(scenario.dump(found), found.folder)
    assert again == found
    assert again.digest == found.digest
    assert scenario.dump(again) == scenario.dump(found)


def test_what_is_changed_is_another_scenario_and_the_first_stays() -> None:
    found = scenario.loads(LEAST)
    other = found.changed(["supply.cloud.usd_per_gpu_hour=4", "horizon=30 d"])
    assert (other.horizon, other.supply["cloud"].usd_per_gpu_hour.usd) == (30 * 86_400, 4.0)
    assert found.supply["cloud"].usd_per_gpu_hour.usd == 3.0
    assert other != found
    assert other.digest != found.digest
    assert found.changed({"horizon": "30 d", "supply.cloud.usd_per_gpu_hour": 4}) == other


def test_a_scenario_goes_to_a_worker_and_keeps_its_folder(tmp_path: pathlib.Path) -> None:
    found = scenario.loads(LEAST, tmp_path)
    again = pickle.loads(pickle.dumps(found))
    assert again == found
    assert again.folder == tmp_path.resolve()


def test_the_folder_is_no_part_of_what_is_asked(tmp_path: pathlib.Path) -> None:
    assert scenario.loads(LEAST, tmp_path) == scenario.loads(LEAST)
    assert scenario.loads(LEAST, tmp_path).digest == scenario.loads(LEAST).digest


def test_a_frozen_scenario_cannot_be_changed_in_place() -> None:
    with pytest.raises(ValueError, match="frozen"):
        scenario.loads(LEAST).seed = 2  # type: ignore[misc]


LIKE = LEAST + "  other:\n    kind: spot\n    like: cloud\n    usd_per_gpu_hour: 1\n"


def test_like_copies_place_and_shape_but_no_price() -> None:
    text = LIKE.replace("    provider: AWS\n", "    provider: AWS\n    zone: z\n    residency: eu\n    boot: 3 min\n")
    spot = scenario.loads(text).supply["other"]
    assert (spot.provider, spot.zone, spot.residency, spot.boot, spot.shape.gpu) == ("AWS", "z", "eu", 180, "H100")
    assert spot.usd_per_gpu_hour.usd == 1.0


def test_what_is_given_beside_like_stands() -> None:
    spot = scenario.loads(LIKE + "    residency: us\n    shape: {gpu: L4}\n").supply["other"]
    assert (spot.residency, spot.shape.gpu, spot.provider) == ("us", "L4", "AWS")


@pytest.mark.parametrize("other", ["nobody", "other", "[cloud]"])
def test_like_of_nothing_is_told(other: str) -> None:
    assert any("supply.other.like: " in line for line in told(LIKE.replace("like: cloud", f"like: {other}")))


def test_what_is_wrong_in_what_was_copied_is_told_once_where_it_is_written() -> None:
    (line,) = told(LIKE.replace("shape: {gpu: H100}", "shape: {gpu: H100, gpus: 0}"))
    assert "supply.cloud.shape.gpus: is out of range" in line


@pytest.mark.parametrize("broken", ["7", "0.5", "[]", "text", "true"])
def test_like_of_nothing_is_told_beside_an_offer_that_is_none(broken: str) -> None:
    text = LIKE.replace("like: cloud", "like: nowhere") + f"  third: {broken}\n"
    assert any("supply.other.like: " in line for line in told(text))


def test_like_goes_one_level_only() -> None:
    text = LIKE + "  third:\n    kind: spot\n    like: other\n    usd_per_gpu_hour: 1\n"
    assert any("supply.third.like: " in line for line in told(text))


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (
            "policies={p: {procurement: {kind: fixed_plan, buy: [{offer: clod, instances: 1}]}}}",
            "policies.p.procurement.buy[0].offer: no offer has this name (got clod). Did you mean cloud?",
        ),
        (
            "policies={p: {procurement: {kind: fixed_plan, sign: [{offer: cloud, instances: 1}]}}}",
            "policies.p.procurement.sign[0].offer: an on_demand offer cannot be signed (got cloud)",
        ),
        ("policies={p: {levers: [int4]}}", "policies.p.levers[0]: no lever has this name (got int4)"),
        (
            "supply.cloud.serves=[tran]",
            "supply.cloud.serves[0]: no demand has this name (got tran). Did you mean train?",
        ),
        ("supply.cloud.data_here=[x]", "supply.cloud.data_here[0]: no demand has this name"),
        ("supply.cloud.usd_per_gpu_hour={kind: ou, preset: aws-calm, ratio_to: x}", "no such offer (got x)"),
        ("supply.cloud.usd_per_gpu_hour={kind: ou, preset: aws-calm, ratio_to: cloud}", "circle"),
        (
            "levers={q: {kind: quantization, target: chat, bits: 4, method: awq}}",
            "levers.q.target: no demand has this name (got chat)",
        ),
        (
            "finance={credits: [{provider: AWD, usd: 1, until: 1 d}]}",
            "finance.credits[0].provider: no offer's provider has this name (got AWD). Did you mean AWS?",
        ),
        ("initial={servers: [{offer: cloud, instances: 1}]}", "an on_demand offer has no servers"),
        ("ends.backlog=clod", "ends.backlog: no metered offer has this name (got clod). Did you mean cloud?"),
        ("objective={minimize: total_cost}", "objective.minimize: no metric has this name (got total_cost)"),
        ("objective={subject_to: {missed: 0.1}}", "objective.subject_to.missed: no metric has this name"),
        ("sources={supply.cloud.prise: x}", "sources.supply.cloud.prise: names no setting of this scenario"),
        ("finance={display: {currency: CNY}}", "CNY needs per_usd and as_of"),
        ("name=../x", "name: is a path"),
    ],
)
def test_names_that_do_not_exist_are_told_with_the_nearest(edit: str, says: str) -> None:
    lines = told(LEAST, edit)
    assert len(lines) == 1
    assert says in lines[0]


@pytest.mark.parametrize("path", ["supply.cloud.usd_per_gpu_hour", "supply.cloud.boot", "demand.train", "horizon"])
def test_a_source_may_name_a_setting_that_was_left_at_its_default(path: str) -> None:
    assert scenario.loads(LEAST).changed([f"sources={{{path}: a page of 2026}}"]).sources == {path: "a page of 2026"}


def test_resolved_text_has_every_default_and_names_its_policies() -> None:
    data = plain_yaml.parse(scenario.dump(scenario.loads(LEAST))).data
    assert dotted.get(data, "ends.drain") == "30 d"
    assert dotted.get(data, "policies.cheapest.queue.kind") == "fifo"
    assert dotted.get(data, "supply.cloud.usd_per_gpu_hour.usd") == 3.0


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Base case", "base-case"),
        ("模拟 сценарий 🚀", "模拟-сценарий"),
        ("=1+1", "1-1"),
        ("🚀", "scenario"),
        ("a" * 300, "a" * 100),
    ],
)
def test_a_name_becomes_a_file_name(name: str, slug: str) -> None:
    assert scenario.slug(name) == slug


LATER = ["policies.mixed.procurement={kind: none}"]  # reserve_quantile is not built yet


@pytest.mark.shared
def test_the_shared_scenario_is_read_but_for_kinds_that_are_not_built(shared: pathlib.Path) -> None:
    found = scenario.load(shared / "scenario.yaml", LATER)
    assert scenario.loads(scenario.dump(found), found.folder) == found


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (
            "policies.p.placement.wait_before_fallback=[1]",
            "policies.p.placement.wait_before_fallback: a duration needs",
        ),
        ("policies.p.placement.wait_before_fallback={a: 1}", "policies.p.placement.wait_before_fallback: a duration"),
        ('finance.credits=[{"": 1, provider: AWS, usd: 1, until: 1 d}]', "finance.credits[0].: unknown key"),
    ],
)
def test_odd_shapes_are_told_by_the_path_that_a_person_wrote(edit: str, says: str) -> None:
    text = scenario.dump(scenario.load(pathlib.Path(__file__).parents[1] / "scenarios" / "startup.yaml")).replace(
        "spot-first:", "p:"
    )
    with pytest.raises(InputError) as caught:
        scenario.loads(text).changed([edit])
    (line,) = [str(fault).removeprefix(f"--set {edit}: ") for fault in caught.value.faults]
    assert line.startswith(says)
