"""Where the GPU-seconds that were paid for or owned went: useful, boot, restart, checkpoint, lost, down, idle.

The seven parts of an offer add up to what was paid for or owned there, so their shares add up to 1.

- useful: held while making progress that was kept; of services, held while ready, in proportion to the requests served
  over the requests that all that was ready could have served
- boot: from launch to up, whether anybody waits for it or not
- restart: held before work begins, after boot: data transfer, restart, the rest of a gang
- checkpoint: held while one is written
- lost: held while making progress that a stop threw away
- down: owned or signed for, and broken
- idle: the rest, with what a billing quantum or minimum charges after release
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from marketsim import units
from marketsim.metrics.measured import Measured
from marketsim.metrics.metric import Breakdown, Metric, share, table

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

PARTS = ("useful", "boot", "restart", "checkpoint", "lost", "down", "idle")
_GPU_HOUR = units.MILLI * units.HOUR_S


def spent(measured: Measured) -> dict[str, Floats]:
    """Milli-GPU-seconds of each part by offer, and `paid`, their sum; each has shape (offers,)."""
    if "_spent" not in measured.__dict__:
        measured.__dict__["_spent"] = _spent(measured)
    found: dict[str, Floats] = measured.__dict__["_spent"]
    return found


def _spent(measured: Measured) -> dict[str, Floats]:
    leases = measured.leases
    owned_beyond, down = _owned_beyond_leases(measured)
    paid = measured.by_offer(leases.offer, leases.milli * leases.paid_s) + owned_beyond
    parts = _held(measured)
    parts["boot"] = measured.by_offer(leases.offer, leases.milli * (leases.up_s - leases.from_s))
    parts["down"] = down + measured.by_offer(leases.offer, leases.milli * _down_in(measured))
    parts["idle"] = paid - sum(parts.values())
    return {**{name: parts[name] for name in PARTS}, "paid": paid}


def _held(measured: Measured) -> dict[str, Floats]:
    """Useful, restart, checkpoint and lost by offer: what holders did with their shares once the instance was up."""
    holdings, tries = measured.holdings, measured.attempts
    jobs = holdings.attempt >= 0
    row = holdings.attempt[jobs]
    booting = _booting_s(measured)[jobs]
    held = holdings.to_s[jobs] - holdings.from_s[jobs]
    restart = np.clip(tries.overhead_s[row] - booting, 0, held - booting)
    checkpoint = np.clip(tries.checkpoint_s[row], 0, held - booting - restart)
    work = held - booting - restart - checkpoint
    done = tries.kept[row] + tries.lost[row]
    kept_share = np.divide(tries.kept[row], done, out=np.zeros(len(row)), where=done > 0)
    milli, offer = holdings.milli[jobs], holdings.offer[jobs]
    serving, starting = _replicas(measured)
    return {
        "useful": measured.by_offer(offer, milli * work * kept_share) + serving,
        "restart": measured.by_offer(offer, milli * restart) + starting,
        "checkpoint": measured.by_offer(offer, milli * checkpoint),
        "lost": measured.by_offer(offer, milli * work * (1 - kept_share)),
    }


def _booting_s(measured: Measured) -> Ints:
    """Seconds of each holding before its instance was up; shape (holdings,)."""
    holdings, leases = measured.holdings, measured.leases
    return np.clip(leases.up_s[holdings.lease] - holdings.from_s, 0, holdings.to_s - holdings.from_s)


def _replicas(measured: Measured) -> tuple[Floats, Floats]:
    """Useful and starting milli-GPU-seconds of services by offer; each has shape (offers,)."""
    replicas = measured.rows("replicas")
    ready = np.clip(replicas.ready_s, replicas.from_s, replicas.to_s)
    services = measured.holdings.attempt < 0
    booting = _booting_s(measured)[services]
    starting = np.maximum(ready - replicas.from_s - booting, 0)
    serving = np.minimum(replicas.to_s - ready, replicas.to_s - replicas.from_s - booting)
    fill = _fill(measured)[replicas.service] if len(replicas.service) else np.zeros(0)
    return (
        measured.by_offer(replicas.offer, replicas.milli * serving * fill),
        measured.by_offer(replicas.offer, replicas.milli * starting),
    )


def _fill(measured: Measured) -> Floats:
    """Requests served over requests that what was ready could have served, at most 1; shape (services,)."""
    world, replicas = measured.world, measured.rows("replicas")
    rates = np.array(
        [
            [one.replica_requests_per_s.get(offer.shape.gpu, 0.0) / one.replica.instances for offer in world.offers]
            for one in world.services
        ]
    ).reshape(len(world.services), len(world.offers))
    seconds = np.maximum(replicas.to_s - np.maximum(replicas.ready_s, replicas.from_s), 0)
    could = _token_requests(measured)
    np.add.at(could, replicas.service, rates[replicas.service, replicas.offer] * seconds)
    served = measured.rows("served")
    given = np.bincount(served.service, served.served_milli / 1000, minlength=len(world.services))
    return np.minimum(np.divide(given, could, out=np.zeros(len(given)), where=could > 0), 1.0)


def _token_requests(measured: Measured) -> Floats:
    """Requests that offers which sell tokens were asked to take, over the run; shape (services,)."""
    scaled, n = measured.rows("scaled"), len(measured.world.offers)
    order = np.lexsort((np.arange(len(scaled.t_s)), scaled.service * n + scaled.offer))
    key, t_s = (scaled.service * n + scaled.offer)[order], scaled.t_s[order]
    until = np.append(t_s[1:], measured.ledger.horizon_s)
    last = np.append(key[1:] != key[:-1], True) if len(key) else np.zeros(0, np.bool_)
    until = np.where(last, measured.ledger.horizon_s, until[: len(key)])
    taken = scaled.milli_requests_per_s[order] / 1000 * np.maximum(until - t_s, 0)
    total = np.zeros(len(measured.world.services))
    np.add.at(total, scaled.service[order], taken)
    return total


def _down_in(measured: Measured) -> Ints:
    """Seconds of each lease in which its seat was down; shape (leases,)."""
    key, t_s, gone = _outages(measured)
    if not len(key):
        return np.zeros(len(measured.leases.seat), np.int64)
    span = measured.leases
    total = np.concatenate(([0], np.cumsum(gone)))
    seat = span.offer * (1 << 21) + span.seat

    def before(at_s: Ints) -> Ints:
        """Down seconds of the lease's seat from the start to an instant."""
        row = np.searchsorted(key * (1 << 33) + t_s, seat * (1 << 33) + at_s, side="right") - 1
        same = (row >= 0) & (key[np.maximum(row, 0)] == seat)
        first = np.searchsorted(key, seat)
        inside = np.minimum(at_s - t_s[np.maximum(row, 0)], gone[np.maximum(row, 0)])
        return np.where(same, total[np.maximum(row, 0)] - total[first] + inside, 0)

    return before(span.to_s) - before(span.up_s)


