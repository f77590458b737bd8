"""Laws that no world, policy or throw of the dice may break, on random small worlds with every kind of rule."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from own_dice import no_other_dice_and_no_clock
from random_worlds import HORIZON_S, PLACEMENTS, jobs_of, longer, policies, worlds
from small_worlds import (
    Decider,
    Job,
    Lease,
    Plan,
    billed,
    burst,
    effective,
    market,
    need,
    own,
    owned,
    rules,
    spells,
    spot,
    steps,
    world,
)

from marketsim.demand.job import NEVER, Need
from marketsim.engine.run import run
from marketsim.ledger import ACCOUNT, CAUSE, CAUSES, REFERENCE, TABLES, Ledger
from marketsim.metrics.books import cash_identity, trial_balance
from marketsim.metrics.measure import measure
from marketsim.metrics.measured import Measured
from marketsim.metrics.utilization import spent
from marketsim.path import Path
from marketsim.policies import base
from marketsim.policies import policy as say
from marketsim.streams import Dice
from marketsim.supply.offer import OutageLaw
from marketsim.units import HOUR_S, MICRO, MILLI
from marketsim.world import Order, World

quick = settings(max_examples=15, deadline=None, derandomize=True)
pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")


def rows(ledger: Ledger) -> dict[str, list[Any]]:
    """All that was written down."""
    return {name: ledger.tables[name].rows().tolist() for name in TABLES}


# ------------------------------------------------------------------------------------------------ what is conserved


def check_jobs(made: World, ledger: Ledger) -> None:
    """Each job comes to one end, or waits for one that did not finish, or was never submitted in a closed loop."""
    last = Counter(row[1] for row in ledger.stopped.rows().tolist() if CAUSES[row[3]] in ENDS)
    finished = {row[1] for row in ledger.stopped.rows().tolist() if CAUSES[row[3]] == "finished"}
    assert set(last.values()) <= {1}
    submitted = {row[1] for row in ledger.submitted.rows().tolist()}
    for job in range(len(made.jobs)):
        if job not in last:
            if made.jobs.think_s is not None and made.jobs.think_s[job] and job not in submitted:
                continue
            start, after = made.jobs.after_start, made.jobs.after
            assert start is not None
            assert after is not None
            assert not set(after[start[job] : start[job + 1]].tolist()) <= finished


ENDS = {"finished", "left", "refused", "cancelled", "unfinished"}


def check_attempts(made: World, ledger: Ledger) -> None:
    """One stop for each start, one after the other, never before the arrival or a predecessor's end."""
    starts = ledger.started.rows().tolist()
    stops = [row for row in ledger.stopped.rows().tolist() if row[2]]
    assert Counter((row[1], row[2]) for row in starts) == Counter((row[1], row[2]) for row in stops)
    measured = Measured(made, ledger)
    for job, found in spells(made, ledger).items():
        if job < len(made.jobs):  # else the work of a lever, which is in no table
            assert found[0].start_s >= measured.placeable_s[job]
        assert all(one.start_s <= one.stop_s for one in found)
        assert all(one.stop_s <= other.start_s for one, other in itertools.pairwise(found))


def check_time(made: World, ledger: Ledger) -> None:
    """Rows come in order of time, and none after the end."""
    for name in ("started", "stopped", "launched", "released", "scaled", "signed"):
        times = ledger.tables[name].column("t_s")
        assert (np.diff(times) >= 0).all(), name
        assert not len(times) or 0 <= times[0] <= times[-1] <= ledger.end_s


def check_work(made: World, ledger: Ledger) -> None:
    """What is kept adds up to the work of who finished; no attempt does more than its seconds allow."""
    measured = Measured(made, ledger)
    size, work = len(made.jobs), work_of(made, ledger, measured)
    tries = of_jobs(measured.attempts, size)
    kept = np.zeros(size, np.int64)
    np.add.at(kept, tries.job, tries.kept)
    done = measured.finish_s < NEVER
    assert (kept[done] == work[done]).all()
    assert (kept <= work).all()
    assert (tries.kept >= 0).all()
    assert (tries.lost >= 0).all()
    needs = held_needs(made, tries)
    speed = [made.offers[offer].speed_for(one) for offer, one in zip(tries.offer, needs, strict=True)]
    rate = np.array([one.gang_milli for one in needs], np.int64) * np.array(speed, np.int64)
    worked_s = np.maximum(tries.stop_s - tries.ready_s, 0) - tries.overhead_s - tries.checkpoint_s
    assert (worked_s >= 0).all()
    assert ((tries.kept + tries.lost) * 10**6 <= rate * worked_s).all()
    whole = (tries.cause == CAUSE["finished"]) & (worked_s > 0)
    assert ((tries.kept + tries.lost)[whole] * 10**6 > (rate * (worked_s - 1))[whole]).all()


