"""`marketsim check-policy`: a policy file read, and tried on worlds in which everything happens."""

from __future__ import annotations

import pathlib
from typing import TYPE_CHECKING

import click

from marketsim.cli import console, idle, options

if TYPE_CHECKING:
    from marketsim.world import World


@click.command("check-policy")
@click.argument("file", type=click.Path(path_type=pathlib.Path))
@click.option(
    "--scenario",
    "against",
    type=click.Path(path_type=pathlib.Path),
    help="Try it on the first days of this scenario too; only on the trial worlds if not given.",
)
@click.option("--days", type=click.IntRange(1, 365), default=14, show_default=True, help="Days of the scenario.")
@options.seed
def command(file: pathlib.Path, against: pathlib.Path | None, days: int, seed: int | None) -> int:
    """Check a policy of your own.

    The Python FILE is read, and its policy is run through small worlds of which some differ only in what it may not
    know. It must do the same twice, look neither into the future nor at the truth, ask for nothing impossible, settle
    at every instant, and change nothing that it is shown.
    """
    from marketsim.errors import Fault, InputError
    from marketsim.experiment import trial
    from marketsim.experiment.trial_world import trial_world
    from marketsim.policy_file import FilePolicy

    if against is None:
        idle.refuse("without --scenario", "days", "seed")
    policy = FilePolicy(file)
    worlds = {"trial world 1": trial_world(0), "trial world 2": trial_world(1)}
    if against is not None:
        worlds = {f"{against.name}, {days} days": _first_days(against, days, seed)}
    decisions = 0
    let_off: tuple[str, ...] = ()
    for name, world in worlds.items():
        verdict = trial.tried(policy, [world])
        if not verdict.good:
            raise InputError(
                [Fault(f"{name}: a policy {trial.RULES[one.rule]}; {one.text}", str(file)) for one in verdict.findings]
            )
        decisions += verdict.decisions
        let_off = verdict.let_off
    for rule, text in trial.RULES.items():
        console.say(f"{'let off' if rule in let_off else 'ok':<8}{text}")
    if let_off:
        console.say("It says by its name that it knows what no policy can; its results are for study alone.")
    console.say(f"{policy.name}: right in {', '.join(worlds)}; {decisions:,} things done.")
    return 0


def _first_days(file: pathlib.Path, days: int, seed: int | None) -> World:
    """The world of a scenario's first days."""
    from marketsim import build, scenario, units

    found = scenario.load(file)
    span_s = min(days * units.DAY_S, found.horizon)
    return build.build(found.changed({"horizon": units.duration_text(span_s), "sources": {}}), 0, seed)
