"""A policy put to the test: the same twice, blind to the future and the truth, nothing impossible, nothing touched.

**Blind to the future.** The policy meets two worlds that are one up to a second t and differ from then on: other
prices, other capacity, other traffic, no more jobs. What it did before t must be the same.

**Blind to the truth.** Two worlds differ only in how much true work one job has; its estimate stays. Until the first
second at which one of them sees the job end, what it did must be the same.

Rules that need either are named `clairvoyant_` or `perfect_`, and are then let off, which is said.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from marketsim.engine.run import run
from marketsim.errors import InputError, PolicyError
from marketsim.experiment.trial_world import trial_world
from marketsim.experiment.watched import watched
from marketsim.ledger import CAUSE, TABLES, Ledger
from marketsim.path import Path
from marketsim.policies import policy as say
from marketsim.streams import Dice
from marketsim.units import HOUR_S
from marketsim.world import World

KNOWING = ("clairvoyant_", "perfect")
DECIDED = ("started", "stopped", "launched", "released", "scaled", "signed", "adopted")  # each row begins with t_s
MOST_AT_ONCE = 10_000  # questions of one kind about one job in one second
FUTURES = (0.2, 0.5, 0.8)  # shares of the horizon after which the world is another
TRUTHS = 6  # jobs whose true work is changed, one after the other


@dataclass(frozen=True)
class Finding:
    """What a policy must not do, and where it did: `rule` is one of RULES."""

    rule: str
    text: str


RULES = {
    "runs": "asks for nothing impossible, and settles at every instant",
    "same": "does the same twice",
    "future": "does not look into the future",
    "truth": "does not look at the truth",
    "touches": "changes nothing that it is shown",
}


@dataclass(frozen=True)
class Verdict:
    """findings: empty where all is well; let_off: rules that were not asked, because the policy says that it knows."""

    policy: str
    findings: tuple[Finding, ...]
    let_off: tuple[str, ...] = ()
    decisions: int = 0

    @property
    def good(self) -> bool:
        """Whether nothing was found."""
        return not self.findings


def knows(policy: Any) -> bool:
    """Whether a policy says by its name, or a rule of it by its kind, that it knows what no policy can."""
    if isinstance(policy, say.Policy):
        parts = [part for part in (policy.queue, policy.placement, policy.procurement) if part is not None]
        kinds = [str(getattr(part, "kind", "")) for part in parts]
        forecast = [str(getattr(getattr(part, "forecast", None), "kind", "")) for part in parts]
        return any(kind.startswith(KNOWING) for kind in (*kinds, *forecast))
    return str(getattr(policy, "name", type(policy).__name__)).startswith(KNOWING)


def tried(policy: Any, worlds: Iterable[World] | None = None) -> Verdict:
    """The verdict on a policy over some worlds, the trial worlds where none are given; at most one finding a rule."""
    found: dict[str, Finding] = {}
    decisions = 0
    knowing = knows(policy)
    for world in [trial_world(0), trial_world(1)] if worlds is None else worlds:
        guard = Guard(policy, knowing)
        first = _run(guard, world, found)
        if first is None:
            break
        decisions += sum(len(first.tables[name]) for name in DECIDED)
        _same(guard, world, first, found)
        if not knowing:
            _blind(guard, world, first, found)
        if guard.touched:
            found.setdefault("touches", Finding("touches", guard.touched))
    name = str(getattr(policy, "name", type(policy).__name__))
    let_off = ("future", "truth") if knowing else ()
    return Verdict(name, tuple(found[rule] for rule in RULES if rule in found), let_off, decisions)


def _run(guard: Guard, world: World, found: dict[str, Finding]) -> Ledger | None:
    """The run's ledger; None, with a finding, where it cannot be run."""
    try:
        return run(world, guard.policy())
    except Peeked as error:
        found.setdefault("future", Finding("future", str(error)))
    except PolicyError as error:
        found.setdefault("runs", Finding("runs", str(error)))
    except InputError:
        raise
    except Exception as error:
        found.setdefault("runs", Finding("runs", f"{type(error).__name__}: {error}"))
    return None