def of_jobs(tries: Any, size: int) -> Any:
    """The attempts of the table's jobs, without those of the work that earns levers."""
    mine = tries.job < size
    columns = {name: column for name, column in vars(tries).items() if len(column) == len(mine)}
    return SimpleNamespace(**{name: column[mine] for name, column in columns.items()})


def held_needs(made: World, tries: Any) -> list[Need]:
    """The need of each attempt of the table's jobs at the size that it held; it is one of those allowed."""
    found = []
    for job, instances, milli in zip(tries.job.tolist(), tries.gang.tolist(), tries.milli.tolist(), strict=True):
        need = made.jobs.needs[made.jobs.need[job]]
        levered = [lever.changed(need) for lever in made.levers.values() if lever.target == need.workload]
        sizes = [one for declared in (need, *levered) for one in declared.sizes()]
        found.append(next(one for one in sizes if (one.instances, one.milli) == (instances, milli)))
    return found


def work_of(made: World, ledger: Ledger, measured: Measured) -> np.ndarray:
    """True work of each job: what a lever that was in force when it came made of it."""
    work, names = np.array(made.jobs.work), sorted(made.levers)
    for in_force_s, number, service, *_ in ledger.adopted.rows().tolist():
        lever = made.levers[names[number]]
        if service >= 0 or lever.outcome.level is None:
            continue
        for job in np.flatnonzero((measured.placeable_s >= in_force_s) & (measured.placeable_s < NEVER)).tolist():
            need = made.jobs.needs[made.jobs.need[job]]
            if need.workload == lever.target:
                work[job] = lever.changed_work(need, int(made.jobs.work[job]))
    return work


def check_capacity(made: World, ledger: Ledger) -> None:
    """At no instant is more of an instance held than it has, or more held than the market and contracts allow."""
    measured = Measured(made, ledger)
    leases, holdings = measured.leases, measured.holdings
    for lease in range(len(leases.instance)):
        mine = holdings.lease == lease
        spans = np.stack([holdings.from_s[mine], holdings.to_s[mine]])
        assert (spans >= leases.from_s[lease]).all()
        assert (spans <= leases.to_s[lease]).all()
        whole = np.where(_gangs(measured)[mine], leases.milli[lease], holdings.milli[mine])
        assert _peak(spans[0], spans[1], whole) <= leases.milli[lease]
    for index, offer in enumerate(made.offers):
        here = leases.offer == index
        for seat in set(leases.seat[here].tolist()):
            one = here & (leases.seat == seat)
            assert _peak(leases.from_s[one], leases.to_s[one], np.ones(one.sum(), np.int64)) <= 1
        metered = here & (leases.commitment < 0)
        for row in np.flatnonzero(metered):
            at_s = leases.from_s[row]
            held = int(
                (
                    (leases.from_s <= at_s) & (leases.to_s > at_s) & metered & (leases.instance <= leases.instance[row])
                ).sum()
            )
            assert held <= offer.launchable.at(int(at_s))
        for at_s in offer.keepable.times_s[1:].tolist():
            staying = metered & (leases.from_s < at_s) & (leases.to_s > at_s + offer.notice_s)
            assert int(staying.sum()) <= offer.keepable.at(at_s) or at_s > ledger.end_s


def _gangs(measured: Measured) -> np.ndarray:
    """Which holdings are whole instances of a gang."""
    holdings = measured.holdings
    return (
        np.where(holdings.attempt >= 0, measured.attempts.gang[holdings.attempt] > 1, False)
        if len(measured.attempts.gang)
        else np.zeros(len(holdings.attempt), bool)
    )


def _peak(from_s: np.ndarray, to_s: np.ndarray, amount: np.ndarray) -> int:
    """The most held at once; what ends at a second has gone before what begins there."""
    events = sorted([*zip(to_s.tolist(), [0] * len(to_s), (-amount).tolist(), strict=True),
                     *zip(from_s.tolist(), [1] * len(from_s), amount.tolist(), strict=True)])  # fmt: skip
    level = peak = 0
    for _, _, change in events:
        level += change
        peak = max(peak, level)
    return peak


