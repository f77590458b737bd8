"""SimPy's environment with plain calls beside its events.

Most of what happens in a market is a call at a known second: a finish, an outage, an arrival. A process or an event for
each would cost five times the work. So a heap entry here is (time, order, sequence, function, argument), for SimPy's
own events too, and calls and processes stand in one line, sorted by time, then order, then sequence.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any

import simpy
from simpy.events import NORMAL, Event

# What comes first within one second. SimPy's own NORMAL is 1 and URGENT 0; stories use `moment` to say their order.
RELEASE = 0  # finish, release
LOSS = 1  # outage, falling keepable, notice ended
READY = 2  # boot, transfer, repair and delivery done, rising launchable, contracts
BUDGET = 3  # waiting budgets ended of jobs that arrived earlier
ARRIVE = 4
PASS = 5  # one pass over queue and services
LATE_BUDGET = 6  # waiting budgets ended of jobs that arrived at this second
SCALE = 7  # autoscaler
REVIEW = 8  # procurement, running jobs, WakeAt
LAST = 9


class Kernel(simpy.Environment):
    """An environment whose clock counts whole seconds."""

    _now: int
    _queue: list[tuple[int, int, int, Callable[[Any], object], Any]]  # type: ignore[assignment]

    def call_at(self, at_s: int, order: int, function: Callable[[Any], object], argument: Any = None) -> None:
        """Call `function(argument)` at a second, after what has a smaller order there."""
        heappush(self._queue, (at_s, order, next(self._eid), function, argument))

    def moment(self, at_s: int, order: int) -> Event:
        """An event that succeeds at a second and in an order, for a process to wait for."""
        event = Event(self)
        event._ok = True
        event._value = None
        self.call_at(at_s, order, self._happen, event)
        return event

    def schedule(self, event: Event, priority: int = NORMAL, delay: int = 0) -> None:  # type: ignore[override]
        """SimPy's own way in: its events are calls like the others."""
        heappush(self._queue, (self._now + delay, priority, next(self._eid), self._happen, event))

    @staticmethod
    def _happen(event: Event) -> None:
        callbacks, event.callbacks = event.callbacks, None  # type: ignore[assignment]
        for callback in callbacks:
            callback(event)
        if not event._ok and not hasattr(event, "_defused"):
            raise event._value

    @property
    def nothing_else_now(self) -> bool:
        """Whether no entry is left for this second."""
        queue = self._queue
        return not queue or queue[0][0] > self._now

    def step(self) -> None:
        """Process the next entry; simpy.core.EmptySchedule where there is none."""
        if not self._queue:
            raise simpy.core.EmptySchedule
        self._now, _, _, function, argument = heappop(self._queue)
        function(argument)

    def run_all(self) -> None:
        """Process entries until none is left; `stop` empties the line.

        Python's search for cycles rests meanwhile: it would look through the whole line again and again, and what a run
        lets go of is free at once without it.
        """
        queue, pop = self._queue, heappop
        searching = gc.isenabled()
        gc.disable()
        try:
            while queue:
                self._now, _, _, function, argument = pop(queue)
                function(argument)
        finally:
            if searching:
                gc.enable()

    def stop(self) -> None:
        """Leave nothing to happen."""
        self._queue.clear()
