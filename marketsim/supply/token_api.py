"""Tokens by the million from somebody else's model: no machine, no boot, a price for what is read and written."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from marketsim.settings import NonNegative, Positive
from marketsim.supply.kind import FinanceFacts, OfferKind
from marketsim.supply.offer import Offer
from marketsim.supply.provider import ProviderOutage, fate
from marketsim.supply.shape import Shape
from marketsim.throw import Throw

TOKENS_PER_PRICE = 1_000_000
NOTHING = Shape(gpu="tokens", gpus=0, memory_gb=0.0, interconnect="none")  # holds no job and no replica


class TokenApi(OfferKind):
    """A hosted model that answers requests and bills tokens."""

    kind: Literal["token_api"] = "token_api"
    provider: str = Field(default="token provider", min_length=1, max_length=64, description="who is paid")
    usd_per_million_input_tokens: NonNegative = Field(description="USD for a million tokens read")
    usd_per_million_output_tokens: Positive = Field(description="USD for a million tokens written")
    requests_per_s_at_most: Positive | None = Field(default=None, description="rate limit; none: no limit")
    provider_outage: ProviderOutage | None = Field(default=None, description="no answers at all; none: never")
    provider_exits_per_year: NonNegative = Field(default=0.0, description="rate at which it closes for good")
    latency_s: NonNegative = Field(default=0.0, description="seconds until the answer, beside the network's")

    def build(self, id: str, throw: Throw, finance: FinanceFacts) -> Offer:
        """An offer of tokens alone: nothing can be launched."""
        risk = (self.provider_outage, self.provider_exits_per_year)
        return Offer(
            **self.place(id),
            shape=NOTHING,
            usd_per_input_token=self.usd_per_million_input_tokens / TOKENS_PER_PRICE,
            usd_per_output_token=self.usd_per_million_output_tokens / TOKENS_PER_PRICE,
            requests_per_s_at_most=self.requests_per_s_at_most,
            latency_s=self.latency_s,
            down=fate(throw.dice, self.provider, self.zone, *risk, throw.end_s).gone,
        )
