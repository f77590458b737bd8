"""Random worlds with every way that money moves: the books balance, cost adds up by every cut, charges have owners.

Contracts, purchases with loans, cloud credits, service credits, tokens, revenue, taxes, data that is moved and stored,
levers that cost, contracts ended early: all in one world, at random terms.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from test_supply_in_a_run import offer_keys

from marketsim import supply
from marketsim.demand.job import Autoscale, Checkpoint, JobTable, Need, Service
from marketsim.engine.run import run
from marketsim.ledger import ACCOUNT, ACCOUNTS, REFERENCES
from marketsim.levers import KINDS as LEVERS
from marketsim.levers.lever import drawn
from marketsim.metrics import books
from marketsim.metrics.attribution import attribute
from marketsim.metrics.measured import Measured
from marketsim.path import Path
from marketsim.policies import policy as say
from marketsim.streams import Dice
from marketsim.supply.kind import FinanceFacts, build_all
from marketsim.throw import Throw
from marketsim.units import DAY_S, HOUR_S, MICRO, MONTH_S
from marketsim.world import Credit, Money, Order, World

HORIZON_S = 3 * MONTH_S
PLACES = ("rent", "own", "cloud")


class Restless:
    """Signs, buys, adopts, runs and leaves at random days, always within what can be done."""

    name = "restless"
    review_every_s = 5 * DAY_S

    def __init__(self, days: Sequence[int]) -> None:
        self._days = list(days)
        self._begun = False

    def decide(self, view: say.View) -> Sequence[say.Action]:
        """Everything at once."""
        actions: list[say.Action] = []
        if not self._begun:
            self._begun = True
            actions += [say.Sign("rent", 2), say.Sign("rent", 1, 50 * DAY_S), say.Sign("block", 1, 3 * DAY_S)]
            actions += [say.Buy("own", 1), say.Adopt("int4", "chat")]
            actions += [say.Scale(0, "tokens", requests_per_s=0.5), say.WakeAt(DAY_S)]
        day = view.now_s // DAY_S
        if self._days and day >= self._days[0]:
            self._days.pop(0)
            ends = [one for one in view.contracts() if one.leaving_usd is not None]
            actions += [say.Terminate(one.commitment) for one in ends[:1]] or [say.Sign("rent", 1)]
        if view.now_s == 40 * DAY_S and view.replicas(0).get("cloud", 0) == 0:
            actions.append(say.Scale(0, "cloud", replicas=1))
        if any(isinstance(action, say.Terminate) for action in actions):
            return actions  # asked again, with what is left
        if view.now_s == 20 * DAY_S and view.waiting():
            return [*actions, say.Cancel(view.waiting()[0].id)]
        for job in view.waiting():
            place = next((one for one in PLACES if view.can_start(job, one)), None)
            if place is not None:
                return [*actions, say.Start(job.id, place)]
        return actions


@st.composite
def measured_runs(draw: Any) -> Measured:
    """One world at random terms, run to its end."""
    keys = offer_keys(draw)
    keys["rent"] |= {"leaving_share": draw(st.sampled_from([0.0, 0.3, 1.0])), "provider_exits_per_year": 0.0}
    if draw(st.booleans()):
        keys["rent"] |= {"sublet": True, "resale_share": draw(st.sampled_from([0.2, 0.6, 1.0])), "leaving_share": None}
    keys["own"] |= {"usd_per_kw_building": draw(st.sampled_from([0, 12_000]))}
    keys["own"]["staff"] |= {"hire": draw(st.sampled_from(["0 s", "40 d"]))}
    keys["cloud"] |= {
        "sla": {"preset": "aws"},
        "egress_tiers": [{"up_to_gb_per_month": 100, "usd_per_gb": 0.0}, {"usd_per_gb": 0.09}],
        "usd_per_gb_month_storage": draw(st.sampled_from([0.0, 0.023])),
        "outage": {"kind": "calendar", "per_gpu_year": draw(st.sampled_from([0.5, 20.0])), "repair": "20 h"},
    }
    keys["tokens"] = {
        "kind": "token_api", "provider": "AWS", "usd_per_million_input_tokens": 1.0,
        "usd_per_million_output_tokens": 2.0, "provider_outage": {"per_year": 20, "repair": "1 d"},
    }  # fmt: skip
    kinds = {name: supply.KINDS[one["kind"]].model_validate(one) for name, one in keys.items()}
    dice = Dice(draw(st.integers(0, 50)))
    throw = Throw(dice, HORIZON_S, HORIZON_S + 30 * DAY_S)
    stages = draw(st.sampled_from([(), ((MONTH_S, 0.05),)]))
    facts = FinanceFacts(cost_of_capital_per_year=0.2, sales_tax=0.08, capital_stages=stages)
    offers = build_all(kinds, throw, facts)
    count = draw(st.integers(1, 6))
    arrival = np.sort(np.array([draw(st.integers(0, HORIZON_S - 1)) for _ in range(count)], np.int64))
    work = np.array([draw(st.integers(HOUR_S, 40 * DAY_S)) * 8000 for _ in range(count)], np.int64)
    needs = (Need("train", milli=8000, reference_gpu="H100", checkpoint=Checkpoint(every_s=HOUR_S), data_gb=150.0),)
    jobs = JobTable(needs, np.zeros(count, np.int64), arrival, work, work, np.full(count, 2**62))
    service = Service(
        "chat", Path.steps([(0, 0.4), (MONTH_S, 1.5)]), Need("chat", reference_gpu="H100"), {"H100": 1.0},
        usd_revenue_per_request=draw(st.sampled_from([0.0, 0.5])), autoscale=Autoscale(period_s=DAY_S),
        input_tokens=100.0, output_tokens=50.0,
    )  # fmt: skip
    lever = LEVERS["quantization"].model_validate(
        {"kind": "quantization", "target": "chat", "bits": 4, "one_off": {"gpu_hours": 5, "gpu": "H100", "usd": 900}}
    )
    money = Money(
        cash_micro=draw(st.sampled_from([3_000_000, 300_000])) * MICRO,
        stop_when_insolvent=draw(st.booleans()),
        other_burn_micro_per_month=50_000 * MICRO,
        credits=(Credit("AWS", draw(st.integers(0, 20_000)) * MICRO, 2 * MONTH_S),),
        tax_rate=draw(st.sampled_from([0.0, 0.25])),
        rounds=((MONTH_S, 1_000_000 * MICRO),),
    )
    held = (Order("own", 1, draw(st.integers(1, 400)) * DAY_S), Order("rent", 1, draw(st.integers(1, 39)) * DAY_S))
    world = World(
        HORIZON_S, jobs, offers, (service,), money=money, usd_per_gb_month_storage=0.05,
        orders=held if draw(st.booleans()) else (),
        levers={"int4": drawn("int4", lever, dice)}, dice=dice,
    )  # fmt: skip
    days = draw(st.lists(st.integers(1, 89), max_size=3).map(sorted))
    return Measured(world, run(world, Restless(days)))


@settings(max_examples=14, deadline=None)
@given(measured_runs())
def test_every_posting_has_two_legs_and_the_books_balance_to_the_micro_dollar(measured: Measured) -> None:
    posted = measured.rows("posted")
    assert (posted.debit != posted.credit).all()
    assert set(np.concatenate((posted.debit, posted.credit)).tolist()) <= set(range(len(ACCOUNTS)))
    assert (books.amounts(measured) > 0).all()
    assert sum(books.trial_balance(measured).values()) == 0
    assert books.cash_identity(measured).holds


@settings(max_examples=14, deadline=None)
@given(measured_runs())
def test_cost_by_offer_is_cost_by_job_plus_overhead_is_cost_by_month_is_the_total(measured: Measured) -> None:
    posted, cost = measured.rows("posted"), books.effective_cost(measured)
    total = int(cost.sum())
    by_offer = books.sums(posted.offer, cost, len(measured.world.offers) + 1)
    by_month = books.sums(posted.t_s // MONTH_S, cost, int(posted.t_s.max() // MONTH_S) + 1)
    parts = attribute(measured)
    assert int(by_offer.sum()) == int(by_month.sum()) == total
    assert int(parts.jobs.sum()) + int(parts.services.sum()) + parts.overhead == total


@settings(max_examples=14, deadline=None)
@given(measured_runs())
def test_every_charge_points_to_the_instance_contract_or_asset_that_it_is_for(measured: Measured) -> None:
    posted, world = measured.rows("posted"), measured.world
    launched, signed = measured.rows("launched"), measured.rows("signed")
    offer_of_lease = dict(zip(launched.instance.tolist(), launched.offer.tolist(), strict=True))
    offer_of_order = dict(zip(signed.commitment.tolist(), signed.offer.tolist(), strict=True))
    offer_of_order |= {number: world.offer_index[one.offer] for number, one in enumerate(world.orders)}
    costs = books.COSTS[posted.debit] | books.COSTS[posted.credit]
    rows = zip(*(column[costs].tolist() for column in (posted.reference, posted.number, posted.offer)), strict=True)
    accounts = posted.debit[costs].tolist()
    seen = set()
    for (reference, number, offer), account in zip(rows, accounts, strict=True):
        name = REFERENCES[reference]
        seen.add(name)
        if name == "lease":
            assert offer_of_lease[number] == offer
        elif name == "commitment":
            assert offer_of_order[number] == offer
        elif name == "offer":
            assert number == offer >= 0
        elif name == "service":
            assert 0 <= number < len(world.services)
        elif name == "job":
            assert 0 <= number < len(world.jobs)
        elif name == "lever":
            assert number == 0
        else:
            assert account == ACCOUNT["expense:tax"]  # of the company as a whole
    assert {"commitment", "service", "lever"} <= seen
