"""`marketsim check`: is a scenario right, and can it work?"""

from __future__ import annotations

import pathlib
from typing import TYPE_CHECKING

import click

from marketsim.cli import console, options

if TYPE_CHECKING:
    from marketsim.world import World


@click.command("check")
@options.scenario
@options.edits
@options.quiet
def command(scenario: pathlib.Path, edits: tuple[str, ...], quiet: bool) -> None:
    """Check a scenario, and whether it can work.

    Its keys and values, its data files, what will run and disappoint.

    Faults end with exit code 2, all told at once. Warnings say what will run and disappoint.
    """
    from marketsim.cli.reading import checked

    found, world = checked(scenario, edits, quiet)
    if not quiet:
        jobs, services = len(world.jobs), len(world.services)
        console.say(
            f"{found.name}: right. {len(found.policies)} policies, {len(world.offers)} offers, {services} services, "
            f"{jobs} jobs in replication 0 over {found.horizon // 86_400} days."
        )
        _load_by_week(world)


def _load_by_week(world: World) -> None:
    """Mean GPUs that each workload offers, a row some weeks, beside the GPUs that the market lets start.

    A workload is counted in its own reference GPU, so a row shows sizes and no sum. The market is what metered offers
    let start within their first quota; capacity that is signed or bought, and tokens, come on top.
    """
    import numpy as np

    from marketsim import units
    from marketsim.demand import load

    offered = load.offered_by_week(world.jobs, world.services, world.horizon_s)
    metered = [offer for offer in world.offers if offer.commitment is None and offer.usd_per_input_token is None]
    rows = []
    for first, last in load.stretches(world.horizon_s):
        edges = np.minimum(np.arange(first, last + 1) * units.WEEK_S, world.horizon_s)
        market = 0.0
        for offer in metered:
            least = offer.quota if offer.quota is not None else units.UNLIMITED
            market += min(offer.launchable.mean(int(edges[0]), int(edges[-1])), least) * offer.shape.gpus
        room = "no bound" if market >= units.UNLIMITED else f"{market:,.0f}"
        means = [np.average(values[first:last], weights=np.diff(edges)) for values in offered.values()]
        rows.append([f"{first + 1} to {last}", *(f"{mean:,.1f}" for mean in means), room])
    console.say("GPUs offered by week, in each workload's reference GPU, and GPUs the market lets start:")
    console.table(["weeks", *offered, "market"], rows, numbers=range(1, len(offered) + 2))
