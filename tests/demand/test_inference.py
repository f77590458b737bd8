"""Services: the roofline of a language model by hand, benchmarks, rates on the cycle."""

from __future__ import annotations

import pathlib
from datetime import UTC, datetime

import numpy as np
import pytest
from pydantic import ValidationError

from marketsim.demand.inference import Inference
from marketsim.demand.rates import Cycle, Recorded
from marketsim.demand.serving import Benchmark, Llm, Measured, Silicon, Slo
from marketsim.errors import InputError
from marketsim.path import Path
from marketsim.settings import Seconds
from marketsim.streams import Dice
from marketsim.throw import Throw
from marketsim.units import WEEK_S, YEAR_S

MONDAY = datetime(2024, 1, 1, tzinfo=UTC)
SMALL = Llm(
    parameters_b=1, layers=10, kv_heads=10, head_size=100, input_tokens=500, output_tokens=500, most_together=10
)
CHIP = Silicon(memory_gb=80, bandwidth_tbs=1.0, matmul_tflops=100)


def throw(horizon_s: int, folder: pathlib.Path | None = None) -> Throw:
    return Throw(Dice(2), horizon_s, horizon_s, MONDAY, folder)


def test_a_replica_reads_its_weights_and_caches_each_step() -> None:
    # weights 2 GB; 2 x 10 x 10 x 100 numbers of 2 bytes a token, 1,000 tokens: 0.04 GB a request
    assert (SMALL.weights_gb, SMALL.cache_gb) == (2.0, pytest.approx(0.04))
    batch = SMALL.batching(CHIP, 1)
    assert batch is not None
    prefill_s = 2e9 * 500 / (100e12 * 0.5)
    step_s = max((2 + 10 * 0.04) / (1000 * 0.6), 2e9 * 10 / (100e12 * 0.3))
    assert batch.slots == 10
    assert batch.prefill_s == pytest.approx(prefill_s)
    assert batch.service_s == pytest.approx(10 * prefill_s + 500 * step_s)


def test_a_batch_is_cut_to_keep_the_pace_of_reading() -> None:
    slow = SMALL.model_copy(update={"token_s": 0.0039})
    batch = slow.batching(CHIP, 1)
    assert batch is not None
    assert batch.slots < 10
    assert batch.service_s <= 500 * 0.0039
    assert slow.model_copy(update={"token_s": 0.001}).batching(CHIP, 1) is None


def test_a_model_that_does_not_fit_cannot_be_served() -> None:
    assert Llm.model_validate(SMALL.model_dump() | {"parameters_b": 50.0}).batching(CHIP, 1) is None


def test_an_objective_lowers_the_rate_and_an_impossible_one_leaves_none() -> None:
    free = SMALL.replica_requests_per_s(1, None)["H100"]
    tight = SMALL.replica_requests_per_s(1, Slo(latency_s=0.1, share=0.999))["H100"]
    assert 0 < tight < free
    assert SMALL.replica_requests_per_s(1, Slo(latency_s=1e-6)) == {}


def test_fewer_bits_make_room_and_speed() -> None:
    whole, quarter = SMALL, SMALL.model_copy(update={"weight_bits": 4})
    assert quarter.memory_gb_per_gpu(1) < whole.memory_gb_per_gpu(1)
    assert quarter.replica_requests_per_s(1, None)["L4"] > whole.replica_requests_per_s(1, None)["L4"]


def test_a_benchmark_gives_its_published_rate_less_what_the_objective_takes() -> None:
    serving = Benchmark(benchmark="resnet50", usable_share=0.5)
    free, within = serving.replica_requests_per_s(1, None), serving.replica_requests_per_s(1, Slo(latency_s=0.1))
    assert free["A100-80GB"] == pytest.approx(0.5 * 42379.3)
    assert free["A100-80GB"] - within["A100-80GB"] == pytest.approx(np.log(100) / 0.1)
    assert "Jetson AGX Orin 64GB" in free
    assert "V100" not in free  # no published figure, so no rate


