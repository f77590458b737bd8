"""First come, first served."""

from __future__ import annotations

from typing import Any, Literal

from marketsim.policies import policy as say
from marketsim.policies.queueing.rule import Queueing


class Fifo(Queueing):
    """First come, first served: by arrival, then by number."""

    kind: Literal["fifo"] = "fifo"

    def key(self, job: say.JobView, now_s: int) -> Any:
        """Seconds of arrival."""
        return job.arrival_s
