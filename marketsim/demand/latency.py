"""Latency of a service over a year of intervals at once: steady state in each, fluid backlog where it is overloaded.

Within an interval requests come at a constant rate to `servers` slots, each busy for a service time: M/G/c with the
Allen-Cunneen correction. Where the rate exceeds capacity a fluid backlog builds up and is worked off later. No request
is simulated. What the sums assume is checked, and said in `warnings` where it does not hold:

- the queue settles within an interval: its relaxation time S (ca2 + cs2) / 2 / (c (1 - rho)^2) is short beside it;
- load stays below capacity;
- requests are no burstier at the queue's own time scale than a steady stream is (given a record of requests);
- a record of requests spans enough relaxation times for its quantiles to be known at all.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from marketsim.demand import queueing

Floats = NDArray[np.float64]

NODES = 400  # equally likely service times that stand for their distribution
KINDS_OF_INTERVAL = 64  # at most, of which a year's hours are made up
SHARE_TOLERATED = 0.01  # of requests that may come in intervals where an assumption fails
SETTLES_WITHIN = 0.05  # of an interval
SLOWER = 4  # the tail of the wait remembers longer than its mean: bursts are also looked for at 4 times the scale
DISPERSION_TOLERATED = 1.25  # index of dispersion of counts; above it the stream is no steady one
LEAST_RELAXATIONS = 1000  # spanned by a record: below this its p99 is uncertain by more than a tenth

# time in which a replica loads its model: GenTD26 trace (Alibaba 2026), median 22.7 s and p99 51.9 s
COLD_START_S = (22.7, 51.9)


class Latency(NamedTuple):
    """Quantiles of wait plus service (s) at the asked shares; shares of requests late and above capacity; warnings."""

    quantiles_s: tuple[float, ...]
    mean_wait_s: float
    late_share: float | None
    overload_share: float
    warnings: tuple[str, ...]


class _Mix(NamedTuple):
    """Kinds of intervals: weight, delay of all requests, probability of a further wait, its scale; (m,) each."""

    weight: Floats
    delay_s: Floats
    waits: Floats
    scale_s: Floats


def service_nodes(service_s: ArrayLike, count: int = NODES) -> Floats:
    """Equally likely service times in place of a larger sample: its quantiles at the middles of equal shares."""
    sample = np.asarray(service_s, np.float64)
    return np.sort(sample) if len(sample) <= count else np.quantile(sample, (np.arange(count) + 0.5) / count)


def latency(
    per_s: ArrayLike,
    servers: ArrayLike,
    service_s: ArrayLike,
    interval_s: float,
    *,
    arrival_cv2: float = 1.0,
    shares: tuple[float, ...] = (0.5, 0.95, 0.99),
    objective_s: float | None = None,
    record_s: Floats | None = None,
) -> Latency:
    """Latency over intervals. per_s: requests a second, (n,); servers: slots in each, (n,) or one number.

    service_s: a sample of service times at full batch. record_s: the times of a record of requests, rising; their index
    of dispersion at the queue's own time scale then takes the place of `arrival_cv2`. objective_s: what is late.
    Intervals without servers count as above capacity.
    """
    rate = np.asarray(per_s, np.float64)
    c = np.broadcast_to(np.asarray(servers, np.float64), rate.shape)
    sample = np.asarray(service_s, np.float64)
    nodes = service_nodes(sample)
    mean = float(sample.mean())
    cv2 = float(sample.var()) / mean**2
    capacity = c / mean
    load = np.divide(rate, capacity, out=np.full(rate.shape, np.inf), where=capacity > 0)
    weight = rate / max(float(rate.sum()), 1e-300)
    relaxation = relaxation_s(load, c, mean, cv2, arrival_cv2)
    warnings = _warnings(load, relaxation, weight, interval_s)
    if record_s is not None:
        scale_s = _time_scale_s(relaxation, weight, interval_s)
        arrival_cv2 = dispersion(record_s, scale_s, rate, interval_s)
        slower = dispersion(record_s, SLOWER * scale_s, rate, interval_s)
        warnings += _record_warnings(record_s, scale_s, max(arrival_cv2, slower))
    mix = _mix(rate, c, capacity, weight, mean, cv2, arrival_cv2, interval_s)
    quantiles = tuple(_quantile(mix, nodes, share) for share in shares)
    excess = float(np.sum(np.maximum(rate - capacity, 0))) / max(float(rate.sum()), 1e-300)
    late = None if objective_s is None else float(_beyond(mix, nodes, objective_s))
    mean_wait = float(np.sum(mix.weight * (mix.delay_s + mix.waits * mix.scale_s)))
    return Latency(quantiles, mean_wait, late, excess, warnings)


def relaxation_s(load: Floats, servers: Floats, service_s: float, service_cv2: float, arrival_cv2: float) -> Floats:
    """Time in which a queue forgets, S (ca2 + cs2) / 2 / (c (1 - rho)^2); infinite at or above capacity."""
    spare = np.maximum(1 - np.minimum(load, 1), 0.0)
    top = service_s * (service_cv2 + arrival_cv2) / 2
    return np.divide(top, servers * spare**2, out=np.full(load.shape, np.inf), where=(spare > 0) & (servers > 0))


def _mix(rate: Floats, c: Floats, capacity: Floats, weight: Floats, mean: float, cv2: float, ca2: float,
         interval_s: float) -> _Mix:  # fmt: skip
    """Intervals gathered into kinds of like mean wait, ever fewer requests in those that wait longer."""
    net = np.cumsum((rate - capacity) * interval_s)
    after = net - np.minimum(np.minimum.accumulate(net), 0.0)
    before = np.concatenate(([0.0], after[:-1]))
    delay = np.divide((before + after) / 2, capacity, out=np.full(rate.shape, np.inf), where=capacity > 0)
    # within a finite interval a queue at capacity wanders as far as chance allows, not to infinity
    within = 1 - 1 / np.sqrt(np.maximum(capacity * interval_s, 4.0))
    steady = queueing.wait(np.minimum(rate, within * capacity), np.maximum(c, 1e-9), mean, cv2, ca2)
    waits = np.where(delay > 0, 1.0, steady.waits)
    scale = np.where(capacity > 0, steady.scale_s, 0.0)
    delay = np.where(np.isfinite(delay), delay, 1e9)  # no servers: never
    order = np.argsort(delay + waits * scale, kind="stable")
    rank = np.empty(len(order), np.int64)
    place = 1 - np.sqrt(np.maximum(1 - np.cumsum(weight[order]), 0.0))  # the last of 64 kinds holds 1 in 4,096
    rank[order] = np.minimum((place * KINDS_OF_INTERVAL).astype(np.int64), KINDS_OF_INTERVAL - 1)
    total = np.bincount(rank, weight, KINDS_OF_INTERVAL)
    used = np.flatnonzero(total > 0)
    mean_delay, mean_waits, mean_scale = (
        np.bincount(rank, weight * column, KINDS_OF_INTERVAL)[used] / total[used] for column in (delay, waits, scale)
    )
    return _Mix(total[used].astype(np.float64), mean_delay, mean_waits, mean_scale)


def _beyond(mix: _Mix, nodes: Floats, t_s: float) -> float:
    """P(latency > t) over all requests."""
    left = t_s - mix.delay_s[:, None] - nodes[None, :]
    scale = np.maximum(mix.scale_s, 1e-12)[:, None]
    tail = np.where(left < 0, 1.0, mix.waits[:, None] * np.exp(-np.maximum(left, 0) / scale))
    return float(np.sum(mix.weight * tail.mean(1)))


def _quantile(mix: _Mix, nodes: Floats, share: float) -> float:
    low, high = 0.0, float(nodes.max() + mix.delay_s.max() + 50 * mix.scale_s.max())
    while high - low > 1e-4 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if _beyond(mix, nodes, middle) > 1 - share else (low, middle)
    return high


def _warnings(load: Floats, relaxation: Floats, weight: Floats, interval_s: float) -> tuple[str, ...]:
    above = float(weight[load >= 1].sum())
    slow = float(weight[(load < 1) & (relaxation > SETTLES_WITHIN * interval_s)].sum())
    found = []
    if above > SHARE_TOLERATED:
        found.append(f"{above:.0%} of requests come in intervals with load above capacity: no steady state there")
    if slow > SHARE_TOLERATED:
        found.append(f"{slow:.0%} of requests come in intervals too short for the queue to settle")
    return tuple(found)


def dispersion(record_s: Floats, window_s: float, rate: Floats, interval_s: float) -> float:
    """Variance over mean of counts in windows, about the rate of the interval they lie in: 1 for Poisson within it."""
    edges = np.arange(0.0, float(record_s[-1]), window_s)
    if len(edges) < 3:
        return 1.0
    counts = np.histogram(record_s, edges)[0]
    middle = (edges[:-1] + edges[1:]) / 2
    expected = rate[np.minimum((middle / interval_s).astype(np.int64), len(rate) - 1)] * window_s
    return float(np.sum((counts - expected) ** 2) / max(float(np.sum(expected)), 1e-300))


def _time_scale_s(relaxation: Floats, weight: Floats, interval_s: float) -> float:
    """Relaxation time that nine in ten requests stay below."""
    finite = np.where(np.isfinite(relaxation), relaxation, interval_s)
    order = np.argsort(finite)
    at = min(int(np.searchsorted(np.cumsum(weight[order]), 0.9)), len(order) - 1)
    return max(float(finite[order][at]), 1e-3)


def _record_warnings(record_s: Floats, scale_s: float, index: float) -> tuple[str, ...]:
    """What a record of requests says against the assumptions."""
    found = []
    if not index <= DISPERSION_TOLERATED:
        found.append(
            f"requests come in bursts of {scale_s:.2g} to {SLOWER * scale_s:.2g} s (index of dispersion {index:.2f})"
        )
    spans = float(record_s[-1] - record_s[0]) / scale_s
    if spans < LEAST_RELAXATIONS:
        found.append(f"the record spans {spans:.0f} relaxation times: its own quantiles are not known to 10 %")
    return tuple(found)


def autoscaled(per_s: ArrayLike, interval_s: float, replica_per_s: float, headroom: float = 0.2, minimum: int = 1,
               cold_start_s: float = COLD_START_S[0]) -> NDArray[np.int64]:  # fmt: skip
    """Replicas that serve in each interval: sized on the interval before, serving once loaded; fewer at once.

    A replica asked for in an interval serves from the first interval that starts after its cold start.
    """
    rate = np.asarray(per_s, np.float64)
    seen = np.concatenate((rate[:1], rate[:-1]))
    target = np.maximum(np.ceil((1 + headroom) * seen / replica_per_s - 1e-9), minimum).astype(np.int64)
    lag = math.ceil(cold_start_s / interval_s)
    serving = target.copy()
    for back in range(1, lag + 1):
        serving = np.minimum(serving, np.concatenate((np.repeat(target[:1], back), target[:-back])))
    return serving
