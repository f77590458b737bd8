"""Which configuration to take: those that clear the floor, the front of cost against loss, where one overtakes another.

A configuration is a lever at a level, several levers together, or nothing at all, which is always a candidate. Its cost
is one sum at the start and one for each unit of volume; its loss is how much worse the metric is than without it.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from marketsim.levers.chain import joined
from marketsim.levers.lever import Effect, Floor, Lever, LeverWork, higher_is_better


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

    def cost_usd(self, volume: float) -> float:
        """USD at a volume."""
        return self.once_usd + self.unit_usd * volume

    @property
    def loss(self) -> float:
        """How much worse the metric is expected to be, in its unit; below 0 where it is better."""
        return (self.before - self.mean) if higher_is_better(self.metric) else (self.mean - self.before)

    def clears(self, floor: Floor | None) -> bool:
        """Whether the 95 % bound of its metric is good enough; doing nothing always is."""
        return floor is None or not self.levels or floor.cleared_by(self.mean, self.se)


def nothing(unit_usd: float, metric: str, before: float) -> Configuration:
    """The need as it is."""
    return Configuration("nothing", 0.0, unit_usd, metric, before, before, 0.0)


def work_usd(work: LeverWork, usd_per_gpu_hour: Mapping[str, float], usd_per_gb: float = 0.0) -> float:
    """USD of a one-off work; KeyError for a GPU without a price, as a missing price is never 0."""
    hours = work.gpu_hours * usd_per_gpu_hour[work.gpu] if work.gpu_hours else 0.0
    return hours + work.data_gb * usd_per_gb + work.usd


def configurations(
    levers: Mapping[str, Lever],
    unit_usd: float,
    gpu: str,
    usd_per_gpu_hour: Mapping[str, float],
    decode: float = 1.0,
    most: int = 2,
) -> list[Configuration]:
    """Nothing, every level of every lever alone, and first levels of up to `most` levers together.

    unit_usd: cost of a unit of volume without any lever, on `gpu`; a lever divides it by its speed-up there, prefill
    and decode weighted by `decode`, the share of time spent decoding. Levers of one technique are never combined, nor
    those that measure different things or require different hardware.
    """
    found: list[Configuration] = []
    ready = {name: lever.levels() for name, lever in levers.items()}

    def add(name: str, effect: Effect, levels: tuple[tuple[str, int], ...]) -> None:
        faster = 1 / ((1 - decode) / effect.speedup("prefill", gpu) + decode / effect.speedup("decode", gpu))
        once = work_usd(effect.work, usd_per_gpu_hour)
        unverified = effect.unverified or not effect.verified_on(gpu)
        found.append(
            Configuration(
                name, once, unit_usd / faster, effect.metric, effect.before, effect.after, effect.se, unverified, levels
            )
        )

    for name, effects in ready.items():
        for level, effect in enumerate(effects):
            add(f"{name}: {effect.label}", effect, ((name, level),))
    for count in range(2, most + 1):
        for names in itertools.combinations(ready, count):
            firsts = [ready[name][0] for name in names]
            kinds = {type(levers[name]) for name in names}
            needs = {effect.requires for effect in firsts if effect.requires}
            if len(kinds) == count and len({effect.metric for effect in firsts}) == 1 and len(needs) < 2:
                add(" + ".join(names), joined(firsts), tuple((name, 0) for name in names))
    metric, before = (found[0].metric, found[0].before) if found else ("", 0.0)
    return [nothing(unit_usd, metric, before), *found]


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
