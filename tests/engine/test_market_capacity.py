"""Launchable against keepable: a stock-out evicts nobody; what may no longer be kept goes idle first, then newest."""

from __future__ import annotations

import pytest
from small_worlds import (
    ON_DEMAND,
    Decider,
    Job,
    Spell,
    burst,
    checkpointed,
    market,
    need,
    owned,
    rules,
    spot,
    steps,
    story,
    times,
    world,
)

from marketsim.engine.run import run
from marketsim.errors import PolicyError
from marketsim.policies import placement
from marketsim.policies import policy as say

SPOT = placement.KINDS["spot_greedy"](wait_before_fallback="never")


def test_a_stock_out_blocks_starts_and_evicts_nobody():
    made = world([Job(0, 100), Job(20, 10)], [market(can_start=steps((0, 5), (10, 0), (70, 5)))])
    assert times(made, rules()) == [(0, 100), (70, 80)]


def test_a_quota_blocks_starts_and_evicts_nobody():
    made = world([Job(0, 100), Job(20, 10)], [market(quota=1)])
    assert times(made, rules()) == [(0, 100), (100, 110)]


def test_quota_is_granted_in_whole_steps_after_the_providers_delay():
    """One is allowed, one more is asked for at second 0: a step of 2 comes at 50."""
    jobs = [Job(0, 100) for _ in range(4)]

    def decide(view):
        asked = [say.RequestQuota("cloud", 1)] if view.now_s == 0 and len(view.running()) == 0 else []
        return asked + [say.Start(job.id, "cloud") for job in view.waiting() if view.can_start(job, "cloud")][:1]

    made = world(jobs, [market(quota=1, quota_step=2, quota_grant_s=50)])
    assert times(made, Decider(decide)) == [(0, 100), (50, 150), (50, 150), (100, 200)]


@pytest.mark.parametrize(("share", "most", "starts"), [(1.0, None, [0, 50, 50, 50]), (0.5, None, [0, 50, 50, 100]),
                                                       (1.0, 2, [0, 50, 100, 150])])  # fmt: skip
def test_a_request_is_granted_in_part_and_not_beyond_the_providers_end(share, most, starts):
    """One is allowed and four more are asked for: all come, or half, or one, where two are the most there can be."""
    jobs = [Job(0, 100) for _ in range(4)]
    asked = []

    def decide(view):
        more = [] if asked else [say.RequestQuota("cloud", 4)]
        asked.append(view.now_s)
        return more + [say.Start(job.id, "cloud") for job in view.waiting() if view.can_start(job, "cloud")][:1]

    cloud = market(quota=1, quota_step=1, quota_grant_s=50, quota_share=share, quota_most=most)
    assert [start for start, _ in times(world(jobs, [cloud]), Decider(decide))] == starts


def test_a_share_of_a_request_is_not_a_step_short_for_the_sake_of_binary():
    """0.29 x 100 is 28.999999999999996 in floating point, and 29 instances."""
    seen, asked = {}, []

    def decide(view):
        seen[view.now_s] = view.launchable("cloud")
        more = [] if asked else [say.RequestQuota("cloud", 100)]
        asked.append(view.now_s)
        return more

    cloud = market(quota=1, quota_step=1, quota_grant_s=50, quota_share=0.29)
    run(world([Job(0, 100), Job(60, 100)], [cloud]), Decider(decide))
    assert (seen[0], seen[60]) == (1, 30)


def test_where_a_provider_has_granted_all_it_grants_a_request_is_refused_by_name():
    cloud = market(quota=1, quota_step=2, quota_most=1)
    with pytest.raises(PolicyError, match=r"mine.*grants no more quota"):
        run(world([Job(0, 1)], [cloud]), Decider(lambda view: [say.RequestQuota("cloud", 1)]))


def test_falling_keepable_takes_the_idle_instance_first_then_the_newest():
    """Three leases, the first held idle: of two that go, one is idle (number 0), one the newest (number 2)."""
    policy = Decider(lambda view: [say.Start(job.id, "spot") for job in view.waiting() if view.can_start(job, "spot")])
    policy.on_empty = lambda offer, view: 10_000  # type: ignore[attr-defined]
    made = world([Job(0, 10), Job(1, 100), Job(2, 100)], [spot(there=steps((0, 3), (50, 1)))], drain_s=100)
    ledger = run(made, policy)
    assert ledger.released.rows()[:2].tolist() == [[50, 0, 1], [50, 2, 1]]


def test_notice_lets_a_job_that_ends_in_time_end():
    """Of two, the newest is told at 50 and goes at 80: its job of 75 s is done, one of 81 s would not be."""
    jobs = [Job(0, 200), Job(0, 75)]
    made = world(jobs, [spot(there=steps((0, 2), (50, 1)), notice_s=30)])
    assert story(made, rules(SPOT))[1] == [Spell("spot", 0, 75, "finished")]
    late = world([Job(0, 200), Job(0, 81)], made.offers, drain_s=1_000)
    assert story(late, rules(SPOT))[1][0] == Spell("spot", 0, 80, "reclaimed")


