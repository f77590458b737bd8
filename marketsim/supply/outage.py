"""How often an offer's machines fail and how long they stay down, said per GPU-year, as fleets report it.

0.173 failures a GPU-year is Meta's figure for 16,384 H100s (419 unexpected stops in 54 days), 0.38 and 0.13 those of
1,600 H200s and 504 B200s. The same failures may be given to what is rented, metered and owned alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from marketsim import units
from marketsim.settings import Duration, Kind, NonNegative, PositiveCount, one_of
from marketsim.streams import Dice
from marketsim.supply.offer import OutageLaw


class Outage(Kind):
    """What both clocks share."""

    kind: str
    per_gpu_year: NonNegative = Field(description="failures of one GPU a year; any of an instance's GPUs stops it")
    repair: Duration = Field(default=0, description="mean time until an instance that failed is usable again")
    fixed_repair: bool = Field(default=False, description="every repair takes just the mean; else it is exponential")

    def law(self, gpus: int, dice: Dice) -> OutageLaw | None:
        """The law of an instance with so many GPUs, whose lives are independent; None where nothing fails."""
        if self.per_gpu_year == 0:
            return None
        return OutageLaw(
            mean_up_s=units.YEAR_S / (self.per_gpu_year * gpus),
            mean_repair_s=float(self.repair),
            clock=self.kind,
            crews=getattr(self, "crews", None),
            fixed_repair=self.fixed_repair,
            dice=dice,
        )


class CalendarOutage(Outage):
    """Machines fail by the calendar, whether they work or not."""

    kind: Literal["calendar"] = "calendar"
    crews: PositiveCount | None = Field(default=None, description="most repairs at once; none: no limit")


class BusyOutage(Outage):
    """Running work fails after so much held time; idle machines do not."""

    kind: Literal["busy"] = "busy"


KINDS: dict[str, type[Kind]] = {"calendar": CalendarOutage, "busy": BusyOutage}

if TYPE_CHECKING:
    OutageSetting = Outage
else:
    OutageSetting = one_of(KINDS)
