"""Spot while it lasts, on-demand when the wait is over."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from marketsim.policies import base
from marketsim.policies import policy as say
from marketsim.policies.placement.rule import Choices, Fruitless, Placement
from marketsim.settings import Duration, Positive, PositiveCount, Share
from marketsim.units import HOUR_S


class SpotGreedy(Placement):
    """Start on the cheapest spot offer; fall back to on-demand after a wait, and go back to spot if told to.

    A job that was taken back waits for spot again, for as long, until `give_up_after` attempts in a row kept no work;
    then it goes on demand and stays there. Its spells on spot are too short to reach a checkpoint, and it would
    otherwise begin for ever. An attempt that kept some work begins the count anew.
    """

    kind: Literal["spot_greedy"] = "spot_greedy"
    wait_before_fallback: Duration | Literal["never"] = Field(
        default=1800, description="how long a job waits for spot before it takes on-demand, or `never`"
    )
    max_spot_price_share: Share = Field(
        default=1.0, description="the dearest spot price taken, as a share of the cheapest on-demand price"
    )
    max_usd_per_gpu_hour: Positive | None = Field(default=None, description="the dearest spot price taken")
    min_on_demand_share: Share = Field(default=0.0, description="share of jobs, by number, that always take on-demand")
    give_up_after: PositiveCount = Field(
        default=5, description="attempts in a row that kept no work, after which a job takes on-demand (assumption)"
    )
    return_to_spot: bool = Field(default=False, description="move back from on-demand once spot can be had again")
    review: Duration = Field(default=HOUR_S, description="how often a return to spot is considered")

    def bind(self, setup: say.Setup) -> base.PlacementBase:
        """A working rule."""
        return _SpotGreedy(self, setup)


class _SpotGreedy(base.PlacementBase):
    def __init__(self, settings: SpotGreedy, setup: say.Setup) -> None:
        super().__init__(setup)
        self._settings = settings
        self._choices = Choices(setup)
        self._kind = {offer.id: offer.kind for offer in setup.offers}
        self._gpus = {offer.id: offer.shape.gpus for offer in setup.offers}
        self._spare = settings.min_on_demand_share
        self._fruitless = Fruitless(settings.give_up_after)
        if settings.return_to_spot:
            self.review_every_s = settings.review

    def leave_at(self, job: say.JobView, view: say.View) -> int | None:
        """When it has waited long enough for spot; at once where it always takes on-demand."""
        self._fruitless.note(job, view.now_s)
        if self._always_on_demand(job):
            return view.now_s  # spot is not for it, or has failed it often enough
        wait_s = self._settings.wait_before_fallback
        return None if wait_s == "never" else view.now_s + wait_s

    def place(self, job: say.JobView, view: say.View, why: say.Why) -> say.Placed:
        choices = self._choices
        if self._always_on_demand(job):
            if not job.budget_ended:
                return say.WAIT
            offer = choices.cheapest(job, choices.on_demand[job.need_index], view)
            why_so = self.because("of the share of jobs that always take on-demand")
            return None if offer is None else say.Start(job.id, offer, why_so)
        offer = choices.cheapest(job, self._affordable(job, view), view)
        if offer is not None:
            return say.Start(job.id, offer, self.because("the cheapest spot that can be had within the price caps"))
        if job.budget_ended:
            offer = choices.cheapest(job, choices.on_demand[job.need_index], view)
        why_so = self.because("no spot within the wait: the fallback")
        return None if offer is None else say.Start(job.id, offer, why_so)

    def _always_on_demand(self, job: say.JobView) -> bool:
        """Whether spot is not for it: it has been tried often enough, or the share says so, spread over job numbers."""
        if self._fruitless.enough(job):
            return True
        share = self._spare
        return int((job.id + 1) * share) > int(job.id * share)

    def _affordable(self, job: say.JobView, view: say.View) -> list[str]:
        """Spot offers whose price is within both caps."""
        spot = self._choices.spot[job.need_index]
        settings = self._settings
        if settings.max_usd_per_gpu_hour is not None:
            cap = settings.max_usd_per_gpu_hour
            spot = [offer for offer in spot if view.price(offer) <= cap * self._gpus[offer]]
        on_demand = self._choices.on_demand[job.need_index]
        if settings.max_spot_price_share < 1.0 and on_demand:
            work_usd = min(self._choices.work_usd(job, offer, view) for offer in on_demand)
            cap = settings.max_spot_price_share * work_usd
            spot = [offer for offer in spot if self._choices.work_usd(job, offer, view) <= cap]
        return spot

    def review(self, job: say.JobView, view: say.View) -> say.Move | say.Stop | None:
        if self._kind.get(job.offer or "") != "on_demand" or self._always_on_demand(job):
            return None
        offer = self._choices.cheapest(job, self._affordable(job, view), view)
        why_so = self.because("spot can be had again")
        return None if offer is None else say.Move(job.id, offer, why_so)

    def may_serve(self, offer: say.OfferFacts) -> bool:
        return offer.kind in ("on_demand", "spot", "token_api", "serverless")
