"""Metrics on ledgers small enough to add up with a pencil."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from marketsim import metrics, units
from marketsim.demand.job import NEVER, JobTable, Need, Service
from marketsim.ledger import ACCOUNT, CAUSE, REFERENCE, Ledger
from marketsim.metrics import attribution, books, frames, utilization
from marketsim.metrics.measure import measure
from marketsim.metrics.measured import Measured
from marketsim.path import Path
from marketsim.supply.offer import Offer
from marketsim.supply.shape import Shape
from marketsim.world import Money, World

H = units.HOUR_S
USD = units.MICRO


def jobs(*rows: tuple[int, int, int, int], needs: tuple[Need, ...]) -> JobTable:
    """Rows of (need, arrival_s, work, deadline_s)."""
    need, arrival, work, deadline = (np.array(column, np.int64) for column in zip(*rows, strict=True))
    return JobTable(needs, need, arrival, work, work, deadline)


def post(ledger: Ledger, t_s: int, debit: str, credit: str, billed: int, effective: int, **whom: object) -> None:
    ledger.posted.write(
        (
            t_s,
            ACCOUNT[debit],
            ACCOUNT[credit],
            billed,
            effective,
            whom.get("offer", -1),
            REFERENCE[str(whom.get("reference", "none"))],
            whom.get("number", -1),
            whom.get("job", -1),
            whom.get("service", -1),
        )
    )


@pytest.fixture
def run() -> tuple[World, Ledger]:
    """Two jobs share a cloud instance of 2 GPUs for ten hours; a third, on an owned server, is stopped once and late.

    Instance 0 (cloud): launched at 0, up after 1 h, released at 10 h. Job 0 holds one GPU 0-10 h (1 h of boot, 9 h of
    work). Job 1 holds one GPU 1-5 h: 1 h restart, 1 h checkpoint, 2 h of work of which one was lost.
    Instance 1 (own): owned all 20 h, broken 6-8 h. Job 2 holds both GPUs 0-6 h, loses half, and again 8-20 h.
    """
    needs = (
        Need("train", usd_per_late_day=100.0, usd_at_most=250.0),
        Need("research"),
        Need("batch", milli=2000, usd_per_late_day=40.0),
    )
    table = jobs(
        (0, 0, 9 * H * 1000, 10 * H),
        (1, 0, 1 * H * 1000, NEVER),
        (2, 0, 15 * H * 2000, 10 * H),
        (0, 0, H * 1000, 12 * H),
        needs=needs,
    )
    cloud = Offer("cloud", "on_demand", Shape("H100", 2))
    own = Offer("own", "datacenter", Shape("H100", 2))
    world = World(
        horizon_s=20 * H,
        jobs=table,
        offers=(cloud, own),
        drain_s=4 * units.DAY_S - 20 * H,
        money=Money(cash_micro=100 * USD),
    )
    ledger = Ledger("test", horizon_s=20 * H, end_s=20 * H)
    ledger.launched.write((0, 0, 0, 0, H, -1))
    ledger.launched.write((0, 1, 1, 0, 0, 0))
    ledger.signed.write((0, 0, 1, 1, 0, -1))
    ledger.outages.write((6 * H, 1, 0, 8 * H))
    ledger.started.write((0, 0, 1, 0, 0, 1000, H))
    ledger.started.write((0, 2, 1, 1, 1, 2000, 0))
    ledger.started.write((H, 1, 1, 0, 0, 1000, 2 * H))
    ledger.stopped.write((5 * H, 1, 1, CAUSE["finished"], H * 1000, H * 1000, H, H))
    ledger.stopped.write((6 * H, 2, 1, CAUSE["failed"], 3 * H * 2000, 3 * H * 2000, 0, 0))
    ledger.started.write((8 * H, 2, 2, 1, 1, 2000, 8 * H))
    ledger.stopped.write((10 * H, 0, 1, CAUSE["finished"], 9 * H * 1000, 0, H, 0))
    ledger.released.write((10 * H, 0, CAUSE["finished"]))
    ledger.stopped.write((20 * H, 2, 2, CAUSE["finished"], 12 * H * 2000, 0, 0, 0))
    ledger.stopped.write((20 * H, 3, 0, CAUSE["unfinished"], 0, 0, 0, 0))
    post(ledger, 10 * H, "expense:usage", "cash", 28 * USD, 28 * USD, offer=0, reference="lease", number=0)
    post(ledger, 10 * H, "cash", "income:credits", 0, 0)
    post(ledger, 0, "servers", "cash", 90 * USD, 0, offer=1, reference="commitment", number=0)
    post(ledger, 20 * H, "expense:depreciation", "servers", 0, 20 * USD, offer=1, reference="commitment", number=0)
    post(ledger, 20 * H, "expense:capital", "equity", 0, 3 * USD, offer=1, reference="commitment", number=0)
    post(ledger, 20 * H, "expense:power", "payable", 0, 7 * USD, offer=1, reference="offer", number=1)
    return world, ledger


def test_effective_cost_is_expense_and_cash_is_what_was_paid(run: tuple[World, Ledger]) -> None:
    found = measure(*run)
    assert found["total_cost_usd"] == 28 + 20 + 3 + 7
    assert found["cash_out_usd"] == 28 + 90
    assert found["cost_usd/offer/cloud"] == 28
    assert found["cost_usd/offer/own"] == 30
    assert found["cost_usd/kind/datacenter"] == 30
    assert found["cost_usd/account/depreciation"] == 20
    assert found["cost_usd/month/00"] == 58


def test_cash_identity_holds_to_the_micro_dollar_and_breaks_with_the_books(run: tuple[World, Ledger]) -> None:
    world, ledger = run
    post(ledger, 15 * H, "cash", "equity", 50 * USD, 0)
    post(ledger, 15 * H, "expense:usage", "income:credits", 0, 5 * USD + 1)
    post(ledger, 15 * H, "cash", "income:revenue", 11, 11)
    identity = books.cash_identity(Measured(world, ledger))
    assert identity == books.CashIdentity(118 * USD, 58 * USD, 3 * USD, 70 * USD, 7 * USD)
    assert identity.holds
    assert sum(books.trial_balance(Measured(world, ledger)).values()) == 0
    post(ledger, 15 * H, "expense:power", "equity", 0, 1)  # an expense that nobody is paid and no asset gave
    assert not books.cash_identity(Measured(world, ledger)).holds


def test_capital_that_is_credited_back_to_the_owner_is_imputed_less(run: tuple[World, Ledger]) -> None:
    world, ledger = run
    before = books.cash_identity(Measured(world, ledger))
    post(ledger, 15 * H, "expense:capital", "equity", 0, 9)
    post(ledger, 15 * H, "equity", "expense:capital", 0, 4)
    post(ledger, 15 * H, "prepaid", "expense:capital", 0, 3)  # no owner's
    found = books.cash_identity(Measured(world, ledger))
    assert found.imputed == before.imputed + 9 - 4
    assert found.expense == before.expense + 9 - 4 - 3
    assert found.holds


def test_a_posting_whose_two_amounts_differ_is_refused(run: tuple[World, Ledger]) -> None:
    world, ledger = run
    post(ledger, 1, "expense:usage", "cash", 2, 1)
    with pytest.raises(ValueError, match="differ"):
        books.trial_balance(Measured(world, ledger))


def test_the_purse_knows_its_deepest_point_and_when_it_was_empty(run: tuple[World, Ledger]) -> None:
    world, ledger = run
    found = measure(world, ledger)
    assert found["cash_trough_usd"] == 100 - 118
    assert found["cash_below_zero"] == 1
    assert found["runway_months"] == pytest.approx(10 / 730)
    rich = dataclasses.replace(world, money=Money(cash_micro=1180 * USD))
    assert measure(rich, ledger)["runway_months"] == pytest.approx(10 * 20 / 730)
    unwatched = dataclasses.replace(world, money=Money())
    assert measure(unwatched, ledger)["cash_trough_usd"] is None


def test_a_payment_and_the_round_that_covers_it_are_one_step(run: tuple[World, Ledger]) -> None:
    world, ledger = run
    post(ledger, 0, "cash", "equity", 20 * USD, 0)
    assert measure(world, ledger)["cash_trough_usd"] == 2


def test_missed_is_strict_and_never_finished_is_missed(run: tuple[World, Ledger]) -> None:
    found = measure(*run)  # job 0 finishes at its deadline to the second; 2 is late by 10 h; 3 never started
    assert found["missed_deadline_share"] == pytest.approx(2 / 3)
    assert found["missed_gpu_hours_share"] == pytest.approx((30 + 1) / (9 + 30 + 1))
    assert found["missed_share/workload/train"] == 0.5
    assert found["missed_share/workload/research"] is None
    assert (found["jobs"], found["jobs_finished"], found["jobs_dated"]) == (4, 3, 3)


def test_each_started_day_late_costs_and_never_finished_costs_the_cap(run: tuple[World, Ledger]) -> None:
    world, ledger = run
    found = measure(world, ledger)
    assert found["late_usd"] == 40 + 250  # 10 h late is one started day; the lost one is charged its cap
    assert found["total_with_penalties_usd"] == 58 + 290
    needs = (dataclasses.replace(world.jobs.needs[0], usd_at_most=float("inf")), *world.jobs.needs[1:])
    uncapped = dataclasses.replace(world, jobs=dataclasses.replace(world.jobs, needs=needs))
    assert measure(uncapped, ledger)["late_usd"] == 40 + 400  # up to the latest end: 84 h late are 4 started days


def test_waits_are_from_when_a_job_could_be_placed(run: tuple[World, Ledger]) -> None:
    found = measure(*run)
    assert found["wait_mean_h"] == pytest.approx(1 / 3)
    assert found["wait_p50_h"] == 0
    assert found["tardiness_mean_h"] == pytest.approx((0 + 10 + 84) / 3)


def test_a_successor_waits_only_from_its_predecessors_finish() -> None:
    table = JobTable(
        (Need("chain"),),
        np.zeros(2, np.int64),
        np.zeros(2, np.int64),
        np.array([H * 1000] * 2),
        np.array([H * 1000] * 2),
        np.array([NEVER] * 2),
        after_start=np.array([0, 0, 1]),
        after=np.array([0]),
    )
    ledger = Ledger(end_s=3 * H)
    for job, at in ((0, 0), (1, 2 * H)):
        ledger.launched.write((at, job, 0, 0, at, -1))
        ledger.started.write((at, job, 1, 0, job, 1000, at))
        ledger.stopped.write((at + H, job, 1, CAUSE["finished"], H * 1000, 0, 0, 0))
        ledger.released.write((at + H, job, CAUSE["finished"]))
    world = World(4 * H, table, (Offer("cloud", "on_demand", Shape("H100")),))
    assert measure(world, ledger)["wait_mean_h"] == 0.5


def test_the_parts_of_paid_gpu_hours_add_up(run: tuple[World, Ledger]) -> None:
    frame = frames.utilization_by_offer(Measured(*run))
    cloud = {"useful": 10, "boot": 2, "restart": 1, "checkpoint": 1, "lost": 1, "down": 0, "idle": 5, "paid": 20}
    own = {"useful": 30, "boot": 0, "restart": 0, "checkpoint": 0, "lost": 6, "down": 4, "idle": 0, "paid": 40}
    assert frame.loc["cloud"].to_dict() == pytest.approx(cloud)
    assert frame.loc["own"].to_dict() == pytest.approx(own)
    found = measure(*run)
    assert found["utilization"] == pytest.approx(40 / 60)
    shares = ["utilization", *(f"{part}_share" for part in utilization.PARTS if part != "useful")]
    assert sum(found[name] or 0 for name in shares) == pytest.approx(1, abs=1e-12)


def test_an_owned_server_taken_back_for_repair_is_still_owned(run: tuple[World, Ledger]) -> None:
    world, ledger = run
    split = Ledger("test", horizon_s=20 * H, end_s=20 * H)
    for name in ("signed", "outages"):
        split.tables[name].write(ledger.tables[name].cells)
    split.launched.write((0, 0, 1, 0, 0, 0))
    split.released.write((6 * H, 0, CAUSE["failed"]))
    split.launched.write((8 * H, 1, 1, 0, 8 * H, 0))
    frame = frames.utilization_by_offer(Measured(world, split))
    assert frame.loc["own", ["paid", "down", "idle"]].tolist() == [40, 4, 36]


def test_a_quantum_billed_beyond_release_is_idle() -> None:
    offer = Offer("cloud", "on_demand", Shape("H100"), quantum_s=H, minimum_s=2 * H)
    world = World(10 * H, JobTable.empty(), (offer,))
    ledger = Ledger(end_s=10 * H)
    for number, held in enumerate((H // 2, 2 * H + 1)):
        ledger.launched.write((0, number, 0, number, 0, -1))
        ledger.released.write((held, number, CAUSE["finished"]))
    assert measure(world, ledger)["gpu_hours"] == 2 + 3
    assert measure(world, ledger)["idle_share"] == 1


def test_a_shared_lease_is_split_by_gpu_seconds_and_idle_owned_capacity_is_overhead(run: tuple[World, Ledger]) -> None:
    found = attribution.attribute(Measured(*run))
    assert found.jobs.tolist() == [20 * USD, 8 * USD, 27 * USD, 0]  # 10 h to 4 h of 28; 36 of 40 GPU-h of 30
    assert found.overhead == 3 * USD
    by = measure(*run)
    assert by["cost_usd/workload/batch"] == 27
    assert by["cost_usd/workload/overhead"] == 3


def test_split_parts_add_up_whatever_the_rounding() -> None:
    dice = np.random.Generator(np.random.PCG64(1))
    pots = dice.integers(-(10**9), 10**9, 50)
    pot_of = dice.integers(-1, 50, 2000)
    held = dice.integers(0, 10**9, 2000)
    parts = attribution.split(pots, pot_of, held, np.zeros(50))
    sums = [int(parts[pot_of == pot].sum()) for pot in range(50)]
    assert sums == pots.tolist()
    assert (parts[pot_of < 0] == 0).all()


def test_a_charge_that_names_its_job_goes_to_it_and_its_lease_is_not_asked(run: tuple[World, Ledger]) -> None:
    world, ledger = run
    post(ledger, 20 * H, "expense:backlog", "payable", 0, 5 * USD, offer=0, reference="job", number=3, job=3)
    found = attribution.attribute(Measured(world, ledger))
    assert found.jobs.tolist() == [20 * USD, 8 * USD, 27 * USD, 5 * USD]
    assert found.overhead == 3 * USD


def test_a_service_is_charged_for_its_replicas_and_its_lost_requests() -> None:
    service = Service("chat", Path.constant(10.0), Need("chat"), {"H100": 20.0}, usd_per_lost_request=0.02)
    world = World(10 * H, JobTable.empty(), (Offer("cloud", "on_demand", Shape("H100", 2)),), (service,))
    ledger = Ledger(horizon_s=10 * H, end_s=10 * H)
    ledger.launched.write((0, 0, 0, 0, H, -1))
    ledger.replicas.write((0, H, 10 * H, 0, 0, 0, 1000))
    ledger.served.write((0, H, 0, 10 * H * 1000, 0))
    ledger.served.write((H, 10 * H, 0, 90 * H * 1000, 90 * H * 1000))
    post(ledger, 10 * H, "expense:usage", "cash", 40 * USD, 40 * USD, offer=0, reference="lease", number=0)
    found = measure(world, ledger)
    assert found["unserved_share"] == 0.1
    assert found["unserved_share/service/chat"] == 0.1
    assert found["lost_requests_usd"] == 10 * H * 0.02
    assert found["cost_usd/workload/chat"] == 40
    assert found["utilization"] == pytest.approx(0.25 * 0.9)  # half full of one GPU in two, for nine hours in ten
    assert found["boot_share"] == pytest.approx(0.1)
    assert found["missed_deadline_share"] is None


def test_an_empty_run_has_no_number_that_is_not_one() -> None:
    world = World(10 * H, JobTable.empty(), (Offer("cloud", "on_demand", Shape("H100")),))
    found = measure(world, Ledger(horizon_s=10 * H, end_s=10 * H))
    assert found["total_cost_usd"] == 0
    assert found["utilization"] is None
    assert found["unserved_share"] is None
    assert found["wait_mean_h"] is None


def test_a_start_without_a_stop_is_a_broken_ledger(run: tuple[World, Ledger]) -> None:
    world, ledger = run
    ledger.started.write((19 * H, 3, 1, 1, 1, 1000, 19 * H))
    with pytest.raises(ValueError, match="exactly one stop"):
        measure(world, ledger)


def test_a_metric_of_the_users_own_is_measured_and_must_be_a_number(run: tuple[World, Ledger]) -> None:
    mine = metrics.Metric("stops", "attempts", None, "attempts ended", lambda m: float(len(m.attempts.job)))
    assert measure(*run, more=[mine])["stops"] == 4
    broken = dataclasses.replace(mine, of=lambda m: float("nan"))
    with pytest.raises(ValueError, match="stops is nan"):
        measure(*run, more=[broken])


@pytest.mark.parametrize("name", list(metrics.KINDS))
def test_every_metric_has_a_name_a_unit_a_direction_and_a_doc(name: str, run: tuple[World, Ledger]) -> None:
    metric = metrics.KINDS[name]
    assert metric.name == name
    assert metric.unit
    assert metric.doc
    assert metric.direction in ("lower", "higher", None)
    value = metric.of(Measured(*run))
    assert value is None or np.isfinite(value)


def test_every_number_that_is_measured_is_described(run: tuple[World, Ledger]) -> None:
    assert all(metrics.describe(name) is not None for name in measure(*run))


def test_frames_say_the_same_as_the_metrics(run: tuple[World, Ledger]) -> None:
    measured = Measured(*run)
    cost = frames.cost_by_offer_and_kind(measured)
    assert cost.to_numpy().sum() == pytest.approx(58)
    assert cost.loc["own", "power"] == 7
    over_time = frames.demand_and_capacity(measured, 5 * H)
    assert over_time["cloud"].tolist() == pytest.approx([2, 2, 0, 0])
    assert over_time["jobs"].tolist() == pytest.approx([1 + 0.8 + 2, 1 + 1.2, 2, 2])
    assert over_time["wanted"].tolist() == pytest.approx([5, 4, 3, 3])
    table = frames.per_job(measured)
    assert table["finish_s"].isna().tolist() == [False, False, False, True]
    assert table["cost_usd"].tolist() == [20, 8, 27, 0]
    assert table["held_gpu_h"].tolist() == pytest.approx([10, 4, 36, 0])
    misses = frames.misses_by_workload(measured)
    assert misses.loc["train"].tolist() == [2, 2, 1, 0.5]
    assert np.isnan(misses.loc["research", "missed_share"])
    assert frames.purse(measured)["cash_usd"].iloc[-1] == 100 - 118


def test_open_share_is_the_time_with_an_instance_to_launch_whoever_took_it() -> None:
    launchable = Path.steps([(0, 1), (30, 0), (70, 2)])
    spot = Offer("spot", "spot", Shape("GPU", gpus=1), launchable=launchable, price=Path.constant(1.0))
    own = Offer("own", "datacenter", Shape("GPU", gpus=1))
    world = World(100, jobs((0, 0, 1, NEVER), needs=(Need("x"),)), (spot, own))
    found = measure(world, Ledger())
    assert found["open_share/offer/spot"] == 0.6
    assert "open_share/offer/own" not in found
