"""What a placement rule says where it has nothing of its own to say, and the rules around a user's own policy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from marketsim.demand.job import NEVER
from marketsim.policies import policy as say
from marketsim.policies import scaling


class PlacementBase:
    """No waiting budget, no review, empty leases released at once, services on the cheapest that can serve them."""

    review_every_s: int | None = None
    reviewed_from_start = False

    def __init__(self, setup: say.Setup) -> None:
        self.setup = setup
        self.explain = setup.explain
        self._scalers: dict[int, scaling.Scaler] = {}

    def because(self, sentence: str, **facts: Any) -> say.Because | None:
        """The reason of an action, where reasons are asked for; the sentence names its figures in {braces}."""
        return say.Because(sentence, facts) if self.explain else None

    def leave_at(self, job: say.JobView, view: say.View) -> int | None:
        """Never."""
        return None

    def place(self, job: say.JobView, view: say.View, why: say.Why) -> say.Placed:
        """Every rule has its own."""
        raise NotImplementedError

    def review(self, job: say.JobView, view: say.View) -> say.Move | say.Stop | say.WakeAt | None:
        """Leave it where it is."""
        return None

    def on_empty(self, offer: str, view: say.View) -> int:
        """Release it."""
        return -1

    def scale(self, service: int, view: say.View) -> Sequence[say.Scale]:
        """What is committed first, then the cheapest metered offers that may be used."""
        scaler = self._scalers.get(service)
        if scaler is None:
            scaler = self._scalers[service] = scaling.Scaler(self.setup, service, self.may_serve)
        return scaler.actions(view)

    def may_serve(self, offer: say.OfferFacts) -> bool:
        """Whether services may use an offer under this rule."""
        return True


class ArrivalOrder:
    """First come, first served: the queue that a user's own policy looks at."""

    blocking = say.SKIPPING
    preempts = False
    capacity: int | None = None

    def key(self, job: say.JobView, now_s: int) -> Any:
        """Arrival."""
        return job.arrival_s


class UserPlacement(PlacementBase):
    """Placement around a policy with `decide`: the engine asks that instead; the optional hooks are its own."""

    def __init__(self, user: Any, setup: say.Setup) -> None:
        super().__init__(setup)
        for hook in ("scale", "on_empty"):
            own = getattr(user, hook, None)
            if own is not None:
                setattr(self, hook, own)

    def leave_at(self, job: say.JobView, view: say.View) -> int | None:
        """Its own clock is `WakeAt`."""
        return NEVER

    def place(self, job: say.JobView, view: say.View, why: say.Why) -> say.Placed:
        """Never asked."""
        return None
