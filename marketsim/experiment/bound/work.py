"""Jobs as flows of work into slots: each within its window, no faster than it can run.

A short window has a column for each slot. A long one is cut into a few spans of 1, 2, 4, ... slots, from which work
flows down a tree to its slots: some 2 log2(slots) columns in place of one a slot. Jobs that may run at any time after
their arrival share one store of open work, looked at period by period. All three are relaxations; the first two tell
the same story but for the speed limit, which a span of several slots applies to the span as a whole. Late work takes
the cheapest hour that is still to come, whether or not others take it too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marketsim.demand.job import NEVER
from marketsim.experiment.bound.grid import Grid
from marketsim.experiment.bound.program import Program
from marketsim.experiment.bound.rates import Rates
from marketsim.experiment.bound.served import Served
from marketsim.units import DAY_S, HOUR_S, MILLI
from marketsim.world import World

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SHORT = 48  # slots up to which a window has a column for each
MOST_STORES = 400  # periods in which the open work of jobs without an end is balanced


@dataclass(frozen=True, eq=False)
class Jobs:
    """The jobs that must be paid for, one row each. kind: which jobs share what an instance-hour does for them.

    gpu_hours: work on the reference GPU; fastest: GPU-hours an hour; first, last: slots of the window, last -1 where
    any time will do; arrival_s, by_s: the window in seconds; late_usd: lost at least by ending after it, None where
    that is not allowed; may_stay: may be left to the backlog.
    """

    kinds: Floats  # (kinds, offers) instance-hours a GPU-hour
    kind: Ints
    gpu_hours: Floats
    fastest: Floats
    arrival_s: Ints
    by_s: Ints
    late_usd: Floats
    may_stay: NDArray[np.bool_]
    fixed_usd: float


def jobs_of(world: World, rates: Rates, served: Served | None) -> Jobs:
    """The jobs of a world that somebody has to pay for, with what is lost whatever one does."""
    table = world.jobs
    work = table.work.astype(float)
    for given in world.running:
        work[given.job] = max(work[given.job] - given.progress, 0)
    gpu_hours = work / MILLI / HOUR_S
    fastest = rates.fastest[table.need] if len(table) else np.zeros(0)
    possible = fastest > 0
    wanted = possible if served is None else possible & served.wanted
    by_s = table.deadline_s if served is None else served.by_s
    has_end = by_s <= world.end_s
    with np.errstate(divide="ignore", invalid="ignore"):
        earliest_s = table.arrival_s + np.floor(gpu_hours / fastest * HOUR_S)
    fits = np.where(possible, earliest_s <= by_s, False)
    if served is None:
        day_usd, most_usd = _penalties(world)
        late_days = np.ceil(np.maximum(earliest_s - by_s, 1) / DAY_S)
        lost = np.where(by_s < NEVER, np.minimum(np.where(possible, late_days, 1.0) * day_usd, most_usd), 0.0)
        forced = wanted & (by_s < NEVER) & ~fits
        fixed = float(lost[forced].sum()) + float(np.minimum(day_usd, most_usd)[~possible & (by_s < NEVER)].sum())
        late_usd = np.minimum(day_usd, most_usd)
        any_time = ~has_end | forced | (late_usd == 0)
        may_stay = np.ones(len(table), np.bool_)
    else:
        fixed, late_usd = 0.0, np.full(len(table), np.inf)
        any_time, may_stay = ~has_end | ~fits, served.unfinished
    rows = np.flatnonzero(wanted & (gpu_hours > 0))
    kinds, kind = _kinds(rates.hours, table.need[rows])
    return Jobs(
        kinds=kinds,
        kind=kind,
        gpu_hours=gpu_hours[rows],
        fastest=fastest[rows],
        arrival_s=table.arrival_s[rows],
        by_s=np.where(any_time, NEVER, by_s)[rows],
        late_usd=late_usd[rows],
        may_stay=may_stay[rows],
        fixed_usd=fixed,
    )


def _penalties(world: World) -> tuple[Floats, Floats]:
    needs = world.jobs.needs
    day = np.array([need.usd_per_late_day for need in needs])[world.jobs.need] if needs else np.zeros(0)
    most = np.array([need.usd_at_most for need in needs])[world.jobs.need] if needs else np.zeros(0)
    return day, most


def _kinds(hours: Floats, need: Ints) -> tuple[Floats, Ints]:
    if not len(need):
        return np.zeros((0, hours.shape[1])), np.zeros(0, np.int64)
    used, kind = np.unique(need, return_inverse=True)
    kinds, again = np.unique(hours[used], axis=0, return_inverse=True)
    return kinds, again.ravel()[kind].astype(np.int64)


def add_flows(program: Program, grid: Grid, jobs: Jobs, later_usd: Floats, backlog_usd: Floats) -> Ints:
    """Rows (kinds, slots) in which work flows in with -1: what supply has to do.

    later_usd (kinds, slots): least cost of a GPU-hour in that slot or any later one; backlog_usd (kinds,): at the end.
    """
    kinds = len(jobs.kinds)
    done = program.add_rows(0.0, 0.0, kinds * grid.count).reshape(kinds, grid.count)
    for kind in range(kinds):
        of_kind = jobs.kind == kind
        windowed = np.flatnonzero(of_kind & (jobs.by_s < NEVER))
        free = np.flatnonzero(of_kind & (jobs.by_s == NEVER))
        _add_windows(program, grid, jobs, windowed, done[kind], np.minimum(later_usd[kind], backlog_usd[kind]))
        _add_store(program, grid, jobs, free, done[kind], float(backlog_usd[kind]))
    return done


def _add_windows(program: Program, grid: Grid, jobs: Jobs, rows: Ints, done: Ints, later_usd: Floats) -> None:
    """Jobs with an end, done within it or late."""
    if not len(rows):
        return
    first = grid.slot_of(jobs.arrival_s[rows])
    last = np.maximum(grid.last_slot_before(jobs.by_s[rows]), first)
    need_rows = program.add_rows(jobs.gpu_hours[rows], jobs.gpu_hours[rows], len(rows))
    short = last - first < SHORT
    _add_slots(program, grid, jobs, rows[short], first[short], last[short], need_rows[short], done)
    _add_spans(program, grid, jobs, rows[~short], first[~short], last[~short], need_rows[~short], done)
    late = np.isfinite(jobs.late_usd[rows])
    usd = jobs.late_usd[rows][late] / jobs.gpu_hours[rows][late] + later_usd[last[late]]
    program.put(need_rows[late], program.add_columns(int(late.sum()), usd), 1.0)


def _held_hours(grid: Grid, jobs: Jobs, rows: Ints, from_slot: Ints, slots: Ints) -> Floats:
    """Hours of each job's window within spans of slots."""
    start = np.maximum(from_slot * grid.slot_s, jobs.arrival_s[rows])
    end = np.minimum((from_slot + slots) * grid.slot_s, jobs.by_s[rows])
    return np.maximum(end - start, 0) / HOUR_S


