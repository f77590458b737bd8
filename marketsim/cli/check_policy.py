"""`marketsim check-policy`: a policy file read, and run through a small world in which everything happens."""

from __future__ import annotations

import pathlib

import click

from marketsim.cli import console, options


@click.command("check-policy")
@click.argument("file", type=click.Path(path_type=pathlib.Path))
@click.option(
    "--scenario",
    "against",
    type=click.Path(path_type=pathlib.Path),
    help="The world; the shipped startup's first weeks if not given.",
)
@options.seed
def command(file: pathlib.Path, against: pathlib.Path | None, seed: int | None) -> int:
    """Check a policy of your own.

    The Python FILE is read and its policy run through three small worlds, twice each.
    """
    from marketsim import build, metrics, scenario, shipped, units
    from marketsim.engine.run import run
    from marketsim.errors import Fault, InputError
    from marketsim.metrics.measure import measure
    from marketsim.policy_file import FilePolicy

    policy = FilePolicy(file)
    found = scenario.load(against if against is not None else shipped.path("startup"))
    if against is None:
        found = found.changed({"horizon": units.duration_text(3 * units.WEEK_S), "sources": {}})
    for replication in range(3):
        world = build.build(found, replication, seed)
        try:
            first, second = (measure(world, run(world, policy)) for _ in range(2))
        except InputError:
            raise
        except Exception as error:
            what = f"fails in replication {replication}: {type(error).__name__}: {error}"
            raise InputError(Fault(what, file=str(file))) from error
        if first != second:
            changed = sorted(name for name in first if first[name] != second.get(name))
            what = "is not the same twice: it keeps something between runs, or throws dice of its own"
            raise InputError(Fault(what, file=str(file), got=", ".join(changed[:3])))
        shown = ("total_cost_usd", "missed_deadline_share", "unserved_share", "utilization")
        told = (f"{metrics.KINDS[name].name} {first[name]:,.4g}" for name in shown if first.get(name) is not None)
        console.say(f"replication {replication}: {', '.join(told)}")
    console.say(f"{policy.name}: right in three worlds of {found.horizon // units.DAY_S} days, the same twice.")
    return 0
