"""What a kind is handed when the dice are thrown: its own dice, the span, and what stands around it.

Prices, availability, demand and supply are all drawn from a `Throw`; it is the only thing they know of the scenario.
"""

from __future__ import annotations

import pathlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from marketsim.path import Path
from marketsim.streams import Dice

CALM = Path.constant(0.0)


@dataclass(frozen=True)
class Throw:
    """One replication's dice for one named thing.

    horizon_s: demand stops there; end_s: the run, with its drain, stops there at the latest, so paths reach that far.
    start: the calendar instant of second 0. folder: what file names in the scenario are relative to.
    scarcity: the market's state over time, 0 in ordinary times, positive when capacity is short, in standard
    deviations; loadings: how strongly `spot`, `quotes`, `stock`, `delivery` and `resale` follow it.
    prices: USD per GPU-hour of the offers drawn before, by id, for processes that are a ratio to another.
    """

    dice: Dice
    horizon_s: int
    end_s: int
    start: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    folder: pathlib.Path | None = None
    scarcity: Path = CALM
    loadings: Mapping[str, float] = field(default_factory=dict)
    prices: Mapping[str, Path] = field(default_factory=dict)

    def under(self, name: str) -> Throw:
        """The same throw for something named inside this one."""
        return replace(self, dice=self.dice.under(name))
