"""What every kind of offer is: settings with the keys of a scenario, and one `build` that throws its dice.

A kind knows its own terms. `build_all` prices the offers in the order in which one is a ratio to another, so that a
kind is only ever handed what stands before it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from marketsim import availability, prices
from marketsim.availability.process import Asked as AskedCapacity
from marketsim.availability.process import Availability
from marketsim.errors import Fault, InputError, PriceError, nearest
from marketsim.path import Path
from marketsim.prices import influence
from marketsim.prices.influence import Influence, PerInstance
from marketsim.prices.process import Asked, Column, PriceProcess
from marketsim.settings import Duration, Kind, Name, NonNegative, Positive, PositiveCount, Settings, one_of
from marketsim.supply import gpus, provider
from marketsim.supply.offer import Offer, OutageLaw
from marketsim.supply.outage import OutageSetting
from marketsim.supply.provider import Fate, ProviderOutage, Sla
from marketsim.supply.shape import Shape
from marketsim.supply.timetable import with_timetable
from marketsim.throw import Throw

if TYPE_CHECKING:
    Price = PriceProcess
    Capacity = Availability
    OwnInfluenceSetting = Influence
else:
    Price = one_of(prices.KINDS)
    Capacity = one_of(availability.KINDS)
    OwnInfluenceSetting = influence.AnyInfluence


@dataclass(frozen=True)
class FinanceFacts:
    """What the whole company pays: shares a year for capital, on purchases, on profit; 0 for nothing.

    capital_stages: (second, share a year) from which capital costs something else, increasing.
    """

    cost_of_capital_per_year: float = 0.0
    sales_tax: float = 0.0
    tax_rate: float = 0.0
    capital_stages: tuple[tuple[int, float], ...] = ()

    @property
    def capital(self) -> float | Path:
        """What a year of tied-up money costs: one share, or one over time."""
        base = self.cost_of_capital_per_year
        return Path.steps([(0, base), *self.capital_stages]) if self.capital_stages else base


class ShapeSettings(Settings):
    """The instance that is offered."""

    gpu: str = Field(description="name of the GPU, such as H100 or A100-80GB")
    gpus: Annotated[int, Field(ge=1, le=1024)] = Field(default=1, description="GPUs of one instance")
    interconnect: Literal["none", "pcie", "nvlink", "fabric"] = Field(
        default="pcie", description="between GPUs; fabric also joins instances"
    )
    largest_gang_instances: PositiveCount = Field(default=1, description="most instances that share a fabric")
    memory_gb: Positive | None = Field(default=None, description="GB a GPU; the GPU's own where not given")

    @field_validator("gpu")
    @classmethod
    def _known(cls, gpu: str) -> str:
        return known_gpu(gpu)

    def shape(self) -> Shape:
        """The shape with the GPU's one name and its memory."""
        gpu = gpus.canonical(self.gpu)
        memory_gb = self.memory_gb if self.memory_gb is not None else gpus.memory_gb(gpu)
        return Shape(gpu, self.gpus, memory_gb, self.interconnect, self.largest_gang_instances)


def known_gpu(gpu: str) -> str:
    """The name as given where it is known, ValueError with the nearest name where not: for validators."""
    try:
        gpus.canonical(gpu)
    except InputError as wrong:
        fault = wrong.faults[0]
        raise ValueError(" ".join(part for part in (fault.what, fault.hint and f"({fault.hint})") if part)) from None
    return gpu


class EgressTier(Settings):
    """A step of the price of data taken out."""

    up_to_gb_per_month: Positive | None = Field(default=None, description="upper end in GB a month; none in the last")
    usd_per_gb: NonNegative = Field(description="USD a GB within it")


