"""A report before it is a page, a deck or a book: the answer, the table, the charts, what is assumed and not known.

Every format is written from the same `Document`, so their numbers cannot differ.
"""

from __future__ import annotations

import pathlib
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from marketsim import charts
from marketsim.charts import ranked
from marketsim.charts.chart import Chart, Figures, NothingToDraw
from marketsim.charts.chart import rows as records
from marketsim.errors import InputError
from marketsim.experiment import folder as folders
from marketsim.experiment.results import MAIN, Results
from marketsim.i18n.locale import Locale, Said, locale_of, said
from marketsim.report import assumptions, lever_steps, run_tables, tables
from marketsim.report.grid import Grid

if TYPE_CHECKING:
    import pandas as pd

    from marketsim.scenario import Scenario

GRID = "grid.json"
NOT_VALIDATED = said("report.validation.none")


@dataclass(frozen=True)
class Drawn:
    """A chart with its figures."""

    chart: Chart
    figures: Figures


@dataclass(frozen=True)
class Document:
    """What a report says. Sentences are `Said` or plain text; `locale` puts them into words.

    doubt: the chance of the answer being wrong; flip: the change that would turn it. rows: the table of policies.
    """

    name: str
    description: str
    locale: Locale
    answer: Said
    doubt: Said
    flip: Said
    rows: tuple[dict[str, Any], ...]
    metrics: tuple[str, ...]
    drawn: tuple[Drawn, ...]
    assumed: tuple[assumptions.Assumption, ...]
    limits: tuple[Said | str, ...]
    stamp: Mapping[str, str]
    command: str
    results: Results
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    grid: Grid | None = None
    validation: Said | str = NOT_VALIDATED

    def say(self, sentence: Said | str) -> str:
        """A sentence in the document's language."""
        return self.locale.say(sentence)

    @property
    def rate(self) -> str:
        """At which rate sums are shown, where that is not USD; empty otherwise."""
        here = self.locale
        if here.currency == "USD":
            return ""
        source, date = here.source or "–", here.as_of or "–"
        return here.text("report.currency", currency=here.currency, rate=f"{here.per_usd:g}", date=date, source=source)

    @property
    def own_notes(self) -> str:
        """What a reader of another language than English is told of notes that are not translated; else empty."""
        return "" if self.locale.lang == "en" else self.locale.text("report.assumed.own")

    @property
    def stamp_line(self) -> str:
        """One line that says which run this is."""
        return " · ".join([self.name, *self.stamp.values()])


def of(
    source: Results | str | pathlib.Path,
    lang: str | Locale = "en",
    scenario: Scenario | None = None,
    more: Mapping[str, pd.DataFrame] | None = None,
    grid: Grid | None = None,
    example: bool = True,
    validation: Said | str | None = None,
    pictures: bool = True,
) -> Document:
    """The document of results or of a results folder, whose scenario and grid it then takes.

    more: further tables for charts (`bound`, `breakeven`, ...). example: whether one replication of the best policy is
    run again for the charts of a single run. validation: the verdict of a comparison with what really happened; the
    scenario's own where not given.
    pictures: whether charts are worked out.
    """
    given = (folders.read(source) if not isinstance(source, Results) else source).of_those_that_ran()
    where = None if isinstance(source, Results) else pathlib.Path(source)
    notes: list[Said | str] = []
    if where is not None:
        scenario = scenario or _scenario_of(where, notes)
        grid = grid or _grid_of(where, given, notes)
        steps = lever_steps.read(where / lever_steps.FILE, given.stamp.get("hash"))
        more = more if steps is None else {"levers": steps, **(more or {})}
    locale = locale_of(lang, scenario.finance.display if scenario is not None else None)
    made = tables.merged(tables.of_results(given), tables.of_scenario(scenario) if scenario is not None else None, more)
    if scenario is not None:
        made["replications"].attrs["start"] = scenario.start.strftime("%Y-%m-%dT%H:%M:%SZ")
    ranking = made["ranking"]
    if example and scenario is not None:
        made = tables.merged(run_tables.of_example(scenario, given, str(ranking["policy"].iloc[0]), notes), made)
    if grid is not None:
        swings = grid.swings()
        made = tables.merged(made, {"whatif": grid.frame()}, None if swings is None else {"tornado": swings})
    metrics = tuple(name for name in MAIN if name in given.metrics)
    return Document(
        name=given.name,
        description=scenario.description if scenario is not None else "",
        locale=locale,
        answer=ranked.message(ranking),
        doubt=_doubt(ranking),
        flip=_flip(grid, ranking),
        rows=tuple(_rows(given, ranking, metrics)),
        metrics=metrics,
        drawn=tuple(drawn(made)) if pictures else (),
        assumed=assumptions.of(scenario, locale) if scenario is not None else (),
        limits=(*_limits(given), *notes),
        stamp=_stamp(given),
        command=_command(given, where),
        results=given,
        tables=made,
        grid=grid,
        validation=validation or (scenario.verdict if scenario is not None else None) or NOT_VALIDATED,
    )


def suffix(locale: Locale) -> str:
    """What a file's name says of its language: nothing for English, `.zh` for Chinese."""
    return "" if locale.lang == "en" else f".{locale.lang}"


