"""One throw of the dice: by name, so that what is added changes nothing else, and the same under every policy."""

from __future__ import annotations

import math

import numpy as np
import pytest

from marketsim import build, scenario
from marketsim.errors import PriceError
from marketsim.scenario import Scenario
from marketsim.units import DAY_S, MICRO

TEXT = """\
name: dice
horizon: 60 d
demand:
  train:
    kind: training
    arrivals: {kind: poisson, per_day: 3}
    work_gpu_hours: {kind: lognormal, median: 5, p90: 20}
    deadline: {kind: slack, factor: {kind: uniform, low: 1.5, high: 3}}
  chat:
    kind: inference
    preset: llm-8b-chat
market: {scarcity: {kind: regime, preset: calm-2025}}
supply:
  cloud:
    kind: on_demand
    provider: AWS
    shape: {gpu: H100, gpus: 8}
    usd_per_gpu_hour: 4
  cloud-spot:
    kind: spot
    like: cloud
    usd_per_gpu_hour: {kind: ou, preset: aws-active, ratio_to: cloud}
    availability: {kind: two_state, preset: v100-us-west-2a-8gpu}
levers:
  int4: {kind: quantization, target: chat, bits: 4, method: awq}
initial: {cash_usd: 1000}
finance: {other_burn_usd_per_month: 5, credits: [{provider: AWS, usd: 7, until: 30 d}]}
"""


@pytest.fixture(scope="module")
def base() -> Scenario:
    """Two demands, two offers, one lever, a market that moves."""
    return scenario.loads(TEXT)


def test_the_same_seed_and_replication_give_the_same_world(base: Scenario) -> None:
    assert build.build(base, 3).exogenous_hash == build.build(base, 3).exogenous_hash
    assert build.build(base, 3).exogenous_hash != build.build(base, 4).exogenous_hash
    assert build.build(base, 3, seed=2).exogenous_hash != build.build(base, 3).exogenous_hash
    assert build.build(base, 3, seed=1).exogenous_hash == build.build(base, 3).exogenous_hash


def test_policies_and_their_rules_are_no_part_of_the_dice(base: Scenario) -> None:
    other = base.changed(["policies={odd: {queue: {kind: edf, blocking: strict}, levers: [int4]}}"])
    assert build.build(other, 0).exogenous_hash == build.build(base, 0).exogenous_hash


def test_an_offer_more_changes_no_other_draw(base: Scenario) -> None:
    added = base.changed(
        ["supply.a-first={kind: spot, provider: GCP, shape: {gpu: H100}, "
         "usd_per_gpu_hour: {kind: ou, preset: aws-calm, ratio_to: cloud}, "
         "availability: {kind: two_state, preset: v100-us-west-2a-8gpu}}"]
    )  # fmt: skip
    before, after = build.build(base, 0), build.build(added, 0)
    for offer in before.offers:
        same = after.offers[after.offer_index[offer.id]]
        assert (same.price, same.keepable, same.launchable) == (offer.price, offer.keepable, offer.launchable)
    assert np.array_equal(before.jobs.work, after.jobs.work)
    assert before.scarcity == after.scarcity


def test_a_demand_more_changes_no_other_draw(base: Scenario) -> None:
    added = base.changed(
        ["demand.a-first={kind: training, arrivals: {kind: poisson, per_day: 2}, "
         "work_gpu_hours: {kind: lognormal, median: 1, p90: 2}}"]
    )  # fmt: skip
    before, after = build.build(base, 0), build.build(added, 0)
    mine = np.array([after.jobs.needs[need].workload == "train" for need in after.jobs.need])
    for column in ("arrival_s", "work", "estimate", "deadline_s"):
        assert np.array_equal(getattr(before.jobs, column), getattr(after.jobs, column)[mine])
    assert before.services[0].requests_per_s == after.services[0].requests_per_s


def test_two_workloads_with_the_same_settings_are_thrown_apart(base: Scenario) -> None:
    twin = base.changed({"demand.twin": scenario.to_data(base)["demand"]["train"]})
    world = build.build(twin, 0)
    names = np.array([world.jobs.needs[need].workload for need in world.jobs.need])
    mine, other = (world.jobs.work[names == name] for name in ("train", "twin"))
    count = min(len(mine), len(other))
    assert count > 100
    assert not set(mine[:count].tolist()) & set(other[:count].tolist())


