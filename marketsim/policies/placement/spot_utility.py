"""Spot by utility: what progress is worth now against what a zone asks, with the zone's life learnt by probing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from pydantic import Field

from marketsim.demand.job import NEVER, Need
from marketsim.policies import base
from marketsim.policies import policy as say
from marketsim.policies.placement.rule import Choices, Placement, Slots
from marketsim.settings import NonNegative, PositiveDuration
from marketsim.units import DAY_S, HOUR_S, PPM


class SpotUtility(Placement):
    """Take the spot zone that gives the most worth for its cost; the nearer the deadline, the more progress is worth.

    With W hours of work left, S hours to the deadline and launches of d hours, the pressure is P = W / (S - 2 d), and
    an hour of progress is worth P x the on-demand price. A zone that is expected to last L hours (never more than W +
    d) has the utility

        U = P x on_demand x (L - d) - price x L - USD of moving the data there.

    The zone with the largest U per hour of its life, U / L, is taken if U > 0, and a job moves where U exceeds the
    utility of staying, in which neither launch nor data count again. At P >= 1 it is on-demand at once. L is learnt by
    probing: each `decide_every` the rule looks whether an instance could be started in each zone; L = (prior + hours
    seen up) / (1 + ends seen), the mean of an exponential life after one prior observation. A probe costs nothing here.
    The rule follows what has been published for spot over several regions with egress and probing (SkyNomad, which
    builds on Can't Be Late, NSDI 2024); this statement of it is ours.
    """

    kind: Literal["spot_utility"] = "spot_utility"
    decide_every: PositiveDuration = Field(default=600, description="how often it probes and decides")
    prior_life: PositiveDuration = Field(default=6 * HOUR_S, description="life of a zone before any was seen")
    without_deadline: PositiveDuration = Field(
        default=3 * DAY_S, description="a job without a deadline is run as if it were due so long after its arrival"
    )
    move_margin: NonNegative = Field(default=0.05, description="share of its cost by which a move has to be better")

    def bind(self, setup: say.Setup) -> base.PlacementBase:
        """A working rule."""
        return _SpotUtility(self, setup)


@dataclass
class Probes:
    """What probing has seen of one zone."""

    up_s: int = 0
    ends: int = 0
    was_up: bool = False
    last_s: int = -1

    def look(self, now_s: int, up: bool, longest_s: int) -> None:
        """One look; the time since the last counts as up where it was up then, up to `longest_s` of it."""
        if self.was_up:
            self.up_s += min(now_s - self.last_s, longest_s)
            self.ends += not up
        self.was_up, self.last_s = up, now_s

    def life_s(self, prior_s: int) -> float:
        """Expected seconds that a zone which is up stays up."""
        return (prior_s + self.up_s) / (1 + self.ends)


class Standing(NamedTuple):
    """Where a job stands: hours of work left, to the deadline and of a launch; the pressure; USD an hour on demand.

    size: at which it would run there, which for an elastic job may be another than its need.
    """

    left_h: float
    time_h: float
    launch_h: float
    pressure: float
    on_demand_usd: float
    size: Need


class _SpotUtility(base.PlacementBase):
    reviewed_from_start = True

    def __init__(self, settings: SpotUtility, setup: say.Setup) -> None:
        super().__init__(setup)
        self._settings = settings
        self._choices = Choices(setup)
        self._zones = [offer.id for offer in setup.offers if offer.kind == "spot"]
        self._paid_anyway = {offer.id for offer in setup.offers if not offer.metered}
        self._probes = {zone: Probes() for zone in self._zones}
        self.review_every_s = settings.decide_every
        self._clock = Slots(settings.decide_every)
        self._probed_s = -1

    def leave_at(self, job: say.JobView, view: say.View) -> int | None:
        """Never; it is told here that a slot has ended early."""
        self._clock.joins(job, view.now_s)
        return None

    def place(self, job: say.JobView, view: say.View, why: say.Why) -> say.Placed:
        if not self._choices.any[job.need_index]:
            return None
        if view.now_s < self._clock.next_s(job):
            return self._clock.asleep(job)
        self._clock.begin(job, view.now_s)
        self._probe(view)
        at = self._standing(job, view)
        zone, utility = self._best(job, view, at)
        if at.pressure >= 1:
            offer = self._choices.cheapest(job, self._choices.on_demand[job.need_index], view)
            if offer is not None:
                return say.Start(job.id, offer, self._said(at, "on-demand: time is short", utility))
        if zone is not None and (utility > 0 or at.pressure >= 1):
            return say.Start(job.id, zone, self._said(at, "the zone of the largest utility", utility))
        return self._clock.asleep(job, self._said(at, "no zone is worth its cost now", utility))

    def review(self, job: say.JobView, view: say.View) -> say.Move | say.Stop | None:
        self._clock.begin(job, view.now_s)
        self._probe(view)
        here = job.offer or ""
        if job.overhead_left_s(view.now_s) or here in self._paid_anyway:
            return None
        at = self._standing(job, view)
        if at.pressure >= 1:
            return None  # what works is kept; a launch would cost time that is not there
        zone, utility = self._best(job, view, at)
        if here not in self._probes:
            if zone is None or utility <= 0:
                return None
            left_h = at.left_h + at.launch_h
            if (view.price(zone) * left_h) * (1 + self._settings.move_margin) >= at.on_demand_usd * at.left_h:
                return None
            return say.Move(job.id, zone, self._said(at, "back to spot: there is time again", utility))
        staying = self._utility(job, here, view, at, moves=False)
        if zone is None or zone == here or utility <= staying * (1 + self._settings.move_margin) or utility <= 0:
            return None
        return say.Move(job.id, zone, self._said(at, "another zone is worth more than this one", utility))

    def _probe(self, view: say.View) -> None:
        now, longest_s = view.now_s, 2 * self._settings.decide_every
        if self._probed_s == now:
            return
        self._probed_s = now
        for zone in self._zones:
            self._probes[zone].look(now, view.launchable(zone) > 0, longest_s)

    def _best(self, job: say.JobView, view: say.View, at: Standing) -> tuple[str | None, float]:
        """The zone of the largest utility an hour that can be had, with that utility in USD an hour."""
        best: str | None = None
        best_usd = float("-inf")
        for zone in self._choices.spot[job.need_index]:
            if view.can_start(job, zone):
                usd = self._utility(job, zone, view, at, moves=True)
                if usd > best_usd:
                    best, best_usd = zone, usd
        return best, best_usd

    def _standing(self, job: say.JobView, view: say.View) -> Standing:
        now, setup = view.now_s, self.setup
        offers = self._choices.on_demand[job.need_index] or self._choices.any[job.need_index]
        index = setup.offer_index[offers[0]]
        size = setup.fastest(job.need_index, index)
        need = setup.needs[size]
        per_h = need.gang_milli * setup.speed_ppm[size][index] / PPM * HOUR_S
        deadline_s = job.deadline_s if job.deadline_s < NEVER else job.arrival_s + self._settings.without_deadline
        left_h = job.estimated_left(now) / per_h
        time_h = (deadline_s - now) / HOUR_S
        launch_h = (setup.offers[index].boot_s + need.checkpoint.restart_s) / HOUR_S
        spare_h = time_h - 2 * launch_h - self._settings.decide_every / HOUR_S
        on_demand = self._choices.on_demand[job.need_index]
        priced = on_demand or self._choices.spot[job.need_index]
        usd = min((view.price(offer) for offer in priced), default=0.0) * need.instances
        return Standing(left_h, time_h, launch_h, left_h / spare_h if spare_h > 0 else float("inf"), usd, need)

    def _utility(self, job: say.JobView, zone: str, view: say.View, at: Standing, moves: bool) -> float:
        """USD an hour of the zone's life; `moves`: with a launch and the data's way before it."""
        launch_h, left_h, need = at.launch_h if moves else 0.0, at.left_h, at.size
        rate = 1.0  # what an hour here does of the work of one on demand, where the job is elastic
        if job.need.elastic:
            need = self.setup.needs[view.size_at(job, zone)] if moves else job.held
            rate = need.gang_milli * need.efficiency_ppm / (at.size.gang_milli * at.size.efficiency_ppm)
            left_h /= rate
        life_h = min(self._probes[zone].life_s(self._settings.prior_life) / HOUR_S, left_h + launch_h)
        data_usd = (view.data_usd(job, zone) or 0.0) if moves else 0.0
        pressure = min(at.pressure, 1.0)
        worth = pressure * at.on_demand_usd * rate * max(life_h - launch_h, 0.0)
        return (worth - view.price(zone) * need.instances * life_h - data_usd) / life_h

    def _said(self, at: Standing, what: str, utility: float) -> say.Because | None:
        if not self.explain:
            return None
        return self.because(
            "{what}: pressure {pressure:.2f} ({left_h:.2f} h of work in {time_h:.2f} h), best utility {usd:+.2f} USD/h",
            what=what, pressure=at.pressure, left_h=at.left_h, time_h=at.time_h, usd=utility,
        )  # fmt: skip
