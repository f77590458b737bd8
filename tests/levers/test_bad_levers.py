"""What a user may get wrong about levers: each is one line that names it."""

from __future__ import annotations

import pathlib
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from marketsim.errors import InputError
from marketsim.levers import KINDS
from marketsim.levers.curve import Curve, read
from marketsim.settings import one_of

ANY_LEVER: TypeAdapter[Any] = TypeAdapter(one_of(KINDS))
FEDERATED = {"kind": "federated", "clients": 20, "rounds": 9, "model_mb": 1.0, "samples_per_client": 9, "sample_s": 0.1}
WORK = {"gpu_hours": 1.0}

BAD: dict[str, tuple[dict[str, Any], str, str]] = {
    "bits of 5.5": ({"kind": "quantization", "bits": 5.5}, "bits", "8, 6, 4, 3 or 2"),
    "bits of 0": ({"kind": "quantization", "bits": 0}, "bits", "8, 6, 4, 3 or 2"),
    "sparsity of 1": ({"kind": "pruning", "pattern": "unstructured", "sparsity": 1.0}, "sparsity", "less than 1"),
    "sparsity of 0": ({"kind": "pruning", "pattern": "unstructured", "sparsity": 0.0}, "sparsity", "greater than 0"),
    "a floor above the base metric": (
        {"kind": "distillation", "student": "DistilBERT", "floor": {"metric": "glue", "at_least": 80.0}},
        "", "the floor of 80 asks for more than the model has without the lever (glue 79.5)",
    ),
    "a ceiling below the base metric": (
        {"kind": "quantization", "bits": 4, "floor": {"metric": "perplexity_ratio", "at_most": 0.99}},
        "", "the floor of 0.99 asks for more than the model has",
    ),
    "a floor of another metric": (
        {"kind": "quantization", "bits": 4, "floor": {"metric": "wer", "at_most": 9.0}}, "", "not in wer",
    ),
    "a floor the wrong way round": (
        {"kind": "quantization", "bits": 4, "floor": {"metric": "perplexity_ratio", "at_least": 1.0}},
        "floor", "is given by at_most",
    ),
    "a floor with two bounds": (
        {"kind": "quantization", "bits": 4, "floor": {"metric": "wer", "at_least": 1.0, "at_most": 2.0}},
        "floor", "one of at_most and at_least",
    ),
    "more selected clients than exist": ({**FEDERATED, "selected": 21}, "", "selected is 21 of 20 clients"),
    "more awaited clients than exist": (
        {**FEDERATED, "wait_for": 30}, "", "wait_for is 30 of 20 clients; allowed: <= clients",
    ),
    "more awaited than asked": ({**FEDERATED, "selected": 5, "wait_for": 10}, "", "wait_for is 10 of 7 clients asked"),
    "zero bandwidth": ({**FEDERATED, "uplink_mbit_s": 0.0}, "uplink_mbit_s", "greater than 0"),
    "no rounds and no task": ({k: v for k, v in FEDERATED.items() if k != "rounds"}, "", "give rounds, or a task"),
    "clients that never wake": ({**FEDERATED, "awake": [0.0] * 24}, "", "awake at once"),
    "sums that cannot be secret": (
        {**FEDERATED, "secure_aggregation": True, "drop_out": 0.4}, "", "bears a drop_out of at most 1/3",
    ),
    "a technique on hardware that lacks it": (
        {"kind": "pruning", "pattern": "2:4", "one_off": WORK, "hardware": ["V100"]}, "", "needs 2:4, which V100 lacks",
    ),
    "8-bit units on a GPU without": (
        {"kind": "shrink", "width": 0.5, "bits": 8, "one_off": WORK, "hardware": ["V100"]}, "", "needs int8",
    ),
    "hardware that is unknown": (
        {"kind": "quantization", "bits": 4, "hardware": ["H1000"]}, "", "no such GPU or device is known",
    ),
    "a student that is unknown": ({"kind": "distillation", "student": "DistillBERT"}, "", "Did you mean DistilBERT?"),
    "a work that nobody priced": ({"kind": "pruning", "pattern": "unstructured"}, "", "no one-off work is published"),
    "a method without figures at these bits": ({"kind": "quantization", "bits": 2, "method": "awq"}, "", "not at 2"),
    "a mechanism without a price": ({"kind": "privacy", "mechanism": "homomorphic_encryption"}, "", "compute_factor"),
    "a mechanism that is free": (
        {"kind": "privacy", "mechanism": "encryption", "compute_factor": 0.0}, "compute_factor", "greater than 0",
    ),
    "a mechanism that saves": (
        {"kind": "privacy", "mechanism": "encryption", "compute_factor": 0.5}, "", "compute_factor below 1",
    ),
    "an unknown key": ({"kind": "quantization", "bits": 4, "cost_factor": 0}, "cost_factor", "not permitted"),
    "a chain that measures two things": (
        {"kind": "chain", "steps": [{"kind": "distillation", "student": "DistilBERT"}, {"kind": "quantization",
         "bits": 4}]}, "", "steps measure different things: glue, perplexity_ratio",
    ),
    "a technique twice in a chain": (
        {"kind": "chain", "steps": [{"kind": "quantization", "bits": 4}, {"kind": "quantization", "bits": 8,
         "method": "kquant"}]}, "", "takes each technique once",
    ),
    "adapters with a floor and no figures": (
        {"kind": "low_rank", "floor": {"metric": "task", "at_least": 0.9}}, "", "a floor needs figures",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(BAD))
def test_it_is_told_in_one_line(name: str) -> None:
    given, field, words = BAD[name]
    with pytest.raises(ValidationError) as caught:
        ANY_LEVER.validate_python({"target": "assistant", **given})
    faults = caught.value.errors()
    assert len(faults) == 1
    assert words in faults[0]["msg"]
    assert "\n" not in faults[0]["msg"]
    if field:
        assert field in faults[0]["loc"]


HEADER = (
    "technique,method,setting,metric,before,change,se,n,size_ratio,macs_ratio,train_speedup,prefill_speedup,"
    "decode_speedup,oneoff_gpu_hours,oneoff_gpu,basis,source\n"
)
ROW = "pruning,mine,0.9,wer,9.0,0.5,0.1,5,5.0,1.0,1.0,1.0,2.0,3.0,H100,user,my log\n"


def curve(**given: Any) -> Curve:
    return Curve.model_validate({"target": "a", "file": "mine.csv", "method": "mine", "setting": 0.9, **given})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (HEADER + ROW.replace("0.5,0.1", "nan,0.1"), "not finite"),
        (HEADER + ROW.replace("0.1,5", "-0.1,5"), "must not be negative"),
        (HEADER + ROW + ROW, "duplicate of line 2"),
        (HEADER.replace("metric,", "") + ROW, "column metric is missing"),
        (HEADER + ROW.replace("5.0,", "0,"), "must be above 0"),
        (HEADER, "no rows below the header"),
    ],
)
def test_a_file_that_is_no_lever_is_told_with_its_line(tmp_path: pathlib.Path, text: str, words: str) -> None:
    (tmp_path / "mine.csv").write_text(text)
    with pytest.raises(InputError, match=words) as caught:
        read(tmp_path / "mine.csv")
    assert caught.value.faults[0].file == "mine.csv"


def test_a_row_that_is_not_in_the_file_is_told_with_the_nearest(tmp_path: pathlib.Path) -> None:
    (tmp_path / "mine.csv").write_text(HEADER + ROW)
    with pytest.raises(InputError, match=r"Did you mean mine 0\.9"):
        curve(setting=0.8).prepared(tmp_path)


def test_a_floor_above_the_files_base_is_told(tmp_path: pathlib.Path) -> None:
    (tmp_path / "mine.csv").write_text(HEADER + ROW)
    with pytest.raises(InputError, match="asks for more than the model has"):
        curve(floor={"metric": "wer", "at_most": 8.0}).prepared(tmp_path)


def test_a_users_own_file_is_a_lever(tmp_path: pathlib.Path) -> None:
    (tmp_path / "mine.csv").write_text(HEADER + ROW)
    (effect,) = curve().prepared(tmp_path).levels()
    assert (effect.after, effect.size_ratio, effect.basis) == (9.5, 5.0, "user")
    assert (effect.work.gpu_hours, effect.work.gpu) == (3.0, "H100")
