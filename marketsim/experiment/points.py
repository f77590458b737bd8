"""One scenario with settings changed: the points of a what-if, a sweep, a tornado, an outer loop over inputs.

A setting is a dotted path and the values it takes; a point is one value for each. All points meet the same throws, so a
difference between two of them is the setting's and not the dice's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from marketsim import units
from marketsim.errors import Fault, InputError
from marketsim.experiment import runners, study
from marketsim.experiment.results import Results
from marketsim.experiment.task import Row, ScenarioTask

Edits = Mapping[str, Any]
MOST_POINTS = 10_000
_RANGE = re.compile(r"(?P<low>[^:]+?)\.\.(?P<high>[^:]+?)(?::(?P<count>[0-9]+))?")


@dataclass(frozen=True)
class Setting:
    """A dotted path and what it may be: the values of a list, or anything from low to high.

    A range is of numbers, of whole numbers, or of durations (as whole seconds; `duration` says so).
    """

    path: str
    values: tuple[Any, ...] = ()
    low: float = 0.0
    high: float = 0.0
    whole: bool = False
    duration: bool = False

    def at(self, share: float) -> Any:
        """The value a share in [0, 1] of the way up the range, or along the list."""
        if self.values:
            return self.values[min(int(share * len(self.values)), len(self.values) - 1)]
        value = self.low + share * (self.high - self.low)
        if self.duration:
            return units.duration_text(round(value))
        return round(value) if self.whole else value

    def grid(self, count: int) -> tuple[Any, ...]:
        """The list, or `count` values from low to high; at least 2."""
        if self.values:
            return self.values
        return tuple(self.at(share) for share in np.linspace(0, 1, max(count, 2)).tolist())


def setting(text: str) -> tuple[Setting, int | None]:
    """`PATH=LOW..HIGH`, `PATH=LOW..HIGH:COUNT` or `PATH=A,B,C` as a setting and the count; InputError otherwise.

    >>> setting("supply.own.pue=1.1..1.5:5")
    (Setting(path='supply.own.pue', values=(), low=1.1, high=1.5, whole=False, duration=False), 5)
    """
    path, equals, rest = text.partition("=")
    if not equals or not path.strip() or not rest.strip():
        raise InputError(Fault("a setting is PATH=LOW..HIGH or PATH=A,B,C", got=text))
    found = _RANGE.fullmatch(rest.strip())
    if found is None:
        return Setting(path.strip(), tuple(_scalar(part) for part in rest.split(","))), None
    count = int(found["count"]) if found["count"] else None
    low, high = _scalar(found["low"]), _scalar(found["high"])
    try:
        if isinstance(low, str) or isinstance(high, str):
            made = Setting(
                path.strip(), (), units.duration_s(str(low)), units.duration_s(str(high)), whole=True, duration=True
            )
        else:
            whole = isinstance(low, int) and isinstance(high, int)
            made = Setting(path.strip(), (), float(low), float(high), whole=whole)
    except ValueError:
        raise InputError(
            Fault("a range goes from a number to a number, or a duration to a duration", got=rest)
        ) from None
    if not made.low < made.high:
        raise InputError(Fault("a range goes up", key=made.path, got=rest))
    return made, count


def _scalar(text: str) -> Any:
    text = text.strip()
    if re.fullmatch(r"-?[0-9]+", text):
        return int(text)
    if re.fullmatch(r"-?[0-9]+\.[0-9]+", text):
        return float(text)
    return {"true": True, "false": False}.get(text, text)


def grid(settings: Sequence[Setting], count: int = 5) -> list[dict[str, Any]]:
    """Every combination, the last setting moving fastest. Raises InputError above 10,000."""
    points: list[dict[str, Any]] = [{}]
    for one in settings:
        points = [{**point, one.path: value} for point in points for value in one.grid(count)]
        if len(points) > MOST_POINTS:
            raise InputError(Fault("too many points", got=str(len(points)), allowed=f"at most {MOST_POINTS:,}"))
    return points


def scattered(settings: Sequence[Setting], count: int, how: str = "lhs", seed: int = 1) -> list[dict[str, Any]]:
    """`count` points by Latin hypercube (`lhs`) or Sobol's sequence (`sobol`), through scipy; seeded."""
    from scipy.stats import qmc

    if not 1 <= count <= MOST_POINTS:
        raise InputError(Fault("points: out of range", got=str(count), allowed=f"1 to {MOST_POINTS:,}"))
    rng = np.random.Generator(np.random.PCG64DXSM(seed))
    kinds: dict[str, Callable[..., Any]] = {"lhs": qmc.LatinHypercube, "sobol": qmc.Sobol}
    if how not in kinds:
        raise InputError(Fault("unknown design", got=how, allowed="grid, lhs, sobol"))
    sampler = kinds[how](len(settings), seed=rng)
    shares = sampler.random_base2(max(count - 1, 0).bit_length())[:count] if how == "sobol" else sampler.random(count)
    return [{one.path: one.at(float(u)) for one, u in zip(settings, row, strict=True)} for row in shares]


