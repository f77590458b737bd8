"""A reader: the language and the currency in which numbers and sentences are put.

Sentences are templates with named places and a format a place, `{cost:usd}`; how a sum or a share is written is the
language's matter: 1.23M in English is 123万 in Chinese. Sums are kept in USD and turned at the reader's stated rate.
"""

from __future__ import annotations

import math
import re
import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from marketsim import i18n, units
from marketsim.errors import Fault, InputError, nearest
from marketsim.i18n import sources

FORMATS = (
    "usd", "usd_full", "price", "share", "points", "count", "number", "gpus", "hours", "months", "chance", "names",
    "measure", "items", "setting",
)  # fmt: skip
PARTS = ("demand", "supply", "market", "network", "levers", "policies", "finance", "experiment")  # of a scenario
SPELLED = {"usd": "USD", "gpu": "GPU", "gpus": "GPUs", "kwh": "kWh", "kw": "kW", "gb": "GB", "pue": "PUE"}
_EN = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "K"))
_ZH = ((1e12, "万亿"), (1e8, "亿"), (1e4, "万"))
_SIGNS = {"USD": "$", "CNY": "¥", "EUR": "€", "GBP": "£"}


@dataclass(frozen=True)
class Said:
    """A sentence before it is put into a language: the key of its template and the values of its places.

    A value may be a `Said` itself, and is then put into words first.
    """

    key: str
    values: Mapping[str, Any] = field(default_factory=dict)


def said(key: str, /, **values: Any) -> Said:
    """A sentence by key."""
    return Said(key, values)


