"""What a scenario may write of elastic jobs, what it becomes, and how it is refused."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from marketsim import build, feasibility, scenario
from marketsim.demand.gangs import Choices, ConstantGang, Gang
from marketsim.demand.job import JobTable
from marketsim.demand.training import Training
from marketsim.errors import InputError
from marketsim.experiment import explain
from marketsim.streams import Dice
from marketsim.throw import Throw

DAY = 86_400
WEEKLY = {"kind": "training", "arrivals": {"kind": "calendar", "every": "7 d"}, "work_gpu_hours": 10}
TEXT = """\
name: elastic
start: 2026-09-01T00:00:00Z
horizon: 30 d
demand:
  train:
    kind: training
    arrivals: {kind: calendar, every: 1 d}
    work_gpu_hours: 100
    gang: {kind: constant, gpus: 8, elastic_gpus: [4, 2]}
    parallel_sigma: 0.1
    deadline: {kind: after_arrival, within: 300 h}
  quick:
    kind: experiments
    arrivals: {kind: calendar, every: 10 d}
    work_gpu_hours: 1
    gang: {kind: choices, gpus: [1, 4], weights: [1, 1], elastic_gpus: [[], [2]]}
supply:
  cloud: {kind: on_demand, provider: AWS, shape: {gpu: H100, gpus: 4}, usd_per_gpu_hour: 2}
policies:
  p: {placement: {kind: on_demand_only}}
