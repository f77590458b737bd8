"""`marketsim import`: a published layout read strictly and written as the table that scenarios use."""

from __future__ import annotations

import pathlib

import click

from marketsim.cli import console, options


@click.command("import")
@click.argument("kind", metavar="KIND|auto")
@click.argument("file", type=click.Path(path_type=pathlib.Path))
@click.option("--out", type=click.Path(path_type=pathlib.Path), help="CSV to write; stdout where not given.")
@options.quiet
def command(kind: str, file: pathlib.Path, out: pathlib.Path | None, quiet: bool) -> None:
    """Read a published trace and write it as our CSV.

    KIND is one of `marketsim list importers`; auto looks at the header of FILE.
    """
    from marketsim import importers
    from marketsim.cli.reading import present
    from marketsim.errors import Fault, InputError, nearest
    from marketsim.experiment import folder
    from marketsim.importers import detect

    present(file)
    name = detect.layout_of_any(file) if kind == "auto" else kind
    if name not in importers.KINDS:
        known = ", ".join(importers.KINDS)
        raise InputError(
            Fault("no importer has this name", got=kind, allowed=known, hint=nearest(kind, importers.KINDS))
        )
    read = importers.KINDS[name].read(file)
    if out is not None and out.exists():
        raise InputError(Fault("is there already, and is left as it is", file=str(out)))
    for line in read.lines():
        console.note(line, quiet)
    if out is None:
        click.echo(read.text(), nl=False)
    else:
        folder.place(out, read.text().encode())
        console.say(str(out))
