"""A scenario from a command's arguments: read, thrown once so that its data files are checked too, warned of."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

from marketsim.cli import console

if TYPE_CHECKING:
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
        wrong = feasibility.impossible(found, world)
        if wrong:
            raise InputError(wrong)
    for doubt in feasibility.doubts(found, world):
        console.note(f"warning: {faults.placed(doubt, document)}", quiet)
    return found, world
