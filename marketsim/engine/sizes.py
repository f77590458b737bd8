"""At which of its sizes an elastic job is started: the fastest that fits at that instant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from marketsim.demand.job import Need
from marketsim.engine.pool import Pool
from marketsim.policies.policy import JobView

if TYPE_CHECKING:
    from marketsim.engine.run import Engine


class Sizes:
    """Asked about elastic jobs alone, but for `able` and `of`; jobs of one size never wait for it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._needs, self._sizes, self._speed_ppm = engine.needs, engine.setup.sizes, engine.speed_ppm
        offers = range(len(engine.pools))
        self._able = [
            self._speed_ppm[sizes[0]] if len(sizes) == 1
            else [max(self._speed_ppm[one][offer] for one in sizes) for offer in offers]
            for sizes in self._sizes
        ]  # fmt: skip

    def able(self, need: int) -> Sequence[int]:
        """By offer, 0 where the jobs of a need can run at no size."""
        return self._able[need]

    def of(self, need: int, offer: int) -> list[Need]:
        """The need at each size at which an offer can run it."""
        return [self._needs[one] for one in self._sizes[need] if self._speed_ppm[one][offer]]

    def now(self, job: JobView, pool: Pool) -> int | None:
        """The number of the need at whose size a start in a pool would hold the job now; None where none fits."""
        fits = self._engine.outages.fits
        for number in self._sizes[job.need_index]:
            need = self._needs[number]
            if self._speed_ppm[number][pool.index] and fits(pool, need.instances, need.milli):
                return number
        return None

    def at(self, job: JobView, pool: Pool) -> int:
        """The same; where none fits, the size at which the pool would run it if it were empty."""
        number = self.now(job, pool)
        return self._engine.setup.fastest(job.need_index, pool.index) if number is None else number
