"""How many replicas a service needs and where the next one goes, and the one before goes first."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from marketsim.policies import policy as say


def cheapest(
    setup: say.Setup, number: int, view: say.View, may_use: Callable[[say.OfferFacts], bool]
) -> Sequence[say.Scale]:
    """Replicas for the need now plus headroom: committed capacity first, then metered by cost a request.

    Replicas are dropped from the dearest end, so what is committed is filled before anything is leased. What replicas
    cannot take goes to an offer that sells tokens, where there is one.
    """
    service = setup.services[number]
    wanted = view.requests_per_s(number) * (1 + service.autoscale.headroom)
    held = view.replicas(number)
    rates = setup.replica_requests_per_s[number]
    actions: list[say.Scale] = []
    placed = 0
    left = wanted
    for offer in _by_cost(setup, number, view, may_use):
        rate = rates[offer.index]
        here = held.get(offer.id, 0)
        needed = math.ceil(max(left, 0.0) / rate - 1e-9)
        needed = max(needed, service.autoscale.minimum_replicas - placed)
        count = min(needed, here + view.room_for(number, offer.id))
        if count != here:
            actions.append(say.Scale(number, offer.id, replicas=count))
        placed += count
        left -= count * rate
    for offer in setup.offers:
        if offer.sells_tokens and may_use(offer):
            actions.append(say.Scale(number, offer.id, requests_per_s=max(left, 0.0)))
            left = 0.0
    # give up first, so that what is freed can be taken
    return sorted(actions, key=lambda action: action.replicas > held.get(action.offer, 0))


def _by_cost(
    setup: say.Setup, number: int, view: say.View, may_use: Callable[[say.OfferFacts], bool]
) -> list[say.OfferFacts]:
    """Offers that can serve, committed ones first, then by USD a request, then by number."""
    rates = setup.replica_requests_per_s[number]
    milli = setup.services[number].replica.milli

    def cost(offer: say.OfferFacts) -> tuple[bool, float, int]:
        committed = view.committed(offer.id) > 0
        usd = 0.0 if committed or not offer.metered else view.price(offer.id) * milli / offer.shape.milli
        return (not committed, usd / rates[offer.index], offer.index)

    return sorted((offer for offer in setup.offers if rates[offer.index] and may_use(offer)), key=cost)
