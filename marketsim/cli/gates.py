"""`--fail-if`: a gate on a mean, `[POLICY:]METRIC OP NUMBER`, such as `missed_deadline_share > 0.05`."""

from __future__ import annotations

import operator
import re
from typing import TYPE_CHECKING, NamedTuple

from marketsim.errors import Fault, InputError, nearest

if TYPE_CHECKING:
    from marketsim.experiment.results import Results

_GATE = re.compile(r"\s*(?:([a-z0-9-]+):)?\s*([A-Za-z_][\w/.-]*?)\s*(<=|>=|<|>)\s*(-?[0-9]+(?:\.[0-9]+)?)\s*")
_HOLDS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


class Gate(NamedTuple):
    """One condition under which a run has failed; policy None means any."""

    text: str
    policy: str | None
    metric: str
    sign: str
    bound: float


def parse(text: str) -> Gate:
    """A gate from its text. Raises InputError, with the nearest metric for one that does not exist."""
    from marketsim import metrics

    found = _GATE.fullmatch(text)
    if found is None:
        raise InputError(Fault("--fail-if is no condition", got=text, allowed="[POLICY:]METRIC <, <=, > or >= NUMBER"))
    policy, metric, sign, bound = found.groups()
    if metrics.describe(metric) is None:
        raise InputError(Fault("--fail-if names no metric", got=metric, hint=nearest(metric, metrics.KINDS)))
    return Gate(text.strip(), policy, metric, sign, float(bound))


def broken(gate: Gate, results: Results) -> list[str]:
    """A line for each policy whose mean meets the condition. A mean that is undefined meets none."""
    if gate.policy is not None and gate.policy not in results.policies:
        raise InputError(
            Fault("--fail-if names no policy of this run", got=gate.policy, hint=nearest(gate.policy, results.policies))
        )
    lines = []
    for policy in [gate.policy] if gate.policy is not None else list(results.policies):
        mean = results.cell(policy, gate.metric)["mean"] if gate.metric in results.metrics else None
        if mean is not None and _HOLDS[gate.sign](mean, gate.bound):
            lines.append(f"gate: {policy} has {gate.metric} {mean:.6g}, and {gate.text} fails the run")
    return lines
