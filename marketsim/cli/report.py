"""`marketsim report`: a results folder as a page, a deck, a book of pages, a workbook, or pictures."""

from __future__ import annotations

import importlib
import pathlib

import click

from marketsim.cli import console

FORMATS = {"html": "html", "deck": "deck", "pdf": "pdf", "xlsx": "workbook", "figures": "figures"}


@click.command("report")
@click.argument("results", type=click.Path(path_type=pathlib.Path), metavar="RESULTS")
@click.option("--format", "form", default="html", type=click.Choice(list(FORMATS)), show_default=True)
@click.option("--lang", default="en", type=click.Choice(["en", "zh"]), show_default=True, help="Language.")
@click.option("--out", type=click.Path(path_type=pathlib.Path), help="The file; in RESULTS where not given.")
def command(results: pathlib.Path, form: str, lang: str, out: pathlib.Path | None) -> None:
    """Write the report of a results folder into it.

    html is one file that needs nothing else; deck is PowerPoint, xlsx a workbook with the cost model as formulas.
    """
    writer = importlib.import_module(f"marketsim.report.{FORMATS[form]}")
    console.say(str(writer.write(results, out, lang)))
