"""Shortest job first, by estimate."""

from __future__ import annotations

from typing import Any, Literal

from marketsim.policies import policy as say
from marketsim.policies.queueing.rule import Queueing


class Sjf(Queueing):
    """Shortest job first: by estimated seconds of the whole job on its reference GPU, then by number."""

    kind: Literal["sjf"] = "sjf"

    def key(self, job: say.JobView, now_s: int) -> Any:
        """Milli-GPU-seconds over milli-GPUs: seconds."""
        return job.estimate / job.need.gang_milli
