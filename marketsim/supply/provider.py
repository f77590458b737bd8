"""What can happen to a provider as a whole: it is down for a while, or it is gone.

All offers of a provider (in one zone, for outages) meet the same times, because the dice carry its name and not the
offer's. FloydHub, a GPU cloud, closed in 2021 and gave its customers a few weeks; a yearly chance of 0 is no forecast.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from pydantic import Field, model_validator

from marketsim import streams, units
from marketsim.settings import Kind, NonNegative, PositiveDuration, Settings
from marketsim.streams import Dice
from marketsim.supply.timetable import FOR_EVER_S, Span, union


class ProviderOutage(Settings):
    """A provider's zone that is down as a whole."""

    per_year: NonNegative = Field(description="outages of the zone a year")
    repair: PositiveDuration = Field(description="mean length of one, exponential")


class Sla(Kind):
    """Credits a provider promises: where a month's uptime is below a level, so much of the month's bill comes back."""

    uptime_shares: list[float] = Field(min_length=1, description="levels of uptime, falling, between 0 and 1")
    credit_shares: list[float] = Field(min_length=1, description="of the month's bill, one a level, rising, up to 1")

    # agreements for single instances as published by each provider; from memory, so assumptions
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "aws": {"uptime_shares": [0.995, 0.99, 0.95], "credit_shares": [0.10, 0.30, 1.0]},
        "gcp": {"uptime_shares": [0.999, 0.99, 0.95], "credit_shares": [0.10, 0.25, 1.0]},
        "azure": {"uptime_shares": [0.999, 0.99, 0.95], "credit_shares": [0.10, 0.25, 1.0]},
    }

    @model_validator(mode="after")
    def _one_credit_a_level(self) -> Sla:
        levels, credits = self.uptime_shares, self.credit_shares
        if len(levels) != len(credits):
            raise ValueError("uptime_shares and credit_shares must be as many")
        if levels != sorted(set(levels), reverse=True) or not all(0 < level < 1 for level in levels):
            raise ValueError("uptime_shares must fall and lie between 0 and 1")
        if credits != sorted(credits) or not all(0 < credit <= 1 for credit in credits):
            raise ValueError("credit_shares must rise and lie above 0, up to 1")
        return self

    def credit_share(self, up_share: float) -> float:
        """Share of a month's bill that comes back for its uptime, by the lowest level missed; 0 where none is."""
        steps = zip(self.uptime_shares, self.credit_shares, strict=True)
        return max((credit for level, credit in steps if up_share < level), default=0.0)


@dataclass(frozen=True)
class Fate:
    """What happens to a provider in one replication: spans in which a zone is down, and when the provider ends."""

    downs: tuple[Span, ...] = ()
    exit_s: int | None = None

    @property
    def gone(self) -> tuple[Span, ...]:
        """The down spans, with all time after the exit."""
        if self.exit_s is None:
            return self.downs
        return tuple(union([*(span for span in self.downs if span[0] < self.exit_s), (self.exit_s, FOR_EVER_S)]))


def fate(
    dice: Dice, provider: str, zone: str, outage: ProviderOutage | None, exits_per_year: float, end_s: int
) -> Fate:
    """Draw a provider's fate up to `end_s`. dice: of the replication, so that all its offers meet the same."""
    exit_s = None
    if exits_per_year > 0:
        u = dice.keyed(f"providers/{provider}/exit")
        drawn = round(float(streams.exponential(u, units.YEAR_S / exits_per_year)))
        exit_s = max(drawn, 1) if drawn <= end_s else None
    if outage is None or outage.per_year == 0:
        return Fate((), exit_s)
    return Fate(_spans(dice.under(f"providers/{provider}/{zone}"), outage, end_s), exit_s)


def _spans(dice: Dice, outage: ProviderOutage, end_s: int) -> tuple[Span, ...]:
    """Outages one after the other: up for an exponential time, down for another; a longer end appends."""
    count = 16
    while True:
        ups = streams.exponential(dice.uniforms("up", count), units.YEAR_S / outage.per_year)
        downs = streams.exponential(dice.uniforms("down", count), float(outage.repair))
        starts = np.round(np.cumsum(ups) + np.concatenate(([0.0], np.cumsum(downs)[:-1]))).astype(np.int64)
        if starts[-1] > end_s:
            break
        count *= 2
    lengths = np.maximum(np.round(downs), 1).astype(np.int64)
    pairs = zip(starts.tolist(), lengths.tolist(), strict=True)
    return tuple(union((start, start + length) for start, length in pairs if start <= end_s))
