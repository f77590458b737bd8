"""`marketsim check-policy`: a policy file read, and put to the test in worlds in which everything happens."""

from __future__ import annotations

import pathlib

import click

from marketsim.cli import console, options


@click.command("check-policy")
@click.argument("file", type=click.Path(path_type=pathlib.Path))
@click.option(
    "--scenario", "against", type=click.Path(path_type=pathlib.Path), help="Try it here, instead of the trial worlds."
)
@options.seed
def command(file: pathlib.Path, against: pathlib.Path | None, seed: int | None) -> int:
    """Check a policy of your own.

    The Python FILE is read and its policy tried: it asks for nothing impossible, does the same twice, looks neither
    into the future nor at the truth, and changes nothing that it is shown. What it must not do ends with exit code 2.
    """
    from marketsim import build, scenario
    from marketsim.errors import Fault, InputError
    from marketsim.experiment import trial
    from marketsim.policy_file import FilePolicy

    policy = FilePolicy(file)
    worlds = None if against is None else [build.build(scenario.load(against), 0, seed)]
    verdict = trial.tried(policy, worlds)
    if not verdict.good:
        raise InputError([Fault(f"{trial.RULES[one.rule]}: not so, {one.text}", str(file)) for one in verdict.findings])
    for rule, what in trial.RULES.items():
        let_off = " (not asked: its name says that it knows)" if rule in verdict.let_off else ""
        console.say(f"{what}{let_off}")
    console.say(f"{policy.name}: right, over {verdict.decisions} decisions.")
    return 0
