"""`marketsim run`: the policies of a scenario, over many replications, compared."""

from __future__ import annotations

import json
import pathlib
import re
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from marketsim.cli import console, idle, interrupts, options, pictures

if TYPE_CHECKING:
    from marketsim.cli.gates import Gate
    from marketsim.experiment.results import Results
    from marketsim.experiment.study import Plan, Progress

MOST_UNTIL = 1_000  # replications of `--until` where neither -n nor the scenario says
_WIDTH = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*(%)?\s*")
_asked = options.several(
    options.scenario,
    options.replications,
    options.until,
    options.seed,
    options.workers,
    options.cluster,
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
    options.lang,
    options.as_json,
    options.quiet,
    click.option("--resume", "begin", flag_value="resume", help="Go on with what the results folder holds (default)."),
    click.option("--fresh", "begin", flag_value="fresh", help="Begin anew, even in a folder of another run."),
    click.option("--force", is_flag=True, help="Take rows that another version of marketsim or a library wrote."),
    click.option("--antithetic", is_flag=True, help="Throw in mirrored pairs; fewer replications for some means."),
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
    until: str | None,
    seed: int | None,
    workers: int | None,
    cluster: str | None,
    policies: tuple[str, ...],
    policy_files: tuple[pathlib.Path, ...],
    edits: tuple[str, ...],
    out: pathlib.Path | None,
    lang: str,
    as_json: bool,
    quiet: bool,
    begin: str | None,
    force: bool,
    antithetic: bool,
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

    idle.refuse_workers(cluster)
    if begin == "fresh":
        idle.refuse("with --fresh, which takes no rows", "force")
    if as_json and plain:
        idle.refuse("with --json and --no-pictures", "lang")
    found, _ = checked(scenario, edits, quiet, seed)
    conditions = _gates(gates)
    plan = replications if until is None else plan_of(until, replications, found)
    own = {policy.name: policy for policy in map(FilePolicy, policy_files)}
    wanted: Any = [own.pop(name, name) for name in policies] + list(own.values())
    if policy_files and not policies:
        wanted = [*build.policies_of(found), *wanted]
    chosen(found, wanted or None)
    given = files.read_text(scenario)
    folder = out if out is not None else pathlib.Path("results") / found.slug
    with progress(quiet) as report:
        results = run_study(
            found,
            wanted or None,
            replications=plan,
            seed=seed,
            workers=workers,
            out=folder,
            given=given,
            cluster=cluster,
            progress=report,
            fresh=begin == "fresh",
            force=force,
            antithetic=antithetic,
        )
    if not plain:
        pictures.add(results, folder, lang, scenario=found)
    again = [str(scenario), *(word for edit in edits for word in ("--set", edit))]
    again += [word for path in policy_files for word in ("--policy-file", str(path))]
    again += ["--antithetic"] * antithetic
    return told(results, found, folder, as_json, quiet, conditions, again, lang)


def plan_of(text: str, at_most: int | None, found: Any) -> Plan:
    """`total_cost_usd=2%` or `total_cost_usd:cloud-only=5000` as a plan. Raises InputError."""
    from marketsim import metrics
    from marketsim.errors import Fault, InputError, nearest
    from marketsim.experiment.statistics.stopping import Until
    from marketsim.experiment.study import Plan

    name, _, width = text.partition("=")
    metric, _, to = (part.strip() for part in name.partition(":"))
    if metrics.describe(metric) is None:
        raise InputError(
            Fault("no metric has this name", key="--until", got=metric, hint=nearest(metric, metrics.KINDS))
        )
    read = _WIDTH.fullmatch(width)
    number = float(read[1]) if read else 0.0
    share = read is not None and read[2] is not None
    if not number > 0 or (share and number >= 100):
        form = "METRIC=WIDTH, the width a number above 0 or a percentage below 100%"
        raise InputError(Fault("cannot be read as a width", key="--until", got=text, allowed=form))
    confidence = found.experiment.confidence
    stop = Until(number / 100, None, confidence) if share else Until(None, number, confidence)
    usual = getattr(found.experiment.replications, "at_most", MOST_UNTIL)
    return Plan(usual if at_most is None else at_most, stop, metric, to or None)


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
    again: Sequence[str],
    lang: str = "en",
) -> int:
    """Print the answer, then what went wrong; the exit code. again: the words of `marketsim run` that repeat it."""
    from marketsim.cli import summary

    for warning in results.warnings:
        console.note(f"warning: {warning}", quiet)
    if as_json:
        console.say(json.dumps(results.to_json(), ensure_ascii=False, allow_nan=False, sort_keys=False))
    elif results.nothing_ran:
        console.sentence(f"No replication ran to its end: all {len(results.failures)} failed, nothing is compared.")
    else:
        summary.show(results, found.finance.display, lang)
        if found.verdict is not None:
            console.sentence(f"Model {found.verdict}.")
        where = [f"Tables: {folder}/summary.csv"]
        where += [f"{what}: {folder / name}" for what, name in pictures.written(folder, lang)]
        console.say("\n".join(where))
    for line in failures(results, again):
        click.echo(line, err=True)
    code = results.exit_code
    for condition in conditions:
        if results.nothing_ran:
            click.echo(f"gate not judged: {condition.text}: no replication ran to its end", err=True)
            continue
        for line in condition.broken(results):
            click.echo(f"gate broken: {line}", err=True)
            code = code or 1
    return code


def failures(results: Results, again: Sequence[str], most: int = 20) -> list[str]:
    """A line for each replication that failed, with the command that repeats it; at most 20."""
    from marketsim.errors import printable

    seed = results.stamp.get("seed", 0)
    lines = []
    for one in results.failures[:most]:
        count = one.replication + 1 + (results.antithetic and one.replication % 2 == 0)
        words = ["marketsim", "run", *again, "-n", str(count), "--seed", str(seed), "-j", "1", "--policy", one.policy]
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
            bar.update(task, completed=state.done, total=state.total, description=wording(state))

        yield report


def wording(state: Progress) -> str:
    """What stands before the bar: failures, and how wide the watched interval still is beside what is wanted."""
    words = "runs" if not state.failed else f"runs, {state.failed} failed"
    if state.metric is None:
        return words
    if state.half_width is None or state.target is None:
        return f"{words}, {state.metric} ±?"
    width, wanted = (amount(value, state.metric) for value in (state.half_width, state.target))
    return f"{words}, {state.metric} ±{width}, wanted ±{wanted}"


def amount(value: float, metric: str) -> str:
    """A width in three figures: money with its letter, shares in percent, all else as it is."""
    from marketsim.i18n.locale import ENGLISH

    if metric.endswith("_usd"):
        return f"{ENGLISH.compact(value)} USD"
    return f"{100 * value:.2g}%" if metric.endswith("_share") or metric == "utilization" else f"{value:.3g}"
