"""How many replicas a service needs and where they go: what is committed first, then the cheapest leases."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from marketsim.policies import policy as say
from marketsim.units import UNLIMITED


class Scaler:
    """Sizes one service for its need now plus headroom.

    Replicas fill offers in order of cost and are dropped from the dearest end, so what is committed is used before
    anything is leased. What replicas cannot take goes to an offer that sells tokens, where there is one.
    """

    def __init__(self, setup: say.Setup, number: int, may_use: Callable[[say.OfferFacts], bool]) -> None:
        self._number = number
        self._service = setup.services[number]
        self._rates = setup.replica_requests_per_s[number]  # a lever may change them
        # tokens are paid as they are used, so an offer that sells them may always take what replicas leave
        self._all_the_rest = [
            say.Scale(number, offer.id, requests_per_s=float(UNLIMITED))
            for offer in setup.offers
            if offer.sells_tokens and may_use(offer)
        ]
        milli = self._service.replica.milli
        # (offer, its number, whether it is rented by the hour, share of an instance that a replica takes)
        self._places = [
            (offer.id, offer.index, offer.metered, milli / offer.shape.milli)
            for offer in setup.offers
            if not offer.sells_tokens and may_use(offer)
        ]

    def actions(self, view: say.View) -> Sequence[say.Scale]:
        """What to change now; giving up comes first, so that what is freed can be taken."""
        number, scale = self._number, self._service.autoscale
        left = view.requests_per_s(number) * (1 + scale.headroom)
        held = view.replicas(number)
        placed = 0
        fewer: list[say.Scale] = []
        more: list[say.Scale] = []
        least = scale.minimum_replicas
        for _, _, offer, rate in self._in_order_of_cost(view):
            here = held.get(offer, 0)
            count = math.ceil(left / rate - 1e-9) if left > 0 else 0
            if count < least - placed:
                count = least - placed
            if count > here:
                count = min(count, here + view.room_for(number, offer))
                if count > here:
                    more.append(say.Scale(number, offer, count))
            elif count < here:
                fewer.append(say.Scale(number, offer, count))
            placed += count
            left -= count * rate
        return [*self._all_the_rest, *fewer, *more]

    def _in_order_of_cost(self, view: say.View) -> list[tuple[float, int, str, float]]:
        """(rank, number, offer, requests a second of a replica): committed first, then by USD a request, by number."""
        ranked = []
        rates = self._rates
        for offer, index, metered, share in self._places:
            rate = rates[index]
            if rate:
                usd = 0.0 if not metered or view.committed(offer) else 1.0 + view.price(offer) * share / rate
                ranked.append((usd, index, offer, rate))
        ranked.sort()
        return ranked
