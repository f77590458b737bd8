"""How an allocation policy looks at the world, and the rules that it is made of; what it may say is in `actions`.

A policy is three separable rules: **queueing** (who is next, and what happens behind one that does not fit),
**placement** (where, when, when to move), **procurement** (what to sign, buy, ask quota for, adopt). A rule's settings
are frozen; `bind(setup)` makes the working rule of one run, which may keep state. Or a policy is one object of the
user's own with `decide(view) -> Sequence[Action]`.

Nothing here lets a policy see the future or the truth: prices and capacities are asked of the `View` as of now, and a
`JobView` has an estimate, never the true work.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol, runtime_checkable

from marketsim.demand.job import Need, Service
from marketsim.errors import Fault
from marketsim.policies.actions import (  # noqa: F401 - rules look at one module: `say.Start`, `say.View`
    WAIT,
    Action,
    Adopt,
    Because,
    Buy,
    Cancel,
    Hold,
    Move,
    Placed,
    Release,
    RequestQuota,
    Scale,
    Sign,
    Start,
    Stop,
    Terminate,
    Wait,
    WakeAt,
)
from marketsim.supply.quote import Quote
from marketsim.supply.shape import Shape

Why = Literal["news", "budget_ended"]


# ---------------------------------------------------------------------------------------------- what may be seen


class JobView(Protocol):
    """A job as a policy sees it; times in seconds, work in milli-GPU-seconds on the reference GPU.

    `view.waiting()` and `view.running()` hold them. The true work is nowhere in it.

    >>> import marketsim as ms
    >>> class Patient:
    ...     name = "patient"
    ...     def decide(self, view):
    ...         able = [job for job in view.waiting() if view.can_start(job, "aws-p4de")]
    ...         due = [job for job in able if view.now_s + 2 * view.run_s(job, "aws-p4de") >= job.deadline_s]
    ...         return [ms.Start(due[0].id, "aws-p4de")] if due else [ms.WakeAt(view.now_s + 3_600)] if able else []
    >>> ms.simulate(ms.build_world(ms.load("speech", ["horizon=2 w"])), Patient()).policy
    'patient'
    """

    id: int
    need: Need  # as declared
    need_index: int
    held: Need  # while it runs, what it holds: of an elastic job the need at the size at which it was started
    arrival_s: int  # when it could first be placed
    deadline_s: int
    estimate: int  # of all its work, raised at the end of an attempt that ran past it
    attempt: int  # attempts so far
    offer: str | None  # where it runs now
    started_s: int  # of the running attempt
    budget_ended: bool  # whether its waiting budget is over, since it last joined the queue
    tenant: int

    def progress_at(self, t_s: int) -> int:
        """Work done and not lost, by an instant, if nothing happens before."""
        ...

    def overhead_left_s(self, t_s: int) -> int:
        """Seconds of boot, transfer and restart the running attempt still has before it, 0 when none."""
        ...

    def estimated_left(self, t_s: int) -> int:
        """Work left by the estimate, raised as the job runs past it; at least 1. Asking changes nothing."""
        ...


class Contract(NamedTuple):
    """What was signed or bought and is not over.

    delivered_s: None while it is on its way. ends_s: None until it is delivered, and where it stays. leaving_usd: the
    fee for ending it now, None where its terms do not allow it.
    """

    commitment: int
    offer: str
    instances: int
    signed_s: int
    delivered_s: int | None
    ends_s: int | None
    leaving_usd: float | None


@dataclass(frozen=True)
class OfferFacts:
    """What anybody may know of an offer beforehand: everything but its price and capacity in the future."""

    id: str
    index: int
    kind: str
    provider: str
    zone: str
    residency: str | None
    shape: Shape
    boot_s: int
    turnaround_s: int
    quantum_s: int
    notice_s: int
    metered: bool
    committable: bool
    sells_tokens: bool
    block_instances: int
    usd_per_gb_out: float


@dataclass(frozen=True)
class Setup:
    """The facts of a run that do not change, handed to `bind`.

    tenants: names, by `JobView.tenant`. explain: whether rules say why; ordinary runs do without, and are faster.

    speed_ppm[need][offer] is 0 where the need cannot run; transfer_s[need][offer]: seconds in which its data are moved.
    sizes[need]: numbers of the needs at whose sizes its jobs may be started, the fastest first, its own included; those
    of other sizes stand at the end of `needs`, and no job has them as its `need_index`.
    replica_requests_per_s[service][offer] is 0 where a replica cannot serve.

    >>> import marketsim as ms
    >>> class Cheapest:
    ...     name = "cheapest-on-demand"
    ...     def bind(self, setup):
    ...         self.offers = [offer.id for offer in setup.offers if offer.kind == "on_demand"]
    ...         return self
    ...     def decide(self, view):
    ...         for job in view.waiting():
    ...             for offer in sorted(self.offers, key=view.price):
    ...                 if view.can_start(job, offer):
    ...                     return [ms.Start(job.id, offer)]
    ...         return []
    >>> world = ms.build_world(ms.load("speech", ["horizon=2 w"]))
    >>> ms.measure(world, ms.simulate(world, Cheapest()))["jobs_finished"] > 0
    True
    """

    horizon_s: int
    offers: tuple[OfferFacts, ...]
    needs: tuple[Need, ...]
    services: tuple[Service, ...]
    speed_ppm: Sequence[Sequence[int]]
    transfer_s: Sequence[Sequence[int]]
    replica_requests_per_s: Sequence[list[float]]
    decide_every_s: int = 1
    offer_index: Mapping[str, int] = field(default_factory=dict)
    tenants: tuple[str, ...] = ("all",)
    explain: bool = False
    future: Any = None  # the World, for rules named clairvoyant_* or perfect_* alone
    true_work: Sequence[int] | None = None  # milli-GPU-seconds by job, as levers change and add; for these rules alone
    sizes: Sequence[tuple[int, ...]] = ()

    def fastest(self, need: int, offer: int) -> int:
        """The number of the need at whose size an empty offer would run the job; its own where it cannot at any."""
        sizes = self.sizes[need]
        if len(sizes) == 1:
            return need
        return next((one for one in sizes if self.speed_ppm[one][offer]), need)

    def held(self, job: JobView) -> int:
        """The number of the need at whose size a job runs."""
        return self.needs.index(job.held) if job.need.elastic else job.need_index

    def runs(self, need: int, offer: int) -> bool:
        """Whether an offer can run the jobs of a need, at whatever size."""
        return any(self.speed_ppm[one][offer] for one in self.sizes[need])


class View(Protocol):
    """The live, read-only face of the engine. Offers are named by id; counts are instances, prices USD an hour.

    It knows the present and the past, never the future: prices, room and estimates are as of `now_s`.

    >>> import marketsim as ms
    >>> class SpotWhileCheap:
    ...     name = "spot-while-cheap"
    ...     def decide(self, view):
    ...         spot, sure = "aws-p4de-spot", "aws-p4de"
    ...         where = spot if view.price(spot) < 0.5 * view.price(sure) and view.launchable(spot) else sure
    ...         return [ms.Start(job.id, where) for job in view.waiting() if view.can_start(job, where)][:1]
    >>> world = ms.build_world(ms.load("speech", ["horizon=2 w"]))
    >>> ms.measure(world, ms.simulate(world, SpotWhileCheap()))["launches"] > 0
    True
    """

    @property
    def now_s(self) -> int:
        """The present second."""
        ...

    def waiting(self) -> Sequence[JobView]:
        """Jobs that wait, in queue order."""
        ...

    def running(self) -> Sequence[JobView]:
        """Jobs that hold instances, in order of start."""
        ...

    def job(self, job: int) -> JobView:
        """A job that waits or runs; KeyError for one that has not come or has gone."""
        ...

    def can_start(self, job: JobView, offer: str) -> bool:
        """Whether `Start(job, offer)` would be carried out at this instant, at whatever size."""
        ...

    def can_start_committed(self, job: JobView, offer: str) -> bool:
        """Whether it would be, at the size it would take, on what is committed or held there: no new metered lease."""
        ...

    def size_at(self, job: JobView, offer: str) -> int:
        """The number of the need at whose size a start there now would hold a job.

        Of an elastic job the fastest that fits now, and where none does the fastest that ever could; else its own.
        """
        ...

    def price(self, offer: str) -> float:
        """USD per instance-hour of the metered market now; KeyError where nothing is metered."""
        ...

    def quote(self, offer: str, keep_s: int, instances: int = 1, term_s: int | None = None) -> Quote | None:
        """What `instances` would cost if signed for or bought now; None where nothing can be committed to.

        keep_s: seconds after which what is bought would be sold again.
        """
        ...

    def launchable(self, offer: str) -> int:
        """Instances that could be started now beyond those held."""
        ...

    def held(self, offer: str) -> int:
        """Instances held now, idle or busy, booting included."""
        ...

    def committed(self, offer: str) -> int:
        """Instances signed for or bought, and delivered."""
        ...

    def ordered(self, offer: str) -> int:
        """Instances signed for or bought, and not yet delivered."""
        ...

    def contracts(self) -> Sequence[Contract]:
        """What is signed or bought and not over, by number, what is on its way included."""
        ...

    def free_milli(self, offer: str) -> int:
        """Thousandths of a GPU unused on instances that are up."""
        ...

    def idle(self, offer: str) -> Sequence[int]:
        """Numbers of the metered instances that stand empty."""
        ...

    def run_s(self, job: JobView, offer: str) -> int:
        """Seconds from a start here now to the end, by the estimate and at `size_at`, with boot, transfer, restart.

        2^62, which is later than anything, where the offer cannot run the job.
        """
        ...

    def data_usd(self, job: JobView, offer: str) -> float | None:
        """USD of bringing the data of a job's workload to an offer now; None where they lie there, or it has none."""
        ...

    def replicas(self, service: int) -> Mapping[str, int]:
        """Replicas of a service by offer, booting included."""
        ...

    def room_for(self, service: int, offer: str) -> int:
        """How many more replicas of a service could be started at an offer now."""
        ...

    def room_held(self, service: int, offer: str) -> int:
        """The same on instances that are here: no new metered lease."""
        ...

    def requests_per_s(self, service: int) -> float:
        """The need of a service now."""
        ...

    def cash_micro(self) -> int | None:
        """Cash in micro-dollars, None where it is not watched."""
        ...

    def seen(self, since_s: int, until_s: int) -> Iterable[tuple[int, int, int, int]]:
        """Jobs that arrived in a past span: (arrival_s, need, estimate, deadline_s); never beyond now."""
        ...

    def demand_gpus(self, since_s: int, step_s: int) -> Sequence[float]:
        """Mean GPUs asked for in each past step up to now: held, waiting, or served; in whole GPUs of any kind."""
        ...


