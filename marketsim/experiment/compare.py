"""Policies compared: paired differences, which is best by the objective, and which cannot be told apart.

Policies met the same throws, so they are compared replication by replication. Where the best is picked from the data,
every pair is a comparison that might have been made, and Holm's correction counts them all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from marketsim.experiment.statistics import interval, multiple, variance

Column = Mapping[int, float]  # replication -> value


@dataclass(frozen=True)
class Difference:
    """One policy less another in one metric, over the replications that both have.

    value, low, high: mean difference and its interval, in the metric's unit. share: of the other's mean, None where
    that is 0. p: adjusted for all comparisons. told_apart: p below 1 - confidence; None where n allows no answer.
    kept_variance: variance of the difference over that of independent runs, None where neither varies.
    """

    policy: str
    to: str
    metric: str
    value: float
    low: float | None
    high: float | None
    n: int
    share: float | None
    p: float | None
    told_apart: bool | None
    kept_variance: float | None
    note: str | None = None


@dataclass(frozen=True)
class Best:
    """The answer to `which is best`: policies in order of the metric's mean, and groups that cannot be told apart.

    metric None: nothing is ranked, and `frontier` holds the policies that no other beats in cost and misses at once.
    excluded: policy -> the cap that its mean breaks. clear: whether the first is told apart from all others.
    """

    metric: str | None
    order: tuple[str, ...]
    groups: tuple[tuple[str, ...], ...]
    differences: tuple[Difference, ...]
    excluded: Mapping[str, str]
    clear: bool | None
    frontier: tuple[str, ...] = ()
    note: str | None = None


def common(first: Column, second: Column) -> tuple[np.ndarray, np.ndarray]:
    """The values of both at the replications that both have, in order; each has shape (n,)."""
    both = sorted(first.keys() & second.keys())
    return np.array([first[r] for r in both]), np.array([second[r] for r in both])


def p_value(first: Column, second: Column) -> float | None:
    """p of `no difference` for a pair: a difference that is the same in all n is certain, none at all is none."""
    one, two = common(first, second)
    if len(one) < 2:
        return None
    found = interval.paired(one, two)
    if found.p is None:
        return 1.0 if found.value == 0 else 0.0
    return found.p


def difference(
    metric: str, policy: str, to: str, first: Column, second: Column, p: float | None, confidence: float
) -> Difference:
    """The paired difference first - second, with an adjusted p that was worked out before; n at least 1."""
    one, two = common(first, second)
    found = interval.paired(one, two, confidence)
    base = float(two.mean())
    kept = None
    if len(one) > 1 and (np.ptp(one) > 0 or np.ptp(two) > 0):
        kept = variance.reduction(one, two)
    return Difference(
        policy=policy,
        to=to,
        metric=metric,
        value=found.value,
        low=found.low,
        high=found.high,
        n=found.n,
        share=found.value / abs(base) if base else None,
        p=p,
        told_apart=None if p is None else p < 1 - confidence,
        kept_variance=kept,
        note=found.note,
    )


def to_one(metric: str, columns: Mapping[str, Column], to: str, confidence: float = 0.95) -> list[Difference]:
    """Differences of every other policy to one that was named beforehand, Holm-corrected for their number."""
    others = [name for name in columns if name != to and columns[name].keys() & columns[to].keys()]
    raw = [p_value(columns[name], columns[to]) for name in others]
    corrected = adjusted(raw)
    return [
        difference(metric, name, to, columns[name], columns[to], p, confidence)
        for name, p in zip(others, corrected, strict=True)
    ]


def all_pairs(columns: Mapping[str, Column]) -> dict[tuple[str, str], float | None]:
    """Adjusted p of every pair, in both orders, Holm-corrected for all pairs."""
    names = list(columns)
    pairs = [(a, b) for i, a in enumerate(names) for b in names[i + 1 :]]
    corrected = adjusted([p_value(columns[a], columns[b]) for a, b in pairs])
    both = dict(zip(pairs, corrected, strict=True))
    return {**both, **{(b, a): p for (a, b), p in both.items()}}


def adjusted(raw: Sequence[float | None]) -> list[float | None]:
    """Holm-corrected p-values in the order given; None, where there was no answer, stays and counts for none."""
    known = [p for p in raw if p is not None]
    corrected = iter(multiple.holm(known))
    return [None if p is None else next(corrected) for p in raw]


def rank(
    metric: str,
    columns: Mapping[str, Column],
    caps: Mapping[str, Mapping[str, Column]] | None = None,
    limits: Mapping[str, float] | None = None,
    confidence: float = 0.95,
    higher_is_better: bool = False,
) -> Best:
    """Policies by the mean of a metric; those whose mean breaks a limit are excluded and told.

    caps: metric -> policy -> column of what is limited. Where all are excluded, nobody is best and all are told.
    """
    excluded = _excluded(columns, caps or {}, limits or {})
    fit = {name: column for name, column in columns.items() if name not in excluded and column}
    sign = -1 if higher_is_better else 1
    means = {name: float(np.mean([column[r] for r in sorted(column)])) for name, column in fit.items()}
    order = sorted(fit, key=lambda name: (sign * means[name], list(columns).index(name)))
    if not order:
        note = "no policy keeps within the limits" if excluded else f"{metric} is undefined under every policy"
        return Best(metric, (), (), (), excluded, None, note=note)
    p = all_pairs(fit)
    best = order[0]
    differences = tuple(
        difference(metric, name, best, fit[name], fit[best], p[name, best], confidence)
        for name in order[1:]
        if fit[name].keys() & fit[best].keys()
    )
    told = [one.told_apart for one in differences]
    clear = None if not told or None in told else all(told)
    return Best(metric, tuple(order), _groups(order, p, confidence), differences, excluded, clear)


def _excluded(
    columns: Mapping[str, Column], caps: Mapping[str, Mapping[str, Column]], limits: Mapping[str, float]
) -> dict[str, str]:
    out = {}
    for name in columns:
        for metric, most in limits.items():
            column = caps.get(metric, {}).get(name, {})
            mean = float(np.mean([column[r] for r in sorted(column)])) if column else None
            if mean is not None and mean > most:
                out[name] = f"{metric} {mean:.4g} is above {most:g}"
                break
    return out


def _groups(
    order: Sequence[str], p: Mapping[tuple[str, str], float | None], confidence: float
) -> tuple[tuple[str, ...], ...]:
    """From the best on: each leads a group with all that cannot be told apart from it and have no group yet."""
    left, groups = list(order), []
    while left:
        leader = left[0]
        group = [leader]
        for name in left[1:]:
            chance = p[leader, name]
            if chance is None or chance >= 1 - confidence:
                group.append(name)
        groups.append(tuple(group))
        left = [name for name in left if name not in group]
    return tuple(groups)


def frontier(points: Mapping[str, tuple[float, float]]) -> tuple[str, ...]:
    """The policies that no other beats: at most as much in both, less in one; in order of the first."""
    return tuple(
        name
        for name, (cost, miss) in sorted(points.items(), key=lambda item: (*item[1], item[0]))
        if not any(
            other != name and c <= cost and m <= miss and (c < cost or m < miss) for other, (c, m) in points.items()
        )
    )
