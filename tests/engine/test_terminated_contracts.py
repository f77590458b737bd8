"""A policy that ends a contract early: the fee, what comes back, the instances that go, and books that balance."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from marketsim.demand.job import Checkpoint, JobTable, Need
from marketsim.engine.run import run
from marketsim.errors import PolicyError
from marketsim.ledger import CAUSE, Ledger
from marketsim.metrics import attribution, books
from marketsim.metrics.measured import Measured
from marketsim.path import Path
from marketsim.policies import policy as say
from marketsim.settings import Seconds
from marketsim.streams import Dice
from marketsim.supply.lead import AT_ONCE, Constant, Delivery, LeadTime
from marketsim.supply.offer import Offer
from marketsim.supply.rental_terms import RentalTerms
from marketsim.supply.shape import Shape
from marketsim.units import DAY_S, HOUR_S, MICRO
from marketsim.world import Order, World

TERM_S = 100 * DAY_S


class Leaver:
    """Signs at second 0 and ends what it sees at a day of its choice."""

    name = "leaver"

    def __init__(self, leave_s: int, signs: bool = True) -> None:
        self.leave_s, self.signs, self.seen = leave_s, signs, [(0, 0.0)]

    def decide(self, view: say.View) -> Sequence[say.Action]:
        """Sign, start what fits, and leave on the day."""
        actions: list[say.Action] = []
        if self.signs and view.now_s == 0 and not view.contracts():
            actions.append(say.Sign("rent", 1))
        if view.now_s < self.leave_s:
            actions.append(say.WakeAt(self.leave_s))
        elif view.contracts():
            contract = view.contracts()[0]
            self.seen.append((contract.commitment, contract.leaving_usd or 0.0))
            return [say.Terminate(contract.commitment)]
        actions += [say.Start(job.id, "rent") for job in view.waiting() if view.can_start(job, "rent")]
        return actions


def world(
    leaving_share: float | None, upfront: float = 0.5, held: tuple[Order, ...] = (), lead: LeadTime = AT_ONCE
) -> World:
    """One GPU for 100 days at 1 USD an hour, 2,400 USD in all; one job that would need 50 of them."""
    terms = RentalTerms(
        Path.constant(1.0), TERM_S, Delivery(lead, Dice(0), Path.constant(1.0)),
        upfront_share=upfront, leaving_share=leaving_share,
    )  # fmt: skip
    need = Need("train", reference_gpu="H100", checkpoint=Checkpoint(every_s=HOUR_S))
    work = 50 * DAY_S * 1000
    jobs = JobTable((need,), [0], [10], [work], [work], [2**62])  # type: ignore[arg-type]
    return World(60 * DAY_S, jobs, (Offer("rent", "rental", Shape("H100"), commitment=terms),), orders=held)


def ran(world: World, policy: Leaver) -> tuple[Ledger, Measured]:
    ledger = run(world, policy)
    return ledger, Measured(world, ledger)


def test_leaving_after_twenty_days_costs_those_days_and_the_fee_on_the_other_eighty() -> None:
    leaver = Leaver(20 * DAY_S)
    ledger, measured = ran(world(0.25), leaver)
    balance = books.trial_balance(measured)
    assert leaver.seen[-1] == (0, 480.0)  # a quarter of 80 days at 24 USD
    assert balance["expense:contract"] == 480 * MICRO
    assert balance["expense:fee"] == 480 * MICRO
    assert balance["prepaid"] == balance["payable"] == balance["expense:end-valuation"] == 0
    assert -balance["cash"] == 960 * MICRO  # 1,200 prepaid, 240 billed, 480 of what was prepaid paid back
    assert sum(balance.values()) == 0
    assert books.cash_identity(measured).holds
    assert ledger.terminated.rows().tolist() == [[20 * DAY_S, 0]]


def test_its_instances_go_back_and_its_job_stops_with_what_it_had_done() -> None:
    ledger, measured = ran(world(0.25), Leaver(20 * DAY_S))
    assert ledger.released.rows().tolist() == [[20 * DAY_S, 0, CAUSE["contract-ended"]]]
    stop = ledger.stopped.rows()[0]
    assert stop[0] == 20 * DAY_S
    assert stop[3] == CAUSE["contract-ended"]
    assert stop[4] == (20 * DAY_S - 10) * 1000
    assert measured.committed_s.tolist() == [20 * DAY_S]
    found = attribution.attribute(measured)
    assert int(found.jobs.sum()) + found.overhead == int(books.effective_cost(measured).sum()) == 960 * MICRO


def test_a_contract_that_was_there_before_the_start_can_be_left_too() -> None:
    held = (Order("rent", 1, 40 * DAY_S),)
    _, measured = ran(world(0.25, held=held), Leaver(20 * DAY_S, signs=False))
    assert books.trial_balance(measured)["expense:fee"] == 240 * MICRO  # a quarter of the last 40 days
    assert sum(books.trial_balance(measured).values()) == 0


def test_a_contract_without_a_fee_stated_cannot_be_left() -> None:
    with pytest.raises(PolicyError, match="cannot terminate contract 0 at rent before its end"):
        run(world(None), Leaver(20 * DAY_S))


def test_a_contract_that_does_not_exist_cannot_be_left() -> None:
    class Wrong(Leaver):
        def decide(self, view: say.View) -> Sequence[say.Action]:
            return [say.Terminate(7)]

    with pytest.raises(PolicyError, match="there is none of this number"):
        run(world(0.25), Wrong(0))


def test_a_contract_left_on_its_way_is_never_delivered_and_owes_the_fee_on_all_of_it() -> None:
    ledger, measured = ran(world(0.25, lead=Constant(time=Seconds(30 * DAY_S))), Leaver(20 * DAY_S))
    balance = books.trial_balance(measured)
    assert not ledger.launched.rows().tolist()
    assert balance["expense:fee"] == -balance["cash"] - balance["expense:backlog"] == 600 * MICRO
    assert sum(balance.values()) == 0
    assert measured.committed_s.tolist() == [0]
