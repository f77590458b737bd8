"""What protection costs, and which configuration is taken."""

from __future__ import annotations

from typing import Any

import pytest

from marketsim.demand.inference import Inference
from marketsim.demand.job import Need, Service
from marketsim.levers import Distillation, Privacy, Pruning, Quantization
from marketsim.levers.choice import (
    Configuration,
    allowed,
    best,
    break_even_volume,
    configurations,
    nothing,
    pareto,
    switching_points,
    work_usd,
)
from marketsim.levers.effect import Floor, LeverWork
from marketsim.levers.privacy import NAMES, dp_accuracy, is_private, mechanism, price_of_privacy
from marketsim.path import Path
from marketsim.streams import Dice
from marketsim.throw import Throw


def privacy(**given: Any) -> Privacy:
    return Privacy.model_validate({"target": "a", **given})


def service() -> Service:
    return Service("a", Path.constant(1.0), Need("a", memory_gb_per_gpu=20.0), {"H100": 4.0})


def test_an_enclave_serves_six_percent_less() -> None:
    changed = privacy(mechanism="enclave_serving").transform(service())
    assert changed.replica_requests_per_s["H100"] == pytest.approx(4.0 * 0.94)
    assert changed.replica.memory_gb_per_gpu == pytest.approx(20.0)


def test_an_enclave_trains_a_quarter_slower() -> None:
    lever = privacy(mechanism="enclave_training")
    assert lever.job_work(Need("a"), 75_000) == 100_000
    assert lever.refuses(service()) == "enclave_training protects training"


def test_sealed_updates_are_longer_and_data_no_faster() -> None:
    changed = privacy(mechanism="secure_aggregation").transform(Need("a", data_gb=10.0))
    assert changed.data_gb == pytest.approx(17.3)


def test_every_mechanism_has_a_source_and_makes_nothing_cheaper() -> None:
    for name in NAMES:
        found = mechanism(name)
        assert found.source
        assert found.bytes >= 1
        assert found.compute is None or found.compute >= 1


def test_differential_privacy_costs_accuracy_by_its_published_points() -> None:
    assert dp_accuracy(2.92) == pytest.approx(0.966)
    assert 0.95 < dp_accuracy(2.0) < 0.966
    (effect,) = privacy(mechanism="differential_privacy", epsilon=1.20).levels()
    assert effect.after == pytest.approx(0.95)


def test_federation_alone_is_not_private() -> None:
    assert not is_private([], federated=True)
    assert not is_private(["encryption"], federated=True)
    assert is_private(["secure_aggregation"], federated=True)


def test_the_price_of_privacy_is_the_paired_difference() -> None:
    price = price_of_privacy([110.0, 212.0, 306.0], [100.0, 200.0, 300.0])
    assert price.usd == pytest.approx(28 / 3)
    assert price.se_usd == pytest.approx((((10 - 28 / 3) ** 2 + (12 - 28 / 3) ** 2 + (6 - 28 / 3) ** 2) / 2 / 3) ** 0.5)
    assert price.share == pytest.approx(28 / 600)
    with pytest.raises(ValueError, match="pairs"):
        price_of_privacy([1.0], [1.0, 2.0])


# -------------------------------------------------------------------------------------------------------------- choice


def candidate(name: str, once: float, unit: float, mean: float, se: float = 0.1) -> Configuration:
    return Configuration(name, once, unit, "wer", 9.0, mean, se, levels=((name, 0),))


NOTHING = nothing(1.0, "wer", 9.0)
GOOD = candidate("good", 100.0, 0.5, 9.2)
ROUGH = candidate("rough", 10.0, 0.25, 10.0)
POOR = candidate("poor", 200.0, 0.6, 9.5)
ALL = [NOTHING, GOOD, ROUGH, POOR]


def test_doing_nothing_is_always_allowed() -> None:
    assert allowed(ALL, Floor(metric="wer", at_most=9.3)) == [NOTHING]
    assert allowed(ALL, Floor(metric="wer", at_most=9.4)) == [NOTHING, GOOD]


def test_the_front_has_nobody_beaten_in_cost_and_loss() -> None:
    assert pareto(ALL, 1000.0) == [ROUGH, GOOD, NOTHING]


def test_choices_switch_where_cost_and_loss_balance() -> None:
    # at 1,000 units: rough 260 and 1.0, good 600 and 0.2, nothing 1,000 and 0
    points = switching_points(ALL, 1000.0)
    assert [(one.name, other.name) for _, one, other in points] == [("rough", "good"), ("good", "nothing")]
    assert [at for at, *_ in points] == pytest.approx([340 / 0.8, 400 / 0.2])
    assert best(ALL, 1000.0, 424.0) is ROUGH
    assert best(ALL, 1000.0, 426.0) is GOOD
    assert best(ALL, 1000.0, 2001.0) is NOTHING


