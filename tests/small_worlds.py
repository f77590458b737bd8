"""Tiny worlds whose every second and cent a pencil can confirm: jobs, offers and rules in a line, and what happened.

Metered instances cost 3.6 USD an hour where nothing else is said: 1,000 micro-dollars a second.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from marketsim.demand.job import NEVER, Checkpoint, JobTable, Need
from marketsim.engine.run import run
from marketsim.ledger import ACCOUNT, CAUSES, Ledger
from marketsim.path import Path
from marketsim.policies import placement, queueing
from marketsim.policies import policy as say
from marketsim.policies.policy import Policy
from marketsim.supply.offer import Charge, Offer
from marketsim.supply.shape import Shape
from marketsim.units import MILLI, UNLIMITED
from marketsim.world import Order, World

MICRO_PER_S = 1_000  # of a metered instance at 3.6 USD an hour
ONE = Need("work", reference_gpu="GPU")


def need(gpus: float = 1, instances: int = 1, workload: str = "work", **more: Any) -> Need:
    """A class of jobs: so many GPUs on each of so many instances."""
    return Need(workload, instances=instances, milli=round(gpus * MILLI), reference_gpu="GPU", **more)


class Job(NamedTuple):
    """A job that takes `seconds` on its gang at the reference speed."""

    at_s: int
    seconds: int
    need: Need = ONE
    deadline_s: int = NEVER
    estimate_s: int | None = None
    after: tuple[int, ...] = ()


def job_table(*jobs: Job) -> JobTable:
    """The jobs as columns; they are given in order of arrival, and their places are their numbers."""
    needs = tuple(dict.fromkeys(job.need for job in jobs))
    milli = [job.need.gang_milli for job in jobs]
    guesses = [job.seconds if job.estimate_s is None else job.estimate_s for job in jobs]
    links = any(job.after for job in jobs)
    return JobTable(
        needs=needs,
        need=np.array([needs.index(job.need) for job in jobs], np.int64),
        arrival_s=np.array([job.at_s for job in jobs], np.int64),
        work=np.array([job.seconds * one for job, one in zip(jobs, milli, strict=True)], np.int64),
        estimate=np.array([max(guess * one, 1) for guess, one in zip(guesses, milli, strict=True)], np.int64),
        deadline_s=np.array([job.deadline_s for job in jobs], np.int64),
        after_start=np.cumsum([0, *(len(job.after) for job in jobs)]) if links else None,
        after=np.array([before for job in jobs for before in job.after], np.int64) if links else None,
    )


def steps(*pairs: tuple[int, float]) -> Path:
    """A path from (time_s, value) pairs."""
    return Path.steps(pairs)


def market(
    id: str = "cloud",
    kind: str = "on_demand",
    gpus: int = 1,
    gang: int = 1,
    can_start: Path | int = UNLIMITED,
    can_keep: Path | int = UNLIMITED,
    usd_per_hour: Path | float = 3.6,
    **more: Any,
) -> Offer:
    """A metered offer; `can_start` and `can_keep` are counts of instances or paths of them."""
    return Offer(
        id,
        kind,
        Shape("GPU", gpus=gpus, largest_gang=gang),
        provider=more.pop("provider", "cloud"),
        launchable=_path(can_start),
        keepable=_path(can_keep),
        price=_path(usd_per_hour),
        **more,
    )


def spot(id: str = "spot", there: Path | int = UNLIMITED, **more: Any) -> Offer:
    """A spot offer: what can be started can be kept, and no longer."""
    return market(id, "spot", can_start=there, can_keep=there, **more)


def own(id: str = "own", gpus: int = 1, gang: int = 1, **more: Any) -> Offer:
    """Machines of our own; `Order("own", n)` in the world puts n of them there."""
    return Offer(id, more.pop("kind", "datacenter"), Shape("GPU", gpus=gpus, largest_gang=gang), **more)


def _path(given: Path | float) -> Path:
    return given if isinstance(given, Path) else Path.constant(given)


@dataclass(frozen=True)
class Lease:
    """Terms of a contract that a pencil can follow: micro-dollars a second and an instance, from delivery on."""

    term_s: int | None = 100
    lead_s: int = 0
    micro_per_s: int = 10
    upfront: int = 0
    block_instances: int = 1

    def delivered_s(self, at_s: int, order: int) -> int:
        """After the lead."""
        return at_s + self.lead_s

    def ends_s(self, delivered_s: int, term_s: int | None) -> int | None:
        """A term later."""
        term_s = term_s or self.term_s
        return None if term_s is None else delivered_s + term_s

    def at_signing(self, instances: int, at_s: int, term_s: int | None) -> Sequence[Charge]:
        """A fee, if any."""
        micro = self.upfront * instances
        return [Charge(at_s, "expense:fee", "cash", micro, micro)] if micro else []

    def over(
        self, instances: int, at_s: int, delivered_s: int, from_s: int, to_s: int, term_s: int | None = None
    ) -> Sequence[Charge]:
        """Rent for each second since delivery."""
        seconds = max(to_s - max(from_s, delivered_s), 0)
        micro = instances * self.micro_per_s * seconds
        return [Charge(to_s, "expense:contract", "cash", micro, micro)] if micro else []

    def at_close(
        self, instances: int, at_s: int, delivered_s: int, close_s: int, term_s: int | None = None
    ) -> Sequence[Charge]:
        """All of what is left is owed."""
        ends_s = self.ends_s(delivered_s, term_s)
        if ends_s is None:
            return []
        micro = instances * self.micro_per_s * (ends_s - max(close_s, delivered_s))
        return [Charge(close_s, "expense:end-valuation", "payable", 0, micro)]


@dataclass(frozen=True)
class Upkeep:
    """What standing there costs: micro-dollars an installed instance-second and a busy GPU-second."""

    installed: int = 0
    busy: int = 0
    ordered: int = 0

    def over(
        self, from_s: int, to_s: int, instance_s: int, busy_milli_s: int, ordered_instance_s: int = 0
    ) -> Sequence[Charge]:
        """Power for all three."""
        micro = self.installed * instance_s + self.busy * busy_milli_s // MILLI + self.ordered * ordered_instance_s
        return [Charge(to_s, "expense:power", "cash", micro, micro)] if micro else []


# --------------------------------------------------------------------------------------------------------- rules

ON_DEMAND = placement.KINDS["on_demand_only"]()


def burst(wait: str | None, **more: Any) -> placement.Placement:
    """Committed capacity first, then the cloud after a wait; None: never."""
    budget = {"kind": "infinite"} if wait is None else {"kind": "constant", "wait": wait}
    return placement.KINDS["committed_first"].model_validate({"burst_after": budget, **more})


def rules(
    place: placement.Placement = ON_DEMAND,
    queue: str = "fifo",
    blocking: str = "strict",
    procurement: Any = None,
    levers: tuple[tuple[str, str], ...] = (),
    **more: Any,
) -> Policy:
    """A policy named after its queue rule."""
    return Policy(queue, queueing.KINDS[queue](blocking=blocking, **more), place, procurement, levers)


def world(
    jobs: Sequence[Job] = (), offers: Sequence[Offer] = (), horizon_s: int = 1_000, drain_s: int = 10_000, **more: Any
) -> World:
    """A world without YAML."""
    return World(horizon_s, job_table(*jobs) if jobs else JobTable.empty(), tuple(offers), drain_s=drain_s, **more)


def owned(count: int, jobs: Sequence[Job], gpus: int = 1, gang: int = 1, **more: Any) -> World:
    """A world with machines of our own and nothing else."""
    keys = {key: more.pop(key) for key in ("outage", "turnaround_s", "standing") if key in more}
    return world(jobs, [own(gpus=gpus, gang=gang, **keys)], orders=(Order("own", count),), **more)


@dataclass
class Decider:
    """A policy of the user's own from a function of the view."""

    decide: Callable[[say.View], Sequence[say.Action]]
    name: str = "mine"
    review_every_s: int | None = None


