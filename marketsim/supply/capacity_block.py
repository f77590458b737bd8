"""Capacity blocks: days of a few instances bought in advance, all paid at once, gone at a fixed hour, never cancelled.

Figures of AWS, from memory, so assumptions: 1 to 64 instances, 1 to 182 days, an end at 11:30 UTC, and instances that
are shut down 30 minutes before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, model_validator

from marketsim import units
from marketsim.path import Path
from marketsim.settings import Duration, PositiveDuration, Seconds
from marketsim.supply import finance
from marketsim.supply.kind import FinanceFacts, MachineKind, Price, metered_price
from marketsim.supply.lead import AT_ONCE, Delivery, Lead
from marketsim.supply.offer import Charge, Offer
from marketsim.throw import Throw
from marketsim.tilt import follow, tilt

MOST_INSTANCES = 64
MOST_DAYS = 182


@dataclass(frozen=True, eq=False)
class BlockTerms:
    """What a block costs and when it ends; a `Commitment`. quotes: USD per instance-hour.

    offset_s: seconds from a midnight UTC to second 0; end_of_day_s: the hour of the day at which blocks end.
    cost_of_capital: a year (over time, where it changes), on what is paid and not used up; nobody is paid it.
    """

    quotes: Path
    term_s: int
    delivery: Delivery
    offset_s: int
    end_of_day_s: int
    shut_down_s: int
    block_instances: int = 1
    cost_of_capital: float | Path = 0.0

    def term_fault(self, term_s: int | None) -> str | None:
        """Why one cannot sign for so long: blocks are of whole days, all at one price an hour."""
        return term_fault(term_s)

    def delivered_s(self, at_s: int, order: int) -> int:
        """After the order's lead."""
        return self.delivery.delivered_s(at_s, order)

    def ends_s(self, delivered_s: int, term_s: int | None) -> int:
        """When instances are shut down: before the fixed hour that is nearest to a whole term.

        So a block begun at another hour is up to half a day shorter or longer than the days that are paid.
        """
        full_s = delivered_s + (term_s or self.term_s)
        since_hour_s = (full_s + self.offset_s - self.end_of_day_s) % units.DAY_S
        to_hour_s = -since_hour_s if since_hour_s <= units.DAY_S // 2 else units.DAY_S - since_hour_s
        return full_s + to_hour_s - self.shut_down_s

    def at_signing(self, instances: int, at_s: int, term_s: int | None) -> Sequence[Charge]:
        """All of it, by the quote of the day."""
        return [Charge(at_s, "prepaid", "cash", self._total(instances, at_s, term_s), 0)]

    def over(
        self, instances: int, at_s: int, delivered_s: int, from_s: int, to_s: int, term_s: int | None = None
    ) -> Sequence[Charge]:
        """The span's share of what was paid."""
        whole = self._total(instances, at_s, term_s)
        times = (from_s, (from_s + to_s) // 2, to_s)
        before, halfway, after = (self._used(instances, at_s, delivered_s, t_s, term_s) for t_s in times)
        cost = (whole - halfway) * finance.tied_up_share(self.cost_of_capital, from_s, to_s)
        if from_s == delivered_s:
            cost += whole * finance.tied_up_share(self.cost_of_capital, at_s, delivered_s)
        charges = (
            Charge(to_s, "expense:contract", "prepaid", 0, after - before),
            Charge(to_s, "expense:capital", "equity", 0, round(cost)),
        )
        return [charge for charge in charges if charge.effective]

    def at_close(
        self, instances: int, at_s: int, delivered_s: int, close_s: int, term_s: int | None = None
    ) -> Sequence[Charge]:
        """The rest is lost: a block cannot be sold. What was paid for one on its way was tied up."""
        whole = self._total(instances, at_s, term_s)
        waited = whole * finance.tied_up_share(self.cost_of_capital, at_s, close_s) if close_s <= delivered_s else 0.0
        charges = (
            Charge(close_s, "expense:capital", "equity", 0, round(waited)),
            Charge(
                close_s, "expense:end-valuation", "prepaid", 0,
                whole - self._used(instances, at_s, delivered_s, close_s, term_s),
            ),
        )  # fmt: skip
        return [charge for charge in charges if charge.effective]

    def _total(self, instances: int, at_s: int, term_s: int | None) -> int:
        return units.micro(self.quotes.at(at_s) * instances * (term_s or self.term_s) / units.HOUR_S)

    def _used(self, instances: int, at_s: int, delivered_s: int, t_s: int, term_s: int | None) -> int:
        length_s = self.ends_s(delivered_s, term_s) - delivered_s
        elapsed_s = min(max(t_s - delivered_s, 0), length_s)
        return self._total(instances, at_s, term_s) * elapsed_s // length_s


def term_fault(term_s: int | None) -> str | None:
    """Why a block cannot be of a length, None where it can."""
    if term_s is None or (term_s % units.DAY_S == 0 and 0 < term_s <= MOST_DAYS * units.DAY_S):
        return None
    return f"is sold in whole days, 1 d to {MOST_DAYS} d, not for {units.duration_text(term_s)}"


class CapacityBlock(MachineKind):
    """A few instances for some days, paid in advance."""

    kind: Literal["capacity_block"] = "capacity_block"
    provider: str = Field(min_length=1, max_length=64, description="who is paid")
    usd_per_gpu_hour: Price = Field(description="quote for one GPU and hour over time")
    term: PositiveDuration = Field(description="length of a block in whole days")
    lead: Lead = Field(default=AT_ONCE, description="from order to begin")
    end_of_day: Duration = Field(
        default=Seconds(11 * units.HOUR_S + 30 * units.MINUTE_S),
        description="hour of the day, UTC, when blocks end",
    )
    shut_down: Duration = Field(
        default=Seconds(30 * units.MINUTE_S), description="how long before its end a block's instances are shut down"
    )
    most_instances: Annotated[int, Field(ge=1, le=MOST_INSTANCES)] = Field(
        default=MOST_INSTANCES, description="most instances of all blocks"
    )

    @model_validator(mode="after")
    def _whole_days(self) -> CapacityBlock:
        if term_fault(self.term) is not None:
            raise ValueError(f"term must be whole days, 1 d to {MOST_DAYS} d")
        if self.end_of_day >= units.DAY_S or self.shut_down > units.DAY_S // 4:
            raise ValueError("end_of_day must be below 24 h and shut_down at most 6 h")
        return self

    def term_fault(self, term_s: int | None) -> str | None:
        """Why one cannot sign for so long, None where one can."""
        return term_fault(term_s)

    def build(self, id: str, throw: Throw, finance: FinanceFacts) -> Offer:
        """Nothing metered; the terms of a block."""
        midnight = throw.start.replace(hour=0, minute=0, second=0, microsecond=0)
        terms = BlockTerms(
            quotes=follow(metered_price(self, id, throw, self.shape.gpus), throw, "quotes"),
            term_s=int(self.term),
            delivery=Delivery(self.lead, throw.dice.under(f"leads/{id}"), tilt(throw, "delivery")),
            offset_s=round((throw.start - midnight).total_seconds()),
            end_of_day_s=int(self.end_of_day),
            shut_down_s=int(self.shut_down),
            cost_of_capital=finance.capital,
        )
        machine = self.machine(id, throw) | {"outage": self.committed_law(id, throw)}
        return Offer(**machine, commitment=terms, most_instances=self.most_instances)