def test_one_off_cost_is_earned_back_at_the_break_even_volume() -> None:
    assert break_even_volume(GOOD, NOTHING) == pytest.approx(200.0)
    assert break_even_volume(NOTHING, candidate("dearer", 10.0, 2.0, 9.0)) == 0.0
    assert break_even_volume(candidate("never", 10.0, 1.0, 9.0), NOTHING) is None
    assert break_even_volume(candidate("never, ever", 10.0, 2.0, 9.0), NOTHING) is None


def test_a_missing_price_is_an_error() -> None:
    assert work_usd(LeverWork(gpu_hours=720, gpu="V100", usd=50.0), {"V100": 0.5}) == 410.0
    with pytest.raises(KeyError):
        work_usd(LeverWork(gpu_hours=1, gpu="V100"), {})


def test_configurations_are_nothing_each_level_and_pairs_of_different_techniques() -> None:
    one_off = {"gpu_hours": 10.0}
    floor = {"metric": "accuracy", "at_least": 0.5}
    levers = {
        "four": Quantization.model_validate({"target": "a", "bits": 4, "method": "ptq", "floor": floor}),
        "half": Pruning.model_validate(
            {"target": "a", "pattern": "structured", "sparsity": 0.75, "one_off": one_off, "floor": floor}
        ),
    }
    found = configurations(levers, service(), {"H100": 7.2}, {"A100-80GB": 1.5})
    names = [one.name for one in found]
    assert found[0].unit_usd == pytest.approx(7.2 / 3600 / 4)
    assert names[0] == "nothing"
    assert names[-1] == "four + half"
    assert names[1].startswith("four: ptq 4")
    assert len(found) == 2 + sum(len(lever.levels()) for lever in levers.values())
    assert found[-1].unverified
    assert found[-1].once_usd == pytest.approx(15.0)


def test_compression_does_not_pay_for_a_trickle() -> None:
    """720 GPU-hours for DistilBERT at 0.5 USD are earned back by no small volume."""
    lever = Distillation.model_validate({"target": "a", "student": "DistilBERT"})
    asked = Service("a", Path.constant(1.0), Need("a"), {"CPU": 1.0})
    found = configurations({"small": lever}, asked, {"CPU": 3.6}, {"V100": 0.5})
    small = found[1]
    assert small.unit_usd == pytest.approx(0.001 / 1.6)
    assert best(found, 1000.0) is found[0]
    assert break_even_volume(small, found[0]) == pytest.approx(360 / (0.001 - 0.001 / 1.6))


def chat() -> Service:
    """Llama-8B chat, batched by its roofline."""
    demand = Inference.model_validate({"kind": "inference", "preset": "llm-8b-chat"})
    found = demand.service("a", Throw(Dice(1), 86_400, 86_400))
    assert found is not None
    return found


def test_a_model_that_has_become_small_is_served_where_it_is_cheapest() -> None:
    """In 16 bits it needs 18 GB, which a T4 has not; in 4 bits a T4 serves it."""
    lever = Quantization.model_validate({"target": "a", "bits": 4})
    found = configurations({"int4": lever}, chat(), {"H100": 3.0, "T4": 0.05}, {"A100-80GB": 1.5})
    assert (found[0].gpu, found[1].gpu) == ("H100", "T4")
    assert found[1].unit_usd < found[0].unit_usd
    nowhere = configurations({"int4": lever}, chat(), {"T4": 0.05}, {"A100-80GB": 1.5})
    assert nowhere[0].cost_usd(1.0) == float("inf")
    assert best(nowhere, 1e6) in nowhere[1:]


def test_a_batch_that_arithmetic_limits_gains_nothing_from_small_weights() -> None:
    """On an H100 chat is limited by prefill, which unpacking slows; on an Orin by reading the weights."""
    asked = chat()
    changed = Quantization.model_validate({"target": "a", "bits": 4}).transform(asked)
    before, after = asked.replica_requests_per_s, changed.replica_requests_per_s
    assert after["H100"] < before["H100"]
    assert 2.0 < after["Jetson AGX Orin 64GB"] / before["Jetson AGX Orin 64GB"] < 2.814
    assert "T4" in after
    assert "T4" not in before
    assert changed.replica.memory_gb_per_gpu < 16.0 < asked.replica.memory_gb_per_gpu
