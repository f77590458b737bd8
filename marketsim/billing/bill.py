"""A bill: every line that a provider invoiced, in whole micro-dollars, with what it was for and what it could not say.

A real bill and a simulated one are the same thing here, so that the future reads like the past. Billed is what was
invoiced; effective spreads what was paid in advance over what it covers: the two cost columns of FOCUS.
"""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from functools import lru_cache
from typing import Literal, NamedTuple

from marketsim import units

Basis = Literal["billed", "effective"]

CATEGORIES = {
    "on_demand": "GPU instances on demand",
    "spot": "GPU instances on spot",
    "committed": "GPU instances by commitment: fees, what was used of it, what was not",
    "storage": "data kept",
    "egress": "data taken out",
    "own": "servers of one's own and what they need",
    "tokens": "tokens of a hosted model",
    "credit": "credits",
    "refund": "refunds and corrections of earlier bills",
    "tax": "taxes",
    "other": "what a simulated run charges beside these",
    "unmapped": "what the model has no place for",
}
COMPUTE = ("on_demand", "spot", "committed")


class Line(NamedTuple):
    """One line of a bill.

    from_s, to_s: charge period in seconds since 1970. month: YYYY-MM of the invoice. billed, effective: micro-dollars.
    gpus: of one instance; hours: instance-hours, or GB-months of storage. resource, commitment: the provider's ids.
    offer: the simulated offer, or the name given to it. reason: why a line is unmapped.
    """

    from_s: int
    to_s: int
    month: str
    billed: int
    effective: int
    category: str
    provider: str = ""
    region: str = ""
    service: str = ""
    what: str = ""
    instance: str = ""
    gpu: str = ""
    gpus: int = 0
    hours: float = 0.0
    resource: str = ""
    commitment: str = ""
    status: str = ""  # of a commitment's line: fee, used, unused
    offer: str = ""
    kind: str = ""
    reason: str = ""

    def amount(self, basis: Basis) -> int:
        """Micro-dollars, as invoiced or as used."""
        return self.billed if basis == "billed" else self.effective


class Group(NamedTuple):
    """Unmapped lines of one service and reason: how many, and micro-dollars billed and effective."""

    service: str
    what: str
    reason: str
    lines: int
    billed: int
    effective: int


