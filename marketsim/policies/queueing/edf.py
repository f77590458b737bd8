"""Earliest deadline first."""

from __future__ import annotations

from typing import Any, Literal

from marketsim.policies import policy as say
from marketsim.policies.queueing.rule import Queueing


class Edf(Queueing):
    """Earliest deadline first; jobs without one come last, by arrival."""

    kind: Literal["edf"] = "edf"

    def key(self, job: say.JobView, now_s: int) -> Any:
        """(deadline, arrival), seconds."""
        return (job.deadline_s, job.arrival_s)


class PreemptiveEdf(Edf):
    """Earliest deadline first, stopping a running job with a later deadline where that makes room."""

    kind: Literal["preemptive_edf"] = "preemptive_edf"  # type: ignore[assignment]
    preempts = True