@dataclass
class Plan:
    """A procurement rule that says given actions once, at second 0 or when woken."""

    at: dict[int, Sequence[say.Action]] = field(default_factory=dict)
    review_every_s: int | None = None

    def bind(self, setup: say.Setup) -> Plan:
        """Itself: made for one run."""
        return Plan(dict(self.at))

    def review(self, view: say.View) -> Sequence[say.Action]:
        """What is due now, and calls at the other times."""
        due = list(self.at.pop(view.now_s, ()))
        return [*due, *(say.WakeAt(t_s) for t_s in sorted(self.at)[:1])]


# ------------------------------------------------------------------------------------------------- what happened


class Spell(NamedTuple):
    """One attempt: where, from when to when, and why it ended."""

    offer: str
    start_s: int
    stop_s: int
    cause: str


def spells(made: World, ledger: Ledger) -> dict[int, list[Spell]]:
    """The attempts of each job that started, in order."""
    stops = {(row[1], row[2]): (row[0], CAUSES[row[3]]) for row in ledger.stopped.rows().tolist()}
    found: dict[int, list[Spell]] = {}
    for t_s, job, attempt, offer, *_ in ledger.started.rows().tolist():
        found.setdefault(job, []).append(Spell(made.offers[offer].id, t_s, *stops[job, attempt]))
    return found


def causes(ledger: Ledger) -> dict[int, list[tuple[int, str]]]:
    """(second, cause) of every stop of each job, those in the queue too."""
    found: dict[int, list[tuple[int, str]]] = {}
    for t_s, job, _, cause, *_ in ledger.stopped.rows().tolist():
        found.setdefault(job, []).append((t_s, CAUSES[cause]))
    return found


def times(made: World, policy: Any) -> list[tuple[int, int]]:
    """(start of the first attempt, end of the last) of each job that started, by number."""
    found = spells(made, run(made, policy))
    return [(found[job][0].start_s, found[job][-1].stop_s) for job in sorted(found)]


def story(made: World, policy: Any) -> dict[int, list[Spell]]:
    """Run, and tell the attempts of each job."""
    return spells(made, run(made, policy))


def seats(ledger: Ledger) -> list[int]:
    """Seats in order of launch."""
    return ledger.launched.column("seat").tolist()


def billed(ledger: Ledger, account: str) -> int:
    """Micro-dollars billed to an account, what was taken off it again not counted."""
    posted = ledger.posted
    return int(posted.column("billed")[posted.column("debit") == ACCOUNT[account]].sum())


def effective(ledger: Ledger, account: str) -> int:
    """Effective micro-dollars of an account."""
    posted = ledger.posted
    return int(posted.column("effective")[posted.column("debit") == ACCOUNT[account]].sum())


def checkpointed(every_s: int | None, **more: Any) -> Need:
    """One GPU with checkpoints."""
    return need(checkpoint=Checkpoint(every_s=every_s, **more))
