"""Contracts and machines of our own in a run: lead, end, renewal, upkeep, and what is owed at the close."""

from __future__ import annotations

import pytest
from small_worlds import (
    Decider,
    Job,
    Lease,
    Plan,
    Spell,
    Upkeep,
    billed,
    burst,
    checkpointed,
    effective,
    need,
    own,
    rules,
    story,
    times,
    world,
)

from marketsim.engine.run import run
from marketsim.errors import PolicyError
from marketsim.path import Path
from marketsim.policies import policy as say
from marketsim.streams import Dice
from marketsim.supply.lead import AT_ONCE, Delivery
from marketsim.supply.rental_terms import RentalTerms
from marketsim.units import MONTH_S
from marketsim.world import Order

RENT, OWED, POWER = "expense:contract", "expense:end-valuation", "expense:power"


def signed(jobs, lease, *actions, at_s=0, horizon_s=1_000, **more):
    """A world with one rental offer, and a rule that signs."""
    made = world(jobs, [own("rent", kind="rental", commitment=lease)], horizon_s=horizon_s, **more)
    return made, rules(burst(None), procurement=Plan({at_s: actions}))


def test_instances_come_a_lead_after_signing():
    made, policy = signed([Job(0, 10)], Lease(term_s=100, lead_s=30), say.Sign("rent", 1), at_s=20)
    assert times(made, policy) == [(50, 60)]


def test_a_contract_costs_its_rent_whether_used_or_not():
    """Two instances, 10 micro-dollars a second, 100 s from 30 on."""
    made, policy = signed([], Lease(term_s=100, lead_s=30), say.Sign("rent", 2))
    assert billed(run(made, policy), RENT) == 2_000


def test_at_its_end_the_instances_go_and_the_job_has_written_a_checkpoint():
    job = checkpointed(60, cost_s=5)
    made, policy = signed([Job(0, 200, job)], Lease(term_s=100), say.Sign("rent", 1), drain_s=10)
    ledger = run(made, policy)
    # 60 s, a checkpoint, 30 s, and one more begun at 95
    assert ledger.stopped.rows()[0].tolist() == [100, 0, 1, 6, 90_000, 0, 0, 10]
    assert ledger.released.rows()[0].tolist() == [100, 0, 6]


def test_a_renewal_keeps_its_jobs_running_and_is_signed_again():
    made, policy = signed([Job(0, 250)], Lease(term_s=100, upfront=7), say.Sign("rent", 1, renew=True), horizon_s=250)
    ledger = run(made, policy)
    assert ledger.stopped.rows()[:, [0, 3]].tolist() == [[250, 0]]
    assert ledger.signed.rows()[:, [0, 4, 5]].tolist() == [[0, 0, 100], [100, 100, 200], [200, 200, 300]]
    assert billed(ledger, "expense:fee") == 21
    assert (billed(ledger, RENT), effective(ledger, OWED)) == (2_500, 500)


def test_nothing_is_renewed_at_or_after_the_horizon():
    made, policy = signed([Job(0, 500)], Lease(term_s=100), say.Sign("rent", 1, renew=True), horizon_s=200)
    assert story(made, policy)[0][0] == Spell("rent", 0, 200, "contract-ended")


def test_a_term_of_ones_own_replaces_that_of_the_offer():
    made, policy = signed([Job(0, 500)], Lease(term_s=100), say.Sign("rent", 1, term_s=60), drain_s=10)
    assert story(made, policy)[0][0].stop_s == 60


def test_a_contract_bought_is_not_taken_back_by_the_market():
    """Nothing may be kept of the market, but what was signed is not the market's."""
    made, policy = signed([Job(0, 50)], Lease(term_s=100), say.Sign("rent", 1))
    assert made.offers[0].keepable.at(0) == 0
    assert times(made, policy) == [(0, 50)]


def test_what_is_left_of_a_contract_is_owed_at_the_close():
    """Signed at 950 for 100 s, the run ends at 1,000: half is rent, half is owed, whether or not anything runs."""
    made, policy = signed([], Lease(term_s=100), say.Sign("rent", 1), at_s=950)
    ledger = run(made, policy)
    assert (billed(ledger, RENT), effective(ledger, OWED)) == (500, 500)


def test_a_contract_that_has_not_come_at_the_close_is_owed_whole():
    made, policy = signed([], Lease(term_s=100, lead_s=500), say.Sign("rent", 1), at_s=950)
    ledger = run(made, policy)
    assert (billed(ledger, RENT), effective(ledger, OWED)) == (0, 1_000)