class OfferKind(Kind):
    """What all offers say: who, where, for whom, and what moving data costs there.

    A kind of one's own adds settings and `build`; `MachineKind` has those of instances, with shape, boot and outages.

    >>> import marketsim as ms
    >>> from typing import Literal
    >>> class Lent(ms.OfferKind):
    ...     kind: Literal["lent"] = "lent"
    ...     instances: int = 2
    ...     def build(self, id, throw, finance):
    ...         there, free = ms.Path.constant(self.instances), ms.Path.constant(0.0)
    ...         where = self.place(id)
    ...         return ms.Offer(**where, shape=ms.Shape("V100-32GB"), launchable=there, keepable=there, price=free)
    >>> from marketsim.supply.kind import FinanceFacts
    >>> offer = Lent(provider="a university").build("lab", None, FinanceFacts())
    >>> offer.id, offer.provider, offer.launchable.at(0)  # instances
    ('lab', 'a university', 2.0)
    """

    provider: str = Field(default="own", min_length=1, max_length=64, description="who is paid")
    zone: str = Field(default="", max_length=64, description="the provider's name for the place")
    residency: Name | None = Field(default=None, description="class of place that data may be bound to, such as eu")
    serves: list[Name] | None = Field(default=None, description="the only workloads it takes; all where not given")
    data_here: list[Name] = Field(default=[], description="workloads whose data already lies there")
    usd_per_gb_in: NonNegative = Field(default=0.0, description="USD a GB brought in")
    usd_per_gb_out: NonNegative | None = Field(
        default=None, description="USD a GB taken out; the scenario's network price where not given"
    )

    egress_tiers: list[EgressTier] | None = Field(
        default=None, min_length=1, max_length=20, description="price of data taken out by volume a month, by provider"
    )
    usd_per_gb_month_storage: NonNegative | None = Field(
        default=None, description="USD for a GB kept here a month; the network's, or for what one owns 0, if not given"
    )

    @model_validator(mode="after")
    def _tiers_rise(self) -> OfferKind:
        tiers = self.egress_tiers or []
        bounds = [tier.up_to_gb_per_month for tier in tiers]
        known = [bound for bound in bounds[:-1] if bound is not None]
        if tiers and (bounds[-1] is not None or len(known) < len(bounds) - 1 or known != sorted(set(known))):
            raise ValueError("egress_tiers rise by up_to_gb_per_month, and the last has none")
        if tiers and self.usd_per_gb_out:
            raise ValueError("usd_per_gb_out and egress_tiers are two prices of one thing: give one")
        return self

    def build(self, id: str, throw: Throw, finance: FinanceFacts) -> Offer:
        """The frozen offer of one replication.

        throw: of the replication (not `under` anything), with the prices of the offers this one is a ratio to, and, if
        it is already drawn, its own. Raises PriceError for a price that is missing.
        """
        raise NotImplementedError

    def price_setting(self) -> PriceProcess | None:
        """The price process of what is metered or quoted, None where it has none."""
        return getattr(self, "usd_per_gpu_hour", None)

    def asked(self, id: str) -> Asked:
        """What a price process is told of this offer."""
        return Asked(id, self.provider, zone=self.zone)

    def quoted(self, id: str, throw: Throw) -> Path | None:
        """USD per GPU-hour over time, None where it has no price: drawn, or as `throw.prices` has it already."""
        setting = self.price_setting()
        if setting is None or id in throw.prices:
            return throw.prices.get(id)
        return setting.draw(throw.under(f"prices/{id}"), self.asked(id))

    def after(self) -> tuple[str, ...]:
        """Ids of the offers whose price must be drawn first."""
        setting = self.price_setting()
        return setting.after() if setting is not None else ()

    def place(self, id: str) -> dict[str, Any]:
        """The fields of an `Offer` that say who, where and for whom."""
        return {
            "id": id,
            "kind": self.kind,  # type: ignore[attr-defined]
            "provider": self.provider,
            "zone": self.zone,
            "residency": self.residency,
            "serves": None if self.serves is None else tuple(self.serves),
            "data_here": tuple(self.data_here),
            "usd_per_gb_in": self.usd_per_gb_in,
            "gb_out_tiers": self._tiers(),
            "usd_per_gb_month_storage": self.usd_per_gb_month_storage,
            "usd_per_gb_out": self.usd_per_gb_out or 0.0,  # where it states none, `build` puts the network's
        }

    def _tiers(self) -> tuple[tuple[float, float], ...] | None:
        """(GB a month up to which, USD a GB), the last without bound; None where there are none."""
        if self.egress_tiers is None:
            return None
        bounds = [math.inf if one.up_to_gb_per_month is None else one.up_to_gb_per_month for one in self.egress_tiers]
        return tuple((bound, one.usd_per_gb) for bound, one in zip(bounds, self.egress_tiers, strict=True))


