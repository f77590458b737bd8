"""Servers of one's own in rented space: paid once, delivered late, written off, powered, cooled and looked after."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from marketsim import units
from marketsim.settings import NonNegative, OpenShare, Positive, PositiveDuration, Seconds, Share
from marketsim.supply import finance
from marketsim.supply.depreciation import WHOLE_YEARS, Depreciation, StraightLine
from marketsim.supply.kind import FinanceFacts, MachineKind
from marketsim.supply.lead import Delivery, Lead
from marketsim.supply.offer import Offer
from marketsim.supply.owned import Loan, PurchaseTerms, Resale
from marketsim.supply.running import RunningCosts, Staff
from marketsim.throw import Throw
from marketsim.tilt import tilt


class Datacenter(MachineKind):
    """Own servers. Defaults that are claims about the world stand in the cost figures of own clusters:
    mean draw 0.75 of the rated power (Epoch), idle draw 0.30 (assumed), PUE 1.25 (assumed; the mean of all is 1.55)."""

    kind: Literal["datacenter"] = "datacenter"
    usd_per_server: Positive = Field(description="price of one instance's server")
    network_share: OpenShare = Field(default=0.0, description="of servers and network together, that is network")
    usd_per_server_installation: NonNegative = Field(default=0.0, description="racking, cables, first tests")
    spare_share: Share = Field(default=0.0, description="spare servers bought for each one in use")
    lead: Lead = Field(description="from order to use")
    paid_at_order_share: Share = Field(default=1.0, description="of the price; the rest is due at delivery")
    loan: Loan | None = Field(default=None, description="what is lent at delivery; none: nothing")
    life: PositiveDuration = Field(default=Seconds(5 * units.YEAR_S), description="over which it is written off")
    depreciation: Depreciation = Field(default=StraightLine(), description="how")
    resale: Resale = Field(
        default=Resale(), description="worth to the next owner by age; if unsaid it falls to nothing"
    )
    usd_per_kw_building: NonNegative = Field(
        default=0.0, description="room, power and cooling of one's own for a rated kW; 0: rented, see usd_per_kw_month"
    )
    building_life: PositiveDuration = Field(
        default=Seconds(15 * units.YEAR_S), description="over which the building is written off (assumption)"
    )
    kw_per_server: Positive = Field(description="rated power of one instance's server in kW")
    busy_power_share: Share = Field(default=0.75, description="of the rated power, drawn when busy")
    idle_power_share: Share = Field(default=0.30, description="of the rated power, drawn when idle")
    pue: Annotated[float, Field(ge=1, le=5)] = Field(default=1.25, description="building's draw over the machines'")
    usd_per_kwh: NonNegative = Field(description="electricity")
    usd_per_kw_month: NonNegative = Field(default=0.0, description="colocation, by rated kW and month of 730 h")
    staff: Staff | None = Field(default=None, description="people, in steps; none: they cost nothing")
    maintenance_share_per_year: Share = Field(default=0.0, description="of the price with network, a year")
    operations_usd_per_gpu_year: NonNegative = Field(default=0.0, description="other operations")
    usd_per_gb_out: NonNegative | None = Field(default=0.0, description="USD a GB taken out")

    @model_validator(mode="after")
    def _life_in_years(self) -> Datacenter:
        if isinstance(self.depreciation, WHOLE_YEARS) and self.life % units.YEAR_S:
            raise ValueError(f"{self.depreciation.kind} writes off by the year: life must be whole years, such as 5 y")
        if self.idle_power_share > self.busy_power_share:
            raise ValueError("idle_power_share must not be above busy_power_share")
        if self.loan is not None and self.loan.term > self.life:
            raise ValueError("loan must be repaid within the life of what it pays for: its term is longer")
        return self

    def build(self, id: str, throw: Throw, finance: FinanceFacts) -> Offer:
        """Nothing metered; the terms of a purchase and what standing there costs."""
        machine = self.machine(id, throw) | {"outage": self.committed_law(id, throw)}
        return Offer(
            **machine,
            commitment=self.terms(id, throw, finance),
            standing=self.running(machine["shape"].milli),
        )

    def usd_with_network(self) -> float:
        """One server with its share of the network."""
        return finance.all_in_usd(self.usd_per_server, self.network_share)

    def terms(self, id: str, throw: Throw, facts: FinanceFacts) -> PurchaseTerms:
        """The terms of one purchase."""
        price = self.usd_with_network()
        taxed = price * (1 + self.spare_share)
        extras = price * self.spare_share + taxed * facts.sales_tax + self.usd_per_server_installation
        return PurchaseTerms(
            price=units.micro(price),
            extras=units.micro(extras),
            life_s=int(self.life),
            delivery=Delivery(self.lead, throw.dice.under(f"leads/{id}"), tilt(throw, "delivery")),
            method=self.depreciation,
            resale=self.resale,
            resale_market=tilt(throw, "resale"),
            cost_of_capital=facts.capital,
            paid_at_order_share=self.paid_at_order_share,
            loan=self.loan,
            building=units.micro(self.usd_per_kw_building * self.kw_per_server),
            building_life_s=int(self.building_life),
            hire_s=0 if self.staff is None else int(self.staff.hire),
        )

    def running(self, milli: int) -> RunningCosts:
        """What the installed servers cost while they stand."""
        yearly = self.usd_with_network() * self.maintenance_share_per_year
        return RunningCosts(
            milli=milli,
            kw=self.kw_per_server,
            busy_share=self.busy_power_share,
            idle_share=self.idle_power_share,
            pue=self.pue,
            usd_per_kwh=self.usd_per_kwh,
            usd_per_kw_month=self.usd_per_kw_month,
            usd_per_instance_year=yearly + self.operations_usd_per_gpu_year * self.shape.gpus,
            staff=self.staff,
        )
