"""Tune: search a policy's settings on some replications, and say on others what was gained.

The settings that look best on the replications they were searched on look too good; the gain that is reported is from
replications that the search never saw, paired, with an interval.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from marketsim.errors import InputError, MissingExtra
from marketsim.experiment import compare, runners
from marketsim.experiment.points import PointsTask, Setting
from marketsim.experiment.task import Outcome, ScenarioTask, Task


@dataclass(frozen=True)
class Tuned:
    """The settings found, what the search thought of them, and the gain on held-out replications (tuned - base).

    held_out.low and high are its paired interval; a gain is below 0. trials: (settings, mean on the searched) in order.
    """

    settings: dict[str, Any]
    searched: float
    base_searched: float
    held_out: compare.Difference
    trials: tuple[tuple[dict[str, Any], float], ...]


def tune(
    evaluate: Callable[[dict[str, Any] | None, range], dict[int, float]],
    settings: Sequence[Setting],
    metric: str,
    trials: int = 40,
    searched: int = 16,
    held_out: int = 30,
    seed: int = 1,
    confidence: float = 0.95,
) -> Tuned:
    """Search with optuna's seeded TPE. evaluate(settings or None, replications) -> replication -> value, least is best.

    The base (None) is compared on replications `searched` to `searched + held_out - 1`. Raises MissingExtra without
    optuna, InputError without settings.
    """
    try:
        import optuna
    except ImportError:
        raise MissingExtra("optuna", "tune") from None
    if not settings:
        raise InputError("tune needs at least one setting to search")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
    seen: list[tuple[dict[str, Any], float]] = []

    def objective(trial: Any) -> float:
        chosen = {one.path: _suggest(trial, one) for one in settings}
        score = float(np.mean(list(evaluate(chosen, range(searched)).values())))
        seen.append((chosen, score))
        return score

    study.optimize(objective, n_trials=trials)
    best, score = min(seen, key=lambda item: item[1])
    rest = range(searched, searched + held_out)
    new, old = evaluate(best, rest), evaluate(None, rest)
    base = float(np.mean(list(evaluate(None, range(searched)).values())))
    p = compare.p_value(new, old)
    gain = compare.difference(metric, "tuned", "base", new, old, p, confidence)
    return Tuned(best, score, base, gain, tuple(seen))


def _suggest(trial: Any, one: Setting) -> Any:
    if one.values:
        return one.values[trial.suggest_categorical(one.path, list(range(len(one.values))))]
    return one.at(trial.suggest_float(one.path, 0.0, 1.0))


def tune_policy(
    scenario: Any,
    policy: str,
    settings: Sequence[Setting],
    metric: str | None = None,
    seed: int | None = None,
    runner: runners.Runner | None = None,
    **search: Any,
) -> Tuned:
    """Tune a policy of a scenario; setting paths are below the policy, as in `placement.wait_before_fallback`.

    metric: the objective's where not given. search: trials, searched, held_out. What breaks a cap of the objective
    counts as far worse than anything that keeps it.
    """
    objective = scenario.objective
    name = metric or (objective.minimize if objective else "total_with_penalties_usd")
    limits = dict(objective.subject_to) if objective else {}
    base = ScenarioTask(scenario, scenario.seed if seed is None else seed)
    place = runner or runners.Serial()

    def evaluate(chosen: dict[str, Any] | None, replications: range) -> dict[int, float]:
        edits = {f"policies.{policy}.{path}": value for path, value in (chosen or {}).items()}
        task = PointsTask(base, (edits,))
        task.at(0)
        return _with_caps(_columns(task, f"0/{policy}", replications, (name, *limits), place), name, limits)

    return tune(evaluate, settings, name, confidence=scenario.experiment.confidence, **search)


def _columns(
    task: Task, policy: str, replications: range, metrics: Sequence[str], runner: runners.Runner
) -> dict[str, dict[int, float]]:
    found: dict[str, dict[int, float]] = {metric: {} for metric in metrics}

    def keep(outcomes: list[Outcome]) -> None:
        for one in outcomes:
            if one.row is None:
                raise InputError(f"replication {one.replication} of {one.policy} failed: {one.error}")
            for metric in metrics:
                found[metric][one.replication] = one.row.get(metric) or 0.0

    runners.drive(task, [(policy, r) for r in replications], runner, keep)
    return {metric: dict(sorted(column.items())) for metric, column in found.items()}


def _with_caps(found: dict[str, dict[int, float]], metric: str, limits: dict[str, float]) -> dict[int, float]:
    column = found[metric]
    worse = 0.0
    for name, most in limits.items():
        mean = float(np.mean(list(found[name].values())))
        worse += max(mean - most, 0.0) / max(most, 1e-9)
    if not worse:
        return column
    size = max(abs(value) for value in column.values()) + 1.0
    return {r: value + 1000 * size * (1 + worse) for r, value in column.items()}
