"""Once a slot of its own clock a job is put on spot, on on-demand or left idle, whatever else happens."""

from __future__ import annotations

import itertools
from typing import Any, Literal

import pytest
from small_worlds import Job, checkpointed, market, need, rules, spells, spot, steps, world

from marketsim.engine.run import run
from marketsim.policies.placement import KINDS
from marketsim.policies.placement.rule import Slots
from marketsim.policies.placement.slotted import IDLE, ON_DEMAND, SPOT, Pick, Slot, Slotted, SlottedRule
from marketsim.policies.placement.spot_utility import _SpotUtility

SLOT_S = 100
NEVER_LOST = checkpointed(0)
ASKED: list[tuple[int, int]] = []  # (job, seconds since its arrival) of each pick


class Told(Slotted):
    """Does in each slot what it was told: the picks by number of the slot, the last for good."""

    kind: Literal["told"] = "told"
    picks: tuple[Pick, ...] = (SPOT,)

    def pick(self, slot: Slot, memory: dict[str, float]) -> Pick:
        ASKED.append((slot.job, slot.t))
        number = int(memory.get("slots", 0))
        memory["slots"] = number + 1
        return self.picks[min(number, len(self.picks) - 1)]


def asked(made: Any, *picks: Pick) -> list[int]:
    """Seconds at which job 0 was decided upon, counted from its arrival."""
    ASKED.clear()
    run(made, rules(Told(decide_every=f"{SLOT_S} s", picks=picks), blocking="skipping"))
    return [t_s for job, t_s in ASKED if job == 0]


def test_a_job_that_waits_decides_once_a_slot_however_much_news_there_is():
    """Twenty others come in, one every ten seconds: news at every one of them, and nothing to decide for the first."""
    jobs = [Job(7, 50, NEVER_LOST), *(Job(10 + 10 * n, 5, NEVER_LOST) for n in range(20))]
    made = world(jobs, [spot(there=steps((0, 0), (250, 9)))])
    assert asked(made, SPOT) == [0, 100, 200, 300]


def test_a_job_that_runs_decides_at_its_own_slots_and_not_at_the_markets():
    made = world([Job(7, 350, NEVER_LOST)], [spot()])
    assert asked(made, SPOT) == [0, 100, 200, 300]


def test_a_reclaim_ends_the_slot_and_the_next_one_begins_at_once():
    """Taken back 143 s after it came: it goes to on-demand there and then, and decides 100 s later again."""
    made = world([Job(7, 400, NEVER_LOST)], [spot(there=steps((0, 1), (150, 0))), market()])
    assert asked(made, SPOT, SPOT, ON_DEMAND) == [0, 100, 143, 243, 343]
    ledger = run(made, rules(Told(decide_every="100 s", picks=(SPOT, SPOT, ON_DEMAND))))
    assert [(one.offer, one.start_s, one.stop_s) for one in spells(made, ledger)[0]] == [
        ("spot", 7, 150),
        ("cloud", 150, 407),
    ]


def test_a_stop_of_its_own_is_the_pick_of_the_slot():
    made = world([Job(7, 150, NEVER_LOST)], [spot()])
    assert asked(made, SPOT, IDLE, SPOT) == [0, 100, 200]


def test_jobs_of_one_second_decide_by_number():
    """Job 1 came a slot earlier; both are due at 200 s."""
    made = world([Job(100, 250, NEVER_LOST), Job(100, 250, NEVER_LOST), Job(200, 50, NEVER_LOST)], [spot(), market()])
    ASKED.clear()
    run(made, rules(Told(decide_every="100 s", picks=(SPOT, ON_DEMAND))))
    assert ASKED == [(0, 0), (1, 0), (2, 0), (0, 100), (1, 100), (0, 200), (1, 200)]


def test_a_need_that_nothing_can_ever_hold_is_left_alone():
    made = world([Job(7, 50, need(gpus=64))], [spot(), market()])
    assert asked(made, SPOT) == []


@pytest.mark.parametrize("wait", [True, False])
def test_the_utility_rule_probes_once_a_slot_too(monkeypatch: pytest.MonkeyPatch, wait: bool):
    """Waiting for spot until 250 s or running on it from the start, with news every ten seconds."""
    looked = []
    stand = _SpotUtility._standing

    def spy(rule: Any, job: Any, view: Any) -> Any:
        looked.append((job.id, view.now_s))
        return stand(rule, job, view)

    monkeypatch.setattr(_SpotUtility, "_standing", spy)
    jobs = [Job(7, 350, NEVER_LOST, 9_000), *(Job(10 + 10 * n, 5, NEVER_LOST, 9_000) for n in range(20))]
    there = steps((0, 0), (250, 9)) if wait else 30
    made = world(jobs, [spot(there=there, usd_per_hour=1.0), market()])
    run(made, rules(KINDS["spot_utility"](decide_every="100 s"), blocking="skipping"))
    times = [t_s for job, t_s in looked if job == 0]
    assert times[:4] == [7, 107, 207, 307]
    assert all(later - earlier == SLOT_S for earlier, later in itertools.pairwise(times))


def test_between_its_slots_a_job_is_not_even_asked_and_still_counts_as_waiting(monkeypatch: pytest.MonkeyPatch):
    """At every other job's arrival two wait: the first, and the one that has just come; the first is asked at slots."""
    came, waited = [], []
    place = SlottedRule.place

    def spy(rule: Any, job: Any, view: Any, why: Any) -> Any:
        came.append((job.id, view.now_s))
        waited.append([one.id for one in view.waiting()])
        return place(rule, job, view, why)

    monkeypatch.setattr(SlottedRule, "place", spy)
    jobs = [Job(0, 50, NEVER_LOST), *(Job(10 + 20 * n, 5, need(0.5)) for n in range(3))]
    made = world(jobs, [spot(there=steps((0, 0), (150, 9))), market()])
    run(made, rules(Told(decide_every="100 s", picks=(SPOT,)), blocking="skipping"))
    assert [one for one in came if one[1] < 60] == [(0, 0), (1, 10), (2, 30), (3, 50)]
    assert waited[:4] == [[0], [0, 1], [0, 1, 2], [0, 1, 2, 3]]
    assert [t_s for job, t_s in came if job == 0] == [0, 100, 200]


def test_a_slot_is_begun_by_a_decision_and_ended_by_a_loss():
    clock, job = Slots(100), Job(7, 50)
    state = type("State", (), {"id": 0})()
    clock.joins(state, job.at_s)
    assert clock.next_s(state) == 7
    clock.begin(state, 7)
    assert clock.next_s(state) == 107
    clock.joins(state, 7)  # it leaves by its own pick, at the same second
    assert clock.next_s(state) == 107
    clock.joins(state, 42)  # it is taken back
    assert clock.next_s(state) == 42
