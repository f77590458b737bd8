"""Which configuration to take: those that clear the floor, the front of cost against loss, where one overtakes another.

A configuration is a lever at a level, several levers together, or nothing at all, which is always a candidate. Its cost
is one sum at the start and one for each unit of volume; its loss is how much worse the metric is than without it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from marketsim.demand.job import Service
from marketsim.demand.serving import silicon
from marketsim.levers.chain import joined
from marketsim.levers.effect import Effect, Floor, LeverWork, higher_is_better
from marketsim.levers.lever import Lever


@dataclass(frozen=True)
class Configuration:
    """A candidate: USD once, USD a unit of volume, the metric with its standard error, and the levels it is made of."""

    name: str
    once_usd: float
    unit_usd: float
    metric: str
    before: float
    mean: float
    se: float
    unverified: bool = False
    levels: tuple[tuple[str, int], ...] = ()  # (lever, level)
    gpu: str = ""  # where it is served

    def cost_usd(self, volume: float) -> float:
        """USD at a volume; infinite where it can be served nowhere."""
        return self.once_usd + (self.unit_usd * volume if volume else 0.0)

    @property
    def loss(self) -> float:
        """How much worse the metric is expected to be, in its unit; below 0 where it is better."""
        return (self.before - self.mean) if higher_is_better(self.metric) else (self.mean - self.before)

    def clears(self, floor: Floor | None) -> bool:
        """Whether the 95 % bound of its metric is good enough; doing nothing always is."""
        return floor is None or not self.levels or floor.cleared_by(self.mean, self.se)


def nothing(unit_usd: float, metric: str, before: float, gpu: str = "") -> Configuration:
    """The need as it is."""
    return Configuration("nothing", 0.0, unit_usd, metric, before, before, 0.0, gpu=gpu)


def work_usd(work: LeverWork, usd_per_gpu_hour: Mapping[str, float], usd_per_gb: float = 0.0) -> float:
    """USD of a one-off work; KeyError for a GPU without a price, as a missing price is never 0."""
    hours = work.gpu_hours * usd_per_gpu_hour[work.gpu] if work.gpu_hours else 0.0
    return hours + work.data_gb * usd_per_gb + work.usd


def unit_usd(service: Service, places: Mapping[str, float]) -> tuple[float, str]:
    """(USD a request, GPU) at the cheapest place that can serve; infinite and "" where none can.

    places: USD an hour of what one replica holds there, by GPU.
    """
    known = silicon()
    found = [
        (usd / (3600 * service.replica_requests_per_s[gpu]), gpu)
        for gpu, usd in places.items()
        if service.replica_requests_per_s.get(gpu)
        and (gpu not in known or known[gpu].memory_gb >= service.replica.memory_gb_per_gpu)
    ]
    return min(found, default=(math.inf, ""))


def configurations(
    levers: Mapping[str, Lever],
    service: Service,
    places: Mapping[str, float],
    usd_per_gpu_hour: Mapping[str, float],
    most: int = 2,
) -> list[Configuration]:
    """Nothing, every level of every lever alone, and first levels of up to `most` levers together.

    places: as in `unit_usd`; each configuration is served where it is cheapest, so a model that has become small may
    move. usd_per_gpu_hour: for the one-off work. Volume is counted in requests. Levers of one technique are never
    combined, nor those that measure different things or require different hardware.
    """
    found: list[Configuration] = []
    ready = {name: lever.levels() for name, lever in levers.items()}

    def add(name: str, changed: Service, effect: Effect, levels: tuple[tuple[str, int], ...]) -> None:
        usd, gpu = unit_usd(changed, places)
        once = work_usd(effect.work, usd_per_gpu_hour)
        unverified = effect.unverified or not effect.verified_on(gpu)
        found.append(
            Configuration(
                name, once, usd, effect.metric, effect.before, effect.after, effect.se, unverified, levels, gpu
            )
        )

    for name, effects in ready.items():
        for level, effect in enumerate(effects):
            add(f"{name}: {effect.label}", levers[name].transform(service, level), effect, ((name, level),))
    for count in range(2, most + 1):
        for names in itertools.combinations(ready, count):
            firsts = [ready[name][0] for name in names]
            kinds = {type(levers[name]) for name in names}
            needs = {effect.requires for effect in firsts if effect.requires}
            if len(kinds) == count and len({effect.metric for effect in firsts}) == 1 and len(needs) < 2:
                whole = joined(firsts)
                add(
                    " + ".join(names), levers[names[0]].with_effect(service, whole), whole, tuple((n, 0) for n in names)
                )
    metric, before = (found[0].metric, found[0].before) if found else ("", 0.0)
    usd, gpu = unit_usd(service, places)
    return [nothing(usd, metric, before, gpu), *found]


def allowed(candidates: Sequence[Configuration], floor: Floor | None) -> list[Configuration]:
    """Those that clear the floor, doing nothing among them."""
    return [one for one in candidates if one.clears(floor)]


def pareto(candidates: Sequence[Configuration], volume: float) -> list[Configuration]:
    """Those that none beats in cost and loss at once, by cost; of equals the first stays."""
    front: list[Configuration] = []
    for one in sorted(candidates, key=lambda each: (each.cost_usd(volume), each.loss)):
        if not front or one.loss < front[-1].loss:
            front.append(one)
    return front


def best(candidates: Sequence[Configuration], volume: float, usd_per_loss: float = 0.0) -> Configuration:
    """The least cost + lambda x loss; `usd_per_loss` is lambda, USD a unit of the metric. Ties go to the first."""
    return min(candidates, key=lambda one: one.cost_usd(volume) + usd_per_loss * max(one.loss, 0.0))


def switching_points(
    candidates: Sequence[Configuration], volume: float
) -> list[tuple[float, Configuration, Configuration]]:
    """Where the best choice changes as lambda grows: (lambda, from, to), lambda in USD a unit of loss, ascending.

    cost + lambda x loss is a line for each candidate; the best is their lower envelope.
    """
    now = best(candidates, volume)
    at = 0.0
    steps: list[tuple[float, Configuration, Configuration]] = []
    while True:
        crossings = []
        for one in candidates:
            fall = max(now.loss, 0.0) - max(one.loss, 0.0)
            if fall > 0:
                where = (one.cost_usd(volume) - now.cost_usd(volume)) / fall
                crossings.append((max(where, at), max(one.loss, 0.0), one))
        if not crossings:
            return steps
        at, _, after = min(crossings, key=lambda each: each[:2])
        steps.append((at, now, after))
        now = after


def break_even_volume(one: Configuration, other: Configuration) -> float | None:
    """The volume from which `one` costs no more than `other`; 0 where from the start, None where it never is so."""
    dearer, saved = one.once_usd - other.once_usd, other.unit_usd - one.unit_usd
    if dearer <= 0 <= saved:
        return 0.0
    return dearer / saved if saved > 0 else None
