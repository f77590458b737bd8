"""`marketsim explain`: why a job, a contract or a service of a run became what it did."""

from __future__ import annotations

import json
import pathlib
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from marketsim.cli import console, idle, options

if TYPE_CHECKING:
    from marketsim.experiment.explain import Decision, Explained, Option
    from marketsim.scenario import Scenario
    from marketsim.world import World

MOST = 40  # decisions that are printed


@click.command("explain")
@click.argument("results", type=click.Path(path_type=pathlib.Path), metavar="RESULTS")
@click.option("--job", metavar="NAME|NUMBER", help="The job, by its name (retrain-3) or its number.")
@click.option("--contract", type=click.IntRange(0), help="The contract or purchase, by its number.")
@click.option("--service", metavar="NAME", help="The service, by its name.")
@click.option("--policy", metavar="NAME", help="The policy; the best one of the results where not given.")
@click.option("-r", "--replication", type=click.IntRange(0), default=0, show_default=True, help="Which throw.")
@click.option(
    "--slot",
    default="1 d",
    show_default=True,
    metavar="DURATION",
    help="For --contract and --service: length of the hindsight bound's slots.",
)
@click.option("--picture", type=click.Path(path_type=pathlib.Path), help="For --job: its story as PNG or SVG.")
@options.data
@options.as_json
def command(
    results: pathlib.Path,
    job: str | None,
    contract: int | None,
    service: str | None,
    policy: str | None,
    replication: int,
    slot: str,
    picture: pathlib.Path | None,
    data: pathlib.Path | None,
    as_json: bool,
) -> int:
    """Say why.

    One run of RESULTS is done again with reasons on: what was decided when, the options then with price, expected
    finish and slack, the rule's reason, and what hindsight would have done. Give one of --job, --contract, --service.
    """
    from marketsim.build import build, policy_of
    from marketsim.cli.studying import slot_of
    from marketsim.errors import Fault, InputError
    from marketsim.experiment import explain
    from marketsim.experiment.bound.market import lower_bound

    if sum(one is not None for one in (job, contract, service)) != 1:
        raise InputError("say what to explain: one of --job, --contract, --service")
    if picture is not None and (job is None or picture.suffix not in (".png", ".svg")):
        allowed = "a name that ends in .png or .svg, for a --job"
        raise InputError(Fault("--picture: there is no such picture", got=str(picture), allowed=allowed))
    if job is not None:
        idle.refuse("with --job", "slot")
    slot_s = slot_of(slot)
    scenario, seed, name, antithetic = _asked(results, policy, data)
    throw, mirrored = divmod(replication, 2) if antithetic else (replication, 0)
    world = build(scenario, throw, seed, bool(mirrored))
    chosen = policy_of(scenario, name)
    if job is not None:
        number = _job(world, job)
        found = explain.of_job(world, chosen, number)
        if picture is not None:
            _draw(picture, world, found, number, name)
    elif service is not None:
        found = explain.of_service(world, chosen, _service(world, service), lower_bound(world, slot_s))
    else:
        found = _contract(world, chosen, int(contract or 0), slot_s)
    if as_json:
        console.say(json.dumps(_document(found, name, replication), ensure_ascii=False))
    else:
        _print(found, name, replication)
    return 0


def _asked(folder: pathlib.Path, policy: str | None, data: pathlib.Path | None) -> tuple[Scenario, int, str, bool]:
    """Scenario, seed and policy of a results folder, and whether its throws are pairs."""
    from marketsim.cli.reading import scenario_of
    from marketsim.errors import Fault, InputError, nearest
    from marketsim.experiment import folder as folders

    found = folders.read(folder)
    scenario = scenario_of(folder, data)
    name = policy or next(iter(found.best().order), found.policies[0])
    if name not in scenario.policies:
        what = "the scenario of the results has no policy of this name"
        if name in found.policies:
            what = "a policy from a file is not kept with the results; check-policy tries it"
        hint = nearest(name, scenario.policies)
        raise InputError(Fault(what, got=name, allowed=", ".join(scenario.policies), hint=hint))
    return scenario, int(found.stamp.get("seed", scenario.seed)), name, found.antithetic


def _job(world: World, text: str) -> int:
    from marketsim.errors import Fault, InputError, nearest

    names = world.jobs.names or ()
    if text in names:
        return names.index(text)
    if text.isdecimal() and int(text) < len(world.jobs):
        return int(text)
    hint = nearest(text, names[:2_000])
    raise InputError(
        Fault("no such job in this replication", got=text, allowed=f"0 to {len(world.jobs) - 1}", hint=hint)
    )


