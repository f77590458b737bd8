"""Spare instances at a price that moves, taken back with little notice when the provider needs them."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field

from marketsim.availability.always import Always
from marketsim.path import combine
from marketsim.prices.influence import NoInfluence
from marketsim.prices.process import Column
from marketsim.settings import Duration, PositiveDuration, Seconds
from marketsim.supply.kind import (
    Capacity,
    FinanceFacts,
    MachineKind,
    OwnInfluenceSetting,
    Price,
    influenced_price,
)
from marketsim.supply.offer import Offer
from marketsim.supply.on_demand import Quota
from marketsim.supply.timetable import without
from marketsim.throw import Throw
from marketsim.units import MINUTE_S


class Spot(MachineKind):
    """Spot instances: what may be started may be kept, and what may no longer be kept is taken back."""

    kind: Literal["spot"] = "spot"
    provider: str = Field(min_length=1, max_length=64, description="who is paid")
    usd_per_gpu_hour: Price = Field(description="price of one GPU for an hour, often a ratio to an on-demand offer")
    availability: Capacity = Field(default=Always(), description="how many instances there are to have over time")
    notice: Duration = Field(default=Seconds(2 * MINUTE_S), description="warning before a taking back; AWS gives 2 min")
    quota_instances: Quota | None = Field(default=None, description="the provider's limit; none: no limit")
    billing_quantum: PositiveDuration = Field(default=Seconds(1), description="a lease is billed in whole ones")
    own_influence: OwnInfluenceSetting = Field(
        default=NoInfluence(),
        description="how own use moves the price; where a market clears, usd_per_gpu_hour is the list price",
    )

    def column(self) -> Column:
        """The spot column of the price list."""
        return "spot"

    def build(self, id: str, throw: Throw, finance: FinanceFacts) -> Offer:
        """Metered; one path says how many may be started and how many are kept."""
        capacity = self.capacity(id, throw, self.availability)
        price, most, influence = influenced_price(self, id, throw, self.own_influence, self.shape.gpus)
        if most is not None:
            capacity = combine([capacity, most], np.minimum)
        capacity = without(capacity, self.fate(throw).gone)
        return Offer(
            **self.machine(id, throw),
            launchable=capacity,
            keepable=capacity,
            price=price,
            own_influence=influence,
            **({} if self.quota_instances is None else self.quota_instances.fields()),  # type: ignore[arg-type]
            quantum_s=int(self.billing_quantum),
            notice_s=int(self.notice),
        )
