"""A study: some policies of a scenario, each over many replications, kept as it goes and compared at the end.

    results = run_study(scenario, replications=200, seed=1)

With a folder, what is done is kept in its store, and the same call goes on where an interrupted one stopped.
"""

from __future__ import annotations

import pathlib
import platform
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from marketsim.errors import Fault, InputError, ReplicationError, nearest
from marketsim.experiment import folder as folders
from marketsim.experiment import runners
from marketsim.experiment.results import Results
from marketsim.experiment.statistics.interval import t_interval
from marketsim.experiment.statistics.stopping import Until
from marketsim.experiment.store import Store
from marketsim.experiment.task import Outcome, Pair, Row, ScenarioTask, Task
from marketsim.policies.policy import refused
from marketsim.scenario import Scenario

MOST_REPLICATIONS = 100_000


@dataclass(frozen=True)
class Plan:
    """How many replications: `at_most`, or fewer once `metric` is known well enough.

    Known well enough is its mean under every policy, or where `to` names a policy, every other's difference to that, or
    where `pairs` are named, the first's difference to the second in each. All policies get as many replications.
    """

    at_most: int
    until: Until | None = None
    metric: str = "total_cost_usd"
    to: str | None = None
    pairs: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, asked: Any, confidence: float = 0.95) -> Plan:
        """From a number, a plan, or a scenario's `{at_most, until}`. Raises InputError outside 1 to 100,000."""
        if isinstance(asked, Plan):
            return asked
        if isinstance(asked, int):
            if not 1 <= asked <= MOST_REPLICATIONS:
                raise InputError(
                    Fault("replications: out of range", got=str(asked), allowed=f"1 to {MOST_REPLICATIONS:,}")
                )
            return cls(asked)
        if not hasattr(asked, "at_most"):
            allowed = f"a whole number from 1 to {MOST_REPLICATIONS:,}, or a Plan"
            raise InputError(Fault("replications: not a number", got=str(asked), allowed=allowed))
        until = getattr(asked, "until", None)
        if until is None:
            return cls(asked.at_most)
        stop = Until(until.half_width_share, until.half_width, confidence, asked.at_least)
        return cls(asked.at_most, stop, until.metric, until.to)


@dataclass(frozen=True)
class Progress:
    """How far a study is: pairs done of how many are thought needed, and how wide what is watched still is.

    half_width and target: of the interval that is widest beside its target, in the unit of `metric`; None where nothing
    is watched, or there are too few replications yet.
    """

    done: int
    total: int
    failed: int = 0
    metric: str | None = None
    half_width: float | None = None
    target: float | None = None


@dataclass
class _Study:
    """A study in progress."""

    task: Task
    policies: tuple[str, ...]
    plan: Plan
    runner: runners.Runner
    store: Store | None
    progress: Callable[[Progress], None] | None
    chunk: int | None
    rows: dict[str, dict[int, Row]] = field(default_factory=dict)
    failures: dict[Pair, Outcome] = field(default_factory=dict)
    target: int = 0

    def run(self) -> int:
        """Run what is missing; the number of replications that count."""
        if self.store is not None:
            self.rows = {policy: dict(rows) for policy, rows in self.store.rows().items() if policy in self.policies}
        for policy in self.policies:
            self.rows.setdefault(policy, {})
        until = self.plan.until
        self.target = self.plan.at_most if until is None else min(until.n_min, self.plan.at_most)
        if until is not None:
            self._watchable()  # a policy that is not run is told before anything is; a metric once there are rows
        while True:
            runners.drive(self.task, self._missing(), self.runner, self._keep, self.chunk)
            enough = self._enough()
            if enough is not None:
                return enough
            self.target = min(self._guess(), self.plan.at_most)

    def _missing(self) -> list[Pair]:
        """Replication by replication, so that policies share a world while it is at hand."""
        return [
            (policy, replication)
            for replication in range(self.target)
            for policy in self.policies
            if replication not in self.rows[policy] and (policy, replication) not in self.failures
        ]

    def _keep(self, outcomes: list[Outcome]) -> None:
        if self.store is not None:
            self.store.write(outcomes)
        for one in outcomes:
            if one.row is None:
                self.failures[one.policy, one.replication] = one
            else:
                self.rows[one.policy][one.replication] = one.row
        if self.progress is not None:
            done = sum(min(len(rows), self.target) for rows in self.rows.values()) + len(self.failures)
            metric = None if self.plan.until is None else self.plan.metric
            widest = self._widest()
            self.progress(
                Progress(done, self.target * len(self.policies), len(self.failures), metric, *(widest or (None, None)))
            )

    def _pairs(self) -> list[tuple[str, str | None]]:
        """The policies whose mean is watched, each beside None; or whose difference is, beside the other."""
        return list(self.plan.pairs) or [(name, self.plan.to) for name in self.policies if name != self.plan.to]

    def _watched(self, pair: tuple[str, str | None], n: int) -> list[float]:
        """The values of a policy in the first n replications, or its differences to the one beside it."""
        policy, to = pair
        rows = self.rows[policy]
        values = {r: value for r in range(n) if r in rows and (value := rows[r].get(self.plan.metric)) is not None}
        if to is None:
            return list(values.values())
        other = self.rows[to]
        pairs = ((value, other[r].get(self.plan.metric)) for r, value in values.items() if r in other)
        return [value - beside for value, beside in pairs if beside is not None]

    def _enough(self) -> int | None:
        """The least n at which every policy's mean is known well enough; None to go on.

        It is looked for among all n from the least on, so it does not depend on how the work was cut up.
        """
        until = self.plan.until
        if until is None:
            return self.target
        self._watchable()
        for n in range(min(until.n_min, self.target), self.target + 1):
            if all(until.reached(self._watched(pair, n)) for pair in self._pairs()):
                return n
        return self.target if self.target >= self.plan.at_most else None

    def _watchable(self) -> None:
        """A metric that no row knows, or a policy that is not run, would be waited for in vain: InputError."""
        if self.plan.to is not None and (self.plan.to not in self.policies or len(self.policies) < 2):
            hint = nearest(self.plan.to, self.policies)
            key = "experiment.replications.until.to"
            raise InputError(Fault("no other policy is run beside it", key=key, got=self.plan.to, hint=hint))
        known = {name: None for rows in self.rows.values() for row in rows.values() for name in row}
        if known and self.plan.metric not in known:
            hint = nearest(self.plan.metric, known)
            key = "experiment.replications.until.metric"
            raise InputError(Fault("no metric has this name", key=key, got=self.plan.metric, hint=hint))

    def _guess(self) -> int:
        until = self.plan.until
        assert until is not None
        guess = max(until.guess(self._watched(pair, self.target)) for pair in self._pairs())
        return min(max(guess, self.target + 1), 4 * self.target)  # early guesses are rough

    def _widest(self) -> tuple[float, float] | None:
        """Half-width and target of the interval that is farthest from its target; None where there is none yet."""
        until = self.plan.until
        if until is None:
            return None
        found = []
        for pair in self._pairs():
            values = self._watched(pair, self.target)
            if len(values) > 1:
                interval = t_interval(values, until.confidence)
                found.append((interval.half_width or 0.0, until.target(interval)))
        return max(found, key=lambda pair: pair[0] / pair[1] if pair[1] else 0.0, default=None)