def _add_slots(
    program: Program, grid: Grid, jobs: Jobs, rows: Ints, first: Ints, last: Ints, need_rows: Ints, done: Ints
) -> None:
    """A column for each slot of each window."""
    if not len(rows):
        return
    lengths = last - first + 1
    owner = np.repeat(np.arange(len(rows)), lengths)
    slot = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths) + first[owner]
    limit = jobs.fastest[rows][owner] * _held_hours(grid, jobs, rows[owner], slot, np.ones_like(slot))
    columns = program.add_columns(len(owner), 0.0, limit)
    program.put(need_rows[owner], columns, 1.0)
    program.put(done[slot], columns, -1.0)


def _add_spans(
    program: Program, grid: Grid, jobs: Jobs, rows: Ints, first: Ints, last: Ints, need_rows: Ints, done: Ints
) -> None:
    """A column for each span of a window's canonical cut, and the tree that carries spans down to slots."""
    if not len(rows):
        return
    pieces = _cut(first, last)
    top = max(level for level, _, _ in pieces)
    node_rows = _add_tree(program, grid.count, top, done)
    for level, node, owner in pieces:
        span = np.full(len(node), 1 << level, np.int64)
        limit = jobs.fastest[rows][owner] * _held_hours(grid, jobs, rows[owner], node << level, span)
        columns = program.add_columns(len(node), 0.0, limit)
        program.put(need_rows[owner], columns, 1.0)
        program.put(node_rows[level][node], columns, -1.0)


def _cut(first: Ints, last: Ints) -> list[tuple[int, Ints, Ints]]:
    """(level, nodes, owners): node i of a level spans slots [i 2^level, (i + 1) 2^level); disjoint, covering."""
    left, right = first.copy(), last + 1
    pieces = []
    level = 0
    while (left < right).any():
        odd_left = np.flatnonzero((left < right) & (left & 1 == 1))
        if len(odd_left):
            pieces.append((level, left[odd_left], odd_left))
            left[odd_left] += 1
        odd_right = np.flatnonzero((left < right) & (right & 1 == 1))
        if len(odd_right):
            right[odd_right] -= 1
            pieces.append((level, right[odd_right], odd_right))
        left, right = left >> 1, right >> 1
        level += 1
    return pieces


def _add_tree(program: Program, slots: int, top: int, done: Ints) -> list[Ints]:
    """Rows of the nodes of each level up to the top; work that enters a node (-1) leaves to one of its two halves."""
    rows = [done]
    for level in range(1, top + 1):
        below = rows[-1]
        nodes = -(-slots // (1 << level))
        here = program.add_rows(0.0, 0.0, nodes)
        halves = np.arange(len(below))
        columns = program.add_columns(len(below))
        program.put(here[halves // 2], columns, 1.0)
        program.put(below, columns, -1.0)
        rows.append(here)
    return rows


def _add_store(program: Program, grid: Grid, jobs: Jobs, rows: Ints, done: Ints, backlog_usd: float) -> None:
    """Open work that any later slot may do; what is left at the end is charged as backlog, as far as it may be left."""
    if not len(rows):
        return
    slots = -(-grid.count // MOST_STORES)
    stores = -(-grid.count // slots)
    arriving = np.bincount(grid.slot_of(jobs.arrival_s[rows]) // slots, jobs.gpu_hours[rows], stores)
    balance = program.add_rows(arriving, arriving, stores)
    worked = program.add_columns(grid.count)
    program.put(balance[np.arange(grid.count) // slots], worked, 1.0)
    program.put(done, worked, -1.0)
    left = program.add_columns(stores - 1)
    program.put(balance[:-1], left, 1.0)
    program.put(balance[1:], left, -1.0)
    stays = float(jobs.gpu_hours[rows][jobs.may_stay[rows]].sum())
    program.put(balance[-1:], program.add_columns(1, backlog_usd, stays), 1.0)
