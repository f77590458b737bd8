"""Interactive machines: people hold GPUs for a session whether they compute or not.

A session is a job that holds its gang for its hours. The queue, the price and the machine see no difference between a
busy and an idle session, so how much of it is computing is not asked. A faster GPU shortens a session as it does any
job's run: give `reference_gpu` the GPU that people really get.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from marketsim.demand import finite
from marketsim.demand.demand import DurationOrNone
from marketsim.demand.job import JobTable
from marketsim.throw import Throw
from marketsim.units import HOUR_S


class Interactive(finite.Finite):
    """Sessions in office hours; nobody waits long for one."""

    # a person's day with a notebook: assumption
    presets: ClassVar[Any] = {
        "notebook": {
            "arrivals": {"kind": "poisson", "per_day": 5, "week_cycle": "office"},
            "run_hours": {"kind": "lognormal", "median": 3, "p90": 9},
            "gang": {"kind": "constant", "gpus": 1},
        }
    }
    kind: Literal["interactive"] = "interactive"
    patience: DurationOrNone = Field(default=HOUR_S, description="a person gives up after this wait; none: never")

    @model_validator(mode="after")
    def _of_one_size(self) -> Self:
        if any(self.gang.other_sizes()):
            raise ValueError("gang cannot be elastic: a session lasts as long on fewer GPUs as on more")
        return self

    def jobs(self, name: str, throw: Throw) -> JobTable:
        arrived = self.arrivals.draw(throw)
        count = len(arrived.times_s)
        gang = self.gang.quantile(throw.dice.uniforms("gang", count))
        work, mean_work = finite.sizes(self, throw.dice.uniforms("work", count), gang)
        return finite.table(name, self, finite.Drawn(arrived, gang, work, mean_work, np.ones(count)), throw)
