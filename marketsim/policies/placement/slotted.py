"""What the published spot-and-deadline rules share: once a slot, a job is put on spot, on on-demand, or left idle.

They were stated for one job in one zone, in slots of g seconds (Wu et al., Can't Be Late, NSDI 2024, and the programs
published with it). A rule here states only its `pick`; it sees a `Slot`: T seconds of work in all, c done, t seconds
since arrival, R to the deadline, an overhead of d at each launch. Times are those of the on-demand offer the job would
use. With several spot offers the cheapest that can start the job stands for spot. The published rules know one speed:
of an elastic job it is that at the fastest size on demand, and where it is started at a slower one it may be late.

Slots are the job's own: the first begins as it comes in, the next `decide_every` later, or at once where its instance
is taken away, as in the published mechanics a preemption is followed by a pick. What else happens in the market
meanwhile changes nothing. In gap mode all slots lie on the clock's grid.
"""

from __future__ import annotations

import math
from typing import Final, Literal, NamedTuple

from pydantic import Field

from marketsim.demand.job import NEVER, Need, raised
from marketsim.policies import base
from marketsim.policies import policy as say
from marketsim.policies.placement.rule import Choices, Placement, Slots
from marketsim.settings import PositiveDuration
from marketsim.units import DAY_S, HOUR_S, PPM

IDLE: Final = "idle"
SPOT: Final = "spot"
ON_DEMAND: Final = "on_demand"
Pick = Literal["idle", "spot", "on_demand"]


class Slot(NamedTuple):
    """One job at the start of a slot; seconds, except `now_on` and `spot_here`."""

    job: int
    T: float  # work in all, by the estimate
    c: float  # work done
    t: int  # since arrival
    R: int  # from arrival to the deadline
    d: int  # overhead of a launch
    g: int  # length of a slot
    pend: int  # overhead left of the present launch
    now_on: Pick
    spot_here: bool  # spot can be had in this slot

    def up(self, seconds: float) -> float:
        """Rounded up to whole slots."""
        return math.ceil(seconds / self.g) * self.g

    def down(self, seconds: float) -> float:
        """Rounded down to whole slots."""
        return math.floor(seconds / self.g) * self.g

    @property
    def spot_or_idle(self) -> Pick:
        """Spot if it can be had, else nothing."""
        return SPOT if self.spot_here else IDLE

    @property
    def last_call(self) -> Pick:
        """What is left when time is up: a spot instance that works is kept, else on-demand; without overhead, spot."""
        if self.now_on == SPOT and not self.pend:
            return SPOT
        return SPOT if not self.d and self.spot_here else ON_DEMAND


class Slotted(Placement):
    """Settings of every slotted rule."""

    decide_every: PositiveDuration = Field(default=600, description="length of a slot")
    without_deadline: PositiveDuration = Field(
        default=3 * DAY_S, description="a job without a deadline is run as if it were due so long after its arrival"
    )

    def pick(self, slot: Slot, memory: dict[str, float]) -> Pick:
        """Where the job should be in this slot; `memory` is the job's own and starts empty."""
        raise NotImplementedError

    def stays(self, slot: Slot, done_per_s: float) -> float:
        """For how many seconds at least a running job will be picked to stay where it is, if it is left in peace.

        done_per_s: work done in a second once its overhead is over, in the slot's unit. At each slot, where a rule says
        no more.
        """
        return 0.0

    def bind(self, setup: say.Setup) -> base.PlacementBase:
        """A working rule."""
        return SlottedRule(self, setup)


