"""`marketsim sweep`: how the policies' numbers move with one or two settings."""

from __future__ import annotations

import pathlib
from typing import Any

import click

from marketsim.cli import console, options


@click.command("sweep")
@options.studied
@options.over
@options.metric
@click.option(
    "--points", "count", type=click.IntRange(2, 10_000), default=5, show_default=True, help="Values a setting."
)
@click.option("--how", type=click.Choice(["grid", "lhs", "sobol"]), default="grid", show_default=True)
@click.option("--csv", "file", type=click.Path(path_type=pathlib.Path), help="Write all figures to this file, too.")
def command(
    scenario: pathlib.Path,
    replications: int | None,
    seed: int | None,
    workers: int | None,
    policies: tuple[str, ...],
    edits: tuple[str, ...],
    as_json: bool,
    quiet: bool,
    over: tuple[str, ...],
    metric: str | None,
    count: int,
    how: str,
    file: pathlib.Path | None,
) -> None:
    """Run a scenario at many values of some settings."""
    from marketsim.cli.studying import asked, metric_of, number, settings_of
    from marketsim.experiment import folder
    from marketsim.experiment.sweep import sweep

    settings, wanted = settings_of(over)
    with asked(scenario, edits, policies, replications, seed, workers, quiet) as study:
        name = metric_of(study.scenario, metric)
        run: dict[str, Any] = {**study.how, "policies": list(policies) or None}
        swept = sweep(study.scenario, settings, wanted or count, how, **run)
    frame = swept.frame([name])
    if file is not None:
        folder.place(file, folder.frame_text(frame).encode())
    if as_json:
        console.say(frame.to_json(orient="records", force_ascii=False))
        return
    paths = [one.path for one in swept.settings]
    rows = []
    for point, results in zip(swept.points, swept.results, strict=True):
        best = results.best().order[:1]
        cells = [number(results.cell(policy, name)["mean"]) for policy in results.policies]
        rows.append([*(number(point[path]) for path in paths), *cells, best[0] if best else "-"])
    names = [*paths, *swept.results[0].policies, "best"]
    console.say(f"Means of {name}")
    console.table(names, rows, numbers=range(len(paths), len(names) - 1))
