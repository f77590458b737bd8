"""How answers look on a terminal: tables of at most 80 columns (or the terminal's), colour only where it is wanted."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from marketsim.errors import printable

if TYPE_CHECKING:
    from rich.console import Console


def on_stdout() -> Console:
    """Where answers go. rich heeds NO_COLOR, COLUMNS and whether this is a terminal; without one it is 80 wide."""
    from rich.console import Console

    return Console(file=sys.stdout, highlight=False)


def on_stderr() -> Console:
    """Where progress goes."""
    from rich.console import Console

    return Console(file=sys.stderr, highlight=False)


def table(
    columns: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[int] = (), bold: Sequence[int] = ()
) -> None:
    """Print a table; the columns whose positions are in `numbers` are set to the right and never wrapped.

    bold: positions of rows that stand out where this is a terminal.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for place, name in enumerate(columns):
        right = place in numbers
        drawn.add_column(name, justify="right" if right else "left", no_wrap=right, overflow="fold")
    for place, row in enumerate(rows):
        drawn.add_row(*(Text(printable(cell)) for cell in row), style="bold" if place in bold else None)
    console = on_stdout()
    with console.capture() as captured:  # written by click, which leaves a closed pipe to the caller
        console.print(drawn)
    click.echo("\n".join(line.rstrip() for line in captured.get().strip("\n").split("\n")))


def width_of(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    """How many columns of a terminal a table takes where nothing in it is wrapped."""
    from rich.cells import cell_len

    widest = [
        max([*map(cell_len, head.split("\n")), *(cell_len(row[place]) for row in rows)])
        for place, head in enumerate(columns)
    ]
    return sum(widest) + 2 * len(widest)


def say(text: str = "") -> None:
    """A line of an answer."""
    click.echo(text)


def sentence(text: str) -> None:
    """A sentence of an answer, broken to the width of tables; Chinese letters take two columns and break anywhere."""
    import textwrap

    from rich.cells import cell_len

    console = on_stdout()
    if cell_len(text) == len(text):
        click.echo(textwrap.fill(text, console.width, subsequent_indent="  ", break_on_hyphens=False))
        return
    lines, line = [], ""
    for piece in re.findall(r"[!-~]+ ?|.", text):  # a word of Latin letters, or one letter of another script
        if line and cell_len(line + piece.rstrip()) > console.width:
            lines.append(line.rstrip())
            line = "  "
        line += piece
    click.echo("\n".join([*lines, line]))


def note(text: str, quiet: bool = False) -> None:
    """A line of talk: stderr, so that it never mixes with an answer."""
    if not quiet:
        click.echo(printable(text), err=True)
