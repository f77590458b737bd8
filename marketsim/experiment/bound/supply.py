"""What can be had in each slot and for how much: metered capacity at its best, commitments, tokens, credits."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from marketsim.experiment.bound import commitments
from marketsim.experiment.bound.commitments import Periods
from marketsim.experiment.bound.grid import Grid
from marketsim.experiment.bound.program import Program
from marketsim.supply import quote
from marketsim.supply.offer import Offer
from marketsim.units import MICRO
from marketsim.world import World

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(eq=False)
class Supply:
    """Columns of instance-hours, filled while the programme is put together.

    room[offer]: rows (slots,) that say how many instance-hours there are; an offer without limit or commitment has
    none. usage[provider]: (columns, USD each) that its credits may pay for. serving[service]: offers with columns that
    serve it and hours of one request a second that one of a column gives; offer None for what is lost.
    """

    program: Program
    grid: Grid
    world: World
    price: dict[int, Floats] = field(default_factory=dict)
    room: dict[int, Ints] = field(default_factory=dict)
    busy_usd: dict[int, float] = field(default_factory=dict)
    usage: dict[str, list[tuple[Ints, Floats]]] = field(default_factory=dict)
    signed: dict[int, list[tuple[Ints, Ints]]] = field(default_factory=dict)  # offer -> (periods, columns of blocks)
    serving: dict[int, list[tuple[int | None, Ints, float]]] = field(default_factory=dict)

    def use(self, offer: int) -> Ints:
        """New columns (slots,) of instance-hours used at an offer."""
        cost = np.full(self.grid.count, self.busy_usd.get(offer, 0.0))
        if offer in self.room:
            metered = offer in self.price and self.world.offers[offer].commitment is None
            columns = self.program.add_columns(self.grid.count, cost + (self.price[offer] if metered else 0.0))
            self.program.put(self.room[offer], columns, 1.0)
            if metered:
                self._bill(offer, columns)
            return columns
        columns = self.program.add_columns(self.grid.count, cost + self.price[offer])
        self._bill(offer, columns)
        return columns

    def _bill(self, offer: int, columns: Ints) -> None:
        self.pay(self.world.offers[offer].provider, columns, self.price[offer])

    def pay(self, provider: str, columns: Ints, usd_each: Floats) -> None:
        """Note what a provider bills for columns, for its credits."""
        self.usage.setdefault(provider, []).append((columns, usd_each))

    def can_run(self, offer: int) -> bool:
        """Whether anything can ever be had there."""
        return offer in self.price or offer in self.room


def supply_of(
    program: Program,
    grid: Grid,
    world: World,
    most_instances: Floats,
    terms_s: dict[str, tuple[int, ...]],
    whole: bool,
) -> Supply:
    """Rows and columns of every offer. most_instances (offers,): more than these can never be of use."""
    supply = Supply(program, grid, world)
    for number, offer in enumerate(world.offers):
        idle, supply.busy_usd[number] = quote.least_standing_usd(offer.standing, offer.shape.milli)
        if offer.price is not None:
            supply.price[number] = grid.least(offer.price)
        if offer.commitment is not None:
            stated = tuple(getattr(offer.commitment, "others", ()))
            lengths = (None, *stated, *(one for one in terms_s.get(offer.id, ()) if one not in stated))
            _add_committed(supply, number, most_instances[number], idle, lengths, whole)
        elif offer.price is not None:
            there = metered_instances(offer, grid)
            if (there < most_instances[number]).any():
                limit = np.minimum(there, most_instances[number]) * grid.hours
                supply.room[number] = program.add_rows(-np.inf, limit, grid.count)
    return supply


def metered_instances(offer: Offer, grid: Grid) -> Floats:
    """The most metered instances that can be held in each slot, shape (slots,).

    No more than may be kept, a notice ahead included; no more than could ever have been started up to then; no more
    than the quota before a first request can have been granted.
    """
    kept = grid.greatest(offer.keepable, offer.notice_s)
    started = np.maximum.accumulate(grid.greatest(offer.launchable))
    there = np.maximum(np.minimum(kept, started), 0.0)
    if offer.quota is not None:
        grows = grid.starts_s + grid.slot_s > offer.quota_grant_s if offer.quota_step else np.zeros(grid.count, bool)
        there = np.where(grows, there, np.minimum(there, offer.quota))
    return there


def _add_committed(
    supply: Supply, number: int, most: float, idle: float, terms_s: tuple[int | None, ...], whole: bool
) -> None:
    """What was committed before, what may be added in each period, and metered instances beside them."""
    program, grid, world, offer = supply.program, supply.grid, supply.world, supply.world.offers[number]
    terms = offer.commitment
    assert terms is not None
    periods = Periods(grid)
    given = commitments.given_instances(world, offer, grid)
    program.fixed += sum(
        commitments.given_usd(offer, order, world, idle) for order in world.orders if order.offer == offer.id
    )
    allowed = np.inf if offer.most_instances is None else float(offer.most_instances)
    closed = np.minimum(grid.greatest(offer.keepable), 0.0)  # a site that is closed takes from what was bought
    held = program.add_columns(periods.count, 0.0, max(allowed, float(given.max(initial=0.0))))
    balance = program.add_rows(0.0, 0.0, periods.count)
    program.put(balance, held, 1.0)
    program.put(balance[1:], held[:-1], -1.0)
    lead = commitments.leads(terms, world)
    # what was signed before may have another price than all that can be signed now: its use is free
    may_leave, used_usd = bool(getattr(terms, "may_leave", False)), 0.0 if given.any() else np.inf
    for term_s in terms_s:
        costs = commitments.least_block_usd(offer, world, periods, lead, term_s, idle)
        if not costs:
            continue
        if may_leave:
            whole_usd = commitments.least_block_usd(offer, world, periods, lead, term_s, 0.0, whole_term=True)
            left = commitments.leaving(offer, world, whole_usd, term_s)
            if left is not None:
                costs = {period: left.fixed_share * usd for period, usd in whole_usd.items()}
                used_usd = min(used_usd, left.used_usd_per_hour)
        starts = np.array(list(costs), np.int64)
        usd = np.array(list(costs.values()))
        blocks = program.add_columns(len(starts), usd, np.ceil(most / terms.block_instances), whole)
        program.put(balance[starts], blocks, -float(terms.block_instances))
        life = [commitments.periods_held(terms, periods, int(start), term_s) for start in starts]
        ends = np.array(
            [periods.count if one is None else start + one for start, one in zip(starts, life, strict=True)]
        )
        back = ends < periods.count
        program.put(balance[ends[back]], blocks[back], float(terms.block_instances))
        supply.signed.setdefault(number, []).append((starts, blocks))
    if may_leave and np.isfinite(used_usd):
        supply.busy_usd[number] += used_usd
    room = program.add_rows(-np.inf, given * grid.hours, grid.count)
    program.put(room, held[periods.of_slots()], -grid.hours)
    supply.room[number] = room
    if offer.price is not None:
        limit = np.minimum(metered_instances(offer, grid), most) * grid.hours
        metered = program.add_columns(grid.count, supply.price[number], limit)
        program.put(room, metered, -1.0)
        supply.pay(offer.provider, metered, supply.price[number])
    elif closed.any() and np.isfinite(allowed):
        _add_closed(supply, number, (allowed + closed) * grid.hours)


def _add_closed(supply: Supply, number: int, open_hours: Floats) -> None:
    """No more is used than stands at open sites: one more row over the same columns."""
    program, grid = supply.program, supply.grid
    inner = program.add_rows(-np.inf, 0.0, grid.count)
    through = program.add_columns(grid.count, 0.0, np.maximum(open_hours, 0.0))
    program.put(supply.room[number], through, 1.0)
    program.put(inner, through, -1.0)
    supply.room[number] = inner


def add_jobs(supply: Supply, kinds: Floats, done: Ints) -> None:
    """Instance-hours that do the work of each kind of job; offers without limit are one market at its least price."""
    program, grid = supply.program, supply.grid
    credited = {credit.provider for credit in supply.world.money.credits}
    for kind, hours in enumerate(kinds):
        market = np.full(grid.count, np.inf)
        for number, offer in enumerate(supply.world.offers):
            if not np.isfinite(hours[number]) or not supply.can_run(number):
                continue
            if number not in supply.room and offer.provider not in credited:
                usd = (supply.price[number] + supply.busy_usd[number]) * hours[number]
                market = np.minimum(market, usd)
            else:
                program.put(done[kind], supply.use(number), 1.0 / hours[number])
        if np.isfinite(market).all():
            program.put(done[kind], program.add_columns(grid.count, market), 1.0)


def later_usd(supply: Supply, kinds: Floats) -> Floats:
    """USD that a GPU-hour of each kind costs at the least in each slot or any later one, shape (kinds, slots).

    What is committed costs its power alone; credits may pay for all that their provider bills.
    """
    credited = {credit.provider for credit in supply.world.money.credits}
    least = np.full((len(kinds), supply.grid.count), np.inf)
    for kind, hours in enumerate(kinds):
        for number, offer in enumerate(supply.world.offers):
            if np.isfinite(hours[number]) and supply.can_run(number):
                metered = offer.commitment is None and offer.provider not in credited
                usd = supply.busy_usd[number] + (supply.price[number] if metered else np.zeros(supply.grid.count))
                least[kind] = np.minimum(least[kind], usd * hours[number])
    return np.minimum.accumulate(least[:, ::-1], axis=1)[:, ::-1]


def add_credits(supply: Supply) -> None:
    """Credits pay for metered use at their provider until their date, up to their amount."""
    program, grid = supply.program, supply.grid
    for credit in supply.world.money.credits:
        used = supply.usage.get(credit.provider, [])
        if not used:
            continue
        paid = program.add_columns(1, -1.0, credit.micro / MICRO)
        row = program.add_rows(-np.inf, 0.0, 1)
        program.put(row, paid, 1.0)
        for columns, usd_each in used:
            valid = grid.starts_s <= credit.until_s if len(columns) == grid.count else np.ones(len(columns), bool)
            program.put(row, columns[valid], -usd_each[valid])


def backlog_usd(world: World, kinds: Floats) -> Floats:
    """USD a GPU-hour at the least that unfinished work of each kind is charged at the end, 0 where it has no price."""
    least = np.zeros(len(kinds))
    for kind, hours in enumerate(kinds):
        prices = []
        for number, offer in enumerate(world.offers):
            named = world.backlog_offer is None or offer.id == world.backlog_offer
            if offer.price is not None and named and np.isfinite(hours[number]):
                inside = offer.price.times_s[
                    (offer.price.times_s > world.horizon_s) & (offer.price.times_s <= world.end_s)
                ]
                times = np.append(inside, world.horizon_s)
                prices.append(float(offer.price.at_many(times).min()) * float(hours[number]))
        least[kind] = min(prices, default=0.0)
    return least
