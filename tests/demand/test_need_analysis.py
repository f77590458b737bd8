"""Need analysis: published runs by hand, leave one out, and what holds how much."""

from __future__ import annotations

import re

import pytest

from marketsim.demand import need_analysis
from marketsim.demand.need_analysis import Question
from marketsim.errors import InputError
from marketsim.supply.gpus import relative_speed


def speed(gpu: str, reference: str, family: str) -> float | None:
    try:
        return relative_speed(gpu, reference, family)
    except InputError:
        return None


def test_llama_2_7b_reached_39_percent_of_an_a100() -> None:
    flops = need_analysis.transformer_training_flops(6.74e9, 2e12)
    assert flops == pytest.approx(8.088e22)
    assert need_analysis.utilization(flops, 184_320) == pytest.approx(0.391, abs=0.001)


def test_utilization_and_gpu_hours_are_each_others_inverse() -> None:
    args = {"speed": 2.6, "precision": 0.4, "gpus": 8, "sigma": 0.02}
    share = need_analysis.utilization(1e20, 500, **args)
    assert need_analysis.gpu_hours(1e20, share, **args) == pytest.approx(500)


def test_a_network_trains_in_three_forward_passes() -> None:
    assert need_analysis.network_training_flops(8e9, 1e6, 90) == 3 * 8e9 * 9e7


def test_a_run_left_out_is_predicted_by_the_others_alone() -> None:
    runs, others = need_analysis.published_runs(speed)
    found = need_analysis.leave_one_out(runs)
    assert len(found) >= 12
    llms = [run for run in runs if run.architecture == "transformer"]
    first = next(one for one in found if one.run.model == "Llama-2-7B")
    product = 1.0
    for run in llms:
        product *= run.utilization if run.model != "Llama-2-7B" else 1.0
    assert first.utilization == pytest.approx(product ** (1 / (len(llms) - 1)))
    assert first.error == pytest.approx(first.run.utilization / first.utilization - 1)
    assert {why for _, why in others} == {
        "no GPU-hours published", "its FLOPs are not published", "no speed of its GPU is known",
    }  # fmt: skip


def test_memory_decides_how_many_gpus_hold_a_model() -> None:
    assert need_analysis.training_memory_gb(7e9) == pytest.approx(140)
    held = need_analysis.gpus_that_hold(140)
    assert held["H100"] == 2  # 72 of 80 GB are usable
    assert held["H200"] == 2
    assert held["B200"] == 1
    assert held["T4"] == 16
    assert need_analysis.gpus_that_hold(71.9)["H100"] == 1


def test_the_analysis_states_each_line_with_formula_and_source() -> None:
    lines = {line.what: line for line in need_analysis.need(Question(7e9, tokens=2e12, utilization=0.4), speed)}
    ratio = relative_speed("H100", "A100-80GB", "nlp")
    assert ratio is not None
    hours = 6 * 7e9 * 2e12 / (0.4 * 312e12 * ratio) / 3600
    assert lines["GPU-hours"].value.startswith(f"{hours:,.0f} on 8 H100")
    assert all(line.formula and line.source for line in lines.values())


def test_a_question_without_data_or_with_an_unknown_name_is_refused() -> None:
    with pytest.raises(InputError, match="give tokens"):
        need_analysis.need(Question(7e9), speed)
    with pytest.raises(InputError, match="no such architecture"):
        need_analysis.need(Question(7e9, tokens=1, architecture="cnnn"), speed)
    with pytest.raises(InputError, match="no speed"):
        need_analysis.need(Question(7e9, tokens=1, gpu="RTX3090"), speed)


def test_samples_and_tokens_are_two_ways_and_are_not_mixed() -> None:
    with pytest.raises(InputError, match="go together"):
        need_analysis.need(Question(7e9, tokens=1e9, forward_gflop=4), speed)
    with pytest.raises(InputError, match="not both"):
        need_analysis.need(Question(7e9, tokens=1e9, forward_gflop=4, samples=10), speed)
    assert Question(25e6, forward_gflop=4, samples=10, epochs=2).flops() == 3 * 4e9 * 10 * 2


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["--parameters", "nan", "--tokens", "1"], "--parameters': nan is not a finite number"),
        (["--parameters", "1e400", "--tokens", "1"], "--parameters': inf is not in the range"),
        (["--parameters", "7e9", "--tokens", "1,000"], "'1,000' is not a valid number"),
        (["--parameters", "7e9", "--tokens", "1e9", "--epochs", "inf"], "--epochs': inf is not in the range"),
        (["--parameters", "7e9", "--tokens", "1e9", "--family", "nlpp"], "no such family.*Did you mean nlp"),
        (["--parameters", "7e9", "--tokens", "1e9", "--gpu", "H10"], "no speed of this GPU.*Did you mean H100"),
    ],
)
def test_what_is_wrong_in_a_question_is_one_line(
    words: list[str], wanted: str, capfd: pytest.CaptureFixture[str]
) -> None:
    from marketsim.cli.main import main

    assert main(["need", *words]) == 2
    (line,) = capfd.readouterr().err.strip().splitlines()
    assert re.search(wanted, line), line
