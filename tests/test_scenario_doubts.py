"""What cannot work is told before a run, with the reason and the dotted path, in numbers a pencil confirms."""

from __future__ import annotations

from marketsim import build, feasibility, scenario

# a job of 100 GPU-hours on 1 GPU each day: 100 / 24 = 4.17 GPUs of load on average
TEXT = """\
name: doubts
start: 2026-09-01T00:00:00Z
horizon: 30 d
demand:
  train:
    kind: training
    arrivals: {kind: calendar, every: 1 d}
    work_gpu_hours: 100
    deadline: {kind: after_arrival, within: 200 h}
supply:
  cloud:
    kind: on_demand
    provider: AWS
    shape: {gpu: H100, gpus: 1}
    usd_per_gpu_hour: 2
  contract:
    kind: rental
    provider: n
    shape: {gpu: H100, gpus: 8}
    usd_per_gpu_hour: 2
    term: 20 d
    other_terms: [{term: 30 d, of_quote: 0.9}, {term: 11 d, usd_per_gpu_hour: 2.5}]
policies:
  p: {placement: {kind: on_demand_only}}
"""


def doubts(*edits: str) -> dict[str, str]:
    """Dotted path -> warning."""
    found = scenario.loads(TEXT).changed(list(edits))
    return {str(fault.key): fault.what for fault in feasibility.doubts(found, build.build(found, 0))}


def test_a_scenario_that_works_has_no_doubts() -> None:
    assert doubts() == {}


def test_a_deadline_shorter_than_the_fastest_run_is_counted() -> None:
    told = doubts("demand.train.deadline.within=99 h")
    assert told["demand.train.deadline"].startswith("30 of 30 deadlines are shorter than the fastest run (100.0 h")
    assert "demand.train.deadline" not in doubts("demand.train.deadline.within=100 h")


def test_the_fastest_run_begins_when_the_instance_is_up() -> None:
    assert "demand.train.deadline" in doubts(
        "demand.train.deadline.within=100 h", "supply.cloud.boot=1 s", "supply.contract.boot=1 s"
    )


def test_a_gang_that_no_offer_can_hold_is_told_with_the_reasons() -> None:
    told = doubts("demand.train.gang={kind: constant, gpus: 4}", "supply.contract.shape.gpus=2")
    assert "no offer can hold a gang of 1 x 4 GPUs, so 30 jobs never run" in told["demand.train.gang"]
    assert "cloud needs 4 GPUs on one instance, the shape has 1" in told["demand.train.gang"]


def test_a_gang_larger_than_the_quota_is_no_better_off() -> None:
    gang = "demand.train.gang={kind: constant, gpus: 1, instances: 4}"
    wide = "supply.cloud.shape={gpu: H100, gpus: 1, interconnect: fabric, largest_gang_instances: 8}"
    assert "demand.train.gang" in doubts(gang, wide, "supply.cloud.quota_instances={initial: 3}")
    assert "demand.train.gang" not in doubts(gang, wide, "supply.cloud.quota_instances={initial: 4}")


def test_load_above_what_a_policy_can_have_is_told_in_gpus() -> None:
    told = doubts("supply.cloud.quota_instances={initial: 4}")
    assert "the offered load, 4.2 GPUs on average, is above the capacity it can have, 4.0 GPUs" in told["policies.p"]
    assert "policies.p" not in doubts("supply.cloud.quota_instances={initial: 5}")


def test_what_a_policy_signs_is_capacity_too() -> None:
    plan = "policies.p.procurement={kind: fixed_plan, sign: [{offer: contract, instances: 1, term: 30 d}]}"
    assert "policies.p" not in doubts("supply.cloud.quota_instances={initial: 4}", plan)


def test_a_contract_that_outlives_the_horizon_is_told_where_its_term_is_written() -> None:
    late = "policies.p.procurement={kind: fixed_plan, sign: [{offer: contract, instances: 1, at: 20 d}]}"
    told = doubts(late)  # ends on day 40; ten days are 0.33 months of 730 h
    assert told["supply.contract.term"].startswith("the contract of p outlives the horizon by 0.3 months")
    own = doubts(late.replace("at: 20 d", "at: 20 d, term: 11 d"))
    assert "policies.p.procurement.sign[0].term" in own
    assert not doubts(late.replace("at: 20 d", "at: 10 d"))


def test_what_comes_after_the_horizon_is_paid_for_and_never_used() -> None:
    plan = "policies.p.procurement={kind: fixed_plan, sign: [{offer: contract, instances: 1, at: 10 d}]}"
    assert "supply.contract.lead" in doubts(plan, "supply.contract.lead=20 d")
    assert "supply.contract.lead" not in doubts(plan, "supply.contract.lead=19 d")


def test_a_catalogue_price_older_than_a_year_is_told_by_the_scenarios_start() -> None:
    listed = ("supply.cloud.usd_per_gpu_hour={kind: catalogue}", "supply.cloud.zone=us-east-1")
    whole = ("supply.cloud.shape.gpus=8",)
    assert "supply.cloud.usd_per_gpu_hour" not in doubts(*listed, *whole)
    told = doubts(*listed, *whole, "start=2028-01-01T00:00:00Z")
    assert "2026-08-03" in told["supply.cloud.usd_per_gpu_hour"]


def test_a_price_of_a_hundred_dollars_is_allowed_and_more_is_doubted() -> None:
    assert "supply.cloud.usd_per_gpu_hour" not in doubts("supply.cloud.usd_per_gpu_hour=100")
    assert "cents" in doubts("supply.cloud.usd_per_gpu_hour=101")["supply.cloud.usd_per_gpu_hour"]


def test_a_service_that_no_offer_can_serve_is_told() -> None:
    chat = "demand.chat={kind: inference, preset: llm-70b-chat}"  # needs 4 GPUs on one instance
    told = doubts(chat)["demand.chat"]
    assert "cloud needs 4 GPUs on one instance, the shape has 1; contract needs nvlink, the shape has pcie" in told
    assert "demand.chat" not in doubts(chat, "supply.contract.shape.interconnect=nvlink")


def test_only_a_world_where_nothing_can_ever_run_is_impossible() -> None:
    def impossible(*edits: str) -> bool:
        found = scenario.loads(TEXT).changed(list(edits))
        return bool(feasibility.impossible(found, build.build(found, 0)))

    none = "supply.cloud.quota_instances={initial: 0}"
    assert impossible(none)
    assert not impossible()
    assert not impossible(none, "supply.cloud.quota_instances.step=1")
    assert not impossible(none, "initial={contracts: [{offer: contract, instances: 1}]}")
    assert not impossible(none, "policies.p.procurement={kind: fixed_plan, sign: [{offer: contract, instances: 1}]}")
