"""What a policy sees: room, times, demand and who stands idle, each by hand at a given second."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from small_worlds import Decider, Job, Lease, checkpointed, market, need, own, spot, steps, world

from marketsim.demand.job import NEVER, Autoscale, Checkpoint, Service
from marketsim.engine.run import run
from marketsim.path import Path
from marketsim.policies import policy as say
from marketsim.supply.offer import Offer
from marketsim.supply.shape import Shape
from marketsim.units import UNLIMITED
from marketsim.world import Money, Order, World


def chat(rate: float, gpus: float = 1, per_replica: dict[str, float] | None = None) -> Service:
    """A service without headroom and without a least size."""
    rates = {"GPU": 10.0} if per_replica is None else per_replica
    return Service("chat", Path.constant(rate), need(gpus, workload="chat"), rates, autoscale=Autoscale(10, 0.0, 0))


def seen(
    made: World,
    at_s: int,
    look: Callable[[Any], Any],
    where: str | dict[int, str] = "cloud",
    also: dict[int, list[say.Action]] | None = None,
    on_empty: int = -1,
) -> Any:
    """What a look at one second says where each job starts as it comes, at its offer; `also` is done at its seconds."""
    found: list[Any] = []
    plan = dict(also or {})

    def decide(view: Any) -> list[say.Action]:
        if view.now_s == at_s:
            found.append(look(view))
        doing = plan.pop(view.now_s, [])
        offers = {job.id: where if isinstance(where, str) else where[job.id] for job in view.waiting()}
        starts = [say.Start(job, at) for job, at in offers.items() if view.can_start(view.job(job), at)]
        wakes = [say.WakeAt(t_s) for t_s in (at_s, *plan) if t_s > view.now_s]
        return [*doing, *starts[:1], *wakes]

    policy = Decider(decide)
    policy.on_empty = lambda offer, view: on_empty  # type: ignore[attr-defined]
    policy.scale = lambda number, view: []  # type: ignore[attr-defined]
    run(made, policy)
    return found[-1]


# ------------------------------------------------------------------------------------------------- what can be had


def test_a_job_can_start_where_its_share_its_gang_and_its_gpu_fit() -> None:
    jobs = [Job(0, 100, need(3)), Job(5, 10, need(1)), Job(5, 10, need(4, 2)), Job(5, 10, need(2))]
    offers = [
        market("small", gpus=4, can_start=1), market("pair", gpus=4, gang=2, can_start=2),
        Offer("other", "on_demand", Shape("Abacus", gpus=8), price=Path.constant(1.0)),
    ]  # fmt: skip

    def look(view: Any) -> list[tuple[bool, ...]]:
        return [
            tuple(view.can_start(view.job(job), offer) for job in (1, 2, 3)) for offer in ("small", "pair", "other")
        ]

    made = world(jobs, offers, horizon_s=6, drain_s=0)
    looks: list[list[tuple[bool, ...]]] = []

    def decide(view: Any) -> list[say.Action]:
        if view.now_s < 5:
            return [say.Start(job.id, "small") for job in view.waiting()]
        looks.append(look(view))
        held = [view.can_start_committed(view.job(job), "small") for job in (1, 2, 3)]
        assert held == [True, False, False]
        assert not view.can_start_committed(view.job(1), "other")
        return []

    run(made, Decider(decide))
    assert looks[0] == [(True, False, False), (True, True, True), (False, False, False)]


@pytest.mark.parametrize(("gpus", "there"), [(1.0, 1 + 2 * 4), (1.5, 1 + 2 * 2), (0.5, 3 + 2 * 8), (3.0, 0 + 2)])
def test_room_for_replicas_is_what_is_free_here_and_whole_instances_of_what_may_be_started(
    gpus: float, there: int
) -> None:
    """Three may be started; on the one that is, 2.5 of 4 GPUs are taken."""
    made = world([Job(0, 100, need(2.5))], [market(gpus=4, can_start=3)], services=(chat(0.0, gpus),), horizon_s=50)
    assert seen(made, 5, lambda view: (view.room_for(0, "cloud"), view.room_held(0, "cloud"))) == (
        there, int(1.5 // gpus)
    )  # fmt: skip


def test_there_is_no_room_where_a_service_cannot_run_and_no_end_to_it_where_nothing_is_scarce() -> None:
    other = Offer("other", "on_demand", Shape("Abacus", gpus=8), price=Path.constant(1.0))
    made = world([], [market(), other], services=(chat(0.0),), horizon_s=50)

    def look(view: Any) -> list[int]:
        return [ask(0, offer) for offer in ("cloud", "other") for ask in (view.room_for, view.room_held)]

    assert seen(made, 5, look) == [UNLIMITED, 0, 0, 0]


def test_an_instance_on_notice_has_no_room() -> None:
    """From 10 on one fewer may be kept; it goes at 40, and its free half takes nothing until then."""
    there = steps((0, 1), (10, 0))
    made = world([Job(0, 100, need(0.5))], [spot(there=there, notice_s=30)], services=(chat(0.0, 0.5),), horizon_s=50)

    def look(view: Any) -> tuple[int, ...]:
        return view.room_for(0, "spot"), view.room_held(0, "spot"), view.free_milli("spot"), view.held("spot")

    assert seen(made, 5, look, "spot") == (1, 1, 500, 1)
    assert seen(made, 15, look, "spot") == (0, 0, 0, 1)


def test_idle_are_the_metered_instances_that_nobody_uses() -> None:
    """Numbers 0 (our own), 1 and 2 (empty and held), 3 (half used)."""
    jobs = [Job(0, 5), Job(0, 9), Job(0, 100, need(0.5))]
    made = world(jobs, [market(), own()], orders=(Order("own", 1),), horizon_s=50)

    def look(view: Any) -> tuple[list[int], ...]:
        return view.idle("cloud"), view.idle("own")

    assert seen(made, 20, look, on_empty=1_000) == ([1, 2], [])
    assert seen(made, 7, look, on_empty=1_000) == ([1], [])


def test_what_is_committed_ordered_launchable_and_held() -> None:
    rent = own("rent", kind="rental", commitment=Lease(term_s=100, lead_s=30))
    made = world([Job(0, 100)], [market(can_start=3), rent], horizon_s=300)

    def look(view: Any) -> tuple[int, ...]:
        return (
            view.committed("rent"), view.ordered("rent"), view.held("rent"), view.launchable("rent"),
            view.committed("cloud"), view.ordered("cloud"), view.held("cloud"), view.launchable("cloud"),
        )  # fmt: skip

    sign = {0: [say.Sign("rent", 2)], 10: [say.Sign("rent", 1)]}
    assert [seen(made, at_s, look, also=sign) for at_s in (15, 30, 50, 135, 145)] == [
        (0, 3, 0, 0, 0, 0, 1, 2), (2, 1, 2, 0, 0, 0, 1, 2), (3, 0, 3, 0, 0, 0, 0 + 1, 2), (1, 0, 1, 0, 0, 0, 0, 3),
        (0, 0, 0, 0, 0, 0, 0, 3),
    ]  # fmt: skip


def test_orders_are_numbered_one_by_one_and_each_offer_counts_its_own() -> None:
    """The k-th order of an offer comes 10 k seconds later than it otherwise would."""

    class Queued(Lease):
        def delivered_s(self, at_s: int, order: int) -> int:
            return at_s + 10 * order

    offers = [own(name, kind="rental", commitment=Queued()) for name in ("a", "b")]
    made = world([], offers, horizon_s=200)
    sign = {0: [say.Sign("a", 1), say.Sign("b", 1), say.Sign("a", 1)], 5: [say.Sign("a", 1)]}

    def look(view: Any) -> list[tuple[int, str, int | None]]:
        return [(one.commitment, one.offer, one.delivered_s) for one in view.contracts()]

    assert seen(made, 50, look, also=sign) == [(0, "a", 0), (1, "b", 0), (2, "a", 10), (3, "a", 25)]


def test_cash_is_seen_only_where_it_is_watched() -> None:
    """Two leases of 10 s at 1,000 micro-dollars a second are paid by then."""
    jobs = [Job(0, 10), Job(10, 10)]
    made = world(jobs, [market()], horizon_s=100, money=Money(cash_micro=50_000))
    assert seen(made, 30, lambda view: view.cash_micro()) == 30_000
    assert seen(world(jobs, [market()], horizon_s=100), 30, lambda view: view.cash_micro()) is None


# ------------------------------------------------------------------------------------------------- times


def test_a_start_takes_its_boot_its_overhead_and_its_estimate_and_no_boot_on_what_is_here() -> None:
    """Estimate 40 s for a work of 20, 7 s to begin, 30 s of boot; the second one finds the first one's instance."""
    how = need(checkpoint=Checkpoint(every_s=0, start_s=7, restart_s=11))
    made = world([Job(0, 5, how), Job(50, 20, how, estimate_s=40)], [market(boot_s=30)], horizon_s=200)
    looks = {}

    def decide(view: Any) -> list[say.Action]:
        for job in view.waiting():
            looks[job.id] = view.run_s(job, "cloud")
        return [say.Start(job.id, "cloud") for job in view.waiting() if view.now_s in (0, 50)]

    run(made, Decider(decide))
    assert looks == {0: 30 + 7 + 5, 1: 30 + 7 + 40}
    held = Decider(decide)
    held.on_empty = lambda offer, view: 1_000  # type: ignore[attr-defined]
    run(made, held)
    assert looks == {0: 30 + 7 + 5, 1: 7 + 40}