def place_of(
    results: Results | str | pathlib.Path, out: str | pathlib.Path | None, locale: Locale, ending: str
) -> pathlib.Path:
    """Where a report goes: `out`, or `report.ENDING` in the results folder, or here."""
    if out is not None:
        return pathlib.Path(out)
    base = pathlib.Path(".") if isinstance(results, Results) else pathlib.Path(results)
    return base / f"report{suffix(locale)}.{ending}"


def save(
    results: Results | str | pathlib.Path,
    out: str | pathlib.Path | None,
    lang: str | Locale,
    ending: str,
    content: Callable[[Document], bytes],
    **more: Any,
) -> pathlib.Path:
    """Make the document, have `content` turn it into bytes, and put them where the report goes; `more` is for `of`."""
    made = of(results, lang, **more)
    path = place_of(results, out, made.locale, ending)
    folders.place(path, content(made))
    return path


def drawn(made: Mapping[str, pd.DataFrame], names: Sequence[str] | None = None) -> list[Drawn]:
    """All charts whose tables are there and that have something to show, in the order of the table of charts."""
    out = []
    for name in names or charts.KINDS:
        chart = charts.KINDS[name]
        if not chart.fits(made):
            continue
        try:
            out.append(Drawn(chart, chart.figures(made)))
        except NothingToDraw:
            continue
    return out


def _scenario_of(where: pathlib.Path, notes: list[Said | str]) -> Scenario | None:
    from marketsim.scenario import load

    for name in ("resolved.yaml", "scenario.yaml"):
        if (where / name).is_file():
            try:
                return load(where / name)
            except InputError as error:
                notes.append(said("report.limit.scenario", why=error.lines()[0]))
                return None
    return None


def _grid_of(where: pathlib.Path, given: Results, notes: list[Said | str]) -> Grid | None:
    """The grid beside results; left out, and said so, where it was made for other results."""
    found = Grid.read(where / GRID)
    if found is None or found.run in ("", given.stamp.get("hash")):
        return found
    notes.append(said("report.limit.grid"))
    return None


def _doubt(ranking: pd.DataFrame) -> Said:
    wrong = tables.wrong(ranking)
    if ranked.first(ranking) is None:
        return said("answer.doubt.unranked")
    if (ranking["place"] > 0).sum() == 1:
        return said("answer.doubt.alone")
    if wrong is None:
        return said("answer.doubt.unknown")
    return said("answer.doubt", chance=wrong, n=int(ranking["n"].max()))


def _flip(grid: Grid | None, ranking: pd.DataFrame) -> Said:
    if grid is None or ranked.first(ranking) is None:
        return said("answer.flip.unknown")
    found = grid.flip()
    if found is None:
        return said("answer.flip.never", settings=[axis.label for axis in grid.axes])
    axis, text, other = found
    return said("answer.flip", setting=axis.label, base=axis.texts[axis.base], value=text, policy=other)


def _rows(results: Results, ranking: pd.DataFrame, metrics: Sequence[str]) -> list[dict[str, Any]]:
    """A row a policy: its cells by metric, the verdict on it, and whether it is the best, beside it, or out."""
    rows = []
    for one in records(ranking):
        policy = str(one["policy"])
        rows.append(
            {
                "policy": policy,
                "cells": {metric: results.cell(policy, metric) for metric in metrics},
                "verdict": _verdict(one),
                "state": _state(one),
                "diff": one,
            }
        )
    return rows


def _state(one: Mapping[str, Any]) -> str:
    if one["why"]:
        return "out"
    if one["place"] == 1:
        return "best"
    if one["metric"] == "":
        return "front" if one["front"] else "beaten"
    return "unclear" if one["group"] == 1 else "worse"


def _verdict(one: Mapping[str, Any]) -> Said:
    state = _state(one)
    if state == "out":
        return said("verdict.out", why=one["why"])
    if state == "worse":
        metric = str(one["metric"])
        return said("verdict.worse", more=ranked.measured(metric, abs(float(one["diff"]))))
    return said(f"verdict.{state}")


def _limits(results: Results) -> list[Said | str]:
    n = int(results.stamp.get("replications", 0))
    out: list[Said | str] = [said("report.limit.inputs"), said("report.limit.model"), said("report.limit.n", n=n)]
    if results.failures or results.stamp.get("failed"):
        out.append(said("report.limit.failed", n=len(results.failures) or len(results.stamp.get("failed", ()))))
    return [*out, *results.warnings]


def _stamp(results: Results) -> dict[str, str]:
    stamp = results.stamp
    versions = stamp.get("versions") or stamp.get("marketsim") or {}
    version = versions.get("marketsim", "") if isinstance(versions, Mapping) else str(versions)
    out = {"version": f"marketsim {version}".strip()}
    if "seed" in stamp:
        out["seed"] = f"seed {stamp['seed']}"
    out["n"] = f"n = {stamp.get('replications', 0)}"
    if "hash" in stamp:
        out["run"] = f"run {str(stamp['hash'])[:12]}"
    return out


def _command(results: Results, where: pathlib.Path | None) -> str:
    """What remakes the numbers and the report, to be pasted into a shell."""
    stamp = results.stamp
    file = "scenario.yaml"
    run = ["marketsim", "run", file, "-n", str(stamp.get("replications", 1)), "--seed", str(stamp.get("seed", 1))]
    out = where.name if where is not None else "results"
    return f"{shlex.join([*run, '--out', out])} && {shlex.join(['marketsim', 'report', out])}"