def test_an_instance_on_notice_takes_no_new_work():
    half = need(0.5)
    made = world([Job(0, 200, half), Job(60, 10, half)], [spot(there=steps((0, 1), (50, 0), (90, 1)), notice_s=30)])
    found = story(made, rules(SPOT, blocking="skipping"))
    assert found[0][0] == Spell("spot", 0, 80, "reclaimed")
    assert found[1] == [Spell("spot", 90, 100, "finished")]


def test_work_is_kept_up_to_the_checkpoint_that_had_ended():
    """Every 20 s one that takes 5 s: at 60 s, those begun at 20 and 45 have ended: 40 s of work are kept, 10 lost."""
    job = checkpointed(20, cost_s=5)
    ledger = run(world([Job(0, 100, job)], [spot(there=steps((0, 1), (60, 0)))], drain_s=10), rules(SPOT))
    assert ledger.stopped.rows()[0].tolist() == [60, 0, 1, 1, 40_000, 10_000, 0, 10]


def test_enough_notice_lets_it_write_one_more():
    """Told at 60 and gone at 70: the last is begun at 65, after 20 + 20 + 15 s of work."""
    job = checkpointed(20, cost_s=5)
    made = world([Job(0, 100, job)], [spot(there=steps((0, 1), (60, 0)), notice_s=10)], drain_s=10)
    assert run(made, rules(SPOT)).stopped.rows()[0].tolist() == [70, 0, 1, 1, 55_000, 0, 0, 15]


def test_notice_too_short_for_a_checkpoint_saves_nothing_more():
    job = checkpointed(20, cost_s=5)
    made = world([Job(0, 100, job)], [spot(there=steps((0, 1), (60, 0)), notice_s=4)], drain_s=10)
    assert run(made, rules(SPOT)).stopped.rows()[0, 4] == 40_000


def test_without_checkpoints_all_is_lost_and_in_gap_mode_nothing():
    for every_s, kept in ((None, 0), (0, 60_000)):
        made = world([Job(0, 100, checkpointed(every_s))], [spot(there=steps((0, 1), (60, 0)))], drain_s=10)
        row = run(made, rules(SPOT)).stopped.rows()[0]
        assert (row[4], row[5]) == (kept, 60_000 - kept)


def test_a_restart_is_paid_again_and_only_what_is_left_is_done():
    """60 s done and kept, 7 s of restart at 80, and 40 s of work: done at 127."""
    job = checkpointed(0, restart_s=7, start_s=3)
    made = world([Job(0, 100, job)], [spot(there=steps((0, 1), (63, 0), (80, 1)))])
    assert story(made, rules(SPOT)) == {0: [Spell("spot", 0, 63, "reclaimed"), Spell("spot", 80, 127, "finished")]}


def test_checkpoints_lengthen_the_run_and_a_final_one_only_where_it_is_asked_for():
    for final, seconds in ((False, 120), (True, 125)):
        made = world([Job(0, 100, checkpointed(20, cost_s=5, final=final))], [market()])
        assert times(made, rules()) == [(0, seconds)]


def test_a_job_that_cannot_hold_a_spot_waits_for_on_demand_by_its_rule():
    made = world([Job(0, 10)], [spot(there=steps((0, 0), (500, 1))), market()])
    fallback = placement.KINDS["spot_greedy"].model_validate({"wait_before_fallback": "30 s"})
    assert story(made, rules(fallback)) == {0: [Spell("cloud", 30, 40, "finished")]}


def test_strict_waits_behind_a_head_that_does_not_fit_and_skipping_goes_on():
    jobs = [Job(0, 100, need(2)), Job(1, 50, need(3)), Job(2, 10, need(1))]
    made = world(jobs, [market(gpus=3, can_start=1)])
    assert times(made, rules(ON_DEMAND)) == [(0, 100), (100, 150), (150, 160)]
    assert times(made, rules(ON_DEMAND, blocking="skipping")) == [(0, 100), (100, 150), (2, 12)]


def test_easy_lets_pass_only_who_does_not_delay_the_first():
    """The first in the queue can start at 100; 97 s fit before that from second 2 on, 99 s do not."""
    jobs = [Job(0, 100, need(2)), Job(1, 50, need(3)), Job(2, 99, need(1)), Job(3, 97, need(1))]
    made = owned(1, jobs, gpus=3)
    assert times(made, rules(burst(None), blocking="easy")) == [(0, 100), (100, 150), (150, 249), (3, 100)]


def test_easy_goes_by_the_estimate_of_what_runs():
    """The running job ends at 100, but is thought to end at 50: 40 s fit before that from second 3 on, 60 s do not."""
    jobs = [Job(0, 100, need(2), estimate_s=50), Job(1, 50, need(3)), Job(2, 60, need(1)), Job(3, 40, need(1))]
    found = times(owned(1, jobs, gpus=3), rules(burst(None), blocking="easy"))
    assert found == [(0, 100), (100, 150), (150, 210), (3, 43)]


def test_a_request_for_quota_where_there_is_none_is_refused_by_name():
    with pytest.raises(PolicyError, match=r"mine.*no quota"):
        run(world([Job(0, 1)], [market()]), Decider(lambda view: [say.RequestQuota("cloud", 1)]))
