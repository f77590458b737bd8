"""`marketsim sensitivity`: which settings the answer hangs on, one at a time or all at once."""

from __future__ import annotations

import json
import pathlib

import click

from marketsim.cli import console, options


@click.command("sensitivity")
@options.studied
@options.over
@options.metric
@click.option(
    "--sobol", "design", type=click.IntRange(2, 65_536), metavar="N", help="Sobol indices from N (a power of 2)."
)
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
    design: int | None,
) -> None:
    """Find the settings that the answer hangs on.

    Each setting of --over alone (a tornado), or all at once by --sobol, for a metric of one policy of SCENARIO.
    """
    from marketsim.cli.studying import asked, metric_of, number, settings_of, span
    from marketsim.experiment import sensitivity

    settings, _ = settings_of(over)
    if len(policies) > 1:
        raise click.UsageError("sensitivity looks at one policy: give one --policy")
    with asked(scenario, edits, policies, replications, seed, workers, quiet) as study:
        name = metric_of(study.scenario, metric)
        policy = policies[0] if policies else next(iter(study.scenario.policies))
        if design is None:
            bars = sensitivity.tornado(study.scenario, settings, policy, name, **study.how)
        else:
            indices = sensitivity.sobol_of(study.scenario, settings, policy, name, design, **study.how)
    if design is None:
        if as_json:
            plain = [{**vars(bar), "at_low": vars(bar.at_low), "at_high": vars(bar.at_high)} for bar in bars]
            console.say(json.dumps(plain, ensure_ascii=False, allow_nan=False))
            return
        rows = [
            [bar.setting, number(bar.low), f"{bar.at_low.value:+,.4g}", number(bar.high), f"{bar.at_high.value:+,.4g}"]
            for bar in bars
        ]
        console.say(f"{name} of {policy}, against the scenario as it is")
        console.table(["setting", "low", "changes by", "high", "changes by"], rows, numbers=(1, 2, 3, 4))
        return
    pairs = [(one.path, first, total) for one, first, total in zip(settings, indices.first, indices.total, strict=True)]
    if as_json:
        plain = [{"setting": path, "first": vars(first), "total": vars(total)} for path, first, total in pairs]
        console.say(json.dumps(plain, ensure_ascii=False, allow_nan=False))
        return
    rows = [
        [path, f"{first.value:.3f}", span(first.low, first.high), f"{total.value:.3f}", span(total.low, total.high)]
        for path, first, total in pairs
    ]
    console.say(f"Sobol indices of {name} of {policy}")
    console.table(["setting", "first", "interval", "total", "interval"], rows, numbers=(1, 2, 3, 4))
