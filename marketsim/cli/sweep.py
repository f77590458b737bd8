"""`marketsim sweep`: how the policies' numbers move with one or two settings."""

from __future__ import annotations

import contextlib
import itertools
import pathlib
from typing import TYPE_CHECKING

import click

from marketsim.cli import console, options

if TYPE_CHECKING:
    from marketsim.experiment.results import Results
    from marketsim.experiment.sweep import Sweep


@click.command("sweep")
@options.studied
@options.over
@options.metric
@options.until
@click.option(
    "--points", "count", type=click.IntRange(2, 10_000), default=5, show_default=True, help="Values a setting."
)
@click.option("--how", type=click.Choice(["grid", "lhs", "sobol"]), default="grid", show_default=True)
@click.option("--csv", "file", type=click.Path(path_type=pathlib.Path), help="Write all figures to this file, too.")
def command(
    given: options.Given,
    over: tuple[str, ...],
    metric: str | None,
    until: str | None,
    count: int,
    how: str,
    file: pathlib.Path | None,
) -> None:
    """Run a scenario at many values of some settings.

    10 replications of each point without -n. The scenario's own rule for stopping is `run`'s; here --until asks for
    one, and all points stop together.
    """
    from marketsim.cli.studying import asked, metric_of, number, settings_of
    from marketsim.experiment import folder
    from marketsim.experiment.sweep import sweep

    settings, wanted = settings_of(over, "count", how == "grid")
    with asked(given, until) as study:
        name = metric_of(study.scenario, metric)
        swept = sweep(study.scenario, settings, wanted or count, how, **study.run)
    frame = swept.frame([name])
    if file is not None:
        folder.place(file, folder.frame_text(frame).encode())
    if given.as_json:
        console.say(frame.to_json(orient="records", force_ascii=False))
        return
    paths = [one.path for one in swept.settings]
    rows = []
    for point, results in zip(swept.points, swept.results, strict=True):
        best = results.best().order[:1]
        cells = [_mean(results, policy, name) for policy in results.policies]
        rows.append([*(number(point[path]) for path in paths), *cells, best[0] if best else "-"])
    names = [*paths, *swept.results[0].policies, "best"]
    console.say(f"Means of {name}")
    console.table(names, rows, numbers=range(len(paths), len(names) - 1))
    n, share = swept.results[0].stamp["replications"], f"{100 * swept.results[0].confidence:g} %"
    console.sentence(f"± half of the {share} interval of the mean of {n} replications; not the spread of outcomes.")
    for line in _break_evens(swept, name) if how == "grid" else ():
        console.sentence(line)


def _mean(results: Results, policy: str, metric: str) -> str:
    from marketsim.cli.studying import number

    half = results.half(policy, metric)
    return number(results.cell(policy, metric)["mean"]) + ("" if half is None else f" ±{number(half)}")


def _break_evens(swept: Sweep, metric: str) -> list[str]:
    """A line for each place where two policies change places along the first setting, if that is of numbers."""
    from marketsim.cli.studying import number
    from marketsim.errors import InputError
    from marketsim.experiment.sweep import break_evens

    lines, found = [], []
    for pair in itertools.combinations(swept.results[0].policies, 2):
        with contextlib.suppress(InputError):  # a list of words has no place between two of them; nor has nothing
            found += break_evens(swept, metric, *pair)
    for one in found:
        low = "the lower end" if one.low is None else number(one.low)
        high = "the upper end" if one.high is None else number(one.high)
        fixed = "".join(f", {path}={number(value)}" for path, value in one.fixed.items())
        at = f"{one.first} and {one.second} break even at {one.setting} = {number(one.at)}"
        lines.append(f"{at}{fixed} (within the error anywhere from {low} to {high}).")
    return lines
