"""`marketsim choose`: the best policy with a chance of being right that is chosen beforehand."""

from __future__ import annotations

import json

import click

from marketsim.cli import console, options


@click.command("choose")
@options.studied
@options.metric
@click.option(
    "--delta",
    type=click.FloatRange(min=0, min_open=True),
    required=True,
    metavar="AMOUNT",
    help="The difference that does not matter, in the metric's unit.",
)
@click.option(
    "--chance", type=click.FloatRange(0.5, 1, min_open=True, max_open=True), default=0.95, show_default=True,
    help="Of choosing the best where it is better by --delta.",
)  # fmt: skip
def command(
    given: options.Given,
    metric: str | None,
    delta: float,
    chance: float,
) -> None:
    """Choose the best policy, and no more runs.

    Kim and Nelson's procedure on the same dice: policies that are clearly not the best stop taking replications; -n is
    the most that any takes (1,000).
    """
    from marketsim.cli.studying import asked, metric_of, number
    from marketsim.errors import Fault, InputError
    from marketsim.experiment import choose
    from marketsim.experiment import study as studies
    from marketsim.experiment.task import ScenarioTask

    at_most = given.replications or 1_000
    with asked(given) as study:
        found = study.scenario
        name = metric_of(found, metric)
        if found.objective is not None and found.objective.subject_to:
            limits = ", ".join(found.objective.subject_to)
            words = f"note: chosen by {name} alone; the caps of the objective ({limits}) are not looked at"
            console.note(words, given.quiet)
        names, objects = studies.chosen(found, study.policies)
        if not 1 - chance < 1 - 1 / len(names):
            raise InputError(Fault("--chance: a guess is right as often", got=f"{chance:g}"))
        task = ScenarioTask(found, found.seed if given.seed is None else given.seed, objects)
        choice = choose.choose(
            task, names, name, delta, 1 - chance, at_most=at_most, runner=study.how["runner"],
            ahead=max(8, 2 * study.how["runner"].workers), progress=study.how["progress"],
        )  # fmt: skip
    if given.as_json:
        console.say(json.dumps({"metric": name, "delta": delta, "chance": chance, **vars(choice)}, allow_nan=False))
        return
    rows = [
        [
            f"{'*' if policy == choice.best else ' '} {policy}",
            number(choice.means[policy]),
            str(count),
            "" if policy in choice.left else "dropped",
        ]
        for policy, count in choice.replications.items()
    ]
    console.table(["  policy", f"mean of {name}", "replications", ""], rows, numbers=(1, 2))
    if choice.decided:
        console.sentence(
            f"* the least {name} with a chance of at least {100 * chance:g} % where it is less by {delta:g} or more; "
            f"policies within {delta:g} of it are as good."
        )
    else:
        left = ", ".join(choice.left)
        console.sentence(f"Not decided after {at_most} replications; still in: {left}. * has the least mean so far.")
