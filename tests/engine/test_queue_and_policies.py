"""The queue and who speaks to it: chains, bounds, patience, preemption, levers, a policy of one's own, refusals."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import pytest
from small_worlds import (
    Decider,
    Job,
    Spell,
    billed,
    burst,
    causes,
    checkpointed,
    market,
    need,
    own,
    owned,
    rules,
    spells,
    spot,
    steps,
    story,
    times,
    world,
)

from marketsim.engine.run import run
from marketsim.errors import PolicyError
from marketsim.levers.effect import LeverOutcome, LeverWork
from marketsim.levers.lever import DrawnLever
from marketsim.metrics.measure import measure
from marketsim.policies import placement
from marketsim.policies import policy as say
from marketsim.policies.base import PlacementBase
from marketsim.world import Order


def test_a_job_starts_after_all_its_predecessors_have_finished():
    jobs = [Job(0, 10), Job(0, 25), Job(5, 10, after=(0, 1)), Job(40, 10, after=(0,))]
    assert times(world(jobs, [market()]), rules()) == [(0, 10), (0, 25), (25, 35), (40, 50)]


def test_followers_of_a_job_that_left_are_given_up_once_however_many_lead_there():
    """1 leaves; 2 and 3 follow it, 4 follows both; the run goes on to its horizon."""
    jobs = [
        Job(0, 100),
        Job(0, 10, need(patience_s=5)),
        Job(0, 10, after=(1,)),
        Job(0, 10, after=(1,)),
        Job(0, 10, after=(2, 3)),
    ]
    ledger = run(owned(1, jobs), rules(burst(None)))
    assert causes(ledger) == {
        0: [(100, "finished")],
        1: [(5, "left")],
        2: [(5, "cancelled")],
        3: [(5, "cancelled")],
        4: [(5, "cancelled")],
    }
    assert ledger.end_s == 1_000


def test_the_run_ends_with_the_last_job_after_the_horizon():
    ledger = run(owned(1, [Job(990, 50), Job(995, 50)]), rules(burst(None)))
    assert ledger.end_s == 1_090


def test_a_job_that_was_never_started_leaves_when_its_patience_ends_and_one_that_was_stays():
    impatient = need(patience_s=30, checkpoint=checkpointed(0).checkpoint)
    made = world([Job(0, 50, impatient), Job(0, 50, impatient)], [market(can_start=1)])
    assert causes(run(made, rules())) == {0: [(50, "finished")], 1: [(30, "left")]}


def test_of_a_bounded_queue_the_last_to_come_are_refused():
    ledger = run(owned(1, [Job(0, 10) for _ in range(4)]), rules(burst(None), capacity=2))
    assert causes(ledger) == {3: [(0, "refused")], 0: [(10, "finished")], 1: [(20, "finished")], 2: [(30, "finished")]}


def test_a_queue_without_places_loses_who_finds_all_busy():
    ledger = run(owned(1, [Job(0, 10), Job(5, 10), Job(10, 10)]), rules(burst(None), capacity=0))
    assert causes(ledger) == {1: [(5, "refused")], 0: [(10, "finished")], 2: [(20, "finished")]}


def test_a_job_of_higher_priority_stops_one_of_lower_which_goes_on_later():
    low, high = checkpointed(0), replace(checkpointed(0), priority=1)
    found = story(owned(1, [Job(0, 100, low), Job(40, 20, high)]), rules(burst(None), queue="preemptive_priority"))
    assert found == {
        0: [Spell("own", 0, 40, "preempted"), Spell("own", 60, 120, "finished")],
        1: [Spell("own", 40, 60, "finished")],
    }


def test_nobody_is_stopped_where_that_makes_no_room():
    """The pair needs both machines; one runs what may not be stopped for it."""
    jobs = [Job(0, 100), Job(0, 200, need(priority=2)), Job(10, 50, need(1, 2, priority=1))]
    for blocking in ("strict", "skipping"):
        made = owned(2, jobs, gang=2)
        found = story(made, rules(burst(None), queue="preemptive_priority", blocking=blocking))
        assert [spell.cause for one in found.values() for spell in one] == ["finished"] * 3


@pytest.mark.parametrize("blocking", ["strict", "skipping"])
def test_nobody_is_stopped_at_an_offer_where_the_job_may_not_run(blocking):
    """The urgent job must stay in eu, where another is as urgent; the one that could be stopped runs in us."""
    offers = [own("eu", residency="eu"), own("us", residency="us")]
    jobs = [
        Job(0, 100, need(priority=2, residency=("eu",))), Job(0, 100, need(residency=("us",))),
        Job(10, 20, need(priority=2, residency=("eu",))),
    ]  # fmt: skip
    made = world(jobs, offers, orders=(Order("eu", 1), Order("us", 1)))
    found = story(made, rules(burst(None), queue="preemptive_priority", blocking=blocking))
    assert found == {
        0: [Spell("eu", 0, 100, "finished")], 1: [Spell("us", 0, 100, "finished")],
        2: [Spell("eu", 100, 120, "finished")],
    }  # fmt: skip


def test_nobody_is_stopped_for_a_job_that_would_rather_wait():
    """Job 1 is due first, but its rule says wait."""

    class Patient(PlacementBase):
        def place(self, job, view, why):
            return say.Start(job.id, "cloud") if job.id == 0 else say.WAIT

    class Settings:
        def bind(self, setup):
            return Patient(setup)

    made = world([Job(0, 500, deadline_s=9_000), Job(10, 50, deadline_s=800)], [market(can_start=1)], drain_s=10)
    for blocking in ("strict", "skipping"):
        policy = replace(rules(queue="preemptive_edf", blocking=blocking), placement=Settings())
        assert story(made, policy) == {0: [Spell("cloud", 0, 500, "finished")]}


def test_one_who_was_stopped_in_a_pass_may_start_elsewhere_in_that_pass():
    """The urgent job needs both GPUs of the large machine; the one it stops goes on at the small one at once."""
    small, large = own("small"), own("large", gpus=2)
    made = world(
        [Job(0, 100, checkpointed(0)), Job(5, 20, need(2, priority=1))],
        [large, small],
        orders=(Order("large", 1), Order("small", 1)),
    )
    found = story(made, rules(burst(None), queue="preemptive_priority", blocking="skipping"))
    assert found[0] == [Spell("large", 0, 5, "preempted"), Spell("small", 5, 100, "finished")]


def test_the_next_of_a_line_is_compared_by_its_key_with_the_heads_of_other_lines():
    """Two places; of 10, 50 and 40 s the shortest two begin, though the second is of the first one's line."""
    jobs = [Job(0, 10), Job(0, 50), Job(0, 40, need(0.9))]
    made = world(jobs, [market(can_start=2)])
    assert times(made, rules(queue="sjf", blocking="skipping")) == [(0, 10), (10, 60), (0, 40)]