# ---------------------------------------------------------------------------------------------- the three rules

STRICT, SKIPPING, EASY = "strict", "skipping", "easy"


class QueueRule(Protocol):
    """Who is next. `key` is taken at each (re)queue; ties go by job number.

    blocking: `strict` stops at the first that does not start; `skipping` goes on behind it; `easy` goes on with jobs
    that, by estimate, do not delay the first. preempts: a waiting job may stop a running one with a larger key.
    capacity: how many may wait before further arrivals are refused, None for no bound.
    """

    blocking: str
    preempts: bool
    capacity: int | None

    def key(self, job: JobView, now_s: int) -> Any:
        """Sortable; the smallest is first."""
        ...


class PlacementRule(Protocol):
    """Where and when. review_every_s: how often running jobs are reviewed, None for never.

    reviewed_from_start: the period counts from each start, else all are reviewed at once, counted from second 0.
    """

    review_every_s: int | None
    reviewed_from_start: bool

    def leave_at(self, job: JobView, view: View) -> int | None:
        """Asked each time the job joins the queue: when its waiting budget there ends; None for never."""
        ...

    def place(self, job: JobView, view: View, why: Why) -> Placed:
        """A start; None where nothing fits this class of need now; `WAIT` or a time where this job chooses to wait.

        After None no other job of the class is asked in this pass, save those whose waiting budget has ended.
        """
        ...

    def review(self, job: JobView, view: View) -> Move | Stop | WakeAt | None:
        """Asked per running job at the rule's period; after `WakeAt` not about this attempt before that time."""
        ...

    def on_empty(self, offer: str, view: View) -> int:
        """Until when an instance that has just become empty is held; now or earlier releases it."""
        ...

    def scale(self, service: int, view: View) -> Sequence[Scale]:
        """Asked on the autoscaling grid where need, a price or the room that it asked about has changed."""
        ...


