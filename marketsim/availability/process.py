"""What an availability process is: it draws how many instances of one offer may be held over time, before the run.

A falling path takes instances back (spot), or blocks starts alone (stock-outs on demand): which of the two, the offer
says by using the path as keepable or only as launchable.
"""

from __future__ import annotations

import numpy as np

from marketsim.path import Path
from marketsim.prices.process import Asked
from marketsim.settings import Kind
from marketsim.throw import Throw
from marketsim.units import UNLIMITED


class Availability(Kind):
    """One kind of availability."""

    def draw(self, throw: Throw, asked: Asked) -> Path:
        """Instances that may be held, whole, from second 0 to at least throw.end_s; `units.UNLIMITED` for no bound.

        throw: with dice of this availability alone (`throw.under("availability/<offer>")`).
        """
        raise NotImplementedError

    def share(self) -> float | None:
        """Long-run share of time with at least one instance, where a formula gives it, for `check` and `list`."""
        return None


def counted(states: Path, instances: int | None) -> Path:
    """Instances of a path of 0 and 1: `instances` (None: no bound) where it is 1, none where it is 0."""
    most = UNLIMITED if instances is None else instances
    return states.map(lambda state: np.where(state > 0, float(most), 0.0)).simplified()
