"""Terms of what is bought: paid, written off over its life, worth something to the next owner, its capital not free.

Each charge is a difference of a running total, so the parts of any division of time add up to the whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from pydantic import Field, model_validator

from marketsim import units
from marketsim.path import Path
from marketsim.settings import Duration, Kind, OpenShare, PositiveDuration, Seconds, Settings, Share
from marketsim.supply import finance
from marketsim.supply.depreciation import Method, StraightLine
from marketsim.supply.lead import Delivery
from marketsim.supply.offer import Charge


class Resale(Kind):
    """What a machine is worth to the next owner by age: a share of its price with the network, before taxes.

    Either it falls evenly to `share_after_life` and stays there, or by the same share each year.
    """

    share_after_life: Share | None = Field(default=None, description="of the price, at the end of the life")
    value_loss_per_year: OpenShare | None = Field(default=None, description="of its value, that it loses each year")
    selling_cost_share: OpenShare = Field(default=0.0, description="of the value, that selling takes")
    # A100 05/2020, H100 10/2022, B200 early 2025: about 30 months apart
    next_generation: Duration | None = Field(default=None, description="from the start until the next GPUs come out")
    generation_every: PositiveDuration = Field(
        default=Seconds(30 * units.MONTH_S), description="from one generation to the next"
    )
    generation_drop_share: OpenShare = Field(default=0.0, description="of its value, that a machine loses at each")

    # fits on dated prices of used cards; see own_cluster_costs in the documentation of the figures
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "t4": {"value_loss_per_year": 0.25},
        "v100": {"value_loss_per_year": 0.40},  # 0.32 to 0.47
        "a100-2022-25": {"value_loss_per_year": 0.065},  # 0.06 to 0.07
        "rtx3090": {"value_loss_per_year": 0.17},
        "a6000": {"value_loss_per_year": 0.04},
    }

    @model_validator(mode="after")
    def _one_rule(self) -> Resale:
        if self.share_after_life is not None and self.value_loss_per_year is not None:
            raise ValueError("share_after_life and value_loss_per_year are two rules: give one")
        return self

    def share(self, age_s: int, life_s: int) -> float:
        """Share of the price that is had by selling at an age."""
        if self.value_loss_per_year is not None:
            worth = (1 - self.value_loss_per_year) ** (age_s / units.YEAR_S)
        else:
            worth = 1 - (1 - (self.share_after_life or 0.0)) * min(age_s / life_s, 1.0)
        return worth * (1 - self.selling_cost_share)

    def outdated(self, from_s: int, to_s: int) -> float:
        """What the generations that come out after from_s, up to to_s, leave of the value."""
        if self.next_generation is None or self.generation_drop_share == 0:
            return 1.0
        until_from, until_to = (self._generations(t_s) for t_s in (from_s, to_s))
        return (1 - self.generation_drop_share) ** (until_to - until_from)

    def _generations(self, t_s: int) -> int:
        return max((t_s - (self.next_generation or 0)) // self.generation_every + 1, 0)


class Loan(Settings):
    """Part of the price lent at delivery and repaid in level months; with a balloon it is a lease to own."""

    share: Share = Field(description="of all that is paid, that is lent")
    rate_per_year: Share = Field(description="interest a year, a twelfth of it each month of 730 h")
    term: PositiveDuration = Field(description="until it is repaid; whole months")
    balloon_share: OpenShare = Field(default=0.0, description="of the loan, that is repaid at the very end")

    @model_validator(mode="after")
    def _whole_months(self) -> Loan:
        if self.term % units.MONTH_S:
            raise ValueError("term must be whole months, such as 12 months or 3 y")
        return self

    def months(self, principal: int) -> list[tuple[int, int, int]]:
        """(owed before, interest, repaid) of each month in whole micro-dollars; what is repaid adds up to the loan."""
        count, rate = self.term // units.MONTH_S, self.rate_per_year / 12
        balloon = round(principal * self.balloon_share)
        # the balloon bears interest all the while; the level payment repays the rest
        level = round(finance.loan_payment(principal - balloon, rate, count) + balloon * rate)
        owed, rows = principal, []
        for month in range(count):
            interest = round(owed * rate)
            repaid = owed if month == count - 1 else min(max(level - interest, 0), owed)
            rows.append((owed, interest, repaid))
            owed -= repaid
        return rows


@dataclass(frozen=True, eq=False)
class PurchaseTerms:
    """What a bought machine costs over its life; a `Commitment`. Amounts are whole micro-dollars for one instance.

    price: with its share of the network, what resale is a share of. extras: sales tax, installation, spares: paid and
    written off, never resold. resale_market: how resale follows the market. paid_at_order_share: the rest at delivery,
    when the loan is paid out too. cost_of_capital: a year, on the book value that is not lent (over time, where it
    changes); nobody is paid it.
    building: room, power and cooling for one instance, written off evenly over building_life_s, worth its book value.
    hire_s: from the first order until there is somebody to run what it brings.
    """

    price: int
    extras: int
    life_s: int
    delivery: Delivery
    method: Method = field(default_factory=StraightLine)
    resale: Resale = field(default_factory=Resale)
    resale_market: Path = field(default_factory=lambda: Path.constant(1.0))
    cost_of_capital: float | Path = 0.0
    paid_at_order_share: float = 1.0
    loan: Loan | None = None
    block_instances: int = 1
    building: int = 0
    building_life_s: int = 15 * units.YEAR_S
    hire_s: int = 0

    def delivered_s(self, at_s: int, order: int) -> int:
        """After the order's lead; of the first one also when the first people are there."""
        arrives_s = self.delivery.delivered_s(at_s, order)
        return max(arrives_s, at_s + self.hire_s) if order == 0 else arrives_s

    def ends_s(self, delivered_s: int, term_s: int | None) -> None:
        """Never: what is bought stays, written off or not."""
        return None

    def capex(self, instances: int) -> int:
        """All that is paid for so many instances."""
        return (self.price + self.extras + self.building) * instances

    def salvage(self, instances: int) -> int:
        """What they are expected to resell for at the end of their life; at most what they cost."""
        expected = round(self.price * instances * self.resale.share(self.life_s, self.life_s))
        return min(expected, (self.price + self.extras) * instances)

    def book(self, instances: int, age_s: int) -> int:
        """Cost less what is written off by an age."""
        cost = (self.price + self.extras) * instances
        machines = cost - self.method.written_off(cost, self.salvage(instances), self.life_s, age_s)
        return machines + self._building(instances, age_s)

    def _building(self, instances: int, age_s: int) -> int:
        cost = self.building * instances
        return cost - cost * min(max(age_s, 0), self.building_life_s) // self.building_life_s

    def worth(self, instances: int, age_s: int, t_s: int) -> int:
        """What they resell for at an age and instant; a tight market never lifts it above the price paid."""
        share = min(self.resale.share(age_s, self.life_s) * self.resale_market.at(t_s), 1.0)
        share *= self.resale.outdated(t_s - age_s, t_s)
        return round(self.price * instances * share) + self._building(instances, age_s)

    def at_signing(self, instances: int, at_s: int, term_s: int | None) -> Sequence[Charge]:
        """The part due with the order."""
        return _only_amounts(Charge(at_s, "servers", "cash", self._deposit(instances), 0))

    def over(
        self, instances: int, at_s: int, delivered_s: int, from_s: int, to_s: int, term_s: int | None = None
    ) -> Sequence[Charge]:
        """Depreciation, the loan's months, interest on the owner's own money; at first also what delivery brings."""
        first = self._delivery(instances, at_s, delivered_s) if from_s == delivered_s else []
        return _only_amounts(*first, *self._used(instances, delivered_s, from_s, to_s))

    def _used(self, instances: int, delivered_s: int, from_s: int, to_s: int) -> list[Charge]:
        book, later = (self.book(instances, t_s - delivered_s) for t_s in (from_s, to_s))
        rows = self._loan_months(instances)
        before, after = ((t_s - delivered_s) // units.MONTH_S for t_s in (from_s, to_s))
        owed = rows[before][0] if before < len(rows) else 0
        paid = rows[before:after]
        interest, repaid = sum(row[1] for row in paid), sum(row[2] for row in paid)
        return [
            Charge(to_s, "expense:depreciation", "servers", 0, book - later),
            self._imputed(max(book - owed, 0), from_s, to_s),
            Charge(to_s, "expense:interest", "cash", interest, interest),
            Charge(to_s, "debt", "cash", repaid, 0),
        ]

    def at_close(
        self, instances: int, at_s: int, delivered_s: int, close_s: int, term_s: int | None = None
    ) -> Sequence[Charge]:
        """Book value less resale by age, and interest run up since the loan's last month.

        An order on its way, or delivered this very second, is owed in full and resold as new; its deposit was tied up.
        """
        if close_s <= delivered_s:
            rest = self.capex(instances) - self._deposit(instances)
            before = [
                self._imputed(self._deposit(instances), at_s, close_s),
                Charge(close_s, "servers", "payable", rest, 0),
            ]
        else:
            before = [self._accrued(instances, delivered_s, close_s)]
        age_s = max(close_s - delivered_s, 0)
        loss = self.book(instances, age_s) - self.worth(instances, age_s, close_s)
        accounts = ("expense:end-valuation", "servers") if loss > 0 else ("servers", "expense:end-valuation")
        return _only_amounts(*before, Charge(close_s, *accounts, 0, abs(loss)))

    def _deposit(self, instances: int) -> int:
        return round(self.capex(instances) * self.paid_at_order_share)

    def _delivery(self, instances: int, at_s: int, delivered_s: int) -> list[Charge]:
        """The deposit was tied up; the rest is paid, by the loan first; what it lends beyond that comes in as cash."""
        rest, lent = self.capex(instances) - self._deposit(instances), self._principal(instances)
        straight = min(rest, lent)
        return [
            self._imputed(self._deposit(instances), at_s, delivered_s),
            Charge(delivered_s, "servers", "debt", straight, 0),
            Charge(delivered_s, "cash", "debt", lent - straight, 0),
            Charge(delivered_s, "servers", "cash", rest - straight, 0),
        ]

    def _principal(self, instances: int) -> int:
        return 0 if self.loan is None else round(self.capex(instances) * self.loan.share)

    def _loan_months(self, instances: int) -> list[tuple[int, int, int]]:
        return [] if self.loan is None else self.loan.months(self._principal(instances))

    def _accrued(self, instances: int, delivered_s: int, t_s: int) -> Charge:
        month, rest_s = divmod(t_s - delivered_s, units.MONTH_S)
        rows = self._loan_months(instances)
        interest = rows[month][1] * rest_s // units.MONTH_S if month < len(rows) else 0
        return Charge(t_s, "expense:interest", "payable", 0, interest)

    def _imputed(self, own: int, from_s: int, to_s: int) -> Charge:
        share = finance.tied_up_share(self.cost_of_capital, from_s, to_s)
        return Charge(to_s, "expense:capital", "equity", 0, round(own * share))


def _only_amounts(*charges: Charge) -> list[Charge]:
    return [charge for charge in charges if charge.billed or charge.effective]
