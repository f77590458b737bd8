"""Weighted fair share: who has asked for least of late, for the share he has, is next."""

from __future__ import annotations

import math
from typing import Any, Literal

from pydantic import Field

from marketsim.policies import policy as say
from marketsim.policies.queueing.rule import Queueing
from marketsim.settings import Positive, PositiveDuration
from marketsim.units import WEEK_S


class FairShare(Queueing):
    """Turns by weight: each team's recent use, over its weight, decides who is next (usage-decayed fair share).

    A team's use at time t is the sum over its earlier jobs of estimated work x 2^(-age / half-life), counted when a job
    joins the queue, as tags of fair queueing are (Demers, Keshav and Shenker 1989); the decay is that of the fair-share
    factor of batch schedulers. A job is keyed by its team's use before it, over the team's weight. Use fades for all
    alike, so keys of different moments are compared as if taken at one: the key is log2(use) + t / half-life - log2(
    weight). A job that is queued again keeps its key and is not counted again.
    """

    kind: Literal["fair_share"] = "fair_share"
    between: Literal["tenants", "workloads"] = Field(
        default="tenants", description="what a team is: a tenant of a workload or trace, or a workload"
    )
    weights: dict[str, Positive] = Field(default={}, description="share of each team by name; 1 where not given")
    half_life: PositiveDuration = Field(default=WEEK_S, description="after so long use counts half")

    def bind(self, setup: say.Setup) -> Any:
        """A working rule, which remembers what each team asked for."""
        return _FairShare(self, setup)


class _FairShare:
    def __init__(self, settings: FairShare, setup: say.Setup) -> None:
        self.blocking, self.preempts, self.capacity = settings.blocking, settings.preempts, settings.capacity
        self._half_life_s = settings.half_life
        self._by_tenant = settings.between == "tenants"
        self._tenants = setup.tenants
        self._weights = settings.weights
        self._use: dict[str, float] = {}  # team -> log2 of its use, as if all of it were brought to second 0
        self._keys: dict[int, float] = {}

    def key(self, job: say.JobView, now_s: int) -> Any:
        """(log2 of the team's use over its weight, arrival); the team that has asked for nothing comes first."""
        key = self._keys.get(job.id)
        if key is None:
            team = self._tenants[job.tenant] if self._by_tenant else job.need.workload
            before = self._use.get(team, -math.inf)
            key = self._keys[job.id] = before - math.log2(self._weights.get(team, 1.0))
            self._use[team] = _log2_of_sum(before, math.log2(job.estimate) + now_s / self._half_life_s)
        return (key, job.arrival_s)


def _log2_of_sum(a: float, b: float) -> float:
    """log2(2^a + 2^b), which years of half-lives would overflow if it were taken by its parts.

    >>> _log2_of_sum(3.0, 3.0), _log2_of_sum(-math.inf, 5.0)
    (4.0, 5.0)
    """
    high, low = max(a, b), min(a, b)
    return high if low == -math.inf else high + math.log2(1.0 + 2.0 ** (low - high))
