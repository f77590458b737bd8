"""A run: a policy meets a world, and the ledger tells what happened.

`Engine` holds the clock, the queue and the jobs; attempts, reviews, leases, orders, services and outages are parts of
their own that it holds. Within one second things happen in the order written in `kernel`: what frees capacity first,
then what takes it away, then what brings it, then waiting budgets, arrivals, one pass over the queue, and reviews.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable
from dataclasses import replace
from heapq import heappop, heapreplace
from typing import Any

import numpy as np

from marketsim.demand.job import NEVER
from marketsim.engine import actions, backlog, easy, kernel
from marketsim.engine.adopting import Adopting
from marketsim.engine.attempts import Attempts
from marketsim.engine.books import Books
from marketsim.engine.capacity import Capacity
from marketsim.engine.copies import Copies
from marketsim.engine.credits import ServiceCredits
from marketsim.engine.leases import Leases
from marketsim.engine.orders import Orders
from marketsim.engine.outages import Outages
from marketsim.engine.pool import Pool
from marketsim.engine.reviews import Reviews
from marketsim.engine.serving import Serving
from marketsim.engine.setup import make_setup
from marketsim.engine.sizes import Sizes
from marketsim.engine.state import GONE, RUNNING, WAITING, Instance, JobState, Replica
from marketsim.engine.taxes import Taxes
from marketsim.engine.view import EngineView
from marketsim.engine.waiting import Entry, Waiting
from marketsim.errors import PolicyError
from marketsim.ledger import CAUSE, Ledger
from marketsim.policies import base
from marketsim.policies import policy as say
from marketsim.world import World

FINISHED, PREEMPTED, LEFT, REFUSED = CAUSE["finished"], CAUSE["preempted"], CAUSE["left"], CAUSE["refused"]
CANCELLED, UNFINISHED = CAUSE["cancelled"], CAUSE["unfinished"]


def run(world: World, policy: say.Policy | say.UserPolicy) -> Ledger:
    """Run one policy in one world to the end of its drain; the same arguments give the same ledger.

    Raises PolicyError, naming the policy, where it asks for the impossible.
    """
    return Engine(world, policy).run()


class Engine:
    """One run in progress."""

    def __init__(self, world: World, policy: say.Policy | say.UserPolicy) -> None:
        self.world = world
        self.policy_name = str(getattr(policy, "name", type(policy).__name__))
        self.kernel = kernel.Kernel()
        self.ledger = Ledger(policy=self.policy_name, horizon_s=world.horizon_s)
        self.books = Books(self.ledger, world.money)
        self.pools = [Pool(offer, index) for index, offer in enumerate(world.offers)]
        self.pool_of = {offer.id: pool for offer, pool in zip(world.offers, self.pools, strict=True)}
        self.setup = make_setup(world)
        self.speed_ppm = self.setup.speed_ppm
        self.transfer_s = self.setup.transfer_s
        self.grid_s = world.clock.decide_every_s
        self._on_grid = self.grid_s > 1

        jobs = world.jobs
        self.needs = self.setup.needs
        self._size = len(jobs)
        self._need = _column(jobs.need)
        self._arrival_s = _column(jobs.arrival_s)
        self.work = _column(jobs.work)
        self.setup = replace(self.setup, true_work=self.work)
        self._estimate = _column(jobs.estimate)
        self._deadline_s = _column(jobs.deadline_s)
        self._tenant = _column(jobs.tenant) if jobs.tenant is not None else None
        self._patience_s = _column(jobs.patience_s) if jobs.patience_s is not None else None
        self._think_s = _column(jobs.think_s) if jobs.think_s is not None else None
        self._next = 0
        self._held_back = _predecessors(world)
        self._followers = _followers(world)
        self.live = len(jobs)  # jobs that have not gone, those that have not come included
        self.present: dict[int, JobState] = {}
        self.running: dict[int, JobState] = {}
        self._came_now: list[JobState] = []
        self._given_up: list[tuple[int, int, int]] = []  # job, its need, and the work that nobody will do
        self.load_changes: list[tuple[int, int]] | None = None  # (t_s, milli-GPUs asked for), where a rule forecasts

        self.sizes = Sizes(self)
        self.leases = Leases(self)
        self.copies = Copies(self)
        self.credits = ServiceCredits(self)
        self.taxes = Taxes(self)
        self.orders = Orders(self)
        self.outages = Outages(self)
        self.serving = Serving(self)
        self.capacity = Capacity(self)
        self.adopting = Adopting(self)
        self.view = EngineView(self)

        self._bind(policy)
        self.reviews = Reviews(self)
        self.attempts = Attempts(self)
        self._pass_due = self.asking = False
        self._wakes: set[int] = set()

    def _bind(self, policy: say.Policy | say.UserPolicy) -> None:
        """Make the working rules of this run."""
        self.user: say.UserPolicy | None = None
        self._levers: tuple[tuple[str, str], ...] = ()
        procurement = None
        if isinstance(policy, say.Policy):
            queue = policy.queue.bind(self.setup)
            self.placement = policy.placement.bind(self.setup)
            procurement = policy.procurement.bind(self.setup) if policy.procurement is not None else None
            self._levers = policy.levers
        else:
            bind = getattr(policy, "bind", None)
            self.user = bind(self.setup) if bind is not None else policy
            queue = base.ArrivalOrder()
            self.placement = base.UserPlacement(self.user, self.setup)
        self._already: set[int] = set()  # jobs that ran at second 0
        self.queue: say.QueueRule = queue
        self._key: Callable[[Any, int], Any] = queue.key
        self._strict = queue.blocking == say.STRICT
        self._easy = queue.blocking == say.EASY
        self.procurement: say.ProcurementRule | None = procurement
        self._leave_at = self.placement.leave_at
        self._place = self.placement.place
        self.waiting = Waiting(by_class=not self._strict)
        if procurement is not None or self.user is not None:
            self.load_changes = []

    # ------------------------------------------------------------------------------------------ beginning and end

    def run(self) -> Ledger:
        """From second 0 to the end."""
        world, call_at = self.world, self.kernel.call_at
        self._pass_due = True  # one pass at second 0, after all that begins there
        call_at(0, kernel.PASS, self._pass)
        self.capacity.begin()
        self.orders.begin()
        self._begin_running_jobs()
        call_at(world.horizon_s, kernel.LAST, self._at_horizon)
        call_at(world.end_s, kernel.LAST, self._close)
        if len(world.jobs) > self._next:
            call_at(self._arrival_s[self._next], kernel.ARRIVE, self._arrive)
        for lever, target in self._levers:
            actions.act(self, say.Adopt(lever, target))
        self.serving.begin()
        self.reviews.begin()
        self.kernel.run_all()
        return self.ledger

    def _begin_running_jobs(self) -> None:
        """Jobs that already run at second 0: the first rows of the table that the world names."""
        for given in self.world.running:
            if self._arrival_s[given.job]:
                raise ValueError(f"job {given.job} runs at the start and arrives later")
        for given in self.world.running:
            job = self._new_job(given.job)
            job.kept = min(given.progress, self.work[given.job] - 1)
            self.present[job.id] = job
            if self.load_changes is not None:
                self.load_changes.append((0, job.need.gang_milli))
            self.attempts.start(job, given.offer, None)
        self._already = {given.job for given in self.world.running}

    def _at_horizon(self, _: None) -> None:
        self.serving.end()
        if not self.live:
            self._close(None)
        else:
            self.news()  # what the services held is free

    def _close(self, _: None) -> None:
        """Settle everything: what runs stops unfinished, leases are billed, commitments valued."""
        now = self.kernel._now
        self.ledger.end_s = now
        unfinished = [self.present[job] for job in sorted(self.present)]
        for job in unfinished:
            if job.phase == RUNNING:
                self.attempts.end_early(job, UNFINISHED, keep_done=True)
            else:
                self.ledger.stopped.write((now, job.id, 0, UNFINISHED, 0, 0, 0, 0))
            job.phase = GONE
        left = [(job.id, job.need_index, self.work[job.id] - job.kept) for job in unfinished]
        thinking = self._think_s or ()
        held_back = [
            job
            for job, count in sorted(self._held_back.items())
            if count > 0 and job < self._next and not (thinking and thinking[job])
        ]
        later = [
            job
            for job in range(self._next, len(self.world.jobs))
            if self._held_back.get(job, 0) >= 0 and not (thinking and thinking[job])
        ]
        left += [(job, self._need[job], self.work[job]) for job in (*held_back, *later)]
        backlog.value(self, sorted(left + self._given_up))
        self.serving.settle()
        self.leases.settle()
        self.orders.settle()
        self.outages.settle()
        self.credits.month(now)
        self.taxes.settle()
        self.kernel.stop()

    # ------------------------------------------------------------------------------------------ arrivals

    def add_job(self, need_index: int, work: int) -> int:
        """Put a job into the queue that the table of jobs does not have; its number."""
        index = len(self.work)
        now = self.kernel._now
        columns = (self._need, self._arrival_s, self.work, self._estimate, self._deadline_s)
        for column, value in zip(columns, (need_index, now, work, work, NEVER), strict=True):
            column.append(value)
        self.live += 1
        self._join(self._new_job(index))
        self.news()
        return index

    def _new_job(self, index: int) -> JobState:
        need_index = self._need[index]
        if self.adopting.changed and need_index in self.adopting.changed:
            need_index, self.work[index], self._estimate[index] = self.adopting.arriving(
                need_index, self.needs[need_index], self.work[index], self._estimate[index]
            )
        tenant = self._tenant[index] if self._tenant is not None and index < self._size else 0
        return JobState(
            index, self.needs[need_index], need_index, self._arrival_s[index], self._deadline_s[index],
            self._estimate[index], tenant,
        )  # fmt: skip

    def _arrive(self, _: None) -> None:
        """All jobs of this second come in; the next second with an arrival is noted."""
        now = self.kernel._now
        arrival_s = self._arrival_s
        index, size = self._next, self._size
        while index < size and arrival_s[index] == now:
            held = (self._held_back and self._held_back.get(index)) or (self._think_s and self._think_s[index])
            if index not in self._already and not held:
                self._join(self._new_job(index))
            index += 1
        self._next = index
        if index < size:
            self.kernel.call_at(arrival_s[index], kernel.ARRIVE, self._arrive)
        self.news()

    def _join(self, job: JobState) -> None:
        """A job enters the queue for the first time."""
        now = self.kernel._now
        job.arrival_s = now
        self.present[job.id] = job
        if self.load_changes is not None:
            self.load_changes.append((now, job.need.gang_milli))
        self._queue_up(job)
        patience_s = job.need.patience_s
        if self._patience_s is not None and job.id < self._size:
            patience_s = self._patience_s[job.id]
        if patience_s < NEVER:
            self.kernel.call_at(now + patience_s, kernel.BUDGET, self._patience_ended, job)
        if self.queue.capacity is not None:
            self._came_now.append(job)

    def _queue_up(self, job: JobState) -> None:
        """A job takes its place in the queue, and its waiting budget there begins."""
        now = self.kernel._now
        leave_s = self._leave_at(job, self.view)
        job.budget_ended = False
        self.waiting.push(job, self._key(job, now))
        if leave_s is not None and leave_s < NEVER:
            if self._on_grid:
                leave_s = -(-leave_s // self.grid_s) * self.grid_s
            order = kernel.LATE_BUDGET if leave_s <= now else kernel.BUDGET
            self.kernel.call_at(max(leave_s, now), order, self._budget_ended, (job, job.ticket))

    def _budget_ended(self, noted: tuple[JobState, int]) -> None:
        """A job's waiting budget is over: its placement is asked, even behind a blocked head."""
        job, ticket = noted
        if job.ticket != ticket or job.phase != WAITING:
            return
        self.waiting.leave(job)
        job.budget_ended = True
        self.waiting.push(job, self._key(job, self.kernel._now))
        placed = self._place(job, self.view, "budget_ended")
        if type(placed) is say.Start:
            self.waiting.leave(job)
            self.attempts.start(job, placed.offer, placed.reason)
            self.news()  # those it stood before may start
        else:
            self._note_wake(placed)

    def _patience_ended(self, job: JobState) -> None:
        """A job that has never been started leaves."""
        if job.phase == WAITING and not job.attempt:
            self._drop(job, LEFT)
            self.news()  # those it stood before may start

    def _drop(self, job: JobState, cause: int) -> None:
        """A waiting job goes for good."""
        self.waiting.leave(job)
        self.ledger.stopped.write((self.kernel._now, job.id, 0, cause, 0, 0, 0, 0))
        self._given_up.append((job.id, job.need_index, self.work[job.id] - job.kept))
        self.gone(job)

    def gone(self, job: JobState, finished: bool = False) -> None:
        """A job is over: those that wait for it may come."""
        job.phase = GONE
        del self.present[job.id]
        self.live -= 1
        if self.load_changes is not None:
            self.load_changes.append((self.kernel._now, -job.need.gang_milli))
        if self._followers:
            self._let_follow(job.id, finished)
        if finished and job.id >= self._size:
            self.adopting.finished(job.id)
        if not self.live and self.kernel._now >= self.world.horizon_s:
            self.kernel.call_at(self.kernel._now, kernel.LAST, self._close)

    def _let_follow(self, job: int, finished: bool) -> None:
        """Jobs whose last predecessor has finished enter the queue; those of one that never will are given up."""
        for follower in self._followers.pop(job, ()):
            if self._held_back[follower] < 0:
                continue  # given up before, for another predecessor
            if self._think_s is not None and self._think_s[follower]:
                self._think(follower)
            elif not finished:
                self._held_back[follower] = -1
                self.ledger.stopped.write((self.kernel._now, follower, 0, CANCELLED, 0, 0, 0, 0))
                self._given_up.append((follower, self._need[follower], self.work[follower]))
                self.live -= 1
                self._let_follow(follower, False)
            else:
                self._held_back[follower] -= 1
                if not self._held_back[follower] and follower < self._next:
                    self._join(self._new_job(follower))

    def _think(self, job: int) -> None:
        """In a closed loop the next job is submitted some time after this end, or not at all from the horizon on."""
        assert self._think_s is not None
        self._held_back[job] -= 1
        if self._held_back[job]:
            return
        at_s = self.kernel._now + self._think_s[job]
        if at_s < self.world.horizon_s:
            self.kernel.call_at(at_s, kernel.ARRIVE, self._submit, job)
        else:
            self._never_submit(job)

    def _never_submit(self, job: int) -> None:
        self._held_back[job] = -1
        self.live -= 1
        for follower in self._followers.pop(job, ()):
            self._never_submit(follower)

    def _submit(self, job: int) -> None:
        """A job of a closed loop comes in; its deadline keeps its distance."""
        now = self.kernel._now
        if self._deadline_s[job] < NEVER:
            self._deadline_s[job] += now - self._arrival_s[job]
        self.ledger.submitted.write((now, job, self._deadline_s[job]))
        self._join(self._new_job(job))
        self.news()

    # ------------------------------------------------------------------------------------------ the pass

    def news(self) -> None:
        """Something changed that may let a job start."""
        if self._pass_due or self.asking or not (self.waiting.count or self.user is not None):
            return
        now = self.kernel._now
        if self._on_grid and now % self.grid_s:
            self._wake_at(now + self.grid_s - now % self.grid_s)
        elif self.kernel.nothing_else_now:
            self._pass(None)
        else:
            self._pass_due = True
            self.kernel.call_at(now, kernel.PASS, self._pass)

    def wake_at(self, t_s: int) -> None:
        """Pass over the queue at a later second."""
        self._wake_at(max(math.ceil(t_s), self.kernel._now + 1))

    def _wake_at(self, t_s: int) -> None:
        if self._on_grid:
            t_s = -(-t_s // self.grid_s) * self.grid_s
        if t_s not in self._wakes:
            self._wakes.add(t_s)
            self.kernel.call_at(t_s, kernel.PASS, self._wake)

    def _wake(self, _: None) -> None:
        self._wakes.discard(self.kernel._now)
        if not self._pass_due:
            self._pass(None)

    def pass_if_waiting(self) -> None:
        """Pass over the queue at once, where somebody waits."""
        if self.waiting.count:
            self._pass(None)

    def _note_wake(self, placed: say.Placed) -> None:
        if type(placed) is say.WakeAt:
            self.wake_at(placed.t_s)

    def _pass(self, _: None) -> None:
        """One pass over the queue; each start takes effect before the next is asked."""
        self._pass_due = False
        if self.user is not None:
            self.reviews.ask_user()
        elif self.waiting.count:
            if self._strict:
                self._strict_pass()
            else:
                self._skipping_pass()
        if self._came_now:
            self._refuse_beyond_capacity()

    def _strict_pass(self) -> None:
        waiting, view, place = self.waiting, self.view, self._place
        while waiting.count:
            entry = waiting.head()
            assert entry is not None
            job = entry[3]
            placed = place(job, view, "news")
            if type(placed) is say.Start:
                waiting.leave(job)
                self.attempts.start(job, placed.offer, placed.reason)
            elif not (placed is None and self.queue.preempts and self._make_room(job, entry)):
                self._note_wake(placed)
                return

    def _skipping_pass(self) -> None:
        """Behind one that does not fit the next is asked, but not of the same class of need."""
        waiting, view, place = self.waiting, self.view, self._place
        waiting.wake(self.kernel._now)
        heads = waiting.heads()
        aside: list[Entry] = []
        guard: easy.Guard | None = None
        while heads:
            line = heads[0][2]
            entry = waiting.head(line)
            if entry is None:
                _next_head(heads, None, line)
                continue
            job = entry[3]
            placed = place(job, view, "news")
            if type(placed) is say.Start and guard is not None and guard.would_be_late(job, placed.offer):
                placed = say.WAIT
            if type(placed) is say.Start:
                waiting.leave(job)
                self.attempts.start(job, placed.offer, placed.reason)
                _next_head(heads, waiting.head(line), line)
            elif placed is None and self.queue.preempts and self._make_room(job, entry):
                heads = waiting.heads()  # the one that was stopped waits too
            else:
                if self._easy and guard is None:
                    guard = easy.Guard(self, job)
                if placed is None:
                    _next_head(heads, None, line)
                else:
                    self._note_wake(placed)
                    if type(placed) is say.WakeAt and placed.no_sooner and not self._easy:
                        waiting.sleep(line, placed.t_s)
                    else:
                        aside.append(waiting.set_aside(line))
                    _next_head(heads, waiting.head(line), line)
        if aside:
            waiting.put_back(aside)

    def _refuse_beyond_capacity(self) -> None:
        capacity = self.queue.capacity
        while capacity is not None and self.waiting.count > capacity and self._came_now:
            job = self._came_now.pop()
            if job.phase == WAITING:
                self._drop(job, REFUSED)
        self._came_now.clear()

    def _make_room(self, job: JobState, entry: Entry) -> bool:
        """Stop the running job with the largest key above this one's; whether there was one.

        Only where all such jobs of its offer together stand in the way: nobody stops for a job that could start there
        already and does not, or that would not fit even then.
        """
        now, able = self.kernel._now, self.sizes.able(job.need_index)
        later: dict[str, list[tuple[Any, int, JobState]]] = {}
        for running in self.running.values():
            offer = running.offer or ""
            if running.started_s == now or not able[self.pool_of[offer].index]:
                continue  # what began at this instant is left alone, so that no two push one another out for ever
            key = (self._key(running, now), running.id)
            if key > (entry[0], entry[1]):
                later.setdefault(offer, []).append((*key, running))
        worst: tuple[Any, int, JobState] | None = None
        for offer, jobs in later.items():
            last = max(jobs, key=lambda one: one[:2])
            if worst is not None and last[:2] < worst[:2]:
                continue
            pool, leaving = self.pool_of[offer], [one[2] for one in jobs]
            fits = any(pool.would_fit(need, leaving) for need in self.sizes.of(job.need_index, pool.index))
            if fits and not self.view.can_start(job, offer):
                worst = last
        if worst is None:
            return False
        self.requeue(worst[2], PREEMPTED, warned=True)
        return True

    # ------------------------------------------------------------------------------------------ leaving

    def leave(self, job: JobState, cause: int, warned: bool = True) -> bool:
        """A running job leaves its instances; whether anything is left of it to do. It is then in no queue."""
        self.attempts.end_early(job, cause, warned)
        if job.kept >= self.work[job.id]:
            self.gone(job, finished=True)
            return False
        job.phase = WAITING
        return True

    def requeue(self, job: JobState, cause: int, warned: bool) -> None:
        """A running job leaves its instances and waits again; warned, it writes a last checkpoint."""
        if self.leave(job, cause, warned):
            self._queue_up(job)

    def give_up(self, job: JobState, cause: int) -> None:
        """A job that runs or waits goes for good."""
        if job.phase == RUNNING:
            if self.leave(job, cause):
                self._given_up.append((job.id, job.need_index, self.work[job.id] - job.kept))
                self.gone(job)
        else:
            self._drop(job, cause)

    def stop_all(self, instance: Instance, cause: int, notice_s: int = 0) -> None:
        """Everything on a closed instance stops, a gang whole; notice enough for a checkpoint lets it write one."""
        for holder in list(instance.holders):
            if isinstance(holder, Replica):
                self.serving.lose(holder)
            else:
                self.requeue(holder, cause, warned=notice_s > 0 and notice_s >= holder.need.checkpoint.cost_s)

    def impossible(self, what: str) -> PolicyError:
        """The error that names the policy and the second."""
        return PolicyError(self.policy_name, what, self.kernel._now)


def _column(values: np.ndarray) -> array[int]:
    """A numpy column as a typed array, whose single entries Python reads quickly."""
    cells = array("q")
    cells.frombytes(np.ascontiguousarray(values, np.int64).tobytes())
    return cells


def _predecessors(world: World) -> dict[int, int]:
    """How many predecessors each job with any still waits for."""
    start = world.jobs.after_start
    if start is None:
        return {}
    counts = np.diff(start)
    return {int(job): int(counts[job]) for job in np.flatnonzero(counts)}


def _followers(world: World) -> dict[int, list[int]]:
    """The jobs that wait for each job."""
    jobs = world.jobs
    found: dict[int, list[int]] = {}
    if jobs.after_start is not None and jobs.after is not None:
        owner = np.repeat(np.arange(len(jobs)), np.diff(jobs.after_start))
        for job, before in zip(owner.tolist(), jobs.after.tolist(), strict=True):
            found.setdefault(before, []).append(job)
    return found


def _next_head(heads: list[tuple[Any, int, int]], entry: Entry | None, line: int) -> None:
    """Replace the first of the heads by the next of its line, or drop it."""
    if entry is None:
        heappop(heads)
    else:
        heapreplace(heads, (entry[0], entry[1], line))
