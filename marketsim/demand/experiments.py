"""Experiments: many small jobs in batches, a few that take most of the GPU-hours, some stopped early."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
from pydantic import Field, model_validator
from scipy import special

from marketsim import settings, streams
from marketsim.demand import finite, presets
from marketsim.demand.distributions import AnyDistribution, Uniform
from marketsim.demand.job import JobTable
from marketsim.streams import Floats
from marketsim.throw import Throw
from marketsim.units import HOUR_S, MILLI


class EarlyStop(settings.Settings):
    """People stop a run that does not look good; nobody knows before, so the estimate does not."""

    share: settings.Share = Field(description="share of jobs stopped early")
    at_share: AnyDistribution = Field(
        default=Uniform(low=0.05, high=0.5), description="share of the work done when stopped"
    )


class Experiments(finite.Finite):
    """Trial runs and sweeps. Jobs of one batch share a gang, and are alike in size by `batch_similarity`."""

    presets: ClassVar[Any] = presets.EXPERIMENTS
    kind: Literal["experiments"] = "experiments"
    run_hours_of_gang: Annotated[tuple[AnyDistribution, ...], Field(strict=False)] | None = Field(
        default=None, description="hours that the gang runs, one distribution for each choice of gang"
    )
    batch_similarity: settings.OpenShare = Field(default=0.0, description="correlation of size within a batch")
    batch_same_gang: bool = Field(default=True, description="whether the jobs of a batch have one gang")
    early_stop: EarlyStop | None = Field(default=None, description="runs that people stop")

    @model_validator(mode="after")
    def _one_size(self) -> Self:
        given = [self.work_gpu_hours, self.run_hours, self.run_hours_of_gang]
        if sum(one is not None for one in given) != 1:
            raise ValueError("give one of work_gpu_hours, run_hours and run_hours_of_gang")
        if self.run_hours_of_gang is not None and len(self.run_hours_of_gang) != len(self.gang.classes()):
            raise ValueError("run_hours_of_gang must be one for each choice of gang")
        if self.tenants is not None and sum(self.tenants.values()) <= 0:
            raise ValueError("one tenant needs a weight above 0")
        return self

    def jobs(self, name: str, throw: Throw) -> JobTable:
        dice = throw.dice
        arrived = self.arrivals.draw(throw)
        count = len(arrived.times_s)
        batches = int(arrived.batch.max()) + 1 if count else 0
        if self.batch_same_gang:
            gang = self.gang.quantile(dice.uniforms("gang", batches))[arrived.batch]
        else:
            gang = self.gang.quantile(dice.uniforms("gang", count))
        uniforms = alike(dice.uniforms("work", count), dice.uniforms("work/batch", batches), arrived.batch,
                         self.batch_similarity)  # fmt: skip
        work, mean_work = self._sizes(uniforms, gang)
        return finite.table(name, self, finite.Drawn(arrived, gang, work, mean_work, self._stopped(dice, count)), throw)

    def _sizes(self, uniforms: Floats, gang: finite.Ints) -> tuple[Floats, Floats]:
        if self.run_hours_of_gang is None:
            return finite.sizes(self, uniforms, gang)
        work, mean_work = np.empty(len(uniforms)), np.empty(len(uniforms))
        for index, (each, hours) in enumerate(zip(self.gang.classes(), self.run_hours_of_gang, strict=True)):
            mine = gang == index
            scale = each.gpus * HOUR_S * MILLI * (1 + self.prep_share)
            work[mine] = hours.quantile(uniforms[mine]) * scale
            mean_work[mine] = hours.mean() * scale
        return work, mean_work

    def _stopped(self, dice: streams.Dice, count: int) -> Floats:
        """Share of its work that each job really does."""
        if self.early_stop is None:
            return np.ones(count)
        stopped = dice.uniforms("early_stop", count) < self.early_stop.share
        at = np.minimum(self.early_stop.at_share.quantile(dice.uniforms("early_stop/at", count)), 1.0)
        return np.where(stopped, at, 1.0)


def alike(own: Floats, of_batch: Floats, batch: finite.Ints, similarity: float) -> Floats:
    """Uniforms whose normal scores have the given correlation within a batch, shape as `own`."""
    if similarity == 0:
        return own
    score = np.sqrt(similarity) * streams.normal(of_batch)[batch] + np.sqrt(1 - similarity) * streams.normal(own)
    return np.clip(special.ndtr(score), 0.0, 1 - 2.0**-53)