def run_task(
    task: Task,
    policies: Sequence[str],
    plan: Plan | int,
    runner: runners.Runner | None = None,
    store: Store | None = None,
    progress: Callable[[Progress], None] | None = None,
    chunk: int | None = None,
    **about: Any,
) -> Results:
    """The study of any task: rows of `task(policy, replication)`, compared; `about` fills the fields of Results.

    A pair that fails ends no other; it is in `failures`. An interruption is raised once what has ended is stored.
    """
    study = _Study(task, tuple(policies), Plan.of(plan), runner or runners.Serial(), store, progress, chunk)
    n = study.run()
    counted = {policy: {r: study.rows[policy][r] for r in range(n) if r in study.rows[policy]} for policy in policies}
    failures = tuple(study.failures[pair] for pair in sorted(study.failures) if pair[1] < n)
    return Results(
        name=about.pop("name", "study"),
        rows=counted,
        failures=failures,
        stamp={**about.pop("stamp", {}), "replications": n, "policies": list(policies)},
        **about,
    )


def run_study(
    scenario: Scenario,
    policies: Any = None,
    replications: Any = None,
    seed: int | None = None,
    workers: int | None = 1,
    out: str | pathlib.Path | None = None,
    *,
    given: str | None = None,
    cluster: str | None = None,
    progress: Callable[[Progress], None] | None = None,
    fresh: bool = False,
    force: bool = False,
    chunk: int | None = None,
    metrics: Sequence[Any] = (),
    runner: runners.Runner | None = None,
    antithetic: bool = False,
) -> Results:
    """Run policies of a scenario over replications and compare them.

    policies: names, objects of your own (with a `name`), a mapping of name to object, or None for all of the
    scenario's. replications: a number, or None for the scenario's. workers: processes, 1 for none beside this one, None
    for one a core. out: the results folder, whose store lets the same call go on after an interruption; `fresh` begins
    anew, `force` takes rows that other versions wrote. given: the scenario's text as it was written. cluster: `local`
    or the address of a Dask scheduler. metrics: `Metric`s of your own. antithetic: replications are thrown in mirrored
    pairs, whose means are the observations; their number is then even.

    Raises InputError for what is supplied wrong. A replication that fails is in the results' `failures`.

    >>> import marketsim as ms
    >>> scenario = ms.load("speech", ["horizon=2 w"])
    >>> results = ms.run(scenario, ["cloud-only", "spot-first"], replications=3, seed=1)
    >>> results.policies, results.failures
    (('cloud-only', 'spot-first'), ())
    >>> results.best().order[0]
    'spot-first'
    """
    _supplied(scenario, seed)
    names, objects = chosen(scenario, policies)
    task = ScenarioTask(scenario, scenario.seed if seed is None else seed, objects, tuple(metrics), antithetic)
    confidence = scenario.experiment.confidence
    plan = Plan.of(scenario.experiment.replications if replications is None else replications, confidence)
    if antithetic and (plan.at_most % 2 or plan.until is not None):
        raise InputError(Fault("antithetic pairs need an even number of replications", got=str(plan.at_most)))
    identity = task.identity()
    where = None if out is None else pathlib.Path(out)
    if where is not None:
        folders.own(where)
    store = None if where is None else Store(where, identity, versions(), force=force, fresh=fresh)
    place = runner
    try:
        place = runner or runners.make(workers, cluster)
        stamp = {
            "versions": versions(),
            "seed": task.seed,
            "scenario": scenario.name,
            "hash": identity,
            "world": task.world_hash(),
            "horizon_s": int(scenario.horizon),
            **({"antithetic": True} if antithetic else {}),
        }
        results = run_task(
            task, names, plan, place, store, progress, chunk,
            name=scenario.name, objective=scenario.objective, confidence=confidence, stamp=stamp, antithetic=antithetic,
        )  # fmt: skip
        results = replace(
            results, warnings=(*(store.lasting if store else ()), *replayed(task, int(results.stamp["replications"])))
        )
        if store is None or where is None:
            return results
        store.settle()
        write_results(results, where, scenario, given)
        return replace(results, warnings=(*results.warnings, *store.warnings))
    finally:
        if place is not None and runner is None:
            place.close()
        if store is not None:
            store.close()


