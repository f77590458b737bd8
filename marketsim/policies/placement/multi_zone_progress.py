"""Uniform progress over several spot zones: on the line as before, in the cheapest zone that is up."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from marketsim.policies import base
from marketsim.policies import policy as say
from marketsim.policies.placement.slotted import SPOT, SlottedRule
from marketsim.policies.placement.uniform_progress import UniformProgress
from marketsim.settings import NonNegative
from marketsim.units import HOUR_S


class MultiZoneProgress(UniformProgress):
    """Keep on schedule on the cheapest spot zone; move to a cheaper zone when that pays for the restart.

    When to be on spot, on on-demand or idle is `uniform_progress` (Can't Be Late, NSDI 2024), with spot read as "some
    zone is up"; a zone that is taken back is so replaced by another at once. A job that runs on spot at p USD
    an hour moves to a zone at q when (p - q) x hours of work left > q x hours of a launch + USD of moving its data,
    times `move_margin`. The published rule has one zone; this form of several is ours.
    """

    kind: Literal["multi_zone_progress"] = "multi_zone_progress"  # type: ignore[assignment]
    move_margin: NonNegative = Field(default=1.0, description="how many times its cost a move has to save")

    def bind(self, setup: say.Setup) -> base.PlacementBase:
        """A working rule."""
        return _MultiZone(self, setup)


class _MultiZone(SlottedRule):
    def __init__(self, settings: MultiZoneProgress, setup: say.Setup) -> None:
        super().__init__(settings, setup)
        self._margin = settings.move_margin

    def review(self, job: say.JobView, view: say.View) -> say.Move | say.Stop | None:
        """Move between zones only where the job stays on spot anyway and is past its overhead."""
        if view.now_s < self._clock.next_s(job):
            return None
        here = job.offer or ""
        pick, _ = self._decide(job, view)
        if pick != SPOT or self._on[here] != SPOT:
            return self.change(job, pick, view)
        offer = None if job.overhead_left_s(view.now_s) else self._cheapest(job, SPOT, view)
        if offer is None or offer == here:
            return None
        saved, cost = self._saved_usd(job, here, offer, view)
        if saved <= self._margin * cost:
            return None
        why = "the move saves {saved_usd:,.2f} USD on the work left and costs {cost_usd:,.2f} USD"
        return say.Move(job.id, offer, self.because(why, saved_usd=saved, cost_usd=cost))

    def _saved_usd(self, job: say.JobView, here: str, there: str, view: say.View) -> tuple[float, float]:
        """USD that the rest of the work is cheaper there, and USD of a launch and of the data's way."""
        setup, need = self.setup, job.need
        left = job.estimated_left(view.now_s)
        numbers = {here: setup.held(job), there: view.size_at(job, there)}
        usd = {}
        for offer, number in numbers.items():
            index, size = setup.offer_index[offer], setup.needs[number]
            hours = left * 1e6 / (size.gang_milli * setup.speed_ppm[number][index]) / HOUR_S
            usd[offer] = view.price(offer) * size.instances * hours
        launch_s = setup.offers[setup.offer_index[there]].boot_s + need.checkpoint.restart_s
        launch_s += setup.transfer_s[job.need_index][setup.offer_index[there]]
        cost = view.price(there) * setup.needs[numbers[there]].instances * launch_s / HOUR_S + (
            view.data_usd(job, there) or 0.0
        )
        return usd[here] - usd[there], cost
