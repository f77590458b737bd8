"""The results of a study: rows of metrics by policy and replication, and what may be said of them.

Three spreads are kept apart: `low` and `high` say how well a mean is known, `p10` and `p90` how outcomes range from one
replication to another, and neither knows how uncertain the inputs are (`uncertainty.py` does).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from marketsim.errors import Fault, InputError, nearest
from marketsim.experiment import compare
from marketsim.experiment.statistics import interval
from marketsim.experiment.task import Outcome, Row

if TYPE_CHECKING:
    import pandas as pd

SCHEMA_VERSION = 1
LEAST_FOR_RANGE = 10  # outcomes, before a tenth of them is one
MAIN = (  # what tables show first, in their order
    "total_cost_usd",
    "total_with_penalties_usd",
    "cash_out_usd",
    "missed_deadline_share",
    "unserved_share",
    "utilization",
    "jobs",
)
PENALTIES = ("late_usd", "lost_requests_usd")
NOTHING_RAN = "no replication ran to its end"


@dataclass(eq=False)
class Results:
    """rows: policy -> replication -> metrics. failures: pairs that ended in an error; they are in no mean.

    objective: what `best` means, as `minimize` and `subject_to`; None takes the usual rule. stamp: what belongs to the
    numbers (versions, seed, digest). warnings: what a reader of the numbers must know. antithetic: replications 2 k and
    2 k + 1 are a pair, and only the means of whole pairs are independent observations.

    >>> import marketsim as ms
    >>> results = ms.run(ms.load("speech", ["horizon=2 w"]), ["cloud-only", "spot-first"], replications=3)
    >>> cell = results.cell("cloud-only", "total_cost_usd")  # mean and its interval in USD, n replications
    >>> cell["low"] < cell["mean"] < cell["high"], cell["n"]
    (True, 3)
    >>> list(results.column("cloud-only", "missed_deadline_share"))  # replication -> value
    [0, 1, 2]
    >>> results.summary(["total_cost_usd"]).shape  # a row a policy: the mean, and half of its interval
    (2, 2)
    >>> [one.policy for one in results.differences("total_cost_usd", to="cloud-only")]
    ['spot-first']
    """

    name: str
    rows: Mapping[str, Mapping[int, Row]]
    objective: Any = None
    confidence: float = 0.95
    stamp: dict[str, Any] = field(default_factory=dict)
    failures: tuple[Outcome, ...] = ()
    warnings: tuple[str, ...] = ()
    antithetic: bool = False

    @property
    def policies(self) -> tuple[str, ...]:
        """Names, in the order in which they were asked for."""
        return tuple(self.rows)

    @property
    def exit_code(self) -> int:
        """0 where every replication ran; else 1, or 2 where what failed was supplied wrong."""
        if not self.failures:
            return 0
        return 2 if all(one.exit_code == 2 for one in self.failures) else 1

    @property
    def nothing_ran(self) -> bool:
        """Whether no replication of any policy ran to its end: there is nothing to compare."""
        return not any(self.rows.values())

    def of_those_that_ran(self) -> Results:
        """The same without the policies of which no replication ran to its end. Raises InputError where none did."""
        if self.nothing_ran:
            raise InputError(f"{NOTHING_RAN}: there is nothing to show")
        return replace(self, rows={policy: rows for policy, rows in self.rows.items() if rows})

    @cached_property
    def metrics(self) -> tuple[str, ...]:
        """Names of all metrics, the main ones first, in the order of the first row that has them."""
        seen: dict[str, None] = dict.fromkeys(MAIN)
        present: set[str] = set()
        for rows in self.rows.values():
            for row in rows.values():
                present.update(row)
                seen.update(dict.fromkeys(row))
        return tuple(name for name in seen if name in present)

    def column(self, policy: str, metric: str) -> dict[int, float]:
        """Replication -> value, in order, where the metric is defined. Raises InputError for an unknown name."""
        self._known(policy, self.rows, "policy")
        self._known(metric, self.metrics, "metric")
        rows = self.rows[policy]
        found = ((replication, rows[replication].get(metric)) for replication in sorted(rows))
        return {replication: value for replication, value in found if value is not None}

    def _known(self, name: str, names: Any, what: str) -> None:
        if name not in names:
            raise InputError(Fault(f"no {what} has this name in the results", got=name, hint=nearest(name, names)))

    def observations(self, policy: str, metric: str) -> dict[int, float]:
        """What intervals are made of: the column, or the means of antithetic pairs of which both halves are there."""
        column = self.column(policy, metric)
        if not self.antithetic:
            return column
        return {r // 2: (column[r] + column[r + 1]) / 2 for r in column if r % 2 == 0 and r + 1 in column}

    def columns(self, metric: str) -> dict[str, dict[int, float]]:
        """Policy -> observations of a metric, of the policies that have any."""
        found = {policy: self.observations(policy, metric) for policy in self.rows}
        return {policy: column for policy, column in found.items() if column}

    def cell(self, policy: str, metric: str) -> dict[str, Any]:
        """mean, low, high, p10, p90, n of one metric of one policy; None where undefined or n is too small.

        The interval of a share ends at 0 and 1, beyond which no share lies.
        """
        from marketsim.metrics import describe

        values = np.array(list(self.column(policy, metric).values()))
        observed = list(self.observations(policy, metric).values())
        if not observed:
            return {"mean": None, "low": None, "high": None, "p10": None, "p90": None, "n": 0}
        found = interval.t_interval(observed, self.confidence)
        ranged = len(values) >= LEAST_FOR_RANGE
        p10, p90 = (float(np.quantile(values, level)) if ranged else None for level in (0.1, 0.9))
        low, high, known = found.low, found.high, describe(metric)
        if low is not None and high is not None and known is not None and known.unit == "share":
            low, high = max(low, 0.0), min(high, 1.0)
        return {"mean": found.value, "low": low, "high": high, "p10": p10, "p90": p90, "n": found.n}

    def half(self, policy: str, metric: str) -> float | None:
        """Half of the interval of a mean, that of a share not cut off at 0 and 1; None where n is too small."""
        observed = list(self.observations(policy, metric).values())
        return interval.t_interval(observed, self.confidence).half_width if observed else None

    def to_json(self) -> dict[str, Any]:
        """The one document of `run --json`: finite numbers or null."""
        return {
            "schema_version": SCHEMA_VERSION,
            "currency": "USD",
            "stamp": self.stamp,
            "policies": {
                policy: {metric: self.cell(policy, metric) for metric in self.metrics} for policy in self.rows
            },
        }

    def table(self, metrics: Sequence[str] | None = None) -> pd.DataFrame:
        """A row a policy and metric: unit, mean, low, high, p10, p90, n; all metrics, or those named."""
        import pandas as pd

        from marketsim.metrics import describe

        rows = []
        for policy in self.rows:
            for metric in metrics or self.metrics:
                known = describe(metric)
                unit = known.unit if known else ""
                rows.append({"policy": policy, "metric": metric, "unit": unit, **self.cell(policy, metric)})
        columns = ["policy", "metric", "unit", "mean", "low", "high", "p10", "p90", "n"]
        return pd.DataFrame(rows, columns=columns)

    def summary(self, metrics: Sequence[str] | None = None) -> pd.DataFrame:
        """A row a policy: the mean of each main metric and, behind it, the half-width of its interval as `+-`."""
        import pandas as pd

        chosen = [name for name in (metrics or MAIN) if name in self.metrics]
        out: dict[str, list[float | None]] = {}
        for metric in chosen:
            cells = [self.cell(policy, metric) for policy in self.rows]
            out[metric] = [cell["mean"] for cell in cells]
            if metric != "jobs":
                out[f"+- {metric}"] = [self.half(policy, metric) for policy in self.rows]
        return pd.DataFrame(out, index=pd.Index(list(self.rows), name="policy"), dtype=float)

    def replications(self) -> pd.DataFrame:
        """A row a policy and replication, a column a metric; empty where undefined."""
        import pandas as pd

        rows = [
            {"policy": policy, "replication": replication, **{name: row.get(name) for name in self.metrics}}
            for policy, of in self.rows.items()
            for replication, row in sorted(of.items())
        ]
        return pd.DataFrame(rows, columns=["policy", "replication", *self.metrics])

    def differences(self, metric: str | None = None, to: str | None = None) -> list[compare.Difference]:
        """Paired differences of a metric (of the objective where not named) to a policy, or to the best.

        Holm-corrected: for the comparisons made where `to` was named, for all pairs where the best was picked.
        """
        name = metric or self.ranked_by() or "total_cost_usd"
        if self.nothing_ran:
            return []
        if to is not None:
            self._known(to, self.rows, "policy")
            columns = self.columns(name)
            return compare.to_one(name, columns, to, self.confidence) if to in columns else []
        if metric is None and self.ranked_by() is not None:
            return list(self.best().differences)
        return list(compare.rank(name, self.columns(name), confidence=self.confidence).differences)

    def ranked_by(self) -> str | None:
        """The metric that `best` goes by; None where the scenario gives no way to weigh cost against misses.

        Without an objective: cost with penalties where any was paid; cost where nothing was missed; else nothing.
        """
        if self.objective is not None:
            return str(self.objective.minimize)
        if self._any_above_zero(PENALTIES):
            return "total_with_penalties_usd"
        if self._any_above_zero(("missed_deadline_share", "unserved_share")):
            return None
        return "total_cost_usd"

    def _any_above_zero(self, metrics: Sequence[str]) -> bool:
        return any(
            (row.get(metric) or 0) > 0 for rows in self.rows.values() for row in rows.values() for metric in metrics
        )

    def best(self) -> compare.Best:
        """Which policy is best by the objective, and from which others it can be told apart."""
        from marketsim.metrics import describe

        metric = self.ranked_by()
        if self.nothing_ran:
            return compare.Best(metric, (), (), (), {}, None, note=NOTHING_RAN)
        if metric is None:
            return self._frontier()
        limits = dict(self.objective.subject_to) if self.objective is not None else {}
        known = describe(metric)
        return compare.rank(
            metric,
            self.columns(metric),
            {name: self.columns(name) for name in limits},
            limits,
            self.confidence,
            higher_is_better=known is not None and known.direction == "higher",
        )

    def _frontier(self) -> compare.Best:
        points = {}
        for policy in self.rows:
            cost, miss = (self.cell(policy, name)["mean"] for name in ("total_cost_usd", "missed_deadline_share"))
            if cost is not None:
                points[policy] = (cost, miss or 0.0)
        note = "no value is set on missed deadlines and no cap: cost and misses are shown, nothing is ranked"
        return compare.Best(None, (), (), (), {}, None, compare.frontier(points), note)
