"""Gates: `--fail-if "spot-first.missed_deadline_share > 0.05"` turns a number into an exit code."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass

from marketsim.errors import Fault, InputError, nearest
from marketsim.experiment.results import Results

_FORM = re.compile(r"\s*(?P<name>[^\s<>=!]+)\s*(?P<sign><=|>=|<|>)\s*(?P<limit>-?[0-9]+(?:\.[0-9]+)?)\s*")
_SIGNS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
STATISTICS = ("mean", "low", "high", "p10", "p90")


@dataclass(frozen=True)
class Gate:
    """One condition that fails a run. policy None: any of them; `best`: the best by the objective."""

    text: str
    policy: str | None
    metric: str
    statistic: str
    sign: str
    limit: float

    def broken(self, results: Results) -> list[str]:
        """One line a policy that the condition is true of. Raises InputError for a name the results do not have."""
        return [
            f"{name}: {self.metric} {self.statistic} {value:g} {self.sign} {self.limit:g}"
            for name in self._policies(results)
            if (value := results.cell(name, self.metric)[self.statistic]) is not None
            and _SIGNS[self.sign](value, self.limit)
        ]

    def _policies(self, results: Results) -> tuple[str, ...]:
        if self.metric not in results.metrics:
            hint = nearest(self.metric, results.metrics)
            raise InputError(Fault("no metric has this name", key="--fail-if", got=self.metric, hint=hint))
        if self.policy is None:
            return results.policies
        if self.policy == "best":
            return results.best().order[:1]
        if self.policy not in results.policies:
            hint = nearest(self.policy, results.policies)
            raise InputError(Fault("no policy has this name", key="--fail-if", got=self.policy, hint=hint))
        return (self.policy,)


def gate(text: str) -> Gate:
    """`[POLICY.]METRIC[.STATISTIC] < <= > >= NUMBER`; the statistic is the mean where none is given. Else InputError.

    >>> gate("best.unserved_share.high > 0.01").policy
    'best'
    """
    found = _FORM.fullmatch(text)
    parts = found["name"].split(".") if found else []
    if found is None or not 1 <= len(parts) <= 3 or not all(parts):
        form = "[POLICY.]METRIC[.mean|low|high|p10|p90], then < <= > or >=, then a number"
        raise InputError(Fault("cannot be read as a condition", key="--fail-if", got=text, allowed=form))
    statistic = parts.pop() if parts[-1] in STATISTICS and len(parts) > 1 else "mean"
    if len(parts) > 2:
        raise InputError(Fault("unknown statistic", key="--fail-if", got=parts[-1], allowed=", ".join(STATISTICS)))
    return Gate(text, parts[0] if len(parts) == 2 else None, parts[-1], statistic, found["sign"], float(found["limit"]))
