"""Why a job went where it went, why a contract was signed, why a service was scaled: one run once more, with reasons.

The policy is watched while it decides as before; what it was asked about the thing in question is kept, with the
options it had at that second: price, expected finish and slack, by the estimate the policy saw. Answers that repeat are
kept once, with how often. Beside them stands what hindsight would have done.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

from marketsim.demand.job import NEVER, Need
from marketsim.engine import progress
from marketsim.engine.run import run
from marketsim.engine.setup import speed, transfer_s
from marketsim.experiment.watched import watched
from marketsim.ledger import CAUSES, Ledger
from marketsim.policies import policy as say
from marketsim.supply.offer import Offer
from marketsim.units import HOUR_S
from marketsim.world import World

GRID_S = 600  # starts that hindsight tries
MOST_STARTS = 5_000


@dataclass(frozen=True)
class Option:
    """One offer at the second of a decision. usd: expected, of the run at today's price; None where nothing is metered.

    For a service, expected_finish_s and slack_s are None and usd is for 1,000 requests.
    """

    offer: str
    can_start: bool
    usd_per_instance_hour: float | None
    usd: float | None = None
    expected_finish_s: int | None = None
    slack_s: int | None = None


@dataclass
class Decision:
    """What was said between two seconds, `times` times, and why; options are those of the first second."""

    from_s: int
    to_s: int
    said: str
    reason: str
    options: tuple[Option, ...]
    times: int = 1


@dataclass(frozen=True)
class Event:
    """What came of it."""

    t_s: int
    text: str


@dataclass(frozen=True)
class Hindsight:
    """The cheapest single run in hindsight: alone in the market; prices, capacity and true work are known."""

    offer: str
    start_s: int
    finish_s: int
    usd: float
    in_time: bool


@dataclass
class Explained:
    """about: facts of the thing by name; hindsight: a sentence, or None where the bound gives nothing for it."""

    thing: str
    about: dict[str, Any]
    decisions: list[Decision]
    events: list[Event] = field(default_factory=list)
    hindsight: str | None = None
    ledger: Ledger | None = None


class _Recorder:
    """Keeps what a policy says about one thing."""

    def __init__(self) -> None:
        self.decisions: list[Decision] = []
        self._last: Any = None

    def keep(self, now_s: int, said: str, reason: Any, sort: Any, options: Any) -> None:
        """One more answer; one that repeats the last (same words, same sentence) is counted."""
        key = (said, getattr(sort, "sentence", sort))
        if self.decisions and self._last == key:
            self.decisions[-1].to_s = now_s
            self.decisions[-1].times += 1
            return
        self._last = key
        self.decisions.append(Decision(now_s, now_s, said, reason, options()))


def _explaining(setup: say.Setup) -> say.Setup:
    return replace(setup, explain=True)


# ------------------------------------------------------------------------------------------------------------- a job


def of_job(world: World, policy: Any, job: int) -> Explained:
    """One job's story. Raises IndexError for a job that the world does not have."""
    if not 0 <= job < len(world.jobs):
        raise IndexError(f"there is no job {job}")
    recorder = _JobRecorder(world, job)
    ledger = run(world, watched(policy, recorder.around, recorder.explaining))
    found = in_hindsight(world, job)
    return Explained(
        thing=f"job {_name(world, job)}",
        about=_about_job(world, job),
        decisions=recorder.decisions,
        events=_events(world, ledger, job),
        hindsight=_told(found),
        ledger=ledger,
    )


def _name(world: World, job: int) -> str:
    return world.jobs.names[job] if world.jobs.names else str(job)


def _about_job(world: World, job: int) -> dict[str, Any]:
    jobs = world.jobs
    need = jobs.needs[int(jobs.need[job])]
    deadline_s = int(jobs.deadline_s[job])
    per_h = need.gang_milli * HOUR_S
    return {
        "workload": need.workload,
        "gpus": need.gang_milli / 1000,
        "instances": need.instances,
        "arrival_s": int(jobs.arrival_s[job]),
        "deadline_s": None if deadline_s >= NEVER else deadline_s,
        "estimated_h": int(jobs.estimate[job]) / per_h,
        "true_h": int(jobs.work[job]) / per_h,
    }


