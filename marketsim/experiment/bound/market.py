"""A lower bound for a whole market: no policy, even one that knew all the dice, served the same work for less.

A linear programme on slots of time, solved by HiGHS. Each slot takes its least price and its greatest capacity, windows
and lives are rounded outward, and work flows in fractions; so the cost of every policy's plan, written as a plan of the
programme, is no more than it was, and the programme's optimum is no more than that.

**Covered.** Jobs within their windows and no faster than they can run, late jobs at the first late day's value at
least, unfinished work at the backlog's least price; services, lost requests at their value; metered offers by price,
keepable, launchable and quota; contracts and servers with their lead, blocks, term and most, valued at the best day of
closing or left at the best time where their terms allow that, with what standing costs; what was committed before;
tokens; credits; levers at their best and for nothing.

**Left out, each of which costs a policy something:** boot, restart and checkpoints; data to move and egress; whole
instances, fabric and packing (a gang of several instances takes them whole); billing quanta and minima; outages;
predecessors; taxes, interest and storage; notice of a job's true work.

**Not covered.** Policies that give jobs up (compare them by `Served.of` their own run), runs that end by insolvency,
contracts signed for a term that the offer does not state unless it is named in `terms_s` or was in the run compared
with, more than 64 orders at one offer whose lead is random, credits that a provider pays for outages. Prices that
follow one's own use are refused. Postings are rounded to a micro-dollar, half a one at most each.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from marketsim.errors import Fault, InputError
from marketsim.experiment.bound import services, supply, work
from marketsim.experiment.bound.commitments import Periods
from marketsim.experiment.bound.grid import Grid
from marketsim.experiment.bound.program import Program
from marketsim.experiment.bound.rates import Rates, rates_of
from marketsim.experiment.bound.served import Served
from marketsim.units import HOUR_S, MILLI, UNLIMITED
from marketsim.world import World

__all__ = ["Bound", "Served", "lower_bound"]

Floats = NDArray[np.float64]

HOURS = (1, 2, 3, 4, 6, 8, 12, 24)  # lengths of a slot that are tried
MOST_SLOTS = 36_000  # slots x offers: a year of hours and four offers
LARGE = 50_000  # columns


@dataclass(frozen=True)
class Bound:
    """What hindsight could not undercut.

    value_usd: of total_cost_usd for given work, of total_with_penalties_usd without; infinity where the work cannot be
    done at all, minus infinity where nothing was found in time. status: `optimal`, `time limit`, `infeasible`, or why
    not. gap: what is left between bound and best plan found with whole blocks, as a share. plan: for each offer
    (from_s, instances) committed in the programme's optimum, in order of time. requests: for each service of which the
    programme says anything, the share of its requests by offer there, under None what is lost.
    """

    value_usd: float
    status: str
    slots: int
    variables: int
    seconds: float
    gap: float = 0.0
    plan: Mapping[str, tuple[tuple[int, float], ...]] = field(default_factory=dict)
    requests: Mapping[str, Mapping[str | None, float]] = field(default_factory=dict)


def lower_bound(
    world: World,
    slot_s: int | None = None,
    served: Served | None = None,
    *,
    terms_s: Mapping[str, tuple[int, ...]] | None = None,
    whole_blocks: bool = False,
    time_limit_s: float | None = None,
    gap: float = 0.0,
) -> Bound:
    """The bound of one replication.

    served None: on total_with_penalties_usd of every policy that gives no job up; values of being on time and of
    requests are in it, what has no value may be late or lost. A `Served`: on total_cost_usd of all that did this work.
    slot_s: length of a slot; shorter is tighter and slower; by itself an hour, longer where the programme would be
    large. terms_s: lengths of contract by offer beside its own.
    Raises InputError for a world in which own use moves a price: no programme of fixed prices bounds it.
    whole_blocks: contracts and servers in whole blocks (a mixed-integer programme), to a relative `gap` or time limit.
    """
    if slot_s is not None and slot_s < 1:
        raise ValueError("a slot lasts at least a second")
    moved = [offer.id for offer in world.offers if offer.own_influence is not None]
    if moved:
        what = "own use moves this price, and the bound knows only prices that it does not: leave own_influence out"
        raise InputError([Fault(what, key=f"supply.{name}.own_influence") for name in moved])
    began = time.perf_counter()
    grid = Grid(slot_s or _slot_s(world), world.end_s)
    program = Program()
    rates = rates_of(world)
    jobs = work.jobs_of(world, rates, served)
    program.fixed += jobs.fixed_usd
    lengths = {**(served.terms_s if served is not None else {}), **(terms_s or {})}
    market = supply.supply_of(program, grid, world, _most_of_use(world, rates, jobs), lengths, whole_blocks)
    later, backlog = supply.later_usd(market, jobs.kinds), supply.backlog_usd(world, jobs.kinds)
    done = work.add_flows(program, grid, jobs, later, backlog)
    supply.add_jobs(market, jobs.kinds, done)
    services.add_services(market, rates, served)
    supply.add_credits(market)
    # several commitments that can stand in for one another make the simplex wander; the other is then quicker
    solved = program.solve(time_limit_s, gap, interior=len(market.signed) > 1 and program.columns > LARGE)
    return Bound(
        value_usd=solved.value,
        status=solved.status,
        slots=grid.count,
        variables=program.columns,
        seconds=time.perf_counter() - began,
        gap=solved.gap,
        plan={} if solved.x is None else _plan(world, market, solved.x),
        requests={} if solved.x is None else _requests(world, market, solved.x),
    )


def _slot_s(world: World) -> int:
    """The shortest of the usual lengths that keeps slots x offers within what is solved in a minute or so."""
    for hours in HOURS:
        if Grid(hours * HOUR_S, world.end_s).count * len(world.offers) <= MOST_SLOTS:
            return hours * HOUR_S
    return HOURS[-1] * HOUR_S


def _most_of_use(world: World, rates: Rates, jobs: work.Jobs) -> Floats:
    """Instances at each offer beyond which more are of no use: all jobs at once and every service at its peak."""
    most = np.zeros(len(world.offers))
    for number in range(len(world.offers)):
        hours = jobs.kinds[:, number][jobs.kind] if len(jobs.kind) else np.zeros(0)
        most[number] = float((jobs.fastest * hours)[np.isfinite(hours)].sum())
        for row, service in enumerate(world.services):
            if rates.requests[row, number] > 0:
                most[number] += float(service.requests_per_s.values.max()) / rates.requests[row, number]
    return np.minimum(np.ceil(most) + 1, UNLIMITED)


def _requests(world: World, market: supply.Supply, x: Floats) -> dict[str, dict[str | None, float]]:
    """Shares of each service's requests that the programme's optimum serves at each offer, or loses."""
    shares: dict[str, dict[str | None, float]] = {}
    for number, parts in sorted(market.serving.items()):
        done = {
            None if offer is None else world.offers[offer].id: float(x[columns].sum()) * rate
            for offer, columns, rate in parts
        }
        total = sum(done.values())
        if total > 0:
            shares[world.services[number].name] = {offer: amount / total for offer, amount in done.items() if amount}
    return shares


def _plan(world: World, market: supply.Supply, x: Floats) -> dict[str, tuple[tuple[int, float], ...]]:
    """What the programme's optimum commits to, by offer and period of delivery."""
    periods = Periods(market.grid)
    plan = {}
    for number, parts in sorted(market.signed.items()):
        offer = world.offers[number]
        block = offer.commitment.block_instances if offer.commitment is not None else 1
        rows = [
            (periods.span(int(period))[0], float(x[column]) * block)
            for starts, columns in parts
            for period, column in zip(starts, columns, strict=True)
            if x[column] > MILLI**-2
        ]
        if rows:
            plan[offer.id] = tuple(sorted(rows))
    return plan
