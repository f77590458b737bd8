"""So many instances, for ever: what a bare number in a scenario means."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from marketsim.availability.process import Availability
from marketsim.path import Path
from marketsim.prices.process import Asked
from marketsim.settings import Count
from marketsim.throw import Throw


class Constant(Availability):
    """A number of instances that never changes."""

    scalar_key: ClassVar[str | None] = "instances"
    kind: Literal["constant"] = "constant"
    instances: Count = Field(description="instances that may be held")

    def draw(self, throw: Throw, asked: Asked) -> Path:
        """The constant path."""
        return Path.constant(self.instances)

    def share(self) -> float:
        """1, or 0 for none at all."""
        return float(self.instances > 0)
