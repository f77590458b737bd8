"""What cannot work is told before a run, with the reason and the dotted path, in numbers a pencil confirms."""

from __future__ import annotations

import pytest

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


BLOCKS = "supply.contract.block_instances=2"


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


def test_no_rule_of_a_scenario_asks_for_quota_so_that_the_first_one_is_the_capacity() -> None:
    told = doubts("supply.cloud.quota_instances={initial: 4, step: 8, grant: 1 d}")
    assert "is above the capacity it can have, 4.0 GPUs" in told["policies.p"]
    none = doubts("supply.cloud.quota_instances={initial: 0, step: 8}")["supply.cloud.quota_instances"]
    assert none == "lets nobody start anything: only a policy of your own asks for more"
    assert doubts("supply.cloud.quota_instances={initial: 0}")["supply.cloud.quota_instances"].endswith("ever")


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


# what is written, and where it is told; each is right with the second edit
IDLE = {
    "a quota that nobody grants": (
        "supply.cloud.quota_instances={initial: 0}", "supply.cloud.quota_instances", ".initial=1"
    ),
    "money after the horizon": ("finance.rounds=[{at: 30 d, usd: 5}]", "finance.rounds[0].at", "[0].at=29 d"),
    "a stage after the horizon": (
        "finance.capital_stages=[{at: 31 d, cost_of_capital_per_year: 0.1}]",
        "finance.capital_stages[0].at", "[0].at=1 d",
    ),
    "credits that lapse at once": (
        "finance.credits=[{provider: AWS, usd: 5, until: 0 s}]", "finance.credits[0].until", "[0].until=1 d"
    ),
    "cash that nobody watches": ("finance.insolvency=stop", "finance.insolvency", "=continue"),
    "half a block left over": ("supply.contract.most_instances=3", "supply.contract.most_instances", "=4"),
    "jobs after the horizon": (
        "demand.train.arrivals={kind: calendar, every: 1 d, first: 40 d}", "demand.train.arrivals", ".first=1 d"
    ),
    "an interval that is never looked at": (
        "experiment.replications={at_most: 10, until: {metric: total_cost_usd, half_width_share: 0.1}}",
        "experiment.replications.until", "experiment.replications.at_most=11",
    ),
    "a difference to nobody": (
        "experiment.replications={until: {metric: total_cost_usd, half_width: 1, to: p}}",
        "experiment.replications.until.to", "policies.q={placement: {kind: cheapest_feasible}}",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", IDLE)
def test_a_setting_that_can_have_no_effect_is_told(name: str) -> None:
    edit, path, right = IDLE[name]
    right = right if not right.startswith((".", "=", "[")) else edit.partition("=")[0] + right
    assert path in doubts(BLOCKS, edit)
    assert path not in doubts(BLOCKS, edit, right)


def test_a_rule_whose_first_order_comes_too_late_never_orders() -> None:
    rule = "policies.p.procurement={kind: reserve_quantile, offer: contract}"
    told = doubts(rule, "supply.contract.lead=30 d")["supply.contract.lead"]
    assert told == "even what p orders on the first day comes after the horizon (lead 30 d): never ordered"
    assert "supply.contract.lead" not in doubts(rule, "supply.contract.lead=29 d")


def test_more_replicas_than_all_offers_can_hold_are_told() -> None:
    chat = "demand.chat={kind: inference, preset: llm-8b-chat, requests_per_s: 1, autoscale: {minimum_instances: 20}}"
    few = (chat, "supply.cloud.quota_instances={initial: 3}", "supply.contract.most_instances=2")
    told = doubts(*few)["demand.chat.autoscale.minimum_instances"]
    assert told == "more replicas than the 19 that all offers together can hold"  # 3 x 1 GPU and 2 x 8
    assert "demand.chat.autoscale.minimum_instances" not in doubts(*few, "supply.cloud.quota_instances.initial=4")


def test_an_answer_from_too_far_away_is_no_answer() -> None:
    chat = "demand.chat={kind: inference, preset: llm-8b-chat, requests_per_s: 1, slo: {latency_s: 2}}"
    far = ("supply.cloud={kind: token_api, usd_per_million_input_tokens: 1, usd_per_million_output_tokens: 1}", chat)
    only = ("supply.contract.residency=eu", "demand.chat.residency=[us]", "supply.cloud.residency=us")
    assert "cloud is 3 s away" in doubts(*far, *only, "supply.cloud.latency_s=3")["demand.chat"]
    assert "demand.chat" not in doubts(*far, *only, "supply.cloud.latency_s=2")


def test_a_levers_one_off_work_needs_an_offer_that_can_run_it() -> None:
    lever = "levers.small={kind: quantization, target: chat, bits: 4, method: awq, one_off: {gpu_hours: 1, gpus: 16}}"
    chat = "demand.chat={kind: inference, preset: llm-8b-chat, requests_per_s: 1}"
    narrow = (chat, lever, "policies.p.levers=[small]")
    assert "never begins" in doubts(*narrow)["levers.small"]
    assert "levers.small" not in doubts(chat, lever)  # nobody adopts it
    assert "levers.small" not in doubts(*narrow, "levers.small.one_off.gpus=8")


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
