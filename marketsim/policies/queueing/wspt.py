"""Smith's rule: the most priority for each second of run time first."""

from __future__ import annotations

from typing import Any, Literal

from marketsim.policies import policy as say
from marketsim.policies.queueing.rule import Queueing


class Wspt(Queueing):
    """Weighted shortest processing time (Smith 1956): by estimated seconds over the workload's priority as weight.

    On one machine it gives the least sum of weighted completion times. A workload without priority (0) comes last.
    """

    kind: Literal["wspt"] = "wspt"

    def key(self, job: say.JobView, now_s: int) -> Any:
        """Estimated seconds on the reference GPU a unit of weight."""
        weight = job.need.priority
        return job.estimate / job.need.gang_milli / weight if weight > 0 else float("inf")
