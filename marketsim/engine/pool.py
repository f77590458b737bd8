"""One offer's instances: seats, shares, groups of a fabric; one mechanism for every kind of offer.

The pool knows who holds what and what could be started now; it has no clock and writes nothing. Metered instances are
limited by what is launchable and by quota; committed ones are here because they were delivered, and stay.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Sequence
from heapq import heappop, heappush
from itertools import islice

from marketsim.demand.job import Need
from marketsim.engine.own_price import OwnPrice
from marketsim.engine.state import UP, Instance, JobState
from marketsim.path import Path
from marketsim.supply.offer import Offer
from marketsim.units import UNLIMITED

_SEAT_BITS = 31
_SEAT_MASK = (1 << _SEAT_BITS) - 1


class Pool:
    """Instances of one offer. `room` is how many metered ones could be started beyond those held."""

    __slots__ = (
        "_empty",
        "_free",
        "_free_seats",
        "_occupied",
        "blocked_seats",
        "busy_milli_s",
        "by_seat",
        "committed",
        "gang",
        "index",
        "installed_from_s",
        "installed_s",
        "launchable",
        "metered",
        "milli",
        "next_seat",
        "offer",
        "ordered",
        "ordered_s",
        "own_price",
        "price",
        "quota",
        "room",
        "seat_changes",
        "shut_from",
    )

    def __init__(self, offer: Offer, index: int) -> None:
        self.offer = offer
        self.own_price = None if offer.own_influence is None else OwnPrice(offer.own_influence)
        self.price: Path | OwnPrice | None = self.own_price or offer.price  # what leases pay
        self.index = index
        self.milli = offer.shape.milli
        self.gang = offer.shape.largest_gang
        self.launchable = 0
        self.quota = UNLIMITED if offer.quota is None else offer.quota
        self.metered = 0
        self.room = 0
        self.shut_from = UNLIMITED  # gangs of so many instances and more find no seats that are up
        self.committed = 0
        self.ordered = 0
        self.by_seat: dict[int, Instance] = {}
        self.blocked_seats: set[int] = set()  # down and not held
        self.next_seat = 0  # the lowest never used
        self.seat_changes = 0  # how often the lowest seat to be had may have become another
        self._free_seats: list[int] = []  # used before, not held now
        self._free: list[int] = []  # free milli and seat of each instance that can take a share, sorted
        self._empty: dict[int, list[int]] = {}  # group -> seats of wholly free instances, sorted
        self._occupied: dict[int, int] = {}  # group -> seats that are held and not wholly free, or down
        self.busy_milli_s = 0
        self.installed_s = 0  # instance-seconds since they were last charged, and of what is on order
        self.ordered_s = 0
        self.installed_from_s = 0

    def set_launchable(self, count: int) -> bool:
        """Take the market's count of now; whether there is more room than before."""
        before = self.room
        self.launchable = count
        self._update_room()
        return self.room > before

    def add_quota(self, count: int) -> None:
        """Raise the quota by a grant."""
        self.quota += count
        self._update_room()

    def _update_room(self) -> None:
        self.room = max(min(self.launchable, self.quota) - self.metered, 0) if self.shut_from > 1 else 0

    def shut(self, instances: int) -> None:
        """Note that no seats that are up can be found for so many instances, until the next is repaired or left."""
        self.shut_from = min(self.shut_from, instances)
        self._update_room()

    # ------------------------------------------------------------------------------------------ what would fit

    def fits_held(self, instances: int, milli: int) -> bool:
        """Whether a gang fits on instances already here."""
        if instances == 1:
            free = self._free
            return bool(free) and free[-1] >> _SEAT_BITS >= milli
        return any(len(seats) >= instances for seats in self._empty.values())

    def fits(self, instances: int, milli: int) -> bool:
        """Whether a gang could be started now, on instances here or on new ones."""
        if instances == 1:
            if self.room:
                return milli <= self.milli
            free = self._free
            return bool(free) and free[-1] >> _SEAT_BITS >= milli
        return self._group_for(instances) is not None

    def _group_for(self, instances: int) -> int | None:
        """The fullest fabric group that can hold the gang, the lowest of equals; None where none can."""
        best: tuple[int, int] | None = None
        size = self.gang
        for group in sorted(self._empty.keys() | self._occupied.keys()):
            empty = len(self._empty.get(group, ()))
            available = size - self._occupied.get(group, 0)
            if available < instances or instances - empty > self.room:
                continue
            if best is None or available < best[0]:
                best = (available, group)
        if best is not None:
            return best[1]
        if instances > min(size, self.room):
            return None
        group = 0
        while group in self._empty or group in self._occupied:
            group += 1
        return group

    def would_fit(self, need: Need, leaving: Sequence[JobState]) -> bool:
        """Whether a job would fit once others have left; metered instances that this empties are given back.

        Never where a share stays unusable for a while: nothing would be won now.
        """
        if self.offer.turnaround_s:
            return False
        given: dict[int, int] = {}
        for job in leaving:
            for member in (job.instance, *(job.gang or ())):
                given[member.seat] = given.get(member.seat, 0) + (self.milli if job.gang else job.held.milli)
        free: dict[int, int] = {}
        released = 0
        for seat, instance in self.by_seat.items():
            amount = instance.free + given.get(seat, 0)
            if instance.state == UP and seat in given and amount == self.milli and instance.commitment < 0:
                released += 1
            else:
                free[seat] = amount if instance.state == UP else 0
        room = max(min(self.launchable, self.quota) - self.metered + released, 0)
        if need.instances >= self.shut_from:
            room = 0  # no seats that are up: what leaves could not be launched anew
        if need.instances == 1:
            return bool(room) or any(amount >= need.milli for amount in free.values())
        return self._group_would_fit(need.instances, room, free)

    def _group_would_fit(self, instances: int, room: int, free: dict[int, int]) -> bool:
        """Whether some group has enough whole instances, or seats at which the market lets one launch them."""
        taken: dict[int, int] = {}
        empty: dict[int, int] = {}
        for seat in (*free, *self.blocked_seats):
            group = seat // self.gang
            taken[group] = taken.get(group, 0) + 1
            empty[group] = empty.get(group, 0) + (free.get(seat) == self.milli)
        if instances <= min(self.gang, room):
            return True
        return any(empty[group] + min(self.gang - taken[group], room) >= instances for group in taken)

    # ------------------------------------------------------------------------------------------ taking and giving

    def take_share(self, milli: int) -> Instance | None:
        """A share of the fullest instance that can give it, the lowest seat of equals; None where none can."""
        free = self._free
        at = bisect_left(free, milli << _SEAT_BITS)
        if at == len(free):
            return None
        instance = self.by_seat[free[at] & _SEAT_MASK]
        if instance.free == self.milli:
            self._leave_empty(instance.seat)
        del free[at]
        instance.free -= milli
        if instance.free:
            insort(free, instance.free << _SEAT_BITS | instance.seat)
        return instance

    def give_share(self, instance: Instance, milli: int) -> bool:
        """Give a share back; whether the instance is now wholly free. A noticed or lost one takes no new work."""
        before = instance.free
        instance.free = before + milli
        if instance.state != UP:
            return instance.free == self.milli
        free = self._free
        if before:
            del free[bisect_left(free, before << _SEAT_BITS | instance.seat)]
        insort(free, instance.free << _SEAT_BITS | instance.seat)
        if instance.free == self.milli:
            self._enter_empty(instance.seat)
            return True
        return False

    def take_gang(self, instances: int) -> tuple[list[Instance], list[int]] | None:
        """Whole instances of one group: those that are empty, and seats at which to launch the rest.

        The whole of each instance is taken, whatever share of it the gang works with.
        """
        group = self._group_for(instances)
        if group is None:
            return None
        seats = list(self._empty.get(group, ()))[:instances]
        taken = [self.by_seat[seat] for seat in seats]
        for instance in taken:
            self.take_whole(instance)
        return taken, self._vacant(group, instances - len(taken))

    def take_whole(self, instance: Instance) -> None:
        """All of a wholly free instance."""
        self._leave_empty(instance.seat)
        del self._free[bisect_left(self._free, instance.free << _SEAT_BITS | instance.seat)]
        instance.free = 0

    def seats_for_gang(self, instances: int) -> list[int] | None:
        """The seats at which a gang would have to launch instances now; None where it does not fit."""
        group = self._group_for(instances)
        return None if group is None else self._vacant(group, instances - len(self._empty.get(group, ())))

    def _vacant(self, group: int, count: int) -> list[int]:
        """The lowest seats of a group that nobody holds and that are not down."""
        first = group * self.gang
        seats = (seat for seat in range(first, first + self.gang) if seat not in self.by_seat)
        return list(islice((seat for seat in seats if seat not in self.blocked_seats), max(count, 0)))

    def _enter_empty(self, seat: int) -> None:
        if self.gang > 1:
            group = seat // self.gang
            insort(self._empty.setdefault(group, []), seat)
            self._count_occupied(group, -1)

    def _leave_empty(self, seat: int) -> None:
        if self.gang > 1:
            group = seat // self.gang
            seats = self._empty[group]
            del seats[bisect_left(seats, seat)]
            if not seats:
                del self._empty[group]
            self._count_occupied(group, 1)

    def _count_occupied(self, group: int, change: int) -> None:
        count = self._occupied.get(group, 0) + change
        if count:
            self._occupied[group] = count
        else:
            self._occupied.pop(group, None)

    # ------------------------------------------------------------------------------------------ coming and going

    def lowest_seat(self) -> int:
        """The lowest seat that nobody holds and that is not down."""
        while self._free_seats:
            seat = heappop(self._free_seats)
            if seat not in self.by_seat and seat not in self.blocked_seats:
                return seat
        while self.next_seat in self.by_seat or self.next_seat in self.blocked_seats:
            self.next_seat += 1
        return self.next_seat

    def leave_seat(self, seat: int) -> None:
        """Put back a lowest seat that was looked at and not taken."""
        if seat < self.next_seat:
            heappush(self._free_seats, seat)

    def add(self, instance: Instance) -> None:
        """Put a launched or delivered instance on its seat, wholly free."""
        self.seat_changes += 1
        seat = instance.seat
        self.by_seat[seat] = instance
        if seat >= self.next_seat:
            for skipped in range(self.next_seat, seat):
                if skipped not in self.by_seat:
                    heappush(self._free_seats, skipped)
            self.next_seat = seat + 1
        if self.gang > 1:
            self._count_occupied(seat // self.gang, 1)
        if instance.commitment < 0:
            self.metered += 1
            self._update_room()
        else:
            self.committed += 1
        self.open(instance)

    def open(self, instance: Instance) -> None:
        """Let an instance take work: new, or repaired."""
        instance.state = UP
        if instance.free:
            insort(self._free, instance.free << _SEAT_BITS | instance.seat)
        if instance.free == self.milli:
            self._enter_empty(instance.seat)

    def close(self, instance: Instance, state: int) -> None:
        """Let an instance take no more work: noticed, down, or over."""
        if instance.state == UP:
            if instance.free:
                del self._free[bisect_left(self._free, instance.free << _SEAT_BITS | instance.seat)]
            if instance.free == self.milli:
                self._leave_empty(instance.seat)
        instance.state = state

    def remove(self, instance: Instance) -> None:
        """Take a closed instance off its seat."""
        self.seat_changes += 1
        self.shut_from = UNLIMITED  # the seat it leaves may be up
        seat = instance.seat
        del self.by_seat[seat]
        heappush(self._free_seats, seat)
        if self.gang > 1:
            self._count_occupied(seat // self.gang, -1)
        if instance.commitment < 0:
            self.metered -= 1
        else:
            self.committed -= 1
        self._update_room()

    def block(self, seat: int) -> None:
        """Keep a seat that nobody holds from being used while it is down."""
        self.seat_changes += 1
        self.blocked_seats.add(seat)
        if self.gang > 1:
            self._count_occupied(seat // self.gang, 1)

    def unblock(self, seat: int) -> None:
        """Let a repaired seat be used again."""
        self.seat_changes += 1
        self.blocked_seats.discard(seat)
        self.shut_from = UNLIMITED
        self._update_room()
        if seat < self.next_seat:
            heappush(self._free_seats, seat)
        if self.gang > 1:
            self._count_occupied(seat // self.gang, -1)

    # ------------------------------------------------------------------------------------------ for the view

    def held(self) -> int:
        """Instances held now."""
        return len(self.by_seat)

    def shares(self, milli: int) -> int:
        """How many shares of a size could be taken of instances that are here."""
        return sum((key >> _SEAT_BITS) // milli for key in self._free)

    def free_milli(self) -> int:
        """Thousandths of a GPU unused on instances that can take work."""
        return sum(key >> _SEAT_BITS for key in self._free)

    def to_take_back(self, count: int) -> list[Instance]:
        """Metered instances to give up: idle first, then newest; noticed and lost ones have gone already."""
        metered = [one for one in self.by_seat.values() if one.commitment < 0 and one.state == UP]
        metered.sort(key=lambda one: (one.free != self.milli, -one.id))
        return metered[:count]

    def noticed(self) -> int:
        """Metered instances that are here but on notice."""
        return sum(1 for one in self.by_seat.values() if one.commitment < 0 and one.state != UP)
