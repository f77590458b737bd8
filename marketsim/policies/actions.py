"""What a policy may say: its actions, each a line of data that the engine carries out, or refuses and names the policy.

Jobs, services, instances and commitments go by their numbers, offers and levers by name; times are seconds. A `reason`
changes nothing, and is kept in the ledger for `explain`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple


class Because(NamedTuple):
    """Why a rule decided as it did: one sentence with {names}, and the figures that stand in it."""

    sentence: str
    facts: Mapping[str, Any] = MappingProxyType({})

    def __str__(self) -> str:
        return self.sentence.format(**self.facts)


class Start(NamedTuple):
    """Start a waiting job at an offer, now. `reason` is kept in the ledger for `explain`.

    >>> import marketsim as ms
    >>> ms.Start(3, "aws-p5", reason="the cheapest that is in time")
    Start(job=3, offer='aws-p5', reason='the cheapest that is in time')
    """

    job: int
    offer: str
    reason: Any = None


class Move(NamedTuple):
    """Stop a running job where it is and start it at another offer, at this same instant.

    >>> import marketsim as ms
    >>> ms.Move(3, "own")
    Move(job=3, offer='own', reason=None)
    """

    job: int
    offer: str
    reason: Any = None


class Stop(NamedTuple):
    """Stop a running job and put it back into the queue, with the checkpoint it can still write.

    >>> import marketsim as ms
    >>> ms.Stop(3)
    Stop(job=3, reason=None)
    """

    job: int
    reason: Any = None


class Cancel(NamedTuple):
    """Give a job up for good; what it leaves undone is priced at the end like any work that nobody did.

    >>> import marketsim as ms
    >>> ms.Cancel(3, reason="its value is gone")
    Cancel(job=3, reason='its value is gone')
    """

    job: int
    reason: Any = None


class Hold(NamedTuple):
    """Keep these idle instances, by number as `View.idle` gives them, until a second at the latest.

    >>> import marketsim as ms
    >>> ms.Hold([11, 12], until_s=7_200)
    Hold(instances=[11, 12], until_s=7200)
    """

    instances: Sequence[int]
    until_s: int


class Release(NamedTuple):
    """Give back these idle metered instances now.

    >>> import marketsim as ms
    >>> ms.Release([11, 12])
    Release(instances=[11, 12])
    """

    instances: Sequence[int]


class RequestQuota(NamedTuple):
    """Ask the provider for so many more instances; granted in steps after the offer's delay.

    >>> import marketsim as ms
    >>> ms.RequestQuota("aws-p5", instances=4)
    RequestQuota(offer='aws-p5', instances=4)
    """

    offer: str
    instances: int


class Scale(NamedTuple):
    """Set how many replicas of a service run at an offer, or how many requests a second a token offer takes.

    service: its number in the world.

    >>> import marketsim as ms
    >>> ms.Scale(0, "aws-t4", replicas=6).replicas, ms.Scale(0, "hosted-70b", requests_per_s=2.5).requests_per_s
    (6, 2.5)
    """

    service: int
    offer: str
    replicas: int = 0
    requests_per_s: float = 0.0
    reason: Any = None


class Sign(NamedTuple):
    """Sign a contract for instances of a rental offer; `renew` signs again at each end.

    term_s: its length in seconds, one that the offer sells; the offer's usual one where not given.

    >>> import marketsim as ms
    >>> ms.Sign("reserved-p4de", instances=1, term_s=8_760 * 3_600)
    Sign(offer='reserved-p4de', instances=1, term_s=31536000, renew=False, reason=None)
    """

    offer: str
    instances: int
    term_s: int | None = None
    renew: bool = False
    reason: Any = None


class Buy(NamedTuple):
    """Buy servers or devices of a datacenter or edge offer.

    >>> import marketsim as ms
    >>> ms.Buy("own", instances=2)
    Buy(offer='own', instances=2, reason=None)
    """

    offer: str
    instances: int
    reason: Any = None


class Terminate(NamedTuple):
    """End a contract before its end, for the fee that its terms state; `commitment` is its number in the view.

    >>> import marketsim as ms
    >>> ms.Terminate(commitment=5)
    Terminate(commitment=5, reason=None)
    """

    commitment: int
    reason: Any = None


class Adopt(NamedTuple):
    """Start the one-off work of a lever; the target, a workload by name, changes when it has succeeded.

    >>> import marketsim as ms
    >>> ms.Adopt("int4", target="chat")
    Adopt(lever='int4', target='chat')
    """

    lever: str
    target: str


class WakeAt(NamedTuple):
    """Ask again at a time. From `place` it is about that job alone: those behind it are still asked (`skipping`).

    no_sooner: whatever happens until then, that job need not be asked (it still may be).

    >>> import marketsim as ms
    >>> ms.WakeAt(7_200).t_s
    7200
    """

    t_s: int
    reason: Any = None
    no_sooner: bool = False


class Wait(NamedTuple):
    """From `place`: this job chooses to wait although something may fit; ask it again at the next news."""

    reason: Any = None


WAIT = Wait()

Action = Start | Move | Stop | Cancel | Hold | Release | RequestQuota | Scale | Sign | Buy | Terminate | Adopt | WakeAt
Placed = Start | WakeAt | Wait | None  # None: nothing that fits this need can be started now
