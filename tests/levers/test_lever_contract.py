"""What every kind of lever promises, and what the draw of an outcome is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter

from marketsim.demand.job import Need, Service
from marketsim.levers import KINDS
from marketsim.levers.effect import Effect, Floor, LeverWork, outcome_of
from marketsim.levers.lever import Lever, drawn
from marketsim.path import Path
from marketsim.settings import one_of
from marketsim.streams import Dice

ANY_LEVER: TypeAdapter[Lever] = TypeAdapter(one_of(KINDS))
HEADER = (
    "technique,method,setting,metric,before,change,se,n,size_ratio,macs_ratio,train_speedup,prefill_speedup,"
    "decode_speedup,oneoff_gpu_hours,oneoff_gpu,basis,source\n"
)
CURVE = HEADER + (
    "pruning,mine,0.9,wer,9.0,0.5,0.1,5,5.0,1.0,1.0,1.0,2.0,3.0,H100,user,my log\n"
    "pruning,mine,0.5,wer,9.0,0.1,0.1,5,2.0,1.0,1.0,1.0,1.5,3.0,H100,user,my log\n"
)
ONE_OFF = {"gpu_hours": 20.0}
EXAMPLES: dict[str, dict[str, Any]] = {
    "quantization": {"bits": 4, "method": "awq", "floor": {"metric": "perplexity_ratio", "at_most": 1.05}},
    "pruning": {"pattern": "unstructured", "sparsity": 0.9, "one_off": ONE_OFF},
    "distillation": {"student": "DistilBERT"},
    "shrink": {"width": 0.5, "one_off": ONE_OFF},
    "low_rank": {},
    "mixed_precision": {"workload": "vision"},
    "chain": {
        "steps": [{"kind": "pruning", "pattern": "unstructured", "sparsity": 0.9}, {"kind": "quantization", "bits": 8,
                  "method": "ptq"}],
        "floor": {"metric": "accuracy", "at_least": 0.9},
        "one_off": ONE_OFF,
    },
    "federated": {"clients": 20, "rounds": 5, "model_mb": 1.0, "samples_per_client": 100, "sample_s": 0.01},
    "privacy": {"mechanism": "encryption"},
    "curve": {"file": "mine.csv", "method": "mine", "setting": 0.9},
}  # fmt: skip


def lever(kind: str, **more: Any) -> Lever:
    """A lever as a scenario would write it."""
    return ANY_LEVER.validate_python({"kind": kind, "target": "assistant", **EXAMPLES[kind], **more})


def service(**more: Any) -> Service:
    """Ten requests a second of a model in 20 GB, served by A100s and H100s."""
    given: dict[str, Any] = {
        "name": "assistant",
        "requests_per_s": Path.constant(10.0),
        "replica": Need("assistant", memory_gb_per_gpu=20.0),
        "replica_requests_per_s": {"A100-80GB": 2.0, "H100": 4.0},
    }
    return Service(**{**given, **more})


def test_every_kind_has_an_example() -> None:
    assert set(EXAMPLES) == set(KINDS)


@pytest.mark.parametrize("kind", sorted(KINDS))
class TestEveryKind:
    @pytest.fixture
    def ready(self, kind: str, tmp_path: Any) -> Lever:
        (tmp_path / "mine.csv").write_text(CURVE)
        return lever(kind).prepared(tmp_path)

    def test_a_need_stays_a_need_and_a_service_a_service(self, ready: Lever) -> None:
        for target in (Need("assistant", memory_gb_per_gpu=20.0), service()):
            if ready.refuses(target) is None:
                assert type(ready.transform(target)) is type(target)

    def test_it_changes_what_it_is_for(self, ready: Lever) -> None:
        assert None in [ready.refuses(Need("assistant")), ready.refuses(service())]

    def test_what_it_says_is_finite_and_sourced(self, ready: Lever) -> None:
        for effect in ready.levels():
            numbers = [effect.before, effect.change, effect.se, effect.size_ratio, effect.train_speedup]
            numbers += [*effect.prefill.values(), *effect.decode.values(), effect.work.gpu_hours]
            assert np.isfinite(numbers).all()
            assert effect.se >= 0
            assert effect.source
            assert effect.label

    def test_milder_levels_lose_no_more(self, ready: Lever) -> None:
        losses = [abs(effect.change) for effect in ready.levels()]
        assert losses == sorted(losses, reverse=True)

    def test_one_throw_gives_one_outcome_whoever_asks(self, ready: Lever) -> None:
        one, other = (drawn("mine", ready, Dice(3, 7)) for _ in range(2))
        assert one.outcome == other.outcome

    def test_settings_survive_a_round_trip(self, kind: str, ready: Lever) -> None:
        again = ANY_LEVER.validate_python(lever(kind).model_dump(exclude_none=True))
        assert again == lever(kind)


def levels(*losses: float, se: float = 0.01) -> tuple[Effect, ...]:
    return tuple(
        Effect(f"level {loss:g}", "wer", 9.0, loss, se, work=LeverWork(gpu_hours=10.0, delay_s=60)) for loss in losses
    )


def test_a_missed_floor_falls_back_with_time_and_money_gone() -> None:
    outcome = outcome_of(levels(2.0, 0.1), Floor(metric="wer", at_most=10.0), Dice(1))
    assert [tried.met for tried in outcome.tried] == [False, True]
    assert outcome.level == 1
    assert outcome.code == 1
    assert not outcome.success
    assert outcome.work.gpu_hours == 20.0
    assert outcome.work.delay_s == 120
    assert outcome.work.work == 20 * 3600 * 1000


def test_no_level_good_enough_leaves_the_need_alone() -> None:
    outcome = outcome_of(levels(2.0, 1.5), Floor(metric="wer", at_most=10.0), Dice(1))
    assert outcome.level is None
    assert outcome.code == -1
    assert outcome.value == 9.0
    assert outcome.work.gpu_hours == 20.0


def test_without_falling_back_only_the_first_level_is_paid_for() -> None:
    one = lever("quantization", bits=3, floor={"metric": "perplexity_ratio", "at_most": 1.0}, fall_back=False)
    outcome = drawn("q", one, Dice(1)).outcome
    assert outcome.level is None
    assert len(outcome.tried) == 1


def test_a_level_whose_bound_is_the_floor_fails_one_time_in_twenty() -> None:
    effect = levels(1.0, se=0.5)
    floor = Floor(metric="wer", at_most=10.0 + 1.645 * 0.5)
    assert floor.cleared_by(10.0, 0.5)
    assert not floor.cleared_by(10.001, 0.5)
    failed = np.mean([outcome_of(effect, floor, Dice(5, r)).level is None for r in range(1500)])
    assert failed == pytest.approx(0.05, abs=4 * (0.05 * 0.95 / 1500) ** 0.5)


def test_drawn_metrics_have_the_stated_mean_and_spread() -> None:
    values = np.array([outcome_of(levels(1.0, se=0.5), None, Dice(5, r)).value for r in range(1500)])
    assert values.mean() == pytest.approx(10.0, abs=4 * 0.5 / 1500**0.5)
    assert values.std() == pytest.approx(0.5, rel=0.08)


def test_a_model_that_is_hard_at_one_level_is_hard_at_all() -> None:
    effects = (*levels(1.0, se=0.5), *levels(0.5, se=0.2))
    for replication in range(20):
        one, two = outcome_of(effects, Floor(metric="wer", at_most=0.0), Dice(1, replication)).tried
        assert (one.value - 10.0) / 0.5 == pytest.approx((two.value - 9.5) / 0.2)


def test_another_lever_changes_no_outcome() -> None:
    alone = drawn("a", lever("quantization"), Dice(9)).outcome
    drawn("b", lever("distillation"), Dice(9))
    assert drawn("a", lever("quantization"), Dice(9)).outcome == alone
    assert drawn("b", lever("quantization"), Dice(9)).outcome.value != alone.value


def test_higher_is_better_metrics_are_bounded_below() -> None:
    floor = Floor(metric="top1", at_least=70.0)
    assert floor.cleared_by(71.0, 0.5)
    assert not floor.cleared_by(70.5, 0.5)


def test_the_one_off_work_is_a_job_like_any_other() -> None:
    work = LeverWork(gpu_hours=720, gpu="V100", gpus=8, data_gb=5.0)
    need = work.need("small-bert")
    assert (need.workload, need.milli, need.reference_gpu, need.data_gb) == ("lever-small-bert", 8000, "V100", 5.0)
    assert work.run_s == 90 * 3600


def test_figures_of_ones_own_are_the_only_level_and_need_their_work() -> None:
    figures = {"metric": "wer", "before": 9.0, "change": 0.2, "se": 0.1, "size_ratio": 2.0, "decode_speedup": 1.5,
               "source": "run of 3 May"}  # fmt: skip
    (effect,) = lever("distillation", student="my own", figures=figures, one_off=ONE_OFF).levels()
    assert (effect.basis, effect.after, effect.work.gpu_hours) == ("user", 9.2, 20.0)
    with pytest.raises(ValueError, match="need one_off"):
        lever("distillation", student="my own", figures=figures)


def test_a_hard_model_comes_out_worse_in_either_kind_of_metric() -> None:
    (error,) = levels(1.0, se=0.5)
    assert error.sees(2.0) == pytest.approx(9.0 + 1.0 + 2 * 0.5)
    share = Effect("half", "top1", 70.0, -1.0, 0.5)
    assert share.sees(2.0) == pytest.approx(70.0 - 1.0 - 2 * 0.5)