@pytest.mark.parametrize(("notice_s", "cost_s", "kept_s"), [(0, 0, 0), (1, 0, 50), (1, 1, 49), (1, 2, 0), (2, 2, 48)])
def test_a_last_checkpoint_is_written_where_the_notice_is_as_long_as_it_takes(notice_s, cost_s, kept_s):
    made = world(
        [Job(0, 100, checkpointed(1_000, cost_s=cost_s))],
        [spot(there=steps((0, 1), (50 - notice_s, 0)), notice_s=notice_s)], drain_s=0,
    )  # fmt: skip
    ledger = run(made, rules(placement.KINDS["spot_greedy"](wait_before_fallback="never")))
    assert ledger.stopped.rows()[0, [0, 3, 4]].tolist() == [50, 1, kept_s * 1_000]


# ---------------------------------------------------------------------------------------------------- levers


class Halve:
    """A lever that halves the work of the jobs of `work`."""

    target = "work"

    def transform(self, one, level=0):
        return one

    def job_work(self, one, work, level=0):
        return work // 2


def halved(level: int | None = 0, hours: float = 0.01, delay_s: int = 20):
    """The lever with its outcome: 36 s on one GPU, 5 USD, and 20 s until it is in use."""
    work = LeverWork(hours, "GPU", delay_s=delay_s, usd=5.0)
    return {"half": DrawnLever("half", Halve(), LeverOutcome((), level, "loss", 0.0, work))}  # type: ignore[arg-type]


def test_a_lever_is_earned_by_a_job_and_changes_who_arrives_after_its_rollout():
    """Its job runs 0 to 36 on the one machine; from 56 on jobs have half the work."""
    made = owned(1, [Job(10, 40), Job(50, 40), Job(56, 40)], levers=halved())
    ledger = run(made, rules(burst(None), levers=(("half", "work"),)))
    assert [spell[0][1:3] for spell in spells(made, ledger).values()] == [(0, 36), (36, 76), (76, 116), (116, 136)]
    assert ledger.adopted.rows()[:, [0, 4]].tolist() == [[56, 0]]
    assert billed(ledger, "expense:lever") == 5_000_000
    assert measure(made, ledger)["jobs_finished"] == 3


