"""Failures: by the seat and the calendar, whoever sits there; by busy time; with few crews and with none."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from small_worlds import (
    Decider,
    Job,
    Spell,
    billed,
    burst,
    checkpointed,
    market,
    need,
    own,
    owned,
    rules,
    seats,
    spells,
    story,
    world,
)

from marketsim.engine.run import run
from marketsim.errors import PolicyError
from marketsim.metrics.measured import Measured
from marketsim.metrics.utilization import spent
from marketsim.policies import policy as say
from marketsim.streams import Dice
from marketsim.supply.offer import BUSY, CALENDAR, OutageLaw
from marketsim.supply.timetable import Timetable
from marketsim.world import Order


@dataclass(frozen=True)
class Given(OutageLaw):
    """An outage law whose draws are written down: seat (or job) -> up times and repairs in turn, then for ever up."""

    mean_up_s: float = 1.0
    up: dict[int, tuple[int, ...]] = field(default_factory=dict)
    repair: dict[int, tuple[int, ...]] = field(default_factory=dict)

    def up_s(self, seat, turn):
        """As written."""
        given = self.up.get(seat, ())
        return given[turn] if turn < len(given) else 10**9

    def repair_s(self, seat, turn):
        """As written; of the busy clock by job and attempt."""
        given = self.repair.get(seat, ())
        return given[turn] if turn < len(given) else 0

    def busy_s(self, job, attempt):
        """As written, attempts from 1."""
        given = self.up.get(job, ())
        return given[attempt - 1] if attempt <= len(given) else 10**9


def calendar(up, repair, **more):
    """By seat."""
    return Given(up=up, repair=repair, clock=CALENDAR, **more)


def busy(up, repair):
    """By job."""
    return Given(up=up, repair=repair, clock=BUSY)


def test_a_seat_of_our_own_fails_and_comes_back_when_it_is_repaired():
    """Up 30 s, down 20 s: work without a checkpoint is lost, and begins anew at 50."""
    law = calendar({0: (30,)}, {0: (20,)})
    made = owned(1, [Job(0, 100)], outage=law)
    ledger = run(made, rules(burst(None)))
    assert spells(made, ledger)[0] == [Spell("own", 0, 30, "failed"), Spell("own", 50, 150, "finished")]
    assert ledger.outages.rows().tolist() == [[30, 0, 0, 50]]
    assert ledger.stopped.rows()[0, [4, 5]].tolist() == [0, 30_000]


def test_a_repair_that_takes_no_time_costs_the_work_and_not_the_machine():
    made = owned(1, [Job(0, 100, checkpointed(0))], outage=calendar({0: (30, 40)}, {0: (0, 0)}))
    assert story(made, rules(burst(None)))[0] == [
        Spell("own", 0, 30, "failed"), Spell("own", 30, 70, "failed"), Spell("own", 70, 100, "finished")
    ]  # fmt: skip


def test_a_failed_lease_is_over_and_another_seat_is_launched():
    made = world([Job(0, 100)], [market(outage=calendar({0: (30,)}, {0: (1_000,)}))])
    ledger = run(made, rules())
    assert seats(ledger) == [0, 1]
    assert ledger.released.rows()[:, [0, 2]].tolist() == [[30, 2], [130, 0]]
    assert ledger.posted.column("billed").tolist() == [30_000, 100_000]


def test_a_seat_that_is_down_is_passed_over_until_it_is_repaired():
    """Seat 0 is down from 10 to 60, whether or not anybody sat there at 10."""
    law = calendar({0: (10,)}, {0: (50,)})
    made = world([Job(20, 5), Job(60, 5)], [market(outage=law)])
    assert seats(run(made, rules())) == [1, 0]


def test_policies_meet_the_same_outages_of_a_seat():
    """One comes at 0 and one at 25; seat 0 fails at 30 for both."""
    law = calendar({0: (30,)}, {0: (20,)})
    for at_s in (0, 25):
        ledger = run(world([Job(at_s, 100)], [market(outage=law, can_start=1)]), rules())
        assert ledger.stopped.rows()[0, [0, 3]].tolist() == [30, 2]


def test_drawn_lives_of_a_seat_do_not_hang_on_who_looks():
    law = OutageLaw(50.0, 5.0, dice=Dice(7))
    ends = []
    for jobs in ([Job(0, 2_000, checkpointed(0))], [Job(t, 10) for t in range(0, 1_000, 40)]):
        made = owned(1, jobs, outage=law)
        ends.append({tuple(row) for row in run(made, rules(burst(None))).outages.rows().tolist() if row[0] < 990})
    assert ends[0] == ends[1]
    assert len(ends[0]) > 5


def test_an_outage_stops_a_gang_whole():
    law = calendar({1: (30,)}, {1: (20,)})
    found = story(owned(2, [Job(0, 100, need(1, 2))], gang=2, outage=law), rules(burst(None)))
    assert found[0] == [Spell("own", 0, 30, "failed"), Spell("own", 50, 150, "finished")]


def test_a_gang_keeps_off_a_group_with_a_seat_that_is_down():
    law = calendar({1: (5,)}, {1: (1_000,)})
    ledger = run(world([Job(10, 100, need(1, 2))], [market(gang=2, outage=law)]), rules())
    assert seats(ledger) == [2, 3]


def test_all_on_a_failed_instance_stop_and_those_beside_it_do_not():
    law = calendar({0: (30,)}, {0: (20,)})
    made = owned(2, [Job(0, 100, need(0.5)), Job(0, 100, need(0.5)), Job(0, 100)], outage=law)
    found = story(made, rules(burst(None)))
    assert [found[job][0].cause for job in (0, 1, 2)] == ["failed", "failed", "finished"]


def test_with_one_crew_the_second_repair_waits_for_the_first():
    """Both fail at 30; repairs of 20 s: back at 50 and at 70. With two crews both are back at 50."""
    for crews, back in ((1, [50, 70]), (2, [50, 50])):
        law = calendar({0: (30,), 1: (30,)}, {0: (20,), 1: (20,)}, crews=crews)
        made = owned(2, [Job(0, 100, checkpointed(0)), Job(0, 100, checkpointed(0))], outage=law)
        found = story(made, rules(burst(None)))
        assert sorted(found[job][1].start_s for job in (0, 1)) == back


def test_with_crews_a_seat_is_up_for_its_next_time_from_its_repair_on():
    law = calendar({0: (30, 40)}, {0: (20, 10)}, crews=1)
    ledger = run(owned(1, [], outage=law), rules(burst(None)))
    assert ledger.outages.rows().tolist() == [[30, 0, 0, 50], [90, 0, 0, 100]]


def test_on_the_busy_clock_an_attempt_fails_after_its_held_time_and_idle_machines_never_do():
    """Job 0 fails 30 s after it is ready, job 1 not at all though it starts much later."""
    made = owned(1, [Job(0, 100, checkpointed(0)), Job(500, 100)], outage=busy({0: (30,)}, {}))
    found = story(made, rules(burst(None)))
    assert found[0] == [Spell("own", 0, 30, "failed"), Spell("own", 30, 100, "finished")]
    assert found[1] == [Spell("own", 500, 600, "finished")]


def test_a_busy_failure_with_a_repair_takes_the_machine_away_for_it():
    made = owned(1, [Job(0, 100, checkpointed(0))], outage=busy({0: (30,)}, {0: (0, 15)}))
    assert story(made, rules(burst(None)))[0] == [Spell("own", 0, 30, "failed"), Spell("own", 45, 115, "finished")]


def test_a_failure_that_an_attempt_no_longer_meets_is_none_of_the_next_one():
    """Stopped at 30 and begun again, the second attempt fails at 50, when the first would have: its repair is 15 s."""

    def decide(view):
        if view.now_s == 30 and view.running() and view.running()[0].started_s == 0:
            return [say.Stop(0)]
        fits = [say.Start(job.id, "own") for job in view.waiting() if view.can_start(job, "own")]
        return [*fits, *([say.WakeAt(30)] * (view.now_s == 0))]

    made = owned(1, [Job(0, 100, checkpointed(0))], outage=busy({0: (50, 20)}, {0: (0, 7, 15)}))
    assert story(made, Decider(decide))[0] == [
        Spell("own", 0, 30, "stopped"), Spell("own", 30, 50, "failed"), Spell("own", 65, 115, "finished")
    ]  # fmt: skip


def test_work_that_a_failure_stopped_goes_on_at_once_where_another_machine_stands_idle():
    for crews in (None, 1):
        law = calendar({0: (30,)}, {0: (20,)}, crews=crews)
        made = owned(2, [Job(0, 100, checkpointed(0))], outage=law)
        assert story(made, rules(burst(None)))[0] == [Spell("own", 0, 30, "failed"), Spell("own", 30, 100, "finished")]


def test_a_busy_failure_of_a_lease_ends_it_and_keeps_its_seat_until_the_repair():
    """Failed at 30, repaired at 45: the work goes on at seat 1, who comes at 40 sits at 2, who comes at 45 at 0."""
    jobs = [Job(0, 100, checkpointed(0)), Job(40, 10), Job(45, 10)]
    ledger = run(world(jobs, [market(outage=busy({0: (30,)}, {0: (0, 15)}))]), rules())
    assert seats(ledger) == [0, 1, 2, 0]
    assert ledger.outages.rows().tolist() == [[30, 0, 0, 45]]
    assert ledger.released.rows()[0].tolist() == [30, 0, 2]
    assert billed(ledger, "expense:usage") == 1_000 * (100 + 10 + 10)


def test_a_busy_failure_at_the_second_of_the_end_does_not_happen():
    made = owned(1, [Job(0, 30)], outage=busy({0: (30,)}, {}))
    assert story(made, rules(burst(None)))[0] == [Spell("own", 0, 30, "finished")]


def test_down_time_of_what_is_owned_is_no_idle_time():
    made = owned(1, [Job(0, 100, checkpointed(0))], outage=calendar({0: (30,)}, {0: (20,)}))
    parts = spent(Measured(made, run(made, rules(burst(None)))))
    assert {name: float(parts[name][0]) / 1000 for name in ("useful", "down", "idle", "paid")} == {
        "useful": 100, "down": 20, "idle": 880, "paid": 1_000
    }  # fmt: skip


def test_what_is_down_at_the_end_is_written_down_to_the_end():
    law = calendar({0: (990,)}, {0: (500,)}, crews=1)
    ledger = run(owned(1, [], outage=law), rules(burst(None)))
    assert ledger.outages.rows().tolist() == [[990, 0, 0, 1_000]]


ALL_DOWN = Timetable(mean_up_s=1.0, spans=(((10, 50), (70, 10**6)),), end_s=10**6)  # one row is every seat there is


@pytest.mark.parametrize("instances", [1, 2, 3])
def test_where_every_seat_is_down_at_once_a_job_waits_until_the_first_is_repaired(instances):
    """Down from 10 to 50: who comes at 20 starts at 50; who comes after 70 never does."""
    jobs = [Job(20, 5, need(instances=instances)), Job(80, 5, need(instances=instances))]
    made = world(jobs, [market(gang=4, outage=ALL_DOWN)], drain_s=100)
    assert story(made, rules()) == {0: [Spell("cloud", 50, 55, "finished")]}


def test_where_every_seat_is_down_nothing_can_be_launched_and_a_policy_that_tries_is_named():
    made = world([Job(20, 5)], [market(outage=ALL_DOWN)], drain_s=100)
    seen = []

    def look(view):
        seen.append((view.now_s, view.launchable("cloud") > 0))
        return []

    run(made, Decider(look, review_every_s=30))
    assert dict(seen) == {0: True, 20: False} | {t_s: 50 <= t_s < 70 for t_s, _ in seen if t_s >= 30}
    with pytest.raises(PolicyError, match="it does not fit there now"):
        run(made, Decider(lambda view: [say.Start(job.id, "cloud") for job in view.waiting()]))


@dataclass(frozen=True)
class OnlyTheFirst(OutageLaw):
    """Seat 0 is up for ever, every other one is down from 10 on."""

    mean_up_s: float = 1.0

    def up_s(self, seat, turn):
        """For ever, or ten seconds."""
        return 10 if seat else 10**9

    def repair_s(self, seat, turn):
        """No end."""
        return 10**9


@dataclass(frozen=True)
class EverySecond(OutageLaw):
    """Even seats are up for ever, odd ones are down from 10 on."""

    mean_up_s: float = 1.0

    def up_s(self, seat, turn):
        """For ever, or ten seconds."""
        return 10 if seat % 2 else 10**9

    def repair_s(self, seat, turn):
        """No end."""
        return 10**9


@pytest.mark.parametrize("jobs", [[Job(20, 5, need(instances=2))], [Job(20, 5), Job(20, 5, need(instances=2))]])
def test_a_pair_cannot_start_where_no_two_seats_beside_one_another_are_up(jobs):
    """Groups of two, one of each down: who needs one machine starts, who needs two waits, and the policy is told so."""
    made = world(jobs, [market(gang=2, outage=EverySecond(clock=CALENDAR))], horizon_s=50, drain_s=0)
    assert story(made, rules()) == ({0: [Spell("cloud", 20, 25, "finished")]} if len(jobs) == 2 else {})


def test_once_the_only_seat_that_is_up_is_taken_nothing_can_be_launched():
    made = world([Job(20, 40)], [market(can_start=2, outage=OnlyTheFirst(clock=CALENDAR))], horizon_s=100)
    seen = {}

    def look(view):
        seen[view.now_s] = view.launchable("cloud") > 0, [job.id for job in view.running()]
        return [say.Start(job.id, "cloud") for job in view.waiting()] or [say.WakeAt(40)] * (view.now_s < 40)

    run(made, Decider(look))
    assert seen[0] == (True, [])
    assert seen[40] == (False, [0])


def test_a_metered_instance_that_failed_is_billed_until_it_failed_whoever_repairs_it():
    """Failed at 30, repaired by the one crew at 80: another seat does the work from 30 on, and only work is paid."""
    for crews in (None, 1):
        law = calendar({0: (30,)}, {0: (50,)}, crews=crews)
        made = world([Job(0, 100), Job(85, 10)], [market(outage=law)])
        ledger = run(made, rules())
        assert spells(made, ledger) == {
            0: [Spell("cloud", 0, 30, "failed"), Spell("cloud", 30, 130, "finished")],
            1: [Spell("cloud", 85, 95, "finished")],
        }
        assert seats(ledger) == [0, 1, 0]  # repaired, the seat is the lowest again
        assert billed(ledger, "expense:usage") == 1_000 * (30 + 100 + 10)


def test_a_seat_that_crews_look_after_lives_on_between_two_leases():
    """Due at 30 whoever sits there: the second lease, from 20 on, meets it."""
    law = calendar({0: (30,)}, {0: (50,)}, crews=1)
    made = world([Job(0, 10), Job(20, 40)], [market(outage=law)])
    assert story(made, rules())[1] == [Spell("cloud", 20, 30, "failed"), Spell("cloud", 30, 70, "finished")]


def test_what_fell_due_while_nobody_sat_there_is_drawn_anew_and_is_the_seats_next_time():
    """Due at 30 when nobody was there: who comes at 50 meets the second time, 40 s, and who comes then the third."""
    law = calendar({0: (30, 40, 25, 70)}, {0: (0, 0, 0)}, crews=1)
    made = world([Job(0, 10), Job(50, 100, checkpointed(0))], [market(outage=law)])
    assert [spell[1:3] for spell in story(made, rules())[1]] == [(50, 90), (90, 115), (115, 150)]


@pytest.mark.parametrize("crews", [None, 1])
def test_what_is_repaired_in_no_time_is_there_for_the_job_it_stopped(crews):
    """Within a second the repair comes before the pass, also where nothing else happens in it."""
    law = Given(up={0: (10,)}, repair={0: (0,)}, crews=crews)
    made = world([Job(0, 15)], [own(outage=law), market(usd_per_hour=99)], orders=(Order("own", 1),))

    def decide(view):
        can = [(job.id, offer) for job in view.waiting() for offer in ("own", "cloud") if view.can_start(job, offer)]
        return [say.Start(*can[0])] if can else []

    found = story(made, Decider(decide))[0]
    assert found == [Spell("own", 0, 10, "failed"), Spell("own", 10, 25, "finished")]
