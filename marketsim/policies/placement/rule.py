"""The contract of a placement rule's settings, and what most rules share: who can hold a need, at what cost."""

from __future__ import annotations

from marketsim.demand.job import Need
from marketsim.policies import base
from marketsim.policies import policy as say
from marketsim.settings import Kind


class Placement(Kind):
    """Settings of where and when; `bind` makes the working rule of one run."""

    def bind(self, setup: say.Setup) -> base.PlacementBase:
        """A working rule."""
        raise NotImplementedError


class Fruitless:
    """Counts, for each job, attempts in a row that kept no work: a spell too short to reach a checkpoint is no use."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._seen: dict[int, tuple[int, int]] = {}  # job -> (work kept, attempts since that kept none)

    def note(self, job: say.JobView, now_s: int) -> None:
        """A job joins the queue."""
        if not job.attempt:
            return
        kept, count = self._seen.get(job.id, (0, 0))
        done = job.progress_at(now_s)
        self._seen[job.id] = (done, 0 if done > kept else count + 1)

    def enough(self, job: say.JobView) -> bool:
        """Whether it has tried in vain often enough."""
        seen = self._seen.get(job.id)
        return seen is not None and seen[1] >= self._limit


class Slots:
    """When a job may decide: once a slot of its own clock, which begins as it comes in.

    A slot ends after `slot_s`; or at once, when the job loses its instances to a reclaim, a failure or another job: the
    published rules pick in the instant after a preemption. A stop of the rule's own making is its pick for the slot.
    """

    def __init__(self, slot_s: int) -> None:
        self.slot_s = slot_s
        self._next_s: dict[int, int] = {}

    def joins(self, job: say.JobView, now_s: int) -> None:
        """A job joins the queue: for the first time, or because it has lost its instances or left them."""
        if self._next_s.get(job.id) != now_s + self.slot_s:
            self._next_s[job.id] = now_s

    def next_s(self, job: say.JobView) -> int:
        """The second at which its next slot begins."""
        return self._next_s.get(job.id, 0)

    def asleep(self, job: say.JobView, reason: say.Because | None = None) -> say.WakeAt:
        """To be asked at its next slot and no sooner."""
        return say.WakeAt(self.next_s(job), reason, no_sooner=True)

    def begin(self, job: say.JobView, now_s: int) -> None:
        """It decides: the slot begins."""
        self._next_s[job.id] = now_s + self.slot_s


class Choices:
    """For each need, the offers that can hold it, by what they are: worked out once a run."""

    def __init__(self, setup: say.Setup) -> None:
        self._setup = setup
        offers = setup.offers

        def able(need: int, *kinds: str) -> list[str]:
            return [one.id for one in offers if setup.runs(need, one.index) and one.kind in kinds]

        needs = range(len(setup.needs))
        self.committable = [
            [one.id for one in offers if setup.runs(need, one.index) and (one.committable or not one.metered)]
            for need in needs
        ]
        self.on_demand = [able(need, "on_demand", "serverless") for need in needs]
        self.spot = [able(need, "spot") for need in needs]
        self.any = [[one.id for one in offers if setup.runs(need, one.index)] for need in needs]
        self.metered = [[one.id for one in offers if setup.runs(need, one.index) and one.metered] for need in needs]

    def work_usd(self, job: say.JobView, offer: str, view: say.View) -> float:
        """USD that a start there now costs for each unit of the job's work: what cheapest means.

        Of an elastic job, at the size that it would be started at.
        """
        setup, need, number = self._setup, job.need, job.need_index
        index = setup.offer_index[offer]
        if need.elastic:
            number = view.size_at(job, offer)
            need = setup.needs[number]
        usd = view.price(offer) * self.paid(job, need, offer, view) / setup.speed_ppm[number][index]
        return usd * job.need.gang_milli / need.gang_milli if need is not job.need else usd

    def paid(self, job: say.JobView, need: Need, offer: str, view: say.View) -> float:
        """Instances that a start at a size (the job's need, or another of an elastic one) would pay for.

        A lease that must be launched is paid whole; of one that stands there already, the job's share counts.
        """
        if need.instances == 1 and view.can_start_committed(job, offer):
            return need.milli / self._setup.offers[self._setup.offer_index[offer]].shape.milli
        return float(need.instances)

    def cheapest(self, job: say.JobView, offers: list[str], view: say.View) -> str | None:
        """The offer where the job can start now at least cost a unit of work, the first of equals; None for none."""
        can_start = view.can_start
        able = [offer for offer in offers if can_start(job, offer)]
        if len(able) < 2:
            return able[0] if able else None
        return min(able, key=lambda offer: self.work_usd(job, offer, view))
