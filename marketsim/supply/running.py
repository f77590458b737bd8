"""What machines of one's own cost by standing there: power, space, people, spare parts.

Energy is what the machine draws, busy or idle, times the building's overhead (PUE). People come in steps: two engineers
on call cost the same for one server as for thirty, and they are paid from the order on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import Field

from marketsim import units
from marketsim.settings import Duration, NonNegative, PositiveCount, Seconds, Settings
from marketsim.supply.offer import Charge


class Staff(Settings):
    """People who keep machines running, in steps: `engineers` for each started `per_servers`."""

    engineers: NonNegative = Field(description="full-time people a step; they are there from the first server on")
    usd_per_year_each: NonNegative = Field(description="full cost of one a year")
    per_servers: PositiveCount = Field(description="servers that one step looks after")
    hire: Duration = Field(
        default=Seconds(0), description="to find the first of them, from the first order on, which runs no sooner"
    )

    def usd_per_year(self, servers: int) -> float:
        """USD a year for so many servers; nothing for none."""
        return self.engineers * self.usd_per_year_each * units.ceil_div(servers, self.per_servers)


@dataclass(frozen=True)
class RunningCosts:
    """What installed instances cost over a span; a `Standing`. kw: of one instance at full draw.

    busy_share, idle_share: of kw, that is drawn in the mean. usd_per_instance_year: maintenance and other operations.
    """

    milli: int
    kw: float
    busy_share: float
    idle_share: float
    pue: float
    usd_per_kwh: float
    usd_per_kw_month: float = 0.0
    usd_per_instance_year: float = 0.0
    staff: Staff | None = None

    def over(
        self, from_s: int, to_s: int, instance_s: int, busy_milli_s: int, ordered_instance_s: int = 0
    ) -> Sequence[Charge]:
        """Power, space, people and maintenance of the span, all paid at its end; nothing where nothing is installed."""
        amounts = {
            "expense:power": self.energy_kwh(instance_s, busy_milli_s) * self.usd_per_kwh,
            "expense:space": self.kw * self.usd_per_kw_month * instance_s / units.MONTH_S,
            "expense:staff": self._staff_usd(to_s - from_s, instance_s + ordered_instance_s),
            "expense:maintenance": self.usd_per_instance_year * instance_s / units.YEAR_S,
        }
        posted = ((account, units.micro(usd)) for account, usd in amounts.items())
        return [Charge(to_s, account, "cash", micro, micro) for account, micro in posted if micro]

    def energy_kwh(self, instance_s: int, busy_milli_s: int) -> float:
        """kWh at the meter of the building, from installed instance-seconds and busy milli-GPU-seconds."""
        busy_s = busy_milli_s / self.milli
        drawn_s = self.busy_share * busy_s + self.idle_share * max(instance_s - busy_s, 0)
        return self.kw * drawn_s / units.HOUR_S * self.pue

    def _staff_usd(self, span_s: int, instance_s: int) -> float:
        if self.staff is None or span_s <= 0 or instance_s <= 0:
            return 0.0
        return self.staff.usd_per_year(units.ceil_div(instance_s, span_s)) * span_s / units.YEAR_S