class ProcurementRule(Protocol):
    """What to commit to. review_every_s: its period, None for once at the start."""

    review_every_s: int | None

    def review(self, view: View) -> Sequence[Action]:
        """Signatures, purchases, quota requests, adoptions, a time to be woken."""
        ...


@runtime_checkable
class Rules(Protocol):
    """A rule's settings: `bind` makes the working rule of one run."""

    def bind(self, setup: Setup) -> Any:
        """A rule with no memory of other runs."""
        ...


@dataclass(frozen=True)
class Policy:
    """The three rules composed, and the levers that are adopted at the start, as (lever, target) by name.

    >>> import marketsim as ms
    >>> edf, safe = ms.kinds("queue")["edf"](), ms.kinds("placement")["cheapest_feasible"]()
    >>> urgent = ms.Policy("urgent-first", queue=edf, placement=safe)
    >>> results = ms.run(ms.load("speech", ["horizon=2 w"]), ["cheapest", urgent], replications=2)
    >>> results.policies
    ('cheapest', 'urgent-first')
    """

    name: str
    queue: Rules
    placement: Rules
    procurement: Rules | None = None
    levers: tuple[tuple[str, str], ...] = ()  # (lever, target)


class UserPolicy(Protocol):
    """One object of the user's own. It may have `name`, `review_every_s` and `bind(setup)`.

    Nothing need be inherited. `run`, `simulate` and, from a file, `--policy-file` take it; `marketsim check-policy`
    tries it for looks into the future. Actions that cannot be carried out raise PolicyError.

    >>> import marketsim as ms
    >>> class FirstThatFits:
    ...     name = "first-that-fits"
    ...     def decide(self, view):
    ...         for job in view.waiting():
    ...             for offer in ("aws-p4de-spot", "aws-p4de"):
    ...                 if view.can_start(job, offer):
    ...                     return [ms.Start(job.id, offer)]
    ...         return []
    >>> results = ms.run(ms.load("speech", ["horizon=2 w"]), ["cloud-only", FirstThatFits()], replications=2)
    >>> results.policies, results.failures
    (('cloud-only', 'first-that-fits'), ())
    """

    def decide(self, view: View) -> Sequence[Action]:
        """Actions at this instant; asked again while they change the state, at most 100 rounds."""
        ...


def refused(policy: Any) -> Fault | None:
    """What is wrong with an object that is to be a policy, None where it can be one."""
    if isinstance(policy, type):
        return Fault(f"{policy.__name__} is a class", key="policy", allowed=f"an object of it: {policy.__name__}()")
    if isinstance(policy, Policy) or any(callable(getattr(policy, name, None)) for name in ("decide", "bind")):
        return None
    got = policy if isinstance(policy, str | int | float) else None
    allowed = "policy_of(scenario, NAME), a Policy of three rules, or an object with decide(view)"
    what = f"a {type(policy).__name__} is no policy"
    return Fault(what, key="policy", got=None if got is None else str(got), allowed=allowed)
