"""`marketsim list`: what a scenario may name, family by family."""

from __future__ import annotations

import json

import click

from marketsim.cli import console


@click.command("list")
@click.argument("family", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def command(family: str | None, as_json: bool) -> None:
    """List the kinds that a scenario may name.

    `marketsim show FAMILY.KIND` gives a kind's settings with units and defaults.
    """
    from marketsim import families

    wanted = [family] if family else list(families.FAMILIES)
    found = {one: {name: families.sentence(kind) for name, kind in families.kinds(one).items()} for one in wanted}
    if as_json:
        console.say(json.dumps(found, ensure_ascii=False, indent=1))
        return
    for one, kinds in found.items():
        if kinds:
            console.table([one, "what it is"], [[name, text] for name, text in kinds.items()])
