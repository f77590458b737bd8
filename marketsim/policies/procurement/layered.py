"""A portfolio in layers: long terms for what is nearly always needed, shorter ones above, the market on top."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import Field

from marketsim import settings
from marketsim.policies.forecast.forecast import Forecaster
from marketsim.policies.policy import Action, OfferFacts, Setup, View
from marketsim.policies.procurement import reservation, terms
from marketsim.policies.procurement.forecasting import LAST_WEEK, WEEKLY, AnyForecast
from marketsim.policies.procurement.outlook import Memory, look
from marketsim.units import YEAR_S


class Layer(settings.Settings):
    """One layer, above those named before it."""

    offer: settings.Name = Field(description="the offer that is signed for, or bought")
    used_at_least: settings.OpenShare | None = Field(
        default=None, description="share of time the layer's last instance must be used; by today's prices if not given"
    )


class Layered(settings.Kind):
    """Fill the layers from the bottom: each up to the demand that is reached for its share of the time.

    Layers stand on one another, so the second gets what its share allows beyond what the first holds. Name the longest
    and cheapest first. What rises above all layers is taken from on-demand and spot by the placement.
    """

    kind: Literal["layered"] = "layered"
    layers: Annotated[tuple[Layer, ...], Field(strict=False, min_length=1, description="from the bottom up")]
    forecast: AnyForecast = Field(default=LAST_WEEK, description="of demand over each layer's term")
    review: settings.PositiveDuration = Field(default=WEEKLY, description="how often the layers are worked out anew")
    keep: settings.PositiveDuration = Field(
        default=settings.Seconds(3 * YEAR_S), description="how long bought servers are reckoned to be kept"
    )

    def bind(self, setup: Setup) -> Rule:
        """The working rule; InputError for layers that cannot be committed to."""
        faults = []
        for index, layer in enumerate(self.layers):
            found = terms.find(setup, layer.offer)
            verb = "buy" if found is not None and found.kind in terms.BOUGHT else "sign"
            faults += terms.faults(setup, layer.offer, None, f"procurement.layers[{index}]", verb)
        terms.raise_any(faults)
        offers = [terms.find(setup, layer.offer) for layer in self.layers]
        stack = [(offer, layer.used_at_least) for offer, layer in zip(offers, self.layers, strict=True) if offer]
        return Rule(setup, stack, self.forecast.bind(setup), self.forecast.step, self.review, self.keep)


@dataclass
class Rule:
    """Tops up each layer at each review."""

    setup: Setup
    stack: list[tuple[OfferFacts, float | None]]
    forecaster: Forecaster
    step_s: int
    review_every_s: int | None
    keep_s: int
    memory: Memory = field(default_factory=Memory)

    def review(self, view: View) -> Sequence[Action]:
        """What is missing to each layer, in whole blocks; GPUs of lower layers carry what they can."""
        said: list[Action] = []
        below_gpus = 0.0
        for offer, share in self.stack:
            seen = look(view, self.setup, offer, self.step_s, self.keep_s, self.memory)
            samples = None if seen is None else self.forecaster.samples(seen.seen, seen.steps_ahead)
            held = view.committed(offer.id) + view.ordered(offer.id)
            if seen is not None and samples is not None:
                block = seen.quote.block_instances
                critical = seen.critical_share if share is None else share
                level = reservation.newsvendor(samples / block, critical) * block
                missing = seen.blocks(level - below_gpus / offer.shape.gpus - seen.there)
                if missing:
                    said.append(self.memory.place(seen, missing))
                held = seen.there + missing
            below_gpus += held * offer.shape.gpus
        return said
