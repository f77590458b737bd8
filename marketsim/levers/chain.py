"""Several techniques one after the other.

Bytes multiply and changes of the metric add up, as if the parts knew nothing of each other; of speed-ups only the
smaller is believed. A chain that somebody measured whole has a row of its own; all others are unverified.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, model_validator

from marketsim.levers import curve, hardware
from marketsim.levers.distillation import Distillation
from marketsim.levers.effect import ANY, Effect, LeverWork
from marketsim.levers.lever import Lever
from marketsim.levers.pruning import Pruning
from marketsim.levers.quantization import Quantization
from marketsim.levers.shrink import Shrink
from marketsim.settings import one_of

STEPS: dict[str, type[Any]] = {
    "quantization": Quantization,
    "pruning": Pruning,
    "distillation": Distillation,
    "shrink": Shrink,
}
if TYPE_CHECKING:
    Step = Lever
else:
    Step = one_of(STEPS)


class Chain(Lever):
    """Steps in order. Behind the whole chain stand its first steps alone, as milder levels."""

    kind: Literal["chain"] = "chain"

    steps: tuple[Step, ...] = Field(min_length=2, strict=False, description="techniques in the order of their use")
    row: str | None = Field(
        default=None, description="a row that measured the whole chain: METHOD SETTING of the reference network"
    )

    @model_validator(mode="before")
    @classmethod
    def _same_target(cls, data: Any) -> Any:
        """Steps change what the chain changes, and measure what its floor measures."""
        if not isinstance(data, Mapping) or not isinstance(data.get("steps"), list | tuple):
            return data
        passed = {key: data[key] for key in ("target", "floor", "one_off") if key in data}
        steps = [{**passed, **step} if isinstance(step, Mapping) else step for step in data["steps"]]
        return {**data, "steps": steps}

    def published(self) -> tuple[Effect, ...]:
        """The whole chain, then its beginnings."""
        kinds = [type(step) for step in self.steps]
        if len(set(kinds)) < len(kinds):
            raise ValueError("a chain takes each technique once")
        firsts = [step.levels()[0] for step in self.steps]
        metrics = {effect.metric for effect in firsts}
        if len(metrics) > 1:
            raise ValueError(f"steps measure different things: {', '.join(sorted(metrics))}; name one in floor")
        chained = [joined(firsts[:count]) for count in range(len(firsts), 0, -1)]
        if self.row is not None:
            chained[0] = self._measured(chained[0].work)
        if self.one_off is not None:
            chained = [curve.with_work(effect, self.one_off.as_work()) for effect in chained]
        return tuple(chained)

    def _measured(self, work: LeverWork) -> Effect:
        method, _, setting = str(self.row).rpartition(" ")
        found = curve.reference(method, float(setting)) if setting.replace(".", "", 1).isdigit() else None
        if found is None:
            known = ", ".join(
                f"{r['method']} {float(r['setting']):g}" for r in curve.reference_rows() if "+" in r["method"]
            )
            raise ValueError(f"no chain was measured as {self.row}; known: {known}")
        return curve.with_work(found, work)


def joined(effects: list[Effect]) -> Effect:
    """Steps as one level; a single step as it is."""
    if len(effects) == 1:
        return effects[0]
    work = LeverWork()
    for effect in effects:
        work = work.then(effect.work)
    requires = sorted({effect.requires for effect in effects if effect.requires})
    if len(requires) > 1:
        raise ValueError(f"steps require different hardware: {', '.join(requires)}; give figures of the whole")
    return Effect(
        label=" + ".join(effect.label for effect in effects),
        metric=effects[0].metric,
        before=effects[0].before,
        change=sum(effect.change for effect in effects),
        se=math.sqrt(sum(effect.se**2 for effect in effects)),
        n=min(effect.n for effect in effects),
        size_ratio=math.prod(effect.size_ratio for effect in effects),
        memory_ratio=math.prod(effect.in_memory for effect in effects),
        train_speedup=min(effect.train_speedup for effect in effects),
        prefill=weaker([effect.prefill for effect in effects]),
        decode=weaker([effect.decode for effect in effects]),
        requires=requires[0] if requires else None,
        work=work,
        basis=effects[0].basis,
        source="; ".join(dict.fromkeys(effect.source for effect in effects)),
        unverified=True,
    )


def weaker(parts: list[Mapping[str, float]]) -> dict[str, float]:
    """By hardware that any part names, the least speed-up of the parts; a part without a figure speeds nothing up."""
    names = sorted({hardware.family(name) if name else ANY for part in parts for name in part} | {ANY})
    return {name: min(_of(part, name) for part in parts) for name in names}


def _of(part: Mapping[str, float], name: str) -> float:
    found = hardware.nearest_class(name, part) if name else None
    return part[found] if found is not None else part.get(ANY, min(part.values(), default=1.0))