@dataclass(frozen=True, eq=False)
class Bill:
    """All lines of a bill in the file's order, and what a reader of it must know."""

    lines: tuple[Line, ...]
    source: str = ""
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.lines)

    @property
    def from_s(self) -> int:
        """The first second charged for by a line of compute, or by any where there is none; since 1970."""
        return min(line.from_s for line in self._timed())

    @property
    def to_s(self) -> int:
        """The second at which the last such line ends."""
        return max(line.to_s for line in self._timed())

    def _timed(self) -> list[Line]:
        return [line for line in self.lines if line.category in COMPUTE and line.status != "fee"] or list(self.lines)

    @property
    def months(self) -> tuple[str, ...]:
        """Months of all lines, in order."""
        return tuple(sorted({line.month for line in self.lines}))

    def total(self, basis: Basis = "billed", categories: Iterable[str] | None = None) -> int:
        """Micro-dollars of all lines, or of some categories."""
        wanted = None if categories is None else frozenset(categories)
        return sum(line.amount(basis) for line in self.lines if wanted is None or line.category in wanted)

    def by_category(self, basis: Basis = "billed") -> dict[str, int]:
        """Category -> micro-dollars, of the categories that have lines, in their order."""
        sums: dict[str, int] = defaultdict(int)
        for line in self.lines:
            sums[line.category] += line.amount(basis)
        return {name: sums[name] for name in CATEGORIES if name in sums}

    def by_month(self, basis: Basis = "billed") -> dict[tuple[str, str], int]:
        """(month, category) -> micro-dollars."""
        sums: dict[tuple[str, str], int] = defaultdict(int)
        for line in self.lines:
            sums[line.month, line.category] += line.amount(basis)
        return dict(sorted(sums.items()))

    def unmapped(self) -> list[Group]:
        """What could not be mapped, the dearest first."""
        groups: dict[tuple[str, str, str], list[Line]] = defaultdict(list)
        for line in self.lines:
            if line.category == "unmapped":
                groups[line.service, line.what, line.reason].append(line)
        found = [
            Group(*key, len(lines), sum(one.billed for one in lines), sum(one.effective for one in lines))
            for key, lines in groups.items()
        ]
        return sorted(found, key=lambda one: (-abs(one.billed) - abs(one.effective), one))

    def summary(self) -> list[str]:
        """Each category's dollars, a line each, then the total, what is unmapped, and the notes."""
        billed, effective = self.by_category(), self.by_category("effective")
        counts: dict[str, int] = defaultdict(int)
        for line in self.lines:
            counts[line.category] += 1
        out = [
            f"{name}: {usd_text(billed[name])} USD billed, {usd_text(effective[name])} effective, {counts[name]} lines"
            for name in billed
        ]
        out.append(f"total: {usd_text(self.total())} USD billed, {usd_text(self.total('effective'))} effective")
        for one in self.unmapped():
            out.append(f"unmapped: {usd_text(one.billed)} USD, {one.lines} lines of {one.what}: {one.reason}")
        return [*out, *self.notes]

    def text(self) -> str:
        """The lines as CSV; text that a spreadsheet would run is made harmless."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(["from", "to", *Line._fields[2:3], "billed_usd", "effective_usd", *Line._fields[5:]])
        for line in self.lines:
            head = [stamp(line.from_s), stamp(line.to_s), line.month, exact_usd(line.billed), exact_usd(line.effective)]
            writer.writerow([*head, *(harmless(value) if isinstance(value, str) else value for value in line[5:])])
        return out.getvalue()


class Rounder:
    """Amounts of any precision to whole micro-dollars whose sum is the rounded sum: nothing is lost between the lines.

    Each line is within a micro-dollar of its amount; amounts that are whole stay as they are.
    """

    def __init__(self) -> None:
        self._exact, self._given = Decimal(0), 0

    def micro(self, usd: Decimal) -> int:
        """Micro-dollars of the next amount."""
        self._exact += usd * units.MICRO
        whole = int(self._exact.to_integral_value(ROUND_HALF_EVEN))
        part, self._given = whole - self._given, whole
        return part


def stamp(epoch_s: int) -> str:
    """YYYY-MM-DDTHH:MM:SSZ of seconds since 1970."""
    return datetime.fromtimestamp(epoch_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@lru_cache(maxsize=65_536)
def month_of(epoch_s: int) -> str:
    """YYYY-MM of seconds since 1970.

    >>> month_of(0)
    '1970-01'
    """
    return datetime.fromtimestamp(epoch_s, UTC).strftime("%Y-%m")


def next_month_s(epoch_s: int) -> int:
    """The first second of the next calendar month, in UTC."""
    at = datetime.fromtimestamp(epoch_s, UTC)
    year, month = (at.year + 1, 1) if at.month == 12 else (at.year, at.month + 1)
    return int(datetime(year, month, 1, tzinfo=UTC).timestamp())


def month_start_s(epoch_s: int) -> int:
    """The first second of the calendar month, in UTC."""
    at = datetime.fromtimestamp(epoch_s, UTC)
    return int(datetime(at.year, at.month, 1, tzinfo=UTC).timestamp())


def month_parts(from_s: int, to_s: int) -> list[tuple[int, int]]:
    """A span cut at the calendar months' ends: (from, to) in seconds since 1970; never empty."""
    parts, at = [], from_s
    while at < to_s:
        end = min(next_month_s(at), to_s)
        parts.append((at, end))
        at = end
    return parts or [(from_s, max(from_s, to_s))]


def exact_usd(micro: int) -> str:
    """Dollars of micro-dollars with all six decimals.

    >>> exact_usd(-1), exact_usd(12_345_678)
    ('-0.000001', '12.345678')
    """
    sign, whole = ("-" if micro < 0 else ""), abs(micro)
    return f"{sign}{whole // units.MICRO}.{whole % units.MICRO:06d}"


def usd_text(micro: int) -> str:
    """Dollars for a reader, in cents."""
    return f"{micro / units.MICRO:,.2f}"


def harmless(text: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    return "'" + text if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def merged(parts: Sequence[Bill]) -> Bill:
    """Several bills as one."""
    return Bill(
        tuple(line for bill in parts for line in bill.lines),
        ", ".join(bill.source for bill in parts),
        tuple(note for bill in parts for note in bill.notes),
    )