class _JobRecorder(_Recorder):
    def __init__(self, world: World, job: int) -> None:
        super().__init__()
        self._world, self._job = world, job
        self._needs: Sequence[Need] = ()

    def explaining(self, setup: say.Setup) -> say.Setup:
        """The facts with reasons asked for; the needs are noted."""
        self._needs = setup.needs
        return _explaining(setup)

    def around(self, part: str, method: str, function: Any, arguments: tuple[Any, ...]) -> Any:
        """Ask the rule; keep the answer where it is about the job."""
        if method == "decide":
            view = arguments[0]
            said = tuple(function(view))
            about = [one for one in said if getattr(one, "job", None) == self._job]
            for action in about:
                options = self._options(view, view.job(self._job))
                self.keep(view.now_s, _words(action), _why(action, ""), action.reason, lambda kept=options: kept)
            return said
        if method not in ("place", "review") or not hasattr(arguments[0], "need_index"):
            return function(*arguments)
        job, view = arguments[0], arguments[1]
        if job.id != self._job:
            return function(*arguments)
        options = self._options(view, job)  # before the rule starts anything
        answer = function(*arguments)
        if method == "review" and answer is None:
            return answer
        default = "nothing that it would take can be started now" if answer is None else "the rule gives no reason"
        self.keep(view.now_s, _words(answer), _why(answer, default), getattr(answer, "reason", None), lambda: options)
        return answer

    def _options(self, view: say.View, job: say.JobView) -> tuple[Option, ...]:
        """Every offer that can hold the job."""
        now, found = view.now_s, []
        for offer in self._world.offers:
            if not any(speed(one, offer) for one in job.need.sizes()):
                continue
            able = view.can_start(job, offer.id) and offer.id != job.offer
            run_s = view.run_s(job, offer.id)
            price = None if offer.price is None else view.price(offer.id)
            slack_s = None if job.deadline_s >= NEVER else job.deadline_s - now - run_s
            need = self._needs[view.size_at(job, offer.id)]
            usd = None if price is None else price * _instances(need, offer) * run_s / HOUR_S
            found.append(Option(offer.id, able, price, usd, now + run_s, slack_s))
        return tuple(found)


def _instances(need: Need, offer: Offer) -> float:
    """Instances that the job's share comes to."""
    return float(need.instances) if need.instances > 1 else need.milli / offer.shape.milli


def _words(answer: Any) -> str:
    """An answer in words."""
    if answer is None:
        return "waits"
    if isinstance(answer, say.Wait | say.WakeAt):
        return "waits"
    if isinstance(answer, say.Start):
        return f"starts at {answer.offer}"
    if isinstance(answer, say.Move):
        return f"moves to {answer.offer}"
    return {"Stop": "is stopped", "Cancel": "is given up"}.get(type(answer).__name__, str(answer))


def _why(answer: Any, default: str) -> str:
    reason = getattr(answer, "reason", None)
    return default if reason is None else str(reason)


def _events(world: World, ledger: Ledger, job: int) -> list[Event]:
    """Starts, readiness and ends of the job's attempts."""
    events = []
    elastic = bool(world.jobs.needs[int(world.jobs.need[job])].elastic)
    beside = Counter((number, attempt) for number, attempt, _ in ledger.gangs.rows().tolist() if number == job)
    for t_s, number, attempt, offer, _, milli, ready_s in ledger.started.rows().tolist():
        if number == job:
            size = f" on {1 + beside[job, attempt]} x {milli / 1000:g} GPUs" if elastic else ""
            where = f"attempt {attempt} at {world.offers[offer].id}{size}"
            events.append(Event(t_s, f"{where}, works from {clock(ready_s)} on"))
    milli_h = 1000 * HOUR_S
    for t_s, number, attempt, cause, kept, lost, *_ in ledger.stopped.rows().tolist():
        if number == job:
            what = f"attempt {attempt} ends: " if attempt else ""
            done = f", {kept / milli_h:,.1f} GPU-h kept, {lost / milli_h:,.1f} lost" if attempt else ""
            events.append(Event(t_s, f"{what}{CAUSES[cause]}{done}"))
    return sorted(events, key=lambda event: event.t_s)


