"""What every queue rule must keep: it orders by what a policy may see, the same way twice, and says what it does."""

from __future__ import annotations

from dataclasses import replace

import pytest
from small_worlds import Job, burst, checkpointed, job_table, owned, rules, story, times

from marketsim.demand.job import NEVER
from marketsim.engine.run import run
from marketsim.engine.setup import make_setup
from marketsim.engine.state import JobState
from marketsim.policies.queueing import KINDS
from marketsim.settings import Kind

ALL = pytest.mark.parametrize("name", sorted(KINDS))
ONE = checkpointed(0)
JOBS = [
    Job(0, 40, ONE, 900, 10),
    Job(1, 10, ONE, 200, 30),
    Job(2, 25, replace(ONE, priority=2), NEVER, 25),
    Job(3, 60, replace(ONE, priority=1), 150, 60),
    Job(3, 5, ONE, NEVER, 50),
    Job(3, 5, ONE, NEVER, 50),
]
FIRST = {  # who is next of all six, at second 100; of equals the lowest number
    "fifo": [0, 1, 2, 3, 4, 5],
    "sjf": [0, 2, 1, 4, 5, 3],  # 10, 25, 30, 50, 50, 60 s by estimate
    "srpt": [0, 2, 1, 4, 5, 3],
    "wspt": [2, 3, 0, 1, 4, 5],  # 25 / 2, 60 / 1, and without a weight last
    "edf": [3, 1, 0, 2, 4, 5],  # 150, 200, 900, none
    "preemptive_edf": [3, 1, 0, 2, 4, 5],
    "least_slack": [3, 1, 0, 2, 4, 5],  # 90, 170, 890, none
    "priority": [2, 3, 0, 1, 4, 5],
    "preemptive_priority": [2, 3, 0, 1, 4, 5],
    "fair_share": [0, 1, 2, 3, 4, 5],  # one tenant that has used nothing: first come, first served
    "clairvoyant_sjf": [4, 5, 1, 2, 0, 3],  # 5, 5, 10, 25, 40, 60 s in truth
    "clairvoyant_srpt": [4, 5, 1, 2, 0, 3],
    "clairvoyant_wspt": [2, 3, 0, 1, 4, 5],
    "clairvoyant_least_slack": [3, 1, 0, 2, 4, 5],  # 90, 190, 860, none
}


def bound(name: str, **settings: object):
    """A working rule over the six jobs, and the jobs as a rule sees them."""
    made = owned(1, JOBS)
    rule = KINDS[name](**settings).bind(make_setup(made))
    table = job_table(*JOBS)
    views = [
        JobState(job, table.needs[need], int(need), at_s, deadline_s, estimate, 0)
        for job, (need, at_s, deadline_s, estimate) in enumerate(
            zip(table.need, table.arrival_s.tolist(), table.deadline_s.tolist(), table.estimate.tolist(), strict=True)
        )
    ]
    return rule, views


@ALL
def test_the_settings_are_frozen_documented_and_named_as_in_the_table(name):
    kind = KINDS[name]
    assert issubclass(kind, Kind)
    assert kind().kind == name
    assert kind.__doc__
    assert all(field.description for key, field in kind.model_fields.items() if key != "kind")
    with pytest.raises(ValueError, match="frozen"):
        kind().blocking = "strict"  # type: ignore[misc]


@ALL
def test_an_unknown_key_is_refused(name):
    with pytest.raises(ValueError, match=r"[Ee]xtra"):
        KINDS[name].model_validate({"kind": name, "colour": "red"})


@ALL
@pytest.mark.parametrize("blocking", ["strict", "skipping", "easy"])
def test_the_working_rule_says_how_it_blocks_and_how_many_may_wait(name, blocking):
    rule, _ = bound(name, blocking=blocking, capacity=7)
    assert (rule.blocking, rule.capacity) == (blocking, 7)
    assert isinstance(rule.preempts, bool)


@ALL
def test_keys_sort_the_jobs_as_the_rule_is_described(name):
    rule, views = bound(name)
    order = sorted(views, key=lambda job: (rule.key(job, 100), job.id))
    assert [job.id for job in order] == FIRST[name]


@ALL
def test_a_key_is_the_same_when_it_is_asked_twice(name):
    rule, views = bound(name)
    assert [rule.key(job, 100) for job in views] == [rule.key(job, 100) for job in views]


@ALL
def test_one_machine_serves_them_in_that_order(name):
    """All six are there when the machine comes free at 100; nothing is stopped for a job of the same standing."""
    blocker = Job(0, 100, replace(ONE, priority=9), 50, 1)
    made = owned(1, [blocker, *(job._replace(at_s=50 + job.at_s) for job in JOBS)])
    ledger = run(made, rules(burst(None), queue=name))
    if KINDS[name].preempts or name.startswith("clairvoyant"):
        return  # these look at the blocker's own work, and may well stop it
    assert ledger.started.column("job").tolist()[0] == 0
    shifted = [job - 1 for job in ledger.started.column("job").tolist()[1:]]
    if name in ("fifo", "sjf", "priority", "wspt", "fair_share"):
        assert shifted == FIRST[name]
    assert sorted(shifted) == [0, 1, 2, 3, 4, 5]


@ALL
def test_preempting_rules_stop_for_who_comes_first_and_others_do_not(name):
    """A long job without deadline or priority runs; a short, urgent, important one comes."""
    urgent = Job(10, 5, replace(ONE, priority=5), 40)
    found = story(owned(1, [Job(0, 100, ONE, NEVER), urgent]), rules(burst(None), queue=name))
    stopped = [spell.cause for spell in found[0]]
    assert stopped == (["preempted", "finished"] if KINDS[name].preempts else ["finished"])


@ALL
@pytest.mark.parametrize("blocking", ["strict", "skipping", "easy"])
def test_every_job_is_served_in_the_end_and_twice_the_same_way(name, blocking):
    made = owned(2, JOBS)
    policy = rules(burst(None), queue=name, blocking=blocking)
    found = times(made, policy)
    assert len(found) == len(JOBS)
    assert found == times(made, policy)
    ends = {spells[-1].cause for spells in story(made, policy).values()}
    assert ends == {"finished"}


def test_every_rule_in_the_table_has_its_order_written_here():
    assert set(FIRST) == set(KINDS)


@ALL
def test_only_rules_that_say_so_know_the_truth(name):
    """Another true work with the same estimate gives another key to nobody else."""
    rule, views = bound(name)
    other = [job._replace(seconds=job.seconds + 37) for job in JOBS]
    made = owned(1, [job._replace(estimate_s=old.estimate_s) for job, old in zip(other, JOBS, strict=True)])
    changed = KINDS[name]().bind(make_setup(made))
    same = [rule.key(job, 100) for job in views] == [changed.key(job, 100) for job in views]
    assert same != name.startswith("clairvoyant")
