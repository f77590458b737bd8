"""Reserve once a level of demand has cost more on demand than a contract would have: no forecast, a proved guarantee.

The online rules of Wang, Li and Liang (`reservation`), asked at a period and fed every step since; in blocks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from marketsim import settings
from marketsim.errors import Fault
from marketsim.policies.forecast.forecast import Forecaster
from marketsim.policies.policy import Action, OfferFacts, Setup, View
from marketsim.policies.procurement import reservation, terms
from marketsim.policies.procurement.forecasting import DAILY, AnyForecast
from marketsim.policies.procurement.outlook import Memory, Outlook, look
from marketsim.settings import Seconds
from marketsim.streams import Dice
from marketsim.units import HOUR_S


class _Online(settings.Kind):
    offer: settings.Name = Field(description="the rental offer to sign")
    step: settings.PositiveDuration = Field(default=Seconds(HOUR_S), description="a slot of demand")
    review: settings.PositiveDuration = Field(default=DAILY, description="how often what was seen since is judged")
    look_ahead: settings.Duration = Field(
        default=0, description="how far the forecast is trusted; shorter than the term"
    )
    forecast: AnyForecast | None = Field(default=None, description="of the look-ahead; needed where there is one")

    def _bound(self, setup: Setup, share: float) -> Rule:
        faults = terms.faults(setup, self.offer, None, "procurement", "sign")
        if self.look_ahead and self.forecast is None:
            faults.append(Fault("a look-ahead needs a forecast", key="procurement.forecast"))
        terms.raise_any(faults)
        offer = terms.find(setup, self.offer)
        assert offer is not None
        forecaster = self.forecast.bind(setup) if self.forecast is not None else None
        return Rule(setup, offer, self.step, self.review, share, self.look_ahead // self.step, forecaster)


class ReserveBreakeven(_Online):
    """Reserve when a level of demand has cost on demand, within one term, what a contract costs (A_beta, ski rental).

    Never dearer than 2 - alpha times the best in hindsight, alpha being the share of the on-demand price that a used
    reserved hour still costs. A smaller `share_of_breakeven` reserves sooner (A_z).
    """

    kind: Literal["reserve_breakeven"] = "reserve_breakeven"
    share_of_breakeven: settings.NonNegative = Field(default=1.0, description="z over the break-even spending beta")

    def bind(self, setup: Setup) -> Rule:
        """The working rule."""
        return self._bound(setup, self.share_of_breakeven)


class ReserveRandomized(_Online):
    """The same with a threshold drawn once a run: in the mean within e / (e - 1 + alpha) of the best in hindsight.

    `luck` fixes the draw; without it each replication has its own.
    """

    kind: Literal["reserve_randomized"] = "reserve_randomized"
    luck: settings.OpenShare | None = Field(default=None, description="the uniform that the threshold is drawn with")

    def bind(self, setup: Setup) -> Rule:
        """The working rule with its own die of the replication, which no other draw shares."""
        rule = self._bound(setup, 1.0)
        dice: Dice = getattr(setup.future, "dice", Dice(0))
        rule.luck = dice.under("policies/reserve_randomized").keyed("threshold") if self.luck is None else self.luck
        return rule


@dataclass
class Rule:
    """Feeds each step since the last review to the online rule."""

    setup: Setup
    offer: OfferFacts
    step_s: int
    review_every_s: int | None
    share_of_breakeven: float
    look_ahead: int  # steps
    forecaster: Forecaster | None
    luck: float | None = None
    online: reservation.Threshold | None = None
    fed: int = 0
    memory: Memory = field(default_factory=Memory)

    def review(self, view: View) -> Sequence[Action]:
        """A signature for the blocks that have become due at today's prices; none that would come too late."""
        seen = look(view, self.setup, self.offer, self.step_s, 1, self.memory)
        if seen is None or seen.saved_usd <= 0:
            return ()
        self._tune(seen)
        assert self.online is not None
        others = self.memory.not_mine(view, self.offer.id)
        blocks = _blocks(seen.seen.steps[self.fed :] - others, seen)
        self.fed += len(blocks)
        following = blocks + self._ahead(seen, view)
        due = 0
        for index, block in enumerate(blocks, 1):
            due += self.online.reserve(block, following[index : index + self.look_ahead])
        wanted = seen.blocks(due * seen.quote.block_instances)
        return [self.memory.place(seen, wanted)] if wanted else ()

    def _tune(self, seen: Outlook) -> None:
        """The tariff of the day: the period is the term in steps, the fee what a block costs over it."""
        period = max(seen.quote.span_s // self.step_s, self.look_ahead + 1, 1)
        hours = self.step_s / HOUR_S * seen.quote.block_instances
        alpha = min(max(seen.quote.usd_per_busy_hour / seen.worth_usd, 0.0), 1 - 1e-9)
        fee = seen.usd_per_useful_hour * hours * period
        tariff = reservation.Tariff(period, seen.worth_usd * hours, fee, alpha)
        z = tariff.breakeven * self.share_of_breakeven
        if self.luck is not None:
            z = reservation.threshold_of(self.luck, tariff)
        if self.online is None:
            self.online = reservation.Threshold(tariff, z, self.look_ahead)
        self.online.tune(tariff, z)

    def _ahead(self, seen: Outlook, view: View) -> list[int]:
        """Expected blocks in the steps of the look-ahead; none where too little was seen."""
        if not self.look_ahead:
            return []
        path = self.forecaster.path(seen.seen, self.look_ahead) if self.forecaster is not None else None
        if path is None:
            return [0] * self.look_ahead
        return _blocks(path - self.memory.not_mine(view, self.offer.id), seen)


def _blocks(instances: NDArray[np.float64], seen: Outlook) -> list[int]:
    """The nearest whole numbers of blocks, at least 0."""
    whole: list[int] = np.floor(np.maximum(instances, 0.0) / seen.quote.block_instances + 0.5).astype(int).tolist()
    return whole
