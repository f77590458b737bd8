"""The order within one second: what frees, what takes away, what brings, budgets, arrivals, a pass, reviews."""

from __future__ import annotations

from small_worlds import (
    ON_DEMAND,
    Decider,
    Job,
    Lease,
    Plan,
    Spell,
    burst,
    causes,
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

from marketsim.engine import kernel
from marketsim.engine.run import run
from marketsim.policies import placement
from marketsim.policies import policy as say
from marketsim.policies.base import PlacementBase
from marketsim.world import Clock, Order, RunningJob

SPOT = placement.KINDS["spot_greedy"](wait_before_fallback="never")


def _one_cloud():
    return [market(can_start=1)]


def test_calls_of_one_second_come_in_the_order_of_their_kind_and_then_as_they_were_noted():
    clock, seen = kernel.Kernel(), []
    for at_s, order, name in [(5, kernel.PASS, "pass"), (5, kernel.ARRIVE, "arrive"), (3, kernel.LAST, "early"),
                              (5, kernel.ARRIVE, "arrive too"), (5, kernel.RELEASE, "finish"),
                              (5, kernel.REVIEW, "review"), (5, kernel.LOSS, "loss"), (5, kernel.READY, "ready"),
                              (5, kernel.BUDGET, "budget"), (5, kernel.LATE_BUDGET, "late budget")]:  # fmt: skip
        clock.call_at(at_s, order, seen.append, name)
    clock.run_all()
    assert seen == ["early", "finish", "loss", "ready", "budget", "arrive", "arrive too", "pass", "late budget",
                    "review"]  # fmt: skip


def test_a_story_wakes_among_the_calls_of_its_kind():
    clock, seen = kernel.Kernel(), []

    def tell():
        yield clock.moment(7, kernel.READY)
        seen.append("delivered")
        yield clock.timeout(2)
        seen.append(clock.now)

    clock.process(tell())
    clock.call_at(7, kernel.LOSS, seen.append, "loss")
    clock.call_at(7, kernel.ARRIVE, seen.append, "arrive")
    clock.run_all()
    assert seen == ["loss", "delivered", "arrive", 9]


def test_a_job_that_ends_at_the_second_of_the_reclaim_has_finished():
    made = world([Job(0, 50)], [spot(there=steps((0, 1), (50, 0)))])
    assert story(made, rules(SPOT)) == {0: [Spell("spot", 0, 50, "finished")]}


def test_a_job_one_second_longer_is_taken_back():
    made = world([Job(0, 51)], [spot(there=steps((0, 1), (50, 0)))], drain_s=10)
    assert story(made, rules(SPOT)) == {0: [Spell("spot", 0, 50, "reclaimed")]}


def test_a_gpu_freed_by_a_finish_serves_a_job_that_arrives_at_that_second():
    assert times(owned(1, [Job(0, 10), Job(10, 5)]), rules(burst(None))) == [(0, 10), (10, 15)]


def test_what_is_taken_back_at_the_second_of_an_arrival_does_not_serve_it():
    made = world([Job(50, 10)], [spot(there=steps((0, 1), (50, 0), (60, 1)))])
    assert times(made, rules(SPOT)) == [(60, 70)]


def test_what_may_be_started_from_a_second_on_serves_an_arrival_of_that_second():
    made = world([Job(60, 10)], [spot(there=steps((0, 0), (60, 1)))])
    assert times(made, rules(SPOT)) == [(60, 70)]


def test_a_budget_that_ends_is_asked_before_the_arrivals_of_that_second():
    """Both want the one on-demand machine at second 20; the one whose wait has ended goes first, though it is last
    in the queue by its deadline."""
    made = world(
        [Job(0, 10, deadline_s=900), Job(20, 10, deadline_s=100)],
        [own(), *_one_cloud()],
    )
    found = story(made, rules(burst("20 s"), queue="edf", blocking="skipping"))
    assert found[0] == [Spell("cloud", 20, 30, "finished")]
    assert found[1] == [Spell("cloud", 40, 50, "finished")]


def test_a_wait_of_zero_is_over_after_the_pass_of_the_arrivals_second():
    """One machine of our own, two jobs at once, no waiting: the first gets it, the second is in the cloud at once."""
    made = world([Job(5, 10), Job(5, 10)], [own(), *_one_cloud()], orders=(Order("own", 1),))
    assert story(made, rules(burst("0 s"), blocking="skipping")) == {
        0: [Spell("own", 5, 15, "finished")],
        1: [Spell("cloud", 5, 15, "finished")],
    }


def test_each_start_takes_effect_before_the_next_job_is_asked():
    made = owned(2, [Job(0, 10, need(2)), Job(0, 10, need(1)), Job(0, 10, need(1))], gpus=2)
    ledger = run(made, rules(burst(None)))
    assert ledger.started.column("instance").tolist() == [0, 1, 1]


def test_a_contract_that_comes_at_second_0_serves_the_arrivals_of_second_0():
    made = world([Job(0, 10)], [own(commitment=Lease(term_s=100))])
    plan = Plan({0: [say.Sign("own", 1)]})
    assert times(made, rules(burst(None), procurement=plan)) == [(0, 10)]


def test_what_procurement_signs_at_its_review_is_used_at_that_second():
    made = world([Job(0, 10)], [own(commitment=Lease(term_s=100))])
    plan = Plan({40: [say.Sign("own", 1)]})
    assert times(made, rules(burst(None), procurement=plan)) == [(40, 50)]


def test_a_policy_of_ones_own_is_first_asked_when_second_0_has_all_that_belongs_to_it():
    asked = []

    def decide(view):
        asked.append((view.now_s, [job.id for job in view.waiting()], [job.id for job in view.running()]))
        return []

    run(owned(1, [Job(0, 10), Job(0, 5)], running=(RunningJob(0, "own"),)), Decider(decide))
    assert asked[:2] == [(0, [1], [0]), (10, [1], [])]


def test_jobs_of_one_second_go_by_number():
    jobs = [Job(3, 5) for _ in range(12)]  # as text, 10 and 11 would come before 2
    ledger = run(owned(1, jobs), rules(burst(None)))
    assert ledger.started.column("job").tolist() == list(range(12))


def test_on_a_grid_nothing_is_decided_between_its_points():
    made = world([Job(1, 10), Job(700, 10)], _one_cloud(), clock=Clock(600, finish_on_grid=True))
    assert times(made, rules(ON_DEMAND)) == [(600, 1200), (1200, 1800)]


def test_on_a_grid_a_waiting_budget_ends_at_a_point_of_it():
    made = world([Job(0, 10)], _one_cloud(), clock=Clock(600, finish_on_grid=True))
    assert times(made, rules(burst("100 s"))) == [(600, 1200)]


def test_a_job_reclaimed_at_its_last_grid_point_but_done_before_counts_as_finished():
    """Work of 100 s is done within the gap; the gap's end brings both its finish and the reclaim."""
    made = world([Job(0, 100)], [spot(there=steps((0, 1), (600, 0)))], clock=Clock(600, finish_on_grid=True))
    assert story(made, rules(SPOT)) == {0: [Spell("spot", 0, 600, "finished")]}


def test_every_job_has_one_last_word():
    made = owned(1, [Job(0, 100), Job(0, 20, need(patience_s=50)), Job(10, 5)])
    ledger = run(made, rules(burst(None)))
    assert causes(ledger) == {0: [(100, "finished")], 1: [(50, "left")], 2: [(105, "finished")]}
    assert spells(made, ledger)[2] == [Spell("own", 100, 105, "finished")]


class _AskLater(PlacementBase):
    """A budget of 10 s; at its end it asks to be woken at 25, and only then it starts."""

    def leave_at(self, job, view):
        return job.arrival_s + 10

    def place(self, job, view, why):
        if view.now_s >= 25:
            return say.Start(job.id, "cloud")
        return say.WakeAt(25) if why == "budget_ended" else None


class _Late:
    def bind(self, setup):
        return _AskLater(setup)


def test_a_rule_that_wants_to_be_woken_when_a_budget_ends_is_woken():
    assert times(world([Job(0, 5)], [market()]), rules(_Late())) == [(25, 30)]
