"""The queue's lines: who left is passed over, who sleeps wakes on time, and each class stands in a line of its own."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from marketsim.engine.state import RUNNING, WAITING
from marketsim.engine.waiting import Waiting


def job(id: int, need_index: int = 0):
    """As much of a job as a queue asks for."""
    return SimpleNamespace(id=id, need_index=need_index, ticket=0, phase=WAITING, budget_ended=False)


def heads(queue: Waiting) -> list[tuple[int, int, int]]:
    return sorted(queue.heads())


@pytest.fixture
def queue() -> Waiting:
    return Waiting(by_class=True)


def test_a_line_is_in_order_of_key_and_then_of_number(queue):
    jobs = [job(number) for number in range(3)]
    for one, key in zip(jobs, (5, 3, 5), strict=True):
        queue.push(one, key)
    assert queue.in_order() == [jobs[1], jobs[0], jobs[2]]
    assert heads(queue) == [(3, 1, 0)]
    assert queue.count == 3


def test_who_left_is_passed_over_and_who_comes_again_stands_where_his_new_key_says(queue):
    first, second = job(0), job(1)
    queue.push(first, 1)
    queue.push(second, 2)
    queue.leave(first)
    assert heads(queue) == [(2, 1, 0)]
    queue.push(first, 9)
    assert queue.in_order() == [second, first]
    assert queue.count == 2


def test_who_left_while_he_waits_for_another_reason_is_not_found(queue):
    """His phase is still `waiting`: only his ticket tells that the entry is an old one."""
    one = job(0)
    queue.push(one, 1)
    queue.leave(one)
    assert queue.head() is None
    assert queue.in_order() == []
    assert (queue.count, heads(queue)) == (0, [])


def test_who_runs_is_in_no_line(queue):
    one = job(0)
    queue.push(one, 1)
    one.phase = RUNNING
    assert queue.head() is None


def test_classes_stand_apart_and_those_whose_budget_has_ended_apart_from_them(queue):
    jobs = [job(0, 0), job(1, 1), job(2, 1)]
    jobs[2].budget_ended = True
    for one in jobs:
        queue.push(one, 7)
    assert heads(queue) == [(7, 0, 0), (7, 1, 2), (7, 2, 3)]
    together = Waiting(by_class=False)
    for one in jobs:
        together.push(one, 7)
    assert heads(together) == [(7, 0, 0)]


def test_who_sleeps_is_in_no_line_until_his_time_and_then_where_he_was(queue):
    jobs = [job(number) for number in range(3)]
    for number, one in enumerate(jobs):
        queue.push(one, number)
    for until_s in (20, 10):
        queue.head()
        queue.sleep(0, until_s)
    assert heads(queue) == [(2, 2, 0)]
    assert queue.in_order() == jobs
    queue.wake(9)
    assert heads(queue) == [(2, 2, 0)]
    queue.wake(10)
    assert heads(queue) == [(1, 1, 0)]
    queue.wake(25)
    assert heads(queue) == [(0, 0, 0)]


def test_who_left_in_his_sleep_does_not_wake(queue):
    jobs = [job(0), job(1)]
    for number, one in enumerate(jobs):
        queue.push(one, number)
    queue.sleep(0, 10)
    queue.leave(jobs[0])
    queue.wake(10)
    assert queue.in_order() == [jobs[1]]
    assert heads(queue) == [(1, 1, 0)]


def test_what_is_set_aside_in_a_pass_comes_back_after_it(queue):
    jobs = [job(0), job(1)]
    for number, one in enumerate(jobs):
        queue.push(one, number)
    aside = [queue.set_aside(0)]
    assert heads(queue) == [(1, 1, 0)]
    queue.put_back(aside)
    assert heads(queue) == [(0, 0, 0)]


def test_who_is_set_aside_comes_back_though_the_line_was_found_empty_meanwhile(queue):
    """A job that another makes room for leaves its instance in mid-pass, and the heads are listed anew."""
    alone = job(0)
    queue.push(alone, 1)
    entry = queue.set_aside(0)
    assert heads(queue) == []
    queue.put_back([entry])
    assert heads(queue) == [(1, 0, 0)]
