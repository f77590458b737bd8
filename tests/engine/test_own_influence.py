"""Own use that moves a price: what leases pay, a market that clears, and none of it where it is off."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from marketsim import supply
from marketsim.demand.job import JobTable, Need
from marketsim.engine.own_price import OwnPrice
from marketsim.engine.run import run
from marketsim.errors import InputError
from marketsim.experiment.bound.market import lower_bound
from marketsim.ledger import ACCOUNT, Ledger
from marketsim.metrics import books
from marketsim.metrics.measured import Measured
from marketsim.path import Path
from marketsim.policies.placement import KINDS as PLACEMENT
from marketsim.policies.policy import Policy
from marketsim.policies.queueing import KINDS as QUEUEING
from marketsim.prices.influence import Elasticity, ElasticPrice, PerInstance
from marketsim.streams import Dice
from marketsim.supply.kind import FinanceFacts, build_all
from marketsim.throw import Throw
from marketsim.units import DAY_S, HOUR_S, MICRO
from marketsim.world import World

SHAPE = {"gpu": "H100", "gpus": 2, "interconnect": "pcie"}
CLEARING = {
    "kind": "clearing", "spare_instances": 40, "background_instances": 60, "reservation_median": 0.5,
    "reservation_sigma": 0.5,
}  # fmt: skip


def world(influence: dict[str, Any] | None, jobs: int = 2, kind: str = "spot", hours: int = 10) -> World:
    """Jobs of a whole instance that arrive together; one offer at 3 USD a GPU-hour."""
    keys = {"kind": kind, "provider": "AWS", "shape": SHAPE, "usd_per_gpu_hour": 3.0}
    keys |= {} if influence is None else {"own_influence": influence}
    kinds = {"market": supply.KINDS[kind].model_validate(keys)}
    offers = build_all(kinds, Throw(Dice(3), 10 * DAY_S, 12 * DAY_S), FinanceFacts())
    zero = np.zeros(jobs, np.int64)
    work = zero + hours * HOUR_S * 2000
    need = Need("train", milli=2000, reference_gpu="H100")
    return World(10 * DAY_S, JobTable((need,), zero, zero, work, work, zero + 2**62), offers, drain_s=2 * DAY_S)


def ran(world: World) -> Ledger:
    queue = QUEUEING["fifo"].model_validate({"kind": "fifo", "blocking": "skipping"})
    return run(world, Policy("it", queue, PLACEMENT["cheapest_feasible"].model_validate({"kind": "cheapest_feasible"})))


def usage_usd(world: World) -> float:
    ledger = ran(world)
    mine = ledger.posted.column("debit") == ACCOUNT["expense:usage"]
    return float(ledger.posted.column("billed")[mine].sum()) / MICRO


def test_elasticity_0_is_the_same_to_the_byte_as_no_influence() -> None:
    none, zero = world(None), world({"kind": "elasticity", "elasticity": 0.0, "spare_instances": 10})
    assert none.exogenous_hash == zero.exogenous_hash
    one, other = ran(none), ran(zero)
    assert {name: table.cells.tobytes() for name, table in one.tables.items()} == {
        name: table.cells.tobytes() for name, table in other.tables.items()
    }


def test_two_instances_at_unit_elasticity_pay_a_fifth_more_where_ten_are_spare() -> None:
    elastic = {"kind": "elasticity", "elasticity": 1.0, "spare_instances": 10}
    assert usage_usd(world(None)) == 2 * 10 * 2 * 3.0
    assert usage_usd(world(elastic)) == pytest.approx(2 * 10 * 2 * 3.0 * 1.2)
    assert usage_usd(world(elastic, jobs=1)) == pytest.approx(10 * 2 * 3.0 * 1.1)
    assert usage_usd(world(elastic, kind="on_demand")) == pytest.approx(2 * 10 * 2 * 3.0 * 1.2)


def test_the_base_path_is_the_same_whether_own_use_moves_it_or_not() -> None:
    elastic = world({"kind": "elasticity", "elasticity": 2.0, "spare_instances": 10})
    assert elastic.offers[0].price == world(None).offers[0].price
    assert elastic.exogenous_hash == world(None).exogenous_hash


def test_a_price_written_step_by_step_is_the_base_times_what_own_use_makes_of_it() -> None:
    base = Path.steps([(0, 1.0), (100, 2.0), (200, 4.0)])
    rule = Elasticity(elasticity=1.0, spare_instances=1)
    price = OwnPrice(PerInstance(ElasticPrice(base, rule.factor), 2))
    price.note(50, 1)
    price.note(150, 3)
    price.note(150, 2)
    assert price.steps() == [(0, 2.0), (50, 4.0), (100, 8.0), (150, 12.0)]
    assert price.integral(0, 150) == 50 * 2 + 50 * 4 + 50 * 8
    assert price.integral(150, 260) == 50 * 12 + 60 * 24  # the second step is the market's own
    assert price.at(199) == 12.0
    assert price.at(260) == 24.0


def test_in_a_market_that_clears_the_price_rises_with_load_and_the_books_balance() -> None:
    each = []
    for jobs in (1, 5, 15):
        here = world(CLEARING, jobs=jobs)
        ledger = ran(here)
        measured = Measured(here, ledger)
        assert sum(books.trial_balance(measured).values()) == 0
        assert books.cash_identity(measured).holds
        held_s = sum(measured.leases.paid_s.tolist())
        each.append(usage_usd(here) / held_s * HOUR_S)
    assert each == sorted(each)
    assert each[-1] > 1.1 * each[0]
    assert each[0] >= 0.1 * 6.0
    assert each[-1] <= 6.0 + 1e-9  # the startup bids the list price at most


def test_a_market_that_clears_takes_back_what_others_outbid() -> None:
    tight = CLEARING | {"background_instances": 45, "reservation_median": 0.9, "demand_sd": 1.0}
    ledger = ran(world(tight, jobs=12, hours=100))
    assert (ledger.stopped.column("cause") == 1).any()
    assert ran(world(CLEARING | {"background_instances": 0}, jobs=5)).stopped.column("cause").tolist() == [0] * 5


def test_a_bound_of_fixed_prices_refuses_a_world_whose_prices_own_use_moves() -> None:
    with pytest.raises(InputError, match=r"supply\.market\.own_influence: own use moves this price"):
        lower_bound(world({"kind": "elasticity", "elasticity": 1.0, "spare_instances": 10}))
    assert lower_bound(world(None)).value_usd > 0
