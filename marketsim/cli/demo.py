"""`marketsim demo`: the shipped startup, run at once, with what to type next."""

from __future__ import annotations

import pathlib

import click

from marketsim.cli import console, options, pictures

REPLICATIONS = 4
POLICIES = (  # of the scenario's: one for each way to get compute, so that a minute is enough
    "cloud-only", "spot-first", "cheapest", "rent-and-burst", "rent-more", "build", "edge-for-serving", "mixed",
)  # fmt: skip
GRID = {"prices_at": (0.5, 1.0, 2.0), "needs_at": (1.0, 1.5)}  # six what-ifs: as many as a minute allows
GRID_REPLICATIONS, GRID_POLICIES = 2, 3


@click.command("demo")
@options.replications
@options.workers
@options.out
@options.lang
@options.quiet
def command(replications: int | None, workers: int | None, out: pathlib.Path | None, lang: str, quiet: bool) -> int:
    """Run a startup that comes with marketsim.

    Four ways to get compute under some of its policies, compared in less than a minute; its report has sliders.
    """
    from marketsim import files, scenario, shipped
    from marketsim.cli import run
    from marketsim.experiment import runners
    from marketsim.experiment.study import run_study
    from marketsim.report import knobs

    path = shipped.path("startup")
    found = scenario.load(path)
    n = replications or REPLICATIONS
    folder = out if out is not None else pathlib.Path("results") / "demo"
    console.note(
        f"{found.name}: {len(POLICIES)} of {len(found.policies)} policies, {n} replications of "
        f"{found.horizon // 86_400} days ...",
        quiet,
    )
    runner = runners.make(workers)
    try:
        with run.progress(quiet) as report:
            results = run_study(
                found, POLICIES, replications=n, out=folder, given=files.read_text(path), progress=report, runner=runner
            )
        console.note("what-ifs for the sliders of its report, and pictures ...", quiet)
        with run.progress(quiet) as report:
            sliders = knobs.telling(found, results, **GRID)
            few, order = min(n, GRID_REPLICATIONS), results.best().order
            pictures.add_grid(
                folder, results, found, sliders, order[:GRID_POLICIES], few, runner=runner, progress=report
            )
        pictures.add(results, folder, lang, runner, found)
    finally:
        runner.close()
    code = run.told(results, found, folder, False, quiet, (), (str(path),), lang)
    console.say("Next: marketsim init my.yaml, change it, and marketsim run my.yaml -n 20")
    return code
