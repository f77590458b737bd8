"""The future itself, for study: what a forecast could be worth at most. No real buyer has it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from marketsim.policies.forecast import demand
from marketsim.policies.forecast.forecast import Floats, Forecast, Forecaster, Seen
from marketsim.policies.policy import Setup


class PerfectForecast(Forecast):
    """The true demand of the coming steps, every job started as it comes and as long as it truly is. Only for study."""

    kind: Literal["perfect"] = "perfect"

    def bind(self, setup: Setup) -> Forecaster:
        """Reads the world that is to come."""
        if setup.future is None:
            raise ValueError("a perfect forecast needs the world that is to come")
        return Clairvoyant(setup)


@dataclass
class Clairvoyant:
    """Looks at the world's own tables."""

    setup: Setup

    def path(self, seen: Seen, ahead: int) -> Floats | None:
        """The truth, shape (ahead,)."""
        facts = self.setup.offers[seen.offer]
        parts = demand.by_asker(
            _Later(self.setup.future, seen, ahead), self.setup, facts, seen.now_s, seen.step_s, ahead
        )
        return sum(parts.values(), np.zeros(ahead))

    def samples(self, seen: Seen, ahead: int) -> Floats | None:
        """Every coming step once."""
        return self.path(seen, ahead)


class _Later:
    """The face of a run at a later time, with true work in place of estimates: as much as `by_asker` asks of it."""

    def __init__(self, world: Any, seen: Seen, ahead: int) -> None:
        self.now_s = seen.now_s + ahead * seen.step_s
        self._world = world

    def seen(self, since_s: int, until_s: int) -> list[tuple[int, int, int, int]]:
        jobs = self._world.jobs
        inside = (jobs.arrival_s >= since_s) & (jobs.arrival_s < until_s)
        columns = (jobs.arrival_s, jobs.need, jobs.work, jobs.deadline_s)
        return list(zip(*(column[inside].tolist() for column in columns), strict=True))
