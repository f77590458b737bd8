"""The reference of all settings as Markdown, made from the settings themselves: `marketsim list --format md`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from marketsim import families
from marketsim.cli.show import HEADS, settings_of


def markdown(wanted: Sequence[str]) -> str:
    """A chapter for each family, a section for each kind: what it is, its settings, its presets.

    Without a family's name the sections of a scenario come first. InputError, naming the nearest, where there is no
    such family.
    """
    chapters = []
    if list(wanted) == list(families.FAMILIES):
        from marketsim.scenario import Scenario

        chapters.append("# Reference of settings\n\n## The scenario\n\n" + _table(settings_of(Scenario)))
    for family in wanted:
        kinds = families.kinds(family)
        if kinds:
            chapters.append(f"## {family}")
            chapters += [_section(family, name, kind) for name, kind in kinds.items()]
    return "\n\n".join(chapters)


def _section(family: str, name: str, kind: Any) -> str:
    parts = [f"### {family}.{name}", _plain(families.sentence(kind))]
    rows = settings_of(kind)
    if rows:
        parts.append(_table(rows))
    presets = getattr(kind, "presets", None)
    if presets:
        parts.append("Presets: " + ", ".join(f"`{one}`" for one in presets))
    return "\n\n".join(parts)


def _table(rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(HEADS) + " |", "|" + " --- |" * len(HEADS)]
    for key, *others in rows:
        lines.append("| " + " | ".join([f"`{key}`", *(_plain(one) for one in others)]) + " |")
    return "\n".join(lines)


def _plain(text: str) -> str:
    """A text in one line in which nothing is a sign of Markdown or of a table."""
    for sign in "\\|*_<>":
        text = text.replace(sign, "\\" + sign)
    return " ".join(text.split())