def test_a_second_attempt_takes_the_restart_and_what_is_left() -> None:
    how = checkpointed(0, start_s=7, restart_s=11)
    made = world([Job(0, 50, how)], [market(boot_s=30)], horizon_s=300)
    looks = []

    def decide(view: Any) -> list[say.Action]:
        if view.now_s == 57 and view.running():  # 37 s of boot and beginning, 20 s of work
            return [say.Stop(0), say.WakeAt(60)]
        if view.now_s == 60:
            looks.append(view.run_s(view.job(0), "cloud"))
        return [*([say.Start(0, "cloud")] if view.waiting() and view.now_s != 57 else []), say.WakeAt(57)]

    run(made, Decider(decide))
    assert looks[0] == 30 + 11 + 30


def test_the_end_of_what_runs_is_seen_by_its_estimate() -> None:
    """Work of 50 s thought to be 80, after 30 s of boot and 7 s to begin; once past the estimate it is doubled."""
    how = need(checkpoint=Checkpoint(every_s=0, start_s=7))
    made = world([Job(0, 50, how, estimate_s=80)], [market(boot_s=30)], horizon_s=300)

    def look(view: Any) -> int:
        return view.estimated_end_s(view.running()[0])

    assert [seen(made, at_s, look) for at_s in (5, 33, 60)] == [117, 117, 117]
    longer = world([Job(0, 50, estimate_s=20)], [market()], horizon_s=300)
    assert [seen(longer, at_s, look) for at_s in (5, 19, 25)] == [20, 20, 40]


