"""Reserve or pay as you go: the rules of Wang, Li and Liang as pure functions of a demand path, and their optimum.

Time is in slots; slot t asks for d_t instances. A reservation costs a fee and serves one instance for `period` slots,
the one it is made in included; without one an instance-slot costs the on-demand price. A reserved instance-slot that
is used costs the share `alpha` of that price besides. Every rule answers with r_t, the reservations made in each slot.

Source: W. Wang, B. Li, B. Liang, "To Reserve or Not to Reserve: Optimal Online Multi-Instance Acquisition in IaaS
Clouds", ICAC 2013: algorithms 1 to 4, propositions 1 to 4.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sortedcontainers import SortedList

Ints = NDArray[np.int64]
STRICT = 1e-12  # a sum of prices must exceed its threshold by more than this


@dataclass(frozen=True)
class Tariff:
    """What reserving and not reserving cost, in one currency.

    period: slots a reservation lasts, at least 1. fee: of one reservation, positive. on_demand: of one instance-slot,
    positive. alpha: share of `on_demand` paid for each used reserved instance-slot, in [0, 1).
    """

    period: int
    on_demand: float
    fee: float = 1.0
    alpha: float = 0.0

    def __post_init__(self) -> None:
        if self.period < 1 or not self.fee > 0 or not self.on_demand > 0 or not 0 <= self.alpha < 1:
            raise ValueError("a tariff needs period >= 1, fee > 0, on_demand > 0 and alpha in [0, 1)")

    @property
    def breakeven(self) -> float:
        """On-demand spending on one instance in a period from which reserving would have paid: fee / (1 - alpha)."""
        return self.fee / (1 - self.alpha)

    @property
    def saved(self) -> float:
        """Saved by each reserved instance-slot that is used: on_demand x (1 - alpha)."""
        return self.on_demand * (1 - self.alpha)


class Outcome(NamedTuple):
    """What a plan costs on a demand path; reservations made, and instance-slots taken on demand."""

    cost: float
    reservations: int
    on_demand_slots: int


def active(reservations: Sequence[int] | Ints, period: int) -> Ints:
    """Reserved instances valid in each slot, shape as `reservations`."""
    total = np.cumsum(np.asarray(reservations, np.int64))
    ended = np.zeros_like(total)
    ended[period:] = total[:-period]
    return total - ended


def outcome(demand: Sequence[int] | Ints, reservations: Sequence[int] | Ints, tariff: Tariff) -> Outcome:
    """The cost of a demand path under reservations: fees, what is uncovered on demand, and use at the share alpha."""
    wanted = np.asarray(demand, np.int64)
    uncovered = int(np.maximum(wanted - active(reservations, tariff.period), 0).sum())
    made = int(np.sum(reservations))
    used = int(wanted.sum()) - uncovered
    cost = tariff.fee * made + tariff.on_demand * uncovered + tariff.alpha * tariff.on_demand * used
    return Outcome(cost, made, uncovered)


class Threshold:
    """Reserve another instance once a level of demand has cost more than z on demand within the last period (A_z).

    z = `tariff.breakeven` is the deterministic rule, never dearer than (2 - alpha) times the hindsight optimum. With
    a look-ahead of w slots (below the period) the period judged ends w slots ahead, and nothing is reserved beyond
    what this slot needs. A slot takes O(w log period).
    """

    def __init__(self, tariff: Tariff, z: float, look_ahead: int = 0) -> None:
        if not 0 <= look_ahead < tariff.period:
            raise ValueError("the look-ahead is shorter than the period")
        self.period = tariff.period
        self.look_ahead = look_ahead
        self.past: deque[int] = deque()  # d_i - x_i of slots gone by, each plus `taken` as it was then
        self.ordered = SortedList()  # the same, sorted
        self.made: deque[int] = deque(maxlen=tariff.period - 1)  # reservations of the slots gone by
        self.taken = 0  # each reservation counts the past as dealt with: it lowers every gap by one
        self.held = 0  # sum of `made`
        self.tune(tariff, z)

    def tune(self, tariff: Tariff, z: float) -> None:
        """Go on with another price or threshold; the period stays as it was."""
        self.allowed = whole(z, tariff.on_demand) if math.isfinite(z) else self.period + 1

    def reserve(self, demand: int, ahead: Sequence[int] = ()) -> int:
        """Reservations to make in the next slot, which asks for `demand`; `ahead` is expected in the slots after it."""
        if len(ahead) < self.look_ahead:
            raise ValueError(f"the rule looks {self.look_ahead} slots ahead, {len(ahead)} were given")
        now = demand - self.held
        extra = 0
        if now > 0:
            others = [now + self.taken, *(gap + self.taken for gap in self._gaps_ahead(ahead))]
            self.ordered.update(others)
            if self.allowed < len(self.ordered):
                extra = min(max(self.ordered[-1 - self.allowed] - self.taken, 0), now)
            for gap in others:
                self.ordered.remove(gap)
        self._close_slot(now, extra)
        return extra

    def _gaps_ahead(self, ahead: Sequence[int]) -> Iterator[int]:
        """d_i - x_i of the slots looked ahead at, from the reservations that still hold then."""
        held = self.held
        first = len(self.made) - (self.period - 1)  # place of the reservations that end after the present slot
        for offset in range(self.look_ahead):
            if first + offset >= 0:
                held -= self.made[first + offset]
            yield ahead[offset] - held

    def _close_slot(self, now: int, extra: int) -> None:
        self.taken += extra
        gap = now + self.taken - extra
        self.past.append(gap)
        self.ordered.add(gap)
        if len(self.past) > self.period - self.look_ahead - 1:
            self.ordered.remove(self.past.popleft())
        if self.made.maxlen:
            if len(self.made) == self.made.maxlen:
                self.held -= self.made[0]
            self.made.append(extra)
            self.held += extra


def whole(z: float, price: float) -> int:
    """How many slots at a price may be paid before their sum exceeds z."""
    count = int((z + STRICT) / price)
    while price * (count + 1) <= z + STRICT:
        count += 1
    while count and price * count > z + STRICT:
        count -= 1
    return count


def by_threshold(demand: Sequence[int] | Ints, tariff: Tariff, z: float, look_ahead: int = 0) -> Ints:
    """A_z along a whole path, seeing each slot when it comes; with a look-ahead, the true demand of the next slots."""
    rule = Threshold(tariff, z, look_ahead)
    path = [int(value) for value in demand]
    padded = path + [0] * look_ahead
    return np.array([rule.reserve(d, padded[t + 1 : t + 1 + look_ahead]) for t, d in enumerate(path)], np.int64)


def never_share(alpha: float) -> float:
    """The probability with which the randomized rule never reserves: alpha / (e - 1 + alpha)."""
    return alpha / (math.e - 1 + alpha)


def threshold_of(uniform: float, tariff: Tariff) -> float:
    """The randomized rule's z for a uniform in [0, 1): infinity (never reserve) above 1 - never_share(alpha).

    Inverse of the distribution with density (1 - alpha) e^((1 - alpha) z) / (e - 1 + alpha) on [0, breakeven), in units
    of the fee, and the rest of the probability at infinity: within e / (e - 1 + alpha) of the optimum in the mean.
    """
    rest = never_share(tariff.alpha)
    if uniform >= 1 - rest:
        return math.inf
    return threshold_at(uniform / (1 - rest), tariff)


def threshold_at(uniform: float, tariff: Tariff) -> float:
    """z given that the rule may reserve at all: ln(1 + u (e - 1)) / (1 - alpha), in units of the fee."""
    return tariff.fee * math.log1p(uniform * (math.e - 1)) / (1 - tariff.alpha)


def never(demand: Sequence[int] | Ints) -> Ints:
    """Everything on demand."""
    return np.zeros(len(demand), np.int64)


def peak(demand: Sequence[int] | Ints, tariff: Tariff) -> Ints:
    """At each start of a period as many as the highest demand of the whole path."""
    made = never(demand)
    made[:: tariff.period] = int(np.max(demand, initial=0))
    return made


def quantile_hindsight(demand: Sequence[int] | Ints, tariff: Tariff) -> Ints:
    """At each start of a period the levels that pay within that very period, seen beforehand."""
    made = never(demand)
    path = np.asarray(demand, np.int64)
    for start in range(0, len(path), tariff.period):
        counts = np.bincount(path[start : start + tariff.period])
        slots_at_least = np.cumsum(counts[::-1])[::-1][1:]  # of levels 1, 2, ...
        made[start] = int(np.count_nonzero(tariff.saved * slots_at_least > tariff.fee))
    return made


def newsvendor(samples: Sequence[float] | NDArray[np.float64], critical_share: float) -> int:
    """The level k up to which demand reaches k in more than the critical share of samples.

    samples: demands (instances) that a slot of the period may have, equally likely. critical_share: what a reserved
    instance costs over what it saves where always used, fee / (period x on_demand x (1 - alpha)); 1 or more gives 0.
    """
    ordered = np.sort(np.floor(np.asarray(samples, np.float64) + STRICT))[::-1]
    if not len(ordered) or critical_share >= 1:
        return 0
    # level k needs more than critical_share x n samples at or above it: the demand of the first sample beyond that many
    return max(int(ordered[whole(critical_share, 1 / len(ordered))]), 0)


def optimum(demand: Sequence[int] | Ints, tariff: Tariff) -> Ints:
    """The cheapest reservations for a path known beforehand."""
    return optima([demand], [tariff])[0]


def optima(demands: Sequence[Sequence[int] | Ints], tariffs: Sequence[Tariff]) -> list[Ints]:
    """The cheapest reservations for each of many paths, by one linear programme.

    Variables are cumulated reservations and on-demand instances; a row bounds R_t - R_(t - period) + o_t from below.
    These differences of cumulated counts form a network matrix, so the programme's corners are whole numbers.
    """
    from scipy import optimize, sparse

    sizes = [len(demand) for demand in demands]
    rows: list[Ints] = []
    columns: list[Ints] = []
    signs: list[Ints] = []
    costs: list[NDArray[np.float64]] = []
    wanted: list[Ints] = []
    at = row = 0
    for demand, tariff, size in zip(demands, tariffs, sizes, strict=True):
        slots = np.arange(size)
        cumulated, on_demand = at + slots, at + size + slots
        late, later = slots[: max(size - tariff.period, 0)], slots[tariff.period :]
        rows += [row + slots, row + slots, row + later, row + size + slots, row + size + slots[1:]]
        columns += [cumulated, on_demand, cumulated[late], cumulated, cumulated[:-1]]
        ones = np.ones(size, np.int64)
        signs += [ones, ones, -ones[late], ones, -ones[1:]]
        fees = np.zeros(size)
        fees[-1:] = tariff.fee
        costs += [fees, np.full(size, tariff.saved)]
        wanted += [np.asarray(demand, np.int64), np.zeros(size, np.int64)]
        at, row = at + 2 * size, row + 2 * size
    matrix = sparse.csr_matrix(
        (np.concatenate(signs).astype(float), (np.concatenate(rows), np.concatenate(columns))), shape=(row, at)
    )
    found = optimize.linprog(np.concatenate(costs), A_ub=-matrix, b_ub=-np.concatenate(wanted), method="highs")
    if found.x is None:
        raise ArithmeticError(f"the reservation programme was not solved: {found.message}")
    made, at = [], 0
    for size in sizes:
        made.append(np.diff(np.rint(found.x[at : at + size]).astype(np.int64), prepend=0))
        at += 2 * size
    return made
