"""One bill a lease: the integral of its price, in whole quanta, at least the minimum, and months that add up."""

from __future__ import annotations

import pytest
from small_worlds import Decider, Job, billed, effective, market, need, own, rules, spot, steps, world

from marketsim.engine.run import run
from marketsim.errors import PolicyError
from marketsim.ledger import ACCOUNT
from marketsim.metrics.measured import Measured
from marketsim.policies import placement
from marketsim.policies import policy as say
from marketsim.units import HOUR_S, MONTH_S
from marketsim.world import Credit, Money, Order

USAGE = "expense:usage"
SPOT = placement.KINDS["spot_greedy"](wait_before_fallback="never")


def bills(made, policy=None):
    """Micro-dollars of each bill for use."""
    return run(made, policy or rules()).posted.column("billed").tolist()


@pytest.mark.parametrize(
    ("seconds", "quantum_s", "minimum_s", "paid_s"),
    [(10, 1, 0, 10), (10, 60, 0, 60), (60, 60, 0, 60), (61, 60, 0, 120), (10, 1, 60, 60), (90, 1, 60, 90),
     (10, 60, 90, 120), (100, 60, 90, 120)],
)  # fmt: skip
def test_a_lease_is_billed_in_whole_quanta_and_for_its_minimum(seconds, quantum_s, minimum_s, paid_s):
    made = world([Job(0, seconds)], [market(quantum_s=quantum_s, minimum_s=minimum_s)])
    ledger = run(made, rules())
    assert ledger.posted.column("billed").tolist() == [paid_s * 1_000]
    assert Measured(made, ledger).leases.paid_s.tolist() == [paid_s]


def test_jobs_that_share_an_instance_share_one_bill():
    """Two halves of a GPU, 100 and 40 s: one lease of 100 s that belongs to nobody alone."""
    ledger = run(world([Job(0, 100, need(0.5)), Job(0, 40, need(0.5))], [market()]), rules())
    assert ledger.posted.column("billed").tolist() == [100_000]
    assert ledger.posted.column("job").tolist() == [-1]


def test_a_lease_of_one_job_names_it():
    assert run(world([Job(0, 5), Job(1, 5)], [market()]), rules()).posted.column("job").tolist() == [0, 1]


def test_the_price_is_integrated_over_its_steps():
    """10 s at 3.6 and 20 s at 7.2 USD an hour: 10,000 + 40,000 micro-dollars."""
    assert bills(world([Job(5, 30)], [market(usd_per_hour=steps((0, 3.6), (15, 7.2)))])) == [50_000]


def test_a_quantum_is_billed_at_the_prices_of_its_own_seconds():
    """Released at 40 of a quantum of 60; from 50 on the price is double."""
    assert bills(world([Job(0, 40)], [market(usd_per_hour=steps((0, 3.6), (50, 7.2)), quantum_s=60)])) == [70_000]


def test_months_of_a_long_lease_add_up_to_its_one_bill():
    """A third of a dollar an hour does not divide; three months are 730 USD to the micro-dollar."""
    made = world([Job(0, 3 * MONTH_S)], [market(usd_per_hour=1 / 3)], horizon_s=10, drain_s=4 * MONTH_S)
    parts = bills(made)
    assert len(parts) == 3
    assert sum(parts) == 730_000_000


def test_a_lease_shorter_than_a_month_is_not_cut_at_the_months_end():
    made = world([Job(MONTH_S - 10, 20)], [market()], horizon_s=MONTH_S, drain_s=MONTH_S)
    assert bills(made) == [20_000]


def test_a_held_instance_is_paid_while_it_stands_idle_and_used_again():
    policy = Decider(lambda view: [say.Start(job.id, "cloud") for job in view.waiting()])
    policy.on_empty = lambda offer, view: view.now_s + 50  # type: ignore[attr-defined]
    ledger = run(world([Job(0, 10), Job(40, 10)], [market(boot_s=5)]), policy)
    assert len(ledger.launched) == 1
    assert ledger.released.rows().tolist() == [[100, 0, 0]]  # held again from 50 on
    assert ledger.started.column("ready_s").tolist() == [5, 40]
    assert ledger.posted.column("billed").tolist() == [100_000]


