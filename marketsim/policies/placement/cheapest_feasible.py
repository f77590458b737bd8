"""The cheapest place that, by the estimate, still meets the deadline."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from marketsim.demand.job import NEVER
from marketsim.policies import base
from marketsim.policies import policy as say
from marketsim.policies.placement.rule import Choices, Fruitless, Placement
from marketsim.settings import Duration, NonNegative, PositiveCount
from marketsim.units import HOUR_S


class CheapestFeasible(Placement):
    """Among offers that can start the job now and whose expected finish meets its deadline, the least expected cost.

    Committed capacity costs nothing more and comes first. Spot counts with a margin for being taken back. A job with
    time to spare waits for something cheaper than on-demand until its slack is used up; one without a deadline waits
    `patience` for it. Where nothing meets the deadline any more, the earliest finish is taken.

    A job whose last `give_up_after` attempts in a row kept no work takes no spot any more, and does not wait for it:
    its spells there are too short to reach a checkpoint. An attempt that kept some work begins the count anew.
    """

    kind: Literal["cheapest_feasible"] = "cheapest_feasible"
    spot_margin: NonNegative = Field(
        default=0.25, description="share of its run time by which a job on spot is expected to be late (assumption)"
    )
    keep_slack: Duration = Field(default=HOUR_S, description="slack at which a waiting job takes on-demand")
    patience: Duration = Field(default=6 * HOUR_S, description="wait of jobs without a deadline before on-demand")
    give_up_after: PositiveCount = Field(
        default=5, description="attempts in a row that kept no work, after which a job takes no spot (assumption)"
    )

    def bind(self, setup: say.Setup) -> base.PlacementBase:
        """A working rule."""
        return _CheapestFeasible(self, setup)


class _CheapestFeasible(base.PlacementBase):
    def __init__(self, settings: CheapestFeasible, setup: say.Setup) -> None:
        super().__init__(setup)
        self._settings = settings
        self._choices = Choices(setup)
        self._fruitless = Fruitless(settings.give_up_after)
        self._spot = {offer.id for offer in setup.offers if offer.kind == "spot"}
        self._metered = {offer.id for offer in setup.offers if offer.metered}
        choices = self._choices
        cheap = [[*committed, *spot] for committed, spot in zip(choices.committable, choices.spot, strict=True)]
        # by whether it has tried spot in vain, whether its time is up, and need: where it may go
        self._open = [
            [[[offer for offer in offers if not vain or offer not in self._spot] for offers in by_need]
             for by_need in (cheap, choices.any)]
            for vain in (False, True)
        ]  # fmt: skip

    def leave_at(self, job: say.JobView, view: say.View) -> int | None:
        """Until when it is worth waiting for something cheaper than on-demand."""
        self._fruitless.note(job, view.now_s)
        if job.deadline_s >= NEVER:
            return view.now_s if self._fruitless.enough(job) else view.now_s + self._settings.patience
        on_demand = self._choices.on_demand[job.need_index]
        if not on_demand:
            return job.deadline_s
        return job.deadline_s - min(view.run_s(job, offer) for offer in on_demand) - self._settings.keep_slack

    def place(self, job: say.JobView, view: say.View, why: say.Why) -> say.Placed:
        choices, vain, can_start = self._choices, self._fruitless.enough(job), view.can_start
        able = [offer for offer in self._open[vain][job.budget_ended][job.need_index] if can_start(job, offer)]
        if not able:
            return say.WAIT if vain else None
        now = view.now_s
        finish_s = {offer: now + self._expected_s(job, offer, view) for offer in able}
        in_time = [offer for offer in able if finish_s[offer] <= job.deadline_s]
        if free := [offer for offer in in_time if self._is_free(job, offer, view)]:
            why_so = self.because("in time on capacity that is paid whether used or not")
            return say.Start(job.id, min(free, key=lambda offer: finish_s[offer]), why_so)
        if priced := [offer for offer in in_time if offer in self._metered]:
            why_so = self.because("the cheapest a unit of work of those that are expected to be in time")
            return say.Start(job.id, min(priced, key=lambda offer: choices.work_usd(job, offer, view)), why_so)
        if job.budget_ended:
            why_so = self.because("none is expected to be in time: the earliest finish")
            return say.Start(job.id, min(able, key=lambda offer: finish_s[offer]), why_so)
        if self.explain:
            return say.Wait(self.because("what is cheap now would be late, and there is time to wait for better"))
        return say.WAIT

    def _expected_s(self, job: say.JobView, offer: str, view: say.View) -> int:
        seconds = view.run_s(job, offer)
        return round(seconds * (1 + self._settings.spot_margin)) if offer in self._spot else seconds

    def _is_free(self, job: say.JobView, offer: str, view: say.View) -> bool:
        """Whether the job would run on committed capacity, paid whether used or not."""
        return view.committed(offer) > 0 and view.can_start_committed(job, offer)
