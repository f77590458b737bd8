"""Levers in a run: the one-off work is a job in the queue like any other; once it is done, the need changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from marketsim.demand.job import Need
from marketsim.engine import kernel
from marketsim.engine.setup import levered_needs
from marketsim.ledger import ACCOUNT, REFERENCE
from marketsim.levers.lever import DrawnLever
from marketsim.units import MICRO

if TYPE_CHECKING:
    from marketsim.engine.run import Engine

LEVER, CASH, OF_LEVER = ACCOUNT["expense:lever"], ACCOUNT["cash"], REFERENCE["lever"]


class Adopting:
    """Adopts levers: pays, runs the work, waits for the rollout, then switches the target."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._names = sorted(engine.world.levers)
        self._work_need, self._changed_need = levered_needs(engine.world)
        self._adopted: set[str] = set()
        self._jobs: dict[int, str] = {}
        self.changed: dict[int, DrawnLever] = {}  # need -> the lever in force on jobs that arrive from now on

    def adopt(self, lever: str, target: str) -> bool:
        """Begin a lever's work; adopting it twice changes nothing."""
        engine = self._engine
        drawn = engine.world.levers.get(lever)
        if drawn is None:
            raise engine.impossible(f"there is no lever {lever!r}")
        if drawn.target != target:
            raise engine.impossible(f"lever {lever} is for {drawn.target}, not for {target}")
        if lever in self._adopted:
            return False
        self._adopted.add(lever)
        now, work = engine.kernel._now, drawn.work
        if work.usd:
            micro = round(work.usd * MICRO)
            engine.books.post(now, LEVER, CASH, micro, micro, -1, OF_LEVER, self._names.index(lever))
        if work.work:
            job = engine.add_job(self._work_need[lever], work.work)
            self._jobs[job] = lever
            return True
        self._roll_out(lever)
        return False

    def finished(self, job: int) -> None:
        """A job has finished; where it was a lever's work, the rollout begins."""
        lever = self._jobs.pop(job, None)
        if lever is not None:
            self._roll_out(lever)

    def _roll_out(self, lever: str) -> None:
        at_s = self._engine.kernel._now + self._engine.world.levers[lever].work.delay_s
        self._engine.kernel.call_at(at_s, kernel.READY, self._switch, lever)

    def _switch(self, lever: str) -> None:
        """The target changes to the level that met its floor; where none did, the money is gone and nothing changes."""
        engine = self._engine
        drawn = engine.world.levers[lever]
        now = engine.kernel._now
        service = engine.serving.number(drawn.target)
        engine.ledger.adopted.write(
            (now, self._names.index(lever), -1 if service is None else service, now, drawn.outcome.code)
        )
        if drawn.outcome.level is None:
            return
        if service is not None:
            engine.serving.change(service, drawn.changed(engine.serving.services[service]))
        else:
            for need in self._changed_need.get(lever, {}):
                self.changed[need] = drawn
        engine.news()

    def arriving(self, need_index: int, need: Need, work: int, estimate: int) -> tuple[int, int, int]:
        """(need, work, estimate) of a job that arrives while a lever is in force on its need."""
        drawn = self.changed[need_index]
        changed = drawn.changed_work(need, work)
        return self._changed_need[drawn.name][need_index], changed, max(1, round(estimate * (changed / work)))
