"""By the priority that the workload states."""

from __future__ import annotations

from typing import Any, Literal

from marketsim.policies import policy as say
from marketsim.policies.queueing.rule import Queueing


class Priority(Queueing):
    """The highest priority first, first come first served inside one."""

    kind: Literal["priority"] = "priority"

    def key(self, job: say.JobView, now_s: int) -> Any:
        """(-priority, arrival)."""
        return (-job.need.priority, job.arrival_s)


class PreemptivePriority(Priority):
    """The same, stopping a running job of lower priority where that makes room."""

    kind: Literal["preemptive_priority"] = "preemptive_priority"  # type: ignore[assignment]
    preempts = True
