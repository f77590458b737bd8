"""The contract of a queue rule's settings: the order, what happens behind one that does not fit, how many may wait."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from marketsim.policies import policy as say
from marketsim.settings import Count, Kind


class Queueing(Kind):
    """Settings that are their own working rule: an order needs no memory.

    On one real trace strict first-come-first-served waits twice as long as skipping, so the word is always said.
    """

    blocking: Literal["strict", "skipping", "easy"] = Field(
        default="skipping",
        description="behind one that does not fit: `strict` waits, `skipping` goes on, `easy` goes on with jobs that "
        "by estimate do not delay it",
    )
    capacity: Count | None = Field(default=None, description="jobs that may wait; further arrivals are refused")

    preempts: ClassVar[bool] = False

    def bind(self, setup: say.Setup) -> Queueing:
        """The rule itself."""
        return self

    def key(self, job: say.JobView, now_s: int) -> Any:
        """Sortable; the smallest is first."""
        raise NotImplementedError
