"""`marketsim export`: one replication of a run as cost rows that other tools read."""

from __future__ import annotations

import pathlib

import click

from marketsim.cli import console, idle, options


@click.command("export")
@click.argument("source", type=click.Path(readable=False, path_type=pathlib.Path), metavar="RESULTS|SCENARIO")
@click.option("--format", "form", default="focus", type=click.Choice(["focus"]), show_default=True,
              help="focus: FOCUS 1.2, a row a charge.")  # fmt: skip
@click.option("--policy", metavar="NAME", help="Whose charges; of results the best, of a scenario the first.")
@click.option("--replication", type=click.IntRange(0, 99_999), default=0, show_default=True, help="Which replication.")
@options.seed
@options.edits
@options.data
@click.option("--out", type=click.Path(path_type=pathlib.Path), help="CSV to write; stdout where not given.")
@options.quiet
def command(
    source: pathlib.Path,
    form: str,
    policy: str | None,
    replication: int,
    seed: int | None,
    edits: tuple[str, ...],
    data: pathlib.Path | None,
    out: pathlib.Path | None,
    quiet: bool,
) -> None:
    """Write the charges of one replication as FOCUS rows.

    A FinOps tool then reads the future like the past; `marketsim import focus` gives back the same dollars.
    """
    from marketsim import build, scenario
    from marketsim.billing import bill as bills
    from marketsim.billing import focus_text, simulated
    from marketsim.cli.reading import scenario_of
    from marketsim.engine.run import run
    from marketsim.errors import Fault, InputError
    from marketsim.experiment import folder

    if out is not None and out.exists():
        raise InputError(Fault("is there already, and is left as it is", file=str(out)))
    if source.is_dir():
        results = folder.read(source)
        found = scenario_of(source, data)
        order = results.best().order or results.best().frontier or results.policies
        name = policy or order[0]
        seed = results.stamp.get("seed") if seed is None else seed
        throw, mirrored = divmod(replication, 2) if results.antithetic else (replication, 0)
        found = found.changed(edits) if edits else found
    else:
        idle.refuse("of a scenario, beside whose file its data are looked for", "data")
        found, throw, mirrored = scenario.load(source, edits), replication, 0
        name = policy or next(iter(found.policies))
    chosen = build.policy_of(found, name)
    world = build.build(found, throw, seed, bool(mirrored))
    bill = simulated.bill_of(world, run(world, chosen), found.start)
    text = focus_text.text(bill, f"marketsim:{found.slug}")
    billed, effective = (bills.exact_usd(bill.total(which)) for which in ("billed", "effective"))
    console.note(f"{len(bill)} rows of policy {name}, replication {replication}: {billed} USD billed, "
                 f"{effective} effective", quiet)  # fmt: skip
    if out is None:
        click.echo(text, nl=False)
    else:
        folder.place(out, text.encode())
        console.say(str(out))
