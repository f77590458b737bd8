"""Sign and buy by a plan written beforehand: so many instances of this offer, on that day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import Field

from marketsim import settings
from marketsim.policies.policy import Action, Because, Buy, Setup, Sign, View, WakeAt
from marketsim.policies.procurement import terms


class Signature(settings.Settings):
    """One contract of the plan."""

    offer: settings.Name = Field(description="the rental offer to sign")
    instances: settings.PositiveCount = Field(description="instances, in whole blocks of the offer")
    at: settings.Duration = Field(default=0, description="when, after the scenario's start")
    term: settings.PositiveDuration | None = Field(
        default=None, description="for how long; the offer's own where not given"
    )
    renew: bool = Field(default=False, description="sign again for the same at each end")


class Purchase(settings.Settings):
    """One purchase of the plan."""

    offer: settings.Name = Field(description="the datacenter or edge offer to buy for")
    instances: settings.PositiveCount = Field(description="servers or devices, in whole blocks of the offer")
    at: settings.Duration = Field(default=0, description="when the order is placed, after the scenario's start")


class FixedPlan(settings.Kind):
    """Sign and buy what the plan says, when it says so (a budgeted plan).

    What is planned at or after the horizon is left out: there is no demand left for it.
    """

    kind: Literal["fixed_plan"] = "fixed_plan"
    sign: Annotated[tuple[Signature, ...], Field(strict=False, description="contracts to sign")] = ()
    buy: Annotated[tuple[Purchase, ...], Field(strict=False, description="servers or devices to buy")] = ()

    def bind(self, setup: Setup) -> Rule:
        """The plan in order of time, signatures before purchases at one instant; InputError for an impossible item."""
        planned: list[tuple[str, int, Signature | Purchase]] = [
            *(("sign", index, item) for index, item in enumerate(self.sign)),
            *(("buy", index, item) for index, item in enumerate(self.buy)),
        ]
        faults = [
            fault
            for sells, index, item in planned
            for fault in terms.faults(setup, item.offer, item.instances, f"procurement.{sells}[{index}]", sells)
        ]
        terms.raise_any(faults)
        why = Because("the plan says so") if setup.explain else None
        steps: list[tuple[int, Action]] = [
            (item.at, Sign(item.offer, item.instances, item.term, item.renew, why)) for item in self.sign
        ]
        steps += [(item.at, Buy(item.offer, item.instances, why)) for item in self.buy]
        steps = [step for step in steps if step[0] < setup.horizon_s]
        return Rule(tuple(sorted(steps, key=lambda step: step[0])))


@dataclass
class Rule:
    """Walks down the plan: each item is said once, however often it is asked."""

    steps: tuple[tuple[int, Action], ...]
    done: int = 0
    woken_for_s: int = -1
    review_every_s: int | None = field(default=None)

    def review(self, view: View) -> Sequence[Action]:
        """What has come due and was not said before, and one call at the next date."""
        said: list[Action] = []
        while self.done < len(self.steps) and self.steps[self.done][0] <= view.now_s:
            said.append(self.steps[self.done][1])
            self.done += 1
        if self.done < len(self.steps) and self.steps[self.done][0] != self.woken_for_s:
            self.woken_for_s = self.steps[self.done][0]
            said.append(WakeAt(self.woken_for_s))
        return said
