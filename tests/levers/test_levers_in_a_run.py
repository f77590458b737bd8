"""Levers where they meet the scenario and the engine: targets checked, work kept in its place, outcomes hashed."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from marketsim import scenario
from marketsim.build import build
from marketsim.demand.job import Need, Service
from marketsim.engine.setup import make_setup, may_serve_tokens, replica_rate
from marketsim.errors import InputError
from marketsim.path import Path
from marketsim.supply.offer import Offer
from marketsim.supply.shape import Shape

BASE: dict[str, Any] = {
    "name": "levers",
    "horizon": "2 d",
    "demand": {
        "train": {"kind": "training", "preset": "speech-finetune", "arrivals": {"kind": "calendar", "every": "1 d"}},
        "chat": {
            "kind": "inference",
            "preset": "llm-8b-chat",
            "requests_per_s": {"kind": "constant", "mean": 1},
            "slo": {"latency_s": 2.0, "share": 0.99},
            "residency": ["eu"],
        },
    },
    "supply": {
        "near": {
            "kind": "on_demand",
            "provider": "AWS",
            "residency": "eu",
            "shape": {"gpu": "H100", "gpus": 8, "interconnect": "nvlink"},
            "usd_per_gpu_hour": 4,
        },
        "office": {
            "kind": "edge",
            "residency": "eu",
            "device": "Jetson AGX Orin 64GB",
            "devices_per_site": 1,
            "usd_per_kwh": 0.25,
            "uplink_mbit_s": 100,
            "latency_s": 1.0,
        },
        "tokens": {
            "kind": "token_api",
            "residency": "eu",
            "usd_per_million_input_tokens": 0.1,
            "usd_per_million_output_tokens": 0.2,
            "latency_s": 0.5,
        },
    },
    "levers": {
        "int4": {
            "kind": "quantization", "target": "chat", "bits": 4, "method": "awq",
            "floor": {"metric": "perplexity_ratio", "at_most": 1.05},
        }
    },
}  # fmt: skip


def changed(**levers: Any) -> dict[str, Any]:
    data = copy.deepcopy(BASE)
    data["levers"] = levers
    return data


def test_a_lever_for_serving_cannot_change_training_and_the_other_way_round() -> None:
    wrong = changed(
        int4={"kind": "quantization", "target": "train", "bits": 4, "method": "awq"},
        half={"kind": "mixed_precision", "target": "chat", "workload": "nlp"},
    )
    with pytest.raises(InputError) as caught:
        scenario.check(wrong)
    told = {fault.key: fault.what for fault in caught.value.faults}
    assert told["levers.int4.target"] == "cannot change this demand: quantization changes serving, not training"
    assert told["levers.half.target"] == "cannot change this demand: mixed_precision changes training, not serving"


def test_the_work_of_a_lever_stays_where_its_target_may_be() -> None:
    world = build(scenario.check(BASE), 0)
    needs = {need.workload: need for need in make_setup(world).needs}
    assert needs["lever-int4"].residency == ("eu",)
    assert needs["train"].residency is None


def test_what_a_lever_comes_to_is_part_of_the_throw() -> None:
    strict = copy.deepcopy(BASE)
    strict["levers"]["int4"]["floor"]["at_most"] = 1.0001
    one, same, other = (build(scenario.check(data), 0).exogenous_hash for data in (BASE, BASE, strict))
    assert one == same != other


@pytest.mark.parametrize(
    ("allowed_s", "device", "tokens"), [(None, 5.0, True), (1.0, 5.0, True), (0.7, 0.0, True), (0.4, 0.0, False)]
)
def test_an_offer_farther_away_than_an_answer_may_take_serves_nothing(
    allowed_s: float | None, device: float, tokens: bool
) -> None:
    replica = Need("chat", reference_gpu="H100")
    service = Service("chat", Path.constant(1), replica, {"H100": 5.0}, output_tokens=10.0, latency_s=allowed_s)
    office = Offer("office", "edge", Shape("H100"), latency_s=1.0)
    api = Offer("api", "token_api", Shape("tokens", gpus=0), usd_per_output_token=1e-6, latency_s=0.5)
    assert replica_rate(service, office) == device
    assert may_serve_tokens(service, api) == tokens
