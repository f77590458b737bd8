"""What providers and the state take or give back: service credits, token outages, storage, egress by tier, taxes."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from marketsim import supply
from marketsim.demand.job import Autoscale, Checkpoint, JobTable, Need, Service
from marketsim.engine.run import run
from marketsim.ledger import ACCOUNT, REFERENCE
from marketsim.metrics import books
from marketsim.metrics.measured import Measured
from marketsim.path import Path
from marketsim.policies import policy as say
from marketsim.policies.placement import KINDS as PLACEMENT
from marketsim.policies.policy import Policy
from marketsim.policies.queueing import KINDS as QUEUEING
from marketsim.streams import Dice
from marketsim.supply.kind import FinanceFacts, build_all
from marketsim.supply.offer import Offer, OutageLaw
from marketsim.supply.provider import Sla
from marketsim.supply.shape import Shape
from marketsim.throw import Throw
from marketsim.units import DAY_S, HOUR_S, MICRO, MONTH_S, UNLIMITED, YEAR_S
from marketsim.world import Money, World

FIFO = QUEUEING["fifo"].model_validate({"kind": "fifo", "blocking": "skipping"})
CHEAPEST = Policy("cheapest", FIFO, PLACEMENT["cheapest_feasible"].model_validate({"kind": "cheapest_feasible"}))
MANY = Path.constant(UNLIMITED)
GPU = Shape("H100")


def cloud(id: str = "cloud", **more: object) -> Offer:
    """One GPU for 1 USD an hour, as many as wanted."""
    keys = {"provider": id, "launchable": MANY, "keepable": MANY, "price": Path.constant(1.0), **more}
    return Offer(id, "on_demand", GPU, **keys)  # type: ignore[arg-type]


def job(arrival_s: int, hours: int, need: Need) -> JobTable:
    work = np.array([hours * HOUR_S * 1000])
    return JobTable((need,), np.array([0]), np.array([arrival_s]), work, work, np.array([2**62]))


def measured(world: World, policy: say.Policy | say.UserPolicy = CHEAPEST) -> Measured:
    done = Measured(world, run(world, policy))
    assert sum(books.trial_balance(done).values()) == 0
    assert books.cash_identity(done).holds
    return done


def posted_usd(done: Measured, account: str) -> float:
    return books.trial_balance(done)[account] / MICRO


# ------------------------------------------------------------------------------------------------- service credits


class Once(OutageLaw):
    """Seat 0 fails once, after 100 hours, for 30; the others never."""

    def up_s(self, seat: int, turn: int) -> int:
        return 100 * HOUR_S if seat == turn == 0 else 2**40

    def repair_s(self, seat: int, turn: int) -> int:
        return 30 * HOUR_S


@pytest.mark.parametrize(("levels", "share"), [([0.999], 0.1), ([0.95], 0.0), ([0.999, 0.97], 0.3)])
def test_a_month_below_the_promised_uptime_brings_back_its_share_of_the_bill(levels: list[float], share: float) -> None:
    sla = Sla(uptime_shares=levels, credit_shares=[0.1, 0.3][: len(levels)])
    need = Need("train", reference_gpu="H100", checkpoint=Checkpoint(every_s=0))
    offer = cloud(outage=Once(mean_up_s=1.0), sla=sla)
    done = measured(World(MONTH_S, job(0, 600, need), (offer,), drain_s=0))
    # 100 h on seat 0, which is then down for 30 h, and 500 h on seat 1: up for 600 of 630 hours, 95.2 %
    rows = done.rows("posted")
    back = rows.effective[(rows.debit == ACCOUNT["cash"]) & (rows.credit == ACCOUNT["expense:usage"])]
    billed = rows.effective[rows.debit == ACCOUNT["expense:usage"]].sum()
    assert back.sum() == round(share * billed)


def test_uptime_counts_the_repair_of_a_lease_that_failed_as_held_and_down() -> None:
    need = Need("train", reference_gpu="H100", checkpoint=Checkpoint(every_s=0))
    up = 1 - 30 / 630
    for level, usd in ((up - 0.001, 600.0), (up + 0.001, 300.0)):
        offer = cloud(outage=Once(mean_up_s=1.0), sla=Sla(uptime_shares=[level], credit_shares=[0.5]))
        done = measured(World(MONTH_S, job(0, 600, need), (offer,), drain_s=0))
        assert posted_usd(done, "expense:usage") == usd


def test_a_provider_that_is_down_as_a_whole_owes_credits_and_one_that_needs_its_spot_back_does_not() -> None:
    need = Need("train", reference_gpu="H100", checkpoint=Checkpoint(every_s=0))
    off = Path.steps([(0, 10.0), (100 * HOUR_S, 0.0), (200 * HOUR_S, 10.0)])
    sla = Sla(uptime_shares=[0.99], credit_shares=[1.0])
    down = ((100 * HOUR_S, 200 * HOUR_S),)
    for spans, usd in ((down, 0.0), ((), 300.0)):
        offer = cloud(launchable=off, keepable=off, sla=sla, down=spans)
        done = measured(World(MONTH_S, job(0, 300, need), (offer,), drain_s=0))
        assert posted_usd(done, "expense:usage") == usd


# --------------------------------------------------------------------------------------------------------- tokens


def test_tokens_are_not_sold_while_their_provider_is_down_and_another_takes_over() -> None:
    service = Service(
        "chat", Path.constant(1.0), Need("chat", reference_gpu="H100"), {}, autoscale=Autoscale(),
        input_tokens=0.0, output_tokens=10.0,
    )  # fmt: skip

    def api(id: str, usd: float, down: tuple[tuple[int, int], ...] = ()) -> Offer:
        return Offer(id, "token_api", Shape("tokens", gpus=0), provider=id, usd_per_output_token=usd, down=down)

    first = api("first", 1e-6, ((HOUR_S, 3 * HOUR_S),))
    alone = measured(World(10 * HOUR_S, JobTable.empty(), (first,), (service,)))
    served = alone.rows("served")
    assert served.served_milli.sum() == 8 * HOUR_S * 1000
    assert posted_usd(alone, "expense:tokens") == pytest.approx(8 * HOUR_S * 1e-5)
    both = measured(World(10 * HOUR_S, JobTable.empty(), (first, api("second", 1e-5)), (service,)))
    assert both.rows("served").served_milli.sum() == 10 * HOUR_S * 1000
    assert posted_usd(both, "expense:tokens") == pytest.approx(8 * HOUR_S * 1e-5 + 2 * HOUR_S * 1e-4)


def test_a_token_provider_s_exit_is_drawn_with_its_other_offers() -> None:
    keys = {"provider": "frail", "provider_exits_per_year": 200.0}
    kinds = {
        "tokens": supply.KINDS["token_api"].model_validate(
            {"kind": "token_api", "usd_per_million_input_tokens": 1, "usd_per_million_output_tokens": 1, **keys}
        ),
        "cloud": supply.KINDS["on_demand"].model_validate(
            {"kind": "on_demand", "shape": {"gpu": "H100"}, "usd_per_gpu_hour": 1, **keys}
        ),
    }
    tokens, machines = build_all(kinds, Throw(Dice(1), YEAR_S, YEAR_S), FinanceFacts())
    assert len(tokens.down) == 1
    assert tokens.down == machines.down
    assert machines.launchable.at(tokens.down[0][0]) == 0


# ---------------------------------------------------------------------------------------------------------- data


class Twice:
    """Sends the first job here and the second there."""

    name = "twice"

    def decide(self, view: say.View) -> Sequence[say.Action]:
        """Start what waits at the offer of its number."""
        return [say.Start(job.id, ("here", "there")[job.id % 2]) for job in view.waiting()]


def test_copies_are_stored_by_the_price_list_of_their_place_and_taken_out_by_tiers() -> None:
    need = Need("train", reference_gpu="H100", data_gb=150.0)
    arrival, work = np.array([0, DAY_S]), np.full(2, HOUR_S * 1000)
    jobs = JobTable((need,), np.array([0, 0]), arrival, work, work, np.full(2, 2**62))
    tiers = ((100.0, 0.0), (10_000.0, 0.09), (math.inf, 0.05))
    here = cloud("here", gb_out_tiers=tiers, usd_per_gb_month_storage=0.02)
    there = cloud("there", usd_per_gb_in=0.01)
    done = measured(World(2 * MONTH_S, jobs, (here, there), usd_per_gb_month_storage=0.10), Twice())
    assert posted_usd(done, "expense:network") == pytest.approx(50 * 0.09 + 150 * 0.01)
    months = 2 * MONTH_S
    wanted = 150 * (0.02 * months + 0.10 * (months - DAY_S)) / MONTH_S
    assert posted_usd(done, "expense:storage") == pytest.approx(wanted, abs=1e-5)
    rows = done.rows("posted")
    mine = rows.debit == ACCOUNT["expense:storage"]
    assert set(rows.offer[mine].tolist()) == {0, 1}
    assert set(rows.reference[mine].tolist()) == {REFERENCE["offer"]}


def test_data_come_no_faster_than_the_line_out_of_where_they_lie() -> None:
    need = Need("train", reference_gpu="H100", data_gb=90.0)
    for down_mbit_s, ready_s in ((None, 7_200), (50.0, 14_400)):
        office = Offer("office", "edge", GPU, data_here=("train",), downlink_mbit_s=down_mbit_s)
        line = cloud(uplink_mbit_s=100.0)
        done = measured(World(DAY_S, job(0, 1, need), (office, line)))
        started = done.rows("started")
        assert (started.ready_s - started.t_s).tolist() == [ready_s]


# --------------------------------------------------------------------------------------------------------- taxes


def profits(burn_usd: float, rate: float) -> Measured:
    """A service that earns 3,600 USD an hour from the start of the second year on, tokens that cost a third of it."""
    requests = Path.steps([(0, 0.0), (YEAR_S, 1.0)])
    service = Service(
        "chat", requests, Need("chat", reference_gpu="H100"), {}, usd_revenue_per_request=1.0,
        autoscale=Autoscale(period_s=DAY_S), input_tokens=0.0, output_tokens=1.0,
    )  # fmt: skip
    api = Offer("api", "token_api", Shape("tokens", gpus=0), provider="api", usd_per_output_token=1 / 3)
    money = Money(other_burn_micro_per_month=round(burn_usd * MICRO), tax_rate=rate)
    return measured(World(2 * YEAR_S, JobTable.empty(), (api,), (service,), drain_s=0, money=money))


def test_a_profit_is_taxed_at_the_year_s_end_after_the_losses_of_the_year_before() -> None:
    earned, burnt = YEAR_S * 2 / 3, 12 * 500_000.0
    done = profits(500_000, 0.25)
    assert posted_usd(done, "expense:tax") == pytest.approx(0.25 * (earned - 2 * burnt), rel=1e-6)
    rows = done.rows("posted")
    assert rows.t_s[rows.debit == ACCOUNT["expense:tax"]].tolist() == [2 * YEAR_S]


def test_no_tax_is_paid_on_a_loss_or_at_a_rate_of_0() -> None:
    assert posted_usd(profits(2_000_000, 0.25), "expense:tax") == 0
    assert posted_usd(profits(0, 0.0), "expense:tax") == 0
