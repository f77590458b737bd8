"""Whether two results may be set against each other: what cannot be compared is refused, what must be known is told."""

from __future__ import annotations

from collections.abc import Sequence

from marketsim.errors import Fault, InputError, nearest
from marketsim.experiment.results import Results


def check(first: Results, second: Results, metrics: Sequence[str] = ()) -> list[str]:
    """What a reader must know of a comparison, in sentences. Raises InputError where there is none to be made.

    There is none where a study has no replication that ran, where no policy is in both, where a metric that was asked
    for is missing in one, and where totals are of spans of different length.
    """
    for one in (first, second):
        one.of_those_that_ran()
    shared = [name for name in first.policies if name in second.policies]
    if not shared:
        what = f"no policy is in both: {_listed(first.policies)} in the first, {_listed(second.policies)} in the second"
        raise InputError(f"the two cannot be compared: {what}")
    faults = [_missing(name, one, which) for name in metrics for one, which in ((first, "first"), (second, "second"))]
    if any(faults):
        raise InputError([fault for fault in faults if fault is not None])
    spans = [one.stamp.get("horizon_s") for one in (first, second)]
    if None not in spans and spans[0] != spans[1]:
        days = " and ".join(f"{span / 86_400:g} d" for span in spans if span is not None)
        raise InputError(f"the two cannot be compared: their horizons are {days}, and totals grow with the horizon")
    return list(_notes(first, second))


def _listed(names: Sequence[str], most: int = 5) -> str:
    return ", ".join(names[:most]) + (" and others" if len(names) > most else "")


def _missing(metric: str, results: Results, which: str) -> Fault | None:
    if metric in results.metrics:
        return None
    what = f"no metric has this name in the {which} results"
    return Fault(what, key="--metric", got=metric, hint=nearest(metric, results.metrics))


def _notes(first: Results, second: Results) -> list[str]:
    """Nothing about what agrees; a sentence about each thing that does not."""
    one, two = first.stamp, second.stamp
    notes = []
    if not paired(first, second):
        why = "only one is antithetic" if one.get("seed") == two.get("seed") else "their seeds differ"
        notes.append(f"not compared in pairs: {why}, so the intervals are those of independent runs")
    elif one.get("world") != two.get("world"):
        notes.append("the dice are the same but not the worlds they make: demand, supply or prices were changed")
    if one.get("versions") != two.get("versions"):
        notes.append("the two were run by different versions of marketsim or of a library")
    counts = [results.stamp.get("replications") for results in (first, second)]
    if counts[0] != counts[1]:
        notes.append(f"{counts[0]} and {counts[1]} replications: pairs are of those that both have")
    for which, results in (("first", first), ("second", second)):
        if results.failures:
            notes.append(f"{len(results.failures)} replications of the {which} failed and are in no mean")
    return notes


def paired(first: Results, second: Results) -> bool:
    """Whether replication k of one met the dice of replication k of the other."""
    return first.stamp.get("seed") == second.stamp.get("seed") and first.antithetic == second.antithetic
