"""Which way to get compute is the cheapest at which use: a fleet kept busy a constant share of the time, simulated.

Every machine offer of a scenario is one way: metered by the hour, signed again at each end of its term, or bought. For
each fleet, horizon and share of use one run per way tells what a used hour costs, with the failures, prices and market
of the scenario; beside it stands the closed form of `supply.breakeven`, which knows none of the queueing.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from marketsim import units
from marketsim.demand.job import NEVER, Checkpoint, JobTable, Need
from marketsim.engine.run import run
from marketsim.errors import Fault, InputError, nearest
from marketsim.metrics.measure import measure
from marketsim.metrics.measured import Measured
from marketsim.path import Path
from marketsim.policies.placement import KINDS as PLACEMENT
from marketsim.policies.policy import Policy
from marketsim.policies.procurement import KINDS as PROCUREMENT
from marketsim.policies.queueing import KINDS as QUEUEING
from marketsim.streams import Dice
from marketsim.supply import breakeven
from marketsim.supply.lead import AT_ONCE, Delivery
from marketsim.supply.offer import Offer
from marketsim.world import World

if TYPE_CHECKING:
    import pandas as pd

    from marketsim.scenario import Scenario

SPELL_S = units.DAY_S * 7  # each instance works for its share of a week, then stands idle until the next
USES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
FLEETS_GPUS = (8, 16, 32, 64)
METRIC = "usd_per_useful_gpu_hour"


@dataclass(frozen=True)
class Point:
    """One way at one use, fleet and horizon: USD for a used hour of the reference GPU, simulated and in closed form.

    None where the way has no such fleet. usd: one a replication.
    """

    way: str
    use: float
    gpus: int
    horizon_s: int
    usd: tuple[float, ...] | None
    formula_usd: float | None

    @property
    def mean_usd(self) -> float:
        """Mean over replications, infinite where the way cannot."""
        return float(np.mean(self.usd)) if self.usd else float("inf")


@dataclass(frozen=True)
class Ways:
    """All points of a map; `by` is `gpus` or `horizon_s`, what its rows differ in."""

    by: str
    reference_gpu: str
    points: tuple[Point, ...]
    turns: tuple[tuple[float, int], ...]  # (use, row): where the closed form has another way take over

    def rows(self) -> list[int]:
        """GPUs or seconds, in order."""
        return list(dict.fromkeys(getattr(point, self.by) for point in self.points))

    def at(self, row: int, use: float) -> list[Point]:
        """The points of one field, the cheapest in the simulation first; ties keep the scenario's order."""
        here = [point for point in self.points if getattr(point, self.by) == row and point.use == use]
        return sorted(here, key=lambda point: point.mean_usd)

    def best_by_formula(self, row: int, use: float) -> str | None:
        """The way that the closed form has as the cheapest, None where none can."""
        able = [point for point in self.at(row, use) if point.formula_usd is not None]
        return min(able, key=lambda point: point.formula_usd or 0.0).way if able else None

    def frame(self) -> pd.DataFrame:
        """The map as the break-even chart takes it; in the closed form's attribute lie the lines drawn over it."""
        import pandas as pd

        rows = self.rows()
        names = {"gpus": "fleet_gpus", "horizon_s": "horizon_months"}
        scale = 1.0 if self.by == "gpus" else 1 / units.MONTH_S
        idle = rows[-1], min(point.use for point in self.points)  # whence the chart's sentence starts
        found = []
        for row, use in itertools.product(rows, dict.fromkeys(point.use for point in self.points)):
            for place, point in enumerate((one for one in self.at(row, use) if one.usd), start=1):
                second = next((one for one in self.at(row, use) if one.usd and one.way != point.way), None)
                found.append(
                    {
                        "utilization": use,
                        names[self.by]: round(row * scale, 3),
                        "policy": point.way,
                        METRIC: point.mean_usd,
                        "place": place,
                        "clear": second is None or _always_below(point, second),
                        "base": (row, use) == idle,
                    }
                )
        frame = pd.DataFrame(found)
        frame.attrs["settings"] = ["utilization", names[self.by]]
        frame.attrs["metric"] = METRIC
        frame.attrs["closed_form"] = [(use, round(row * scale, 3)) for use, row in self.turns]
        return frame


