"""Which setting matters: one at a time (tornado), and all together by Sobol's shares of the variance."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from marketsim.experiment import compare, points
from marketsim.experiment.compare import Difference
from marketsim.experiment.points import Setting
from marketsim.experiment.results import Results
from marketsim.experiment.statistics.interval import Interval

Floats = np.ndarray


class Sobol(NamedTuple):
    """Shares of the variance by setting: first-order (alone) and total (with all interactions), and the variance."""

    first: tuple[Interval, ...]
    total: tuple[Interval, ...]
    variance: float
    evaluations: int


def sobol(
    function: Callable[[Floats], Floats],
    bounds: Sequence[tuple[float, float]],
    n: int = 256,
    seed: int = 1,
    confidence: float = 0.95,
    resamples: int = 0,
) -> Sobol:
    """Sobol indices of a function of independent uniform settings, through scipy's Saltelli design.

    function takes values (settings, points) and gives (points,). n is a power of 2; it is asked n x (settings + 2)
    times. resamples above 0 adds bootstrap intervals; otherwise low and high are None.
    """
    from scipy import stats

    rng = np.random.Generator(np.random.PCG64DXSM(seed))
    spans = [stats.uniform(low, high - low) for low, high in bounds]
    asked: list[Floats] = []

    def values_of(points: Floats) -> Floats:
        return np.asarray(function(points), dtype=np.float64).reshape(1, -1)

    def keep(f_A: Floats, f_B: Floats, f_AB: Floats) -> tuple[Floats, Floats]:  # noqa: N803, scipy's names
        asked.append(np.vstack((f_A.reshape(1, n), f_B.reshape(1, n), f_AB.reshape(len(bounds), n))))
        return tuple(part[:, None].T for part in saltelli(asked[0]))  # type: ignore[return-value]

    stats.sobol_indices(func=values_of, n=n, dists=spans, method=keep, random_state=rng)
    answers = asked[0]
    first, total = saltelli(answers)
    shaken = np.array(
        [saltelli(answers[:, rng.integers(0, n, n)]) for _ in range(resamples)]
    )  # (resamples, 2, settings)

    def intervals(which: int, figures: Floats) -> tuple[Interval, ...]:
        if not resamples:
            return tuple(Interval(float(one), None, None, n) for one in figures)
        tail = (1 - confidence) / 2
        low, high = np.quantile(shaken[:, which], [tail, 1 - tail], axis=0)
        rows = zip(figures, low, high, strict=True)
        return tuple(Interval(float(value), float(least), float(most), n) for value, least, most in rows)

    return Sobol(intervals(0, first), intervals(1, total), float(answers[:2].var()), answers.size)


def saltelli(answers: Floats) -> tuple[Floats, Floats]:
    """First-order and total indices from a design's answers, by the estimators of Saltelli et al. 2010, table 2 (b, f).

    answers has shape (2 + settings, n): f(A), f(B), and f of A with one column of B each. No variance gives zeros.
    """
    a, b, mixed = answers[0], answers[1], answers[2:]
    whole = float(answers[:2].var())
    if whole == 0:
        return np.zeros(len(mixed)), np.zeros(len(mixed))
    centre = answers[:2].mean()
    first = ((b - centre) * (mixed - a)).mean(axis=1) / whole
    return first, ((a - mixed) ** 2).mean(axis=1) / (2 * whole)


@dataclass(frozen=True)
class Bar:
    """One setting of a tornado: its two ends, and what each changes of a metric against the base, paired."""

    setting: str
    low: Any
    high: Any
    at_low: Difference
    at_high: Difference

    @property
    def swing(self) -> float:
        """How far apart the two ends are."""
        return abs(self.at_high.value - self.at_low.value)


def tornado(scenario: Any, settings: Sequence[Setting], policy: str, metric: str, **how: Any) -> list[Bar]:
    """Each setting alone at its low and its high end against the scenario as it is, the widest swing first.

    how: replications, seed, runner, progress, as `run_points` takes them.
    """
    ends = [(one.at(0.0), one.at(1.0)) for one in settings]
    edits: list[dict[str, Any]] = [{}]
    for one, pair in zip(settings, ends, strict=True):
        edits += [{one.path: value} for value in pair]
    base, *rest = points.run_points(scenario, edits, [policy], **how)

    def against(results: Results) -> Difference:
        new, old = results.column(policy, metric), base.column(policy, metric)
        return compare.difference(metric, policy, "base", new, old, compare.p_value(new, old), base.confidence)

    bars = [
        Bar(one.path, low, high, against(rest[2 * i]), against(rest[2 * i + 1]))
        for i, (one, (low, high)) in enumerate(zip(settings, ends, strict=True))
    ]
    return sorted(bars, key=lambda bar: (-bar.swing, bar.setting))


def sobol_of(
    scenario: Any, settings: Sequence[Setting], policy: str, metric: str, n: int = 64, resamples: int = 200, **how: Any
) -> Sobol:
    """Sobol indices of a policy's mean metric over settings that vary independently and evenly in their ranges.

    All points meet the same throws, so the dice add no noise between them. n: a power of 2.
    """

    def mean_at(shares: Floats) -> Floats:
        edits = [
            {one.path: one.at(float(u)) for one, u in zip(settings, row, strict=True)}
            for row in np.atleast_2d(shares.T)
        ]
        found = points.run_points(scenario, edits, [policy], **how)
        return np.array([np.mean(list(results.column(policy, metric).values())) for results in found])

    return sobol(mean_at, [(0.0, 1.0)] * len(settings), n, resamples=resamples)
