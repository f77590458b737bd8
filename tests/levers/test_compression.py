"""Bytes, seconds and quality are three effects, and each kind keeps them apart."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from marketsim.demand.job import Need, Service
from marketsim.levers import Chain, Distillation, LowRank, MixedPrecision, Pruning, Quantization, Shrink, catalogue
from marketsim.levers.effect import ANY
from marketsim.levers.lever import decode_share
from marketsim.path import Path
from marketsim.supply.shape import Shape

ONE_OFF = {"gpu_hours": 20.0}


def quantized(**given: Any) -> Quantization:
    return Quantization.model_validate({"target": "assistant", "bits": 4, **given})


def service(**given: Any) -> Service:
    plain: dict[str, Any] = {
        "name": "assistant",
        "requests_per_s": Path.constant(10.0),
        "replica": Need("assistant", memory_gb_per_gpu=20.0),
        "replica_requests_per_s": {"A100-80GB": 2.0, "Jetson AGX Orin 64GB": 0.3, "H100": 4.0},
    }
    return Service(**{**plain, **given})


def test_four_bit_weights_decode_faster_by_hardware_and_fit_in_less() -> None:
    changed = quantized().transform(service())
    # llm-awq README, 8B: 74.9 -> 168.9 on A100, 10.2 -> 28.7 on Orin; 16,000 -> 4,500 MB of weights, 0.8 of the memory
    assert changed.replica_requests_per_s["A100-80GB"] == pytest.approx(2.0 * 2.255)
    assert changed.replica_requests_per_s["Jetson AGX Orin 64GB"] == pytest.approx(0.3 * 2.814)
    assert changed.replica.memory_gb_per_gpu == pytest.approx(20 * 0.2 + 16 * 4.5 / 16)


def test_hardware_that_nobody_measured_gets_the_least_figure() -> None:
    effect = quantized().levels()[0]
    assert effect.speedup("decode", "H100") == pytest.approx(2.255)
    assert not effect.verified_on("H100")
    assert effect.verified_on("A100-40GB")


def test_prefill_is_slower_with_unpacked_weights() -> None:
    changed = quantized(method="kquant", decode_time_share=0.0).transform(service())
    assert changed.replica_requests_per_s["H100"] == pytest.approx(4.0 * 0.89, rel=0.01)


def test_a_request_spends_its_time_in_prefill_and_decode() -> None:
    asked = service(input_tokens=923.49, output_tokens=29.17)
    assert decode_share(asked) == pytest.approx(0.5)
    assert decode_share(service()) == 1.0
    changed = quantized(method="kquant").transform(asked)
    effect = quantized(method="kquant").levels()[0]
    prefill, decode = effect.prefill[ANY], effect.decode[ANY]
    assert changed.replica_requests_per_s["H100"] == pytest.approx(4.0 / (0.5 / prefill + 0.5 / decode))


def test_batching_may_eat_the_speed_up_and_leave_the_bytes() -> None:
    changed = quantized(speedup_kept=0.0).transform(service())
    assert changed.replica_requests_per_s == pytest.approx(service().replica_requests_per_s)
    assert changed.replica.memory_gb_per_gpu < 20


def test_a_smaller_model_unlocks_hardware_that_was_too_small() -> None:
    small = Shape("RTX4090", 1, 24.0)
    big = service(replica=Need("assistant", memory_gb_per_gpu=30.0))
    assert small.refuses(big.replica) is not None
    changed = quantized(requests_per_s_on={"RTX4090": 1.5}).transform(big)
    assert small.refuses(changed.replica) is None
    assert changed.replica_requests_per_s["RTX4090"] == 1.5


def test_quality_is_a_cliff_that_depends_on_the_model() -> None:
    """2 bits cost 1.11x perplexity on Llama-2-7B and 1.56x on Llama-3-8B (llama.cpp PR 6936)."""
    after = {
        model: quantized(bits=2, method="kquant", model=model).levels()[0].after
        for model in ("Llama-2-7B", "Llama-3-8B")
    }
    assert after == pytest.approx({"Llama-2-7B": 1.107955, "Llama-3-8B": 1.564849})


def test_one_off_work_grows_with_the_model() -> None:
    """About 4 GPU-hours for 175 billion parameters."""
    assert quantized(method="gptq", mparams=175_000.0).levels()[0].work.gpu_hours == pytest.approx(4.0)
    assert quantized(method="kquant").levels()[0].work.gpu_hours == 0.0


def test_eight_bits_with_training_cost_mobilenet_what_its_sixteen_pairs_say() -> None:
    (effect,) = quantized(bits=8, method="qat", floor={"metric": "top1", "at_least": 60.0}, one_off=ONE_OFF).levels()
    top1 = {(row["width"], row["resolution"], row["bits"]): row["top1"] for row in catalogue.mobilenet_rows()}
    pairs = [(value, top1[width, pixels, 8]) for (width, pixels, bits), value in top1.items() if bits == 32]
    assert len(pairs) == 16
    assert effect.change == pytest.approx(sum(b - a for a, b in pairs) / 16)


def test_unstructured_zeros_save_bytes_and_no_time() -> None:
    lever = Pruning.model_validate(
        {"target": "assistant", "pattern": "unstructured", "sparsity": 0.9, "one_off": ONE_OFF}
    )
    changed = lever.transform(service())
    assert changed.replica_requests_per_s == service().replica_requests_per_s
    assert changed.replica.memory_gb_per_gpu == pytest.approx(20.0)  # a dense array holds its zeros
    assert lever.levels()[0].size_ratio == pytest.approx(5.0)
    assert lever.levels()[0].change == pytest.approx(84.9 - 88.1)


def test_two_of_four_is_faster_only_where_sparse_units_are() -> None:
    lever = Pruning.model_validate({"target": "assistant", "pattern": "2:4", "one_off": ONE_OFF})
    asked = service(replica_requests_per_s={"A100-80GB": 2.0, "V100": 1.0})
    changed = lever.transform(asked)
    assert changed.replica_requests_per_s == pytest.approx({"A100-80GB": 2.6, "V100": 1.0})
    only_old = service(replica_requests_per_s={"V100": 1.0, "T4": 0.2})
    assert lever.refuses(only_old) == "needs 2:4, which none of T4, V100 has"


def test_units_taken_out_of_the_reference_network_make_it_smaller() -> None:
    lever = Pruning.model_validate(
        {"target": "a", "pattern": "structured", "sparsity": 0.75, "one_off": ONE_OFF,
         "floor": {"metric": "accuracy", "at_least": 0.5}}
    )  # fmt: skip
    first = lever.levels()[0]
    assert first.size_ratio == pytest.approx(4.0, abs=0.01)
    assert first.basis == "measured"
    assert [effect.size_ratio for effect in lever.levels()] == sorted(
        (effect.size_ratio for effect in lever.levels()), reverse=True
    )


def test_the_price_of_a_student_is_known_or_asked_for() -> None:
    (effect,) = Distillation.model_validate({"target": "a", "student": "DistilBERT"}).levels()
    assert (effect.work.gpu_hours, effect.work.gpu, effect.metric) == (720, "V100", "glue")
    assert effect.size_ratio == pytest.approx(110 / 66)
    with pytest.raises(ValueError, match="no one-off work is published"):
        Distillation.model_validate({"target": "a", "student": "distil-large-v2"})


def test_a_narrow_mobilenet_is_the_published_row() -> None:
    lever = Shrink.model_validate({"target": "a", "width": 0.5, "resolution": 160, "one_off": ONE_OFF})
    first = lever.levels()[0]
    assert first.after == pytest.approx(59.1)
    assert first.decode[ANY] == pytest.approx(569 / 77)
    assert first.size_ratio == pytest.approx(4.24 / 1.34)
    assert first.unverified


def test_adapters_save_memory_and_mixed_precision_time() -> None:
    need = Need("tune", memory_gb_per_gpu=78.0, reference_gpu="A100-80GB")
    adapters = LowRank.model_validate({"target": "tune"})
    assert adapters.transform(need).memory_gb_per_gpu == pytest.approx(26.0)
    assert adapters.job_work(need, 1_326_000) == 1_000_000
    packed = LowRank.model_validate({"target": "tune", "bits": 4})
    assert packed.transform(need).memory_gb_per_gpu == pytest.approx(78 * 48 / 780)
    assert packed.job_work(need, 1000) == 1000
    mixed = MixedPrecision.model_validate({"target": "tune", "workload": "vision"})
    assert mixed.transform(need) == need
    assert mixed.job_work(need, 2290) == 1000
    assert mixed.job_work(replace(need, reference_gpu="V100"), 2910) == 1000


def chain(**given: Any) -> Chain:
    plain: dict[str, Any] = {
        "target": "a",
        "floor": {"metric": "accuracy", "at_least": 0.8},
        "one_off": ONE_OFF,
        "steps": [
            {"kind": "pruning", "pattern": "structured", "sparsity": 0.75},
            {"kind": "quantization", "bits": 4, "method": "ptq"},
        ],
    }
    return Chain.model_validate({**plain, **given})


def test_in_a_chain_bytes_multiply_and_only_the_weaker_speed_up_is_believed() -> None:
    whole, first_step = chain().levels()
    pruned, four_bits = (step.levels()[0] for step in chain().steps)
    assert whole.size_ratio == pytest.approx(pruned.size_ratio * four_bits.size_ratio)
    assert whole.change == pytest.approx(pruned.change + four_bits.change)
    assert whole.decode[ANY] == min(pruned.decode[ANY], four_bits.decode[ANY])
    assert whole.unverified
    assert whole.work.gpu_hours == 20.0
    assert first_step.label == pruned.label


def test_a_chain_that_was_measured_has_its_own_row() -> None:
    whole = chain(row="structured_finetune_0.75+ptq 4").levels()[0]
    assert not whole.unverified
    assert whole.basis == "measured"
    with pytest.raises(ValueError, match="no chain was measured as nothing 4"):
        chain(row="nothing 4")


def test_parts_of_a_chain_on_different_hardware_keep_the_least() -> None:
    from marketsim.levers.chain import weaker

    assert weaker([{"A100": 2.0, "V100": 3.0}, {"": 2.5}]) == pytest.approx({"": 2.0, "A100": 2.0, "V100": 2.5})


def test_a_missing_row_is_filled_by_the_knobs_own_effects() -> None:
    """On a table that is exactly additive in its knobs the row left out comes back exactly."""
    rows = [({"a": float(a), "b": float(b)}, 10.0 + a + 3 * b) for a in (1, 2, 4) for b in (1, 2, 4)]
    for at, value in rows:
        found = catalogue.main_effects([row for row in rows if row[0] is not at], at)
        assert found.mean == pytest.approx(value)
        assert found.se == pytest.approx(0.0, abs=1e-9)


def test_interpolation_runs_on_straight_lines_and_on_beyond_the_ends() -> None:
    known = [(1.0, 10.0), (2.0, 30.0), (4.0, 40.0)]
    assert [catalogue.along(x, known) for x in (1.5, 3.0, 5.0, 0.0)] == [20.0, 35.0, 45.0, -10.0]