def _always_below(one: Point, other: Point) -> bool:
    return all(a < b for a, b in zip(one.usd or (), other.usd or (), strict=True))


def ways_of(
    scenario: Scenario,
    by: str = "gpus",
    gpus: Sequence[int] = FLEETS_GPUS,
    horizons_s: Sequence[int] = (),
    uses: Sequence[float] = USES,
    replications: int = 3,
    seed: int | None = None,
    only: Sequence[str] = (),
) -> Ways:
    """The map of use against fleet (at the scenario's horizon) or against horizon (of the first fleet).

    horizons_s: at most the scenario's, whose quarters stand where none are given. only: these offers, or all. Raises
    InputError where the scenario has no machines to compare, or none of such a name.
    """
    from marketsim.build import build

    worlds = [build(scenario, number, seed) for number in range(replications)]
    reference = _reference(worlds[0])
    names = [offer.id for offer in worlds[0].offers if _is_a_way(offer, reference)]
    for name in only:
        if name not in names:
            what = "is no offer of machines that can be compared"
            raise InputError(Fault(what, got=name, allowed=", ".join(names), hint=nearest(name, names)))
    names = [name for name in names if not only or name in only]
    if not names:
        raise InputError(Fault("no machines can be compared: only tokens are sold", key="supply"))
    whole_s = scenario.horizon
    spans = tuple(horizons_s) or tuple(max(whole_s * part // 4, 1) for part in (1, 2, 3, 4))
    pairs = [(one, whole_s) for one in gpus] if by == "gpus" else [(gpus[0], one) for one in spans]
    points, turns = [], []
    for fleet, horizon_s in pairs:
        holdings = {}
        for name in names:
            offers = [at_once(world.offers[world.offer_index[name]]) for world in worlds]
            held = [breakeven.holding(one, fleet, horizon_s, _family(worlds[0]), reference) for one in offers]
            if has_room(offers[0], fleet) and all(held):
                holdings[name] = _mean([one for one in held if one is not None])
            for use in uses:
                able = name in holdings
                usd = tuple(simulated_usd(one, fleet, horizon_s, use, worlds[0], reference) for one in offers)
                formula = holdings[name].usd_per_used_hour(use) if able else None
                points.append(Point(name, use, fleet, horizon_s, usd if able else None, formula))
        row = fleet if by == "gpus" else horizon_s
        turns += [(use, row) for use in turning_uses(holdings)]
    return Ways(by, reference, tuple(points), tuple(turns))


def turning_uses(holdings: dict[str, breakeven.Holding]) -> list[float]:
    """The uses in (0, 1) at which the cheapest way by the closed form becomes another, increasing."""
    uses = {breakeven.equal_use(one, two) for one, two in itertools.combinations(holdings.values(), 2)}
    inside = sorted(use for use in uses if use is not None and 0 < use < 1)
    edges = [0.0, *inside, 1.0]
    best = [
        min(holdings, key=lambda name: holdings[name].usd_per_used_hour((low + high) / 2))
        for low, high in itertools.pairwise(edges)
    ]
    return [use for use, before, after in zip(inside, best[:-1], best[1:], strict=True) if before != after]


def simulated_usd(offer: Offer, gpus: int, horizon_s: int, use: float, like: World, reference_gpu: str) -> float:
    """USD for a used hour of the reference GPU of a fleet that works a share of each week, out of a run's ledger."""
    if not has_room(offer, gpus):
        return float("inf")
    measured = fleet_run(offer, gpus, horizon_s, use, like)
    cost = measure(measured.world, measured.ledger)[METRIC]
    return float("inf") if cost is None else cost / _speed(offer, _family(like), reference_gpu)


def fleet_run(offer: Offer, gpus: int, horizon_s: int, use: float, like: World) -> Measured:
    """A run of a fleet at one offer, each of whose instances works a share of each week."""
    instances = units.ceil_div(gpus, offer.shape.gpus)
    work = round(use * SPELL_S) * offer.shape.milli
    starts = np.repeat(np.arange(0, horizon_s, SPELL_S), instances)
    left_s = np.minimum(horizon_s - starts, SPELL_S)
    amount = np.maximum(np.rint(work * (left_s / SPELL_S)).astype(np.int64), 1)
    need = Need(
        "steady", milli=offer.shape.milli, reference_gpu=offer.shape.gpu, checkpoint=Checkpoint(every_s=0),
    )  # fmt: skip
    zero = np.zeros(len(starts), np.int64)
    jobs = JobTable((need,), zero, starts, amount, amount, zero + NEVER)
    alone = replace(offer, serves=None, quota=None, latency_s=0.0)
    world = World(horizon_s, jobs, (alone,), drain_s=0, scarcity=like.scarcity, dice=Dice(0))
    return Measured(world, run(world, plan_of(alone, instances)))


def _mean(held: list[breakeven.Holding]) -> breakeven.Holding:
    """One holding with the mean cost and the mean hours of several replications."""
    parts = zip(*((one.fixed_usd, one.usd_per_use, one.used_hours) for one in held), strict=True)
    return breakeven.Holding(*(float(np.mean(part)) for part in parts))


def plan_of(offer: Offer, instances: int) -> Policy:
    """Commit to a fleet at second 0 where the offer is taken by commitment, and use it or what is metered there."""
    plan: dict[str, Any] = {"kind": "none"}
    if offer.commitment is not None:
        block = offer.commitment.block_instances
        count = units.ceil_div(instances, block) * block
        ends = offer.commitment.ends_s(0, None) is not None
        entry: dict[str, Any] = {"offer": offer.id, "instances": count, "at": "0 s"}
        plan = {"kind": "fixed_plan", **({"sign": [{**entry, "renew": True}]} if ends else {"buy": [entry]})}
    procurement: Any = PROCUREMENT[plan["kind"]].model_validate(plan)
    return Policy(
        offer.id,
        QUEUEING["fifo"].model_validate({"kind": "fifo", "blocking": "skipping"}),
        PLACEMENT["cheapest_feasible"].model_validate({"kind": "cheapest_feasible", "patience": "0 s"}),
        procurement,
    )


def at_once(offer: Offer) -> Offer:
    """The offer with what is ordered there at once: a fleet that is compared was ordered in time."""
    terms: Any = offer.commitment
    if terms is None or not hasattr(terms, "delivery"):
        return offer
    people = {"hire_s": 0} if hasattr(terms, "hire_s") else {}
    return replace(offer, commitment=replace(terms, delivery=Delivery(AT_ONCE, Dice(0), Path.constant(1.0)), **people))


def has_room(offer: Offer, gpus: int) -> bool:
    most = offer.most_instances
    if offer.commitment is not None and most is not None:
        block = offer.commitment.block_instances
        return units.ceil_div(units.ceil_div(gpus, offer.shape.gpus), block) * block <= most
    return True


def _is_a_way(offer: Offer, reference_gpu: str) -> bool:
    sold = offer.price is not None or offer.commitment is not None
    return sold and offer.shape.gpus > 0 and breakeven.holding(offer, 1, 1, "general", reference_gpu) is not None


def _speed(offer: Offer, family: str, reference_gpu: str) -> float:
    if offer.shape.gpu == reference_gpu:
        return 1.0
    return offer.speed_ppm.get((family, reference_gpu), 0) / units.PPM


def _family(world: World) -> str:
    """Whose GPU speeds apply: the first finite workload's."""
    return world.jobs.needs[0].family if world.jobs.needs else "general"


def _reference(world: World) -> str:
    """The GPU whose used hour is priced: the first machine offer's."""
    for offer in world.offers:
        if offer.shape.gpus > 0 and (offer.price is not None or offer.commitment is not None):
            return offer.shape.gpu
    raise InputError(Fault("no machines can be compared: only tokens are sold", key="supply"))