def _same(guard: Guard, world: World, first: Ledger, found: dict[str, Finding]) -> None:
    again = _run(guard, world, found)
    if again is None:
        return
    for name in TABLES:
        if first.tables[name].cells != again.tables[name].cells:
            what = f"the second run is another: {_difference(first, again, None) or f'rows of `{name}` differ'}"
            found.setdefault(
                "same", Finding("same", f"{what}; it keeps something between runs, or throws its own dice")
            )
            return


def _blind(guard: Guard, world: World, first: Ledger, found: dict[str, Finding]) -> None:
    for share in FUTURES:
        t_s = round(share * world.horizon_s) // HOUR_S * HOUR_S
        other = _run(guard, another_future(world, t_s), found)
        told = None if other is None else _difference(first, other, t_s)
        if told is not None:
            what = f"in two worlds that differ only from {_clock(t_s)} on, {told}"
            found.setdefault("future", Finding("future", what))
    for job, ends_s in _finished(first, TRUTHS):
        other = _run(guard, another_truth(world, job), found)
        told = None if other is None else _difference(first, other, ends_s)
        if told is not None:
            what = (
                f"in two worlds that differ only in the true work of job {job}, which ends at {_clock(ends_s)}, {told}"
            )
            found.setdefault("truth", Finding("truth", what))


def another_future(world: World, t_s: int) -> World:
    """The same world up to a second, another from it on: prices and capacity turned about, traffic doubled, no jobs."""
    jobs = world.jobs
    count = int(np.searchsorted(jobs.arrival_s, t_s, side="left"))
    columns: dict[str, Any] = {
        name: None if getattr(jobs, name) is None else getattr(jobs, name)[:count]
        for name in ("need", "arrival_s", "work", "estimate", "deadline_s", "tenant", "patience_s", "think_s")
    }
    if jobs.after_start is not None and jobs.after is not None:
        columns["after_start"] = jobs.after_start[: count + 1]
        columns["after"] = jobs.after[: int(jobs.after_start[count])]
    names = None if jobs.names is None else jobs.names[:count]
    offers = []
    for index, offer in enumerate(world.offers):
        factor = 3.0 if index % 2 else 0.3
        offers.append(
            replace(
                offer,
                price=None if offer.price is None else _after(offer.price, t_s, _times(factor)),
                launchable=_after(offer.launchable, t_s, lambda v: np.where(v > 0, 0, 2)),
                keepable=_after(offer.keepable, t_s, lambda v: np.where(v > 0, 0, 2)),
            )
        )
    services = tuple(
        replace(service, requests_per_s=_after(service.requests_per_s, t_s, lambda v: 2 * v))
        for service in world.services
    )
    return replace(world, jobs=replace(jobs, names=names, **columns), offers=tuple(offers), services=services)


def _after(path: Path, t_s: int, change: Callable[[Any], Any]) -> Path:
    """The path with its values changed from a second on."""
    times = np.union1d(path.times_s, [t_s])
    values = path.at_many(times)
    return Path(times, np.where(times >= t_s, change(values), values))


def _times(factor: float) -> Callable[[Any], Any]:
    return lambda values: values * factor


def another_truth(world: World, job: int) -> World:
    """The same world in which one job has twice its work and a half, and nobody knows."""
    work = world.jobs.work.copy()
    work[job] = work[job] * 5 // 2 + 1
    return replace(world, jobs=replace(world.jobs, work=work))


def _finished(ledger: Ledger, most: int) -> list[tuple[int, int]]:
    """Some finished jobs with the second of their end: those that ran longest after they came."""
    rows = [row for row in ledger.stopped.rows().tolist() if row[3] == CAUSE["finished"]]
    began: dict[int, int] = {}
    for t_s, job, *_ in ledger.started.rows().tolist():
        began.setdefault(job, t_s)
    rows.sort(key=lambda row: (began.get(row[1], 0) - row[0], row[1]))
    return [(row[1], row[0]) for row in rows[:most]]


def _difference(first: Ledger, other: Ledger, before_s: int | None) -> str | None:
    """The earliest thing done before a second in one run and not in the other, in words; None where there is none."""
    earliest: tuple[int, str] | None = None
    for name in DECIDED:
        a, b = ([row for row in one.tables[name].rows().tolist() if _early(row, before_s)] for one in (first, other))
        for row, twin in zip([*a, None], [*b, None], strict=False):
            if row != twin:
                t_s = min(one[0] for one in (row, twin) if one is not None)
                if earliest is None or t_s < earliest[0]:
                    columns = TABLES[name][1:4]
                    told = ", ".join(f"{c} {v}" for c, v in zip(columns, (row or twin or [])[1:4], strict=True))
                    earliest = (t_s, f"it did something else at {_clock(t_s)} ({name}: {told})")
                break
    return None if earliest is None else earliest[1]