def _supplied(scenario: Any, seed: Any) -> None:
    """Raise InputError for what is no scenario or no seed."""
    if not isinstance(scenario, Scenario):
        allowed = "a Scenario, as load(path) and check(data) give it"
        raise InputError(Fault(f"a {type(scenario).__name__} is no scenario", key="scenario", allowed=allowed))
    if seed is not None and not (isinstance(seed, int) and 0 <= seed < 2**63):
        raise InputError(Fault("out of range", key="seed", got=str(seed), allowed="a whole number from 0 to 2^63 - 1"))


def chosen(scenario: Any, policies: Any) -> tuple[tuple[str, ...], dict[str, Any]]:
    """The names to run, in order, and the user's own objects by name. Raises InputError for an unknown name."""
    if policies is None:
        return tuple(scenario.policies), {}
    if isinstance(policies, str) or not isinstance(policies, Iterable):
        policies = [policies]
    pairs: list[tuple[str, Any]] = []
    if isinstance(policies, Mapping):
        pairs = [(str(name), one) for name, one in policies.items()]
    else:
        for one in policies:
            pairs.append((one, None) if isinstance(one, str) else (str(getattr(one, "name", type(one).__name__)), one))
    names = tuple(name for name, _ in pairs)
    if not names or len(set(names)) != len(names):
        raise InputError("policies need at least one name, and each name once")
    for name, one in pairs:
        fault = None if one is None else refused(one)
        if fault is not None:
            raise InputError(replace(fault, key=f"policies.{name}"))
        if one is None and name not in scenario.policies:
            hint = nearest(name, scenario.policies)
            allowed = ", ".join(scenario.policies)
            raise InputError(Fault("no policy has this name", key="policies", got=name, allowed=allowed, hint=hint))
    return names, {name: one for name, one in pairs if one is not None}


def versions() -> dict[str, str]:
    """What numbers may depend on beside the scenario: versions by name."""
    from importlib.metadata import version

    names = ("marketsim", "numpy", "scipy", "simpy")
    return {**{name: version(name) for name in names}, "python": ".".join(platform.python_version_tuple()[:2])}


def replayed(task: ScenarioTask, n: int) -> list[str]:
    """A warning where prices move but are the same in every replication: n then says nothing about prices."""
    from marketsim.build import build

    if n < 2:
        return []
    first, second = (build(task.scenario, replication, task.seed) for replication in (0, 1))
    same = [
        one.id
        for one, other in zip(first.offers, second.offers, strict=True)
        if one.price is not None and len(one.price.values) > 1 and one.price == other.price
    ]
    if not same:
        return []
    return [
        f"{', '.join(same)}: one price path in all {n} replications, so the intervals say nothing about other prices"
    ]


def write_results(
    results: Results,
    where: pathlib.Path,
    scenario: Any,
    given: str | None = None,
    more: Mapping[str, Any] | None = None,
) -> list[str]:
    """The results folder: scenario as given and resolved, tables, further files, stamp; names of what was written."""
    from marketsim.scenario import dump

    resolved = dump(scenario)
    files = {"scenario.yaml": given if given is not None else resolved, "resolved.yaml": resolved, **(more or {})}
    return folders.write(results, where, files)


def failure_of(results: Results) -> ReplicationError | None:
    """The first failure as an error that names policy, replication and seed; None where all ran."""
    if not results.failures:
        return None
    one = results.failures[0]
    return ReplicationError(one.policy, int(results.stamp.get("seed", 0)), one.replication, one.error or "failed")
