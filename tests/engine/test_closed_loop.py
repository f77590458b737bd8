"""People who submit their next experiment some time after the last has ended, whatever the table expected."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from small_worlds import Job, burst, job_table, market, need, owned, rules, spells, world

from marketsim.demand.job import NEVER, JobTable
from marketsim.engine.run import run
from marketsim.policies import queueing
from marketsim.policies.policy import Policy


def loop(*jobs: Job, think_s: int = 5, **more):
    """One person's jobs: each is submitted `think_s` after the one before it; the table only expects a time."""
    table = job_table(*(job._replace(after=(number - 1,) if number else ()) for number, job in enumerate(jobs)))
    thinking = np.array([0, *[think_s] * (len(jobs) - 1)], np.int64)
    return replace(world((), [market()], **more), jobs=replace(table, think_s=thinking))


@pytest.mark.parametrize("expected_s", [0, 12, 15, 40, 900])
def test_a_job_is_submitted_once_when_the_person_has_thought_and_not_when_the_table_expected_it(expected_s):
    made = loop(Job(0, 10), Job(expected_s, 20))
    ledger = run(made, rules())
    found = spells(made, ledger)
    assert [(one.start_s, one.stop_s) for one in found[1]] == [(15, 35)]
    assert ledger.submitted.rows().tolist() == [[15, 1, NEVER]]


def test_a_deadline_keeps_its_distance_from_the_submission():
    ledger = run(loop(Job(0, 10), Job(40, 20, deadline_s=100)), rules())
    assert ledger.submitted.rows().tolist() == [[15, 1, 75]]


def test_who_thinks_past_the_horizon_submits_no_more_and_owes_nothing():
    made = loop(Job(0, 10), Job(12, 20), Job(14, 20), think_s=95, horizon_s=100)
    ledger = run(made, rules())
    assert sorted(spells(made, ledger)) == [0]
    assert len(ledger.submitted) == 0
    assert ledger.end_s == 100


def test_a_rule_that_knows_the_true_work_knows_it_of_a_levers_job_too(lever_world):
    policy = Policy("knows", queueing.KINDS["clairvoyant_sjf"](), burst(None), None, (("smaller", "work"),))
    found = spells(lever_world, run(lever_world, policy))
    assert [found[job][0].start_s for job in (1, 2)] == [100, 10]  # the lever's 90 s go before the table's 500


def test_it_knows_it_where_a_lever_s_job_is_the_only_one(lever_world):
    none = np.zeros(0, np.int64)
    alone = replace(lever_world, jobs=JobTable(lever_world.jobs.needs, none, none, none, none, none))
    policy = Policy("knows", queueing.KINDS["clairvoyant_sjf"](), burst(None), None, (("smaller", "work"),))
    assert run(alone, policy).started.rows()[:, :2].tolist() == [[0, 0]]


@pytest.fixture
def lever_world():
    """One machine; job 0 for 10 s, job 1 for 500 s, and a lever whose work takes 90 s."""
    from marketsim.levers import KINDS
    from marketsim.levers.lever import DrawnLever

    on_h100 = replace(need(), reference_gpu="H100")
    made = owned(1, [Job(0, 10, on_h100), Job(0, 500, on_h100)])
    made = replace(made, offers=tuple(replace(one, shape=replace(one.shape, gpu="H100")) for one in made.offers))
    lever = KINDS["low_rank"].model_validate({"target": "work", "one_off": {"gpu_hours": 90 / 3600, "gpu": "H100"}})
    outcome = lever.draw(made.dice.under("levers/smaller"))
    return replace(made, levers={"smaller": DrawnLever("smaller", lever, outcome)})
