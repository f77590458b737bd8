"""Buy servers where owning costs less than the cheaper of renting and on-demand; rent where that is cheaper."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from marketsim import settings
from marketsim.policies.forecast.empirical import EmpiricalQuantiles
from marketsim.policies.forecast.forecast import Forecaster
from marketsim.policies.policy import Action, OfferFacts, Setup, View
from marketsim.policies.procurement import terms
from marketsim.policies.procurement.forecasting import AnyForecast
from marketsim.policies.procurement.outlook import Memory, Outlook, look
from marketsim.settings import Seconds, Share
from marketsim.units import DAY_S, YEAR_S

Floats = NDArray[np.float64]

NO_MARKET_USD = 1e6  # an hour: what no on-demand offer can do is had at any cost of owning


class OwnVsRent(settings.Kind):
    """Buy as many servers as have a positive net present value against renting and on-demand, layer by layer.

    A layer is one more block of instances, used for the forecast share of the time. Owning is charged with its price
    written off over `keep` and resold at today's market, the cost of capital on what is not written off, power,
    space and people: with capital charged on the book value, a lower cost an hour is the same as a positive net
    present value. A layer used more is never worth less, so the cheapest number of servers fills layers from the
    bottom; people come in steps, so it is looked for among all numbers.
    """

    kind: Literal["own_vs_rent"] = "own_vs_rent"
    own: settings.Name = Field(description="the datacenter or edge offer that is bought")
    rent: settings.Name | None = Field(default=None, description="the rental offer it is compared with, and signed")
    keep: settings.PositiveDuration = Field(default=Seconds(3 * YEAR_S), description="how long servers are kept")
    margin: Share = Field(default=0.0, description="share by which owning must be cheaper")
    forecast: AnyForecast = Field(default=EmpiricalQuantiles(), description="of demand while they are kept")
    review: settings.PositiveDuration = Field(default=Seconds(30 * DAY_S), description="how often it is asked anew")

    def bind(self, setup: Setup) -> Rule:
        """The working rule; InputError for offers that cannot be bought or signed for."""
        faults = terms.faults(setup, self.own, None, "procurement.own", "buy")
        if self.rent is not None:
            faults += terms.faults(setup, self.rent, None, "procurement.rent", "sign")
        terms.raise_any(faults)
        own = terms.find(setup, self.own)
        assert own is not None
        rent = None if self.rent is None else terms.find(setup, self.rent)
        forecaster = self.forecast.bind(setup)
        return Rule(setup, own, rent, forecaster, self.forecast.step, self.review, self.keep, self.margin)


@dataclass
class Rule:
    """Compares, buys, and signs for the layers above."""

    setup: Setup
    own: OfferFacts
    rent: OfferFacts | None
    forecaster: Forecaster
    step_s: int
    review_every_s: int | None
    keep_s: int
    margin: float
    memory: Memory = field(default_factory=Memory)

    def review(self, view: View) -> Sequence[Action]:
        """A purchase for the layers where owning is cheapest, a signature for those above where renting is."""
        own = look(view, self.setup, self.own, self.step_s, self.keep_s, self.memory)
        rent = None if self.rent is None else look(view, self.setup, self.rent, self.step_s, 1, self.memory)
        samples = None if own is None else self.forecaster.samples(own.seen, own.steps_ahead)
        if own is None or samples is None:
            return ()
        used = shares_used(samples, own.quote.block_instances)
        others = self._others_usd(own, rent, used)
        bought = self._cheapest(view, own, used, others)
        said: list[Action] = []
        more = own.blocks(bought - own.there)
        if more:
            said.append(self.memory.place(own, more))
        if rent is not None:
            said += self._sign(own, rent, used, max(bought, own.there))
        return said

    def _others_usd(self, own: Outlook, rent: Outlook | None, used: Floats) -> Floats:
        """USD an hour of each layer of one block without owning it: on demand while used, or rented throughout."""
        on_demand = used * min(own.worth_usd, NO_MARKET_USD)
        if rent is None:
            return on_demand * own.quote.block_instances
        same = own.offer.shape.gpus / rent.offer.shape.gpus
        rented = (rent.usd_per_useful_hour + rent.quote.usd_per_busy_hour * used) * same
        return np.minimum(on_demand, rented) * own.quote.block_instances

    def _cheapest(self, view: View, own: Outlook, used: Floats, others: Floats) -> int:
        """How many instances to own in all: the number of blocks of least cost an hour, the least of equals."""
        block = own.quote.block_instances
        best, least = 0, 0.0
        saved = np.cumsum(others * (1 - self.margin) - own.quote.usd_per_busy_hour * used * block)
        most = (own.there + own.room) // block  # at a site there may be no more room
        for blocks in range(1, min(len(used), most) + 1):
            keep_s = min(self.keep_s, own.useful_s)
            told = view.quote(self.own.id, keep_s, blocks * block)
            assert told is not None
            cost = told.usd_per_hour * blocks * block - float(saved[blocks - 1])
            if cost < least - 1e-9:
                best, least = blocks, cost
        return best * block

    def _sign(self, own: Outlook, rent: Outlook, used: Floats, owned: int) -> list[Action]:
        """Layers above what is owned that are used often enough for a contract."""
        paying = int(np.count_nonzero(used > rent.critical_share)) * own.quote.block_instances
        above = (paying - owned) * own.offer.shape.gpus / rent.offer.shape.gpus - rent.there
        missing = rent.blocks(above)
        return [self.memory.place(rent, missing)] if missing else []


def shares_used(samples: Floats, block: int) -> Floats:
    """Share of steps in which demand reaches each layer of one block, from the first up; falling, none of them 0."""
    counts = np.bincount(np.floor(np.maximum(samples, 0.0) / block + 1e-9).astype(np.int64))
    at_least = np.cumsum(counts[::-1])[::-1][1:]
    return at_least / max(len(samples), 1)
