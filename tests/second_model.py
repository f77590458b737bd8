"""The same small market told a second time, as plain SimPy: a process a job, seconds counted one by one.

It shares no code with the engine and was written from the design's words: one order within an instant, the fullest
instance that fits, gangs whole on one fabric, idle first then newest, checkpoints, notice, patience, contracts, one
bill a lease. It is slow and simple on purpose. What it knows of a world are the public tables: jobs, offers, orders.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

import simpy

from marketsim.demand.job import NEVER
from marketsim.path import Path
from marketsim.world import World

FREES, TAKES, BRINGS, BUDGETS, ARRIVES, PASSES, LATE = range(7)
REVIEWS, END = 8, 9


@dataclass
class Rules:
    """Offers in order of preference, those open only after a wait, and who is next."""

    first: tuple[str, ...]
    later: tuple[str, ...] = ()
    wait_s: int | None = None
    order: str = "fifo"
    strict: bool = True
    signed: tuple[tuple[int, int], ...] = ()  # (second, instances) of contracts at the offer `rent`


@dataclass(eq=False)
class Machine:
    """One instance of an offer on its seat."""

    number: int
    offer: int
    seat: int
    free: int
    launched_s: int
    up_s: int
    ours: bool
    jobs: list[Job] = field(default_factory=list)
    state: str = "up"  # up, noticed, down, gone


@dataclass(eq=False)
class Job:
    """A job, and where it stands."""

    id: int
    kept: int = 0
    estimate: int = 0
    attempts: int = 0
    waited_enough: bool = False
    waits: bool = False
    gone: bool = False  # left before it ever ran
    told: bool = False  # that it must stop; SimPy tells it after the present event
    machines: list[Machine] = field(default_factory=list)
    offer: int = -1
    ready_s: int = 0
    go: Any = None
    life: Any = None


class Market:
    """One run of the second model. `log` has starts and stops, `leases` launches and releases, `micro` the bills."""

    def __init__(self, world: World, rules: Rules) -> None:
        self.world, self.rules, self.env = world, rules, simpy.Environment()
        self.jobs = [Job(row, estimate=int(world.jobs.estimate[row])) for row in range(len(world.jobs))]
        self.needs = [world.jobs.needs[row] for row in world.jobs.need]
        self.queue: list[Job] = []
        self.machines: list[list[Machine]] = [[] for _ in world.offers]
        self.can_start = [int(offer.launchable.at(0)) for offer in world.offers]
        self.log: list[tuple[Any, ...]] = []
        self.leases: list[tuple[Any, ...]] = []
        self.micro = [0 for _ in world.offers]
        self.backlog = 0
        self.launches = 0
        self.pass_noted = False
        self.left = len(self.jobs)
        self.ended = False

    # ---------------------------------------------------------------------------------------------- the clock

    def at(self, at_s: int, order: int) -> simpy.Event:
        """An event of a second, sorted within it."""
        event = simpy.Event(self.env)
        event._ok, event._value = True, None
        self.env.schedule(event, priority=order, delay=at_s - self.env.now)
        return event

    def run(self) -> Market:
        """To the end of the drain, or of the last job after the horizon."""
        for order in self.world.orders:
            for _ in range(order.instances):
                self.launch(self.world.offer_index[order.offer], ours=True)
        for index, offer in enumerate(self.world.offers):
            self.env.process(self.starts_of(index, offer.launchable))
            self.env.process(self.keeps_of(index, offer.keepable))
        for job in self.jobs:
            job.life = self.env.process(self.life_of(job))
        for at_s, instances in self.rules.signed:
            self.env.process(self.contract(at_s, instances))
        self.env.process(self.ending())
        while not self.ended and self.env.peek() != float("inf"):
            self.env.step()
        return self

    def ending(self) -> Generator[Any, Any, None]:
        """The horizon, and the end of the drain."""
        yield self.at(self.world.horizon_s, END)
        if self.left:
            yield self.at(self.world.end_s, END)
        self.close()

    # ---------------------------------------------------------------------------------------------- a job's story

    def life_of(self, job: Job) -> Generator[Any, Any, None]:
        """Arrive, wait, run, perhaps again and again."""
        yield self.at(int(self.world.jobs.arrival_s[job.id]), ARRIVES)
        finished = False
        while not finished:
            job.go = self.env.event()
            self.join(job)
            if not job.attempts and self.needs[job.id].patience_s < NEVER:
                self.env.process(self.patience(job, self.needs[job.id].patience_s))
            yield job.go
            walk = self.walk(job)
            try:
                yield self.at(job.ready_s + len(walk), FREES)
                kept, cause, finished = int(self.world.jobs.work[job.id]) - job.kept, "finished", True
            except simpy.Interrupt as why:
                cause, warned = why.cause
                job.told = False
                kept = self.work_of(job, self.safe(walk, self.env.now - job.ready_s, job, warned))
                self.correct(job, walk)
            job.kept += kept
            self.log.append((self.env.now, "stop", job.id, job.attempts, cause, kept))
            self.give_back(job)
        self.news()
        yield from self.leave()

    def leave(self) -> Generator[Any, Any, None]:
        """One job fewer; with the last after the horizon all is over."""
        self.left -= 1
        if not self.left and self.env.now >= self.world.horizon_s:
            yield self.at(self.env.now, END)
            self.close()

    def patience(self, job: Job, patience_s: int) -> Generator[Any, Any, None]:
        """A job that has not run by then goes, and its work is left to be paid."""
        yield self.at(self.env.now + patience_s, BUDGETS)
        if job.waits and not job.attempts:
            self.queue.remove(job)
            job.waits, job.gone = False, True
            self.log.append((self.env.now, "stop", job.id, 0, "left", 0))
            self.news()
            yield from self.leave()

    def correct(self, job: Job, walk: str) -> None:
        """A job that ran past its estimate shows it: the estimate doubles until it is above all that was done."""
        done = job.kept + self.work_of(job, walk[: max(self.env.now - job.ready_s, 0)].count("w"))
        while job.estimate <= done:
            job.estimate *= 2

    def join(self, job: Job) -> None:
        """Into the queue; the waiting budget begins."""
        job.waits, job.waited_enough = True, False
        self.queue.append(job)
        if self.rules.wait_s is not None:
            self.env.process(self.budget(job, job.attempts, self.rules.wait_s))
        self.news()

    def budget(self, job: Job, attempts: int, wait_s: int) -> Generator[Any, Any, None]:
        """After the wait the job may go elsewhere, and is asked whatever stands before it."""
        yield self.at(self.env.now + wait_s, BUDGETS if wait_s else LATE)
        if job.waits and job.attempts == attempts:
            job.waited_enough = True
            if self.try_start(job):
                self.news()

    def walk(self, job: Job) -> str:
        """The seconds of an attempt from when all is ready: o overhead, w work, c checkpoint."""
        need, how = self.needs[job.id], self.needs[job.id].checkpoint
        rate = need.gang_milli * self.world.offers[job.offer].speed_for(need)
        left = int(self.world.jobs.work[job.id]) - job.kept
        walk = "o" * (how.restart_s if job.attempts > 1 else how.start_s)
        seconds = since = 0
        while rate * seconds < left * 1_000_000:
            walk, seconds, since = walk + "w", seconds + 1, since + 1
            last = rate * seconds >= left * 1_000_000
            if how.every_s and ((since == how.every_s and not last) or (last and how.final)):
                walk, since = walk + "c" * how.cost_s, 0
        return walk

    def safe(self, walk: str, at_s: int, job: Job, warned: bool) -> int:
        """Seconds of work that a stop leaves: those before the last checkpoint that had ended."""
        how, done = self.needs[job.id].checkpoint, walk[: max(at_s, 0)]
        worked = done.count("w")
        if not how.every_s:
            return worked if how.every_s == 0 else 0
        saved = worked // how.every_s * how.every_s
        writing = len(done) - len(done.rstrip("c"))
        if worked and worked == saved and writing < how.cost_s:
            saved -= how.every_s  # the last one has not ended
        return max(saved, walk[: max(at_s - how.cost_s, 0)].count("w")) if warned else saved

    def work_of(self, job: Job, seconds: int) -> int:
        """Milli-GPU-seconds done in so many seconds of work, at most what is left."""
        need = self.needs[job.id]
        rate = need.gang_milli * self.world.offers[job.offer].speed_for(need)
        return min(rate * seconds // 1_000_000, int(self.world.jobs.work[job.id]) - job.kept)

    # ---------------------------------------------------------------------------------------------- the queue

    def news(self) -> None:
        """A pass is due at this second."""
        if not self.pass_noted:
            self.pass_noted = True
            self.env.process(self.pass_over())

    def pass_over(self) -> Generator[Any, Any, None]:
        """Ask in order; strict stops at the first that stays."""
        yield self.at(self.env.now, PASSES)
        self.pass_noted = False
        for job in sorted(self.queue, key=self.key):
            if not self.try_start(job) and self.rules.strict:
                break

    def key(self, job: Job) -> tuple[Any, ...]:
        """Who is next."""
        jobs = self.world.jobs
        came = int(jobs.arrival_s[job.id])
        by = {
            "fifo": (came,),
            "sjf": (job.estimate / self.needs[job.id].gang_milli,),
            "edf": (int(jobs.deadline_s[job.id]), came),
        }
        return (*by[self.rules.order], job.id)

    def try_start(self, job: Job) -> bool:
        """The first offer that can hold it now."""
        for name in self.rules.first + (self.rules.later if job.waited_enough else ()):
            index = self.world.offer_index[name]
            found = self.place(index, self.needs[job.id])
            if found is not None:
                self.start(job, index, found)
                return True
        return False

    def start(self, job: Job, index: int, found: list[Machine | int]) -> None:
        """Take the machines, launching those that are only seats so far."""
        need, offer, now = self.needs[job.id], self.world.offers[index], self.env.now
        machines = [one if isinstance(one, Machine) else self.launch(index, one) for one in found]
        for one in machines:
            one.free -= need.milli if need.instances == 1 else offer.shape.milli
            one.jobs.append(job)
        self.queue.remove(job)
        job.waits = False
        job.attempts += 1
        job.machines, job.offer = machines, index
        job.ready_s = max([now, *(one.up_s for one in machines)])
        self.log.append((now, "start", job.id, job.attempts, offer.id, job.ready_s))
        job.go.succeed()

    # ---------------------------------------------------------------------------------------------- machines

    def place(self, index: int, need: Any) -> list[Machine | int] | None:
        """Machines, or seats to launch at, for a need; None where it does not fit now."""
        offer = self.world.offers[index]
        if offer.refuses(need) is not None:
            return None
        metered = sum(1 for one in self.machines[index] if not one.ours)
        room = max(self.can_start[index] - metered, 0)
        if need.instances > 1:
            return self.place_gang(index, need.instances, room)
        fits = [one for one in self.machines[index] if one.state == "up" and one.free >= need.milli]
        if fits:
            return [min(fits, key=lambda one: (one.free, one.seat))]
        return [self.lowest_seat(index)] if room else None

    def place_gang(self, index: int, instances: int, room: int) -> list[Machine | int] | None:
        """Of the groups that can hold it, the one with the most seats in use, the lowest of equals."""
        size = self.world.offers[index].shape.largest_gang
        held = {one.seat: one for one in self.machines[index]}
        best: tuple[int, list[Machine | int]] | None = None
        for group in range(max(held, default=0) // size + 2):
            seats = range(group * size, (group + 1) * size)
            empty = [held[seat] for seat in seats if seat in held and self.is_empty(held[seat])]
            vacant = [seat for seat in seats if seat not in held]
            more = max(instances - len(empty), 0)
            busy = size - len(empty) - len(vacant)
            if more <= min(len(vacant), room) and (best is None or busy > best[0]):
                best = (busy, [*empty[:instances], *vacant[:more]])
        return None if best is None else best[1]

    def is_empty(self, one: Machine) -> bool:
        """Up, with nothing on it."""
        return one.state == "up" and one.free == self.world.offers[one.offer].shape.milli

    def lowest_seat(self, index: int) -> int:
        """The first that nobody holds."""
        held = {one.seat for one in self.machines[index]}
        return next(seat for seat in range(len(held) + 1) if seat not in held)

    def launch(self, index: int, seat: int | None = None, ours: bool = False) -> Machine:
        """A machine on a seat; it is up after its boot."""
        offer, now = self.world.offers[index], self.env.now
        seat = self.lowest_seat(index) if seat is None else seat
        made = Machine(self.launches, index, seat, offer.shape.milli, now, now if ours else now + offer.boot_s, ours)
        self.launches += 1
        self.machines[index].append(made)
        self.leases.append((now, "launch", offer.id, seat))
        if ours and offer.outage is not None:
            self.env.process(self.failures_of(made))
        return made

    def give_back(self, job: Job) -> None:
        """The shares come back; what is metered and empty goes."""
        need = self.needs[job.id]
        for one in job.machines:
            shape = self.world.offers[one.offer].shape
            one.free += need.milli if need.instances == 1 else shape.milli
            one.jobs.remove(job)
            if one.free == shape.milli and not one.ours and one.state != "gone":
                self.release(one)
        job.machines = []

    def release(self, one: Machine) -> None:
        """It leaves its seat, and the bill is written: whole quanta, at least the minimum."""
        offer, now = self.world.offers[one.offer], self.env.now
        one.state = "gone"
        self.machines[one.offer].remove(one)
        self.leases.append((now, "release", offer.id, one.seat))
        seconds = max(now - one.launched_s, offer.minimum_s)
        while seconds % offer.quantum_s:
            seconds += 1
        if offer.price is not None:
            usd_s = sum(offer.price.at(second) for second in range(one.launched_s, one.launched_s + seconds))
            self.micro[one.offer] += round(usd_s * 1_000_000 / 3600)

    # ---------------------------------------------------------------------------------------------- the market's moves

    def starts_of(self, index: int, path: Path) -> Generator[Any, Any, None]:
        """How many may be started."""
        for at_s, count in zip(path.times_s.tolist()[1:], path.values.tolist()[1:], strict=True):
            yield self.at(at_s, BRINGS)
            self.can_start[index] = int(count)
            self.news()

    def keeps_of(self, index: int, path: Path) -> Generator[Any, Any, None]:
        """How many may be kept: idle ones go first, then the newest, with notice where there is one."""
        notice_s = self.world.offers[index].notice_s
        for at_s, count in zip(path.times_s.tolist()[1:], path.values.tolist()[1:], strict=True):
            yield self.at(at_s, TAKES)
            metered = [one for one in self.machines[index] if not one.ours and one.state == "up"]
            metered.sort(key=lambda one: (not self.is_empty(one), -one.number))
            going = metered[: max(len(metered) - int(count), 0)]
            for one in going:
                one.state = "noticed"
            for one in going:
                if notice_s and one.jobs:
                    self.env.process(self.notice(one, notice_s))
                else:
                    self.take_back(one, notice_s)
            self.news()

    def notice(self, one: Machine, notice_s: int) -> Generator[Any, Any, None]:
        """Time to finish or to write a checkpoint."""
        yield self.at(self.env.now + notice_s, TAKES)
        if one.state == "noticed":
            self.take_back(one, notice_s)
            self.news()

    def take_back(self, one: Machine, notice_s: int) -> None:
        """Everything on it stops."""
        for job in list(one.jobs):
            cost_s = self.needs[job.id].checkpoint.cost_s
            self.stop(job, "reclaimed", notice_s > 0 and notice_s >= cost_s)
        if not one.jobs:
            self.release(one)

    def stop(self, job: Job, cause: str, warned: bool) -> None:
        """Once, though two of its machines go."""
        if not job.told:
            job.told = True
            job.life.interrupt((cause, warned))

    def contract(self, at_s: int, instances: int) -> Generator[Any, Any, None]:
        """Signed at a review, there after its lead, gone after its term: its jobs knew the day."""
        index = self.world.offer_index["rent"]
        terms: Any = self.world.offers[index].commitment
        if at_s:  # what is signed at second 0 is signed before anybody comes
            yield self.at(at_s, REVIEWS)
        yield self.at(at_s + terms.lead_s, BRINGS)
        there = [self.launch(index, ours=True) for _ in range(instances)]
        self.news()
        yield self.at(at_s + terms.lead_s + terms.term_s, BRINGS)
        for one in there:
            for job in list(one.jobs):
                self.stop(job, "contract-ended", True)
            self.release(one)
        self.news()

    def failures_of(self, one: Machine) -> Generator[Any, Any, None]:
        """The seat's ups and downs, from second 0 on."""
        law = self.world.offers[one.offer].outage
        assert law is not None
        turn, since_s = 0, 0
        while True:
            since_s += law.up_s(one.seat, turn)
            yield self.at(since_s, TAKES)
            one.state = "down"
            for job in list(one.jobs):
                self.stop(job, "failed", False)
            self.news()
            since_s += law.repair_s(one.seat, turn)
            yield self.at(since_s, BRINGS)
            one.state = "up"
            self.news()
            turn += 1

    # ---------------------------------------------------------------------------------------------- the end

    def close(self) -> None:
        """Whatever is left stops unfinished, leases are paid, and the rest of the work has its price."""
        if self.ended:
            return
        self.ended = True
        now = self.env.now
        for job in self.jobs:
            if job.machines:
                kept = self.work_of(job, self.walk(job)[: max(now - job.ready_s, 0)].count("w"))
                self.log.append((now, "stop", job.id, job.attempts, "unfinished", kept))
                job.kept += kept
                self.give_back(job)
                self.price_rest(job)
            elif job.waits:
                self.log.append((now, "stop", job.id, 0, "unfinished", 0))
                self.price_rest(job)
            elif job.gone or self.world.jobs.arrival_s[job.id] > now:
                self.price_rest(job)
        for machines in self.machines:
            for one in [one for one in machines if not one.ours]:
                self.release(one)

    def price_rest(self, job: Job) -> None:
        """As a lease of its own at the on-demand price of the end: boot, overhead, work, whole quanta."""
        need = self.needs[job.id]
        index = next(place for place, one in enumerate(self.world.offers) if one.kind == "on_demand")
        offer = self.world.offers[index]
        assert offer.price is not None
        job.offer, job.attempts = index, 1
        seconds = len(self.walk(job))
        if job.kept < int(self.world.jobs.work[job.id]):
            seconds = max(seconds + offer.boot_s, offer.minimum_s)
            while seconds % offer.quantum_s:
                seconds += 1
            self.backlog += round(seconds / 3600 * offer.price.at(self.env.now) * need.instances * 1_000_000)
