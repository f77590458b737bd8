"""A price that never changes: a list price, a negotiated one, a quote."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from marketsim.path import Path
from marketsim.prices.process import Asked, PriceProcess
from marketsim.settings import UsdPerGpuHour
from marketsim.throw import Throw


class Constant(PriceProcess):
    """One price for ever; a bare number in a scenario is this."""

    scalar_key: ClassVar[str | None] = "usd"
    kind: Literal["constant"] = "constant"
    usd: UsdPerGpuHour = Field(description="USD per GPU-hour")

    def draw(self, throw: Throw, asked: Asked) -> Path:
        """The constant path."""
        return Path.constant(self.usd)

    def now(self, asked: Asked) -> float:
        """The price."""
        return self.usd
