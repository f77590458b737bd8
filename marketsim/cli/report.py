"""`marketsim report`: a results folder as a page, a deck, a book of pages, a workbook, or pictures."""

from __future__ import annotations

import pathlib
from typing import TYPE_CHECKING

import click

from marketsim.cli import console, idle, options, pictures

if TYPE_CHECKING:
    from marketsim.report.knobs import Slider
    from marketsim.scenario import Scenario

FORMATS = ("html", "deck", "pdf", "xlsx", "figures")
FEW = 4  # replications of a cell, where none are asked for


@click.command("report")
@click.argument("results", type=click.Path(path_type=pathlib.Path), metavar="RESULTS")
@click.option("--format", "form", default="html", type=click.Choice(FORMATS), show_default=True)
@options.lang
@click.option("--out", type=click.Path(path_type=pathlib.Path), help="The file; in RESULTS where not given.")
@click.option("--sliders", is_flag=True, help="Run what-ifs for sliders: the two settings that tell most.")
@click.option(
    "--over",
    "over",
    multiple=True,
    metavar="KEY=LOW..HIGH|A,B,C",
    help="Run what-ifs for a slider over this setting instead; may be repeated. A median takes its P90 along.",
)
@click.option("-n", "--replications", type=click.IntRange(1, 1_000), help=f"Of each what-if; {FEW} where not given.")
@options.workers
@options.policy
@options.data
@options.quiet
def command(
    results: pathlib.Path,
    form: str,
    lang: str,
    out: pathlib.Path | None,
    sliders: bool,
    over: tuple[str, ...],
    replications: int | None,
    workers: int | None,
    policies: tuple[str, ...],
    data: pathlib.Path | None,
    quiet: bool,
) -> None:
    """Write the report of a results folder into it.

    html is one file that needs nothing else; deck is PowerPoint, xlsx a workbook with the cost model as formulas. What
    was run for sliders is kept in RESULTS, and later reports have it too.
    """
    from marketsim import report
    from marketsim.cli.reading import scenario_of

    if over:
        idle.refuse("with --over, which names the settings", "sliders")
    if not (sliders or over):
        idle.refuse("without --sliders or --over", "replications", "workers", "policies")
    else:
        _what_ifs(results, scenario_of(results, data), over, policies, replications or FEW, workers, quiet)
    more = {} if data is None else {"scenario": scenario_of(results, data)}
    console.say(str(report.write(results, form, out, lang, **more)))


def _what_ifs(
    folder: pathlib.Path,
    found: Scenario,
    over: tuple[str, ...],
    policies: tuple[str, ...],
    replications: int,
    workers: int | None,
    quiet: bool,
) -> None:
    from marketsim.cli import run
    from marketsim.experiment import folder as folders
    from marketsim.experiment import runners
    from marketsim.experiment.study import chosen

    results = folders.read(folder)
    chosen(found, list(policies) or None)
    moved = _given(found, over)
    runner = runners.make(workers)
    try:
        with run.progress(quiet) as bar:
            pictures.add_grid(folder, results, found, moved, policies, replications, runner=runner, progress=bar)
    finally:
        runner.close()


def _given(found: Scenario, over: tuple[str, ...]) -> list[Slider]:
    """The sliders of `--over`."""
    from marketsim.experiment import points
    from marketsim.report import knobs

    pairs = [points.setting(text) for text in over]
    paths = [one.path for one, _ in pairs]
    return [knobs.slider(found, one.path, one.grid(count or 3), paths) for one, count in pairs]
