"""GPUs by the second that come when a request does: dear an hour, free when idle, slow to wake."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from marketsim.path import Path
from marketsim.settings import Duration, PositiveCount
from marketsim.supply.kind import FinanceFacts, MachineKind, Price, metered_price
from marketsim.supply.offer import Offer
from marketsim.supply.timetable import without
from marketsim.throw import Throw
from marketsim.units import UNLIMITED


class Serverless(MachineKind):
    """Containers on GPUs, billed each second from the start of a cold one, with no quota to ask for."""

    kind: Literal["serverless"] = "serverless"
    provider: str = Field(min_length=1, max_length=64, description="who is paid")
    usd_per_gpu_hour: Price = Field(description="price of one GPU for an hour, billed by the second")
    cold_start: Duration = Field(description="from start until a container with its model answers; seconds to minutes")
    most_instances: PositiveCount | None = Field(default=None, description="most containers at once; none: no limit")

    def build(self, id: str, throw: Throw, finance: FinanceFacts) -> Offer:
        """Metered by the second; the cold start is added to the boot and billed like it."""
        most = Path.constant(UNLIMITED if self.most_instances is None else self.most_instances)
        most = without(most, self.fate(throw).gone)
        machine = self.machine(id, throw)
        machine["boot_s"] += int(self.cold_start)
        price = metered_price(self, id, throw, self.shape.gpus)
        return Offer(**machine, launchable=most, keepable=most, price=price)
