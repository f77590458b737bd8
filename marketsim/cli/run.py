"""`marketsim run`: the policies of a scenario, over many replications, compared."""

from __future__ import annotations

import json
import pathlib
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from marketsim.cli import console, interrupts, options, pictures

if TYPE_CHECKING:
    from marketsim.cli.gates import Gate
    from marketsim.experiment.results import Results
    from marketsim.experiment.study import Progress

_asked = options.several(
    options.scenario,
    options.replications,
    options.seed,
    options.workers,
    click.option("--cluster", metavar="local|ADDRESS", help="Run on a Dask cluster instead of processes."),
    options.policy,
    click.option(
        "--policy-file",
        "policy_files",
        multiple=True,
        type=click.Path(path_type=pathlib.Path),
        help="A policy of your own in Python; may be repeated.",
    ),
    options.edits,
    options.out,
    options.as_json,
    options.quiet,
    click.option("--resume", "begin", flag_value="resume", help="Go on with what the results folder holds (default)."),
    click.option("--fresh", "begin", flag_value="fresh", help="Begin anew, even in a folder of another run."),
    click.option("--no-pictures", "plain", is_flag=True, help="Tables only, no figures and no report."),
    click.option(
        "--fail-if",
        "gates",
        multiple=True,
        metavar="CONDITION",
        help="End with 1 if a mean does, as missed_deadline_share>0.05.",
    ),
)


@click.command("run")
@_asked
def command(
    scenario: pathlib.Path,
    replications: int | None,
    seed: int | None,
    workers: int | None,
    cluster: str | None,
    policies: tuple[str, ...],
    policy_files: tuple[pathlib.Path, ...],
    edits: tuple[str, ...],
    out: pathlib.Path | None,
    as_json: bool,
    quiet: bool,
    begin: str | None,
    plain: bool,
    gates: tuple[str, ...],
) -> int:
    """Run a scenario's policies and compare them.


    Results go into a folder (results/NAME), which an interrupted run goes on with.
    """
    from marketsim import build, files
    from marketsim.cli.reading import checked
    from marketsim.experiment.study import chosen, run_study
    from marketsim.policy_file import FilePolicy

    found, _ = checked(scenario, edits, quiet, seed)
    conditions = _gates(gates)
    wanted: Any = [*policies, *(FilePolicy(path) for path in policy_files)]
    if policy_files and not policies:
        wanted = [*build.policies_of(found), *wanted]
    chosen(found, wanted or None)
    given = files.read_text(scenario)
    folder = out if out is not None else pathlib.Path("results") / found.slug
    with progress(quiet) as report:
        results = run_study(
            found,
            wanted or None,
            replications=replications,
            seed=seed,
            workers=workers,
            out=folder,
            given=given,
            cluster=cluster,
            progress=report,
            fresh=begin == "fresh",
        )
    if not plain:
        pictures.add(results, folder)
    return told(results, found, folder, as_json, quiet, conditions, scenario, edits)


def _gates(texts: tuple[str, ...]) -> list[Gate]:
    """Conditions of `--fail-if`, their metrics known before anything runs."""
    from marketsim import metrics
    from marketsim.cli.gates import gate
    from marketsim.errors import Fault, InputError, nearest

    conditions = [gate(text) for text in texts]
    for one in conditions:
        if metrics.describe(one.metric) is None:
            hint = nearest(one.metric, metrics.KINDS)
            raise InputError(Fault("no metric has this name", key="--fail-if", got=one.metric, hint=hint))
    return conditions


def told(
    results: Results,
    found: Any,
    folder: pathlib.Path,
    as_json: bool,
    quiet: bool,
    conditions: Sequence[Gate],
    file: pathlib.Path,
    edits: tuple[str, ...],
) -> int:
    """Print the answer, then what went wrong; the exit code."""
    from marketsim.cli import summary

    for warning in results.warnings:
        console.note(f"warning: {warning}", quiet)
    if as_json:
        console.say(json.dumps(results.to_json(), ensure_ascii=False, allow_nan=False, sort_keys=False))
    else:
        summary.show(results, found.finance.display)
        if found.verdict is not None:
            console.sentence(f"Model {found.verdict}.")
        where = [f"Tables: {folder}/summary.csv"]
        where += [f"{what}: {folder / name}" for what, name in pictures.written(folder)]
        console.say("\n".join(where))
    for line in failures(results, file, edits):
        click.echo(line, err=True)
    code = results.exit_code
    for condition in conditions:
        for line in condition.broken(results):
            click.echo(f"gate broken: {line}", err=True)
            code = code or 1
    return code


def failures(results: Results, file: pathlib.Path, edits: tuple[str, ...], most: int = 20) -> list[str]:
    """A line for each replication that failed, with the command that repeats it; at most 20."""
    from marketsim.errors import printable

    seed = results.stamp.get("seed", 0)
    lines = []
    for one in results.failures[:most]:
        words = ["marketsim", "run", str(file), "-n", str(one.replication + 1), "--seed", str(seed), "-j", "1"]
        words += ["--policy", one.policy, *(word for edit in edits for word in ("--set", edit))]
        what = printable(" ".join(str(one.error or "failed").split()))
        which = f"replication {one.replication} of policy {one.policy}"
        lines.append(f"error: {which} failed: {what}; to repeat: {shlex.join(words)}")
    if len(results.failures) > most:
        lines[-1] = f"error: and {len(results.failures) - most + 1} more replications failed"
    return lines


@contextmanager
def progress(quiet: bool) -> Iterator[Callable[[Progress], None]]:
    """A bar on stderr while a study runs; none where stderr is no terminal. Interruptions get through either way."""
    if quiet or not sys.stderr.isatty():
        yield lambda _: interrupts.again()
        return
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bar(*columns, console=console.on_stderr(), transient=True) as bar:
        task = bar.add_task("runs", total=None)

        def report(state: Progress) -> None:
            interrupts.again()
            words = "runs" if not state.failed else f"runs, {state.failed} failed"
            bar.update(task, completed=state.done, total=state.total, description=words)

        yield report