def test_months_of_rent_add_up_to_the_whole():
    term_s = 2 * MONTH_S + 1_000
    made, policy = signed([], Lease(term_s=term_s), say.Sign("rent", 3), horizon_s=3 * MONTH_S)
    posted = run(made, policy).posted
    assert posted.column("t_s").tolist() == [MONTH_S, 2 * MONTH_S, term_s]
    assert sum(posted.column("billed").tolist()) == 3 * 10 * term_s


def test_orders_from_before_the_run_are_there_at_second_0_and_end_when_their_term_does():
    made = world([Job(0, 500)], [own(commitment=Lease(term_s=100))], orders=(Order("own", 1, age_s=40),), drain_s=10)
    ledger = run(made, rules(burst(None)))
    assert ledger.stopped.rows()[0, [0, 3]].tolist() == [60, 6]
    assert billed(ledger, RENT) == 600


def test_an_order_whose_term_is_over_at_second_0_brings_nothing():
    made = world([Job(0, 5)], [own(commitment=Lease(term_s=50))], orders=(Order("own", 1, age_s=50),))
    assert len(run(made, rules(burst(None))).launched) == 0


def test_upkeep_is_paid_for_what_stands_and_for_what_is_busy():
    """Two machines of 2 GPUs, 3 micro-dollars a second each, 5 a busy GPU-second; jobs of 2 x 100 and 1 x 50 s."""
    made = world(
        [Job(0, 100, need(2)), Job(0, 50, need(1))],
        [own(gpus=2, standing=Upkeep(installed=3, busy=5))],
        orders=(Order("own", 2),),
    )
    assert billed(run(made, rules(burst(None))), POWER) == 2 * 1_000 * 3 + 5 * 250


def test_upkeep_begins_with_delivery_and_ends_with_the_contract():
    lease = Lease(term_s=100, lead_s=30)
    made = world([], [own("rent", commitment=lease, standing=Upkeep(installed=3, ordered=1))])
    assert billed(run(made, rules(burst(None), procurement=Plan({20: [say.Sign("rent", 2)]}))), POWER) == (
        2 * 100 * 3 + 2 * 30
    )


def test_busy_seconds_are_split_at_the_months_end_and_lose_none():
    made = world(
        [Job(MONTH_S - 40, 100)],
        [own(standing=Upkeep(busy=5))],
        horizon_s=MONTH_S + 100,
        orders=(Order("own", 1),),
    )
    assert run(made, rules(burst(None))).posted.column("billed").tolist() == [200, 300]


def test_a_purchase_stays_to_the_end_of_the_run():
    made = world([Job(900, 50)], [own(commitment=Lease(term_s=None, lead_s=10))])
    assert times(made, rules(burst(None), procurement=Plan({0: [say.Buy("own", 1)]}))) == [(900, 950)]


@pytest.mark.parametrize(
    ("action", "words"),
    [
        (say.Sign("rent", 3), "blocks of 2"),
        (say.Sign("rent", 0), "at least 1"),
        (say.Sign("rent", 2, term_s=0), "at least 1"),
        (say.Sign("nowhere", 2), "no offer that can be signed"),
        (say.Buy("rent", 1.5), "whole number"),
    ],
)
def test_what_cannot_be_signed_is_refused_with_the_policys_name(action, words):
    made = world([Job(0, 1)], [own("rent", commitment=Lease(block_instances=2))])
    with pytest.raises(PolicyError, match=f"mine.*{words}"):
        run(made, Decider(lambda view: [action]))


def test_a_length_that_a_contract_has_no_price_for_is_refused_with_the_policys_name():
    at_once = Delivery(AT_ONCE, Dice(0), Path.constant(1.0))
    terms = RentalTerms(Path.constant(3.6), 100, at_once, others={60: Path.constant(7.2)})
    made = world([], [own("rent", commitment=terms)], horizon_s=300)
    with pytest.raises(PolicyError, match=r"mine.*rent is sold for 1 min or 100 s only, not for 50 s"):
        run(made, Decider(lambda view: [say.Sign("rent", 1, 50)]))
    ledger = run(made, rules(burst(None), procurement=Plan({0: [say.Sign("rent", 1, 60)]})))
    assert billed(ledger, "expense:contract") == 2_000 * 60
