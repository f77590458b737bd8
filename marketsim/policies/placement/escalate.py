"""The less time is left, the dearer the place: own capacity, then spot, then on-demand."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from marketsim.demand.job import NEVER
from marketsim.policies import base
from marketsim.policies import policy as say
from marketsim.policies.placement.rule import Choices, Placement
from marketsim.settings import Duration, NonNegative, PositiveDuration
from marketsim.units import HOUR_S


class LeastSlackEscalation(Placement):
    """Climb from own capacity to spot to on-demand as the slack runs out (least-slack escalation).

    slack = deadline - now - run time left on the fastest on-demand offer, launch included. With more than `patient`
    slack a job waits for what is owned or rented; below it, it takes the cheapest spot too; below `hurry` it takes
    on-demand, and a job that runs on spot moves there. `hurry` is a time and a share of the run time left, whichever is
    more: what a reclaim would cost grows with the run. A job without a deadline is taken to have `no_deadline` slack
    when it comes. Slack as a priority is Mok's least-laxity-first (1983); the ladder of places is ours.
    """

    kind: Literal["least_slack_escalation"] = "least_slack_escalation"
    patient: Duration = Field(default=12 * HOUR_S, description="slack above which only own capacity is taken")
    hurry: Duration = Field(default=HOUR_S, description="slack below which on-demand is taken")
    hurry_share: NonNegative = Field(default=0.1, description="the same as a share of the run time left")
    no_deadline: Duration = Field(default=24 * HOUR_S, description="slack at arrival of a job without a deadline")
    review: PositiveDuration = Field(default=900, description="how often running jobs are looked at")

    def bind(self, setup: say.Setup) -> base.PlacementBase:
        """A working rule."""
        return _Escalation(self, setup)


class _Escalation(base.PlacementBase):
    def __init__(self, settings: LeastSlackEscalation, setup: say.Setup) -> None:
        super().__init__(setup)
        self._settings = settings
        self._choices = Choices(setup)
        self._kind = {offer.id: offer.kind for offer in setup.offers}
        self.review_every_s = settings.review

    def place(self, job: say.JobView, view: say.View, why: say.Why) -> say.Placed:
        choices, need, settings = self._choices, job.need_index, self._settings
        slack_s, hurry_s = self._slack_s(job, view)
        for offer in choices.committable[need]:
            if view.can_start_committed(job, offer):
                return say.Start(job.id, offer, self._said("own capacity is free", slack_s, hurry_s))
        if slack_s > max(settings.patient, hurry_s):
            wake_s = view.now_s + slack_s - max(settings.patient, hurry_s)
            return say.WakeAt(wake_s, self._said("time enough to wait for own capacity", slack_s, hurry_s))
        spot = choices.cheapest(job, choices.spot[need], view)
        if slack_s > hurry_s:
            if spot is not None:
                return say.Start(job.id, spot, self._said("time enough for spot", slack_s, hurry_s))
            wake_s = view.now_s + slack_s - hurry_s
            return say.WakeAt(wake_s, self._said("time enough to wait for spot", slack_s, hurry_s))
        last = choices.cheapest(job, choices.on_demand[need], view) or spot
        return None if last is None else say.Start(job.id, last, self._said("in a hurry", slack_s, hurry_s))

    def review(self, job: say.JobView, view: say.View) -> say.Move | say.Stop | say.WakeAt | None:
        """Off spot once the slack would not outlast a reclaim, unless the end is near anyway."""
        if self._kind[job.offer or ""] != "spot" or job.deadline_s >= NEVER:
            return say.WakeAt(NEVER)
        slack_s, hurry_s = self._slack_s(job, view)
        if slack_s > hurry_s or slack_s < 0:
            return None
        cloud = self._choices.cheapest(job, self._choices.on_demand[job.need_index], view)
        if cloud is None:
            return None
        return say.Move(job.id, cloud, self._said("off spot: a reclaim would make it late", slack_s, hurry_s))

    def _slack_s(self, job: say.JobView, view: say.View) -> tuple[int, int]:
        """Seconds of slack if it went to on-demand now, and below how many it is in a hurry."""
        offers = self._choices.on_demand[job.need_index] or self._choices.any[job.need_index]
        run_s = min((view.run_s(job, offer) for offer in offers), default=0)
        hurry_s = max(self._settings.hurry, round(self._settings.hurry_share * run_s))
        if job.deadline_s < NEVER:
            return job.deadline_s - view.now_s - run_s, hurry_s
        return job.arrival_s + self._settings.no_deadline - view.now_s, hurry_s

    def _said(self, what: str, slack_s: int, hurry_s: int) -> say.Because | None:
        if not self.explain:
            return None
        return self.because(
            "{what}: {slack_h:.2f} h of slack, in a hurry below {hurry_h:.2f} h",
            what=what, slack_h=slack_s / HOUR_S, hurry_h=hurry_s / HOUR_S,
        )  # fmt: skip