# ------------------------------------------------------------------------------------------------- the past


def test_who_has_come_in_a_span_is_seen_and_nobody_who_comes_later() -> None:
    jobs = [Job(at_s, 5, deadline_s=at_s + 100, estimate_s=at_s + 1) for at_s in (0, 10, 10, 20, 30, 40)]
    made = world(jobs, [market()], horizon_s=100)

    def look(from_s: int, to_s: int) -> Callable[[Any], list[tuple[int, ...]]]:
        return lambda view: list(view.seen(from_s, to_s))

    assert seen(made, 35, look(10, 30)) == [
        (10, 0, 11_000, 110), (10, 0, 11_000, 110), (20, 0, 21_000, 120)
    ]  # fmt: skip
    assert [row[0] for row in seen(made, 35, look(0, 1_000))] == [0, 10, 10, 20, 30]
    assert [row[0] for row in seen(made, 35, look(11, 20))] == []


def test_mean_demand_of_past_steps_counts_who_waits_or_runs_to_the_second() -> None:
    """Two GPUs from 5 to 25 and one from 12 to 42."""
    made = world([Job(5, 20, need(2)), Job(12, 30)], [market(gpus=2)], horizon_s=100)
    assert seen(made, 57, lambda view: view.demand_gpus(0, 10)) == pytest.approx([1.0, 2.8, 2.0, 1.0, 0.2])
    assert seen(made, 57, lambda view: view.demand_gpus(5, 10)) == pytest.approx([2.3, 3.0, 1.0, 0.7, 0.0])
    assert seen(made, 57, lambda view: view.demand_gpus(50, 7)) == [0.0]
    assert seen(made, 57, lambda view: view.demand_gpus(50, 8)) == []
    assert seen(made, 20, lambda view: view.demand_gpus(12, 4)) == pytest.approx([3.0, 3.0])
    assert seen(made, 4, lambda view: view.demand_gpus(0, 2)) == [0.0, 0.0]


def test_a_job_that_waits_is_demand_as_much_as_one_that_runs() -> None:
    made = world([Job(0, 10), Job(0, 10)], [market(can_start=1)], horizon_s=100)
    found: list[list[float]] = []

    def decide(view: Any) -> list[say.Action]:
        if view.now_s == 25:
            found.append(list(view.demand_gpus(0, 5)))
        fits = [say.Start(job.id, "cloud") for job in view.waiting()[:1] if view.can_start(job, "cloud")]
        return [*fits, say.WakeAt(25)]

    run(made, Decider(decide))
    assert found[0] == pytest.approx([2, 2, 1, 1, 0])


@pytest.mark.parametrize(
    ("per_replica", "gpus", "wanted"),
    [({"GPU": 10.0}, 1, 1.5), ({"GPU": 10.0, "Abacus": 20.0}, 0.5, 0.375), ({"GPU": 0.0}, 1, 0.0)],
)
def test_a_service_is_demand_by_the_replicas_that_it_needs_of_the_fastest(
    per_replica: dict[str, float], gpus: float, wanted: float
) -> None:
    """Fifteen requests a second, and a job of one GPU in the first of three steps."""
    made = world([Job(0, 10)], [market()], services=(chat(15.0, gpus, per_replica),), horizon_s=100)
    assert seen(made, 30, lambda view: view.demand_gpus(0, 10)) == pytest.approx([1 + wanted, wanted, wanted])


def test_where_an_offer_cannot_run_a_job_it_would_never_end() -> None:
    made = world([Job(0, 5, need(gpus=8))], [market(gpus=1), market("large", gpus=8)], horizon_s=50)
    looks = []

    def decide(view: Any) -> list[say.Action]:
        looks.extend(view.run_s(job, offer) for job in view.waiting() for offer in ("cloud", "large"))
        return []

    run(made, Decider(decide))
    assert looks[:2] == [NEVER, 5]