class SlottedRule(base.PlacementBase):
    """Asks `pick` once a slot of each job's own clock, whether it waits or runs, and says what to change."""

    reviewed_from_start = True  # a job starts as its slot begins, so that reviews fall on its slots

    def __init__(self, settings: Slotted, setup: say.Setup) -> None:
        super().__init__(setup)
        self._settings = settings
        self._choices = Choices(setup)
        self._on: dict[str | None, Pick] = {None: IDLE}
        for offer in setup.offers:
            self._on[offer.id] = SPOT if offer.kind == SPOT else ON_DEMAND
        self.review_every_s = settings.decide_every
        self._memory: dict[int, dict[str, float]] = {}
        self._known: dict[int, tuple[Need, float, int]] = {}
        self._clock = Slots(settings.decide_every)
        self._slots: dict[int, Slot] = {}  # the last of each job, where reasons are asked for

    def leave_at(self, job: say.JobView, view: say.View) -> int | None:
        """Never; it is told here that a slot has ended early."""
        self._clock.joins(job, view.now_s)
        return None

    def place(self, job: say.JobView, view: say.View, why: say.Why) -> say.Placed:
        if not self._choices.any[job.need_index]:
            return None  # no offer of this market can ever hold it
        if view.now_s < self._clock.next_s(job):
            return self._clock.asleep(job)
        pick, _ = self._decide(job, view)
        offer = self._cheapest(job, pick, view)
        if offer is None:
            return self._clock.asleep(job, self._why(job, pick))
        return say.Start(job.id, offer, self._why(job, pick))

    def review(self, job: say.JobView, view: say.View) -> say.Move | say.Stop | say.WakeAt | None:
        if view.now_s < self._clock.next_s(job):
            return None
        pick, slot = self._decide(job, view)
        if pick != slot.now_on:
            return self.change(job, pick, view)
        per_s, _ = self._alone(job)
        speed_ppm = self.setup.speed_ppm[self.setup.held(job)][self.setup.offer_index[job.offer or ""]]
        stays_s = self._settings.stays(slot, job.held.gang_milli * speed_ppm / PPM / per_s)
        return say.WakeAt(NEVER if math.isinf(stays_s) else view.now_s + math.floor(stays_s)) if stays_s else None

    def change(self, job: say.JobView, pick: Pick, view: say.View) -> say.Move | say.Stop | None:
        """Off the instance, or over to an offer; None where it is as picked, or what was picked cannot be had."""
        if pick == self._on[job.offer]:
            return None
        if pick == IDLE:
            return say.Stop(job.id, self._why(job, pick))
        offer = self._cheapest(job, pick, view)
        return None if offer is None else say.Move(job.id, offer, self._why(job, pick))

    def _cheapest(self, job: say.JobView, pick: Pick, view: say.View) -> str | None:
        """The offer for a pick; None where none can be had, or for idle."""
        if pick == IDLE:
            return None
        kinds = self._choices.spot if pick == SPOT else self._choices.on_demand
        return self._choices.cheapest(job, kinds[job.need_index], view)

    def _why(self, job: say.JobView, pick: Pick) -> say.Because | None:
        """The last slot of the job, in words."""
        if not self.explain or job.id not in self._slots:
            return None
        slot = self._slots[job.id]
        return self.because(
            "{pick}: {done:.1%} of the work is done at {gone:.1%} of the time to the deadline, {left_h:.2f} h of work "
            "and launches of {launch_s} s against {time_h:.2f} h left, spot {spot}",
            pick=pick.replace("_", "-"),
            done=slot.c / slot.T,
            gone=slot.t / slot.R,
            left_h=(slot.T - slot.c) / HOUR_S,
            launch_s=slot.d,
            time_h=(slot.R - slot.t) / HOUR_S,
            spot="can be had" if slot.spot_here else "cannot be had",
        )

    def _decide(self, job: say.JobView, view: say.View) -> tuple[Pick, Slot]:
        """The pick of the slot that begins now."""
        self._clock.begin(job, view.now_s)
        spot = self._choices.spot[job.need_index]
        spot_here = self._on[job.offer] == SPOT or any(view.can_start(job, offer) for offer in spot)
        slot = self._slot(job, view.now_s, spot_here)
        if self.explain:
            self._slots[job.id] = slot
        pick = self._settings.pick(slot, self._memory.setdefault(job.id, {}))
        return IDLE if pick == SPOT and not spot_here else pick, slot

    def _alone(self, job: say.JobView) -> tuple[float, int]:
        """Work a second and seconds of a launch on the on-demand offer that it would use; kept by need."""
        need = job.need
        known = self._known.get(job.need_index)
        if known is None or known[0] is not need:  # a lever may have changed it
            offers = self._choices.on_demand[job.need_index] or self._choices.any[job.need_index]
            index = self.setup.offer_index[offers[0]]
            size = self.setup.fastest(job.need_index, index)
            per_s = self.setup.needs[size].gang_milli * self.setup.speed_ppm[size][index] / PPM
            overhead_s = need.checkpoint.restart_s + self.setup.offers[index].boot_s
            known = self._known[job.need_index] = (need, per_s, overhead_s)
        return known[1], known[2]

    def _slot(self, job: say.JobView, now: int, spot_here: bool) -> Slot:
        per_s, overhead_s = self._alone(job)
        deadline_s = job.deadline_s if job.deadline_s < NEVER else job.arrival_s + self._settings.without_deadline
        done = job.progress_at(now)
        return Slot(
            job=job.id,
            T=raised(job.estimate, done) / per_s,
            c=done / per_s,
            t=now - job.arrival_s,
            R=max(deadline_s - job.arrival_s, 1),  # one that comes in too late is late at once
            d=overhead_s,
            g=self._settings.decide_every,
            pend=job.overhead_left_s(now),
            now_on=self._on[job.offer],
            spot_here=spot_here,
        )