class MachineKind(OfferKind):
    """An offer of instances of a shape."""

    shape: ShapeSettings = Field(description="the instance that is offered")
    boot: Duration = Field(default=0, description="from start to usable")
    turnaround: Duration = Field(default=0, description="how long a share stays unusable after a job ends")
    outage: OutageSetting | None = Field(default=None, description="how machines fail; none: they do not")
    provider_outage: ProviderOutage | None = Field(default=None, description="the whole zone down; none: never")
    provider_exits_per_year: NonNegative = Field(default=0.0, description="rate at which it closes for good")
    sla: Sla | None = Field(default=None, description="credits the provider promises; none: none")

    def column(self) -> Column:
        """The column of the price list that applies."""
        return "on_demand"

    def asked(self, id: str) -> Asked:
        """What a price process is told of this offer."""
        shape = self.shape.shape()
        return Asked(id, self.provider, shape.gpu, shape.gpus, self.zone, self.column())

    def machine(self, id: str, throw: Throw) -> dict[str, Any]:
        """The fields of an `Offer` that say what an instance is and how it fails, one by one."""
        shape = self.shape.shape()
        return self.place(id) | {
            "shape": shape,
            "boot_s": int(self.boot),
            "turnaround_s": int(self.turnaround),
            "outage": self.law(id, shape.gpus, throw),
            "speed_ppm": gpus.speed_ppm(shape.gpu),
            "sla": self.sla,
            "down": self.fate(throw).gone,
        }

    def fate(self, throw: Throw) -> Fate:
        """What happens to the provider in this replication: the same for all its offers in the zone."""
        risk = (self.provider_outage, self.provider_exits_per_year)
        return provider.fate(throw.dice, self.provider, self.zone, *risk, throw.end_s)

    def committed_law(self, id: str, throw: Throw) -> OutageLaw | None:
        """The outage law of instances that are ours all the while: they are down with the provider."""
        law = self.law(id, self.shape.gpus, throw)
        return with_timetable((self.fate(throw).gone,), law, throw.end_s)

    @model_validator(mode="after")
    def _outages_agree(self) -> MachineKind:
        outage = self.outage
        whole = self.provider_outage is not None or self.provider_exits_per_year > 0
        if whole and outage is not None and (outage.kind == "busy" or getattr(outage, "crews", None) is not None):
            raise ValueError("a provider's outages and exit go together with outages by the calendar, without crews")
        return self

    def law(self, id: str, gpus_each: int, throw: Throw) -> OutageLaw | None:
        """The outage law with the offer's own dice."""
        return None if self.outage is None else self.outage.law(gpus_each, throw.dice.under(f"outages/{id}"))

    def capacity(self, id: str, throw: Throw, setting: Availability) -> Path:
        """Instances over time that an availability setting draws for this offer."""
        shape = self.shape.shape()
        asked = AskedCapacity(id, self.provider, shape.gpu, shape.gpus, self.zone)
        return setting.draw(throw.under(f"availability/{id}"), asked)


def per_instance_hour(path: Path, gpus_each: int) -> Path:
    """USD per instance-hour of a price per GPU-hour: the one place where the two meet."""
    return path.map(lambda usd: usd * gpus_each)


def metered_price(kind: OfferKind, id: str, throw: Throw, gpus_each: int) -> Path:
    """USD per instance-hour of a metered offer; PriceError where it has no price, which is never taken for 0."""
    path = kind.quoted(id, throw)
    if path is None:
        raise PriceError(Fault("has no price", key=f"supply.{id}.usd_per_gpu_hour"))
    return per_instance_hour(path, gpus_each)


def influenced_price(
    kind: OfferKind, id: str, throw: Throw, setting: Influence, gpus_each: int
) -> tuple[Path, Path | None, PerInstance | None]:
    """USD per instance-hour without own use, the instances that a clearing market leaves, and what own use does.

    The two last are None where own use moves nothing, or capacity is not the market's to give.
    """
    price = metered_price(kind, id, throw, gpus_each)
    base = kind.quoted(id, throw)
    influenced = None if base is None else setting.bind(throw.under(f"influence/{id}"), kind.asked(id), base)
    if base is None or influenced is None:
        return price, None, None
    price = per_instance_hour(influence.without_own(influenced, throw.end_s), gpus_each)
    most = None
    if isinstance(setting, influence.Clearing):
        bid = setting.bid
        most = influence.keepable_at(influenced, base.map(lambda usd: usd * bid), throw.end_s)
    return price, most, PerInstance(influenced, gpus_each)


def build_all(kinds: Mapping[str, OfferKind], throw: Throw, finance: FinanceFacts) -> tuple[Offer, ...]:
    """All offers of a replication in the order of `kinds`, each price drawn once, after those it is a ratio to.

    Raises InputError where a price is a ratio to an unknown offer or to itself by a circle.
    """
    known = dict(throw.prices)
    for id in pricing_order(kinds):
        path = kinds[id].quoted(id, replace(throw, prices=known))
        if path is not None:
            known[id] = path
    priced = replace(throw, prices=known)
    return tuple(kind.build(id, priced, finance) for id, kind in kinds.items())


def pricing_order(kinds: Mapping[str, OfferKind]) -> list[str]:
    """Ids in an order in which each price stands after those it is a ratio to; otherwise as given."""
    faults = [
        Fault("no such offer", key=f"supply.{id}.usd_per_gpu_hour.ratio_to", got=other, hint=nearest(other, kinds))
        for id, kind in kinds.items()
        for other in kind.after()
        if other not in kinds
    ]
    if faults:
        raise InputError(faults)
    order: list[str] = []
    while len(order) < len(kinds):
        ready = [id for id, kind in kinds.items() if id not in order and set(kind.after()) <= set(order)]
        if not ready:
            stuck = [id for id in kinds if id not in order]
            raise InputError(
                Fault("prices are ratios to each other in a circle", key=f"supply.{stuck[0]}", got=", ".join(stuck))
            )
        order += ready
    return order
