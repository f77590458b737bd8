"""A run laid out for measuring: the ledger's rows joined into attempts, leases, holdings and each job's fate.

Everything here is columns of equal length, computed once and only when asked for, so that a metric is a line or two.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from types import SimpleNamespace

import numpy as np
from numpy.typing import NDArray

from marketsim.demand.job import NEVER
from marketsim.ledger import CAUSE, TABLES, Ledger
from marketsim.world import World

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(eq=False)
class Measured:
    """A world, its ledger, and their joins. Times are seconds, shares of instances milli-GPU."""

    world: World
    ledger: Ledger

    def rows(self, name: str) -> SimpleNamespace:
        """A table's columns as attributes; each has shape (rows,). What is posted for a lever's job is for nobody."""
        cache = self.__dict__.setdefault("_rows", {})
        if name not in cache:
            rows = self.ledger.tables[name].rows()
            if name == "posted":
                job = rows[:, TABLES[name].index("job")]
                job[job >= len(self.world.jobs)] = -1
            cache[name] = SimpleNamespace(**{column: rows[:, i] for i, column in enumerate(TABLES[name])})
        return cache[name]

    @cached_property
    def leases(self) -> SimpleNamespace:
        """Instances held: instance (increasing), offer, seat, from_s, up_s, to_s, commitment, milli, paid_s.

        paid_s: the span that is billed or owned; whole quanta and the minimum where the lease is metered.
        """
        launched, released = self.rows("launched"), self.rows("released")
        order = np.argsort(launched.instance, kind="stable")
        instance = launched.instance[order]
        to_s = np.full(len(instance), self.ledger.end_s, np.int64)
        to_s[index_in(instance, released.instance)] = released.t_s
        from_s, offer = launched.t_s[order], launched.offer[order]
        to_s = np.maximum(to_s, from_s)
        commitment = launched.commitment[order]
        quantum = self._of_offers("quantum_s")[offer]
        least = self._of_offers("minimum_s")[offer]
        billed = -(-np.maximum(to_s - from_s, least) // quantum) * quantum
        return SimpleNamespace(
            instance=instance,
            offer=offer,
            seat=launched.seat[order],
            from_s=from_s,
            up_s=np.minimum(launched.up_s[order], to_s),
            to_s=to_s,
            commitment=commitment,
            milli=self.offer_milli[offer],
            paid_s=np.where(commitment < 0, billed, to_s - from_s),
        )

    @cached_property
    def attempts(self) -> SimpleNamespace:
        """Attempts in order of start, and for gangs their other instances.

        Columns: job, attempt, offer, instance, milli, start_s, ready_s, stop_s, cause, kept, lost, overhead_s,
        checkpoint_s, gang (instances held). Raises ValueError where a start has not exactly one stop.
        """
        started, stopped = self.rows("started"), self.rows("stopped")
        began = stopped.attempt > 0
        most = int(max(started.attempt.max(initial=0), stopped.attempt.max(initial=0))) + 1
        start_key = started.job * most + started.attempt
        stop_key = (stopped.job * most + stopped.attempt)[began]
        by_start, by_stop = np.argsort(start_key, kind="stable"), np.argsort(stop_key, kind="stable")
        if not np.array_equal(start_key[by_start], stop_key[by_stop]):
            raise ValueError("the ledger is broken: a start has not exactly one stop")
        place = np.empty(len(start_key), np.int64)
        place[by_start] = np.flatnonzero(began)[by_stop]
        gangs = self.rows("gangs")
        gang_of = index_in(start_key[by_start], gangs.job * most + gangs.attempt)
        others = by_start[gang_of]
        return SimpleNamespace(
            job=started.job,
            attempt=started.attempt,
            offer=started.offer,
            instance=started.instance,
            milli=started.milli,
            start_s=started.t_s,
            ready_s=started.ready_s,
            stop_s=stopped.t_s[place],
            cause=stopped.cause[place],
            kept=stopped.kept[place],
            lost=stopped.lost[place],
            overhead_s=stopped.overhead_s[place],
            checkpoint_s=stopped.checkpoint_s[place],
            gang=1 + np.bincount(others, minlength=len(start_key)),
            gang_attempt=others,
            gang_instance=gangs.instance,
        )

    @cached_property
    def holdings(self) -> SimpleNamespace:
        """Who held which instance, one row a holder and instance: instance, offer, milli, from_s, to_s, job, service,
        attempt (the row of `attempts`, -1 for a service), lease (the row of `leases`).
        """
        tries, replicas = self.attempts, self.rows("replicas")
        attempt = np.concatenate((np.arange(len(tries.job)), tries.gang_attempt))
        none = np.full(len(replicas.service), -1, np.int64)
        instance = np.concatenate((tries.instance, tries.gang_instance, replicas.instance))
        return SimpleNamespace(
            instance=instance,
            lease=index_in(self.leases.instance, instance),
            offer=np.concatenate((tries.offer[attempt], replicas.offer)),
            milli=np.concatenate((tries.milli[attempt], replicas.milli)),
            from_s=np.concatenate((tries.start_s[attempt], replicas.from_s)),
            to_s=np.concatenate((tries.stop_s[attempt], replicas.to_s)),
            job=np.concatenate((np.where(tries.job < len(self.world.jobs), tries.job, -1)[attempt], none)),
            service=np.concatenate((np.full(len(attempt), -1, np.int64), replicas.service)),
            attempt=np.concatenate((attempt, none)),
        )

    @cached_property
    def finish_s(self) -> Ints:
        """When each job finished, NEVER where it did not; shape (jobs,)."""
        stopped = self.rows("stopped")
        done = (stopped.cause == CAUSE["finished"]) & (stopped.job < len(self.world.jobs))
        finish = np.full(len(self.world.jobs), NEVER, np.int64)
        finish[stopped.job[done]] = stopped.t_s[done]
        return finish

    @cached_property
    def first_start_s(self) -> Ints:
        """When each job first held an instance, NEVER where it never did; shape (jobs,)."""
        first = np.full(len(self.world.jobs), NEVER, np.int64)
        started = self.rows("started")
        ours = started.job < len(first)
        np.minimum.at(first, started.job[ours], started.t_s[ours])
        return first

    @cached_property
    def submitted(self) -> NDArray[np.bool_]:
        """Which jobs were submitted: all but those of a closed loop whose turn did not come; shape (jobs,)."""
        jobs = self.world.jobs
        came = np.ones(len(jobs), np.bool_) if jobs.think_s is None else jobs.think_s == 0
        came[self.rows("submitted").job] = True
        return came

    @cached_property
    def arrival_s(self) -> Ints:
        """When each job was submitted; shape (jobs,)."""
        arrival = self.world.jobs.arrival_s.copy()
        arrival[self.rows("submitted").job] = self.rows("submitted").t_s
        return arrival

    @cached_property
    def deadline_s(self) -> Ints:
        """When each job is due, NEVER where it has no deadline; shape (jobs,)."""
        due = self.world.jobs.deadline_s.copy()
        due[self.rows("submitted").job] = self.rows("submitted").deadline_s
        return due

    @cached_property
    def placeable_s(self) -> Ints:
        """When each job could first be placed: its arrival, or its last predecessor's finish; shape (jobs,)."""
        jobs = self.world.jobs
        ready = self.arrival_s.copy()
        if jobs.after is not None and jobs.after_start is not None:
            owner = np.repeat(np.arange(len(jobs)), np.diff(jobs.after_start))
            chained = jobs.think_s[owner] == 0 if jobs.think_s is not None else np.ones(len(owner), np.bool_)
            np.maximum.at(ready, owner[chained], self.finish_s[jobs.after[chained]])
        return ready

    @cached_property
    def dated(self) -> NDArray[np.bool_]:
        """Which submitted jobs have a deadline; shape (jobs,)."""
        return self.submitted & (self.deadline_s < NEVER)

    @cached_property
    def missed(self) -> NDArray[np.bool_]:
        """Which jobs have a deadline and finished after it, strictly, or never; shape (jobs,)."""
        return self.dated & (self.finish_s > self.deadline_s)

    @cached_property
    def tardiness_s(self) -> Ints:
        """Seconds past the deadline, 0 where met or none; a job that never finished is late up to the latest end."""
        late = np.minimum(self.finish_s, max(self.world.end_s, self.ledger.end_s)) - self.deadline_s
        return np.where(self.missed, np.maximum(late, 1), 0)

    @cached_property
    def committed_s(self) -> Ints:
        """Seconds of the run in which what each order delivered was there; a negative end is none; shape (signed,)."""
        signed, end_s = self.rows("signed"), self.ledger.end_s
        until = np.where(signed.ends_s < 0, end_s, np.minimum(signed.ends_s, end_s))
        for t_s, commitment in self.ledger.terminated.rows().tolist():
            until[signed.commitment == commitment] = t_s  # no row where it was there at second 0
        return np.maximum(until - np.minimum(signed.delivered_s, end_s), 0)

    @cached_property
    def offer_milli(self) -> Ints:
        """Thousandths of a GPU in an instance of each offer; shape (offers,)."""
        return np.array([offer.shape.milli for offer in self.world.offers], np.int64)

    def _of_offers(self, name: str) -> Ints:
        return np.array([getattr(offer, name) for offer in self.world.offers], np.int64)

    def by_offer(self, rows: Ints, weights: Ints | Floats) -> Floats:
        """Sums of weights per offer; rows whose offer is -1 are left out; shape (offers,)."""
        real = rows >= 0
        return np.bincount(rows[real], weights[real], minlength=len(self.world.offers)).astype(np.float64)


def index_in(known: Ints, wanted: Ints) -> Ints:
    """Where each wanted number stands in an increasing array; ValueError where one is missing."""
    index = np.searchsorted(known, wanted)
    if len(wanted) and (not len(known) or (known[np.minimum(index, len(known) - 1)] != wanted).any()):
        raise ValueError("the ledger is broken: a row points to something that was never written")
    return index
