"""How a server's cost is written off over its life: straight line, declining balance, sum of digits, MACRS.

Each method is a pure function of a year's charges in whole micro-dollars that add up exactly, and a small kind that a
scenario may name. Within a year an asset loses value evenly, to the second.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from marketsim import units
from marketsim.settings import Kind, one_of

MACRS_5_YEAR = (2_000, 3_200, 1_920, 1_152, 1_152, 576)  # hundredths of a per cent; IRS Pub. 946, table A-1


def straight_line(cost: int, salvage: int, years: int) -> list[int]:
    """Equal charges, (cost - salvage) / years each, the odd micro-dollars in the first years.

    >>> straight_line(300_000, 30_000, 5)
    [54000, 54000, 54000, 54000, 54000]
    """
    return units.shares(cost - salvage, [1] * years)


def declining_balance(
    cost: int, salvage: int, years: int, factor: float = 2.0, last_takes_rest: bool = False
) -> list[int]:
    """A rate of factor / years on what is left, never below salvage.

    What is left above salvage after the life stays, or goes in the last year where `last_takes_rest`.

    >>> declining_balance(300_000, 30_000, 5)
    [120000, 72000, 43200, 25920, 8880]
    >>> declining_balance(300_000, 0, 5), declining_balance(300_000, 0, 5, last_takes_rest=True)
    ([120000, 72000, 43200, 25920, 15552], [120000, 72000, 43200, 25920, 38880])
    """
    book, charges = cost, []
    for year in range(years):
        rest = last_takes_rest and year == years - 1
        wanted = book - salvage if rest else round(book * factor / years)
        charges.append(min(wanted, book - salvage))
        book -= charges[-1]
    return charges


def sum_of_years_digits(cost: int, salvage: int, years: int) -> list[int]:
    """Charges in proportion to the years left: years, years - 1, ..., 1.

    >>> sum_of_years_digits(300_000, 30_000, 5)
    [90000, 72000, 54000, 36000, 18000]
    """
    return units.shares(cost - salvage, list(range(years, 0, -1)))


def macrs_5_year(cost: int) -> list[int]:
    """US tax depreciation of computers, half-year convention: six charges that write off the whole cost.

    >>> macrs_5_year(300_000)
    [60000, 96000, 57600, 34560, 34560, 17280]
    """
    return units.shares(cost, MACRS_5_YEAR)


def written_off(charges: Sequence[int], age_s: int) -> int:
    """Micro-dollars written off by an age in seconds, a year's charge evenly over its 8,760 h.

    >>> written_off([120, 72], units.YEAR_S + units.YEAR_S // 2), written_off([120, 72], 9 * units.YEAR_S)
    (156, 192)
    """
    year, rest = divmod(max(age_s, 0), units.YEAR_S)
    if year >= len(charges):
        return sum(charges)
    return sum(charges[:year]) + charges[year] * rest // units.YEAR_S


class Method(Kind):
    """The contract: micro-dollars of a cost written off by an age in seconds; never falling, whole from some age on."""

    kind: str

    def written_off(self, cost: int, salvage: int, life_s: int, age_s: int) -> int:
        """What is written off by then of a cost that is expected to resell at `salvage` after `life_s`."""
        raise NotImplementedError


class StraightLine(Method):
    """The same amount each second of the life."""

    kind: Literal["straight_line"] = "straight_line"

    def written_off(self, cost: int, salvage: int, life_s: int, age_s: int) -> int:
        """Micro-dollars written off by an age; cost - salvage from the end of the life on."""
        return (cost - salvage) * min(max(age_s, 0), life_s) // life_s


class DecliningBalance(Method):
    """A fixed share of what is left each year, down to the resale value by the end; the life is whole years."""

    kind: Literal["declining_balance"] = "declining_balance"
    factor: float = Field(default=2.0, ge=1, le=3, description="times the straight-line rate; 2 is double declining")

    def written_off(self, cost: int, salvage: int, life_s: int, age_s: int) -> int:
        """Micro-dollars written off by an age."""
        charges = declining_balance(cost, salvage, life_s // units.YEAR_S, self.factor, last_takes_rest=True)
        return written_off(charges, age_s)


class SumOfYearsDigits(Method):
    """Charges that fall by equal steps each year; the life is whole years."""

    kind: Literal["sum_of_years_digits"] = "sum_of_years_digits"

    def written_off(self, cost: int, salvage: int, life_s: int, age_s: int) -> int:
        """Micro-dollars written off by an age."""
        return written_off(sum_of_years_digits(cost, salvage, life_s // units.YEAR_S), age_s)


class Macrs5(Method):
    """US accelerated tax depreciation over six tax years, to nothing: resale then shows as a gain at the end."""

    kind: Literal["macrs5"] = "macrs5"

    def written_off(self, cost: int, salvage: int, life_s: int, age_s: int) -> int:
        """Micro-dollars written off by an age, whatever the life and salvage that the owner expects."""
        return written_off(macrs_5_year(cost), age_s)


KINDS: dict[str, type[Kind]] = {
    "straight_line": StraightLine,
    "declining_balance": DecliningBalance,
    "sum_of_years_digits": SumOfYearsDigits,
    "macrs5": Macrs5,
}

if TYPE_CHECKING:
    Depreciation = Method
else:
    Depreciation = one_of(KINDS)
WHOLE_YEARS = (DecliningBalance, SumOfYearsDigits)
