"""Own and rented capacity first; what has waited long enough bursts to the cloud."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import Field

from marketsim.demand.job import NEVER
from marketsim.policies import base
from marketsim.policies import policy as say
from marketsim.policies.placement.rule import Choices, Placement
from marketsim.settings import Duration, Kind, NonNegative, one_of
from marketsim.units import HOUR_S


class Budget(Kind):
    """How long a job waits for committed capacity before it may burst; in seconds, rounded up."""

    def wait_s(self, job: say.JobView) -> int:
        """Whole seconds."""
        raise NotImplementedError


class ZeroBudget(Budget):
    """No waiting: what does not fit at once bursts."""

    kind: Literal["zero"] = "zero"

    def wait_s(self, job: say.JobView) -> int:
        """0."""
        return 0


class ConstantBudget(Budget):
    """The same wait for every job."""

    kind: Literal["constant"] = "constant"
    wait: Duration = Field(description="how long a job waits")

    def wait_s(self, job: say.JobView) -> int:
        """The wait."""
        return self.wait


class LengthBudget(Budget):
    """Short jobs wait so long, long jobs so long (GAIA, ASPLOS 2024)."""

    kind: Literal["by_length"] = "by_length"
    short: Duration = Field(description="wait of jobs shorter than the limit by estimate")
    long: Duration = Field(description="wait of the others")
    limit: Duration = Field(default=2 * HOUR_S, description="what is shorter counts as short")

    def wait_s(self, job: say.JobView) -> int:
        """By the estimated run time on the reference GPU."""
        return self.short if job.estimate < self.limit * job.need.gang_milli else self.long


class RuntimeBudget(Budget):
    """In proportion to the estimated run time (Starburst, USENIX ATC 2024)."""

    kind: Literal["linear_runtime"] = "linear_runtime"
    factor: NonNegative = Field(description="seconds of waiting for a second of run time")

    def wait_s(self, job: say.JobView) -> int:
        """factor x seconds."""
        return math.ceil(self.factor * (job.estimate / job.need.gang_milli) - 1e-9)


class CapacityBudget(Budget):
    """In proportion to the GPUs asked for (Starburst, USENIX ATC 2024)."""

    kind: Literal["linear_capacity"] = "linear_capacity"
    seconds_per_gpu: NonNegative = Field(description="seconds of waiting for a GPU of the gang")

    def wait_s(self, job: say.JobView) -> int:
        """seconds x GPUs."""
        return math.ceil(self.seconds_per_gpu * job.need.gang_milli / 1000 - 1e-9)


class CostBudget(Budget):
    """In proportion to GPUs x run time, which is what a burst would cost (Starburst, USENIX ATC 2024)."""

    kind: Literal["linear_cost"] = "linear_cost"
    factor: NonNegative = Field(description="seconds of waiting for an estimated GPU-second of work")

    def wait_s(self, job: say.JobView) -> int:
        """factor x GPU-seconds."""
        return math.ceil(self.factor * job.estimate / 1000 - 1e-9)


class InfiniteBudget(Budget):
    """Never burst."""

    kind: Literal["infinite"] = "infinite"

    def wait_s(self, job: say.JobView) -> int:
        """For ever."""
        return NEVER


BUDGETS: dict[str, type[Budget]] = {
    "zero": ZeroBudget,
    "constant": ConstantBudget,
    "by_length": LengthBudget,
    "linear_runtime": RuntimeBudget,
    "linear_capacity": CapacityBudget,
    "linear_cost": CostBudget,
    "infinite": InfiniteBudget,
}


class CommittedFirst(Placement):
    """Use what is owned or rented; a job whose waiting budget has ended bursts to the cloud.

    A job whose budget ends leaves for the cloud even if space has just come free: it has been promised to, and the
    published rule does so. spot_up_to: jobs estimated no longer than this burst to spot instead, at once.
    """

    kind: Literal["committed_first"] = "committed_first"
    burst_after: one_of(BUDGETS) = Field(  # type: ignore[valid-type]
        default=ConstantBudget(wait="2 h"),  # type: ignore[arg-type]
        description="how long a job waits for committed capacity before it bursts",
    )
    burst_to: Literal["on_demand", "spot", "cheapest"] = Field(
        default="on_demand", description="where it bursts: the cheapest offer of this kind, or of both"
    )
    spot_up_to: Annotated[
        Duration, Field(description="jobs estimated no longer than this start on spot at arrival; 0 s for none")
    ] = 0

    def bind(self, setup: say.Setup) -> base.PlacementBase:
        """A working rule."""
        return _CommittedFirst(self, setup)


class _CommittedFirst(base.PlacementBase):
    def __init__(self, settings: CommittedFirst, setup: say.Setup) -> None:
        super().__init__(setup)
        self._settings = settings
        choices = self._choices = Choices(setup)
        self._committed = choices.committable
        bursts = {"on_demand": choices.on_demand, "spot": choices.spot, "cheapest": choices.metered}
        self._burst = bursts[settings.burst_to]

    def leave_at(self, job: say.JobView, view: say.View) -> int | None:
        wait_s = self._settings.burst_after.wait_s(job)
        return None if wait_s >= NEVER else job.arrival_s + wait_s

    def place(self, job: say.JobView, view: say.View, why: say.Why) -> say.Placed:
        need = job.need_index
        limit_s = self._settings.spot_up_to
        if limit_s and job.estimate <= limit_s * job.need.gang_milli:
            offer = self._choices.cheapest(job, self._choices.spot[need], view)
            if offer is not None:
                return say.Start(job.id, offer, self.because("short enough for spot"))
        if why == "news":
            for offer in self._committed[need]:
                if view.can_start_committed(job, offer):
                    return say.Start(job.id, offer, self.because("there is room on what is owned or rented"))
        if job.budget_ended:
            offer = self._choices.cheapest(job, self._burst[need], view)
            if offer is not None:
                return say.Start(job.id, offer, self.because("it has waited its budget: it bursts to the cheapest"))
        return None
