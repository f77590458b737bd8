"""Reserve as many as the forecast says will be used often enough to pay: the newsvendor's answer, asked every week."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from pydantic import Field

from marketsim import settings
from marketsim.policies.forecast.forecast import Forecaster
from marketsim.policies.policy import Action, OfferFacts, Setup, View
from marketsim.policies.procurement import reservation, terms
from marketsim.policies.procurement.forecasting import LAST_WEEK, WEEKLY, AnyForecast
from marketsim.policies.procurement.outlook import Memory, look


class ReserveQuantile(settings.Kind):
    """Hold the level of demand that is reached for a larger share of time than a contract's cost over what it saves.

    The level k is reserved while the share of forecast steps with demand of k or more exceeds (contract's USD an hour)
    / (on-demand's USD an hour), both of the day of the review. Signs more when the level rises; lets contracts run out
    when it falls.
    """

    kind: Literal["reserve_quantile"] = "reserve_quantile"
    offer: settings.Name = Field(description="the rental offer to sign")
    forecast: AnyForecast = Field(default=LAST_WEEK, description="of demand over the contract's term")
    review: settings.PositiveDuration = Field(default=WEEKLY, description="how often the level is worked out anew")

    def bind(self, setup: Setup) -> Rule:
        """The working rule; InputError where the offer cannot be signed for."""
        terms.raise_any(terms.faults(setup, self.offer, None, "procurement", "sign"))
        offer = terms.find(setup, self.offer)
        assert offer is not None
        return Rule(setup, offer, self.forecast.bind(setup), self.forecast.step, self.review)


@dataclass
class Rule:
    """Tops up to the level at each review."""

    setup: Setup
    offer: OfferFacts
    forecaster: Forecaster
    step_s: int
    review_every_s: int | None
    memory: Memory = field(default_factory=Memory)

    def review(self, view: View) -> Sequence[Action]:
        """A signature for what is missing to the level, in whole blocks; nothing before enough was seen."""
        seen = look(view, self.setup, self.offer, self.step_s, 1, self.memory)
        if seen is None:
            return ()
        samples = self.forecaster.samples(seen.seen, seen.steps_ahead)
        if samples is None:
            return ()
        block = seen.quote.block_instances
        level = reservation.newsvendor(samples / block, seen.critical_share) * block
        missing = seen.blocks(level - seen.there)
        return [self.memory.place(seen, missing)] if missing else ()
