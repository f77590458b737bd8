"""What a metric is: one number of a run, computed from its ledger, with a unit, a direction and a sentence of doc.

A metric is a function of what was measured and of nothing else; a breakdown is several metrics that differ by a label
(an offer, a month, a workload) and are written `name/label`. None says that the number is undefined there: no job has
a deadline, nobody asked for a request. A user's own metric is an object passed in; it needs no table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from marketsim.metrics.measured import Measured

Direction = Literal["lower", "higher"]


@dataclass(frozen=True)
class Metric:
    """One number. direction: which way is better, None where neither is; of: the number of a run, None for undefined.

    `Measured` lays a run out as columns: attempts, leases, and each job's fate, shape (jobs,).

    >>> import marketsim as ms
    >>> import numpy as np
    >>> def latest_h(run):
    ...     return float(np.max(run.tardiness_s)) / 3600 if len(run.world.jobs) else None
    >>> latest = ms.Metric("latest_h", "h", "lower", "tardiness of the job that is latest", latest_h)
    >>> results = ms.run(ms.load("speech", ["horizon=2 w"]), ["cloud-only"], replications=2, metrics=[latest])
    >>> results.cell("cloud-only", "latest_h")["mean"] >= 0
    True
    """

    name: str
    unit: str
    direction: Direction | None
    doc: str
    of: Callable[[Measured], float | None]


@dataclass(frozen=True)
class Breakdown:
    """One number for each label, written `name/label`; the labels are in a fixed order."""

    name: str
    unit: str
    direction: Direction | None
    doc: str
    of: Callable[[Measured], Mapping[str, float | None]]


def table(metrics: list[Metric]) -> dict[str, Metric]:
    """A plain dict by name."""
    return {metric.name: metric for metric in metrics}


def share(part: float, whole: float) -> float | None:
    """part / whole, None where the whole is 0."""
    return part / whole if whole else None
