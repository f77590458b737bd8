"""Attempts: a job takes its shares of instances, works on them, and gives them back at its end or before.

What a job has done and what is safe is worked out where it is needed, from the second at which its instances were
ready: an attempt has one entry on the heap, its end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from marketsim.demand.job import raised
from marketsim.engine import kernel, progress
from marketsim.engine.pool import Pool
from marketsim.engine.state import OVER, RUNNING, Instance, JobState
from marketsim.errors import PolicyError
from marketsim.ledger import CAUSE
from marketsim.supply.offer import BUSY

if TYPE_CHECKING:
    from marketsim.engine.run import Engine

FINISHED = CAUSE["finished"]


class Attempts:
    """Starts and ends attempts; what becomes of the job then is the engine's to say."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._kernel, self._ledger = engine.kernel, engine.ledger
        self._pool_of, self._speed_ppm, self._transfer_s = engine.pool_of, engine.speed_ppm, engine.transfer_s
        self._work, self._running = engine.work, engine.running
        self._leases, self._copies, self._outages, self._serving = (
            engine.leases, engine.copies, engine.outages, engine.serving,
        )  # fmt: skip
        self._on_grid = engine.world.clock.finish_on_grid
        self._serves = bool(engine.world.services)
        self._reviewed = engine.reviews.own_period_s is not None

    def start(self, job: JobState, offer: str, reason: Any) -> None:
        """A job takes its share of instances, or whole ones, and its end is noted. PolicyError where it cannot."""
        now = self._kernel._now
        pool = self._pool_of.get(offer)
        if pool is None:
            raise PolicyError(self._engine.policy_name, f"there is no offer {offer!r}", now)
        need, number, index = job.need, job.need_index, pool.index
        if need.elastic:
            number = self._engine.sizes.at(job, pool)
            need = self._engine.needs[number]
        speed = self._speed_ppm[number][index]
        if not speed:
            refused = pool.offer.refuses(need) or "it cannot run there"
            raise PolicyError(self._engine.policy_name, f"job {job.id} cannot start at {offer}: {refused}", now)
        job.held = need
        if need.instances == 1:
            instance = pool.take_share(need.milli)
            if instance is None:
                self._leases.launch(pool, job.id)
                instance = pool.take_share(need.milli)
                assert instance is not None
            job.instance, job.gang = instance, None
            instance.holders[job] = None
            ready_s = instance.up_s
            if instance.commitment < 0:
                self._leases.note_user(instance, job.id, -1)
        else:
            ready_s = self._take_gang(job, pool)
            instance = job.instance
        if ready_s < now:
            ready_s = now
        transfer_s = self._transfer_s[job.need_index][index]
        if transfer_s or need.data_gb:
            ready_s = self._copies.bring(job, pool, ready_s, transfer_s)
        checkpoint = need.checkpoint
        overhead_s = checkpoint.restart_s if job.attempt else checkpoint.start_s
        attempt = job.attempt = job.attempt + 1
        left = self._work[job.id] - job.kept
        end_s = ready_s + progress.held_s(left, need.instances * need.milli, speed, overhead_s, checkpoint)
        if self._on_grid:
            end_s = -(-end_s // self._engine.grid_s) * self._engine.grid_s
        job.phase = RUNNING
        job.offer = offer
        job.started_s = job.counted_s = now
        job.quiet_s = 0
        job.ready_s = ready_s
        job.speed_ppm = speed
        job.overhead_s = overhead_s
        job._remaining = left
        job.end_s = end_s
        self._running[job.id] = job
        if self._reviewed:
            self._engine.reviews.note_attempt(job)
        law = pool.offer.outage
        if law is not None and law.clock == BUSY:
            fails_s = ready_s + law.busy_s(job.id, attempt)
            if fails_s < end_s:
                job.end_s = fails_s
                self._kernel.call_at(fails_s, kernel.LOSS, self._outages.busy_failure, (job, attempt))
            else:
                self._kernel.call_at(end_s, kernel.RELEASE, self._finish, job)
        else:
            self._kernel.call_at(end_s, kernel.RELEASE, self._finish, job)
        self._ledger.started.write((now, job.id, attempt, index, instance.id, need.milli, ready_s))
        if reason is not None:
            self._note_reason(job.id, index, reason)

    def _note_reason(self, job: int, offer: int, reason: Any) -> None:
        reasons = self._ledger.reasons
        self._ledger.decided.write((self._kernel._now, job, offer, len(reasons)))
        reasons.append(reason)

    def _take_gang(self, job: JobState, pool: Pool) -> int:
        """Whole instances of one fabric group, launched where they are not here; when the last is ready."""
        need = job.held
        found = pool.take_gang(need.instances) if self._outages.gang_fits(pool, need.instances) else None
        if found is None:
            raise PolicyError(
                self._engine.policy_name,
                f"job {job.id} cannot start at {pool.offer.id}: no group of {need.instances} instances is free",
                self._kernel._now,
            )
        taken, seats = found
        for seat in seats:
            taken.append(self._leases.launch_whole(pool, seat))
        job.instance, job.gang = taken[0], taken[1:]
        attempt = job.attempt + 1
        for instance in taken:
            instance.holders[job] = None
            if instance.commitment < 0:
                self._leases.note_user(instance, job.id, -1)
        for instance in taken[1:]:
            self._ledger.gangs.write((job.id, attempt, instance.id))
        return max(instance.up_s for instance in taken)

    def _finish(self, job: JobState) -> None:
        """The work is done. A timer for an attempt that was stopped finds another second, or no attempt."""
        engine, now = self._engine, self._kernel._now
        if job.end_s != now or job.phase != RUNNING:
            return
        need, checkpoint_s = job.held, 0
        if need.checkpoint.cost_s:
            checkpoint_s = (
                now - job.ready_s - job.overhead_s
                - progress.compute_s(job._remaining, need.gang_milli, job.speed_ppm)
            )  # fmt: skip
        self._ledger.stopped.write(
            (now, job.id, job.attempt, FINISHED, job._remaining, 0, job.overhead_s, checkpoint_s)
        )
        self.free(job)
        engine.gone(job, finished=True)
        engine.news()

    def free(self, job: JobState) -> None:
        """The job's shares go back to the pool, after its turnaround."""
        now = self._kernel._now
        pool = self._pool_of[job.offer or ""]
        if pool.offer.standing is not None:
            pool.busy_milli_s += (now - job.counted_s) * job.held.gang_milli
        del self._running[job.id]
        job.offer, job.end_s = None, -1
        gang, instance = job.gang, job.instance
        if gang is None:
            del instance.holders[job]
            self._give_back(pool, instance, job.held.milli)
        else:
            job.gang = None
            for member in (instance, *gang):
                del member.holders[job]
                self._give_back(pool, member, pool.milli)

    def _give_back(self, pool: Pool, instance: Instance, milli: int) -> None:
        if instance.state == OVER:
            return
        if pool.offer.turnaround_s:
            at_s = self._kernel._now + pool.offer.turnaround_s
            self._kernel.call_at(at_s, kernel.RELEASE, self._give_back_late, (pool, instance, milli))
        else:
            self._free_share(pool, instance, milli)

    def _give_back_late(self, what: tuple[Pool, Instance, int]) -> None:
        pool, instance, milli = what
        if instance.state != OVER:
            self._free_share(pool, instance, milli)
        self._engine.news()

    def _free_share(self, pool: Pool, instance: Instance, milli: int) -> None:
        if pool.give_share(instance, milli):
            self._leases.emptied(pool, instance)
        if self._serves:
            self._serving.stir(pool)

    def end_early(self, job: JobState, cause: int, warned: bool = False, keep_done: bool = False) -> None:
        """An attempt ends early: what is safe is kept, the rest is lost, the shares go back."""
        now, need = self._kernel._now, job.held
        elapsed = now - job.ready_s
        gang_milli, how = need.gang_milli, need.checkpoint
        at = progress.reached(elapsed, job._remaining, gang_milli, job.speed_ppm, job.overhead_s, how)
        safe, checkpoint_s = at.safe, at.checkpoint_s
        if keep_done:
            safe = at.done
        elif warned and how.every_s:
            # one more checkpoint, begun early enough to end now; it saves what was done when it began
            last = progress.reached(
                elapsed - how.cost_s, job._remaining, gang_milli, job.speed_ppm, job.overhead_s, how
            )
            if last.done > safe:
                safe, checkpoint_s = last.done, last.checkpoint_s + how.cost_s
                at = at._replace(done=safe)
        if job.kept + (at.safe if keep_done else safe) >= self._work[job.id]:
            cause = FINISHED  # it stood there only for the clock
        job.estimate = raised(job.estimate, job.kept + at.done)  # known, though the work be lost
        job.kept += safe
        self._ledger.stopped.write((now, job.id, job.attempt, cause, safe, at.done - safe, at.overhead_s, checkpoint_s))
        self.free(job)
