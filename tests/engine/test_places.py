"""Who sits where: the lowest seat, the fullest instance that fits, gangs whole on one group of a fabric."""

from __future__ import annotations

from small_worlds import (
    ON_DEMAND,
    Decider,
    Job,
    Spell,
    burst,
    market,
    need,
    own,
    owned,
    rules,
    seats,
    spot,
    steps,
    story,
    times,
    world,
)

from marketsim.engine.pool import Pool
from marketsim.engine.run import run
from marketsim.engine.state import Instance
from marketsim.policies import placement
from marketsim.policies import policy as say

SPOT = placement.KINDS["spot_greedy"](wait_before_fallback="never")


def pool(held: dict[int, int], gpus: int = 4, gang: int = 1, launchable: int = 0) -> Pool:
    """A pool with instances on the given seats, each with so many milli-GPU free."""
    made = Pool(own(gpus=gpus, gang=gang), 0)
    made.set_launchable(launchable)
    for number, (seat, free) in enumerate(held.items()):
        instance = Instance(number, seat, gpus * 1000, 0, 0, 0)
        made.add(instance)
        if gpus * 1000 - free:
            made.close(instance, 3)
            instance.free = free
            made.open(instance)
            if gang > 1:
                made._count_occupied(seat // gang, 0)
    return made


def test_new_leases_take_the_lowest_free_seats():
    """Seats 0, 1, 2; then 1 is free again and is taken before 3."""
    jobs = [Job(0, 100), Job(0, 10), Job(0, 100), Job(20, 50), Job(21, 50)]
    assert seats(run(world(jobs, [market()]), rules())) == [0, 1, 2, 1, 3]


def test_a_share_comes_from_the_fullest_instance_that_can_give_it():
    """4-GPU machines: 3 GPUs on the first, 2 on the second; a job of 1 fills the first up, one of 2 the second."""
    jobs = [Job(0, 100, need(3)), Job(1, 100, need(2)), Job(2, 100, need(1)), Job(3, 100, need(2))]
    ledger = run(world(jobs, [market(gpus=4)]), rules())
    assert ledger.started.column("instance").tolist() == [0, 1, 0, 1]


def test_of_equally_full_instances_the_lowest_seat_gives():
    made = pool({0: 4000, 1: 2000, 2: 2000})
    taken = made.take_share(2000)
    assert taken is not None
    assert taken.seat == 1


def test_shares_are_thousandths_of_a_gpu():
    """Three jobs of 0.3 GPU share one GPU, the fourth needs another."""
    jobs = [Job(0, 100, need(0.3)) for _ in range(4)]
    ledger = run(world(jobs, [market()]), rules())
    assert ledger.started.column("instance").tolist() == [0, 0, 0, 1]


def test_a_share_that_is_given_back_can_be_taken_again():
    assert times(owned(1, [Job(0, 10, need(0.6)), Job(0, 20, need(0.4)), Job(0, 5, need(0.6))]), rules(burst(None))) \
        == [(0, 10), (0, 20), (10, 15)]  # fmt: skip


def test_a_gang_takes_whole_instances_of_one_group():
    """Groups of 2: seats 0 and 1, 2 and 3. A single job sits on seat 0, so the pair goes to 2 and 3."""
    jobs = [Job(0, 100), Job(1, 50, need(1, 2))]
    ledger = run(owned(4, jobs, gang=2), rules(burst(None)))
    assert ledger.started.column("instance").tolist() == [0, 2]
    assert ledger.gangs.rows().tolist() == [[1, 1, 3]]


def test_a_gang_waits_where_free_instances_lie_in_two_groups():
    """One job on each group of two: two instances are free, but not on one fabric."""
    jobs = [Job(0, 100), Job(0, 30, need(1, 2)), Job(0, 60)]
    made = owned(4, jobs, gang=2)
    assert times(made, rules(burst(None), blocking="skipping")) == [(0, 100), (0, 30), (0, 60)]
    crossed = owned(4, [Job(0, 100), Job(0, 100, need(1, 2)), Job(0, 50), Job(1, 10, need(1, 2))], gang=2)
    assert times(crossed, rules(burst(None), blocking="skipping")) == [(0, 100), (0, 100), (0, 50), (100, 110)]


def test_a_gang_takes_the_fullest_group_that_holds_it():
    """Groups of 4 on demand: a pair on group 0 leaves two seats there, which the next pair takes, not a new group."""
    jobs = [Job(0, 100, need(1, 2)), Job(1, 100, need(1, 3)), Job(2, 100, need(1, 2))]
    assert seats(run(world(jobs, [market(gang=4)]), rules())) == [0, 1, 4, 5, 6, 2, 3]


def test_a_gang_works_from_when_its_last_instance_is_ready():
    """Seat 0 stands idle and is up; seat 1 has to boot for 30 s."""
    hold = Decider(_gang_over_an_idle_instance)
    made = world([Job(0, 10), Job(50, 20, need(1, 2))], [market(gang=2, boot_s=30)])
    hold.on_empty = lambda offer, view: 1_000  # type: ignore[attr-defined]
    ledger = run(made, hold)
    assert ledger.started.rows()[:, [0, 1, 4, 6]].tolist() == [[0, 0, 0, 30], [50, 1, 0, 80]]
    assert ledger.stopped.column("t_s").tolist() == [40, 100]


def _gang_over_an_idle_instance(view):
    return [say.Start(job.id, "cloud") for job in view.waiting()]


def test_one_instance_lost_stops_the_whole_gang():
    """Keepable falls from 2 to 1: the pair stops whole, its other instance goes too, and one of one starts again."""
    made = world([Job(0, 100, need(1, 2)), Job(10, 10)], [spot(there=steps((0, 2), (50, 1)), gang=2)], drain_s=100)
    assert story(made, rules(SPOT, blocking="skipping")) == {
        0: [Spell("spot", 0, 50, "reclaimed")],
        1: [Spell("spot", 50, 60, "finished")],
    }


def test_a_gang_gives_all_its_instances_back_when_it_ends():
    pair = need(1, 2)
    assert times(owned(2, [Job(0, 10, pair), Job(0, 10, pair)], gang=2), rules(burst(None))) == [(0, 10), (10, 20)]


def test_a_gang_taken_back_whole_stops_once():
    made = world([Job(0, 100, need(1, 2))], [spot(there=steps((0, 2), (50, 0)), gang=2)], drain_s=100)
    ledger = run(made, rules(SPOT))
    assert ledger.stopped.rows()[:, [0, 1, 2]].tolist() == [[50, 0, 1], [1100, 0, 0]]
    assert ledger.released.rows()[:, [0, 1, 2]].tolist() == [[50, 0, 1], [50, 1, 1]]  # both reclaimed


def test_a_gang_that_is_given_notice_stops_whole_when_it_ends():
    made = world([Job(0, 100, need(1, 2))], [spot(there=steps((0, 2), (50, 1)), gang=2, notice_s=20)], drain_s=100)
    ledger = run(made, rules(SPOT))
    assert sorted(ledger.released.rows()[:, :2].tolist()) == [[70, 0], [70, 1]]
    assert ledger.stopped.column("t_s").tolist()[0] == 70


def test_a_share_stays_unusable_for_the_turnaround():
    assert times(owned(1, [Job(0, 10), Job(0, 10)], turnaround_s=5), rules(burst(None))) == [(0, 10), (15, 25)]


def test_a_large_gang_fits_where_a_group_is_large_enough_and_nowhere_else():
    made = pool({}, gang=4, launchable=9)
    assert made.fits(4, 4000)
    assert not made.fits(5, 4000)


def test_boot_comes_before_the_work_and_is_billed():
    ledger = run(world([Job(0, 10)], [market(boot_s=30)]), rules(ON_DEMAND))
    assert ledger.started.rows()[0].tolist() == [0, 0, 1, 0, 0, 1000, 30]
    assert ledger.stopped.column("t_s").tolist() == [40]
    assert ledger.posted.column("billed").tolist() == [40_000]


def test_data_are_brought_once_and_who_comes_meanwhile_waits_for_them():
    """1 GB over 80 Mbit/s takes 100 s; the second job finds it under way, the third there, another zone has none."""
    data = need(data_gb=1.0)
    here, there = market(uplink_mbit_s=80, can_start=3), market("far", zone="far", uplink_mbit_s=80)
    made = world([Job(0, 10, data), Job(40, 10, data), Job(105, 100, data), Job(106, 10, data)], [here, there])
    ledger = run(made, rules())
    assert ledger.started.rows()[:, [0, 3, 6]].tolist() == [[0, 0, 100], [40, 0, 100], [105, 0, 105], [106, 1, 206]]


def test_data_that_lie_there_take_no_time():
    made = world([Job(0, 10, need(data_gb=1.0))], [market(uplink_mbit_s=80, data_here=("work",))])
    assert times(made, rules()) == [(0, 10)]
