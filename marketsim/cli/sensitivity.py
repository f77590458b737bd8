"""`marketsim sensitivity`: which settings the answer hangs on, and how much of its spread uncertain inputs make."""

from __future__ import annotations

import json
import pathlib
from typing import TYPE_CHECKING, Any

import click

from marketsim.cli import console, idle, options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from marketsim.cli.studying import Asked
    from marketsim.experiment.points import Setting
    from marketsim.experiment.sensitivity import Bar, Sobol
    from marketsim.experiment.uncertainty import Spread


@click.command("sensitivity")
@options.studied
@click.option("--over", "over", multiple=True, metavar="KEY=LOW..HIGH|A,B,C", help=options.OVER)
@options.metric
@options.picture("the tornado")
@click.option(
    "--sobol", "design", type=click.IntRange(2, 65_536), metavar="N", help="Sobol indices from N (a power of 2)."
)
@click.option(
    "--draws", type=click.IntRange(2, 10_000), metavar="N", help="N draws of the settings: their part of the spread."
)
@click.option(
    "--inputs",
    "file",
    type=click.Path(path_type=pathlib.Path),
    help="Draws from a CSV, as of a posterior: a column a setting, a row a draw.",
)
def command(
    given: options.Given,
    over: tuple[str, ...],
    metric: str | None,
    design: int | None,
    draws: int | None,
    file: pathlib.Path | None,
    picture: pathlib.Path | None,
) -> None:
    """Find the settings that the answer hangs on.

    Each setting of --over alone (a tornado), or all at once by --sobol, for a metric of one policy of SCENARIO. With
    --draws or --inputs: error of the mean, uncertain inputs and range of outcomes side by side, for all policies.
    """
    from marketsim.cli.pictures import draw_one
    from marketsim.cli.studying import asked, metric_of, settings_of
    from marketsim.experiment import sensitivity
    from marketsim.report import tables

    if sum(one is not None for one in (design, draws, file)) > 1:
        raise click.UsageError("one of --sobol, --draws and --inputs at a time")
    if bool(over) == (file is not None):
        raise click.UsageError("settings are needed: --over KEY=LOW..HIGH, or their draws by --inputs FILE")
    if design is not None or draws is not None or file is not None:
        idle.refuse("with --sobol, --draws or --inputs", "picture")
    settings, _ = settings_of(over)
    if len(given.policies) > 1 and draws is None and file is None:
        raise click.UsageError("sensitivity looks at one policy: give one --policy")
    with asked(given) as study:
        name = metric_of(study.scenario, metric)
        policy = given.policies[0] if given.policies else next(iter(study.scenario.policies))
        if draws is not None or file is not None:
            spreads = _spreads(study, settings, draws, file, name)
        elif design is None:
            bars = sensitivity.tornado(study.scenario, settings, policy, name, **study.how)
        else:
            indices = sensitivity.sobol_of(study.scenario, settings, policy, name, design, **study.how)
    if draws is not None or file is not None:
        _tell_spreads(spreads, name, given.as_json)
    elif design is None:
        _tell_bars(bars, policy, name, given.as_json)
        if picture is not None:
            draw_one("tornado", {"tornado": tables.of_tornado(bars, policy, name)}, picture, given.quiet)
    else:
        _tell_indices(settings, indices, policy, name, given.as_json)


def _spreads(
    study: Asked,
    settings: Sequence[Setting],
    draws: int | None,
    file: pathlib.Path | None,
    metric: str,
) -> dict[str, Spread]:
    """Draws of the inputs from a file, or spread evenly over their ranges (Latin hypercube), and what they make."""
    from marketsim.experiment import points, uncertainty

    inputs = uncertainty.read_draws(file) if file is not None else points.scattered(settings, draws or 0, "lhs")
    return uncertainty.input_uncertainty(study.scenario, inputs, metric, study.policies, **study.how)


def _tell_spreads(found: dict[str, Spread], metric: str, as_json: bool) -> None:
    from marketsim.cli.studying import number

    if as_json:
        plain = [{"policy": name, **vars(one), "inputs_share": vars(one.inputs_share)} for name, one in found.items()]
        console.say(json.dumps({"metric": metric, "spreads": plain}, ensure_ascii=False, allow_nan=False))
        return
    first = next(iter(found.values()))
    rows = [
        [
            name,
            number(one.mean),
            f"±{number(one.monte_carlo)}",
            f"±{number(one.inputs)}",
            f"{number(one.outcomes[0])} to {number(one.outcomes[1])}",
            f"{100 * one.inputs_share.value:.0f}% ({_percent(one)})",
        ]
        for name, one in found.items()
    ]
    console.say(f"{metric}: {first.draws} draws of the inputs, {first.replications} replications of each")
    heads = ["policy", "mean", "error of\nthe mean", "uncertain\ninputs", "P10 to P90 of\nsingle outcomes"]
    console.table([*heads, "share of the\ninputs"], rows, numbers=(1, 2, 3, 4, 5))
    console.sentence(
        "error of the mean: standard error from the dice, which replications narrow. uncertain inputs: standard "
        "deviation of the true mean between draws, which they do not. share: of the variance of a single outcome."
    )


def _percent(one: Spread) -> str:
    low, high = one.inputs_share.low, one.inputs_share.high
    return "-" if low is None or high is None else f"{100 * low:.0f} to {100 * high:.0f}"


def _tell_bars(bars: Sequence[Bar], policy: str, metric: str, as_json: bool) -> None:
    from marketsim.cli.studying import number

    if as_json:
        plain = [{**vars(bar), "at_low": vars(bar.at_low), "at_high": vars(bar.at_high)} for bar in bars]
        console.say(json.dumps(plain, ensure_ascii=False, allow_nan=False))
        return

    def change(found: Any) -> str:
        half = None if found.low is None else (found.high - found.low) / 2
        return f"{found.value:+,.4g}" + ("" if half is None else f" ±{number(half)}")

    rows = [[bar.setting, number(bar.low), change(bar.at_low), number(bar.high), change(bar.at_high)] for bar in bars]
    console.say(f"{metric} of {policy}, against the scenario as it is")
    console.table(["setting", "low", "changes by", "high", "changes by"], rows, numbers=(1, 2, 3, 4))
    console.sentence("± half of the interval of the mean change; not the range of outcomes.")


def _tell_indices(settings: Sequence[Setting], found: Sobol, policy: str, metric: str, as_json: bool) -> None:
    from marketsim.cli.studying import span

    pairs = [(one.path, first, total) for one, first, total in zip(settings, found.first, found.total, strict=True)]
    if as_json:
        plain = [{"setting": path, "first": vars(first), "total": vars(total)} for path, first, total in pairs]
        console.say(json.dumps(plain, ensure_ascii=False, allow_nan=False))
        return
    rows = [
        [path, f"{first.value:.3f}", span(first.low, first.high), f"{total.value:.3f}", span(total.low, total.high)]
        for path, first, total in pairs
    ]
    console.say(f"Sobol indices of {metric} of {policy}")
    console.table(["setting", "first", "interval", "total", "interval"], rows, numbers=(1, 2, 3, 4))
