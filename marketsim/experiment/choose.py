"""The best of several policies with a chance of being right that was chosen beforehand, by Kim and Nelson's rule."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from marketsim.errors import InputError
from marketsim.experiment import runners, study
from marketsim.experiment.statistics import selection
from marketsim.experiment.store import Store
from marketsim.experiment.task import Outcome, Row, Task


@dataclass(frozen=True)
class Choice:
    """The policy that was chosen, whether the rule came to its end, and how many replications each policy took.

    means: of the metric, over the replications that each took.
    """

    best: str
    decided: bool
    replications: dict[str, int]
    left: tuple[str, ...]
    means: dict[str, float]


def choose(
    task: Task,
    policies: Sequence[str],
    metric: str,
    delta: float,
    alpha: float = 0.05,
    n0: int = 10,
    at_most: int = 10_000,
    runner: runners.Runner | None = None,
    store: Store | None = None,
    ahead: int = 8,
    progress: Callable[[study.Progress], None] | None = None,
) -> Choice:
    """The policy with the least mean of a metric. delta: the difference that does not matter, in the metric's unit.

    Policies that are clearly not the best stop taking replications. `ahead` replications are run at a time, so that all
    workers are busy; the choice does not depend on it. Raises InputError where a replication fails or has no value.
    """
    if len(policies) < 2:
        raise InputError("a choice needs two policies")
    place = runner or runners.Serial()
    rows: dict[str, dict[int, Row]] = {} if store is None else store.rows()

    def keep(outcomes: list[Outcome]) -> None:
        if store is not None:
            store.write(outcomes)
        for one in outcomes:
            if one.row is None:
                raise InputError(f"replication {one.replication} of policy {one.policy} failed: {one.error}")
            rows.setdefault(one.policy, {})[one.replication] = one.row
        if progress is not None:
            done = sum(map(len, rows.values()))
            progress(study.Progress(done, max(done, asked[0])))

    asked = [0]

    def draw(alive: Sequence[int], r: int) -> list[float]:
        names = [policies[i] for i in alive]
        if any(r not in rows.get(name, {}) for name in names):
            until = min(max(n0, r + ahead), max(at_most, n0))
            missing = [(name, k) for k in range(r, until) for name in names if k not in rows.get(name, {})]
            asked[0] += len(missing)
            runners.drive(task, missing, place, keep)
        return [_value(rows[name][r], metric, name, r) for name in names]

    found = selection.kim_nelson(draw, len(policies), delta, alpha, n0, at_most)
    took = dict(zip(policies, found.n, strict=True))
    means = {name: sum(_value(rows[name][r], metric, name, r) for r in range(n)) / n for name, n in took.items()}
    return Choice(policies[found.best], found.decided, took, tuple(policies[i] for i in found.left), means)


def _value(row: Row, metric: str, name: str, r: int) -> float:
    value = row.get(metric)
    if value is None:
        raise InputError(f"{metric} is undefined in replication {r} of policy {name}")
    return value
