"""How a run begins and ends: what is there at second 0, the drain, the price of what is left, an empty purse."""

from __future__ import annotations

import pytest
from small_worlds import (
    Decider,
    Job,
    Spell,
    billed,
    burst,
    causes,
    checkpointed,
    effective,
    market,
    need,
    own,
    owned,
    rules,
    spot,
    story,
    world,
)

from marketsim.engine.run import run
from marketsim.metrics.books import cash_identity, trial_balance
from marketsim.metrics.measure import measure
from marketsim.metrics.measured import Measured
from marketsim.policies import policy as say
from marketsim.units import MONTH_S
from marketsim.world import Money, Order, RunningJob

BACKLOG = "expense:backlog"


def test_a_job_may_run_at_second_0_with_the_work_it_has_kept():
    """60 of 100 s are done; the other job waits for it."""
    made = owned(1, [Job(0, 100), Job(0, 10)], running=(RunningJob(0, "own", 60_000),))
    assert story(made, rules(burst(None))) == {
        0: [Spell("own", 0, 40, "finished")],
        1: [Spell("own", 40, 50, "finished")],
    }


def test_what_runs_at_second_0_counts_as_demand_while_it_runs():
    seen = []
    policy = Decider(lambda view: seen.append(view.demand_gpus(0, 10)) or [], review_every_s=40)
    run(owned(1, [Job(0, 25)], running=(RunningJob(0, "own"),)), policy)
    assert [1.0, 1.0, 0.5, 0.0] in seen


def test_the_drain_works_off_what_has_come():
    ledger = run(owned(1, [Job(999, 50), Job(999, 50)]), rules(burst(None)))
    assert causes(ledger) == {0: [(1_049, "finished")], 1: [(1_099, "finished")]}
    assert billed(ledger, BACKLOG) == 0


def test_what_the_drain_does_not_finish_is_priced_on_demand():
    """20 of 100 s are left, and a job of 30 s that never started: 50 s at 1,000 micro-dollars."""
    made = world([Job(0, 100), Job(0, 30)], [own(), market()], horizon_s=50, drain_s=30, orders=(Order("own", 1),))
    ledger = run(made, rules(burst(None)))
    assert causes(ledger) == {0: [(80, "unfinished")], 1: [(80, "unfinished")]}
    assert billed(ledger, BACKLOG) == 50_000
    assert ledger.stopped.rows()[0, 4] == 80_000


def test_backlog_is_priced_as_a_lease_of_its_own():
    """30 s of work with 5 s to begin and 10 s of boot, in quanta of 60 s, on the whole machine."""
    slow = need(0.5, checkpoint=checkpointed(0, start_s=5).checkpoint)
    made = world([Job(0, 30, slow)], [own(), market(gpus=2, boot_s=10, quantum_s=60)], horizon_s=1, drain_s=0)
    assert billed(run(made, rules(burst(None))), BACKLOG) == 60_000


def test_backlog_is_priced_at_on_demand_even_where_spot_is_cheaper():
    made = world([Job(0, 30)], [own(), spot(usd_per_hour=0.36), market()], horizon_s=1, drain_s=0)
    assert billed(run(made, rules(burst(None))), BACKLOG) == 30_000
    named = world([Job(0, 30)], made.offers, horizon_s=1, drain_s=0, backlog_offer="spot")
    assert billed(run(named, rules(burst(None))), BACKLOG) == 3_000


def test_a_follower_whose_turn_never_came_is_backlog_too():
    made = world([Job(0, 30), Job(0, 20, after=(0,))], [own(), market()], horizon_s=1, drain_s=0)
    assert billed(run(made, rules(burst(None))), BACKLOG) == 50_000


def test_work_that_no_price_list_knows_is_counted():
    ledger = run(owned(0, [Job(0, 30)], horizon_s=1, drain_s=0), rules(burst(None)))
    assert (ledger.unpriced_jobs, billed(ledger, BACKLOG)) == (1, 0)


def test_a_final_checkpoint_that_is_not_written_at_the_close_leaves_a_job_unfinished():
    made = world([Job(0, 50, checkpointed(20, cost_s=5, final=True))], [market()], horizon_s=1, drain_s=60)
    assert causes(run(made, rules())) == {0: [(61, "unfinished")]}
    longer = world([Job(0, 50, checkpointed(20, cost_s=5, final=True))], [market()], horizon_s=1, drain_s=64)
    assert causes(run(longer, rules())) == {0: [(65, "finished")]}


