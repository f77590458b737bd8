"""`marketsim tune`: settings of a policy searched on some dice, and the gain told on others."""

from __future__ import annotations

import json

import click

from marketsim.cli import console, options


@click.command("tune")
@options.studied
@options.over
@options.metric
@click.option(
    "--trials", type=click.IntRange(1, 10_000), default=40, show_default=True, help="Settings that are tried."
)
@click.option(
    "--held-out", type=click.IntRange(2, 10_000), default=30, show_default=True, help="Replications for the gain."
)
def command(
    given: options.Given,
    over: tuple[str, ...],
    metric: str | None,
    trials: int,
    held_out: int,
) -> None:
    """Search the settings of a policy.

    Keys of --over are below the one --policy, as placement.wait_before_fallback. What is found is tried on replications
    that the search never saw.
    """
    from marketsim.cli.studying import asked, metric_of, number, settings_of, span
    from marketsim.experiment.tune import tune_policy

    settings, _ = settings_of(over)
    if len(given.policies) != 1:
        raise click.UsageError("tune needs one --policy")
    with asked(given) as study:
        name = metric_of(study.scenario, metric)
        found = tune_policy(
            study.scenario,
            given.policies[0],
            settings,
            name,
            study.how["seed"],
            study.how["runner"],
            trials=trials,
            searched=study.how["replications"],
            held_out=held_out,
        )
    gain = found.held_out
    if given.as_json:
        plain = {"settings": found.settings, "searched": found.searched, "held_out": vars(gain)}
        console.say(json.dumps(plain, ensure_ascii=False, allow_nan=False))
        return
    for path, value in found.settings.items():
        console.say(f"policies.{given.policies[0]}.{path}: {number(value)}")
    told = {True: "told apart from 0", False: "not distinguishable from 0", None: "too few replications to tell"}
    console.say(
        f"{name} changes by {gain.value:+,.4g} ({span(gain.low, gain.high)}) on {gain.n} replications "
        f"that the search never saw: {told[gain.told_apart]}."
    )