def in_hindsight(world: World, job: int) -> Hindsight | None:
    """The cheapest run of a job from start to end without a break, tried every ten minutes at every metered offer.

    All is known: true work, prices, how long the capacity is kept; an elastic job is tried at each of its sizes. The
    job is alone in the market and pays for its share alone, boot and data's way included, as on capacity that others
    fill. The latest end is its deadline where any run meets it; else, and without a deadline, the earliest end decides.
    None where nothing metered can run it.
    """
    jobs = world.jobs
    sizes = jobs.needs[int(jobs.need[job])].sizes()
    arrival_s, deadline_s = int(jobs.arrival_s[job]), int(jobs.deadline_s[job])
    best: tuple[Any, Hindsight] | None = None
    last_s = min(deadline_s, world.end_s)
    step_s = max(GRID_S, -(-(last_s - arrival_s) // MOST_STARTS))
    for offer, need in product(world.offers, sizes):
        ppm = speed(need, offer)
        if offer.price is None or not ppm:
            continue
        overhead_s = offer.boot_s + transfer_s(need, offer)
        run_s = overhead_s + progress.held_s(
            int(jobs.work[job]), need.gang_milli, ppm, need.checkpoint.start_s, need.checkpoint
        )
        for start_s in range(arrival_s, max(last_s - run_s, arrival_s) + 1, step_s):
            finish_s = start_s + run_s
            if not _kept(offer, start_s, finish_s, need.instances):
                continue
            usd = offer.price.integral(start_s, finish_s) / HOUR_S * _instances(need, offer)
            in_time = finish_s <= deadline_s
            rank = (not in_time, usd if in_time and deadline_s < NEVER else finish_s, finish_s)
            if best is None or rank < best[0]:
                best = (rank, Hindsight(offer.id, start_s, finish_s, usd, in_time))
    return None if best is None else best[1]


def _kept(offer: Offer, start_s: int, finish_s: int, instances: int) -> bool:
    """Whether so many instances could be started at a second and kept to another."""
    if offer.launchable.at(start_s) < instances:
        return False
    path = offer.keepable
    inside = path.values[(path.times_s > start_s) & (path.times_s < finish_s)]
    return path.at(start_s) >= instances and bool((inside >= instances).all())


def _told(found: Hindsight | None) -> str:
    if found is None:
        return "in hindsight no single run on a metered offer could have done it"
    when = f"from {clock(found.start_s)} to {clock(found.finish_s)}"
    late = "" if found.in_time else ", late as any run would have been"
    return f"in hindsight the best run without a break was at {found.offer} {when} for {found.usd:,.2f} USD{late}"


# ------------------------------------------------------------------------------------- a contract, or a service


def of_contract(world: World, policy: Any, contract: int, bound: Any = None) -> Explained:
    """How one row of what was signed or bought came about. Raises IndexError for a number that was never signed.

    bound: the `Bound` of the world, whose plan says what hindsight committed to at that offer.
    """
    recorder = _OrderRecorder(world)
    ledger = run(world, watched(policy, recorder.around, _explaining))
    rows = {row[1]: row for row in ledger.signed.rows().tolist()}
    if contract not in rows:
        raise IndexError(f"there is no contract {contract}; there are {', '.join(map(str, sorted(rows))) or 'none'}")
    t_s, _, offer_index, instances, delivered_s, ends_s = rows[contract]
    offer = world.offers[offer_index].id
    about = {"offer": offer, "instances": instances, "signed_s": t_s, "delivered_s": delivered_s, "ends_s": ends_s}
    decisions = [one for one in recorder.decisions if one.from_s <= t_s and f" {offer}" in one.said]
    return Explained(f"contract {contract}", about, decisions[-1:], [], in_plan(bound, offer), ledger)


class _OrderRecorder(_Recorder):
    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world

    def around(self, part: str, method: str, function: Any, arguments: tuple[Any, ...]) -> Any:
        """Ask the rule; keep signatures and purchases."""
        if (part, method) not in (("procurement", "review"), ("policy", "decide")):
            return function(*arguments)
        view = arguments[-1]
        said = tuple(function(*arguments))
        for action in said:
            if isinstance(action, say.Sign | say.Buy):
                verb = "signs" if isinstance(action, say.Sign) else "buys"
                options = self._options(view)
                words = f"{verb} {action.instances} x {action.offer}"
                self.decisions.append(
                    Decision(view.now_s, view.now_s, words, _why(action, "the rule gives no reason"), options)
                )
        return said

    def _options(self, view: say.View) -> tuple[Option, ...]:
        """Every offer by what an instance-hour costs today: committed ones by their quote, metered ones by price."""
        found = []
        for offer in self._world.offers:
            quote = view.quote(offer.id, max(self._world.horizon_s - view.now_s, 1))
            if quote is not None:
                found.append(Option(offer.id, True, quote.usd_per_hour, expected_finish_s=view.now_s + quote.lead_s))
            elif offer.price is not None and offer.usd_per_output_token is None:
                found.append(Option(offer.id, view.launchable(offer.id) > 0, view.price(offer.id)))
        return tuple(found)


def in_plan(bound: Any, offer: str) -> str | None:
    """What the plan of a hindsight bound commits to at an offer, in words; None without a bound."""
    if bound is None:
        return None
    rows: Sequence[tuple[int, float]] = bound.plan.get(offer, ())
    if not rows:
        return f"the plan of the hindsight bound commits to nothing at {offer}"
    told = ", ".join(f"{count:,.2f} from {clock(t_s)}" for t_s, count in rows[:12])
    more = f" and {len(rows) - 12} more" if len(rows) > 12 else ""
    return f"the plan of the hindsight bound commits at {offer} to {told}{more} (parts of instances are allowed it)"


def in_requests(bound: Any, service: str) -> str | None:
    """Where the plan of a hindsight bound serves a service, in words; None without a bound."""
    if bound is None:
        return None
    shares = bound.requests.get(service)
    if not shares:
        return "the bound says nothing of this service: its lost requests have no value, or no plan was found"
    where = sorted((one for one in shares.items() if one[0] is not None), key=lambda one: (-one[1], one[0]))
    told = ", ".join(f"{share:.1%} of the requests at {offer}" for offer, share in where) or "no request"
    lost = f"; it loses {shares[None]:.1%}" if shares.get(None) else ""
    return f"the plan of the hindsight bound serves {told}{lost} (parts of replicas are allowed it)"


def of_service(world: World, policy: Any, service: int, bound: Any = None) -> Explained:
    """When a service was scaled, where and why. Raises IndexError for a service that the world does not have.

    bound: the `Bound` of the world, whose plan says where hindsight served it over the whole run.
    """
    if not 0 <= service < len(world.services):
        raise IndexError(f"there is no service {service}")
    recorder = _ServiceRecorder(world, service)
    ledger = run(world, watched(policy, recorder.around, _explaining))
    need = world.services[service].requests_per_s
    name = world.services[service].name
    about = {"service": name, "mean_requests_per_s": need.mean(0, world.horizon_s)}
    return Explained(f"service {name}", about, recorder.decisions, [], in_requests(bound, name), ledger)


class _ServiceRecorder(_Recorder):
    def __init__(self, world: World, service: int) -> None:
        super().__init__()
        self._world, self._service = world, service

    def around(self, part: str, method: str, function: Any, arguments: tuple[Any, ...]) -> Any:
        """Ask the rule; keep what changes the number of replicas."""
        if method not in ("scale", "decide"):
            return function(*arguments)
        view = arguments[-1]
        said = tuple(function(*arguments))
        held = dict(view.replicas(self._service))
        changes = [
            one
            for one in said
            if isinstance(one, say.Scale) and one.service == self._service and not one.requests_per_s
            and one.replicas != held.get(one.offer, 0)
        ]  # fmt: skip
        if changes:
            words = ", ".join(f"{one.offer}: {held.get(one.offer, 0)} to {one.replicas} replicas" for one in changes)
            need = view.requests_per_s(self._service)
            default = f"{need:,.1f} requests a second, with headroom: committed capacity first, then the cheapest"
            self.keep(view.now_s, words, _why(changes[0], default), words, lambda: self._options(view))
        return said

    def _options(self, view: say.View) -> tuple[Option, ...]:
        """Offers that can serve, with room for another replica, and USD for 1,000 requests."""
        found = []
        service = self._world.services[self._service]
        for offer in self._world.offers:
            rate = service.replica_requests_per_s.get(offer.shape.gpu, 0.0)
            room = view.room_for(self._service, offer.id)
            if not rate or (not room and not view.replicas(self._service).get(offer.id)):
                continue
            price = None if offer.price is None else view.price(offer.id)
            share = service.replica.milli / offer.shape.milli
            usd = None if price is None else price * share / rate / HOUR_S * 1000
            found.append(Option(offer.id, room > 0, price, usd))
        return tuple(found)


def clock(t_s: int) -> str:
    """A second of a run as day, hour, minute and second."""
    days, rest = divmod(t_s, 24 * HOUR_S)
    return f"day {days} {rest // HOUR_S:02d}:{rest % HOUR_S // 60:02d}:{rest % 60:02d}"
