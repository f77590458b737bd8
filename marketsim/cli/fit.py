"""`marketsim fit`: a generator fitted to recorded prices, availability or workload, as a block of a scenario."""

from __future__ import annotations

import pathlib
import re

import click

from marketsim.cli import console, idle, options


@click.command("fit")
@click.argument("kind", type=click.Choice(["prices", "availability", "workload"]))
@click.argument("file", type=click.Path(path_type=pathlib.Path))
@click.option("--on-demand", type=click.Path(path_type=pathlib.Path), help="List prices, so that ratios are fitted.")
@click.option("--process", metavar="KIND", help="The price process to fit; the usual one where not given.")
@click.option("--per", type=click.IntRange(1, 64), default=1, show_default=True, help="GPUs that a price is of.")
@click.option("--gap", metavar="DURATION", help="Length of a tick of an availability trace, as in `10 min`.")
@click.option("--tenant", help="Only this tenant of a workload.")
@click.option(
    "--draws", type=click.IntRange(2, 10_000), metavar="N", help="N draws of what a workload may be, for `sensitivity`."
)
@click.option("--at", default="demand.fitted", show_default=True, metavar="KEY", help="Where --draws are to be put.")
@click.option("--picture", type=click.Path(path_type=pathlib.Path), help="PNG of the fit beside its record.")
@options.quiet
def command(
    kind: str,
    file: pathlib.Path,
    on_demand: pathlib.Path | None,
    process: str | None,
    per: int,
    gap: str | None,
    tenant: str | None,
    draws: int | None,
    at: str,
    picture: pathlib.Path | None,
    quiet: bool,
) -> None:
    """Fit a generator to FILE and print it for a scenario.

    prices: CSV time,price or date,region,instance,spot_usd_hour. availability: CSV tick,available. workload: CSV
    job,submit_s,duration_s,gpus,... or any layout of `marketsim import`. What the fit is worth goes to stderr. With
    --draws: what the trace leaves open, drawn N times, for `marketsim sensitivity SCENARIO --inputs DRAWS.yaml`.
    """
    from marketsim.cli.reading import present

    of_kind = {
        "prices": ("on_demand", "process", "per"),
        "availability": ("gap",),
        "workload": ("tenant", "draws", "at"),
    }
    idle.refuse(f"on {kind}", *(name for other, names in of_kind.items() if other != kind for name in names))
    if kind == "availability":
        idle.refuse("on availability", "picture")
    if draws is None:
        idle.refuse("without --draws", "at")
    if not re.fullmatch(r"[a-z0-9_-]+(\.[a-z0-9_-]+)+", at):
        raise click.UsageError("--at is a key with dots, such as demand.fitted")
    for path in (file, *([on_demand] if on_demand else [])):
        present(path)
    if kind == "prices":
        _prices(file, on_demand, process, per, picture, quiet)
    elif kind == "availability":
        _availability(file, gap, quiet)
    else:
        _workload(file, tenant, draws, at, picture, quiet)


def _prices(
    file: pathlib.Path,
    on_demand: pathlib.Path | None,
    process: str | None,
    per: int,
    picture: pathlib.Path | None,
    quiet: bool,
) -> None:
    """The block on stdout; the ranking on stderr; the picture where it is asked for."""
    from marketsim.errors import Fault, InputError
    from marketsim.prices.fit import fit_prices

    if picture is not None and picture.exists():
        raise InputError(Fault("is there already, and is left as it is", file=str(picture)))
    result = fit_prices(file, on_demand, process, per=per)
    console.say(result.block_text())
    for line in result.lines():
        console.note(line, quiet)
    if picture is not None:
        from marketsim.charts import price_fit, saving
        from marketsim.experiment import folder

        title = f"{result.series}: what {result.process} foretold, and what came"
        unit = "spot price over on-demand" if result.ratio else "USD an hour"
        figure = price_fit.draw(result.fan, result.pit, result.spread, title, unit)
        folder.place(picture, saving.png(figure))
        console.note(f"Picture: {picture}", quiet)


def _availability(file: pathlib.Path, gap: str | None, quiet: bool) -> None:
    """The block on stdout; how the held-back end came out on stderr."""
    from marketsim import units
    from marketsim.availability.fit import fit_availability
    from marketsim.errors import Fault, InputError

    try:
        gap_s = units.duration_s(gap or "")
    except ValueError as error:
        raise InputError(Fault(str(error), key="--gap", got=gap or "nothing", allowed="as in `10 min`")) from None
    if gap_s < 1:
        raise InputError(Fault("a tick lasts at least a second", key="--gap", got=gap))
    result = fit_availability(file, gap_s)
    console.say(result.block_text())
    for line in result.lines():
        console.note(line, quiet)


def _workload(
    file: pathlib.Path, tenant: str | None, draws: int | None, at: str, picture: pathlib.Path | None, quiet: bool
) -> None:
    """The block, or its draws, on stdout; what the fit is worth on stderr; the picture where it is asked for."""
    from marketsim import plain_yaml
    from marketsim.demand import goodness
    from marketsim.demand.fit import fit_trace
    from marketsim.errors import Fault, InputError
    from marketsim.importers.detect import read_jobs
    from marketsim.streams import Dice

    if picture is not None and picture.exists():
        raise InputError(Fault("is there already, and is left as it is", file=str(picture)))
    result = fit_trace(read_jobs(file).trace, tenant)
    document: dict[str, object] = {"demand": {"fitted": result.block()}}
    if draws is not None:
        blocks = (result.block(result.drawn(Dice(1, number).under("posterior"))) for number in range(draws))
        document = {"draws": [{f"{at}.{key}": value for key, value in one.items() if key != "kind"} for one in blocks]}
    console.say(plain_yaml.dump(document).rstrip())
    if not quiet:
        for line in goodness.lines(result, Dice(1)):
            console.note(line, quiet)
    if picture is not None:
        from marketsim.charts import saving, workload_fit
        from marketsim.experiment import folder

        title = f"{tenant or file.name}: the record and one drawn like it"
        folder.place(picture, saving.png(workload_fit.draw(goodness.frames(result, Dice(1)), title)))
        console.note(f"Picture: {picture}", quiet)
