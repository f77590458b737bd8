"""`marketsim fit`: a generator fitted to recorded prices or to a recorded workload, as a block of a scenario."""

from __future__ import annotations

import pathlib

import click

from marketsim.cli import console


@click.command("fit")
@click.argument("kind", type=click.Choice(["prices", "workload"]))
@click.argument("file", type=click.Path(path_type=pathlib.Path))
@click.option("--on-demand", type=click.Path(path_type=pathlib.Path), help="List prices, so that ratios are fitted.")
@click.option("--process", metavar="KIND", help="The price process to fit; the usual one where not given.")
@click.option("--per", type=click.IntRange(1, 64), default=1, show_default=True, help="GPUs that a price is of.")
@click.option("--tenant", help="Only this tenant of a workload.")
def command(
    kind: str,
    file: pathlib.Path,
    on_demand: pathlib.Path | None,
    process: str | None,
    per: int,
    tenant: str | None,
) -> None:
    """Fit a generator to FILE and print it for a scenario.

    prices: CSV time,price or date,region,instance,spot_usd_hour. workload: CSV job,submit_s,duration_s,gpus,...
    """
    from marketsim.errors import Fault, InputError

    for path in (file, *([on_demand] if on_demand else [])):
        if not path.is_file():
            raise InputError(Fault("no such file", file=str(path)))
    if kind == "prices":
        from marketsim.prices.fit import fit_prices

        console.say(fit_prices(file, on_demand, process, per=per).block_text())
    else:
        from marketsim import plain_yaml
        from marketsim.demand.fit import fit_workload

        block = fit_workload(file, tenant).block()
        console.say(plain_yaml.dump({"demand": {"fitted": block}}).rstrip())
