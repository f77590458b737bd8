"""Instances by the second at a list price: as many as the quota allows, kept as long as they are wanted."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field, model_validator

from marketsim.path import Path, combine
from marketsim.prices.influence import NoInfluence
from marketsim.settings import Count, Duration, PositiveDuration, Seconds, Settings
from marketsim.supply.kind import (
    Capacity,
    FinanceFacts,
    MachineKind,
    OwnInfluenceSetting,
    Price,
    influenced_price,
)
from marketsim.supply.offer import Offer
from marketsim.supply.timetable import without
from marketsim.throw import Throw
from marketsim.units import UNLIMITED


class Quota(Settings):
    """Instances a provider lets one start before it is asked for more."""

    initial: Count = Field(description="instances allowed from the start")
    step: Count = Field(
        default=0, description="instances that one granted request adds; 0: none. Only a policy of your own asks"
    )
    grant: Duration = Field(default=0, description="from request to grant")
    granted_share: Annotated[float, Field(gt=0, le=1)] = Field(
        default=1.0, description="of what is asked for, that is granted, in whole steps and at least one"
    )
    at_most: Count | None = Field(default=None, description="instances beyond which nothing is granted; none: no end")

    @model_validator(mode="after")
    def _not_below_the_start(self) -> Quota:
        if self.at_most is not None and self.at_most < self.initial:
            raise ValueError("at_most must not be below initial")
        return self

    def fields(self) -> dict[str, int | float | None]:
        """The fields of an `Offer`."""
        return {
            "quota": self.initial,
            "quota_step": self.step,
            "quota_grant_s": int(self.grant),
            "quota_share": self.granted_share,
            "quota_most": self.at_most,
        }


class OnDemand(MachineKind):
    """A cloud's on-demand instances. A stock-out blocks starts and takes nothing back."""

    kind: Literal["on_demand"] = "on_demand"
    provider: str = Field(min_length=1, max_length=64, description="who is paid")
    usd_per_gpu_hour: Price = Field(description="price of one GPU for an hour")
    quota_instances: Quota | None = Field(default=None, description="the provider's limit; none: no limit")
    availability: Capacity | None = Field(default=None, description="stock that may run out; none: it never does")
    billing_quantum: PositiveDuration = Field(default=Seconds(1), description="a lease is billed in whole ones")
    own_influence: OwnInfluenceSetting = Field(
        default=NoInfluence(), description="how own use moves the price; none: not at all"
    )
    billed_at_least: Annotated[Duration, Field(description="least time a lease is billed for")] = Seconds(0)

    def build(self, id: str, throw: Throw, finance: FinanceFacts) -> Offer:
        """Metered; launchable up to the stock, kept without limit."""
        gone = self.fate(throw).gone
        price, most, influence = influenced_price(self, id, throw, self.own_influence, self.shape.gpus)
        stock = self._stock(id, throw)
        if most is not None:
            stock = combine([stock, most], np.minimum)
        return Offer(
            **self.machine(id, throw),
            launchable=without(stock, gone),
            keepable=without(Path.constant(UNLIMITED), gone),
            price=price,
            own_influence=influence,
            **({} if self.quota_instances is None else self.quota_instances.fields()),  # type: ignore[arg-type]
            quantum_s=int(self.billing_quantum),
            minimum_s=int(self.billed_at_least),
        )

    def _stock(self, id: str, throw: Throw) -> Path:
        if self.availability is None:
            return Path.constant(UNLIMITED)
        return self.capacity(id, throw, self.availability)
