"""What the commands over many studies share: the scenario, the runner, a bar, the metric, a number in words."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from marketsim.cli import console, options
from marketsim.cli import run as running

if TYPE_CHECKING:
    from marketsim.experiment.points import Setting
    from marketsim.scenario import Scenario

FEW = 10  # replications a point, where none are asked for


@dataclass(frozen=True)
class Asked:
    """A checked scenario and how it is to be run: what `run_points` takes as keywords is in `how`."""

    scenario: Scenario
    how: dict[str, Any]


@contextmanager
def asked(
    path: pathlib.Path,
    edits: tuple[str, ...],
    policies: tuple[str, ...],
    replications: int | None,
    seed: int | None,
    workers: int | None,
    quiet: bool,
) -> Iterator[Asked]:
    """The scenario of a command over many points, its warnings told, its runner open while the command works."""
    from marketsim.cli.reading import checked
    from marketsim.experiment import runners
    from marketsim.experiment.study import chosen, replayed
    from marketsim.experiment.task import ScenarioTask

    found, _ = checked(path, edits, quiet, seed)
    chosen(found, list(policies) or None)
    for warning in replayed(ScenarioTask(found, found.seed if seed is None else seed), replications or FEW):
        console.note(f"warning: {warning}", quiet)
    runner = runners.make(workers, click.get_current_context().meta.get(options.CLUSTER))
    try:
        with running.progress(quiet) as bar:
            how = {"replications": replications or FEW, "seed": seed, "runner": runner, "progress": bar}
            yield Asked(found, how)
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


def settings_of(texts: tuple[str, ...]) -> tuple[list[Setting], int | None]:
    """Settings of `--over`, and the count that one of them asks for."""
    from marketsim.experiment import points

    pairs = [points.setting(text) for text in texts]
    counts = [count for _, count in pairs if count is not None]
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