@dataclass(frozen=True)
class Locale:
    """lang: `en` or `zh`. per_usd: units of the currency per USD, with the date and source it has."""

    lang: str = "en"
    currency: str = "USD"
    per_usd: float = 1.0
    as_of: str = ""
    source: str = ""

    def text(self, key: str, /, **values: Any) -> str:
        """The sentence of a key. Raises KeyError for one that no language has."""
        template = i18n.KINDS[self.lang][key]
        return _Places(self).vformat(template, (), values)

    def say(self, sentence: Said | str) -> str:
        """A sentence in this language; plain text stays as it is."""
        return sentence if isinstance(sentence, str) else self.text(sentence.key, **sentence.values)

    def name(self, group: str, word: str) -> str:
        """The word for a thing of a group (`kind`, `metric`, `account`), or its own name where there is none."""
        return i18n.KINDS[self.lang].get(f"{group}.{word}", word)

    def note(self, note: str) -> str:
        """Where a figure comes from: what is shipped in this language, a user's own note in the user's words."""
        return sources.chinese(note) if self.lang == "zh" else note

    def day(self, date: str) -> str:
        """A date that a source names: `March 2026`, `2026-08-03`, `2017`."""
        return sources.chinese_date(date) if self.lang == "zh" else date

    # -------------------------------------------------------------------------------------------- numbers

    def usd(self, usd: float | None) -> str:
        """A sum in three figures: `$1.23M`, `$456K`, `¥123万`.

        >>> Locale().usd(1234567), Locale("zh", "CNY", 7.1).usd(1234567), Locale().usd(-950.4), Locale().usd(999999)
        ('$1.23M', '¥877万', '-$950', '$1.00M')
        """
        return "–" if usd is None else self._money(self.compact(usd * self.per_usd))

    def usd_tick(self, usd: float) -> str:
        """A round sum beside an axis: `$2M`, `¥200万`."""
        text = self.usd(usd)
        for digits in (".00", ".0"):
            for size in ("K", "M", "B", "T", "万", "亿"):
                if text.endswith(digits + size):
                    return text.removesuffix(digits + size) + size
        return re.sub(r"(\.[0-9])0(?=[KMBT万亿]|$)", r"\1", text)

    def usd_full(self, usd: float | None) -> str:
        """A sum to the unit: `$1,234,567`."""
        return "–" if usd is None else self._money(f"{usd * self.per_usd:,.0f}")

    def price(self, usd: float | None) -> str:
        """A price an hour or a unit, to the cent where it has cents: `$2.35`, `$0.0042`."""
        if usd is None:
            return "–"
        amount = usd * self.per_usd
        return self._money(f"{amount:,.2f}" if abs(amount) >= 0.1 or amount == 0 else f"{amount:.2g}")

    def _money(self, digits: str) -> str:
        minus, digits = ("-", digits[1:]) if digits.startswith("-") else ("", digits)
        mark = _SIGNS.get(self.currency)
        if set(digits) <= set("0.,") and minus:
            minus = ""  # a sum that rounds to nothing has no sign
        return f"{minus}{mark}{digits}" if mark else f"{minus}{digits} {self.currency}"

    def compact(self, value: float) -> str:
        """Three figures and a word for the size: `1.23M`; in Chinese 万 and 亿."""
        steps = _ZH if self.lang == "zh" else _EN
        for place, (size, word) in enumerate(steps):
            if abs(value) < size * (0.9995 if place + 1 < len(steps) or self.lang == "en" else 0.99995):
                continue
            figure = _three(value / size)
            return figure + word
        return f"{value:,.0f}" if abs(value) >= 100 or value == round(value) else _three(value)

    def give_or_take(self, value: float, half: float | None) -> str:
        """A value and half of its interval, in one size and with as many decimals.

        >>> Locale().give_or_take(2_600_000, 431_000), Locale().give_or_take(611_620, 16_910)
        ('2.60 ±0.43M', '612 ±17K')
        """
        text = self.compact(value)
        if half is None:
            return text
        figure = text.rstrip("".join(word for _, word in (*_EN, *_ZH)))
        word = text[len(figure) :]
        size = next((size for size, known in (*_EN, *_ZH) if known == word), 1.0)
        return f"{figure} ±{half / size:,.{len(figure.partition('.')[2])}f}{word}"

    def share(self, share: float | None) -> str:
        """A share in percent: `12%`, `1.2%`, `0.03%`.

        >>> Locale().share(0.123), Locale().share(0.012), Locale().share(0.0003), Locale().share(0), Locale().share(1)
        ('12.3%', '1.2%', '0.03%', '0%', '100%')
        """
        if share is None:
            return "–"
        percent = round(100 * share, 9)
        if percent == round(percent):
            return f"{percent:.0f}%"
        if 99.9 < percent < 100:
            return ">99.9%"
        digits = 1 if abs(percent) >= 1 else min(4, 1 - math.floor(math.log10(abs(percent))))
        text = f"{percent:.{digits}f}"
        return (text.rstrip("0").rstrip(".") if digits > 1 else text) + "%"

    def points(self, share: float | None) -> str:
        """A difference of shares in percentage points, with its sign."""
        return "–" if share is None else f"{100 * share:+.1f} {self.text('unit.points')}"

    def count(self, value: float | None) -> str:
        """A whole number with separators."""
        return "–" if value is None else f"{value:,.0f}"

    def number(self, value: float | None) -> str:
        """Three figures."""
        return "–" if value is None else self.compact(value)

    def gpus(self, value: float | None) -> str:
        """GPUs, with a decimal where there are few."""
        return "–" if value is None else (f"{value:,.0f}" if abs(value) >= 20 else f"{value:.1f}".removesuffix(".0"))

    def hours(self, value: float | None) -> str:
        """Hours as minutes, hours or days, whichever reads best."""
        if value is None:
            return "–"
        if abs(value) >= 72:
            return f"{_plain(value / 24)}\u00a0{self.text('unit.days')}"
        if abs(value) >= 1 or value == 0:
            return f"{_plain(value)}\u00a0{self.text('unit.hours')}"
        return f"{60 * value:.0f}\u00a0{self.text('unit.minutes')}"

    def months(self, seconds: float) -> str:
        """A span of seconds in months of 730 h, or in days where it is short."""
        if seconds >= 2 * units.MONTH_S:
            return f"{_plain(seconds / units.MONTH_S)}\u00a0{self.text('unit.months')}"
        return f"{_plain(seconds / units.DAY_S)}\u00a0{self.text('unit.days')}"

    def chance(self, share: float | None) -> str:
        """A probability, without claiming more than it can: never 0% and never 100%."""
        if share is None:
            return "–"
        return "<0.1%" if share < 0.001 else ">99.9%" if share > 0.999 else self.share(round(share, 3))

    def names(self, names: Any) -> str:
        """Names one after the other; sentences among them are said."""
        words = (self.say(name) if isinstance(name, Said) else str(name) for name in names)
        return ("、" if self.lang == "zh" else ", ").join(words)

    def setting(self, path: str) -> str:
        """A dotted path as words, keys that this language knows in its own.

        >>> Locale().setting("supply.aws-p5.usd_per_gpu_hour"), Locale("zh").setting("supply.own.usd_per_kwh")
        ('aws-p5 · USD per GPU-hour', 'own · 每千瓦时美元')
        """
        parts = path.split(".")
        parts = parts[1:] if len(parts) > 1 and parts[0] in PARTS else parts
        return " · ".join(i18n.KINDS[self.lang].get(f"key.{part}") or _spelled(part) for part in parts)

    def measure(self, pair: tuple[str, float | None]) -> str:
        """A metric's name and its value, as `metric` writes it."""
        return self.metric(*pair)

    def items(self, listed: tuple[str, list[tuple[str, Any]]]) -> str:
        """Names, each with its value in one form: `a $1.2M; b $1.3M`."""
        form, pairs = listed
        parts = [f"{name} {getattr(self, form)(value)}" for name, value in pairs]
        return ("；" if self.lang == "zh" else "; ").join(parts)

    def metric(self, metric: str, value: float | None) -> str:
        """A value as its metric is written: sums of money, shares, hours, counts."""
        from marketsim.metrics import describe

        known = describe(metric)
        unit = known.unit if known else ""
        if unit == "share":
            return self.share(value)
        if unit == "USD":
            return self.usd(value)
        if unit == "USD/GPU-h":
            return self.price(value)
        if unit == "h":
            return self.hours(value)
        return self.number(value)


