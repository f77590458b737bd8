"""What is done today: each workload on the offer where it was recorded, or in the recorded proportions."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from marketsim.errors import Fault, InputError, nearest
from marketsim.policies import base
from marketsim.policies import policy as say
from marketsim.policies.placement.rule import Choices, Placement
from marketsim.settings import Duration, Name, Share


class AsRecorded(Placement):
    """Start where the record says; what cannot start there takes on-demand after a wait, as people do.

    A workload that the record does not place goes to the offer that is furthest behind its recorded share of work;
    without shares, to committed capacity that is free and then to the cheapest.
    """

    kind: Literal["as_recorded"] = "as_recorded"
    where: dict[Name, Name] = Field(default_factory=dict, description="workload -> the offer it ran on")
    shares: dict[Name, Share] = Field(default_factory=dict, description="offer -> share of the work that it did")
    wait_before_fallback: Duration = Field(
        default=1800, description="how long a job waits for its own offer before it takes on-demand"
    )

    def bind(self, setup: say.Setup) -> base.PlacementBase:
        """A working rule; InputError for an offer that is not there."""
        known = setup.offer_index
        faults = [
            Fault("no such offer", key=f"placement.{key}", got=name, hint=nearest(name, known))
            for key, names in (("where", self.where.values()), ("shares", self.shares))
            for name in names
            if name not in known
        ]
        if faults:
            raise InputError(faults)
        return _AsRecorded(self, setup)


class _AsRecorded(base.PlacementBase):
    def __init__(self, settings: AsRecorded, setup: say.Setup) -> None:
        super().__init__(setup)
        self._settings = settings
        self._choices = Choices(setup)
        self._done: dict[str, float] = dict.fromkeys(settings.shares, 0.0)  # work placed by share

    def leave_at(self, job: say.JobView, view: say.View) -> int | None:
        """When it has waited long enough for its own offer."""
        return view.now_s + self._settings.wait_before_fallback

    def place(self, job: say.JobView, view: say.View, why: say.Why) -> say.Placed:
        need, choices = job.need_index, self._choices
        own = self._settings.where.get(job.need.workload)
        if own is None:
            return self._by_share(job, view)
        if view.can_start(job, own):
            return say.Start(job.id, own)
        if job.budget_ended:
            offer = choices.cheapest(job, choices.on_demand[need] or choices.metered[need], view)
            return None if offer is None else say.Start(job.id, offer)
        return say.WAIT

    def _by_share(self, job: say.JobView, view: say.View) -> say.Placed:
        choices, shares = self._choices, self._settings.shares
        able = [offer for offer in choices.any[job.need_index] if view.can_start(job, offer)]
        sharing = [offer for offer in able if shares.get(offer)]
        if sharing:
            offer = min(sharing, key=lambda name: (self._done[name] / shares[name], name))
            self._done[offer] += job.estimate
            return say.Start(job.id, offer)
        free = [offer for offer in choices.committable[job.need_index] if view.can_start_committed(job, offer)]
        found = free[0] if free else choices.cheapest(job, able, view)
        return None if found is None else say.Start(job.id, found)