def _service(world: World, text: str) -> int:
    from marketsim.errors import Fault, InputError, nearest

    names = [one.name for one in world.services]
    if text not in names:
        hint = nearest(text, names)
        raise InputError(Fault("no such service", got=text, allowed=", ".join(names) or "none", hint=hint))
    return names.index(text)


def _draw(picture: pathlib.Path, world: World, found: Explained, job: int, policy: str) -> None:
    """The job's story on a time line."""
    import pandas as pd

    from marketsim.charts import saving, story
    from marketsim.charts.chart import NothingToDraw
    from marketsim.errors import InputError
    from marketsim.experiment import folder as folders
    from marketsim.i18n.locale import locale_of
    from marketsim.metrics.measured import Measured
    from marketsim.report import run_tables

    assert found.ledger is not None
    table = run_tables.story(Measured(world, found.ledger), job, policy)
    try:
        offers = pd.DataFrame({"offer": [one.id for one in world.offers], "kind": [one.kind for one in world.offers]})
        figures = story.CHART.figures({"story": table, "offers": offers})
    except NothingToDraw as error:
        raise InputError(f"--picture: {error}") from None
    figure = story.CHART.draw(figures)
    if picture.suffix == ".svg":
        locale = locale_of("en")
        message, alt = locale.say(figures.message), story.CHART.alt(figures, locale)
        folders.place(picture, saving.svg(figure, "story", message, alt).encode())
    else:
        folders.place(picture, saving.png(figure))
    console.note(f"{found.thing}: {picture}")


def _contract(world: World, chosen: Any, contract: int, slot_s: int) -> Explained:
    from marketsim.errors import Fault, InputError
    from marketsim.experiment import explain
    from marketsim.experiment.bound.market import lower_bound

    try:
        found = explain.of_contract(world, chosen, contract)
    except IndexError as error:
        raise InputError(Fault(str(error))) from None
    about = explain.in_plan(lower_bound(world, slot_s), found.about["offer"])
    found.hindsight = about
    return found


# ------------------------------------------------------------------------------------------------------- printing


def _print(found: Explained, policy: str, replication: int) -> None:
    from marketsim.experiment.explain import clock

    console.say(f"{found.thing}, policy {policy}, replication {replication}")
    for name, value in found.about.items():
        if value is not None:
            label = name.removesuffix("_s").removesuffix("_h").replace("_", " ")
            told = clock(value) if name.endswith("_s") and isinstance(value, int) else _figure(name, value)
            console.say(f"  {label}: {told}")
    decisions = found.decisions
    lines: list[tuple[int, int, Any]] = [(one.from_s, 1, one) for one in decisions[:MOST]]
    lines += [(event.t_s, 2, event) for event in found.events]
    for _, sort, one in sorted(lines, key=lambda line: line[:2]):
        if sort == 2:
            console.say(f"{clock(one.t_s)}  > {one.text}")
        else:
            _decision(one)
    if len(decisions) > MOST:
        console.say(f"... and {len(decisions) - MOST} more decisions; --json has them all")
    if found.hindsight:
        console.sentence(f"Hindsight: {found.hindsight}.")


def _figure(name: str, value: Any) -> str:
    if not isinstance(value, int | float):
        return str(value)
    return f"{value:,.4g}" + (" h" if name.endswith("_h") else "")


def _decision(one: Decision) -> None:
    from marketsim.experiment.explain import clock

    again = "" if one.times == 1 else f" (asked {one.times} times up to {clock(one.to_s)})"
    console.sentence(f"{clock(one.from_s)}  {one.said}: {one.reason}{again}")
    rows = [_row(option) for option in one.options]
    if rows:
        columns = ["  offer", "starts now", "USD/instance-h", "USD", "finish", "slack h"]
        console.table(columns, rows, numbers=(2, 3, 5))


def _row(option: Option) -> list[str]:
    from marketsim.experiment.explain import clock

    def number(value: float | None, digits: int = 2) -> str:
        return "-" if value is None else f"{value:,.{digits}f}"

    finish = "-" if option.expected_finish_s is None else clock(option.expected_finish_s)
    slack = None if option.slack_s is None else option.slack_s / 3600
    return [
        f"  {option.offer}",
        "yes" if option.can_start else "no",
        number(option.usd_per_instance_hour),
        number(option.usd),
        finish,
        number(slack, 1),
    ]


def _document(found: Explained, policy: str, replication: int) -> dict[str, Any]:
    return {
        "thing": found.thing,
        "policy": policy,
        "replication": replication,
        "about": found.about,
        "decisions": [asdict(one) for one in found.decisions],
        "events": [asdict(one) for one in found.events],
        "hindsight": found.hindsight,
    }
