"""Services on spot with spares: a base on demand, more spot replicas than needed, on-demand for what spot lacks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from marketsim.policies import base
from marketsim.policies import policy as say
from marketsim.policies.placement.spot_greedy import SpotGreedy, _SpotGreedy
from marketsim.settings import Count, NonNegative, Share


class SpotHedge(SpotGreedy):
    """Serve on cheap capacity that can vanish, hedged: a base that stays, spares, and a fallback that fills the gap.

    A service needs N replicas (need x (1 + headroom) / rate, at least its minimum). Committed capacity takes what it
    can; the rest R is hedged:

        base      B = ceil(base_share x R) on on-demand, always;
        spot      S aims at R - B + spares, spread evenly over the zones that are up, cheaper ones first;
        fallback  on-demand D = B + min(R - B, max(0, R - B + spares - S)), given back as spot comes in.

    Spares and the fallback in their number are SpotHedge's (SkyServe, EuroSys 2025); the base and how zones are filled
    are ours. Jobs are placed as by `spot_greedy`, whose settings it has.
    """

    kind: Literal["spot_hedge"] = "spot_hedge"  # type: ignore[assignment]
    base_share: Share = Field(default=0.2, description="share of the replicas that are always on on-demand")
    spare_share: NonNegative = Field(default=0.1, description="spot replicas more than needed, as a share of the need")
    least_spares: Count = Field(default=1, description="spot replicas more than needed, at least")

    def bind(self, setup: say.Setup) -> base.PlacementBase:
        """A working rule."""
        return _SpotHedge(self, setup)


class _SpotHedge(_SpotGreedy):
    def __init__(self, settings: SpotHedge, setup: say.Setup) -> None:
        super().__init__(settings, setup)
        self._hedge = settings

    def scale(self, service: int, view: say.View) -> Sequence[say.Scale]:
        """Fewer first, so that what is freed can be taken."""
        rates = self.setup.replica_requests_per_s[service]
        kinds = {offer.id: offer.kind for offer in self.setup.offers if rates[offer.index]}
        spot = [offer for offer, kind in kinds.items() if kind == "spot"]
        cloud = [offer for offer, kind in kinds.items() if kind in ("on_demand", "serverless")]
        if not spot or not cloud:
            return super().scale(service, view)
        held = view.replicas(service)
        wanted: dict[str, int] = {}
        left = self._committed(service, view, wanted)
        rate = rates[self.setup.offer_index[cloud[0]]]
        placed = sum(wanted.values())
        hedged = max(math.ceil(left / rate - 1e-9), self._minimum(service) - placed, 0)
        base_count = math.ceil(self._hedge.base_share * hedged - 1e-9)
        above = hedged - base_count
        spares = max(math.ceil(self._hedge.spare_share * above - 1e-9), self._hedge.least_spares) if above else 0
        spread = self._spread(service, spot, above + spares, view)
        wanted |= spread
        missing = above + spares - sum(spread.values())
        on_demand = base_count + min(above, max(0, missing))
        wanted |= self._fill(service, cloud, on_demand, view)
        why = self.because(
            "{need} replicas beside what is committed: {base} on on-demand always, {got} of {aim} on spot, "
            "{fill} more on on-demand until spot comes in",
            need=hedged, base=base_count, got=sum(spread.values()), aim=above + spares,
            fill=on_demand - base_count,
        )  # fmt: skip
        actions = [
            say.Scale(service, offer, count, reason=why)
            for offer, count in wanted.items()
            if count != held.get(offer, 0)
        ]
        return sorted(actions, key=lambda action: action.replicas >= held.get(action.offer, 0))

    def _minimum(self, service: int) -> int:
        return self.setup.services[service].autoscale.minimum_replicas

    def _committed(self, service: int, view: say.View, wanted: dict[str, int]) -> float:
        """Fill what is signed or bought; requests a second, headroom included, that are left."""
        rates = self.setup.replica_requests_per_s[service]
        left = view.requests_per_s(service) * (1 + self.setup.services[service].autoscale.headroom)
        here = view.replicas(service)
        for offer in self.setup.offers:
            rate = rates[offer.index]
            if not rate or offer.kind in ("spot", "on_demand", "serverless") or view.committed(offer.id) == 0:
                continue
            most = here.get(offer.id, 0) + view.room_held(service, offer.id)
            count = min(math.ceil(left / rate - 1e-9) if left > 0 else 0, most)
            wanted[offer.id] = count
            left -= count * rate
        return left

    def _spread(self, service: int, zones: list[str], count: int, view: say.View) -> dict[str, int]:
        """One to each zone in turn, cheaper zones first, as far as each has room."""
        here = view.replicas(service)
        most = {zone: here.get(zone, 0) + view.room_for(service, zone) for zone in zones}
        order = sorted(zones, key=lambda zone: (view.price(zone), self.setup.offer_index[zone]))
        got = dict.fromkeys(zones, 0)
        while count > 0 and any(got[zone] < most[zone] for zone in zones):
            for zone in order:
                if count > 0 and got[zone] < most[zone]:
                    got[zone] += 1
                    count -= 1
        return got

    def _fill(self, service: int, offers: list[str], count: int, view: say.View) -> dict[str, int]:
        """The cheapest on-demand offers a request, as far as each has room."""
        here, rates = view.replicas(service), self.setup.replica_requests_per_s[service]
        order = sorted(
            offers,
            key=lambda offer: (view.price(offer) / rates[self.setup.offer_index[offer]], self.setup.offer_index[offer]),
        )
        got = {}
        for offer in order:
            got[offer] = min(count, here.get(offer, 0) + view.room_for(service, offer))
            count -= got[offer]
        return got
