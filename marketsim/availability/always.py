"""Always there, without a bound."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from marketsim.availability.process import Availability
from marketsim.path import Path
from marketsim.prices.process import Asked
from marketsim.settings import Count
from marketsim.throw import Throw
from marketsim.units import UNLIMITED


class Always(Availability):
    """Instances whenever they are asked for, as many as are asked for unless a number is said."""

    kind: Literal["always"] = "always"
    instances: Count | None = Field(default=None, description="instances that may be held; no bound where not given")

    def draw(self, throw: Throw, asked: Asked) -> Path:
        """The constant path."""
        return Path.constant(UNLIMITED if self.instances is None else self.instances)

    def share(self) -> float:
        """1, or 0 where no instance is ever there."""
        return 0.0 if self.instances == 0 else 1.0