def _three(value: float) -> str:
    """Three figures, as they are read: 1.23, 12.3, 123."""
    size = abs(value)
    return f"{value:.2f}" if size < 9.995 else f"{value:.1f}" if size < 99.95 else f"{value:,.0f}"


def _plain(value: float) -> str:
    """Three figures without noughts that say nothing."""
    text = _three(value)
    return text.rstrip("0").rstrip(".") if "." in text else text


def _spelled(key: str) -> str:
    """A key as its words are written: with the units' own capitals."""
    if "_" not in key:
        return SPELLED.get(key, key)
    words = " ".join(SPELLED.get(word, word) for word in key.split("_"))
    return words.replace("GPU hour", "GPU-hour")


class _Places(string.Formatter):
    """Fills a template's places by the reader's formats. Values are never read as templates."""

    def __init__(self, locale: Locale) -> None:
        self.locale = locale

    def format_field(self, value: Any, format_spec: str) -> str:
        """A value by its place's format; without one, a sentence is said and all else is text."""
        if isinstance(value, Said):
            return self.locale.say(value)
        if not format_spec:
            return str(value)
        if format_spec not in FORMATS:
            raise KeyError(f"no format is called {format_spec!r}")
        return str(getattr(self.locale, format_spec)(value))


ENGLISH = Locale()


def locale_of(lang: str | Locale = "en", display: Any = None) -> Locale:
    """The reader of a language, with the currency of a scenario's `finance.display` where given.

    Raises InputError for a language that is not known.
    """
    if isinstance(lang, Locale):
        return lang
    if lang not in i18n.KINDS:
        hint = nearest(lang, i18n.KINDS)
        raise InputError(Fault("no such language", key="lang", got=lang, allowed=", ".join(i18n.KINDS), hint=hint))
    if display is None or display.currency == "USD":
        return Locale(lang)
    return Locale(lang, display.currency, float(display.per_usd), str(display.as_of or ""), str(display.source or ""))
