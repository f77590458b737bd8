"""Which shape to open: the one whose price is best covered by what the waiting jobs would pay elsewhere."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from marketsim.policies import base
from marketsim.policies import policy as say
from marketsim.policies.placement.rule import Choices, Placement
from marketsim.settings import PositiveCount
from marketsim.units import PPM


class PackShapes(Placement):
    """Fill what is open, the fullest first; open the shape that the jobs which wait fill at the best price.

    A job's reservation price is what an hour of its work costs alone, on the cheapest instance that can hold it:
    min over offers of price / speed. A new instance is worth what the jobs packed onto it would pay, the job itself and
    then those that wait behind it, in queue order as they fit: sum of reservation price x speed there. Opened is the
    offer with the largest worth / price that can start now, the cheaper of equals. Reservation prices and the test of
    a shape by their sum are those of Eva (EuroSys 2025); the greedy fill in queue order is ours. A gang of several
    instances takes them whole, at the least price a unit of work.
    """

    kind: Literal["pack_shapes"] = "pack_shapes"
    look_behind: PositiveCount = Field(default=64, description="waiting jobs looked at to fill a new instance")
    spot: bool = Field(default=True, description="whether spot shapes may be opened, reclaims not seen")

    def bind(self, setup: say.Setup) -> base.PlacementBase:
        """A working rule."""
        return _PackShapes(self, setup)


class _PackShapes(base.PlacementBase):
    def __init__(self, settings: PackShapes, setup: say.Setup) -> None:
        super().__init__(setup)
        self._settings = settings
        choices = self._choices = Choices(setup)
        kinds = ("on_demand", "serverless", "spot") if settings.spot else ("on_demand", "serverless")
        may = {offer.id for offer in setup.offers if offer.kind in kinds}
        self._open = [[offer for offer in offers if offer in may] for offers in choices.metered]
        self._behind_s = -1
        self._behind: list[say.JobView] = []

    def place(self, job: say.JobView, view: say.View, why: say.Why) -> say.Placed:
        need = job.need_index
        held = [offer for offer in self._choices.any[need] if view.can_start_committed(job, offer)]
        if held:
            offer = min(held, key=view.free_milli)
            return say.Start(job.id, offer, self.because("it fits on what is open already, where least is free"))
        able = [offer for offer in self._open[need] if view.can_start(job, offer)]
        if not able:
            return None
        if any(self.setup.needs[view.size_at(job, offer)].instances > 1 for offer in able):
            offer = min(able, key=lambda one: self._choices.work_usd(job, one, view))
            return say.Start(job.id, offer, self.because("a gang takes whole instances: the cheapest a unit of work"))
        behind = self._waiting_behind(job, view)
        worth = {offer: self._worth(job, behind, offer, view) for offer in able}
        offer = max(able, key=lambda one: (worth[one] / view.price(one), -view.price(one)))
        why_so = "its {price:.2f} USD an hour are covered {times:.2f} times by what the jobs on it would pay alone"
        price = view.price(offer)
        return say.Start(job.id, offer, self.because(why_so, price=price, times=worth[offer] / price))

    def _waiting_behind(self, job: say.JobView, view: say.View) -> list[say.JobView]:
        """The first jobs that wait at this second, the job itself left out; the queue is put in order once a second."""
        if self._behind_s != view.now_s:
            self._behind_s = view.now_s
            self._behind = list(view.waiting()[: self._settings.look_behind])
        return [one for one in self._behind if one.offer is None and one.id != job.id and one.need.instances == 1]

    def _worth(self, job: say.JobView, behind: list[say.JobView], offer: str, view: say.View) -> float:
        """USD an hour that the jobs which fit on one new instance would pay elsewhere."""
        index = self.setup.offer_index[offer]
        free = self.setup.offers[index].shape.milli
        worth = 0.0
        for one in (job, *behind):
            number = self.setup.fastest(one.need_index, index)
            need, speed = self.setup.needs[number], self._speed(one, index)
            if speed and need.milli <= free and need.instances == 1:
                free -= need.milli
                worth += self._reservation_usd(one, view) * speed / PPM
        return worth

    def _speed(self, job: say.JobView, index: int) -> float:
        """Millionths of what the declared gang does at the reference speed, at the size that the offer would run."""
        number = self.setup.fastest(job.need_index, index)
        return self.setup.speed_ppm[number][index] * (self.setup.needs[number].gang_milli / job.need.gang_milli)

    def _reservation_usd(self, job: say.JobView, view: say.View) -> float:
        """USD of what one hour at the reference speed costs alone on the cheapest instance; 0 where it has no price."""
        offers, index = self._open[job.need_index], self.setup.offer_index
        return min((view.price(one) * PPM / self._speed(job, index[one]) for one in offers), default=0.0)
