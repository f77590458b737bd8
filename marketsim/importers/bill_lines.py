"""What the cells of a bill must be, and its lines together: amounts, moments, one currency, no time charged twice.

A line is checked by itself where it is the use of a machine, and all of them against their billing periods at the end.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from functools import lru_cache

from marketsim import strict_csv, units
from marketsim.billing.bill import Bill, Line, stamp
from marketsim.errors import Fault, InputError
from marketsim.importers.bill_table import Table

LARGEST_USD = Decimal(10) ** 12
LATEST_S = 31 * units.DAY_S  # use that is reported late stands on the next bill
_AMOUNT = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?", re.ASCII)


def usd(text: str) -> Decimal:
    """A finite amount, any sign, nothing for 0."""
    if not text.strip():
        return Decimal(0)
    if text.strip().lower().lstrip("+-") in ("nan", "inf", "infinity"):
        raise ValueError("the amount is not finite")
    if not _AMOUNT.fullmatch(text.strip()):
        grouped = re.fullmatch(r"[+-]?[0-9]{1,3}(,[0-9]{3})+(\.[0-9]*)?", text.strip())
        raise ValueError(f"is not an amount with a decimal point{' and no mark of thousands' if grouped else ''}")
    try:
        value = Decimal(text.strip())
    except InvalidOperation:
        raise ValueError("the amount is beyond any bill") from None
    if not value.is_finite():
        raise ValueError("the amount is not finite")
    if abs(value) > LARGEST_USD:
        raise ValueError("the amount is beyond any bill")
    return value


def needed_usd(text: str) -> Decimal:
    """A finite amount that is given."""
    if not text.strip():
        raise ValueError("the cell is empty, an amount is needed")
    return usd(text)


@lru_cache(maxsize=65_536)
def epoch_s(text: str) -> int:
    """Whole seconds since 1970 of a moment with Z or an offset."""
    return round(strict_csv.of_our_time(units.moment(text.strip())).timestamp())


def quantity(text: str) -> float:
    """A finite number, nothing for 0."""
    return float(usd(text))


def one_currency(table: Table, name: str) -> None:
    """Refuse two currencies, and one that is not USD: no rate of exchange is assumed."""
    cells = [cell.strip().upper() for cell in table.column(name)]
    found = sorted(set(cells))
    row = next((row for row, cell in enumerate(cells) if cell != "USD"), None)
    if row is None:
        return
    what, got = "only bills in USD are read: no rate of exchange is assumed", cells[row] or "nothing"
    if len(found) > 1:
        what, got = "a bill is in one currency, this one is in several", ", ".join(cell or "none" for cell in found)
    raise InputError(Fault(what, file=table.file, line=row + 2, key=name, got=got, allowed="USD"))


def used(table: Table, row: int, line: Line, names: tuple[str, str], period: tuple[int, ...]) -> Line:
    """The line of a bill, checked where it is the use of a machine; faults are kept.

    names: of the columns of the amount and of the start of use. period: the billing period (from, to, row). Refused are
    hours and dollars of other signs, since what is given back has a category or class of its own, and use far outside
    its billing period. Dollars of a machine without hours are not mapped: no price follows from them.
    """
    if line.category not in ("on_demand", "spot") or not line.gpus:
        return line
    if min(line.billed, line.effective) < 0 < line.hours or line.hours < 0 < max(line.billed, line.effective):
        what = f"{line.hours:g} hours of {line.instance} cannot cost this: a credit or correction is marked as one"
        table.wrong(row, names[0], what, f"{line.billed / units.MICRO} USD")
    if line.from_s < period[0] - LATEST_S or line.to_s > period[1] + LATEST_S:
        what = f"use lies more than {LATEST_S // units.DAY_S} days outside its billing period"
        table.wrong(row, names[1], what, f"{stamp(line.from_s)} to {stamp(line.to_s)}",
                    f"{stamp(period[0])} to {stamp(period[1])}")  # fmt: skip
    if line.hours == 0 and (line.billed or line.effective):
        reason = f"{line.instance} with no quantity of use"
        return line._replace(category="unmapped", instance="", gpu="", gpus=0, status="", reason=reason)
    return line


def no_overlap(table: Table, lines: Sequence[Line], periods: Mapping[tuple[str, str], tuple[int, ...]]) -> None:
    """Refuse billing periods that overlap, and an instance that is charged twice for one time.

    periods: (account, period text) -> (from, to, row). An instance is charged twice where the lines of its id overlap
    and together hold more hours than the time they cover.
    """
    for begins, ends, row in periods.values():
        if ends <= begins:
            table.wrong(row, "BillingPeriodEnd", "is not after BillingPeriodStart")
    by_account: dict[str, list[tuple[int, ...]]] = {}
    for (account, _), period in periods.items():
        by_account.setdefault(account, []).append(period)
    for spans in by_account.values():
        spans.sort()
        for before, after in itertools.pairwise(spans):
            if after[0] < before[1]:
                got = f"{stamp(before[0])} to {stamp(before[1])}, and {stamp(after[0])} to {stamp(after[1])}"
                table.wrong(after[2], "BillingPeriodStart", "overlapping billing periods of one account", got)
    held: dict[tuple[str, str], list[tuple[int, int, float, int, int]]] = {}
    for row, line in enumerate(lines):
        if line.resource and line.gpus and line.hours > 0 and line.status != "fee" and line.category != "refund":
            span = (line.from_s, line.to_s, line.hours, line.billed, row)
            held.setdefault((line.provider, line.resource), []).append(span)
    for (_, resource), charged in held.items():
        charged.sort()
        for one, two in itertools.pairwise(charged):
            hours = (max(one[1], two[1]) - one[0]) / units.HOUR_S
            if two[0] < one[1] and (one[2] + two[2] > hours * 1.001 or (one[:4] == two[:4] and one[3])):
                what = f"overlapping periods: {resource} is charged twice for the time from {stamp(two[0])}"
                table.wrong(two[4], "ChargePeriodStart", what)
    table.check()


def finished(table: Table, lines: list[Line], periods: Mapping[tuple[str, str], tuple[int, ...]]) -> Bill:
    """The bill, once no period overlaps; with a note where the last billing period is not charged to its end."""
    from marketsim.billing.commitments import settled

    no_overlap(table, lines, periods)
    notes = []
    bill = Bill(tuple(settled(lines)), table.file)
    last = max(period[1] for period in periods.values())
    if last - bill.to_s >= units.DAY_S:
        left = units.duration_text((last - bill.to_s) // units.DAY_S * units.DAY_S)
        notes.append(f"note: charges for compute end {left} before the last billing period does")
    return Bill(bill.lines, bill.source, tuple(notes))
