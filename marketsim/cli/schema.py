"""`marketsim schema`: the JSON Schema of a scenario, for editors that complete and check while one types."""

from __future__ import annotations

import json

import click

from marketsim.cli import console


@click.command("schema")
@click.argument("kind", required=False, metavar="[FAMILY.KIND]")
def command(kind: str | None) -> None:
    """Print the JSON Schema of a scenario.

    Or of one kind, such as supply.spot.
    """
    from pydantic import TypeAdapter

    if kind is None:
        from marketsim.scenario import Scenario

        schema = TypeAdapter(Scenario).json_schema()
    else:
        from marketsim import families

        schema = TypeAdapter(families.kind(kind)).json_schema()
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
    console.say(json.dumps(schema, ensure_ascii=False, indent=1))