def test_an_empty_purse_ends_the_run_at_the_months_end_where_that_is_asked_for():
    """A month costs 2,628 USD; 2,000 are there, and 3,000 come in the second month."""
    purse = Money(cash_micro=2_000_000_000, stop_when_insolvent=True)
    made = world([Job(0, 3 * MONTH_S)], [market()], horizon_s=3 * MONTH_S, money=purse)
    ledger = run(made, rules())
    assert (ledger.insolvent_s, ledger.end_s) == (MONTH_S, MONTH_S)
    watched = world([Job(0, 3 * MONTH_S)], [market()], horizon_s=3 * MONTH_S, money=Money(cash_micro=2_000_000_000))
    assert run(watched, rules()).insolvent_s is None
    assert measure(watched, run(watched, rules()))["cash_below_zero"] == 1.0


def test_work_that_would_have_come_after_an_empty_purse_is_priced_like_what_was_left():
    """Half of two months' work is done by then, and a job of 100 s has not come."""
    purse = Money(cash_micro=2_000_000_000, stop_when_insolvent=True)
    jobs = [Job(0, 2 * MONTH_S, checkpointed(0)), Job(MONTH_S + 5, 100)]
    ledger = run(world(jobs, [market()], horizon_s=3 * MONTH_S, money=purse), rules())
    assert ledger.end_s == MONTH_S
    assert effective(ledger, BACKLOG) == 1_000 * (MONTH_S + 100)


def test_a_round_in_time_keeps_it_going():
    purse = Money(cash_micro=2_000_000_000, stop_when_insolvent=True, rounds=((MONTH_S // 2, 9_000_000_000),))
    made = world([Job(0, 3 * MONTH_S)], [market()], horizon_s=3 * MONTH_S, money=purse)
    assert run(made, rules()).insolvent_s is None


@pytest.mark.parametrize(("left_micro", "ends_s"), [(0, 3 * MONTH_S), (-1, MONTH_S)])
def test_a_purse_is_empty_when_a_micro_dollar_is_missing_and_not_when_the_last_is_spent(left_micro, ends_s):
    """A month costs 2,628 USD; the rest comes with a round at the end of the second."""
    cash = 2_628_000_000 + left_micro
    purse = Money(cash_micro=cash, stop_when_insolvent=True, rounds=((MONTH_S + 1, 9_000_000_000),))
    made = world([Job(0, 3 * MONTH_S)], [market()], horizon_s=3 * MONTH_S, money=purse)
    assert run(made, rules()).end_s == ends_s


def test_the_last_word_on_a_job_that_never_started_has_no_work_and_no_seconds():
    """One runs, one leaves, its follower is given up, one is refused, one is cancelled, one is left over."""
    impatient = need(patience_s=5)
    jobs = [Job(0, 100), Job(0, 10, impatient), Job(0, 10, after=(1,)), Job(1, 10), Job(1, 10)]
    ledger = run(owned(1, jobs, horizon_s=10, drain_s=20), rules(burst(None), capacity=2))
    rest = [0, 0, 0, 0]
    assert ledger.stopped.rows().tolist() == [
        [1, 4, 0, 8, *rest], [5, 1, 0, 7, *rest], [5, 2, 0, 9, *rest], [30, 0, 1, 10, 30_000, 0, 0, 0],
        [30, 3, 0, 10, *rest],
    ]  # fmt: skip
    given_up = Decider(lambda view: [say.Cancel(job.id) for job in view.waiting()])
    assert run(world([Job(3, 10)], [market()]), given_up).stopped.rows().tolist() == [[3, 0, 0, 9, *rest]]


def test_books_balance_whatever_stops_the_run():
    purse = Money(cash_micro=1, stop_when_insolvent=True, other_burn_micro_per_month=7)
    made = world([Job(0, 3 * MONTH_S), Job(9, 40)], [market()], horizon_s=3 * MONTH_S, money=purse)
    measured = Measured(made, run(made, rules()))
    assert sum(trial_balance(measured).values()) == 0
    assert cash_identity(measured).holds


def test_nothing_at_all_is_a_run_too():
    made = world([], [market(), own()], horizon_s=100)
    ledger = run(made, rules())
    found = measure(made, ledger)
    assert ledger.end_s == 100
    assert (found["total_cost_usd"], found["jobs"]) == (0.0, 0.0)
    assert found["missed_deadline_share"] is None
    assert found["utilization"] is None


def test_a_job_that_runs_at_the_start_must_have_come_by_then():
    made = owned(1, [Job(5, 10)], running=(RunningJob(0, "own"),))
    with pytest.raises(ValueError, match="arrives later"):
        run(made, rules(burst(None)))
