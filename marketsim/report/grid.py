"""What-ifs worked out beforehand: every combination of a few settings, so that a page can answer without a program.

A grid is made by a sweep over settings; each cell keeps the means that a reader asks for, and which policy is best
there. Sliders move over it; what lies between its points is not guessed.
"""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from marketsim.charts import ranked
from marketsim.errors import Fault, InputError
from marketsim.experiment.results import Results
from marketsim.i18n.locale import Said

if TYPE_CHECKING:
    import pandas as pd

    from marketsim.report.knobs import Slider
    from marketsim.scenario import Scenario

METRICS = ("total_cost_usd", "total_with_penalties_usd", "missed_deadline_share", "unserved_share", "utilization")
SCHEMA = 1
MOST_CELLS = 1_000
Place = tuple[int, ...]


@dataclass(frozen=True)
class Axis:
    """A setting by dotted path, the values it takes, as they are shown, and which of them the scenario has."""

    path: str
    values: tuple[Any, ...]
    base: int

    @property
    def label(self) -> Said:
        """What it is called beside its slider."""
        return ranked.setting(self.path)

    @property
    def texts(self) -> tuple[str, ...]:
        """The values as they are shown."""
        return tuple(f"{value:g}" if isinstance(value, float) else str(value) for value in self.values)


@dataclass(frozen=True)
class Cell:
    """One combination: means by policy and metric, policies in order, and whether the first is told apart."""

    means: Mapping[str, Mapping[str, float | None]]
    order: tuple[str, ...]
    clear: bool


@dataclass(frozen=True)
class Grid:
    """All combinations of the axes, by place along each; n: replications of each cell.

    run: the hash of the results that it goes with, empty where it goes with any.
    """

    axes: tuple[Axis, ...]
    cells: Mapping[Place, Cell]
    metric: str
    n: int
    run: str = ""

    @property
    def base(self) -> Place:
        """The cell that is the scenario as it stands."""
        return tuple(axis.base for axis in self.axes)

    def flip(self) -> tuple[Axis, str, str] | None:
        """The nearest change of one setting alone that makes another policy the best; None where none does.

        Nearest is the fewest steps of a slider; of equals, the earlier axis and the change downwards.
        """
        here = self.cells[self.base].order[:1]
        found: list[tuple[int, int, int, Axis, str, str]] = []
        for number, axis in enumerate(self.axes):
            for place in range(len(axis.values)):
                cell = self.cells[(*self.base[:number], place, *self.base[number + 1 :])]
                if cell.order and here and cell.order[0] != here[0]:
                    steps = abs(place - axis.base)
                    found.append((steps, number, place, axis, axis.texts[place], cell.order[0]))
        if not found:
            return None
        return min(found, key=lambda one: one[:3])[3:]

    def frame(self) -> pd.DataFrame:
        """A row a cell and policy: the settings, means of the metrics, place, and whether the first is told apart."""
        import pandas as pd

        rows = []
        for place, cell in self.cells.items():
            settings = {axis.path: axis.values[at] for axis, at in zip(self.axes, place, strict=True)}
            for policy, means in cell.means.items():
                rank = cell.order.index(policy) + 1 if policy in cell.order else None
                rows.append(
                    {
                        **settings,
                        "policy": policy,
                        **means,
                        "place": rank,
                        "clear": cell.clear,
                        "base": place == self.base,
                    }
                )
        frame = pd.DataFrame(rows)
        frame.attrs["settings"] = [axis.path for axis in self.axes]
        frame.attrs["metric"] = self.metric
        return frame

    def swings(self) -> pd.DataFrame | None:
        """A row a setting: what its ends alone change of the objective of the best policy.

        None for one setting alone, and where the objective is undefined at an end.

        setting, low, high (as text), at_low, at_high, metric, policy: as the tornado takes it.
        """
        import pandas as pd

        here = self.cells[self.base]
        if len(self.axes) < 2 or not here.order or not self.metric:
            return None
        policy = here.order[0]

        def at(number: int, place: int) -> float | None:
            cell = self.cells[(*self.base[:number], place, *self.base[number + 1 :])]
            there, own = cell.means[policy].get(self.metric), here.means[policy].get(self.metric)
            return None if there is None or own is None else float(there) - float(own)

        rows = [
            {"setting": axis.path, "low": axis.texts[0], "high": axis.texts[-1], "at_low": at(number, 0),
             "at_high": at(number, len(axis.values) - 1), "metric": self.metric, "policy": policy}
            for number, axis in enumerate(self.axes)
        ]  # fmt: skip
        if any(row[end] is None for row in rows for end in ("at_low", "at_high")):
            return None
        return pd.DataFrame(rows)

    def to_json(self) -> dict[str, Any]:
        """Plain data that `of_json` reads back."""
        return {
            "schema_version": SCHEMA,
            "metric": self.metric,
            "n": self.n,
            "run": self.run,
            "axes": [{"path": one.path, "values": list(one.values), "base": one.base} for one in self.axes],
            "cells": [
                {"at": list(place), "means": cell.means, "order": list(cell.order), "clear": cell.clear}
                for place, cell in self.cells.items()
            ],
        }

    @classmethod
    def of_json(cls, data: Mapping[str, Any]) -> Grid:
        """From what `to_json` gave. Raises InputError where it is something else."""
        try:
            if data["schema_version"] != SCHEMA:
                raise ValueError(f"schema_version {data['schema_version']}")
            axes = tuple(Axis(one["path"], tuple(one["values"]), int(one["base"])) for one in data["axes"])
            cells = {
                tuple(one["at"]): Cell(one["means"], tuple(one["order"]), bool(one["clear"])) for one in data["cells"]
            }
            grid = cls(axes, cells, str(data["metric"]), int(data["n"]), str(data.get("run", "")))
            if set(cells) != set(itertools.product(*(range(len(axis.values)) for axis in axes))):
                raise ValueError("cells are missing")
            return grid
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(Fault(f"no grid of what-ifs: {error}")) from None

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Grid | None:
        """The grid of a file, None where there is none. Raises InputError for a file that is something else."""
        try:
            with open(path, encoding="utf-8") as stream:
                return cls.of_json(json.load(stream))
        except FileNotFoundError:
            return None
        except ValueError:
            raise InputError(Fault("no grid of what-ifs", file=str(path))) from None


