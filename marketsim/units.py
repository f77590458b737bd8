"""Whole seconds, whole micro-dollars, whole thousandths of a GPU: the three integers every number is made of.

Float hours read one deadline in nine, met to the second, as missed; integers cannot. Text enters through
`duration_s` and `moment`, money through `micro`, and nothing else in the package converts units.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction

MINUTE_S = 60
HOUR_S = 3_600
DAY_S = 86_400
WEEK_S = 7 * DAY_S
MONTH_S = 730 * HOUR_S  # what cloud price lists mean by a month
YEAR_S = 8_760 * HOUR_S  # and by a year
LONGEST_S = 20 * YEAR_S  # no horizon, term or life beyond this

MICRO = 1_000_000  # micro-dollars in a dollar
MILLI = 1_000  # milli-GPUs in a GPU
PPM = 1_000_000  # speeds are whole millionths of the reference GPU
UNLIMITED = 1_000_000_000  # "as many instances as you like"

_UNITS = {
    "s": 1,
    "min": MINUTE_S,
    "h": HOUR_S,
    "d": DAY_S,
    "w": WEEK_S,
    "month": MONTH_S,
    "months": MONTH_S,
    "y": YEAR_S,
}
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?)?")
_DURATION = re.compile(r"(0|[1-9][0-9]*)(\.[0-9]+)? ?([A-Za-z]+)")


def duration_s(text: str) -> int:
    """Whole seconds of a duration such as `5 s`, `3 min`, `36 h`, `90 d`, `2 w`, `12 months` or `5 y`.

    A month is 730 h and a year 8,760 h. Raises ValueError where the unit is missing or unknown, or the duration is
    no whole number of seconds.

    >>> duration_s("36 h"), duration_s("1.5 d"), duration_s("12 months")
    (129600, 129600, 31536000)
    """
    found = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if found is None or found[3] not in _UNITS:
        raise ValueError("a duration needs a number and one of the units s, min, h, d, w, months, y, as in `36 h`")
    seconds = Fraction(found[1] + (found[2] or "")) * _UNITS[found[3]]
    if seconds.denominator != 1:
        raise ValueError("a duration must be a whole number of seconds")
    return int(seconds)


def duration_text(seconds: int) -> str:
    """The shortest text that `duration_s` reads back as the same seconds.

    >>> duration_text(129600), duration_text(31536000), duration_text(90)
    ('36 h', '1 y', '90 s')
    """
    for name in ("y", "w", "d", "h", "min"):
        size = _UNITS[name]
        if seconds and seconds % size == 0:
            return f"{seconds // size} {name}"
    return f"{seconds} s"


def moment(text: str) -> datetime:
    """The instant named by an ISO 8601 text with `Z` or an offset; ValueError without one, or for no real date."""
    try:
        at = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        if isinstance(text, str) and _MOMENT.fullmatch(text):
            raise ValueError("no such date or time of day; a moment is written YYYY-MM-DDTHH:MM:SSZ") from None
        raise ValueError("a moment is written YYYY-MM-DDTHH:MM:SSZ, or with an offset such as +02:00") from None
    if at.tzinfo is None:
        raise ValueError("a moment needs Z or an offset such as +02:00: local times are ambiguous")
    return at.astimezone(UTC)


def micro(usd: float | str | Decimal | Fraction) -> int:
    """Whole micro-dollars of an amount in USD, rounded half to even once.

    >>> micro("0.0000005"), micro("0.0000015"), micro(2.5)
    (0, 2, 2500000)
    """
    if isinstance(usd, float):
        return round(usd * MICRO)
    if isinstance(usd, Fraction):
        return round(usd * MICRO)
    return int((Decimal(usd) * MICRO).to_integral_value(ROUND_HALF_EVEN))


def usd(micro_usd: int) -> float:
    """USD of whole micro-dollars."""
    return micro_usd / MICRO


def shares(total: int, weights: Sequence[int]) -> list[int]:
    """Split a whole total in proportion to whole weights by largest remainder; the parts add up to the total.

    Ties go to the earlier part. All weights 0 puts the total on the first part. Raises ValueError without weights.

    >>> shares(100, [1, 1, 1])
    [34, 33, 33]
    """
    if not weights:
        raise ValueError("nothing to split over")
    whole = sum(weights)
    if whole == 0:
        return [total] + [0] * (len(weights) - 1)
    sign = -1 if total < 0 else 1
    parts = [abs(total) * weight // whole for weight in weights]
    rest = [abs(total) * weight % whole for weight in weights]
    for index in sorted(range(len(weights)), key=lambda i: (-rest[i], i))[: abs(total) - sum(parts)]:
        parts[index] += 1
    return [sign * part for part in parts]


def ceil_div(amount: int, rate: int) -> int:
    """The least whole number of seconds in which `rate` a second does `amount`: exact, unlike ceil of a float."""
    return -(-amount // rate)
