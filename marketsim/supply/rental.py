"""A contract for instances over a term, paid whether used or not: signed now, delivered after a lead, gone at its end.

The price is that of the quote on the day of signing (`fixed`), or follows the quote through the term (`indexed`). A
share is paid in advance and spread evenly over the term; the rest is billed each month, in arrears. What is left at the
end of a run is charged in full, less what somebody else would pay for it: signing late saves nothing. Each length of
contract has a price of its own; a length that the offer does not state is not sold.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import Field, model_validator

from marketsim import units
from marketsim.path import Path
from marketsim.prices.process import Column
from marketsim.settings import (
    Duration,
    Positive,
    PositiveCount,
    PositiveDuration,
    Seconds,
    Settings,
    Share,
    UsdPerGpuHour,
)
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
    leaving_share: of what is left, that must be paid to leave early, None where one cannot; sublet: whether it may be
    handed to that buyer at any time. exit_s: when the provider closes: contracts end, what was prepaid is lost, and
    nothing is signed any more. others: other lengths in seconds, each with its own quotes.
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
    others: Mapping[int, Path] = field(default_factory=dict)
    sublet: bool = False

    def term_fault(self, term_s: int | None) -> str | None:
        """Why one cannot sign for so long: no price is stated for it."""
        return term_fault(term_s, (self.term_s, *self.others))

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
        """Whether it can be left early: where the contract states a fee, or lets a sub-tenant take it over."""
        return self.leaving_share is not None or self.sublet

    @property
    def least_leaving_share(self) -> float:
        """The least share of what is left that leaving ever costs; 1 where one cannot."""
        return min((self._leaving_share(int(t_s)) for t_s in self.resale.times_s), default=1.0)

    def _leaving_share(self, t_s: int) -> float:
        """Of what is left, that is paid to be rid of it: the fee, or what a sub-tenant does not pay."""
        fee = 1.0 if self.leaving_share is None else self.leaving_share
        return min(fee, 1.0 - min(self.resale_share * self.resale.at(t_s), 1.0)) if self.sublet else fee

    def at_leaving(
        self, instances: int, at_s: int, delivered_s: int, leave_s: int, term_s: int | None = None
    ) -> Sequence[Charge]:
        """What ending the contract early costs: out of what was prepaid first, whose rest comes back.

        Asked after `over` has reached leave_s. Raises ValueError where one cannot leave.
        """
        if not self.may_leave:
            raise ValueError("this contract cannot be left before its end")
        prepaid, owed = self.left(instances, at_s, delivered_s, leave_s, term_s)
        fee = round((prepaid + owed) * self._leaving_share(leave_s))
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
        owed = (1 - self.upfront_share) * self._quotes(term).at(t_s) * instances * left_s / units.HOUR_S
        return prepaid, units.micro(owed)

    def _quotes(self, term_s: int) -> Path:
        if term_s != self.term_s and term_s not in self.others:
            raise ValueError(self.term_fault(term_s))
        return self.others.get(term_s, self.quotes)

    def _total(self, instances: int, at_s: int, term_s: int) -> int:
        return units.micro(self._quotes(term_s).at(at_s) * instances * term_s / units.HOUR_S)

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
            usd_s = self._quotes(term_s).integral(max(delivered_s, 0), max(delivered_s + elapsed_s, 0))
            return units.micro((1 - self.upfront_share) * usd_s / units.HOUR_S * instances)
        rest = self._total(instances, at_s, term_s) - self._upfront(instances, at_s, term_s)
        return rest * elapsed_s // term_s


def _only_amounts(*charges: Charge) -> list[Charge]:
    return [charge for charge in charges if charge.billed or charge.effective]


def term_fault(term_s: int | None, sold_s: Iterable[int]) -> str | None:
    """Why a contract cannot be of a length, where only some are sold; None where it can.

    >>> term_fault(units.MONTH_S, [units.YEAR_S, 3 * units.YEAR_S])
    'is sold for 12 months or 36 months only, not for 1 month: no price is stated for that'
    """
    sold = sorted(sold_s)
    if term_s is None or term_s in sold:
        return None
    lengths = " or ".join(_length(one) for one in sold)
    return f"is sold for {lengths} only, not for {_length(term_s)}: no price is stated for that"


def _length(term_s: int) -> str:
    """A length of contract as contracts name it: in months where it is whole ones."""
    months, rest = divmod(term_s, units.MONTH_S)
    return units.duration_text(term_s) if rest or not months else f"{months} month{'s' if months > 1 else ''}"


class TermPrice(Settings):
    """Another length of contract that the offer is sold for, and its price."""

    term: PositiveDuration = Field(description="length of the contract")
    usd_per_gpu_hour: UsdPerGpuHour | None = Field(
        default=None, description="quote in ordinary times; it moves with the market as the offer's own does"
    )
    of_quote: Positive | None = Field(default=None, description="times the offer's own quote, in place of a price")

    @model_validator(mode="after")
    def _one_price(self) -> TermPrice:
        if (self.usd_per_gpu_hour is None) == (self.of_quote is None):
            raise ValueError("a term needs its price: give one of usd_per_gpu_hour and of_quote")
        return self


class Rental(MachineKind):
    """Instances by contract. Measured discounts to on-demand: AWS 35-38 % (1 y), 54-57 % (3 y); GCP 30-37, 55-65 %;
    Azure 14-26, 38-48 %; neoclouds run years with 15-25 % prepaid."""

    kind: Literal["rental"] = "rental"
    provider: str = Field(min_length=1, max_length=64, description="who is paid")
    usd_per_gpu_hour: Price = Field(description="quote for one GPU and hour over time; what is signed keeps its own")
    term: PositiveDuration = Field(description="length of a contract, where a policy names no other")
    other_terms: Annotated[tuple[TermPrice, ...], Field(strict=False, max_length=20)] = Field(
        default=(), description="other lengths that it is sold for, each at its price; any other is refused"
    )
    pricing: Literal["fixed", "indexed"] = Field(default="fixed", description="the quote of signing, or of each hour")
    upfront_share: Share = Field(default=0.0, description="share of the whole that is paid at signing")
    lead: Lead = Field(default=AT_ONCE, description="from signing to use")
    block_instances: PositiveCount = Field(default=1, description="instances are signed for in multiples of this")
    most_instances: PositiveCount | None = Field(default=None, description="most that can be had; none: no limit")
    resale_share: Share = Field(
        default=0.0, description="of what is left, that a sub-tenant pays; 0 where the provider forbids it, as AWS does"
    )
    sublet: bool = Field(
        default=False, description="whether a sub-tenant may take a contract over at any time, for resale_share"
    )
    leaving_share: Share | None = Field(
        default=None, description="of what is left, that must be paid to leave early; none: one cannot leave"
    )
    notice: Duration = Field(default=Seconds(0), description="warning before instances go back at the end")

    @model_validator(mode="after")
    def _terms_differ(self) -> Rental:
        lengths = [self.term, *(one.term for one in self.other_terms)]
        if len(set(lengths)) < len(lengths):
            raise ValueError("other_terms must differ from term and from each other: one price for each length")
        if self.sublet and self.resale_share == 0:
            raise ValueError("sublet needs resale_share: of what is left, that the sub-tenant pays")
        return self

    def term_fault(self, term_s: int | None) -> str | None:
        """Why one cannot sign for so long, None where one can."""
        return term_fault(term_s, (self.term, *(one.term for one in self.other_terms)))

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
        price = metered_price(self, id, throw, self.shape.gpus)
        return RentalTerms(
            quotes=follow(price, throw, "quotes"),
            others={one.term: follow(self._price(one, price), throw, "quotes") for one in self.other_terms},
            term_s=int(self.term),
            delivery=Delivery(self.lead, throw.dice.under(f"leads/{id}"), tilt(throw, "delivery")),
            block_instances=self.block_instances,
            upfront_share=self.upfront_share,
            indexed=self.pricing == "indexed",
            resale_share=self.resale_share,
            resale=tilt(throw, "resale"),
            leaving_share=self.leaving_share,
            sublet=self.sublet,
            exit_s=self.fate(throw).exit_s,
        )

    def _price(self, other: TermPrice, own: Path) -> Path:
        """USD per instance-hour of another length, before the market moves it."""
        if other.usd_per_gpu_hour is not None:
            return Path.constant(other.usd_per_gpu_hour * self.shape.gpus)
        return own.map(lambda usd: usd * (other.of_quote or 1.0))
