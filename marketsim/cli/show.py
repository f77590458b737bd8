"""`marketsim show`: the settings of a kind, or a scenario with every default and preset written out."""

from __future__ import annotations

import pathlib
from datetime import datetime
from typing import Any

import click

from marketsim.cli import console, idle, options


@click.command("show")
@click.argument("thing", metavar="SCENARIO|FAMILY.KIND")
@click.argument("path", required=False, metavar="[KEY]")
@options.edits
def command(thing: str, path: str | None, edits: tuple[str, ...]) -> None:
    """Show a scenario in full, or a kind's settings.

    A kind is named as supply.spot.

    KEY is a dotted path into the scenario, such as supply.own: only that part is shown.
    """
    from marketsim import shipped

    path_of = pathlib.Path(thing)
    if path_of.suffix in (".yaml", ".yml") or path_of.exists() or thing in shipped.names():
        _scenario(thing, path, edits)
    else:
        idle.refuse("on a kind: they are of a scenario", "path", "edits")
        _kind(thing)


def _scenario(file: str, path: str | None, edits: tuple[str, ...]) -> None:
    from marketsim import dotted, plain_yaml, scenario
    from marketsim.errors import Fault, InputError

    data: Any = scenario.to_data(scenario.load(file, edits))
    if path:
        try:
            data = dotted.get(data, path)
        except ValueError as error:
            raise InputError(Fault(str(error))) from None
        if data is dotted.MISSING:
            raise InputError(Fault("the scenario has no such key", key=path))
    text = plain_yaml.dump(data)
    console.say(text.removesuffix("\n").removesuffix("\n..."))


def _kind(name: str) -> None:
    from marketsim import families

    kind = families.kind(name)
    console.say(families.sentence(kind))
    if not getattr(kind, "model_fields", None):
        for label in ("unit", "direction"):
            if hasattr(kind, label):
                console.say(f"{label}: {getattr(kind, label)}")
        return
    console.table(list(HEADS), settings_of(kind))
    if kind.presets:
        console.say("presets: " + ", ".join(kind.presets))


HEADS = ("setting", "default", "allowed", "meaning")


def settings_of(kind: Any) -> list[list[str]]:
    """A row for each setting of a kind, under HEADS; none for what has no settings."""
    from marketsim.faults import bounds_of, in_words

    return [
        [key, _default(field), in_words(bounds_of(field)) or _otherwise(field), field.description or ""]
        for key, field in (getattr(kind, "model_fields", None) or {}).items()
        if key != "kind" and (key != "preset" or getattr(kind, "presets", None))
    ]


def _otherwise(field: Any) -> str:
    return "an instant with its zone, as 2026-01-01T00:00:00Z" if field.annotation is datetime else "a mapping"


def _default(field: Any) -> str:
    from marketsim import settings
    from marketsim.faults import bounds_of
    from marketsim.units import duration_text

    if field.is_required():
        return "(required)"
    value = field.get_default(call_default_factory=True)
    if isinstance(value, settings.Settings):
        tag = settings.kind_tag(value)
        return tag if tag and tag != "None" else "see there"
    if value is None or value == () or value == {}:
        return "none"
    if bounds_of(field).duration and isinstance(value, int):
        return duration_text(value)
    return f"{value:g}" if isinstance(value, float) else str(value)