"""


def training(**more: Any) -> JobTable:
    return Training.model_validate({**WEEKLY, **more}).jobs("t", Throw(Dice(1), 22 * DAY, 22 * DAY))


# ------------------------------------------------------------------------------------------------- what is written


def test_the_sizes_of_a_constant_gang_and_of_each_choice() -> None:
    one = ConstantGang.model_validate({"gpus": 8, "elastic_gpus": [2, 4], "elastic_instances": [2]})
    assert one.other_sizes() == ((Gang(1, 2000), Gang(1, 4000), Gang(2, 8000)),)
    assert ConstantGang().other_sizes() == ((),)
    lists = {"gpus": [1, 8, 8], "instances": [1, 1, 4], "weights": [1, 1, 1]}
    some = Choices.model_validate({**lists, "elastic_gpus": [[0.5], [4], []], "elastic_instances": [[], [], [2, 1]]})
    assert some.other_sizes() == ((Gang(1, 500),), (Gang(1, 4000),), (Gang(2, 8000), Gang(1, 8000)))
    assert Choices.model_validate(lists).other_sizes() == ((), (), ())


def test_the_jobs_are_the_same_and_their_needs_know_the_sizes() -> None:
    rigid = training(gang={"kind": "constant", "gpus": 8}, parallel_sigma=0.1)
    soft = training(gang={"kind": "constant", "gpus": 8, "elastic_gpus": [2], "elastic_instances": [2]},
                    parallel_sigma=0.1)  # fmt: skip
    assert (soft.work == rigid.work).all()
    assert (soft.estimate == rigid.estimate).all()
    assert len(soft.needs) == 1
    sizes = soft.needs[0].sizes()
    assert [(one.instances, one.milli, one.interconnect) for one in sizes] == [
        (2, 8000, "fabric"), (1, 8000, "none"), (1, 2000, "none")
    ]  # fmt: skip
    # work over the milli-GPUs and the efficiency of a size is W (1 + sigma (m - 1)) / m
    seconds = [soft.work[0] / (one.gang_milli * one.efficiency_ppm / 1e6) for one in sizes]
    assert seconds == pytest.approx([36_000 * (1 + 0.1 * (m - 1)) / m for m in (16, 8, 2)], rel=1e-6)


def test_a_file_goes_round_with_its_sizes() -> None:
    found = scenario.loads(TEXT)
    again = scenario.loads(scenario.dump(found))
    assert again == found
    assert found.changed(["demand.train.gang.elastic_gpus=[1]"]).demand["train"].gang.elastic_gpus == (1,)


# ------------------------------------------------------------------------------------------------- what is refused

REFUSED = [
    ({"gpus": 8, "elastic_gpus": [8]}, "elastic_gpus has the size that is declared, 8: list the others"),
    ({"gpus": 8, "elastic_gpus": [4, 2, 4]}, "elastic_gpus has 4 twice"),
    ({"gpus": 8, "elastic_gpus": [0]}, "greater than 0"),
    ({"gpus": 1e-10}, "at most 3 decimals"),
    ({"gpus": 8, "elastic_gpus": [2.5]}, "more than one GPU must be a whole number of them"),
    ({"gpus": 8, "elastic_instances": [1]}, "elastic_instances has the size that is declared, 1: list the others"),
    ({"gpus": 8, "elastic_instances": [0]}, "greater than or equal to 1"),
    ({"gpus": 8, "instances": 2, "elastic_gpus": [4]},
     "elastic_gpus is for gangs of one instance; for 2 give elastic_instances"),
]  # fmt: skip


@pytest.mark.parametrize(("gang", "why"), REFUSED)
def test_a_size_that_cannot_be_another_is_told(gang: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        ConstantGang.model_validate(gang)


def test_choices_give_a_list_for_each() -> None:
    with pytest.raises(ValidationError, match="elastic_gpus must be one list for each entry of gpus"):
        Choices.model_validate({"gpus": [1, 4], "weights": [1, 1], "elastic_gpus": [[2]]})
    with pytest.raises(ValidationError, match="elastic_gpus has the size that is declared, 4"):
        Choices.model_validate({"gpus": [1, 4], "weights": [1, 1], "elastic_gpus": [[], [4]]})


@pytest.mark.parametrize(
    ("edit", "line"),
    [
        ("demand.train.gang.elastic_gpus=[8]",
         "demand.train.gang.elastic_gpus: has the size that is declared, 8: list the others"),
        ("demand.quick.gang.elastic_gpus=[[2]]",
         "demand.quick.gang.elastic_gpus: must be one list for each entry of gpus, [] for a choice of one size"),
        ("demand.train={kind: interactive, preset: notebook, gang: {kind: constant, gpus: 2, elastic_gpus: [1]}}",
         "demand.train.gang: cannot be elastic: a session lasts as long on fewer GPUs as on more"),
        ("demand.train.gang.elastic=[4]", "demand.train.gang.elastic"),
    ],
)  # fmt: skip
def test_a_scenario_refuses_it_in_one_line(edit: str, line: str) -> None:
    with pytest.raises(InputError) as caught:
        scenario.loads(TEXT).changed([edit])
    told = [str(fault) for fault in caught.value.faults]
    assert len(told) == 1
    assert line in told[0]
    assert "\n" not in told[0]


# ------------------------------------------------------------------------------------------------- what check says


def doubts(*edits: str) -> list[str]:
    found = scenario.loads(TEXT).changed(list(edits))
    return [f"{fault.key}: {fault.what}" for fault in feasibility.doubts(found, build.build(found, 0))]


def test_a_job_that_fits_nowhere_as_declared_but_at_a_smaller_size_is_feasible() -> None:
    assert doubts() == [
        "demand.train.gang: no offer can hold a gang of 1 x 8 GPUs, so no job is started at that size: "
        "cloud needs 8 GPUs on one instance, the shape has 4"
    ]
    assert doubts("supply.cloud.shape.gpus=8") == []


def test_a_job_that_fits_at_no_size_is_told_with_all_of_them() -> None:
    told = doubts("supply.cloud.shape.gpus=1")
    assert told[0].startswith(
        "demand.train.gang: no offer can hold a gang of 1 x 8 or 1 x 4 or 1 x 2 GPUs, so 30 jobs never run: "
    )


def test_the_fastest_run_is_that_of_the_fastest_size_that_fits() -> None:
    """100 GPU-hours on 4 GPUs at sigma 0.1 are 32.5 h, on 8 of a larger shape 21.25 h."""
    late = "demand.train.deadline.within=32 h"
    assert any("deadlines are shorter than the fastest run (32.5 h" in one for one in doubts(late))
    assert doubts(late, "supply.cloud.shape.gpus=8") == []


def test_the_load_is_of_the_size_that_takes_the_fewest_gpu_hours() -> None:
    """100 GPU-hours a day on 2 GPUs are 110 with their loss, on 8 they would be 170: 4.58 or 7.08 GPUs on average."""
    found = scenario.loads(TEXT).changed(["demand.quick.enabled=false"])
    assert feasibility.mean_load_gpus(build.build(found, 0)) == pytest.approx(110 / 24, rel=1e-5)
    rigid = found.changed(["demand.train.gang={kind: constant, gpus: 4}"])
    assert feasibility.mean_load_gpus(build.build(rigid, 0)) == pytest.approx(130 / 24, rel=1e-5)


# ------------------------------------------------------------------------------------------------- levers, explain


def test_a_lever_changes_the_need_at_every_size_and_federated_rounds_have_one() -> None:
    from marketsim.engine.setup import levered_needs, make_setup

    half = "levers={half: {kind: mixed_precision, target: train, workload: nlp}}"
    made = build.build(scenario.loads(TEXT).changed([half]), 0)
    setup, (_, changed) = make_setup(made), levered_needs(made)
    for old, new in changed["half"].items():
        before, after = ([setup.needs[one] for one in setup.sizes[number]] for number in (old, new))
        assert [one.gang_milli for one in after] == [one.gang_milli for one in before] == [8000, 4000, 2000]
        assert [one.memory_gb_per_gpu for one in after] == [made.levers["half"].changed(one).memory_gb_per_gpu
                                                            for one in before]  # fmt: skip
    rounds = ("levers={fl: {kind: federated, target: train, clients: 20, rounds: 5, model_mb: 1.0, "
              "samples_per_client: 100, sample_s: 0.01}}")  # fmt: skip
    made = build.build(scenario.loads(TEXT).changed([rounds]), 0)
    lever = made.levers["fl"]
    assert len(lever.lever.transform(made.jobs.needs[0], 0).sizes()) == 1


def test_a_lever_in_force_starts_jobs_at_the_size_that_fits() -> None:
    from marketsim.engine.run import run

    text = TEXT.replace("policies:\n  p: {", "levers: {half: {kind: mixed_precision, target: train, workload: nlp}}\n"
                        "policies:\n  p: {levers: [half], ")  # fmt: skip
    found = scenario.loads(text)
    made = build.build(found, 0)
    ledger = run(made, build.policy_of(found, "p"))
    assert len(ledger.adopted) == 1
    assert set(ledger.started.column("milli").tolist()) <= {1000, 2000, 4000}
    trains = [job for job, need in enumerate(made.jobs.need) if made.jobs.needs[need].workload == "train"]
    started = {row[1]: row for row in ledger.started.rows().tolist()}
    assert [started[job][5] for job in trains] == [4000] * 30
    spans = {row[1]: row[0] - started[row[1]][0] for row in ledger.stopped.rows().tolist() if row[1] in started}
    lever, need = made.levers["half"], made.jobs.needs[made.jobs.need[trains[0]]]
    left = lever.changed_work(need, int(made.jobs.work[trains[0]])) / int(made.jobs.work[trains[0]])
    assert left < 0.8
    assert [spans[job] for job in trains] == [pytest.approx(32.5 * 3600 * left, abs=1)] * 30


def test_an_explanation_tells_the_size_and_what_it_would_have_cost() -> None:
    found = scenario.loads(TEXT).changed(["demand.quick.enabled=false"])
    made = build.build(found, 0)
    told = explain.of_job(made, build.policy_of(found, "p"), 0)
    assert told.events[0].text == "attempt 1 at cloud on 1 x 4 GPUs, works from day 0 00:00:00 on"
    (option,) = told.decisions[0].options
    assert option.expected_finish_s == 32.5 * 3600
    assert option.usd == pytest.approx(4 * 2 * 32.5)
    # on 2 GPUs of the 4 it takes 55 h and costs 220 USD, the less: the deadline of 300 h leaves time for it
    assert told.hindsight is not None
    assert "for 220.00 USD" in told.hindsight
