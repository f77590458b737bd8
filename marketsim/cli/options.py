"""The options that several commands share, each said once."""

from __future__ import annotations

import functools
import pathlib
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, TypeVar

import click

Function = TypeVar("Function", bound=Callable[..., Any])


def _shipped(_: click.Context, __: click.Parameter, path: pathlib.Path) -> pathlib.Path:
    from marketsim import shipped

    return shipped.found(path)


_FILE = click.Path(readable=False, path_type=pathlib.Path)
scenario = click.argument("scenario", type=_FILE, callback=_shipped, metavar="SCENARIO")  # a file or a shipped name
scenario_file = click.argument("scenario", type=_FILE, metavar="SCENARIO")  # a file of the user's own, to be changed
edits = click.option(
    "--set", "edits", multiple=True, metavar="KEY=VALUE", help="Change one setting by its dotted path; may be repeated."
)
seed = click.option("--seed", type=click.IntRange(0, 2**63 - 1), help="Seed of all dice, instead of the scenario's.")
replications = click.option(
    "-n", "--replications", type=click.IntRange(1, 100_000), help="How often the dice are thrown."
)
workers = click.option(
    "-j", "--workers", type=click.IntRange(1, 1024), help="Processes to use; all cores where not given."
)
cluster = click.option("--cluster", metavar="local|ADDRESS", help="Run on a Dask cluster instead of processes.")
policy = click.option("--policy", "policies", multiple=True, metavar="NAME", help="Only this policy; may be repeated.")
lang = click.option("--lang", default="en", type=click.Choice(["en", "zh"]), show_default=True, help="Language.")
as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
quiet = click.option("-q", "--quiet", is_flag=True, help="No progress and no notes.")
out = click.option(
    "--out", type=click.Path(path_type=pathlib.Path), help="Results folder; results/NAME where not given."
)


def several(*options: Callable[[Function], Function]) -> Callable[[Function], Function]:
    """One decorator for several options, in their order."""

    def apply(function: Function) -> Function:
        for option in reversed(options):
            function = option(function)
        return function

    return apply


until = click.option(
    "--until",
    metavar="METRIC[:POLICY]=WIDTH",
    help="Stop before -n (1,000) once a mean, or each difference to POLICY, is known within 2% or 5000, say.",
)


@dataclass(frozen=True)
class Given:
    """What every command over studies is given: which scenario, and how it is to be run and told."""

    scenario: pathlib.Path
    replications: int | None
    seed: int | None
    workers: int | None
    cluster: str | None
    policies: tuple[str, ...]
    edits: tuple[str, ...]
    as_json: bool
    quiet: bool


def studied(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options of a command over studies, handed to it as one `Given` before its own."""

    @several(scenario, replications, seed, workers, cluster, policy, edits, as_json, quiet)
    @functools.wraps(function)
    def command(**words: Any) -> Any:
        given = Given(**{part.name: words.pop(part.name) for part in fields(Given)})
        return function(given, **words)

    return command


data = click.option(
    "--data",
    type=click.Path(path_type=pathlib.Path, file_okay=False),
    help="Folder of the scenario's data files, which results do not keep.",
)
OVER = "A setting and its values, as supply.own.pue=1.1..1.6; in a sweep 1.1..1.6:5 takes five; may be repeated."
over = click.option(
    "--over",
    "over",
    multiple=True,
    required=True,
    metavar="KEY=LOW..HIGH|A,B,C",
    help=OVER,
)
PICTURES = (".png", ".svg", ".pdf")


def _drawable(_: click.Context, __: click.Parameter, path: pathlib.Path | None) -> pathlib.Path | None:
    if path is not None and path.suffix.lower() not in PICTURES:
        raise click.BadParameter(f"a picture ends in {', '.join(PICTURES)} (got {path.name})")
    return path


def picture(what: str) -> Callable[[Function], Function]:
    """The option of a command that draws one picture; what: of what it is."""
    return click.option(
        "--picture",
        type=click.Path(path_type=pathlib.Path, dir_okay=False),
        callback=_drawable,
        help=f"Draw {what}: FILE.png, .svg or .pdf.",
    )


metric = click.option("--metric", metavar="NAME", help="The metric that is looked at; the objective's where not given.")
