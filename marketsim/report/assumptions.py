"""What a scenario takes for granted: each setting that has a source, and each list price with its date."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from marketsim.i18n.locale import ENGLISH, Locale

if TYPE_CHECKING:
    from marketsim.scenario import Scenario

_DATE = re.compile(
    r"\b(?:(?:19|20)[0-9]{2}-[0-9]{2}(?:-[0-9]{2})?"
    r"|(?:January|February|March|April|May|June|July|August|September|October|November|December) (?:19|20)[0-9]{2}"
    r"|(?:19|20)[0-9]{2})\b"
)


class Assumption(NamedTuple):
    """A setting by dotted path, its value as text, where it comes from and the date that its source names."""

    path: str
    value: str
    source: str
    date: str


def of(scenario: Scenario, locale: Locale = ENGLISH) -> tuple[Assumption, ...]:
    """In the order of the scenario: sourced settings, then list prices out of the catalogue; notes and dates as the
    reader's language has them."""
    from marketsim.scenario import to_data

    data = to_data(scenario)
    out = [
        Assumption(path, value_text(_get(data, path)), source, date_in(source))
        for path, source in scenario.sources.items()
    ]
    out += _catalogue(scenario)
    return tuple(one._replace(source=locale.note(one.source), date=locale.day(one.date)) for one in out)


def date_in(text: str) -> str:
    """The last date that a source names, empty where it names none.

    >>> date_in("AWS price list of 2026-08-03"), date_in("market quote, March 2026"), date_in("assumption")
    ('2026-08-03', 'March 2026', '')
    """
    found = _DATE.findall(text)
    return found[-1] if found else ""


def value_text(value: Any, most: int = 90) -> str:
    """A setting in short: scalars as they are, mappings as `key value`."""
    if isinstance(value, Mapping) and value.get("kind") == "constant":
        given = [one for key, one in value.items() if key != "kind" and one not in (None, [], {})]
        text = value_text(given[0]) if len(given) == 1 else ", ".join(map(value_text, given))
    elif isinstance(value, Mapping):
        inside = [f"{key} {value_text(one)}" for key, one in value.items() if one not in (None, [], {})]
        text = ", ".join(inside)
    elif isinstance(value, list | tuple):
        text = ", ".join(value_text(one) for one in value)
    elif isinstance(value, float):
        text = f"{value:g}"
    else:
        text = str(value)
    return text if len(text) <= most else text[: most - 1] + "…"


def _get(data: Any, path: str) -> Any:
    from marketsim import dotted

    found = dotted.get(data, path)
    return "" if found is dotted.MISSING else found


def _catalogue(scenario: Scenario) -> Iterator[Assumption]:
    """List prices: the row of the packaged catalogue that each offer takes, with its date and source."""
    for name, kind in scenario.supply.items():
        setting = kind.price_setting()
        find = getattr(setting, "find", None)
        if setting is None or find is None:
            continue
        found = find(kind.asked(name), scenario.folder)
        source = f"{found.row.source}" + (f"; {found.estimate}" if found.estimate else "")
        usd = found.usd * (1 - float(getattr(setting, "discount", 0.0)))
        yield Assumption(f"supply.{name}.usd_per_gpu_hour", f"{usd:g} ({found.row})", source, found.row.date)