def test_a_lease_that_is_held_beyond_the_end_is_released_and_billed_there():
    policy = Decider(lambda view: [say.Start(job.id, "cloud") for job in view.waiting()])
    policy.on_empty = lambda offer, view: 10**6  # type: ignore[attr-defined]
    ledger = run(world([Job(0, 10), Job(5, 20)], [market()], horizon_s=100), policy)
    assert ledger.released.rows().tolist() == [[100, 0, 0], [100, 1, 0]]
    assert ledger.posted.column("billed").tolist() == [100_000, 95_000]


def test_hold_keeps_longer_and_release_ends_it():
    """Emptied at 10 and held to 60; at 50 told to stay to 200, at 120 given back."""

    def decide(view):
        idle = view.idle("cloud")
        if view.now_s == 50 and idle:
            return [say.Hold(idle, 200)]
        if view.now_s == 120 and idle:
            return [say.Release(idle)]
        later = [say.WakeAt(50), say.WakeAt(120)] if view.now_s == 0 else []
        return [*(say.Start(job.id, "cloud") for job in view.waiting()), *later]

    policy = Decider(decide)
    policy.on_empty = lambda offer, view: 60  # type: ignore[attr-defined]
    assert run(world([Job(0, 10)], [market()]), policy).released.rows().tolist() == [[120, 0, 0]]


def test_nobody_may_hold_or_release_what_is_in_use():
    for action in (say.Hold, say.Release):
        asked = (lambda view: [say.Hold([0], 99)]) if action is say.Hold else (lambda view: [say.Release([0])])

        def decide(view, asked=asked):
            return [say.Start(0, "cloud")] if view.waiting() else asked(view)

        with pytest.raises(PolicyError, match=r"mine.*instance 0: it is in use"):
            run(world([Job(0, 10)], [market()]), Decider(decide))


@pytest.mark.parametrize("action", [say.Hold([1], 50), say.Release([1]), say.Release([2, 0])])
def test_what_is_our_own_is_neither_held_nor_released(action):
    """Numbers 0 and 1 are machines of our own, number 2 is a lease that stands idle."""
    made = world([Job(0, 5)], [market(), own()], orders=(Order("own", 2),))

    def decide(view):
        return [action] if view.now_s == 5 else [say.Start(job.id, "cloud") for job in view.waiting()]

    policy = Decider(decide)
    policy.on_empty = lambda offer, view: 100  # type: ignore[attr-defined]
    with pytest.raises(PolicyError, match=r"holds no metered instance [01]"):
        run(made, policy)


def test_credits_pay_first_while_they_last_and_are_valid():
    """15,000 micro of credit until 40: all of the first bill of 10,000, half of the second, none of the third."""
    made = world(
        [Job(0, 10), Job(20, 10), Job(60, 10)], [market()], money=Money(credits=(Credit("cloud", 15_000, 40),))
    )
    ledger = run(made, rules())
    assert effective(ledger, USAGE) == 30_000
    assert billed(ledger, USAGE) == 15_000
    assert ledger.posted.column("credit").tolist().count(ACCOUNT["income:credits"]) == 2


def test_credits_are_good_at_one_provider_only():
    made = world([Job(0, 10)], [market()], money=Money(credits=(Credit("another", 15_000, 40),)))
    assert billed(run(made, rules()), USAGE) == 10_000


def test_storage_and_other_burn_are_charged_to_the_second_the_run_ends_at():
    """Exactly two months of 2 GB at 0.01 USD, and 5 USD a month spent elsewhere, whatever the end falls on."""
    for extra_s in (0, MONTH_S // 2):
        made = world(
            [Job(0, 10, need(data_gb=2.0))],
            [market()],
            horizon_s=2 * MONTH_S + extra_s,
            usd_per_gb_month_storage=0.01,
            money=Money(cash_micro=0, other_burn_micro_per_month=5_000_000),
        )
        ledger = run(made, rules())
        months = 2 + extra_s / MONTH_S
        assert billed(ledger, "expense:storage") == 20_000 * months
        assert billed(ledger, "equity") == 5_000_000 * months


def test_a_reclaimed_lease_is_billed_to_its_end():
    made = world([Job(0, HOUR_S)], [spot(there=steps((0, 1), (600, 0)), quantum_s=HOUR_S)], drain_s=1)
    assert bills(made, rules(SPOT))[-1:] == [3_600_000]
