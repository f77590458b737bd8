"""Jobs that end: work, chains, failures, deadlines, estimates, each to the whole number a pencil gives."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from marketsim.demand.deadlines import Slack
from marketsim.demand.experiments import Experiments
from marketsim.demand.job import NEVER, JobTable, merge
from marketsim.demand.training import Training
from marketsim.errors import InputError
from marketsim.streams import Dice
from marketsim.throw import Throw

DAY = 86_400
GPU_HOUR = 3_600_000  # milli-GPU-seconds
WEEKLY = {"kind": "training", "arrivals": {"kind": "calendar", "every": "7 d"}, "work_gpu_hours": 10}
MANY = {"kind": "experiments", "arrivals": {"kind": "poisson", "per_day": 200}, "work_gpu_hours": 10}


def training(days: int = 22, **more: object) -> JobTable:
    return Training.model_validate({**WEEKLY, **more}).jobs("t", Throw(Dice(1), days * DAY, days * DAY))


def experiments(days: int = 20, replication: int = 0, **more: object) -> JobTable:
    demand = Experiments.model_validate({**MANY, **more})
    return demand.jobs("e", Throw(Dice(1, replication), days * DAY, days * DAY))


def test_work_on_one_gpu_is_its_gpu_hours() -> None:
    jobs = training()
    assert jobs.arrival_s.tolist() == [0, 7 * DAY, 14 * DAY, 21 * DAY]
    assert jobs.work.tolist() == [10 * GPU_HOUR] * 4
    assert jobs.deadline_s.tolist() == [NEVER] * 4


def test_a_gang_of_eight_with_sigma_0_02_takes_14_percent_more_work() -> None:
    jobs = training(gang={"kind": "constant", "gpus": 8}, parallel_sigma=0.02)
    assert set(jobs.work.tolist()) == {round(10 * GPU_HOUR * 1.14)}
    assert jobs.needs[0].milli == 8000


def test_the_whole_gang_counts_for_parallel_loss_and_needs_a_fabric() -> None:
    jobs = training(gang={"kind": "constant", "gpus": 8, "instances": 2}, parallel_sigma=0.02, prep_share=0.1)
    assert jobs.work[0] == round(10 * GPU_HOUR * 1.3 * 1.1)
    assert (jobs.needs[0].instances, jobs.needs[0].interconnect) == (2, "fabric")


def test_run_hours_are_hours_of_the_whole_gang() -> None:
    jobs = experiments(work_gpu_hours=None, run_hours=3, gang={"kind": "constant", "gpus": 0.5}, parallel_sigma=0.5)
    assert set(jobs.work.tolist()) == {3 * GPU_HOUR // 2}


def test_milestones_follow_one_another_and_share_one_deadline() -> None:
    jobs = training(days=1, milestones=[0.25, 0.75], deadline={"kind": "after_arrival", "within": "4 d"})
    assert jobs.work.tolist() == [2.5 * GPU_HOUR, 7.5 * GPU_HOUR]
    assert jobs.deadline_s.tolist() == [NEVER, 4 * DAY]
    assert jobs.after_start is not None
    assert jobs.after is not None
    assert jobs.after_start.tolist() == [0, 0, 1]
    assert jobs.after.tolist() == [0]


def test_milestones_that_do_not_add_up_are_refused() -> None:
    with pytest.raises(ValidationError, match="add up to 1"):
        training(milestones=[0.5, 0.4])


def test_failed_attempts_come_first_end_part_way_and_have_no_deadline() -> None:
    jobs = experiments(failures={"share": 0.5, "retries": 2}, deadline={"kind": "after_arrival", "within": "1 d"})
    last = jobs.deadline_s != NEVER
    assert (jobs.work[last] == 10 * GPU_HOUR).all()
    assert (jobs.work[~last] < 10 * GPU_HOUR).all()
    assert jobs.work[~last].mean() == pytest.approx(5 * GPU_HOUR, rel=0.05)
    attempts = (~last).sum() / last.sum()  # 0.5 fail once, 0.25 of all twice: 0.75 failed attempts a job
    assert attempts == pytest.approx(0.75, abs=0.05)
    assert jobs.after is not None
    assert len(jobs.after) == (~last).sum()
    assert set(jobs.estimate.tolist()) == {10 * GPU_HOUR}  # nobody expects to fail


def test_slack_is_a_multiple_of_the_estimated_run_time() -> None:
    jobs = experiments(gang={"kind": "constant", "gpus": 4}, deadline={"kind": "slack", "factor": 2.0})
    assert set((jobs.deadline_s - jobs.arrival_s).tolist()) == {2 * 9000}  # 10 GPU-hours on 4 GPUs: 9,000 s


def test_only_a_share_of_jobs_may_have_a_deadline() -> None:
    jobs = experiments(deadline={"kind": "slack", "factor": 2.0, "share": 0.3})
    assert np.mean(jobs.deadline_s != NEVER) == pytest.approx(0.3, abs=0.03)


def test_the_survey_of_users_is_a_preset_of_slack() -> None:
    factor = Slack.model_validate({"kind": "slack", "preset": "chronus-survey"}).factor
    assert factor.quantile(np.array([0.5, 0.9])) == pytest.approx([1.97, 3.13])


def test_late_money_stands_in_the_need() -> None:
    deadline = {"kind": "after_arrival", "within": "1 d", "usd_per_late_day": 2000, "usd_at_most": 20000}
    need = training(deadline=deadline).needs[0]
    assert (need.usd_per_late_day, need.usd_at_most) == (2000, 20000)
    assert training().needs[0].usd_at_most == float("inf")


def test_a_noisy_estimate_leaves_the_truth_where_it_was() -> None:
    size = {"kind": "lognormal", "median": 5, "p90": 20}
    plain = experiments(work_gpu_hours=size)
    noisy = experiments(work_gpu_hours=size, estimate={"kind": "lognormal", "sigma": 0.4})
    assert np.array_equal(plain.work, noisy.work)
    ratio = np.log(noisy.estimate / noisy.work)
    assert ratio.mean() == pytest.approx(0, abs=0.03)
    assert ratio.std() == pytest.approx(0.4, rel=0.05)


def test_a_users_limit_is_the_least_round_number_above_his_guess() -> None:
    jobs = experiments(estimate={"kind": "user_limit", "padding": 1.5, "sigma": 0.0})
    assert set(jobs.estimate.tolist()) == {24 * GPU_HOUR}  # 15 h guessed, limits are 12 and 24 h
    just = experiments(estimate={"kind": "user_limit", "padding": 1.2, "sigma": 0.0})
    assert set(just.estimate.tolist()) == {12 * GPU_HOUR}  # a guess of 12 h fits into 12 h


def test_a_class_mean_knows_the_class_and_not_the_job() -> None:
    jobs = experiments(work_gpu_hours={"kind": "exponential", "average": 4}, estimate={"kind": "class_mean"},
                       gang={"kind": "choices", "gpus": [1, 2], "weights": [1, 1]}, parallel_sigma=0.1)  # fmt: skip
    assert {int(e) for e in jobs.estimate[jobs.need == 0]} == {4 * GPU_HOUR}
    assert {int(e) for e in jobs.estimate[jobs.need == 1]} == {round(4.4 * GPU_HOUR)}


def test_an_early_stop_shortens_the_run_and_not_the_estimate() -> None:
    jobs = experiments(early_stop={"share": 0.25, "at_share": 0.5})
    assert set(jobs.work.tolist()) == {10 * GPU_HOUR, 5 * GPU_HOUR}
    assert np.mean(jobs.work == 5 * GPU_HOUR) == pytest.approx(0.25, abs=0.03)
    assert set(jobs.estimate.tolist()) == {10 * GPU_HOUR}


def test_jobs_of_one_batch_share_a_gang_and_are_alike_in_size() -> None:
    jobs = experiments(
        days=200, arrivals={"kind": "batches", "per_day": 40, "batch_sizes": {"2": 1}},
        gang={"kind": "choices", "gpus": [1, 8], "weights": [1, 1]}, batch_similarity=0.8,
        work_gpu_hours={"kind": "lognormal", "median": 5, "sigma": 1.5},
    )  # fmt: skip
    first, second = slice(0, None, 2), slice(1, None, 2)
    assert np.array_equal(jobs.arrival_s[first], jobs.arrival_s[second])
    assert np.array_equal(jobs.need[first], jobs.need[second])
    assert np.corrcoef(np.log(jobs.work[first]), np.log(jobs.work[second]))[0, 1] == pytest.approx(0.8, abs=0.03)
    assert np.log(jobs.work / GPU_HOUR).std() == pytest.approx(1.5, rel=0.03)  # the law of sizes stays


def test_each_gang_may_have_its_own_run_time() -> None:
    jobs = experiments(work_gpu_hours=None, gang={"kind": "choices", "gpus": [1, 4], "weights": [3, 1]},
                       run_hours_of_gang=[1, 2])  # fmt: skip
    assert {int(w) for w in jobs.work[jobs.need == 0]} == {GPU_HOUR}
    assert {int(w) for w in jobs.work[jobs.need == 1]} == {8 * GPU_HOUR}


def test_tenants_submit_by_their_weights() -> None:
    jobs = experiments(tenants={"asr": 3.0, "tts": 1.0})
    assert jobs.tenants == ("asr", "tts")
    assert np.mean(jobs.tenant == 0) == pytest.approx(0.75, abs=0.03)


def test_in_a_closed_loop_a_job_follows_the_same_persons_job_before() -> None:
    jobs = experiments(days=1, arrivals={"kind": "closed_loop", "people": 2, "think_hours": 9})
    assert jobs.arrival_s.tolist() == [32_400, 32_400, 64_800, 64_800]
    assert jobs.think_s is not None
    assert jobs.after_start is not None
    assert jobs.after is not None
    assert jobs.think_s.tolist() == [32_400] * 4
    assert jobs.after_start.tolist() == [0, 0, 0, 1, 2]
    assert jobs.after.tolist() == [0, 1]
    both = merge([training(days=1), jobs])
    assert both.think_s is not None
    assert both.think_s.tolist() == [0, *([32_400] * 4)]


def test_a_table_without_loops_has_no_thinking_after_a_merge() -> None:
    assert merge([training(), experiments(days=1)]).think_s is None


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"run_hours": 2}, "one of"),
        ({"gang": {"kind": "choices", "gpus": [], "weights": []}}, "gpus"),
        ({"gang": {"kind": "choices", "gpus": [1, 0], "weights": [1, 1]}}, "greater than 0"),
        ({"gang": {"kind": "constant", "gpus": 1.5}}, "whole number"),
        ({"gang": {"kind": "constant", "gpus": 0.1234}}, "3 decimals"),
        ({"gang": {"kind": "choices", "gpus": [1, 2], "weights": [1]}}, "weights"),
        ({"reference_gpu": "H1000"}, "no such GPU"),
        ({"parallel_sigm": 0.1}, "Extra inputs"),
        ({"patience": 5}, "duration"),
        ({"checkpoint": {"every": "daly", "cost": "1 min"}}, "mtbf"),
    ],
)
def test_settings_that_mean_nothing_are_refused(more: dict[str, object], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        experiments(**more)


def test_a_job_beyond_any_world_is_refused() -> None:
    with pytest.raises(InputError, match="larger than can be simulated"):
        experiments(work_gpu_hours=1e12)


def test_any_spelling_of_a_gpu_is_kept_as_its_one_name() -> None:
    assert training(reference_gpu="a100 sxm 80gb").needs[0].reference_gpu == "A100-80GB"