def check_gangs(made: World, ledger: Ledger) -> None:
    """A gang holds other instances, whole, on one group of a fabric, and `check_work` knows how many."""
    leases = Measured(made, ledger).leases
    seat, offer = (
        dict(zip(leases.instance, leases.seat, strict=True)),
        dict(zip(leases.instance, leases.offer, strict=True)),
    )
    members: dict[tuple[int, int], list[int]] = {}
    first = {(row[1], row[2]): row[4] for row in ledger.started.rows().tolist()}
    for job, attempt, instance in ledger.gangs.rows().tolist():
        members.setdefault((job, attempt), [first[job, attempt]]).append(instance)
    for held in members.values():
        assert len(set(held)) == len(held)
        group = {(offer[one], seat[one] // made.offers[offer[one]].shape.largest_gang) for one in held}
        assert len(group) == 1


def check_gpu_seconds(made: World, ledger: Ledger) -> None:
    """What was paid for or owned is useful, boot, restart, checkpoint, lost, down or idle, and none is negative."""
    parts = spent(Measured(made, ledger))
    total = sum(parts[name] for name in parts if name != "paid")
    assert np.allclose(total, parts["paid"], rtol=1e-12, atol=1e-6)
    for name, amount in parts.items():
        assert (amount >= -1e-6 * (1 + parts["paid"])).all(), name


def check_money(made: World, ledger: Ledger) -> None:
    """Books balance, cash is what the postings say, and every posting points at what it is for."""
    measured = Measured(made, ledger)
    assert sum(trial_balance(measured).values()) == 0
    assert cash_identity(measured).holds
    posted, leases = measured.rows("posted"), measured.leases
    assert ((posted.billed >= 0) & (posted.effective >= 0)).all()
    of_lease = (posted.reference == REFERENCE["lease"]) & (posted.debit == ACCOUNT["expense:usage"])
    paid: Counter[int] = Counter()
    bills = np.stack([posted.number, posted.billed, posted.effective])[:, of_lease]
    for instance, billed_micro, effective_micro in bills.T.tolist():
        assert billed_micro in (0, effective_micro)
        paid[instance] += effective_micro
    metered = leases.commitment < 0
    for instance, offer, from_s, to_s in zip(
        leases.instance[metered], leases.offer[metered], leases.from_s[metered], leases.paid_s[metered], strict=True
    ):
        price = made.offers[offer].price
        assert price is not None
        wanted = round(price.integral(int(from_s), int(from_s + to_s)) * MICRO / HOUR_S)
        assert paid.pop(int(instance), 0) == wanted
    assert not paid
    signed = set(ledger.signed.column("commitment").tolist()) | {0}
    of_contract = posted.reference == REFERENCE["commitment"]
    assert set(posted.number[of_contract].tolist()) <= signed


def check_finite(made: World, ledger: Ledger) -> None:
    """Every figure is a number or is not defined."""
    assert all(value is None or np.isfinite(value) for value in measure(made, ledger).values())


CHECKS = [check_jobs, check_attempts, check_time, check_work, check_capacity, check_gangs, check_gpu_seconds,
          check_money, check_finite]  # fmt: skip


def check_all(made: World, policy: say.Policy) -> None:
    """Every law of a single run."""
    before = made.exogenous_hash
    ledger = run(made, policy)
    for check in CHECKS:
        check(made, ledger)
    assert replace(made).exogenous_hash == before  # nobody wrote on what was drawn


@settings(max_examples=50, deadline=None, derandomize=True)
@given(worlds(), policies())
def test_a_run_keeps_every_law(made, policy):
    check_all(made, policy)


@pytest.mark.slow
@settings(max_examples=3_000, deadline=None, derandomize=True)
@given(worlds(), policies())
def test_many_runs_keep_every_law(made, policy):
    check_all(made, policy)


@quick
@given(worlds(), policies())
def test_the_same_run_gives_the_same_ledger(made, policy):
    assert rows(run(made, policy)) == rows(run(made, policy))


@quick
@given(worlds(), st.lists(policies(), min_size=2, max_size=4))
def test_every_policy_meets_the_same_throw(made, several):
    hashes = set()
    for policy in several:
        run(made, policy)
        hashes.add(replace(made).exogenous_hash)
    assert hashes == {made.exogenous_hash}


@quick
@given(worlds(services=False), policies(signs=False))
def test_the_mean_number_of_gpus_asked_for_is_arrivals_times_their_stay(made, policy):
    """Little's law on the sample path: an integral over time that the run keeps against a sum over jobs."""
    seen: list[float] = []

    def at_end(view: say.View) -> list[say.Action]:
        seen[:] = view.demand_gpus(0, HORIZON_S)
        return []

    watcher = Plan({})
    watcher.bind = lambda setup: _Watcher(at_end)  # type: ignore[method-assign]
    late = replace(made, horizon_s=HORIZON_S + 10)
    ledger = run(late, replace(policy, procurement=watcher))
    stays = 0
    joined = Measured(late, ledger).placeable_s
    gone = {row[1]: row[0] for row in ledger.stopped.rows().tolist() if CAUSES[row[3]] in ENDS}
    for job in range(len(late.jobs)):
        if joined[job] < NEVER and job in gone and gone[job] != joined[job]:
            milli = late.jobs.needs[late.jobs.need[job]].gang_milli
            stays += milli * max(min(gone[job], HORIZON_S) - min(int(joined[job]), HORIZON_S), 0)
    assert seen[0] * HORIZON_S * MILLI == pytest.approx(stays, rel=1e-9, abs=1e-6)


class _Watcher:
    review_every_s = HORIZON_S

    def __init__(self, look):
        self._look = look

    def review(self, view):
        return self._look(view) if view.now_s else []


# ------------------------------------------------------------------------------------------------- what is not known


def check_truth(made: World, policy: say.Policy, job: int, work: int) -> None:
    """One job's true work is another and its estimate is not: all is the same until the first of its two ends."""
    one, two = run(made, policy), run(longer(made, job, work), policy)
    shows = min(_ends(one, job), _ends(two, job))
    for name in ("started", "stopped", "launched", "released", "scaled", "signed"):
        place = TABLES[name].index("t_s")
        told = 4 if name == "stopped" else None  # what is kept may show that all was done
        before = [[row[:told] for row in rows(ledger)[name] if row[place] < shows] for ledger in (one, two)]
        assert before[0] == before[1], name


@settings(max_examples=30, deadline=None, derandomize=True)
@given(worlds(), policies(clairvoyant=False), st.data())
def test_the_truth_changes_no_decision_before_it_shows(made, policy, data):
    check_truth(made, policy, data.draw(st.integers(0, len(made.jobs) - 1)), data.draw(st.integers(1, 200)) * 1_000)


@pytest.mark.slow
@settings(max_examples=1_500, deadline=None, derandomize=True)
@given(worlds(), policies(clairvoyant=False), st.data())
def test_the_truth_changes_no_decision_in_many_worlds(made, policy, data):
    check_truth(made, policy, data.draw(st.integers(0, len(made.jobs) - 1)), data.draw(st.integers(1, 200)) * 1_000)


def _ends(ledger: Ledger, job: int) -> int:
    return min((row[0] for row in ledger.stopped.rows().tolist() if row[1] == job and CAUSES[row[3]] in ENDS),
               default=ledger.end_s)  # fmt: skip


# ------------------------------------------------------------------------------------------------- what is fair


@quick
@given(worlds(), policies(signs=False), st.sampled_from([70, 400]))
def test_signing_on_the_last_day_improves_no_headline(made, policy, term_s):
    late = Plan({HORIZON_S - 1: [say.Sign("rent", 1, term_s)]})
    ledgers = [run(made, replace(policy, procurement=one)) for one in (None, late)]
    plain, signed = (measure(made, ledger) for ledger in ledgers)
    # whatever the second of the close, all of the term is paid or owed
    assert effective(ledgers[1], "expense:contract") + effective(ledgers[1], "expense:end-valuation") == 10 * term_s
    assert signed["total_cost_usd"] is not None
    if made.drain_s == 0:  # else what was signed may do work in the drain that somebody else was paid for
        assert signed["total_cost_usd"] >= plain["total_cost_usd"]
        assert signed["total_with_penalties_usd"] >= plain["total_with_penalties_usd"]


@quick
@given(jobs_of(chains=False), st.integers(0, 5), st.sampled_from([1, 60]), st.sampled_from([0, 45]))
def test_putting_work_off_is_no_saving(jobs, boot_s, quantum_s, minimum_s):
    """Who never starts anything pays at the end at least what on demand would have been."""
    patient = [job._replace(need=replace(job.need, patience_s=NEVER, data_gb=0.0)) for job in jobs]
    offer = market(gpus=2, boot_s=boot_s, quantum_s=quantum_s, minimum_s=minimum_s)
    made = world(patient, [offer], horizon_s=HORIZON_S)
    idle = measure(made, run(made, Decider(lambda view: [])))
    busy = measure(made, run(made, rules()))
    assert idle["total_cost_usd"] >= busy["total_cost_usd"] - 1e-6 * len(jobs)
    assert idle["missed_deadline_share"] is None or idle["missed_deadline_share"] >= busy["missed_deadline_share"]


WAYS_NOT_TO = ("cancel", "let go", "refuse", "cancel what runs")


@quick
@given(jobs_of(), st.sampled_from(WAYS_NOT_TO), st.integers(0, 5), st.sampled_from([1, 60]))
def test_not_doing_work_is_no_saving(jobs, way, boot_s, quantum_s):
    """Who cancels work, turns it away, or lets it lose patience pays at least what on demand would have been."""
    patient = [job._replace(need=replace(job.need, patience_s=NEVER, data_gb=0.0)) for job in jobs]
    shown = [job._replace(need=replace(job.need, patience_s=60)) for job in patient] if way == "let go" else patient
    offer = market(gpus=2, boot_s=boot_s, quantum_s=quantum_s)
    made, lazy = (world(some, [offer], horizon_s=HORIZON_S) for some in (patient, shown))
    policy: Any = Decider(lambda view: _not_to(view, way), review_every_s=7)
    if way == "refuse":
        policy = rules(Never(), capacity=1)
    ledger = run(lazy, policy)
    idle, busy = measure(lazy, ledger), measure(made, run(made, rules()))
    assert any(CAUSES[cause] != "unfinished" for cause in ledger.stopped.column("cause")) or way in ("let go", "refuse")
    for headline in ("total_cost_usd", "total_with_penalties_usd", "cash_out_usd"):
        assert idle[headline] >= busy[headline] - 1e-6 * len(jobs), headline
    assert idle["missed_deadline_share"] is None or idle["missed_deadline_share"] >= busy["missed_deadline_share"]


def _not_to(view: say.View, way: str) -> list[say.Action]:
    """Cancel what waits; or start it, and cancel it once it runs."""
    if way == "cancel":
        return [say.Cancel(job.id) for job in view.waiting()]
    if way == "cancel what runs":
        running = [say.Cancel(job.id) for job in view.running() if job.started_s < view.now_s]
        return [*running, *(say.Start(job.id, "cloud") for job in view.waiting())]
    return []


class Never(base.PlacementBase):
    """A placement that places nothing."""

    def __init__(self) -> None:
        """Bound to no setup: it asks for none."""

    def bind(self, setup: say.Setup) -> Never:
        """Itself, for one run."""
        super().__init__(setup)
        return self

    def place(self, job: say.JobView, view: say.View, why: say.Why) -> say.Placed:
        """Nowhere."""
        return None


def test_a_stock_out_evicts_nobody():
    @quick
    @given(worlds(), policies())
    def check(made, policy):
        kept = tuple(
            replace(one, keepable=Path.constant(10**9), outage=None) if one.price is not None else one
            for one in made.offers
        )
        ledger = run(replace(made, offers=kept), policy)
        assert CAUSE["reclaimed"] not in ledger.stopped.column("cause").tolist()
        assert CAUSE["reclaimed"] not in ledger.released.column("cause").tolist()

    check()


# ----------------------------------------------------------------------------------- what only changes the names


@quick
@given(worlds(), policies(signs=False))
def test_names_mean_nothing(made, policy):
    renamed = replace(
        made,
        offers=tuple(replace(one, id=f"z{9 - place}-{one.id}") for place, one in enumerate(made.offers)),
        orders=tuple(replace(order, offer=f"z9-{order.offer}") for order in made.orders),
        jobs=replace(made.jobs, needs=tuple(replace(one, workload="other") for one in made.jobs.needs)),
        services=tuple(replace(one, name="talk") for one in made.services),
    )
    assert rows(run(made, policy)) == rows(run(renamed, policy))


@quick
@given(jobs_of(), st.sampled_from([2, 5, 1_000]), st.booleans())
def test_prices_times_k_are_the_same_schedule_at_k_times_the_cost(jobs, times, spot_too):
    rates = steps((0, 3.6), (77, 2.7), (140, 5.4))
    where = PLACEMENTS["spot_greedy" if spot_too else "on_demand_only"]
    ledgers = []
    for scale in (1, times):
        priced = rates.map(lambda usd, scale=scale: usd * scale)
        offers = [market(gpus=2, usd_per_hour=priced, gang=2), spot(there=steps((0, 2), (99, 1)), gpus=2, gang=2,
                  usd_per_hour=priced.map(lambda usd: usd / 2))]  # fmt: skip
        ledgers.append(run(world(jobs, offers, horizon_s=HORIZON_S), rules(where, blocking="skipping")))
    for name in ("started", "stopped", "launched", "released"):
        assert rows(ledgers[0])[name] == rows(ledgers[1])[name]
    one, many = (effective(ledger, "expense:usage") for ledger in ledgers)
    assert abs(many - times * one) <= times * len(ledgers[0].launched)


@quick
@given(jobs_of(chains=False), st.sampled_from([2, 60, 3_600]))
def test_a_longer_second_is_the_same_story(jobs, stretch):
    """Every time and all work stretched by a factor: the same events, stretched. At the declared size, where work is
    whole seconds.
    """

    def stretched(by: int) -> World:
        def slow(one: Need) -> Need:
            how = one.checkpoint
            every_s = None if how.every_s is None else how.every_s * by
            how = replace(how, every_s=every_s, cost_s=how.cost_s * by, restart_s=how.restart_s * by)
            patience_s = one.patience_s if one.patience_s == NEVER else one.patience_s * by
            return replace(one, checkpoint=how, patience_s=patience_s, data_gb=0.0, elastic=())

        table = [
            Job(j.at_s * by, j.seconds * by, slow(j.need), j.deadline_s if j.deadline_s == NEVER else j.deadline_s * by,
                (j.estimate_s or 1) * by)
            for j in jobs
        ]  # fmt: skip
        there = Path.steps([(0, 2), (50 * by, 0), (90 * by, 3), (170 * by, 1)])
        offers = [spot(gpus=2, there=there, notice_s=5 * by), market(gpus=2, can_start=1, boot_s=3 * by)]
        return world(table, offers, horizon_s=HORIZON_S * by, drain_s=500 * by)

    where = PLACEMENTS["spot_greedy"].model_copy(update={"wait_before_fallback": "never"})
    plain, slow = (run(stretched(by), rules(where, blocking="skipping")) for by in (1, stretch))
    for name, times_s in (("started", (0, 6)), ("stopped", (0,)), ("launched", (0, 4)), ("released", (0,))):
        wanted = plain.tables[name].rows()
        wanted[:, list(times_s)] *= stretch
        if name == "stopped":
            wanted[:, 4:] *= stretch
        assert wanted.tolist() == slow.tables[name].rows().tolist(), name


@quick
@given(jobs_of(chains=False), st.integers(1, 3))
def test_two_equal_pools_are_one_of_both(jobs, half):
    """Single-GPU jobs first come first served: the same schedule on 2 x n as on n and n."""
    single = [job._replace(need=need()) for job in jobs]
    one = world(single, [own()], orders=(Order("own", 2 * half),))
    two = world(single, [own("a"), own("b")], orders=(Order("a", half), Order("b", half)))
    found = []
    for made in (one, two):
        ledger = run(made, rules(burst(None)))
        found.append((ledger.started.rows()[:, :2].tolist(), sorted(ledger.stopped.rows()[:, :2].tolist())))
    assert found[0] == found[1]


# ------------------------------------------------------------------------------------------------- the simple ends


@quick
@given(worlds(), policies(signs=False))
def test_without_work_only_what_stands_there_costs(made, policy):
    empty = world([], made.offers, horizon_s=HORIZON_S, orders=made.orders)
    ledger = run(empty, policy)
    found = measure(empty, ledger)
    assert billed(ledger, "expense:usage") == 0
    held = sum(order.instances for order in made.orders)
    assert found["total_cost_usd"] == pytest.approx(3e-6 * held * HORIZON_S)
    assert found["missed_deadline_share"] is None


@quick
@given(jobs_of(chains=False))
def test_without_limits_nobody_waits_and_each_pays_his_own(jobs):
    single = [job._replace(need=need()) for job in jobs]
    ledger = run(world(single, [market()], horizon_s=HORIZON_S), rules())
    assert (ledger.started.column("t_s") == [job.at_s for job in single]).all()
    assert billed(ledger, "expense:usage") == 1_000 * sum(job.seconds for job in single)


@quick
@given(worlds(), policies(signs=False))
def test_rates_of_nothing_are_nothing(made, policy):
    """Failures once in 10^12 years, notice, boot and lead of 0 s are the model without them."""
    calm = tuple(replace(one, outage=None) for one in made.offers)
    rare = tuple(replace(one, outage=OutageLaw(1e19, 5.0)) for one in made.offers)
    assert rows(run(replace(made, offers=calm), policy)) == rows(run(replace(made, offers=rare), policy))


@quick
@given(jobs_of(chains=False), st.integers(1, 3))
def test_a_price_without_noise_and_a_lead_of_nothing_are_the_model_without_them(jobs, instances):
    """Mean reversion with sigma 0, from its mean, is that price; a contract without a lead is there at once."""
    from marketsim.prices import KINDS as PRICES
    from marketsim.prices.process import Asked
    from marketsim.throw import Throw

    still = PRICES["ou"].model_validate({"mean": 2.0, "kappa_per_day": 0.5, "sigma_per_sqrt_day": 0.0})
    path = still.draw(Throw(Dice(3).under("prices/x"), 86_400, 86_400), Asked("x", "AWS", "H100", 1, None, "spot"))
    assert set(path.values.tolist()) == {2.0}
    contract = own("rent", kind="rental", commitment=Lease(400, lead_s=0))
    plan = Plan({0: [say.Sign("rent", instances)]})
    single = [job._replace(need=need()) for job in jobs]
    signed = run(world(single, [contract], horizon_s=HORIZON_S), rules(burst(None), procurement=plan))
    there = run(owned(instances, single, horizon_s=HORIZON_S), rules(burst(None)))
    before = [[row for row in rows(ledger)["started"] if row[0] < HORIZON_S] for ledger in (signed, there)]
    assert [row[:3] for row in before[0]] == [row[:3] for row in before[1]]


def check_slack(jobs: list[Job], gpus: int, slack_s: int, which: int) -> None:
    """More slack for one, and no more misses in all."""
    shared = [job._replace(need=_inside(job.need, gpus)) for job in jobs]
    eased = list(shared)
    if shared[which].deadline_s < NEVER:
        eased[which] = shared[which]._replace(deadline_s=shared[which].deadline_s + slack_s)
    assert _misses(eased, gpus) <= _misses(shared, gpus)


def check_one_more(jobs: list[Job], gpus: int) -> None:
    """One GPU more, and no more misses; the jobs have one GPU or two, all on one machine."""
    shared = [job._replace(need=_inside(job.need, gpus)) for job in jobs]
    assert _misses(shared, gpus + 1) <= _misses(shared, gpus)


@quick
@given(jobs_of(chains=False), st.integers(1, 3), st.integers(1, 200), st.data())
def test_more_slack_for_one_raises_no_misses_where_deadlines_do_not_order(jobs, gpus, slack_s, data):
    """Strict first come first served. Not so under earliest deadline first."""
    check_slack(jobs, gpus, slack_s, data.draw(st.integers(0, len(jobs) - 1)))


@settings(max_examples=30, deadline=None, derandomize=True)
@given(jobs_of(chains=False), st.integers(2, 4))
def test_one_gpu_more_raises_no_misses_under_strict_first_come_first_served(jobs, gpus):
    """Not so where jobs behind a blocked head go on."""
    check_one_more(jobs, gpus)


@pytest.mark.slow
@settings(max_examples=4_000, deadline=None, derandomize=True)
@given(jobs_of(chains=False), st.integers(1, 3), st.integers(1, 200), st.data())
def test_slack_and_gpus_raise_no_misses_in_many_worlds(jobs, gpus, slack_s, data):
    check_slack(jobs, gpus, slack_s, data.draw(st.integers(0, len(jobs) - 1)))
    check_one_more(jobs, gpus + 1)


def test_more_slack_for_one_can_cost_another_his_deadline_under_earliest_deadline_first():
    """Job 2 may now wait until second 13, so job 1 goes before it and neither it nor job 3 is in time."""
    jobs = [
        Job(at_s, seconds, need(), due_s) for at_s, seconds, due_s in ((1, 3, 11), (2, 9, 11), (3, 1, 9), (4, 7, 15))
    ]
    eased = [*jobs[:2], jobs[2]._replace(deadline_s=13), jobs[3]]
    assert (_misses(jobs, 1, "edf"), _misses(eased, 1, "edf")) == (2, 3)


def test_one_gpu_more_can_cost_a_deadline_where_jobs_overtake_a_blocked_head():
    """Graham's anomaly: with a fourth GPU a small job that comes later goes before one that needs three."""
    rows = ((2, 7, 1, 9), (3, 8, 3, 20), (3, 3, 1, 12), (3, 6, 1, 16), (4, 8, 1, 14), (4, 5, 1, 12))
    jobs = [Job(at_s, seconds, need(gpus), due_s) for at_s, seconds, gpus, due_s in rows]
    assert [_misses(jobs, gpus, blocking="skipping") for gpus in (3, 4)] == [2, 3]


@pytest.mark.slow
@pytest.mark.parametrize("queue", ["fifo", "sjf", "edf", "least_slack"])
@pytest.mark.parametrize("blocking", ["strict", "skipping", "easy"])
def test_on_average_more_gpus_and_more_slack_raise_no_misses(queue, blocking):
    """400 throws, each met with and without: the mean difference is not above nothing (one-sided t at 1e-4)."""
    dice = random.Random(7)
    more_gpus, more_slack = [], []
    for _ in range(400):
        jobs = _random_jobs(dice)
        eased = [job._replace(deadline_s=job.deadline_s + 10) for job in jobs]
        plain = _misses(jobs, 3, queue, blocking)
        more_gpus.append(_misses(jobs, 4, queue, blocking) - plain)
        more_slack.append(_misses(eased, 3, queue, blocking) - plain)
    for differences in (np.array(more_gpus), np.array(more_slack)):
        error = differences.std(ddof=1) / np.sqrt(len(differences))
        assert differences.mean() <= 3.72 * error
    assert np.mean(more_gpus) < 0


def _random_jobs(dice: random.Random) -> list[Job]:
    rows = []
    for at_s in sorted(dice.randrange(120) for _ in range(14)):
        seconds = dice.randint(1, 40)
        rows.append(Job(at_s, seconds, need(dice.choice([1, 1, 2, 3])), at_s + seconds + dice.randint(0, 60)))
    return rows


def _inside(one: Need, gpus: int) -> Need:
    """A need of 1 or 2 whole GPUs that a machine of so many can hold."""
    return need(min(max(round(one.milli / MILLI), 1), gpus))


def _misses(jobs: list[Job], gpus: int, queue: str = "fifo", blocking: str = "strict") -> int:
    made = owned(1, jobs, gpus=gpus, horizon_s=HORIZON_S)
    return int(Measured(made, run(made, rules(burst(None), queue, blocking))).missed.sum())


def test_a_miss_is_a_finish_strictly_after_the_deadline_or_none():
    made = owned(1, [Job(0, 10, deadline_s=10), Job(0, 10, deadline_s=19), Job(0, 5_000, deadline_s=9_000)],
                 horizon_s=30, drain_s=0)  # fmt: skip
    assert Measured(made, run(made, rules(burst(None)))).missed.tolist() == [False, True, True]


# --------------------------------------------------------------------------------------------- nobody else's dice


def test_a_run_asks_no_global_dice_and_no_clock():
    @settings(max_examples=10, deadline=None, derandomize=True)
    @given(worlds(), policies())
    def check(made, policy):
        with no_other_dice_and_no_clock():
            measure(made, run(made, policy))

    check()


def test_the_core_never_asks_what_day_it_is():
    import ast
    import pathlib

    import marketsim

    root = pathlib.Path(marketsim.__file__).parent
    core = ["engine", "policies", "supply", "demand", "prices", "availability", "levers", "metrics"]
    files = [path for part in core for path in (root / part).rglob("*.py") if "calibrate" not in path.parts]
    files += [root / f"{name}.py" for name in ("world", "build", "ledger", "path", "streams", "throw", "units")]
    assert len(files) > 100
    for path in files:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                assert not {"time", "random", "secrets", "uuid"} & {one.name for one in node.names}, path
            if isinstance(node, ast.ImportFrom):
                assert node.module not in ("time", "random", "secrets", "uuid"), path
            if isinstance(node, ast.Attribute):
                assert node.attr not in ("now", "utcnow", "today") or isinstance(node.value, ast.Attribute) or (
                    isinstance(node.value, ast.Name) and node.value.id not in ("datetime", "date")
                ), path  # fmt: skip
