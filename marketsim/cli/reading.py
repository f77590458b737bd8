"""A scenario from a command's arguments: read, thrown once so that its data files are checked too, warned of."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from marketsim.cli import console

if TYPE_CHECKING:
    from marketsim.billing.bill import Bill
    from marketsim.errors import Fault
    from marketsim.scenario import Scenario
    from marketsim.world import World


def checked(
    path: str | os.PathLike[str], edits: Iterable[str], quiet: bool, seed: int | None = None
) -> tuple[Scenario, World]:
    """The scenario of a file and its first world, after everything that can be told beforehand has been told.

    Warnings go to stderr. Raises InputError with all faults that were found.
    """
    from marketsim import build, faults, feasibility, scenario
    from marketsim.errors import InputError

    found, document = scenario.read(path, edits)
    with faults.in_file(document):
        world = build.build(found, 0, seed)
        wrong = feasibility.impossible(found, world) + unbound(found, world)
        if wrong:
            raise InputError(wrong)
    for doubt in feasibility.doubts(found, world):
        console.note(f"warning: {faults.placed(doubt, document)}", quiet)
    return found, world


def unbound(scenario: Scenario, world: World) -> list[Fault]:
    """Faults of rules that cannot be bound to what the scenario has, such as a layer that cannot be signed for."""
    from marketsim import build
    from marketsim.engine.setup import make_setup
    from marketsim.errors import InputError

    setup = replace(make_setup(world), true_work=world.jobs.work.tolist())
    found = []
    for name in scenario.policies:
        policy = build.policy_of(scenario, name)
        for rule in (policy.queue, policy.placement, policy.procurement):
            try:
                if rule is not None:
                    rule.bind(setup)
            except InputError as error:
                path = f"policies.{name}"
                found += [replace(fault, key=f"{path}.{fault.key}" if fault.key else path) for fault in error.faults]
    return found


def scenario_of(results: pathlib.Path, data: pathlib.Path | None) -> Scenario:
    """The scenario of a results folder as it was run, edits included. data: where its data files are."""
    from marketsim import files, scenario

    kept = results / "resolved.yaml"
    return scenario.loads(files.read_text(kept), data or results, str(kept))


def present(path: pathlib.Path) -> None:
    """Raise InputError unless the path is that of a regular file."""
    from marketsim.errors import Fault, InputError

    if not path.is_file():
        what = "a directory, where a file is wanted" if path.is_dir() else "no such file"
        raise InputError(Fault("not a regular file" if path.exists() and not path.is_dir() else what, file=str(path)))


def bill_of(paths: Sequence[pathlib.Path]) -> Bill:
    """The bill in one file or several. Raises InputError for one that is not there, or that is none."""
    from marketsim.billing import bill as bills
    from marketsim.errors import Fault, InputError
    from marketsim.importers import detect

    for path in paths:
        present(path)
    read = [detect.read_bill(path).bill for path in paths]
    months = [month for one in read for month in one.months]
    twice = sorted({month for month in months if months.count(month) > 1})
    providers = [{line.provider for line in one.lines} for one in read]
    shared = set.union(*providers) if len(read) < 2 else set.intersection(*providers)
    if len(read) > 1 and twice and shared:
        what = f"overlapping periods: two of the bills are of {twice[0]} and of {sorted(shared)[0]}"
        raise InputError(Fault(what, file=", ".join(path.name for path in paths)))
    return bills.merged(read) if len(read) > 1 else read[0]
