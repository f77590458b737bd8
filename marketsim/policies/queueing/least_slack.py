"""Least slack first."""

from __future__ import annotations

from typing import Any, Literal

from marketsim.policies import policy as say
from marketsim.policies.queueing.rule import Queueing


class LeastSlack(Queueing):
    """Least slack first: the latest second at which a start on the reference GPU still meets the deadline.

    That second does not move while a job waits, so the key need not be taken again; jobs without a deadline come last.
    """

    kind: Literal["least_slack"] = "least_slack"

    def key(self, job: say.JobView, now_s: int) -> Any:
        """(latest start by estimate, arrival), seconds."""
        left = max(job.estimate - job.progress_at(now_s), 0)
        return (job.deadline_s - left / job.need.gang_milli, job.arrival_s)
