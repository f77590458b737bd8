"""A plan is said once an item, in order, at its time; a plan that cannot be carried out is refused at the start."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from pydantic import TypeAdapter, ValidationError

from marketsim import errors, settings
from marketsim.policies import policy, procurement
from marketsim.policies.procurement import fixed_plan, none
from marketsim.supply.shape import Shape
from marketsim.units import DAY_S


def facts(offer: str, index: int, kind: str, block: int = 1) -> policy.OfferFacts:
    return policy.OfferFacts(
        id=offer,
        index=index,
        kind=kind,
        provider="p",
        zone="z",
        residency=None,
        shape=Shape("H100", 8),
        boot_s=0,
        turnaround_s=0,
        quantum_s=1,
        notice_s=0,
        metered=kind in ("on_demand", "spot"),
        committable=kind in ("rental", "datacenter", "edge"),
        sells_tokens=False,
        block_instances=block,
        usd_per_gb_out=0.0,
    )


@pytest.fixture
def setup() -> policy.Setup:
    offers = (facts("cloud", 0, "on_demand"), facts("rent-1y", 1, "rental", block=4), facts("own", 2, "datacenter"))
    return policy.Setup(720 * DAY_S, offers, (), (), (), (), (), offer_index={o.id: o.index for o in offers})


def at(now_s: int) -> policy.View:
    return SimpleNamespace(now_s=now_s)  # type: ignore[return-value]


def read(text: dict) -> settings.Kind:
    return TypeAdapter(settings.one_of(procurement.KINDS)).validate_python(text)


def test_the_keys_of_a_scenario_are_the_keys_of_the_plan() -> None:
    plan = read(
        {
            "kind": "fixed_plan",
            "sign": [{"offer": "rent-1y", "instances": 4, "at": "0 d", "renew": True, "term": "12 months"}],
            "buy": [{"offer": "own", "instances": 2, "at": "3 d"}],
        }
    )
    assert isinstance(plan, fixed_plan.FixedPlan)
    assert plan.sign[0] == fixed_plan.Signature(offer="rent-1y", instances=4, at="0 d", renew=True, term="12 months")
    assert plan.buy[0].at == 3 * DAY_S
    assert isinstance(read({"kind": "none"}), none.NoCommitment)
    with pytest.raises(ValidationError):
        read({"kind": "fixed_plan", "signs": []})
    with pytest.raises(ValidationError):
        read({"kind": "fixed_plan", "buy": [{"offer": "own", "instances": 0, "at": "0 d"}]})


def test_each_item_is_said_once_at_its_time_however_often_the_rule_is_asked(setup: policy.Setup) -> None:
    plan = fixed_plan.FixedPlan.model_validate(
        {
            "buy": [{"offer": "own", "instances": 2, "at": "3 d"}],
            "sign": [{"offer": "rent-1y", "instances": 4}, {"offer": "rent-1y", "instances": 8, "at": "3 d"}],
        }
    )
    rule = plan.bind(setup)
    assert rule.review(at(0)) == [policy.Sign("rent-1y", 4), policy.WakeAt(3 * DAY_S)]
    assert rule.review(at(0)) == []
    assert rule.review(at(DAY_S)) == []
    assert rule.review(at(3 * DAY_S)) == [policy.Sign("rent-1y", 8), policy.Buy("own", 2)]
    assert rule.review(at(3 * DAY_S)) == []
    assert plan.bind(setup).review(at(0)) == [policy.Sign("rent-1y", 4), policy.WakeAt(3 * DAY_S)]


def test_what_is_planned_after_the_horizon_is_left_out(setup: policy.Setup) -> None:
    plan = fixed_plan.FixedPlan.model_validate({"buy": [{"offer": "own", "instances": 2, "at": "720 d"}]})
    assert plan.bind(setup).review(at(0)) == []


def test_all_that_is_wrong_with_a_plan_is_told_at_once(setup: policy.Setup) -> None:
    plan = fixed_plan.FixedPlan.model_validate(
        {
            "sign": [
                {"offer": "rent1y", "instances": 4},
                {"offer": "rent-1y", "instances": 3},
                {"offer": "own", "instances": 1},
            ],
            "buy": [{"offer": "cloud", "instances": 2}],
        }
    )
    with pytest.raises(errors.InputError) as caught:
        plan.bind(setup)
    lines = caught.value.lines()
    assert len(lines) == 4
    assert "procurement.sign[0].offer: no such offer (got rent1y). Did you mean rent-1y?" in lines[0]
    assert "multiples of 4" in lines[1]
    assert "a datacenter offer cannot be signed (got own); allowed: rent-1y" in lines[2]
    assert "an on_demand offer cannot be bought (got cloud); allowed: own" in lines[3]


def test_no_commitment_says_nothing(setup: policy.Setup) -> None:
    rule = none.NoCommitment().bind(setup)
    assert rule.review_every_s is None
    assert list(rule.review(at(0))) == []