def test_measured_rates_are_taken_as_given_under_the_gpus_one_name() -> None:
    serving = Measured(requests_per_s={"h100_sxm": 7.0})
    assert serving.replica_requests_per_s(1, Slo(latency_s=1)) == {"H100": 7.0}


def test_a_service_has_its_replica_its_money_and_its_tokens() -> None:
    demand = Inference.model_validate(
        {"kind": "inference", "preset": "llm-8b-chat", "requests_per_s": 5, "usd_per_lost_request": 0.02,
         "autoscale": {"period": "10 min", "headroom": 0.5, "minimum_instances": 2}, "residency": ["eu"]}
    )  # fmt: skip
    service = demand.service("chat", throw(WEEK_S))
    assert service is not None
    assert service.requests_per_s == Path.constant(5)
    assert (service.autoscale.period_s, service.autoscale.minimum_replicas) == (600, 2)
    assert (service.input_tokens, service.output_tokens, service.usd_per_lost_request) == (1155, 211, 0.02)
    assert service.replica.checkpoint.start_s == 23
    assert 16.06 < service.replica.memory_gb_per_gpu < 24
    assert "T4" not in service.replica_requests_per_s  # 16 GB do not hold 16 GB of weights and a cache


def test_a_share_of_a_gpu_serves_its_share() -> None:
    half = Inference.model_validate({"kind": "inference", "requests_per_s": 1, "replica_gpus": 0.5,
                                     "serving": {"kind": "measured", "requests_per_s": {"L4": 8.0}}})  # fmt: skip
    service = half.service("x", throw(WEEK_S))
    assert service is not None
    assert service.replica_requests_per_s == {"L4": 4.0}
    assert service.replica.milli == 500


def test_an_objective_that_no_gpu_meets_is_an_error() -> None:
    demand = Inference.model_validate({"kind": "inference", "preset": "llm-70b-chat", "slo": {"latency_s": 0.001}})
    with pytest.raises(InputError, match="no known GPU serves it"):
        demand.service("chat", throw(WEEK_S))


def test_the_cycle_keeps_its_weekly_mean_its_peak_and_its_weekend() -> None:
    path = Cycle(mean=12, day_amplitude=0.5, weekend=0.65, peak_hour=15).draw(throw(WEEK_S))
    assert path.mean(0, WEEK_S) == pytest.approx(12)
    hours = path.values.reshape(7, 24)
    assert hours[0].argmax() in (14, 15)
    assert hours[0].max() / hours[0].mean() == pytest.approx(1.5, rel=0.01)
    assert hours[5].sum() / hours[0].sum() == pytest.approx(0.65)


def test_growth_and_noise_leave_the_mean_where_growth_puts_it() -> None:
    path = Cycle(mean=10, growth_per_year=1.0, hourly_sigma=0.3).draw(throw(2 * YEAR_S))
    assert path.mean(YEAR_S, 2 * YEAR_S) / path.mean(0, YEAR_S) == pytest.approx(2, rel=0.05)


def test_an_amplitude_above_one_is_refused() -> None:
    with pytest.raises(ValidationError, match="day_amplitude"):
        Cycle(mean=1, day_amplitude=1.5)


def test_a_record_is_repeated_to_the_horizon(tmp_path: pathlib.Path) -> None:
    (tmp_path / "rps.csv").write_text("t_s,rps\n0,1\n600,3\n")
    path = Recorded(file="rps.csv", repeat=Seconds(1200), scale=2).draw(throw(3000, tmp_path))
    assert [path.at(t) for t in (0, 600, 1200, 1800, 2400)] == [2, 6, 2, 6, 2]


def test_a_record_that_starts_late_is_refused(tmp_path: pathlib.Path) -> None:
    (tmp_path / "rps.csv").write_text("t_s,rps\n60,1\n")
    with pytest.raises(InputError, match="must start at 0"):
        Recorded(file="rps.csv").draw(throw(3000, tmp_path))
