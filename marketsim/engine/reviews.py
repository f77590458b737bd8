"""What is asked again by the clock: running jobs, what to commit to, and a user's own policy."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from marketsim.demand.job import NEVER
from marketsim.engine import actions, kernel
from marketsim.engine.state import RUNNING, JobState
from marketsim.errors import PolicyError
from marketsim.policies import policy as say

if TYPE_CHECKING:
    from marketsim.engine.run import Engine

MOST_ROUNDS = 100


class Reviews:
    """Asks the rules of a run again, each at its own period, and carries out what they say."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        placement = engine.placement
        self.own_period_s = placement.review_every_s if placement.reviewed_from_start else None
        self._due: dict[int, list[tuple[JobState, int]]] = {}  # second -> attempts reviewed then, each on its own
        self._user_period_s: int | None = getattr(engine.user, "review_every_s", None)
        self._procured_s = -1

    def begin(self) -> None:
        """What is to be committed to is asked at second 0, everything else after its first period."""
        call_at, placement = self._engine.kernel.call_at, self._engine.placement
        if self._engine.procurement is not None:
            self._procure(None)
        if self._user_period_s:
            call_at(self._user_period_s, kernel.REVIEW, self._ask_user_again)
        if placement.review_every_s and not self.own_period_s:
            call_at(placement.review_every_s, kernel.REVIEW, self._review_all)

    # ------------------------------------------------------------------------------------------ running jobs

    def _review_all(self, _: None) -> None:
        """Each running job is reviewed at the placement's period."""
        engine = self._engine
        now, period_s = engine.kernel._now, engine.placement.review_every_s
        assert period_s
        self._review([job for job in engine.running.values() if job.quiet_s <= now and job.started_s != now])
        engine.kernel.call_at(now + period_s, kernel.REVIEW, self._review_all)

    def note_attempt(self, job: JobState) -> None:
        """Review the running attempt of a job at the next end of a period of its own at which it may be asked."""
        assert self.own_period_s
        now = self._engine.kernel._now
        at_s = now + self.own_period_s
        if at_s < job.quiet_s:
            if job.quiet_s >= NEVER:
                return
            at_s = now + -(-(job.quiet_s - now) // self.own_period_s) * self.own_period_s
        due = self._due.get(at_s)
        if due is None:
            due = self._due[at_s] = []
            self._engine.kernel.call_at(at_s, kernel.REVIEW, self._review_due)
        due.append((job, job.attempt))

    def _review_due(self, _: None) -> None:
        """The attempts whose own period is over are reviewed, by job number."""
        due = sorted(self._due.pop(self._engine.kernel._now), key=lambda noted: noted[0].id)
        jobs = [job for job, attempt in due if job.phase == RUNNING and job.attempt == attempt]
        self._review(jobs)

    def _review(self, jobs: list[JobState]) -> None:
        """Ask about each whose attempt still runs when its turn comes; a pass where that changed something."""
        engine, changed = self._engine, False
        for job, attempt in [(job, job.attempt) for job in jobs]:
            if job.phase != RUNNING or job.attempt != attempt:
                continue
            action = engine.placement.review(job, engine.view)
            if type(action) is say.WakeAt:
                job.quiet_s = math.ceil(action.t_s) if action.t_s < NEVER else NEVER
            elif action is not None:
                changed = True
                actions.act(engine, action)
            if self.own_period_s and job.phase == RUNNING and job.attempt == attempt:
                self.note_attempt(job)
        if changed:
            engine.pass_if_waiting()

    # ------------------------------------------------------------------------------------------ procurement

    def _procure(self, _: None) -> None:
        """The procurement rule's review; its own period and the times it asked for bring it back."""
        engine = self._engine
        rule = engine.procurement
        assert rule is not None
        next_s = engine.kernel._now + (rule.review_every_s or 0)
        if rule.review_every_s and next_s < engine.world.horizon_s:
            engine.kernel.call_at(next_s, kernel.REVIEW, self._procure)
        self._ask_procurement(rule)

    def _procure_again(self, _: None) -> None:
        """A time the rule asked for; its period goes on as it was."""
        engine = self._engine
        assert engine.procurement is not None
        if self._procured_s < engine.kernel._now < engine.world.horizon_s:
            self._ask_procurement(engine.procurement)

    def _ask_procurement(self, rule: say.ProcurementRule) -> None:
        engine = self._engine
        self._procured_s = now = engine.kernel._now
        changed = False
        for action in rule.review(engine.view):
            if isinstance(action, say.WakeAt):
                engine.kernel.call_at(max(math.ceil(action.t_s), now + 1), kernel.REVIEW, self._procure_again)
            else:
                changed = actions.act(engine, action) or changed
        if changed:
            engine.pass_if_waiting()

    # ------------------------------------------------------------------------------------------ a user's policy

    def _ask_user_again(self, _: None) -> None:
        self.ask_user()
        assert self._user_period_s
        self._engine.kernel.call_at(self._engine.kernel._now + self._user_period_s, kernel.REVIEW, self._ask_user_again)

    def ask_user(self) -> None:
        """The user's policy is asked until it changes nothing more."""
        engine = self._engine
        assert engine.user is not None
        engine.asking = True  # what its actions free is news for its next round, not for a round within this one
        for _round in range(MOST_ROUNDS):
            changed = False
            for action in engine.user.decide(engine.view):
                changed = actions.act(engine, action) or changed
            if not changed:
                engine.asking = False
                return
        raise PolicyError(engine.policy_name, f"still changes its mind after {MOST_ROUNDS} rounds", engine.kernel._now)
