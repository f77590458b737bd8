"""The job to the data or the data to the job, whichever is cheaper."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from marketsim.policies import base
from marketsim.policies import policy as say
from marketsim.policies.placement.rule import Choices, Placement
from marketsim.settings import Duration, NonNegative
from marketsim.units import HOUR_S


class DataAware(Placement):
    """Run where the data are until the extra paid for it has come to what moving them would cost.

    The cost of a start is price x estimated run time, transfer included, x the instances (or the share of an open one).
    Where the cheapest place holds the workload's data, that is it. Else the job goes to the data, and what it pays
    more than at the cheapest place is put to the workload's account; the data move once that account, with this job's
    part, reaches `break_even` x USD of the move (taking out, bringing in). By the ski-rental argument (Karlin et al.
    1988) workload and data together never cost more than twice what the better of the two would have. Where the
    data's place is full the job waits up to `wait_for_data` for it. Residency is checked before any rule: places that
    may not hold the data are never asked.
    """

    kind: Literal["data_aware"] = "data_aware"
    break_even: NonNegative = Field(default=1.0, description="extra paid over USD of a move, at which the data move")
    wait_for_data: Duration = Field(default=HOUR_S, description="how long a job waits for room where its data are")
    spot: bool = Field(default=False, description="whether spot offers are places too")

    def bind(self, setup: say.Setup) -> base.PlacementBase:
        """A working rule."""
        return _DataAware(self, setup)


class _DataAware(base.PlacementBase):
    def __init__(self, settings: DataAware, setup: say.Setup) -> None:
        super().__init__(setup)
        self._settings = settings
        self._choices = Choices(setup)
        spot = {offer.id for offer in setup.offers if offer.kind == "spot" and not settings.spot}
        self._places = [[offer for offer in offers if offer not in spot] for offers in self._choices.any]
        self._metered = {offer.id for offer in setup.offers if offer.metered}
        self._extra_usd: dict[str, float] = {}  # workload -> USD paid more to stay with its data

    def leave_at(self, job: say.JobView, view: say.View) -> int | None:
        return view.now_s + self._settings.wait_for_data if job.need.data_gb else None

    def place(self, job: say.JobView, view: say.View, why: say.Why) -> say.Placed:
        places = self._places[job.need_index]
        able = [offer for offer in places if view.can_start(job, offer)]
        if not able:
            return None
        run_usd = {offer: self._run_usd(job, offer, view) for offer in able}
        move_usd = {offer: view.data_usd(job, offer) for offer in able}
        with_data = [offer for offer in able if move_usd[offer] is None]
        best = min(able, key=lambda one: run_usd[one])
        if move_usd[best] is None:
            why_so = "cheapest at {usd:,.2f} USD, and nothing has to be brought there"
            return say.Start(job.id, best, self.because(why_so, usd=run_usd[best]))
        if not with_data:
            if not job.budget_ended and any(view.data_usd(job, offer) is None for offer in places):
                return say.Wait(self.because("there is no room where the data are; it waits for some"))
            best = min(able, key=lambda one: run_usd[one] + (move_usd[one] or 0.0))
            return self._bring(job, best, run_usd[best], move_usd[best] or 0.0)
        home = min(with_data, key=lambda one: run_usd[one])
        extra = self._extra_usd.get(job.need.workload, 0.0) + run_usd[home] - run_usd[best]
        cost = move_usd[best] or 0.0
        if extra >= self._settings.break_even * cost:
            self._extra_usd.pop(job.need.workload, None)
            return self._bring(job, best, run_usd[best], cost)
        self._extra_usd[job.need.workload] = extra
        why_so = "to its data: so far {extra:,.2f} USD more were paid than elsewhere, moving them costs {cost:,.2f}"
        return say.Start(job.id, home, self.because(why_so, extra=extra, cost=cost))

    def _bring(self, job: say.JobView, offer: str, run_usd: float, cost: float) -> say.Start:
        why_so = "the data come along for {cost:,.2f} USD, the run costs {usd:,.2f} USD there"
        return say.Start(job.id, offer, self.because(why_so, cost=cost, usd=run_usd))

    def _run_usd(self, job: say.JobView, offer: str, view: say.View) -> float:
        """USD of the whole run at today's price; what is committed costs nothing more."""
        if offer not in self._metered or (view.committed(offer) > 0 and view.can_start_committed(job, offer)):
            return 0.0
        need = self.setup.needs[view.size_at(job, offer)] if job.need.elastic else job.need
        return view.price(offer) * self._choices.paid(job, need, offer, view) * view.run_s(job, offer) / HOUR_S