def _outages(measured: Measured) -> tuple[Ints, Ints, Ints]:
    """Outages in order of seat and time: the seat's key, when, how long within the run; each has shape (outages,)."""
    rows = measured.rows("outages")
    key = rows.offer * (1 << 21) + rows.seat
    order = np.lexsort((rows.t_s, key))
    gone = np.maximum(np.minimum(rows.until_s, measured.ledger.end_s) - rows.t_s, 0)
    return key[order], rows.t_s[order], gone[order]


def _owned_beyond_leases(measured: Measured) -> tuple[Floats, Floats]:
    """What was committed while no instance stood for it, and how much of that was broken; milli-GPU-s by offer.

    A broken seat's instance is taken back and comes again after the repair; the gap is owned all the same.
    """
    signed, leases, end_s = measured.rows("signed"), measured.leases, measured.ledger.end_s
    span = measured.committed_s
    owned = measured.by_offer(signed.offer, signed.instances * span) * measured.offer_milli
    mine = leases.commitment >= 0
    stood = measured.by_offer(leases.offer[mine], (leases.milli * leases.paid_s)[mine])
    gap = np.maximum(owned - stood, 0.0)
    outages = measured.rows("outages")
    gone = np.maximum(np.minimum(outages.until_s, end_s) - outages.t_s, 0)
    broken = measured.by_offer(outages.offer, gone) * measured.offer_milli
    inside = measured.by_offer(leases.offer, leases.milli * _down_in(measured))
    return gap, np.minimum(gap, np.maximum(broken - inside, 0.0))


@cache
def _part_of(name: str) -> Metric:
    docs = {
        "useful": "held making progress that was kept",
        "boot": "from launch to up",
        "restart": "held before work begins: transfer, restart, the rest of a gang",
        "checkpoint": "held while a checkpoint is written",
        "lost": "held making progress that a stop threw away",
        "down": "owned or signed for, and broken",
        "idle": "paid for or owned, and used by nobody",
    }

    def of(measured: Measured) -> float | None:
        parts = spent(measured)
        return share(float(parts[name].sum()), float(parts["paid"].sum()))

    label = "utilization" if name == "useful" else f"{name}_share"
    better = "higher" if name == "useful" else "lower"
    return Metric(label, "share", better, f"share of GPU-seconds paid for or owned: {docs[name]}", of)  # type: ignore[arg-type]


def gpu_hours(measured: Measured) -> float:
    """GPU-hours paid for or owned."""
    return float(spent(measured)["paid"].sum()) / _GPU_HOUR


def gpu_hours_by_kind(measured: Measured) -> dict[str, float]:
    """GPU-hours paid for or owned by kind of offer."""
    out: dict[str, float] = {}
    for offer, paid in zip(measured.world.offers, spent(measured)["paid"], strict=True):
        out[offer.kind] = out.get(offer.kind, 0.0) + float(paid) / _GPU_HOUR
    return out


def by_offer(measured: Measured) -> dict[str, float | None]:
    """Utilization of each offer; None where nothing was paid for or owned."""
    parts = spent(measured)
    pairs = zip(measured.world.offers, parts["useful"], parts["paid"], strict=True)
    return {offer.id: share(float(useful), float(paid)) for offer, useful, paid in pairs}


METRICS = table(
    [
        *(_part_of(name) for name in PARTS),
        Metric("gpu_hours", "GPU-h", None, "GPU-hours paid for or owned", gpu_hours),
        Metric("launches", "instances", None, "instances launched", lambda m: float(len(m.leases.instance))),
    ]
)
BREAKDOWNS = [
    Breakdown("utilization/offer", "share", "higher", "utilization by offer", by_offer),
    Breakdown("gpu_hours/kind", "GPU-h", None, "GPU-hours paid for or owned by kind of offer", gpu_hours_by_kind),
]