def test_a_longer_horizon_appends_and_changes_nothing(base: Scenario) -> None:
    before, after = build.build(base, 0), build.build(base.changed(["horizon=90 d"]), 0)
    count = len(before.jobs)
    assert 100 < count < len(after.jobs)
    for column in ("arrival_s", "work", "estimate", "deadline_s"):
        assert np.array_equal(getattr(before.jobs, column), getattr(after.jobs, column)[:count])
    for one, other in zip(before.offers, after.offers, strict=True):
        times = np.arange(0, 60 * DAY_S, 997)
        assert np.array_equal(one.keepable.at_many(times), other.keepable.at_many(times))
        if one.price is not None and other.price is not None:
            assert np.array_equal(one.price.at_many(times), other.price.at_many(times))


def test_the_price_of_a_gpu_hour_is_multiplied_by_the_gpus_once(base: Scenario) -> None:
    cloud = build.build(base, 0).offers[0]
    assert cloud.price is not None
    assert cloud.price.at(0) == 32.0


def test_a_ratio_is_drawn_after_what_it_is_a_ratio_to_whatever_the_order(base: Scenario) -> None:
    data = scenario.to_data(base)
    turned = scenario.check({**data, "supply": dict(reversed(data["supply"].items()))})
    first, second = build.build(base, 0), build.build(turned, 0)
    assert [offer.id for offer in second.offers] == ["cloud-spot", "cloud"]
    assert first.offers[1].price == second.offers[0].price


def test_money_is_whole_micro_dollars(base: Scenario) -> None:
    money = build.build(base, 0).money
    assert money.cash_micro == 1000 * MICRO
    assert money.other_burn_micro_per_month == 5 * MICRO
    assert [(credit.provider, credit.micro, credit.until_s) for credit in money.credits] == [
        ("AWS", 7 * MICRO, 30 * DAY_S)
    ]


def test_a_workload_that_is_switched_off_is_not_there(base: Scenario) -> None:
    off = build.build(base.changed(["demand.chat.enabled=false"]), 0)
    assert off.services == ()
    assert len(off.jobs) == len(build.build(base, 0).jobs)


def test_each_lever_has_its_outcome_drawn_ahead(base: Scenario) -> None:
    world = build.build(base, 0)
    assert list(world.levers) == ["int4"]
    assert build.build(base, 0).levers["int4"] == world.levers["int4"]


def test_an_initial_contract_is_an_order_with_its_age(base: Scenario) -> None:
    text = "supply.r={kind: rental, provider: n, shape: {gpu: H100}, usd_per_gpu_hour: 2, term: 90 d}"
    held = base.changed([text, "initial={contracts: [{offer: r, instances: 2, age: 30 d}]}"])
    (order,) = build.build(held, 0).orders
    assert (order.offer, order.instances, order.age_s, order.term_s) == ("r", 2, 30 * DAY_S, None)


def test_the_price_of_data_taken_out_is_the_providers_or_an_error(base: Scenario) -> None:
    listed = base.changed(["network={usd_per_gb_egress: {kind: catalogue}}"])
    assert [offer.usd_per_gb_out for offer in build.build(listed, 0).offers] == [0.09, 0.09]
    free_at_first = ((100.0, 0.0), (math.inf, 0.09))  # AWS gives 100 GB a month away
    assert [offer.gb_out_tiers for offer in build.build(listed, 0).offers] == [free_at_first] * 2
    assert [
        offer.usd_per_gb_out for offer in build.build(base.changed(["network.usd_per_gb_egress=0.5"]), 0).offers
    ] == [0.5, 0.5]
    own = listed.changed(["supply.cloud.usd_per_gb_out=0.01"])
    assert build.build(own, 0).offers[0].usd_per_gb_out == 0.01
    with pytest.raises(PriceError, match="no price of data taken out of Nobody"):
        build.build(listed.changed(["supply.cloud.provider=Nobody"]), 0)


def test_a_policy_is_composed_of_its_rules_and_the_targets_of_its_levers(base: Scenario) -> None:
    chosen = base.changed(["policies={p: {queue: {kind: edf, blocking: strict}, levers: [int4]}}"])
    policy = build.policy_of(chosen, "p")
    assert (policy.name, policy.queue.kind, policy.levers) == ("p", "edf", (("int4", "chat"),))  # type: ignore[attr-defined]
    assert list(build.policies_of(base)) == list(base.policies)
