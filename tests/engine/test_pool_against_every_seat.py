"""A pool keeps counts so as not to look at its seats; after every step they say what looking at each seat says."""

from __future__ import annotations

import copy
import random
from collections.abc import Sequence

import pytest
from small_worlds import market, need

from marketsim.engine.pool import Pool
from marketsim.engine.state import DOWN, NOTICE, OVER, UP, Instance, JobState
from marketsim.units import UNLIMITED

GPUS = 4
MILLI = GPUS * 1000
SHARES = (0.5, 1, 2, 3, 4)


class Site:
    """A pool, the jobs on it, and what a look at every seat would say."""

    def __init__(self, gang: int, seed: int) -> None:
        self.dice = random.Random(seed)
        self.gang = gang
        self.pool = Pool(market(gpus=GPUS, gang=gang, can_start=3, quota=4), 0)
        self.pool.set_launchable(3)
        self.jobs: list[JobState] = []
        self.count = 0
        self.blocked: set[int] = set()
        self.shut_from = UNLIMITED

    # -------------------------------------------------------------------------------------------- looking

    def there(self) -> list[Instance]:
        return [self.pool.by_seat[seat] for seat in sorted(self.pool.by_seat)]

    def room(self) -> int:
        metered = sum(one.commitment < 0 for one in self.there())
        return max(min(self.pool.launchable, self.pool.quota) - metered, 0) if self.shut_from > 1 else 0

    def empty(self, group: int) -> list[int]:
        """Seats of a group whose instances are wholly free."""
        return [one.seat for one in self.there() if one.seat // self.gang == group and self.idle(one)]

    def idle(self, one: Instance) -> bool:
        return one.state == UP and one.free == MILLI

    def available(self, group: int) -> int:
        """Seats of a group that are wholly free, or that nobody holds and that are up."""
        seats = range(group * self.gang, (group + 1) * self.gang)
        free = [seat for seat in seats if seat not in self.pool.by_seat and seat not in self.blocked]
        return len(free) + len(self.empty(group))

    def group_for(self, instances: int) -> int | None:
        groups = sorted({one.seat // self.gang for one in self.there()} | {seat // self.gang for seat in self.blocked})
        fitting = [
            (self.available(group), group)
            for group in groups
            if self.available(group) >= instances and instances - len(self.empty(group)) <= self.room()
        ]
        if fitting:
            return min(fitting)[1]
        if instances > min(self.gang, self.room()):
            return None
        return next(group for group in range(99) if group not in groups)

    def fits_held(self, instances: int, milli: int) -> bool:
        if instances == 1:
            return any(one.state == UP and one.free >= milli for one in self.there())
        return any(len(self.empty(one.seat // self.gang)) >= instances for one in self.there())

    def check(self) -> None:
        """Everything that the pool is asked."""
        pool = self.pool
        assert pool.room == self.room()
        assert pool.held() == len(self.there())
        assert pool.committed == sum(one.commitment >= 0 for one in self.there())
        assert pool.free_milli() == sum(one.free for one in self.there() if one.state == UP)
        assert pool.noticed() == sum(one.commitment < 0 and one.state != UP for one in self.there())
        idle_first = sorted(
            (one for one in self.there() if one.commitment < 0 and one.state == UP),
            key=lambda one: (not self.idle(one), -one.id),
        )
        assert pool.to_take_back(2) == idle_first[:2]
        for share in SHARES:
            milli = round(share * 1000)
            assert pool.fits_held(1, milli) == self.fits_held(1, milli)
            assert pool.fits(1, milli) == (self.room() > 0 or self.fits_held(1, milli))
        if self.gang > 1:
            for instances in range(2, self.gang + 2):
                group = self.group_for(instances)
                assert pool.fits_held(instances, MILLI) == self.fits_held(instances, MILLI)
                assert pool.fits(instances, MILLI) == (group is not None)
                seats = pool.seats_for_gang(instances)
                assert (seats is None) == (group is None)
                if group is not None:
                    assert seats == self.vacant(group, instances - len(self.empty(group)))
        seat = pool.lowest_seat()
        assert seat == next(one for one in range(99) if one not in pool.by_seat and one not in self.blocked)
        pool.leave_seat(seat)
        self.check_would_fit()

    def vacant(self, group: int, count: int) -> list[int]:
        seats = range(group * self.gang, (group + 1) * self.gang)
        free = [seat for seat in seats if seat not in self.pool.by_seat and seat not in self.blocked]
        return free[: max(count, 0)]

    def check_would_fit(self) -> None:
        """What would fit once others have left is what fits where they have left."""
        there = [job for job in self.jobs if all(one.state == UP for one in members(job))]
        leaving = self.dice.sample(there, self.dice.randint(0, len(there)))
        after = Site(self.gang, 0)
        memo = {id(self.pool.offer): self.pool.offer}
        after.pool, left = copy.deepcopy((self.pool, leaving), memo)
        after.blocked, after.shut_from = set(self.blocked), self.shut_from
        for job in left:
            after.give(job)
        wanted = [need(share) for share in SHARES] + [need(GPUS, count) for count in range(2, self.gang + 2)]
        for one in wanted:
            fits = after.fits_held(one.instances, one.milli)
            if one.instances < self.shut_from:
                fits = fits or (after.room() > 0 if one.instances == 1 else after.group_for(one.instances) is not None)
            assert self.pool.would_fit(one, leaving) == fits

    # -------------------------------------------------------------------------------------------- doing

    def put(self, seat: int, commitment: int) -> Instance:
        instance = Instance(self.count, seat, MILLI, 0, 0, commitment)
        self.count += 1
        self.pool.add(instance)
        return instance

    def launch(self) -> None:
        if self.pool.room:
            self.put(self.pool.lowest_seat(), -1)

    def deliver(self) -> None:
        if self.pool.committed < 5:
            self.put(self.pool.lowest_seat(), 7)

    def start(self) -> None:
        share = self.dice.choice(SHARES)
        milli = round(share * 1000)
        wanted = min(
            ((one.free, one.seat) for one in self.there() if one.state == UP and one.free >= milli), default=None
        )
        instance = self.pool.take_share(milli)
        assert (None if instance is None else instance.seat) == (None if wanted is None else wanted[1])
        if instance is not None:
            self.note(need(share), instance, None)

    def start_gang(self) -> None:
        instances = self.dice.randint(2, self.gang + 1)
        group = self.group_for(instances)
        empty = [] if group is None else self.empty(group)[:instances]
        vacant = [] if group is None else self.vacant(group, instances - len(empty))
        found = self.pool.take_gang(instances)
        if found is None:
            assert group is None
            return
        taken, seats = found
        assert ([one.seat for one in taken], seats) == (empty, vacant)
        for seat in seats:
            taken.append(self.put(seat, -1))
            self.pool.take_whole(taken[-1])
        self.note(need(1, instances), taken[0], taken[1:])

    def note(self, wants: object, instance: Instance, gang: list[Instance] | None) -> None:
        job = JobState(len(self.jobs), wants, 0, 0, 0, 1, 0)  # type: ignore[arg-type]
        job.instance, job.gang = instance, gang
        self.jobs.append(job)

    def end(self) -> None:
        if self.jobs:
            self.give(self.jobs.pop(self.dice.randrange(len(self.jobs))))

    def give(self, job: JobState) -> None:
        for one in members(job):
            whole = self.pool.give_share(one, MILLI if job.gang is not None else job.need.milli)
            assert whole == (one.free == MILLI)
            if whole and one.commitment < 0:
                self.pool.close(one, OVER)
                self.remove(one)

    def remove(self, one: Instance) -> None:
        """The seat that it leaves may be up: whoever found none that is looks again."""
        self.shut_from = UNLIMITED
        self.pool.remove(one)

    def notice(self) -> None:
        for one in self.pool.to_take_back(1):
            self.pool.close(one, NOTICE)
            if one.free == MILLI:
                self.remove(one)

    def fail(self) -> None:
        up = [one for one in self.there() if one.commitment >= 0 and one.state == UP]
        if up:
            down = self.dice.choice(up)
            self.pool.close(down, DOWN)
            for job in [job for job in self.jobs if down in members(job)]:
                self.jobs.remove(job)
                self.give(job)

    def repair(self) -> None:
        for one in [one for one in self.there() if one.state == DOWN][:1]:
            self.pool.open(one)

    def give_up(self) -> None:
        """A committed instance on which nobody is."""
        for one in [one for one in self.there() if one.commitment >= 0 and one.free == MILLI][:1]:
            self.pool.close(one, OVER)
            self.remove(one)

    def block(self) -> None:
        seat = self.dice.randrange(12)
        if seat not in self.pool.by_seat and seat not in self.blocked:
            self.blocked.add(seat)
            self.pool.block(seat)

    def unblock(self) -> None:
        if self.blocked:
            seat = self.dice.choice(sorted(self.blocked))
            self.blocked.remove(seat)
            self.shut_from = UNLIMITED
            self.pool.unblock(seat)

    def market(self) -> None:
        before, count = self.room(), self.dice.randrange(7)
        more = self.pool.set_launchable(count)
        assert more == (self.room() > before)

    def shut(self) -> None:
        if self.dice.random() < 0.3:
            instances = self.dice.randint(1, 3)
            self.shut_from = min(self.shut_from, instances)
            self.pool.shut(instances)


def members(job: JobState) -> Sequence[Instance]:
    return (job.instance, *(job.gang or ()))


@pytest.mark.parametrize("gang", [1, 3])
@pytest.mark.parametrize("seed", range(4))
def test_after_every_step_a_pool_says_what_a_look_at_every_seat_says(gang: int, seed: int) -> None:
    site = Site(gang, seed)
    steps = [site.launch, site.deliver, site.start, site.start, site.end, site.end, site.notice, site.fail, site.repair]
    steps += [site.give_up, site.block, site.unblock, site.market, site.shut]
    steps += [site.start_gang, site.start_gang] if gang > 1 else []
    for step in range(400):
        site.dice.choice(steps)()
        site.check()
        if step == 200:
            site.pool.add_quota(2)
            site.check()


def test_where_a_share_stays_unusable_for_a_while_nothing_would_fit_sooner() -> None:
    pool = Pool(market(turnaround_s=5), 0)
    pool.set_launchable(1)
    assert pool.fits(1, 1000)
    assert not pool.would_fit(need(1), [])
