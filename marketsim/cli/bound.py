"""`marketsim bound`: what no policy could undercut, even knowing all that was going to happen."""

from __future__ import annotations

import json
import pathlib

import click

from marketsim.cli import console, options


@click.command("bound")
@options.studied
@click.option(
    "--slot", default="6 h", show_default=True, metavar="DURATION", help="Length of a slot; shorter is tighter."
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
    slot: str,
) -> None:
    """Say what no policy could undercut.

    A lower bound on total_with_penalties_usd of SCENARIO in hindsight, beside its policies.
    """
    from marketsim import build, units
    from marketsim.cli.studying import asked, number
    from marketsim.errors import Fault, InputError
    from marketsim.experiment import study as studies
    from marketsim.experiment.bound.market import lower_bound

    try:
        slot_s = units.duration_s(slot)
    except ValueError as error:
        raise InputError(Fault(f"--slot: {error}", got=slot)) from None
    if slot_s < 1:
        raise InputError(Fault("--slot: out of range", got=slot, allowed="at least 1 s"))
    metric = "total_with_penalties_usd"
    with asked(scenario, edits, policies, replications or 1, seed, workers, quiet) as study:
        count = study.how["replications"]
        bounds = [lower_bound(build.build(study.scenario, r, seed), slot_s) for r in range(count)]
        results = studies.run_study(study.scenario, list(policies) or None, **study.how)
    least = sum(one.value_usd for one in bounds) / len(bounds)
    means = {policy: results.cell(policy, metric)["mean"] for policy in results.policies}
    if as_json:
        values = [{"value_usd": one.value_usd, "status": one.status, "slots": one.slots} for one in bounds]
        console.say(json.dumps({"metric": metric, "bounds": values, "policies": means}, ensure_ascii=False))
        return
    rows = [["(bound)", number(least), "-"]]
    rows += [
        [policy, number(mean), "-" if mean is None or not least > 0 else f"{100 * (mean / least - 1):+.1f}%"]
        for policy, mean in means.items()
    ]
    console.say(f"{metric}, mean of {count} replications; slots of {slot}; {bounds[0].status}")
    console.table(["policy", "USD", "above the bound"], rows, numbers=(1, 2))
