"""Uncertain inputs: an outer loop over parameter draws, and how much of the spread they make.

Replications say how outcomes range when the inputs are as given. Where inputs come from a fit, an estimate or a guess,
each draw of them is another scenario; what its mean differs by is uncertainty that no number of replications removes.
"""

from __future__ import annotations

import csv
import io
import pathlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from marketsim.errors import Fault, InputError
from marketsim.experiment import points, runners, study
from marketsim.experiment.statistics.interval import Interval
from marketsim.experiment.task import Outcome, Task


@dataclass(frozen=True)
class Spread:
    """Three spreads of one metric of one policy, kept apart; each in the metric's unit but `inputs_share`.

    mean: over all draws and replications. monte_carlo: standard error of the mean from the dice alone. inputs: standard
    deviation of the true mean between draws of the inputs. outcomes: P10 and P90 of single outcomes, all draws
    together. inputs_share: variance from the inputs over the variance of a single outcome, and its interval.
    """

    mean: float
    monte_carlo: float
    inputs: float
    outcomes: tuple[float, float]
    inputs_share: Interval
    draws: int
    replications: int


def spread(values: Sequence[Sequence[float]], confidence: float = 0.95) -> Spread:
    """The three spreads from values (draws, replications), replications being independent between draws.

    One-way random effects: the share is the intraclass correlation, with the F interval of Searle, Variance Components
    (1992), sec. 3.6. Raises ValueError for fewer than 2 draws or replications.
    """
    from scipy import special

    data = np.asarray(values, dtype=np.float64)
    if data.ndim != 2 or min(data.shape) < 2:
        raise ValueError("spreads need at least 2 draws of the inputs and 2 replications of each")
    draws, n = data.shape
    means = data.mean(axis=1)
    within = float(data.var(axis=1, ddof=1).mean())
    between = float(means.var(ddof=1))
    inputs = max(between - within / n, 0.0)
    total = inputs + within
    tail = (1 - confidence) / 2
    if within == 0:
        share = Interval(1.0 if inputs else 0.0, 1.0 if inputs else 0.0, 1.0 if inputs else 0.0, draws)
    else:
        ratio = n * between / within
        low_f = ratio / float(special.fdtri(draws - 1, draws * (n - 1), 1 - tail))
        high_f = ratio / float(special.fdtri(draws - 1, draws * (n - 1), tail))
        low, high = (max((f - 1) / (f - 1 + n), 0.0) for f in (low_f, high_f))
        share = Interval(inputs / total, low, high, draws)
    p10, p90 = np.quantile(data, [0.1, 0.9])
    error = float(np.sqrt(within / (draws * n)))
    return Spread(float(data.mean()), error, float(np.sqrt(inputs)), (float(p10), float(p90)), share, draws, n)


def outer_loop(
    task: Task,
    draws: int,
    policies: Sequence[str],
    metric: str,
    replications: int,
    runner: runners.Runner | None = None,
    confidence: float = 0.95,
    progress: Callable[[study.Progress], None] | None = None,
) -> dict[str, Spread]:
    """Spreads by policy of a task whose policy names are `DRAW/POLICY`.

    Draw k takes replications k n to (k + 1) n - 1: common throws would make the draws' means alike by chance.
    """
    found: dict[tuple[str, int], float] = {}

    def keep(outcomes: list[Outcome]) -> None:
        for one in outcomes:
            value = None if one.row is None else one.row.get(metric)
            if value is None:
                why = one.error or f"{metric} is undefined"
                raise InputError(f"replication {one.replication} of {one.policy} failed: {why}")
            found[one.policy, one.replication] = value
        if progress is not None:
            progress(study.Progress(len(found), len(pairs)))

    pairs = [
        (f"{k}/{name}", k * replications + r) for k in range(draws) for r in range(replications) for name in policies
    ]
    runners.drive(task, pairs, runner or runners.Serial(), keep)
    return {
        name: spread(
            [[found[f"{k}/{name}", k * replications + r] for r in range(replications)] for k in range(draws)],
            confidence,
        )
        for name in policies
    }


def input_uncertainty(
    scenario: Any,
    inputs: Sequence[Mapping[str, Any]],
    metric: str = "total_cost_usd",
    policies: Any = None,
    replications: int = 10,
    seed: int | None = None,
    runner: runners.Runner | None = None,
    progress: Callable[[study.Progress], None] | None = None,
) -> dict[str, Spread]:
    """Spreads by policy when the scenario's settings are as each of `inputs` (edits by dotted path) says."""
    names, objects = study.chosen(scenario, policies)
    from marketsim.experiment.task import ScenarioTask

    task = points.PointsTask(
        ScenarioTask(scenario, scenario.seed if seed is None else seed, objects), tuple(dict(one) for one in inputs)
    )
    for point in range(len(inputs)):
        task.at(point)
    confidence = scenario.experiment.confidence
    return outer_loop(task, len(inputs), names, metric, replications, runner, confidence, progress)


def read_draws(path: pathlib.Path) -> list[dict[str, Any]]:
    """Draws of the inputs: a CSV with a column a setting by its dotted path, or YAML with `draws`, a list of mappings.

    Raises InputError for fewer than 2 draws, and for what is neither.
    """
    from marketsim import files, plain_yaml

    if path.suffix.lower() in (".yaml", ".yml"):
        return _listed(files.read_yaml(path).data, path)
    reader = csv.reader(io.StringIO(files.read_text(path)))
    try:
        lines = [(reader.line_num, row) for row in reader if row]
    except csv.Error as error:
        raise InputError(Fault(f"cannot be read as CSV: {error}", file=str(path), line=reader.line_num)) from None
    rows = [row for _, row in lines]
    paths = [name.strip() for name in rows[0]] if rows else []
    if len(rows) < 3 or not all(paths) or len(set(paths)) < len(paths):
        raise InputError(
            Fault("draws need a header of dotted paths, each once, and at least 2 rows below it", file=str(path))
        )
    for number, row in lines[1:]:
        if len(row) != len(paths):
            raise InputError(
                Fault("a row has as many cells as the header", file=str(path), line=number, got=str(len(row)))
            )
    return [{name: plain_yaml.value(cell) for name, cell in zip(paths, row, strict=True)} for row in rows[1:]]


def _listed(data: Any, path: pathlib.Path) -> list[dict[str, Any]]:
    draws = data.get("draws") if isinstance(data, Mapping) else None
    sound = isinstance(draws, list) and all(isinstance(one, Mapping) and one for one in draws)
    if not isinstance(draws, list) or not sound or len(draws) < 2:
        raise InputError(Fault("draws are a list of at least 2 mappings of dotted paths to values", file=str(path)))
    return [dict(one) for one in draws]
