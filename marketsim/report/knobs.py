"""Settings of a scenario that are worth moving: the numbers a reader asks about, each with steps about its own value.

The page has them as sliders; a report has the few that move its own answer, run beforehand.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from marketsim.errors import Fault, InputError, nearest
from marketsim.experiment.results import Results
from marketsim.scenario import Scenario, to_data

MOST_SLIDERS, MOST_OF_A_SORT = 12, 3
STEPS = (0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0, 4.0)
FEW_STEPS = (0.5, 1.0, 2.0)  # where every combination is run beforehand
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
        own, here = self.values[self.base], self.values[place]
        return {self.path: self.value(place), **{path: float(f"{value * here / own:.6g}") for path, value in self.also}}


def sliders(scenario: Scenario) -> tuple[Slider, ...]:
    """About a dozen numbers of a scenario, each with values about its own; at most three of a sort."""
    numbers = dict(_numbers(to_data(scenario), "")) | _list_prices(scenario)
    found: list[Slider] = []
    for pattern in _WANTED:
        of_a_sort = [path for path, value in numbers.items() if re.fullmatch(pattern, path) and value > 0]
        found += [_slider(path, numbers[path], numbers) for path in of_a_sort[:MOST_OF_A_SORT]]
    return tuple(found[:MOST_SLIDERS])


def slider(scenario: Scenario, path: str, values: Sequence[float], beside: Sequence[str] = ()) -> Slider:
    """A slider over values that are given; the scenario's own is put among them. beside: paths of the other sliders.

    Raises InputError where there is no number at the path.
    """
    numbers = dict(_numbers(to_data(scenario), "")) | _list_prices(scenario)
    if path not in numbers:
        hint = nearest(path, numbers)
        raise InputError(Fault("no number of the scenario stands there", key=path, hint=hint))
    own = numbers[path]
    if any(isinstance(value, bool) or not isinstance(value, int | float) for value in values):
        raise InputError(Fault("a slider moves over numbers", key=path, got=", ".join(map(str, values))))
    kept = tuple(sorted({float(own), *map(float, values)}))
    whole = all(float(value).is_integer() for value in (own, *values)) and isinstance(own, int)
    return Slider(path, kept, kept.index(float(own)), whole, _along(path, numbers, beside))


def telling(
    scenario: Scenario, results: Results, prices_at: Sequence[float] = FEW_STEPS, needs_at: Sequence[float] = FEW_STEPS
) -> tuple[Slider, ...]:
    """Two sliders for a report: what the best policy spends most on, and how much is needed.

    The first is the price of the offer with the largest share of the best policy's cost, or of the next that has one.
    prices_at, needs_at: shares of the scenario's own values, 1 among them.
    """
    numbers = dict(_numbers(to_data(scenario), "")) | _list_prices(scenario)
    order = results.best().order or tuple(results.policies)
    spent = {
        offer: results.cell(order[0], f"cost_usd/offer/{offer}")["mean"] or 0.0
        for offer in scenario.supply
        if f"cost_usd/offer/{offer}" in results.metrics
    }
    prices = [
        f"supply.{offer}.{key}"
        for offer in sorted(spent, key=lambda offer: -spent[offer])
        for key in ("usd_per_gpu_hour", "usd_per_server", "usd_per_device")
        if numbers.get(f"supply.{offer}.{key}", 0) > 0
    ]
    needs = [path for pattern in _WANTED[:3] for path in numbers if re.fullmatch(pattern, path) and numbers[path] > 0]
    chosen = [(path, prices_at) for path in prices[:1]] + [(path, needs_at) for path in needs[:1]]
    return tuple(_slider(path, numbers[path], numbers, shares) for path, shares in chosen)


def _slider(path: str, value: float, numbers: Mapping[str, float], shares: Sequence[float] = STEPS) -> Slider:
    """A step a share of a value; fewer where they fall together, or below what can be."""
    whole = isinstance(value, int)
    least = 1.0 if whole or path.endswith(".pue") else 0.0
    own = float(value) if whole else float(f"{value:.6g}")
    steps = [float(round(value * step)) if whole else float(f"{value * step:.6g}") for step in shares]
    kept = tuple(sorted({own, *(max(one, least) for one in steps)}))
    return Slider(path, kept, kept.index(own), whole, _along(path, numbers))


def _along(path: str, numbers: Mapping[str, float], beside: Sequence[str] = ()) -> tuple[tuple[str, float], ...]:
    """The P90 beside a median, which moves in proportion so that the spread stays; not where it has its own slider."""
    upper = path.removesuffix("median") + "p90"
    moves = path.endswith(".median") and upper in numbers and upper not in beside
    return ((upper, numbers[upper]),) if moves else ()


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
