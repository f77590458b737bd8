"""Everything on demand, at once."""

from __future__ import annotations

from typing import Literal

from marketsim.policies import base
from marketsim.policies import policy as say
from marketsim.policies.placement.rule import Choices, Placement


class OnDemandOnly(Placement):
    """Start every job at once on the cheapest on-demand offer that can hold it: the plain cloud bill."""

    kind: Literal["on_demand_only"] = "on_demand_only"

    def bind(self, setup: say.Setup) -> base.PlacementBase:
        """A working rule."""
        return _OnDemandOnly(setup)


class _OnDemandOnly(base.PlacementBase):
    def __init__(self, setup: say.Setup) -> None:
        super().__init__(setup)
        self._choices = Choices(setup)

    def place(self, job: say.JobView, view: say.View, why: say.Why) -> say.Placed:
        offer = self._choices.cheapest(job, self._choices.on_demand[job.need_index], view)
        return None if offer is None else say.Start(job.id, offer, self.because("the cheapest on-demand offer"))

    def may_serve(self, offer: say.OfferFacts) -> bool:
        return offer.kind == "on_demand"
