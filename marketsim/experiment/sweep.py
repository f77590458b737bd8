"""Sweeps: how the policies' numbers move with one or two settings, and where one policy overtakes another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from marketsim.errors import InputError
from marketsim.experiment import compare, points
from marketsim.experiment.points import Setting
from marketsim.experiment.results import Results
from marketsim.experiment.statistics import interval

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Sweep:
    """Settings, the points in order, and the results at each."""

    settings: tuple[Setting, ...]
    points: tuple[dict[str, Any], ...]
    results: tuple[Results, ...]

    def frame(self, metrics: Sequence[str]) -> pd.DataFrame:
        """A row a point and policy: the settings, then mean, low and high of each metric, then the best policy."""
        import pandas as pd

        rows = []
        for point, results in zip(self.points, self.results, strict=True):
            best = results.best().order
            for policy in results.policies:
                row: dict[str, Any] = {**point, "policy": policy, "best": best[:1] == (policy,)}
                for metric in metrics:
                    found = results.cell(policy, metric) if metric in results.metrics else {}
                    row |= {f"{metric}{end}": found.get(name) for end, name in _ENDS}
                rows.append(row)
        return pd.DataFrame(rows)


_ENDS = (("", "mean"), (" low", "low"), (" high", "high"))


@dataclass(frozen=True)
class BreakEven:
    """Where the sign of first - second changes along a setting, and between which values it is not known.

    at: by straight lines between points. low, high: the span in which the paired interval of the difference holds 0
    about it, None where it reaches the end of the sweep. fixed: values of the other setting, if any.
    """

    first: str
    second: str
    setting: str
    at: float
    low: float | None
    high: float | None
    fixed: dict[str, Any]


def sweep(
    scenario: Any, settings: Sequence[Setting], count: int = 5, how: str = "grid", design_seed: int = 1, **run: Any
) -> Sweep:
    """Run all points: `grid` (count values a setting), or `count` points by `lhs` or `sobol`. run: as `run_points`."""
    if not settings:
        raise InputError("a sweep needs at least one setting")
    made = points.grid(settings, count) if how == "grid" else points.scattered(settings, count, how, design_seed)
    return Sweep(tuple(settings), tuple(made), tuple(points.run_points(scenario, made, **run)))


def break_evens(swept: Sweep, metric: str, first: str, second: str) -> list[BreakEven]:
    """Break-even points of two policies along the first setting of a grid of numbers, for each value of the others.

    Raises InputError where the setting is not of numbers, and where a point has no difference of the two.
    """
    path = swept.settings[0].path
    lines: dict[str, list[tuple[float, Results, dict[str, Any]]]] = {}
    for point, results in zip(swept.points, swept.results, strict=True):
        fixed = {name: value for name, value in point.items() if name != path}
        lines.setdefault(repr(fixed), []).append((_number(point[path]), results, fixed))
    found = []
    for line in lines.values():
        line.sort(key=lambda item: item[0])
        xs = [x for x, _, _ in line]
        gaps = [_gap(results, metric, first, second) for _, results, _ in line]
        for at, low, high in crossings(xs, gaps):
            found.append(BreakEven(first, second, path, at, low, high, line[0][2]))
    return found


def _number(value: Any) -> float:
    if isinstance(value, str):
        from marketsim import units

        try:
            return float(units.duration_s(value))
        except ValueError:
            raise InputError(f"a break-even needs a setting of numbers, not {value!r}") from None
    return float(value)


def _gap(results: Results, metric: str, first: str, second: str) -> interval.Interval:
    one, two = compare.common(results.column(first, metric), results.column(second, metric))
    if not len(one):
        raise InputError(f"{metric} of {first} and {second} cannot be compared: it is undefined in every replication")
    return interval.paired(one, two, results.confidence)


def crossings(xs: Sequence[float], gaps: Sequence[interval.Interval]) -> list[tuple[float, float | None, float | None]]:
    """Where a line of differences crosses 0, and the x between which its interval holds 0, by straight lines."""
    out = []
    for i in range(len(xs) - 1):
        left, right = gaps[i].value, gaps[i + 1].value
        if left == 0 and (i == 0 or gaps[i - 1].value != 0):
            out.append((xs[i], i))
        elif left * right < 0:
            out.append((xs[i] + (xs[i + 1] - xs[i]) * left / (left - right), i))
    if len(xs) > 1 and gaps[-1].value == 0 and gaps[-2].value != 0:
        out.append((xs[-1], len(xs) - 2))
    return [(at, _edge(xs, gaps, at, -1), _edge(xs, gaps, at, 1)) for at, _ in out]


def _edge(xs: Sequence[float], gaps: Sequence[interval.Interval], at: float, step: int) -> float | None:
    """The nearest x beyond a crossing at which the interval's near bound has the difference's sign; None at an end."""
    bounds = [(one.low, one.high) for one in gaps]
    if any(low is None or high is None for low, high in bounds):
        return None
    order = range(len(xs)) if step > 0 else range(len(xs) - 1, -1, -1)
    last_x, last = at, None
    for i in order:
        if (xs[i] - at) * step < 0:
            continue
        low, high = bounds[i]
        assert low is not None
        assert high is not None
        near = low if gaps[i].value > 0 else -high  # above 0 once the sign is sure
        if near > 0:
            start = last if last is not None else -_half(gaps, xs, at)
            return last_x if near == start else last_x + (xs[i] - last_x) * -start / (near - start)
        last_x, last = xs[i], near
    return None


def _half(gaps: Sequence[interval.Interval], xs: Sequence[float], at: float) -> float:
    """The half-width of the difference at a crossing, between those of its neighbours."""
    import numpy as np

    return float(np.interp(at, xs, [one.half_width or 0.0 for one in gaps]))
