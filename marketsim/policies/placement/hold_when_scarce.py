"""Keep an instance that has become empty for a while where a new one would be hard to get."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from marketsim.policies import base
from marketsim.policies import policy as say
from marketsim.policies.placement.cheapest_feasible import CheapestFeasible
from marketsim.policies.placement.committed_first import CommittedFirst
from marketsim.policies.placement.on_demand_only import OnDemandOnly
from marketsim.policies.placement.rule import Placement
from marketsim.policies.placement.spot_greedy import SpotGreedy
from marketsim.settings import NonNegative, PositiveDuration, one_of
from marketsim.units import DAY_S, HOUR_S

RULES: dict[str, type[Placement]] = {
    "on_demand_only": OnDemandOnly,
    "spot_greedy": SpotGreedy,
    "cheapest_feasible": CheapestFeasible,
    "committed_first": CommittedFirst,
}


class HoldWhenScarce(Placement):
    """Another rule says where jobs go; this one holds on to idle instances while starts are scarce, else lets them go.

    Giving an instance back and needing another costs B = price x boot + q x W x `usd_per_hour_waited`, where q is the
    share of looks of late at which none could be started and W the mean length of such a spell. Holding costs the
    price. The instance is held until holding has cost B, so for B / price, at most `at_most`: break-even as in ski
    rental (Karlin, Manasse, Rudolph, Sleator 1988), never more than twice the cost of knowing whether work comes. Looks
    are taken whenever a job is placed or an instance becomes empty, and fade with `memory`.
    """

    kind: Literal["hold_when_scarce"] = "hold_when_scarce"
    rule: one_of(RULES) = Field(  # type: ignore[valid-type]
        default=OnDemandOnly(), description="the rule that places jobs"
    )
    usd_per_hour_waited: NonNegative = Field(default=50.0, description="cost of an hour of waiting (assumption)")
    at_most: PositiveDuration = Field(default=4 * HOUR_S, description="longest hold")
    memory: PositiveDuration = Field(default=7 * DAY_S, description="half-life of what was seen")
    prior_spell: PositiveDuration = Field(default=2 * HOUR_S, description="length of a spell before one was seen")

    def bind(self, setup: say.Setup) -> base.PlacementBase:
        """A working rule."""
        return _Holding(self, setup, self.rule.bind(setup))


@dataclass
class Stock:
    """What looks have told of one offer: faded seconds seen, of them without a start, and faded spells without."""

    seen_s: float = 0.0
    short_s: float = 0.0
    spells: float = 0.0
    is_short: bool = False
    last_s: int = -1

    def look(self, now_s: int, short: bool, half_life_s: int) -> None:
        """The state of the last look is taken to have held up to this one."""
        if self.last_s == now_s:
            return
        if self.last_s >= 0:
            span = now_s - self.last_s
            fade = 0.5 ** (span / half_life_s)
            self.seen_s = self.seen_s * fade + span
            self.short_s = self.short_s * fade + span * self.is_short
            self.spells = self.spells * fade + (short and not self.is_short)
        else:
            self.spells = float(short)
        self.is_short, self.last_s = short, now_s

    def share(self) -> float:
        """Share of the time without a start; what is so now counts at least as much as an hour."""
        return (self.short_s + HOUR_S * self.is_short) / (self.seen_s + HOUR_S)

    def spell_s(self, prior_s: int) -> float:
        """Mean seconds of a spell, with one of the prior's length beside those seen."""
        return (self.short_s + prior_s) / (self.spells + 1)


class _Holding(base.PlacementBase):
    def __init__(self, settings: HoldWhenScarce, setup: say.Setup, rule: base.PlacementBase) -> None:
        super().__init__(setup)
        self._settings = settings
        self._rule = rule
        self._metered = [offer.id for offer in setup.offers if offer.metered and not offer.sells_tokens]
        self._boot_s = {offer.id: offer.boot_s for offer in setup.offers}
        self._stock = {offer: Stock() for offer in self._metered}
        self._looked_s = -1
        self.review_every_s, self.reviewed_from_start = rule.review_every_s, rule.reviewed_from_start
        self.leave_at = rule.leave_at  # type: ignore[method-assign]
        self.review = rule.review  # type: ignore[method-assign]

    def place(self, job: say.JobView, view: say.View, why: say.Why) -> say.Placed:
        self._look(view)
        return self._rule.place(job, view, why)

    def scale(self, service: int, view: say.View) -> Sequence[say.Scale]:
        return self._rule.scale(service, view)

    def _look(self, view: say.View) -> None:
        now = view.now_s
        if self._looked_s == now:
            return
        self._looked_s = now
        for offer in self._metered:
            self._stock[offer].look(now, view.launchable(offer) < 1, self._settings.memory)

    def on_empty(self, offer: str, view: say.View) -> int:
        """Held until holding has cost what doing without would."""
        self._look(view)
        return view.now_s + self.hold_s(offer, view)

    def hold_s(self, offer: str, view: say.View) -> int:
        """Whole seconds of the break-even."""
        stock, settings = self._stock[offer], self._settings
        wait_usd = stock.share() * stock.spell_s(settings.prior_spell) / HOUR_S * settings.usd_per_hour_waited
        seconds = self._boot_s[offer] + wait_usd / view.price(offer) * HOUR_S
        return min(round(seconds), settings.at_most)
