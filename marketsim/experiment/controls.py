"""Control variates: what the throw explains of a result is taken out of it, and fewer replications do.

Offered work, mean prices and how long spot is there are the same under every policy and are known without a run: their
means over many throws cost only the throws. A result, or a difference of two, is regressed on them and read off there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from marketsim.errors import InputError
from marketsim.experiment.results import Results
from marketsim.experiment.statistics import interval, variance
from marketsim.experiment.statistics.interval import Interval

USUAL = ("offered_gpu_h", "requests")
OF_OFFERS = ("open_share/offer", "price_mean/offer")  # the first tells more of what a policy on spot pays


@dataclass(frozen=True)
class Controls:
    """Names of exogenous metrics, their means over `throws` throws, and the standard deviations of single throws."""

    names: tuple[str, ...]
    means: tuple[float, ...]
    sds: tuple[float, ...]
    throws: int


def usual(results: Results, beside: Sequence[str] = ()) -> tuple[str, ...]:
    """The controls that vary: work, requests, openness and prices of offers, those beside; at most n / 10 of them."""
    policy = results.policies[0]
    offers = [name for kind in OF_OFFERS for name in results.metrics if name.startswith(f"{kind}/")]
    found = []
    for name in dict.fromkeys([*USUAL, *offers, *beside]):
        if name in results.metrics:
            values = np.array(list(results.column(policy, name).values()))
            if len(values) and np.ptp(values) > 1e-9 * abs(float(values.mean())):
                found.append(name)
    return tuple(found[: max(len(results.rows[policy]) // 10, 1)])


def of_throws(task: Any, names: Sequence[str], first: int, throws: int = 200) -> Controls:
    """The means of controls over throws `first` to `first + throws - 1`, which no replication used; nothing is run.

    task: a ScenarioTask. Raises InputError for a name that depends on what a policy does.
    """
    from marketsim.build import build
    from marketsim.ledger import Ledger
    from marketsim.metrics.cost import mean_price, open_share
    from marketsim.metrics.jobs import offered_gpu_h
    from marketsim.metrics.measured import Measured

    def value(name: str, world: Any) -> float:
        empty = Measured(world, Ledger())
        if name == "offered_gpu_h":
            return offered_gpu_h(empty)
        if name == "requests":
            return float(sum(one.requests_per_s.integral(0, world.horizon_s) for one in world.services))
        kind, _, offer = name.rpartition("/")
        known = {"price_mean/offer": mean_price, "open_share/offer": open_share}.get(kind)
        if known is None or offer not in known(empty):
            raise InputError(f"{name} is no control: it is not known before a run")
        return known(empty)[offer]

    rows = []
    for replication in range(first, first + throws):
        world = build(task.scenario, replication, task.seed)
        rows.append([value(name, world) for name in names])
    data = np.array(rows)
    sds = data.std(axis=0, ddof=1) if throws > 1 else np.zeros(len(names))
    return Controls(tuple(names), tuple(data.mean(axis=0).tolist()), tuple(sds.tolist()), throws)


def plain(results: Results, metric: str, policy: str, to: str | None = None) -> Interval:
    """The mean of a metric of a policy, or of its paired difference to another, as it is."""
    column = results.observations(policy, metric)
    if to is None:
        return interval.t_interval(list(column.values()), results.confidence)
    other = results.observations(to, metric)
    both = sorted(column.keys() & other.keys())
    return interval.t_interval([column[r] - other[r] for r in both], results.confidence)


def controlled(results: Results, metric: str, policy: str, controls: Controls, to: str | None = None) -> Interval:
    """The mean of a metric of a policy, or of its difference to another, with the controls' part taken out.

    The interval allows for the means of the controls being known only from so many throws.
    """
    if not controls.names:
        return plain(results, metric, policy, to)
    column = results.observations(policy, metric)
    other = results.observations(to, metric) if to is not None else dict.fromkeys(column, 0.0)
    of_throw = [results.observations(policy, name) for name in controls.names]
    both = sorted(column.keys() & other.keys())
    values = np.array([column[r] - other[r] for r in both])
    known = np.array([[one.get(r, 0.0) for one in of_throw] for r in both])
    found = variance.controlled(values, known, controls.means, results.confidence)
    if found.half_width is None or found.note is not None:
        return found
    centred = known - known.mean(axis=0)
    slopes = np.linalg.lstsq(centred, values - values.mean(), rcond=None)[0]
    beside = 1.96 * math.sqrt(float(((slopes * controls.sds) ** 2).sum()) / controls.throws)
    half = math.hypot(found.half_width, beside)
    return replace(found, low=found.value - half, high=found.value + half)


def kept_variance(
    results: Results, metric: str, policy: str, to: str, controls: Controls, of_controlled: bool = False
) -> float:
    """Variance of the controlled mean difference over that of independent runs, by half-widths.

    of_controlled: whether the independent runs have the controls, too; then only what common dice add to them counts.
    """
    estimate = controlled if of_controlled else _plain
    apart = [estimate(results, metric, name, controls).half_width for name in (policy, to)]
    fine = controlled(results, metric, policy, controls, to).half_width
    if fine is None or None in apart or not any(apart):
        raise ValueError("variance cannot be compared: too few replications, or nothing varies")
    return fine**2 / sum(width**2 for width in apart if width is not None)


def _plain(results: Results, metric: str, policy: str, controls: Controls) -> Interval:
    return plain(results, metric, policy)
