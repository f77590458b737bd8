"""Training and retraining: large gangs on a calendar, with a deadline and checkpoints; perhaps in milestones."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from marketsim import settings
from marketsim.demand import finite, presets
from marketsim.demand.job import JobTable
from marketsim.throw import Throw


class Training(finite.Finite):
    """Runs that must be done: each is one job, or a chain of milestones with one deadline."""

    presets: ClassVar[Any] = presets.TRAINING
    kind: Literal["training"] = "training"
    milestones: Annotated[tuple[settings.Positive, ...], Field(min_length=1, max_length=100, strict=False)] = Field(
        default=(1.0,), description="shares of the work of stages that follow one another, adding up to 1"
    )

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if abs(sum(self.milestones) - 1) > 1e-9:
            raise ValueError(f"milestones must add up to 1 (got {sum(self.milestones):g})")
        return self

    def jobs(self, name: str, throw: Throw) -> JobTable:
        arrived = self.arrivals.draw(throw)
        count = len(arrived.times_s)
        gang = self.gang.quantile(throw.dice.uniforms("gang", count))
        work, mean_work = finite.sizes(self, throw.dice.uniforms("work", count), gang)
        drawn = finite.Drawn(arrived, gang, work, mean_work, np.ones(count))
        return finite.table(name, self, drawn, throw, self.milestones)
