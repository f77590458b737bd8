"""`marketsim serve`: scenarios on a page of this machine, with sliders."""

from __future__ import annotations

import pathlib

import click

from marketsim.cli import console


@click.command("serve")
@click.argument("scenarios", type=click.Path(readable=False, path_type=pathlib.Path), nargs=-1, metavar="[SCENARIO]...")
@click.option("--host", default="127.0.0.1", show_default=True, help="A loopback address.")
@click.option("--port", type=click.IntRange(0, 65_535), help="0 takes a free one; the usual one where not given.")
@click.option("--remote", is_flag=True, help="Allow another host than this one, for who knows what that means.")
def command(scenarios: tuple[pathlib.Path, ...], host: str, port: int | None, remote: bool) -> int:
    """Serve scenarios as a page on this machine.

    The scenarios named, and those that come with marketsim.
    """
    from marketsim.web import serve as serving

    return serving.serve(scenarios, host, serving.PORT if port is None else port, remote, console.say)
