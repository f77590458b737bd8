"""A contract for instances over a term, paid whether used or not: signed now, delivered after a lead, gone at its end.

The price is that of the quote on the day of signing (`fixed`), or follows the quote through the term (`indexed`). A
share is paid in advance and spread evenly over the term; the rest is billed each month, in arrears. What is left at the
end of a run is charged in full, less what somebody else would pay for it: signing late saves nothing. Each length of
contract has a price of its own; a length that the offer does not state is not sold.
"""

from __future__ import annotations

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
from marketsim.supply.offer import Offer
from marketsim.supply.rental_terms import RentalTerms, term_fault
from marketsim.throw import Throw
from marketsim.tilt import follow, tilt

LONG_TERM_S = 2 * units.YEAR_S  # from here on the three-year column of a price list is nearer than the one-year one


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
            **self.machine(id, throw) | {"outage": self.committed_law(id, throw)},
            commitment=self.terms(id, throw, finance.capital),
            notice_s=int(self.notice),
            most_instances=self.most_instances,
        )

    def terms(self, id: str, throw: Throw, cost_of_capital: float | Path = 0.0) -> RentalTerms:
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
            cost_of_capital=cost_of_capital,
            exit_s=self.fate(throw).exit_s,
        )

    def _price(self, other: TermPrice, own: Path) -> Path:
        """USD per instance-hour of another length, before the market moves it."""
        if other.usd_per_gpu_hour is not None:
            return Path.constant(other.usd_per_gpu_hour * self.shape.gpus)
        return own.map(lambda usd: usd * (other.of_quote or 1.0))
