"""What the commands over many studies share: the scenario, the runner, a bar, the metric, a number in words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from marketsim.cli import console, idle, options
from marketsim.cli import run as running

if TYPE_CHECKING:
    from marketsim.experiment.points import Setting
    from marketsim.scenario import Scenario

FEW = 10  # replications a point, where none are asked for


@dataclass(frozen=True)
class Asked:
    """A checked scenario and how it is to be run: what `run_points` takes as keywords, without policies, is in `how`.

    policies: names, None for all.
    """

    scenario: Scenario
    policies: list[str] | None
    how: dict[str, Any]

    @property
    def run(self) -> dict[str, Any]:
        """`how`, with the policies."""
        return {**self.how, "policies": self.policies}


@contextmanager
def asked(given: options.Given, until: str | None = None) -> Iterator[Asked]:
    """The scenario of a command over many points, its warnings told, its runner open while the command works.

    until: as `--until` has it; all points stop together, so that they can be compared pair by pair.
    """
    from marketsim.cli.reading import checked
    from marketsim.errors import Fault, InputError, nearest
    from marketsim.experiment import runners
    from marketsim.experiment.study import Plan, chosen, replayed
    from marketsim.experiment.task import ScenarioTask

    idle.refuse_workers(given.cluster)
    seed, replications, policies = given.seed, given.replications or FEW, list(given.policies) or None
    found, _ = checked(given.scenario, given.edits, given.quiet, seed)
    names, _ = chosen(found, policies)
    plan = replications if until is None else running.plan_of(until, given.replications, found)
    if isinstance(plan, Plan) and plan.to is not None and (plan.to not in names or len(names) < 2):
        what = "no other policy is run beside it"
        raise InputError(Fault(what, key="--until", got=plan.to, hint=nearest(plan.to, names)))
    for warning in replayed(ScenarioTask(found, found.seed if seed is None else seed), replications):
        console.note(f"warning: {warning}", given.quiet)
    runner = runners.make(given.workers, given.cluster)
    try:
        with running.progress(given.quiet) as bar:
            how = {"replications": plan, "seed": seed, "runner": runner, "progress": bar}
            yield Asked(found, policies, how)
    finally:
        runner.close()


def slot_of(slot: str) -> int:
    """Seconds of `--slot`, the length of a slot of the hindsight bound."""
    from marketsim import units
    from marketsim.errors import Fault, InputError

    try:
        slot_s = units.duration_s(slot)
    except ValueError as error:
        raise InputError(Fault(f"--slot: {error}", got=slot)) from None
    if slot_s < 1:
        raise InputError(Fault("--slot: out of range", got=slot, allowed="at least 1 s"))
    return slot_s


def settings_of(
    texts: tuple[str, ...], points_of: str | None = None, listed: bool = True
) -> tuple[list[Setting], int | None]:
    """Settings of `--over`, and the count that they ask for. points_of: the parameter that gives it otherwise.

    listed: whether a list of values is taken as it is. Raises UsageError for a count that would have no effect.
    """
    from marketsim.experiment import points

    pairs = [points.setting(text) for text in texts]
    counts = sorted({count for _, count in pairs if count is not None})
    if counts and points_of is None:
        raise click.UsageError(f"--over: no effect of :{counts[0]} here, where no count of values is asked for")
    if len(counts) > 1:
        words = " and ".join(f":{count}" for count in counts)
        raise click.UsageError(f"--over: all settings take one count of values, and {words} are given")
    if points_of is not None and counts:
        idle.refuse(f"beside --over ...:{counts[0]}", points_of)
    if points_of is not None and listed and all(one.values for one, _ in pairs):
        idle.refuse("where --over lists its values", points_of)
    return [one for one, _ in pairs], max(counts, default=None)


def metric_of(scenario: Scenario, metric: str | None) -> str:
    """The metric named, or the objective's. Raises InputError with the nearest name."""
    from marketsim import metrics
    from marketsim.errors import Fault, InputError, nearest

    name = metric or (scenario.objective.minimize if scenario.objective else "total_with_penalties_usd")
    if metrics.describe(name) is None:
        raise InputError(Fault("no metric has this name", got=name, hint=nearest(name, metrics.KINDS)))
    return name


def number(value: Any) -> str:
    """A number in four figures, text as it is, nothing as a dash."""
    if value is None:
        return "-"
    return f"{value:,.4g}" if isinstance(value, int | float) and not isinstance(value, bool) else str(value)


def span(low: Any, high: Any) -> str:
    """An interval in words."""
    return "-" if low is None or high is None else f"{low:+,.4g} to {high:+,.4g}"
