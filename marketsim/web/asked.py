"""What a page's address asks for, checked: a scenario by name, policies, sliders, replications; no path, no program.

Everything that is not on a list of what may be asked is refused with one line.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from marketsim.errors import Fault, InputError, nearest
from marketsim.i18n import KINDS as LANGUAGES
from marketsim.report.knobs import Slider, sliders
from marketsim.scenario import Scenario

MOST_QUICK = 5  # replications of an address
MOST_FIRST = 6  # policies that are shown where none is chosen, so that the first figures come soon
MOST_RUN = 2_000  # of a run that was asked for


@dataclass(frozen=True)
class Asked:
    """A checked question. moved: place of each slider that is not where the scenario has it."""

    scenario: str
    policies: tuple[str, ...]
    moved: Mapping[str, int] = field(default_factory=dict)
    n: int = 2
    lang: str = "en"
    run: str = ""
    pin: str = ""

    def query(self, **other: Any) -> str:
        """The address of the question, or of one that differs in some parts."""
        parts: list[tuple[str, str]] = [("scenario", self.scenario)]
        parts += [("policy", name) for name in self.policies]
        parts += [(f"set.{path}", str(place)) for path, place in sorted(self.moved.items())]
        known = {"n": str(self.n), "lang": self.lang, "run": self.run, "pin": self.pin} | other
        return urlencode([*parts, *((key, value) for key, value in known.items() if value)])


def read(query: Sequence[tuple[str, str]], scenarios: Mapping[str, Any], load: Any, most: int = MOST_QUICK) -> Asked:
    """The question of an address or a form. load: name -> Scenario. Raises InputError for what may not be asked."""
    parts: dict[str, list[str]] = {}
    for key, value in query:
        parts.setdefault(key, []).append(value)
    unknown = [key for key in parts if key not in _KEYS and not key.startswith("set.")]
    if unknown:
        raise InputError(Fault("no such part of a question", got=unknown[0][:80], allowed=", ".join(_KEYS)))
    name = parts.get("scenario", [next(iter(scenarios))])[0]
    if name not in scenarios:
        raise InputError(Fault("no scenario has this name", got=name[:80], hint=nearest(name, scenarios)))
    scenario = load(name)
    chosen = tuple(dict.fromkeys(parts.get("policy", ()))) or tuple(scenario.policies)[:MOST_FIRST]
    for one in chosen:
        if one not in scenario.policies:
            allowed = ", ".join(scenario.policies)
            raise InputError(
                Fault("no policy has this name", got=one[:80], allowed=allowed, hint=nearest(one, scenario.policies))
            )
    moved = _moved(parts, {one.path: one for one in sliders(scenario)})
    lang = parts.get("lang", ["en"])[0]
    if lang not in LANGUAGES:
        raise InputError(Fault("no such language", got=lang[:20], allowed=", ".join(LANGUAGES)))
    n = _whole(parts.get("n", ["2"])[0], "n", 1, most)
    return Asked(name, chosen, moved, n, lang, parts.get("run", [""])[0][:64], parts.get("pin", [""])[0][:4000])


_KEYS = ("scenario", "policy", "n", "lang", "run", "pin", "part", "csrf", "format")


def _moved(parts: Mapping[str, list[str]], known: Mapping[str, Slider]) -> dict[str, int]:
    moved = {}
    for key, values in parts.items():
        if not key.startswith("set."):
            continue
        path = key.removeprefix("set.")
        if path not in known:
            raise InputError(Fault("no slider moves this setting", got=path[:80], hint=nearest(path, known)))
        place = _whole(values[0], key, 0, len(known[path].values) - 1)
        if place != known[path].base:
            moved[path] = place
    return moved


def _whole(text: str, key: str, least: int, most: int) -> int:
    if not re.fullmatch(r"[0-9]{1,12}", text) or not least <= int(text) <= most:
        raise InputError(Fault("a whole number", key=key[:80], got=text[:20], allowed=f"{least} to {most:,}"))
    return int(text)


def edits(asked: Asked, scenario: Scenario) -> dict[str, Any]:
    """The question's sliders as edits of the scenario."""
    known = {one.path: one for one in sliders(scenario)}
    return {name: value for path, place in asked.moved.items() for name, value in known[path].edits(place).items()}


def safe_upload(data: Any) -> None:
    """Refuse an uploaded scenario that names a file: the page reads nothing from this machine. Raises InputError."""
    for path, key in _keys(data, ""):
        if key in ("file", "book", "files", "path"):
            raise InputError(Fault("a scenario from the browser may not name files", key=path[:200]))


def _keys(data: Any, path: str) -> list[tuple[str, str]]:
    if isinstance(data, list | tuple):
        return [found for one in data for found in _keys(one, path)]
    if not isinstance(data, Mapping):
        return []
    out: list[tuple[str, str]] = []
    for key, value in data.items():
        inside = f"{path}.{key}" if path else str(key)
        out += [(inside, str(key)), *_keys(value, inside)]
    return out