def make(
    scenario: Scenario,
    sliders: Sequence[Slider],
    replications: int = 5,
    metrics: Sequence[str] = METRICS,
    known: Results | None = None,
    **run: Any,
) -> Grid:
    """Run every combination of the sliders' values.

    known: the results that the grid goes with; what of them is the scenario as it stands is not run again. run:
    policies, seed, runner, progress, as `experiment.points.run_points` takes them. Raises InputError above 1,000
    combinations.
    """
    from marketsim.experiment.points import run_points

    axes = tuple(Axis(one.path, tuple(one.value(at) for at in range(len(one.values))), one.base) for one in sliders)
    places = list(itertools.product(*(range(len(axis.values)) for axis in axes)))
    if len(places) > MOST_CELLS:
        raise InputError(Fault("too many combinations", got=f"{len(places):,}", allowed=f"at most {MOST_CELLS:,}"))
    edits = [
        {
            path: value
            for slider, at in zip(sliders, place, strict=True)
            if at != slider.base
            for path, value in slider.edits(at).items()
        }
        for place in places
    ]
    cells: dict[Place, Results] = {}
    base = tuple(axis.base for axis in axes)
    if known is not None:
        part = _part(known, list(run.get("policies") or scenario.policies), replications)
        cells = {} if part is None else {base: part}
    todo = [(place, edit) for place, edit in zip(places, edits, strict=True) if place not in cells]
    found = run_points(scenario, [edit for _, edit in todo], replications=replications, **run)
    cells |= dict(zip((place for place, _ in todo), found, strict=True))
    run_hash = "" if known is None else str(known.stamp.get("hash", ""))
    return of_results(axes, {place: cells[place] for place in places}, metrics, run_hash)


def _part(known: Results, policies: list[str], replications: int) -> Results | None:
    """The first replications of some policies of a study; None where it does not have them all, or has mirrored ones.

    The other cells of a grid are thrown without mirroring, and all are to meet the same dice.
    """
    wanted = range(replications)
    if known.antithetic:
        return None
    if not all(policy in known.rows and all(one in known.rows[policy] for one in wanted) for policy in policies):
        return None
    rows = {policy: {one: known.rows[policy][one] for one in wanted} for policy in policies}
    return replace(known, rows=rows, failures=(), stamp={**known.stamp, "replications": replications})


def of_results(
    axes: tuple[Axis, ...], results: Mapping[Place, Results], metrics: Sequence[str] = METRICS, run_hash: str = ""
) -> Grid:
    """The grid of results that were run for each place."""
    cells, ranked_by, n = {}, "", 0
    for place, one in results.items():
        best = one.best()
        shown = [name for name in metrics if name in one.metrics]
        means = {policy: {name: one.cell(policy, name)["mean"] for name in shown} for policy in one.policies}
        cells[place] = Cell(means, best.order, bool(best.clear))
        if place == tuple(axis.base for axis in axes):
            ranked_by = best.metric or ""
            n = int(one.stamp.get("replications", 0)) or len(next(iter(one.rows.values())))
    return Grid(axes, cells, ranked_by, n, run_hash)