def _early(row: list[int], before_s: int | None) -> bool:
    return before_s is None or row[0] < before_s


def _clock(t_s: int) -> str:
    days, rest = divmod(t_s, 24 * HOUR_S)
    return f"day {days}, {rest // HOUR_S:02d}:{rest % HOUR_S // 60:02d}:{rest % 60:02d}"


# ------------------------------------------------------------------------------------------------------- the guard


class Peeked(PolicyError):
    """The policy opened what only rules named for it may open."""


class _Future:
    """What a policy finds where the World would be; its own dice are allowed."""

    def __init__(self, policy: str) -> None:
        self._policy = policy
        self.dice = Dice(0).under("trial")

    def __getattr__(self, name: str) -> Any:
        raise Peeked(self._policy, f"it opens `setup.future.{name}`; only rules named clairvoyant_ or perfect_ may", 0)


class Guard:
    """Watches a policy at work: what it is shown stays as it was, and it comes to an end within each second."""

    def __init__(self, policy: Any, knowing: bool) -> None:
        self._policy, self._knowing = policy, knowing
        self._name = str(getattr(policy, "name", type(policy).__name__))
        self.touched: str | None = None
        self._setups: list[tuple[say.Setup, str]] = []
        self._asked: tuple[int, int] = (-1, 0)

    def policy(self) -> Any:
        """The policy for one more run."""
        self._setups.clear()
        return watched(self._policy, self._around, self._bound)

    def _bound(self, setup: say.Setup) -> say.Setup:
        if not self._knowing:
            setup = replace(setup, future=_Future(self._name), true_work=None)
        self._setups.append((setup, _facts(setup)))
        return setup

    def _around(self, part: str, method: str, function: Any, arguments: tuple[Any, ...]) -> Any:
        view = next((one for one in arguments if hasattr(one, "now_s") and hasattr(one, "waiting")), None)
        jobs = [one for one in arguments if hasattr(one, "need_index")]
        if method == "decide" and view is not None:
            jobs = [*view.waiting(), *view.running()]
        before = [_photo(job) for job in jobs]
        try:
            said = function(*arguments)
            if method in ("scale", "review", "decide") and said is not None and not isinstance(said, tuple):
                said = tuple(said)  # a generator acts while it is read
        except AttributeError as error:
            if type(error).__name__ != "FrozenInstanceError":
                raise
            self.touched = self.touched or f"`{method}` writes to a frozen thing: {error}"
            raise
        for job, photo in zip(jobs, before, strict=True):
            self._compare(method, job, photo)
        if view is not None:
            self._count(view.now_s, method)
        return said

    def _compare(self, method: str, job: Any, photo: dict[str, Any]) -> None:
        for field, was in photo.items():
            now = getattr(job, field)
            if now != was:
                self.touched = self.touched or f"`{method}` changes {field} of job {job.id} from {was!r} to {now!r}"

    def _count(self, now_s: int, method: str) -> None:
        second, count = self._asked
        self._asked = (now_s, count + 1 if second == now_s else 1)
        if self._asked[1] > MOST_AT_ONCE:
            raise PolicyError(self._name, f"does not settle: asked {MOST_AT_ONCE} times in one second", now_s)
        if count == 0 or second != now_s:
            for setup, facts in self._setups:
                if _facts(setup) != facts:
                    self.touched = self.touched or f"`{method}` or one before it changes the facts it was bound to"


def _photo(job: Any) -> dict[str, Any]:
    fields = ("id", "need", "held", "need_index", "arrival_s", "deadline_s", "estimate", "attempt", "offer",
              "started_s", "budget_ended", "tenant", "kept", "phase", "ticket", "end_s")  # fmt: skip
    return {field: getattr(job, field) for field in fields}


def _facts(setup: say.Setup) -> str:
    tables = (setup.speed_ppm, setup.transfer_s, setup.replica_requests_per_s, dict(setup.offer_index))
    return json.dumps(tables)
