"""Small devices at sites of one's own, near the data: bought, powered from the wall, behind a thin line, open by hours.

A device is an instance, its seat its place: seats 0 to devices_per_site - 1 stand at the first site. While a site is
closed its devices are down, and work that ran there goes on elsewhere from its last checkpoint.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from marketsim import units
from marketsim.availability.process import Asked as AskedCapacity
from marketsim.settings import Duration, NonNegative, Positive, PositiveCount, PositiveDuration, Seconds, Share
from marketsim.supply import gpus
from marketsim.supply.depreciation import Depreciation, StraightLine
from marketsim.supply.kind import Capacity, FinanceFacts, OfferKind, known_gpu
from marketsim.supply.lead import AT_ONCE, Delivery, Lead
from marketsim.supply.offer import Offer, OutageLaw
from marketsim.supply.outage import OutageSetting
from marketsim.supply.owned import PurchaseTerms, Resale
from marketsim.supply.running import RunningCosts
from marketsim.supply.shape import Shape
from marketsim.supply.timetable import Span, below, with_timetable
from marketsim.throw import Throw
from marketsim.tilt import tilt


class Edge(OfferKind):
    """Edge devices. Price and power are those of the device's row in edge_devices.csv where they are not given."""

    kind: Literal["edge"] = "edge"
    device: str = Field(description="name of the device, such as Jetson AGX Orin 64GB")
    memory_gb: Positive | None = Field(default=None, description="GB of one device; its own where not given")
    sites: PositiveCount = Field(default=1, description="places")
    devices_per_site: PositiveCount = Field(description="most devices at one place")
    usd_per_device: Positive | None = Field(default=None, description="price; the packaged table's if not given")
    lead: Lead = Field(default=AT_ONCE, description="from order to use")
    life: PositiveDuration = Field(default=Seconds(4 * units.YEAR_S), description="over which it is written off")
    depreciation: Depreciation = Field(default=StraightLine(), description="how")
    resale: Resale = Field(
        default=Resale(), description="worth to the next owner by age; if unsaid it falls to nothing"
    )
    power_w: Positive | None = Field(default=None, description="draw when busy; the packaged table's if not given")
    idle_power_share: Share = Field(default=0.30, description="of power_w, drawn when idle (assumption)")
    pue: Annotated[float, Field(ge=1, le=5)] = Field(default=1.0, description="cooling; an office is not billed for it")
    usd_per_kwh: NonNegative = Field(description="electricity at the wall")
    operations_usd_per_device_year: NonNegative = Field(default=0.0, description="visits, connectivity, replacements")
    uplink_mbit_s: Positive = Field(description="line of one site that data takes")
    downlink_mbit_s: Positive | None = Field(default=None, description="the way back; as the uplink where not given")
    latency_s: NonNegative = Field(default=0.0, description="network seconds between user and device")
    availability: Capacity | None = Field(default=None, description="when sites are open; none: always")
    boot: Duration = Field(default=0, description="from start to usable")
    outage: OutageSetting | None = Field(default=None, description="how devices fail; none: they do not")
    usd_per_gb_out: NonNegative | None = Field(default=0.0, description="USD a GB taken out")

    @field_validator("device")
    @classmethod
    def _known(cls, device: str) -> str:
        return known_gpu(device)

    @model_validator(mode="after")
    def _outages_agree(self) -> Edge:
        outage = self.outage
        if self.availability is None or outage is None:
            return self
        if outage.kind == "busy" or getattr(outage, "crews", None) is not None:
            raise ValueError("opening hours go together with outages by the calendar, without crews")
        return self

    @model_validator(mode="after")
    def _priced(self) -> Edge:
        for given, figure, name in ((self.usd_per_device, "usd", "usd_per_device"), (self.power_w, "tdp_w", "power_w")):
            if given is None and figure not in gpus.facts(self.device):
                raise ValueError(f"{name} must be given: no published figure for {self.device} is packaged")
        return self

    def build(self, id: str, throw: Throw, finance: FinanceFacts) -> Offer:
        """Nothing metered; devices are bought, and are there while their site is open."""
        shape = self._shape()
        return Offer(
            **self.place(id),
            shape=shape,
            boot_s=int(self.boot),
            outage=self._law(id, shape, throw),
            commitment=self.terms(id, throw, finance),
            standing=self.running(),
            speed_ppm=gpus.speed_ppm(shape.gpu),
            uplink_mbit_s=self.uplink_mbit_s,
            downlink_mbit_s=self.downlink_mbit_s,
            latency_s=self.latency_s,
            most_instances=self.devices,
        )

    @property
    def devices(self) -> int:
        """All devices that there is room for."""
        return self.sites * self.devices_per_site

    def _shape(self) -> Shape:
        name = gpus.canonical(self.device)
        # a gang that asks for no interconnect, as the rounds of federated learning do, may be of all devices together
        return Shape(name, 1, self.memory_gb or gpus.memory_gb(name), "none", self.devices)

    def _law(self, id: str, shape: Shape, throw: Throw) -> OutageLaw | None:
        """Devices are down while their site is closed, and when they fail; a device beyond a path's count is closed."""
        failures = None if self.outage is None else self.outage.law(1, throw.dice.under(f"outages/{id}"))
        if self.availability is None:
            return failures
        asked = AskedCapacity(id, self.provider, shape.gpu, 1, self.zone)
        rows: list[tuple[Span, ...]] = []
        for site in range(self.sites):
            there = self.availability.draw(throw.under(f"availability/{id}/{site}"), asked)
            rows += [below(there, device + 1) for device in range(self.devices_per_site)]
        return with_timetable(tuple(rows), failures, throw.end_s)

    def _figure(self, given: float | None, name: str) -> float:
        facts: Mapping[str, Any] = gpus.facts(self.device)
        return float(given if given is not None else facts[name])

    def terms(self, id: str, throw: Throw, facts: FinanceFacts) -> PurchaseTerms:
        """The terms of buying one device."""
        usd = self._figure(self.usd_per_device, "usd")
        return PurchaseTerms(
            price=units.micro(usd),
            extras=units.micro(usd * facts.sales_tax),
            life_s=int(self.life),
            delivery=Delivery(self.lead, throw.dice.under(f"leads/{id}"), tilt(throw, "delivery")),
            method=self.depreciation,
            resale=self.resale,
            resale_market=tilt(throw, "resale"),
            cost_of_capital=facts.capital,
        )

    def running(self) -> RunningCosts:
        """What a device costs while it stands there."""
        return RunningCosts(
            milli=units.MILLI,
            kw=self._figure(self.power_w, "tdp_w") / 1000,
            busy_share=1.0,
            idle_share=self.idle_power_share,
            pue=self.pue,
            usd_per_kwh=self.usd_per_kwh,
            usd_per_instance_year=self.operations_usd_per_device_year,
        )
