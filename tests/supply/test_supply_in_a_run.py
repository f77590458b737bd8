"""Offers in a run: books that balance exactly with contracts, loans, credits, outages and exits in one world."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketsim import supply
from marketsim.demand.job import Checkpoint, JobTable, Need
from marketsim.engine.run import run
from marketsim.ledger import Ledger
from marketsim.metrics import books
from marketsim.metrics.measured import Measured
from marketsim.policies.placement import KINDS as PLACEMENT
from marketsim.policies.policy import Policy
from marketsim.policies.procurement import KINDS as PROCUREMENT
from marketsim.policies.queueing import KINDS as QUEUEING
from marketsim.streams import Dice
from marketsim.supply.kind import FinanceFacts, build_all
from marketsim.throw import Throw
from marketsim.units import DAY_S, HOUR_S, MICRO, MONTH_S
from marketsim.world import Credit, Money, World

HORIZON_S = 5 * MONTH_S
SHAPE = {"gpu": "H100", "gpus": 8, "interconnect": "nvlink"}
OUTAGE = {"kind": "calendar", "per_gpu_year": 2.0, "repair": "12 h"}


def offer_keys(draw: Any) -> dict[str, dict[str, Any]]:
    """Random terms of five ways that all hold the same jobs."""
    share = st.floats(0, 1)
    loan = {"share": draw(share), "rate_per_year": 0.12, "term": "6 months", "balloon_share": 0.3}
    return {
        "cloud": {
            "kind": "on_demand",
            "provider": "AWS",
            "shape": SHAPE,
            "usd_per_gpu_hour": 3.0,
            "provider_outage": {"per_year": draw(st.sampled_from([0, 30])), "repair": "6 h"},
        },
        "rent": {
            "kind": "rental",
            "provider": "neo",
            "shape": SHAPE,
            "usd_per_gpu_hour": 2.0,
            "term": draw(st.sampled_from(["1 months", "40 d", "12 months"])),
            "other_terms": [{"term": "50 d", "of_quote": 1.2}],
            "pricing": draw(st.sampled_from(["fixed", "indexed"])),
            "upfront_share": draw(share),
            "resale_share": draw(share),
            "lead": draw(st.sampled_from(["0 s", "20 d"])),
            "provider_exits_per_year": draw(st.sampled_from([0.0, 4.0])),
            "outage": OUTAGE,
        },
        "block": {"kind": "capacity_block", "provider": "AWS", "shape": SHAPE, "usd_per_gpu_hour": 2.5, "term": "14 d"},
        "own": {
            "kind": "datacenter",
            "shape": SHAPE,
            "usd_per_server": 280_000,
            "lead": draw(st.sampled_from(["0 s", "7 w", "52 w"])),
            "paid_at_order_share": draw(share),
            "loan": loan,
            "resale": {"share_after_life": 0.2},
            "kw_per_server": 10.2,
            "usd_per_kwh": 0.08,
            "staff": {"engineers": 1, "usd_per_year_each": 200_000, "per_servers": 4},
            "outage": OUTAGE,
        },
        "office": {
            "kind": "edge",
            "device": "Jetson AGX Orin 64GB",
            "devices_per_site": 4,
            "usd_per_kwh": 0.25,
            "uplink_mbit_s": 100,
            "availability": {"kind": "hours", "open_share": 0.5},
        },
    }


@st.composite
def runs(draw: Any) -> tuple[World, Ledger]:
    """A world with a handful of jobs, run under a plan that signs and buys at random times."""
    keys = offer_keys(draw)
    kinds = {name: supply.KINDS[one["kind"]].model_validate(one) for name, one in keys.items()}
    throw = Throw(Dice(draw(st.integers(0, 50))), HORIZON_S, HORIZON_S + 30 * DAY_S)
    offers = build_all(kinds, throw, FinanceFacts(cost_of_capital_per_year=0.2, sales_tax=0.08))
    count = draw(st.integers(0, 8))
    arrival = np.sort(np.array([draw(st.integers(0, HORIZON_S - 1)) for _ in range(count)], np.int64))
    work = np.array([draw(st.integers(HOUR_S, 60 * DAY_S)) * 8000 for _ in range(count)], np.int64)
    need = Need("train", milli=8000, reference_gpu="H100", checkpoint=Checkpoint(every_s=HOUR_S))
    zero = np.zeros(count, np.int64)
    jobs = JobTable((need,), zero, arrival, work, work, zero + 2**62) if count else JobTable.empty()
    money = Money(
        cash_micro=3_000_000 * MICRO,
        other_burn_micro_per_month=50_000 * MICRO,
        credits=(Credit("AWS", draw(st.integers(0, 50_000)) * MICRO, 2 * MONTH_S),),
        rounds=((MONTH_S, 1_000_000 * MICRO),),
    )
    when = st.integers(0, HORIZON_S // DAY_S - 1).map(lambda day: f"{day} d")
    plan = PROCUREMENT["fixed_plan"].model_validate(
        {
            "kind": "fixed_plan",
            "sign": [
                {"offer": "rent", "instances": 2, "at": draw(when), "renew": draw(st.booleans())},
                {"offer": "rent", "instances": 1, "at": draw(when), "term": "50 d"},
                {"offer": "block", "instances": 1, "at": draw(when)},
            ],
            "buy": [
                {"offer": "own", "instances": 3, "at": draw(when)},
                {"offer": "office", "instances": 4, "at": draw(when)},
            ],
        }
    )
    queue = QUEUEING["fifo"].model_validate({"kind": "fifo", "blocking": "skipping"})
    place = PLACEMENT["committed_first"].model_validate({"kind": "committed_first", "burst_after": {"kind": "zero"}})
    world = World(HORIZON_S, jobs, offers, money=money)
    return world, run(world, Policy("plan", queue, place, plan))


@settings(max_examples=25, deadline=None)
@given(runs())
def test_books_of_random_runs_balance_and_cash_is_expense_plus_what_is_left(ran: tuple[World, Ledger]) -> None:
    measured = Measured(*ran)
    assert sum(books.trial_balance(measured).values()) == 0
    identity = books.cash_identity(measured)
    assert identity.holds
    assert identity.expense > 0
    posted = measured.rows("posted")
    assert (books.amounts(measured) > 0).all()
    assert (posted.t_s >= 0).all()
    assert (posted.t_s <= ran[1].end_s).all()


@settings(max_examples=10, deadline=None)
@given(runs())
def test_every_commitment_s_charge_points_to_an_order_that_was_signed(ran: tuple[World, Ledger]) -> None:
    measured = Measured(*ran)
    posted, signed = measured.rows("posted"), measured.rows("signed")
    of_orders = posted.reference == 1
    assert of_orders.any()
    assert set(posted.number[of_orders].tolist()) <= set(signed.commitment.tolist())


def one_offer_run(
    kind: str, keys: dict[str, Any], plan: dict[str, Any], work_days: int = 0, capital: float = 0.0
) -> Measured:
    made = supply.KINDS[kind].model_validate({"kind": kind, **keys})
    throw = Throw(Dice(1), HORIZON_S, HORIZON_S + 30 * DAY_S)
    offers = build_all({"it": made}, throw, FinanceFacts(cost_of_capital_per_year=capital))
    zero = np.zeros(1, np.int64)
    gpu = offers[0].shape.gpu
    need = Need("work", milli=1000, reference_gpu=gpu, checkpoint=Checkpoint(every_s=0))
    jobs = JobTable((need,), zero, zero, zero + max(work_days * DAY_S * 1000, 1), zero + 1, zero + 2**62)
    world = World(HORIZON_S, jobs if work_days else JobTable.empty(), offers)
    queue = QUEUEING["fifo"].model_validate({"kind": "fifo", "blocking": "skipping"})
    place = PLACEMENT["committed_first"].model_validate({"kind": "committed_first", "burst_after": {"kind": "zero"}})
    bought = PROCUREMENT["fixed_plan"].model_validate({"kind": "fixed_plan", **plan})
    return Measured(world, run(world, Policy("p", queue, place, bought)))


def test_work_at_an_office_open_half_the_day_takes_twice_as_long() -> None:
    keys = {
        "device": "Jetson AGX Orin 64GB",
        "devices_per_site": 1,
        "usd_per_kwh": 0.25,
        "uplink_mbit_s": 100,
        "availability": {"kind": "hours", "open_share": 0.5},
    }
    plan = {"buy": [{"offer": "it", "instances": 1}]}
    measured = one_offer_run("edge", keys, plan, work_days=10)
    stopped = measured.rows("stopped")
    # ten days of work in half days: nine nights between, and done at noon of the twentieth day
    assert stopped.t_s.max() == 19 * DAY_S + DAY_S // 2
    assert len(stopped.t_s) == 20


def test_a_contract_of_a_year_costs_the_run_its_whole_price_however_little_it_is_used() -> None:
    keys = {"provider": "neo", "shape": {"gpu": "H100", "gpus": 8}, "usd_per_gpu_hour": 2.0, "term": "12 months"}
    measured = one_offer_run("rental", keys, {"sign": [{"offer": "it", "instances": 1, "at": "1 months"}]})
    assert books.effective_cost(measured).sum() == 2 * 8 * 8760 * MICRO


def test_money_tied_up_from_order_to_delivery_costs_the_run_its_rate() -> None:
    keys = {
        "shape": {"gpu": "H100", "gpus": 8},
        "usd_per_server": 240_000,
        "lead": "10 w",
        "resale": {"share_after_life": 1.0},
        "kw_per_server": 10.0,
        "usd_per_kwh": 0.0,
    }
    measured = one_offer_run("datacenter", keys, {"buy": [{"offer": "it", "instances": 1}]}, capital=0.21)
    delivered_s, end_s = 70 * DAY_S, measured.ledger.end_s
    # nothing is written off, so each span bears interest on the price: waiting, then month by month
    cuts = [0, delivered_s, *range(2 * MONTH_S + MONTH_S, end_s, MONTH_S), end_s]
    wanted = sum(240_000 * (1.21 ** ((b - a) / (8760 * HOUR_S)) - 1) for a, b in itertools.pairwise(cuts))
    assert books.effective_cost(measured).sum() == pytest.approx(wanted * MICRO, rel=1e-9)


@pytest.mark.parametrize("at", ["0 d", "151 d"])
def test_a_server_costs_the_run_what_it_does_not_resell_for_whenever_it_is_bought(at: str) -> None:
    keys = {
        "shape": {"gpu": "H100", "gpus": 8},
        "usd_per_server": 240_000,
        "life": "20 months",
        "lead": "0 s",
        "resale": {"share_after_life": 0.0, "selling_cost_share": 0.25},
        "kw_per_server": 10.0,
        "usd_per_kwh": 0.0,
    }
    measured = one_offer_run("datacenter", keys, {"buy": [{"offer": "it", "instances": 1, "at": at}]})
    age_s = measured.ledger.end_s - int(at.split()[0]) * DAY_S
    wanted = 240_000 * (1 - 0.75 * (1 - age_s / (20 * MONTH_S)))
    assert books.effective_cost(measured).sum() == pytest.approx(wanted * MICRO, abs=2)
