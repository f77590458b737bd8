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
from marketsim.scenario import Scenario, to_data

MOST_QUICK = 5  # replications of an address
MOST_RUN = 2_000  # of a run that was asked for
MOST_SLIDERS = 12
STEPS = (0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0, 4.0)
_WANTED = (  # settings that a slider may move, the most telling first
    r"demand\.[^.]+\.requests_per_s(\.mean)?",
    r"demand\.[^.]+\.arrivals\.per_day",
    r"demand\.[^.]+\.work_gpu_hours(\.median)?",
    r"supply\.[^.]+\.usd_per_gpu_hour",
    r"supply\.[^.]+\.usd_per_(server|device)",
    r"policies\.[^.]+\.procurement\.(sign|buy)\[[0-9]\]\.instances",
    r"supply\.[^.]+\.usd_per_kwh",
    r"supply\.[^.]+\.pue",
    r"finance\.cost_of_capital_per_year",
    r"finance\.other_burn_usd_per_month",
    r"initial\.cash_usd",
)


@dataclass(frozen=True)
class Slider:
    """A setting that may be moved: its path, the values it may take, and where the scenario stands."""

    path: str
    values: tuple[float, ...]
    base: int
    whole: bool
    also: tuple[tuple[str, float], ...] = ()  # settings that move in proportion: a P90 with its median

    def text(self, place: int) -> str:
        """A value as it is shown."""
        return f"{self.values[place]:,.6g}"

    def value(self, place: int) -> float | int:
        """A value as the scenario takes it."""
        return int(self.values[place]) if self.whole else self.values[place]

    def edits(self, place: int) -> dict[str, float | int]:
        """What moving it to a place changes, by dotted path."""
        ratio = self.values[place] / self.values[self.base]
        return {self.path: self.value(place), **{path: float(f"{value * ratio:.6g}") for path, value in self.also}}


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


def sliders(scenario: Scenario) -> tuple[Slider, ...]:
    """About a dozen numbers of a scenario, each with values about its own."""
    numbers = dict(_numbers(to_data(scenario), "")) | _list_prices(scenario)
    found: list[Slider] = []
    for pattern in _WANTED:
        for path, value in numbers.items():
            if re.fullmatch(pattern, path) and value > 0 and len(found) < MOST_SLIDERS:
                found.append(_slider(path, value, numbers))
    return tuple(found)


def _slider(path: str, value: float, numbers: Mapping[str, float]) -> Slider:
    """Nine steps about a value; fewer where they fall together, or below what can be."""
    whole = isinstance(value, int)
    least = 1.0 if whole or path.endswith(".pue") else 0.0
    own = float(value) if whole else float(f"{value:.6g}")
    steps = [float(round(value * step)) if whole else float(f"{value * step:.6g}") for step in STEPS]
    kept = tuple(sorted({own, *(max(one, least) for one in steps)}))
    upper = path.removesuffix("median") + "p90"
    also = ((upper, numbers[upper]),) if path.endswith(".median") and upper in numbers else ()
    return Slider(path, kept, kept.index(own), whole, also)


def _list_prices(scenario: Scenario) -> dict[str, float]:
    """USD per GPU-hour of offers that take theirs out of the catalogue; moving one puts a number in its place."""
    out = {}
    for name, kind in scenario.supply.items():
        setting = kind.price_setting()
        find = getattr(setting, "find", None)
        if find is not None:
            found = find(kind.asked(name), scenario.folder)
            out[f"supply.{name}.usd_per_gpu_hour"] = found.usd * (1 - float(getattr(setting, "discount", 0.0)))
    return out


def _numbers(data: Any, path: str) -> list[tuple[str, float]]:
    out: list[tuple[str, float]] = []
    if isinstance(data, Mapping):
        plain = [one for one in data.values() if isinstance(one, int | float) and not isinstance(one, bool)]
        if data.get("kind") == "constant" and len(plain) == 1:
            return [(path, plain[0])]  # written as a bare number
        for key, value in data.items():
            out += _numbers(value, f"{path}.{key}" if path else str(key))
    elif isinstance(data, list | tuple):
        for place, value in enumerate(data):
            out += _numbers(value, f"{path}[{place}]")
    elif isinstance(data, int | float) and not isinstance(data, bool):
        out.append((path, data))
    return out


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
    chosen = tuple(dict.fromkeys(parts.get("policy", ()))) or tuple(scenario.policies)
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
