"""Waiting in front of many servers, worked out for whole columns of intervals at once, never request by request.

Erlang's formulas for M/M/c; for general service and arrivals the Allen-Cunneen correction: waiting scaled by
(ca2 + cs2) / 2, ca2 and cs2 the squared coefficients of variation of the gaps and of the service times. Rates are per
second, times in seconds; arguments broadcast against each other.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

Floats = NDArray[np.float64]


def erlang_b(servers: ArrayLike, offered: ArrayLike) -> Floats:
    """Probability that all servers are busy where nobody waits (M/G/c/c); offered load in Erlangs. A. K. Erlang 1917.

    B = a^c e^-a / c! / Q(c + 1, a), with Q the regularised upper incomplete gamma function.

    >>> round(float(erlang_b(8, 5.0)), 6)
    0.070048
    """
    c, a = np.asarray(servers, np.float64), np.asarray(offered, np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        log_term = np.where(a > 0, special.xlogy(c, a) - a - special.gammaln(c + 1), -np.inf)
        blocked = np.exp(log_term) / special.gammaincc(c + 1, a)
    # far above capacity both go to 0 together; the fluid share is exact in that limit
    return np.where(np.isfinite(blocked) & (blocked <= 1), blocked, np.maximum(1 - c / np.maximum(a, 1e-300), 0.0))


def erlang_c(servers: ArrayLike, offered: ArrayLike) -> Floats:
    """Probability that an arrival waits in M/M/c; 1 where the offered load reaches the servers.

    >>> round(float(erlang_c(10, 8.0)), 6)
    0.40918
    """
    c, a = np.asarray(servers, np.float64), np.asarray(offered, np.float64)
    blocked = erlang_b(c, a)
    load = np.minimum(a / c, 1.0)
    waits = blocked / np.maximum(1 - load * (1 - blocked), 1e-300)
    return np.where(a >= c, 1.0, waits)


class Wait(NamedTuple):
    """P(wait > t) = waits x exp(-t / scale_s); scale_s infinite where the load is at or above capacity."""

    waits: Floats
    scale_s: Floats

    @property
    def mean_s(self) -> Floats:
        """Mean wait, infinite above capacity."""
        return np.where(np.isinf(self.scale_s), np.inf, self.waits * np.where(np.isinf(self.scale_s), 0, self.scale_s))

    def beyond(self, t_s: ArrayLike) -> Floats:
        """P(wait > t)."""
        return self.waits * np.exp(-np.asarray(t_s, np.float64) / self.scale_s)


def wait(
    per_s: ArrayLike,
    servers: ArrayLike,
    service_s: ArrayLike,
    service_cv2: ArrayLike = 1.0,
    arrival_cv2: ArrayLike = 1.0,
) -> Wait:
    """The wait in M/G/c or GI/G/c in the steady state; exact for M/M/c."""
    rate, c, s = (np.asarray(value, np.float64) for value in (per_s, servers, service_s))
    waits = erlang_c(c, rate * s)
    spare = c / s - rate
    variation = (np.asarray(service_cv2, np.float64) + np.asarray(arrival_cv2, np.float64)) / 2
    with np.errstate(divide="ignore"):
        scale = np.where(spare > 0, variation / np.maximum(spare, 1e-300), np.inf)
    shape = np.broadcast_shapes(waits.shape, scale.shape)
    return Wait(np.broadcast_to(waits, shape), np.broadcast_to(scale, shape))


def response_quantile(queue: Wait, service_nodes_s: Floats, share: float) -> Floats:
    """Time that a share of requests stays below, wait and service together, shape as `queue.waits`.

    service_nodes_s: equally likely service times, shape (k,), or (..., k) where they differ. Found by bisection on
    P(T > t) = mean over nodes of P(wait > t - s). Infinite above capacity.
    """
    waits = queue.waits[..., None]
    scale = queue.scale_s[..., None]
    nodes = np.broadcast_to(service_nodes_s, (*queue.waits.shape, np.shape(service_nodes_s)[-1]))

    def beyond(t: Floats) -> Floats:
        left = t[..., None] - nodes
        tail = np.where(left < 0, 1.0, waits * np.exp(-np.maximum(left, 0) / np.where(np.isinf(scale), 1, scale)))
        return tail.mean(-1)

    finite = np.isfinite(queue.scale_s)
    low = np.zeros(queue.waits.shape)
    high = nodes.max(-1) + np.where(finite, queue.scale_s, 0.0) * (np.log(1 / (1 - share)) + 1)
    for _ in range(60):
        middle = (low + high) / 2
        above = beyond(middle) > 1 - share
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return np.where(finite, high, np.inf)


@functools.lru_cache(maxsize=4096)  # a lever asks the same again in every run
def largest_rate(servers: float, service_s: float, wait_s: float, share: float, service_cv2: float = 1.0) -> float:
    """Requests a second at which a share of them wait at most `wait_s`; 0 where no rate does, as for wait_s below 0.

    >>> round(largest_rate(1, 1.0, 2.0, 0.9), 4)  # M/M/1: rho e^(-(1 - rho) 2) = 0.1
    0.3598
    """
    if wait_s < 0:
        return 0.0
    low, high = 0.0, servers / service_s
    for _ in range(80):
        middle = (low + high) / 2
        late = float(wait(middle, servers, service_s, service_cv2).beyond(wait_s))
        low, high = (middle, high) if late <= 1 - share else (low, middle)
    return low


def response_allowance(latency_s: float, share: float) -> float:
    """Spare rate mu - lambda at which a share of an M/M/1 queue's responses take at most `latency_s`.

    P(T > t) = e^(-(mu - lambda) t).

    >>> round(response_allowance(2.0, 0.99), 4)
    2.3026
    """
    return float(-np.log1p(-share)) / latency_s