def test_a_lever_that_fails_has_cost_its_work_and_changes_nothing():
    made = owned(1, [Job(60, 40)], levers=halved(level=None))
    ledger = run(made, rules(burst(None), levers=(("half", "work"),)))
    assert ledger.stopped.column("t_s").tolist() == [36, 100]
    assert ledger.adopted.rows()[:, 4].tolist() == [-1]


def test_a_lever_without_work_comes_after_its_delay():
    made = owned(1, [Job(19, 40), Job(20, 40)], levers=halved(hours=0.0))
    assert times(made, rules(burst(None), levers=(("half", "work"),))) == [(19, 59), (59, 79)]


def test_a_lever_for_another_target_is_refused():
    with pytest.raises(PolicyError, match=r"fifo.*is for work, not for chat"):
        run(owned(1, [], levers=halved()), rules(burst(None), levers=(("half", "chat"),)))


# ---------------------------------------------------------------------------------------------------- reviews


class _Reviewing(PlacementBase):
    """Starts at the first offer that fits; leaves spot for the cloud when it is asked about a job there."""

    review_every_s = 20
    asked: ClassVar[list[tuple[int, int]]] = []

    def place(self, job, view, why):
        return next((say.Start(job.id, one) for one in ("spot", "cloud") if view.can_start(job, one)), None)

    def review(self, job, view):
        self.asked.append((view.now_s, job.id))
        if view.now_s < 50:
            return say.WakeAt(57) if job.id == 1 else None
        return say.Move(job.id, "cloud") if job.offer == "spot" else None


class _FromStart(_Reviewing):
    reviewed_from_start = True


@pytest.mark.parametrize(
    ("rule", "asked", "moved_s"),
    [
        (_Reviewing, [(20, 0), (20, 1), (40, 0), (60, 0), (60, 1), (80, 0), (80, 1)], {0: 60, 1: 60}),
        (_FromStart, [(20, 0), (25, 1), (40, 0), (60, 0), (65, 1), (80, 0), (85, 1)], {0: 60, 1: 65}),
    ],
)
def test_running_jobs_are_reviewed_at_the_rules_period_or_each_from_its_own_start(rule, asked, moved_s):
    """Two jobs from 0 and 5; the second need not be asked before 57."""

    class Settings:
        def bind(self, setup):
            return rule(setup)

    rule.asked.clear()
    jobs = [Job(0, 90, checkpointed(0)), Job(5, 90, checkpointed(0))]
    found = story(world(jobs, [spot(there=2), market()]), rules(Settings()))
    assert {job: spell[0] for job, spell in found.items()} == {
        0: Spell("spot", 0, moved_s[0], "moved"), 1: Spell("spot", 5, moved_s[1], "moved")
    }  # fmt: skip
    assert rule.asked == asked


# ------------------------------------------------------------------------------------- a policy of one's own


def test_decide_is_asked_again_while_it_changes_something():
    """It starts one job a round; three jobs of one second all start in it."""
    made = world([Job(5, 10) for _ in range(3)], [market()])
    assert (
        times(made, Decider(lambda view: [say.Start(job.id, "cloud") for job in view.waiting()[:1]])) == [(5, 15)] * 3
    )


def test_a_policy_that_never_settles_is_named_after_a_hundred_rounds():
    def decide(view):
        if view.running():
            return [say.Stop(view.running()[0].id)]
        return [say.Start(job.id, "cloud") for job in view.waiting()]

    with pytest.raises(PolicyError, match=r"mine at 5 s.*100 rounds"):
        run(world([Job(5, 10)], [market()]), Decider(decide))


def test_move_stops_here_and_starts_there_at_one_second():
    def decide(view):
        moves = [say.Move(job.id, "cloud") for job in view.running() if view.now_s == 40 and job.offer == "spot"]
        return [*(say.Start(job.id, "spot") for job in view.waiting()), *moves, *([say.WakeAt(40)] * (view.now_s == 0))]

    made = world([Job(0, 100, checkpointed(0, restart_s=7))], [spot(), market(boot_s=3)])
    assert story(made, Decider(decide)) == {0: [Spell("spot", 0, 40, "moved"), Spell("cloud", 40, 110, "finished")]}


def test_a_period_of_ones_own_is_kept():
    asked = []
    run(world([], [market()], horizon_s=100), Decider(lambda view: asked.append(view.now_s) or [], review_every_s=30))
    assert [t_s for t_s in asked if t_s] == [30, 60, 90]


