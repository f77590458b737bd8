"""The twins that know the true work: for studies of what estimates cost, and named so in every output."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from marketsim.policies import policy as say
from marketsim.policies.queueing.rule import Queueing


class _Knowing:
    """A working rule with the truth at hand: seconds of each job on its reference GPU."""

    def __init__(self, settings: Queueing, setup: say.Setup) -> None:
        self.blocking, self.preempts, self.capacity = settings.blocking, settings.preempts, settings.capacity
        known = setup.true_work  # grows with the work of levers, also from nothing
        self._work: Sequence[int] = setup.future.jobs.work.tolist() if known is None else known

    def left_s(self, job: say.JobView, now_s: int) -> float:
        """True seconds left."""
        return (self._work[job.id] - job.progress_at(now_s)) / job.need.gang_milli


class _KnowingSjf(_Knowing):
    def key(self, job: say.JobView, now_s: int) -> Any:
        return self._work[job.id] / job.need.gang_milli


class _KnowingSrpt(_Knowing):
    def key(self, job: say.JobView, now_s: int) -> Any:
        return self.left_s(job, now_s)


class _KnowingLeastSlack(_Knowing):
    def key(self, job: say.JobView, now_s: int) -> Any:
        return (job.deadline_s - self.left_s(job, now_s), job.arrival_s)


class _KnowingWspt(_Knowing):
    def key(self, job: say.JobView, now_s: int) -> Any:
        weight = job.need.priority
        return self._work[job.id] / job.need.gang_milli / weight if weight > 0 else float("inf")


class ClairvoyantSjf(Queueing):
    """Shortest job first by the true work."""

    kind: Literal["clairvoyant_sjf"] = "clairvoyant_sjf"

    def bind(self, setup: say.Setup) -> Any:
        """The rule that knows."""
        return _KnowingSjf(self, setup)


class ClairvoyantSrpt(Queueing):
    """Shortest remaining work first by the true work, with preemption."""

    kind: Literal["clairvoyant_srpt"] = "clairvoyant_srpt"
    preempts = True

    def bind(self, setup: say.Setup) -> Any:
        """The rule that knows."""
        return _KnowingSrpt(self, setup)


class ClairvoyantLeastSlack(Queueing):
    """Least slack first by the true work."""

    kind: Literal["clairvoyant_least_slack"] = "clairvoyant_least_slack"

    def bind(self, setup: say.Setup) -> Any:
        """The rule that knows."""
        return _KnowingLeastSlack(self, setup)


class ClairvoyantWspt(Queueing):
    """Smith's rule by the true work."""

    kind: Literal["clairvoyant_wspt"] = "clairvoyant_wspt"

    def bind(self, setup: say.Setup) -> Any:
        """The rule that knows."""
        return _KnowingWspt(self, setup)
