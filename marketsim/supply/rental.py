"""A contract for instances over a term, paid whether used or not: signed now, delivered after a lead, gone at its end.

The price is that of the quote on the day of signing (`fixed`), or follows the quote through the term (`indexed`). A
share is paid in advance and spread evenly over the term; the rest is billed each month, in arrears. What is left at the
end of a run is charged in full, less what somebody else would pay for it: signing late saves nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from pydantic import Field

from marketsim import units
from marketsim.path import Path
from marketsim.prices.process import Column
from marketsim.settings import Duration, PositiveCount, PositiveDuration, Seconds, Share
from marketsim.supply.kind import FinanceFacts, MachineKind, Price, metered_price
from marketsim.supply.lead import AT_ONCE, Delivery, Lead
from marketsim.supply.offer import Charge, Offer
from marketsim.throw import Throw
from marketsim.tilt import follow, tilt

LONG_TERM_S = 2 * units.YEAR_S  # from here on the three-year column of a price list is nearer than the one-year one


@dataclass(frozen=True, eq=False)
class RentalTerms:
    """What a contract costs and when; a `Commitment`. quotes: USD per instance-hour; term_s: where none is signed for.

    resale_share: of what is left, that a buyer pays in ordinary times; resale: how that follows the market.
    leaving_share: of what is left, that must be paid to leave early, None where one cannot. exit_s: when the provider
    closes: contracts end, what was prepaid is lost, and nothing is signed any more.
    """

    quotes: Path
    term_s: int
    delivery: Delivery
    block_instances: int = 1
    upfront_share: float = 0.0
    indexed: bool = False
    resale_share: float = 0.0
    resale: Path = field(default_factory=lambda: Path.constant(1.0))
    leaving_share: float | None = None
    exit_s: int | None = None

    def delivered_s(self, at_s: int, order: int) -> int:
        """After the order's lead."""
        return self.delivery.delivered_s(at_s, order)

    def ends_s(self, delivered_s: int, term_s: int | None) -> int:
        """A term after delivery, or with the provider.

        What is delivered after its exit is free and down for all its term (see the offer's outages), so that a renewal
        does not come back at once.
        """
        ends_s = delivered_s + (term_s or self.term_s)
        return ends_s if self.exit_s is None or delivered_s >= self.exit_s else min(ends_s, self.exit_s)

    def at_signing(self, instances: int, at_s: int, term_s: int | None) -> Sequence[Charge]:
        """The prepaid share, by the quote of the day."""
        upfront = self._upfront(instances, at_s, term_s or self.term_s)
        return [Charge(at_s, "prepaid", "cash", upfront, 0)] if upfront else []

    def over(
        self, instances: int, at_s: int, delivered_s: int, from_s: int, to_s: int, term_s: int | None = None
    ) -> Sequence[Charge]:
        """The span's share of what was prepaid, and its bill."""
        term = term_s or self.term_s
        prepaid = [self._prepaid_gone(instances, at_s, delivered_s, t, term) for t in (from_s, to_s)]
        if from_s == delivered_s:
            prepaid[0] = 0  # what the provider's exit took while the order was on its way is charged now
        billed = [self._billed(instances, at_s, delivered_s, t, term) for t in (from_s, to_s)]
        return _only_amounts(
            Charge(to_s, "expense:contract", "prepaid", 0, prepaid[1] - prepaid[0]),
            Charge(to_s, "expense:contract", "cash", billed[1] - billed[0], billed[1] - billed[0]),
        )

    def at_close(
        self, instances: int, at_s: int, delivered_s: int, close_s: int, term_s: int | None = None
    ) -> Sequence[Charge]:
        """What is left to pay and what was prepaid for later, less resale, or less what leaving would save."""
        if self.exit_s is not None and close_s >= self.exit_s:
            lost = self._upfront(instances, at_s, term_s or self.term_s) if close_s <= delivered_s else 0
            return _only_amounts(Charge(close_s, "expense:contract", "prepaid", 0, lost))
        prepaid, owed = self.left(instances, at_s, delivered_s, close_s, term_s)
        kept_share = min(self.resale_share * self.resale.at(close_s), 1.0)
        if self.leaving_share is not None:
            kept_share = max(kept_share, 1.0 - self.leaving_share)
        return _only_amounts(
            Charge(close_s, "expense:end-valuation", "prepaid", 0, prepaid - round(prepaid * kept_share)),
            Charge(close_s, "expense:end-valuation", "payable", 0, owed - round(owed * kept_share)),
        )

    @property
    def may_leave(self) -> bool:
        """Whether it can be left early: where the contract states a fee."""
        return self.leaving_share is not None

    def at_leaving(
        self, instances: int, at_s: int, delivered_s: int, leave_s: int, term_s: int | None = None
    ) -> Sequence[Charge]:
        """The fee for ending the contract early: out of what was prepaid first, whose rest is paid back.

        Asked after `over` has reached leave_s. Raises ValueError where one cannot leave.
        """
        if self.leaving_share is None:
            raise ValueError("this contract cannot be left before its end")
        prepaid, owed = self.left(instances, at_s, delivered_s, leave_s, term_s)
        fee = round((prepaid + owed) * self.leaving_share)
        kept, due = min(fee, prepaid), max(fee - prepaid, 0)
        return _only_amounts(
            Charge(leave_s, "expense:fee", "prepaid", 0, kept),
            Charge(leave_s, "cash", "prepaid", prepaid - kept, 0),
            Charge(leave_s, "expense:fee", "cash", due, due),
        )

    def left(self, instances: int, at_s: int, delivered_s: int, t_s: int, term_s: int | None = None) -> tuple[int, int]:
        """Micro-dollars prepaid and not used up, and still to be billed (of an index, at its level then)."""
        term = term_s or self.term_s
        prepaid = self._upfront(instances, at_s, term) - self._prepaid_used(instances, at_s, delivered_s, t_s, term)
        if not self.indexed:
            whole = self._total(instances, at_s, term)
            rest = whole - self._upfront(instances, at_s, term)
            return prepaid, rest - self._billed(instances, at_s, delivered_s, t_s, term)
        left_s = delivered_s + term - min(max(t_s, delivered_s), delivered_s + term)
        owed = (1 - self.upfront_share) * self.quotes.at(t_s) * instances * left_s / units.HOUR_S
        return prepaid, units.micro(owed)

    def _total(self, instances: int, at_s: int, term_s: int) -> int:
        return units.micro(self.quotes.at(at_s) * instances * term_s / units.HOUR_S)

    def _upfront(self, instances: int, at_s: int, term_s: int) -> int:
        if self.exit_s is not None and at_s >= self.exit_s:
            return 0  # nobody signs with a provider that is gone
        return round(self._total(instances, at_s, term_s) * self.upfront_share)

    def _elapsed_s(self, delivered_s: int, t_s: int, term_s: int) -> int:
        until_s = t_s if self.exit_s is None else min(t_s, self.exit_s)
        return min(max(until_s - delivered_s, 0), term_s)

    def _prepaid_gone(self, instances: int, at_s: int, delivered_s: int, t_s: int, term_s: int) -> int:
        """Used up by an instant, or lost with the provider."""
        if self.exit_s is not None and t_s >= self.exit_s:
            return self._upfront(instances, at_s, term_s)
        return self._prepaid_used(instances, at_s, delivered_s, t_s, term_s)

    def _prepaid_used(self, instances: int, at_s: int, delivered_s: int, t_s: int, term_s: int) -> int:
        elapsed_s = self._elapsed_s(delivered_s, t_s, term_s)
        return self._upfront(instances, at_s, term_s) * elapsed_s // term_s

    def _billed(self, instances: int, at_s: int, delivered_s: int, t_s: int, term_s: int) -> int:
        elapsed_s = self._elapsed_s(delivered_s, t_s, term_s)
        if self.indexed:
            # what was billed before second 0 is past: only differences between later seconds are asked for
            usd_s = self.quotes.integral(max(delivered_s, 0), max(delivered_s + elapsed_s, 0))
            return units.micro((1 - self.upfront_share) * usd_s / units.HOUR_S * instances)
        rest = self._total(instances, at_s, term_s) - self._upfront(instances, at_s, term_s)
        return rest * elapsed_s // term_s