def test_a_wake_time_between_seconds_is_the_next_whole_one():
    asked = []

    def decide(view):
        asked.append(view.now_s)
        return [say.WakeAt(view.now_s + 0.5)] if view.now_s < 2 else []

    run(world([], [market()], horizon_s=100), Decider(decide))
    assert asked[:3] == [0, 1, 2]
    assert all(type(t_s) is int for t_s in asked)


def test_cancel_gives_a_job_up_for_good():
    policy = Decider(lambda view: [say.Cancel(0)] if view.waiting() else [])
    assert causes(run(world([Job(5, 10)], [market()]), policy)) == {0: [(5, "cancelled")]}


@pytest.mark.parametrize(
    ("action", "words"),
    [
        (say.Start(7, "cloud"), "cannot start job 7: it is not here"),
        (say.Start(0, "nowhere"), "does not fit there"),
        (say.Start(0, "tiny"), "does not fit there"),
        (say.Move(0, "cloud"), "cannot move job 0: it waits"),
        (say.Stop(0), "cannot stop job 0: it waits"),
        (say.Cancel(9), "cannot cancel job 9"),
        (say.Release([3]), "holds no metered instance 3"),
        (say.Hold([3], 50), "holds no metered instance 3"),
        (say.Adopt("magic", "work"), "there is no lever 'magic'"),
        (say.Buy("cloud", 1), "no offer that can be signed"),
        ("start", "is no action"),
    ],
)
def test_the_impossible_is_refused_with_the_policys_name(action, words):
    made = world([Job(0, 10, need(2))], [market(gpus=2), market("tiny")])
    with pytest.raises(PolicyError, match=f"mine at 0 s.*{words}"):
        run(made, Decider(lambda view: [action]))


def test_a_rule_that_starts_where_nothing_fits_is_named():
    class Bold(PlacementBase):
        def place(self, job, view, why):
            return say.Start(job.id, "cloud")

    class Settings:
        def bind(self, setup):
            return Bold(setup)

    made = world([Job(0, 10), Job(0, 10)], [market(can_start=1)])
    with pytest.raises(PolicyError, match=r"bold at 0 s.*no instance can be launched"):
        run(made, replace(rules(), name="bold", placement=Settings()))
    abroad = world([Job(0, 10, need(residency=("eu",)))], [market(residency="us")])
    with pytest.raises(PolicyError, match=r"job 0 cannot start at cloud: must stay in eu, the offer is in us"):
        run(abroad, replace(rules(), name="bold", placement=Settings()))


def test_a_view_tells_the_estimate_and_never_the_work():
    """Estimated at 10 s, it runs 100: at 30 s the estimate has doubled twice."""
    seen = []

    def decide(view):
        seen.extend((view.now_s, job.estimated_left(view.now_s)) for job in view.running())
        return [*(say.Start(job.id, "cloud") for job in view.waiting()), *([say.WakeAt(30)] * (view.now_s == 0))]

    run(world([Job(0, 100, checkpointed(0), estimate_s=10)], [market()]), Decider(decide))
    assert (30, 10_000) in seen


@pytest.mark.parametrize("looks", [False, True])
def test_an_estimate_rises_when_an_attempt_that_ran_past_it_ends_and_not_by_being_looked_at(looks):
    """Estimated at 10 s, stopped after 25 without a checkpoint: all is lost but the news that it takes over 25 s."""
    seen = []

    def decide(view):
        if looks:
            for job in view.running():
                job.estimated_left(view.now_s)
                view.run_s(job, "cloud")
        seen.extend((view.now_s, job.estimate) for job in (*view.waiting(), *view.running()))
        actions = [say.Start(job.id, "cloud") for job in view.waiting()]
        if view.now_s == 25:
            actions = [say.Stop(job.id) for job in view.running() if job.started_s < 25] + actions
        return [*actions, *([say.WakeAt(20), say.WakeAt(25)] * (view.now_s == 0))]

    run(world([Job(0, 100, checkpointed(None), estimate_s=10)], [market()]), Decider(decide))
    assert list(dict.fromkeys(seen)) == [(0, 10_000), (20, 10_000), (25, 10_000), (25, 40_000)]


def test_one_share_is_taken_from_whom_it_is_enough_to_stop():
    """Two of one GPU each on a machine of two: who goes first stops the one that came last, and no other."""
    low, high = need(priority=1), need(priority=9)
    made = owned(1, [Job(0, 100, low), Job(5, 100, low), Job(20, 10, high)], gpus=2)
    found = story(made, rules(burst(None), "preemptive_priority"))
    assert [(one.start_s, one.stop_s, one.cause) for one in found[2]] == [(20, 30, "finished")]
    assert sorted(len(found[job]) for job in (0, 1)) == [1, 2]
