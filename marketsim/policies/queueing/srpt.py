"""Shortest remaining work first, with preemption."""

from __future__ import annotations

from typing import Any, Literal

from marketsim.policies import policy as say
from marketsim.policies.queueing.rule import Queueing


class Srpt(Queueing):
    """Shortest remaining processing time first, by estimate, stopping a running job that has more left."""

    kind: Literal["srpt"] = "srpt"
    preempts = True

    def key(self, job: say.JobView, now_s: int) -> Any:
        """Seconds left by estimate on the reference GPU."""
        return max(job.estimate - job.progress_at(now_s), 0) / job.need.gang_milli