def _only_amounts(*charges: Charge) -> list[Charge]:
    return [charge for charge in charges if charge.billed or charge.effective]


class Rental(MachineKind):
    """Instances by contract. Measured discounts to on-demand: AWS 35-38 % (1 y), 54-57 % (3 y); GCP 30-37, 55-65 %;
    Azure 14-26, 38-48 %; neoclouds run years with 15-25 % prepaid."""

    kind: Literal["rental"] = "rental"
    provider: str = Field(min_length=1, max_length=64, description="who is paid")
    usd_per_gpu_hour: Price = Field(description="quote for one GPU and hour over time; what is signed keeps its own")
    term: PositiveDuration = Field(description="length of a contract")
    pricing: Literal["fixed", "indexed"] = Field(default="fixed", description="the quote of signing, or of each hour")
    upfront_share: Share = Field(default=0.0, description="share of the whole that is paid at signing")
    lead: Lead = Field(default=AT_ONCE, description="from signing to use")
    block_instances: PositiveCount = Field(default=1, description="instances are signed for in multiples of this")
    most_instances: PositiveCount | None = Field(default=None, description="most that can be had; none: no limit")
    resale_share: Share = Field(
        default=0.0, description="of what is left, that a sub-tenant pays; 0 where the provider forbids it, as AWS does"
    )
    leaving_share: Share | None = Field(
        default=None, description="of what is left, that must be paid to leave early; none: one cannot leave"
    )
    notice: Duration = Field(default=Seconds(0), description="warning before instances go back at the end")

    def column(self) -> Column:
        """The commitment column of the price list that is nearest to the term."""
        return "commit3y" if self.term >= LONG_TERM_S else "commit1y"

    def build(self, id: str, throw: Throw, finance: FinanceFacts) -> Offer:
        """Nothing metered; the terms of what is signed. Quotes, leads and resale follow the market."""
        return Offer(
            **self.machine(id, throw, finance) | {"outage": self.committed_law(id, throw)},
            commitment=self.terms(id, throw),
            notice_s=int(self.notice),
            most_instances=self.most_instances,
        )

    def terms(self, id: str, throw: Throw) -> RentalTerms:
        """The terms with their quotes drawn."""
        return RentalTerms(
            quotes=follow(metered_price(self, id, throw, self.shape.gpus), throw, "quotes"),
            term_s=int(self.term),
            delivery=Delivery(self.lead, throw.dice.under(f"leads/{id}"), tilt(throw, "delivery")),
            block_instances=self.block_instances,
            upfront_share=self.upfront_share,
            indexed=self.pricing == "indexed",
            resale_share=self.resale_share,
            resale=tilt(throw, "resale"),
            leaving_share=self.leaving_share,
            exit_s=self.fate(throw).exit_s,
        )