@dataclass(frozen=True, eq=False)
class PointsTask:
    """A task whose policy names are `POINT/POLICY`; the changed scenario is made where it is needed, once."""

    base: ScenarioTask
    edits: tuple[Edits, ...]

    def __call__(self, policy: str, replication: int) -> Row:
        """One replication of one policy at one point."""
        point, _, name = policy.partition("/")
        return self.at(int(point))(name, replication)

    def at(self, point: int) -> ScenarioTask:
        """The task of a point."""
        made: dict[int, ScenarioTask] = self.__dict__.setdefault("_made", {})
        if point not in made:
            scenario = self.base.scenario.changed(self.edits[point]) if self.edits[point] else self.base.scenario
            made[point] = replace(self.base, scenario=scenario)
        return made[point]

    def __getstate__(self) -> dict[str, Any]:
        return {"base": self.base, "edits": self.edits}


def run_points(
    scenario: Any,
    edits: Sequence[Edits],
    policies: Any = None,
    replications: Any = None,
    seed: int | None = None,
    runner: runners.Runner | None = None,
    progress: Callable[[study.Progress], None] | None = None,
) -> list[Results]:
    """The results at each point, over the same replications. All points are checked before the first is run.

    Where a difference to a policy is watched, it is that within each point: all points stop together, once each of
    their differences is known well enough, so that points can be compared pair by pair. Where that policy is not run
    beside another, as in a tornado of one, there is no difference to watch, and all replications are run.
    """
    names, objects = study.chosen(scenario, policies)
    base = ScenarioTask(scenario, scenario.seed if seed is None else seed, objects)
    task = PointsTask(base, tuple(edits))
    for point in range(len(edits)):
        task.at(point)  # raises InputError for an edit that is wrong
    asked = scenario.experiment.replications if replications is None else replications
    plan = _within_points(study.Plan.of(asked, scenario.experiment.confidence), names, len(edits))
    labels = [f"{point}/{name}" for point in range(len(edits)) for name in names]
    whole = study.run_task(task, labels, plan, runner, progress=progress)
    return [_part(whole, point, names, task, scenario) for point in range(len(edits))]


def _within_points(plan: study.Plan, names: Sequence[str], count: int) -> study.Plan:
    """The plan with the difference that it watches taken within each point."""
    if plan.to is None:
        return plan
    if plan.to not in names or len(names) < 2:
        return study.Plan(plan.at_most)
    pairs = [(f"{at}/{name}", f"{at}/{plan.to}") for at in range(count) for name in names if name != plan.to]
    return replace(plan, to=None, pairs=tuple(pairs))


def _part(whole: Results, point: int, names: Sequence[str], task: PointsTask, scenario: Any) -> Results:
    failures = tuple(
        one._replace(policy=one.policy.partition("/")[2])
        for one in whole.failures
        if one.policy.startswith(f"{point}/")
    )
    stamp = {"seed": task.base.seed, "replications": whole.stamp["replications"], "edits": dict(task.edits[point])}
    return Results(
        name=scenario.name,
        rows={name: whole.rows[f"{point}/{name}"] for name in names},
        objective=task.at(point).scenario.objective,
        confidence=scenario.experiment.confidence,
        stamp={**stamp, "policies": list(names)},
        failures=failures,
    )
