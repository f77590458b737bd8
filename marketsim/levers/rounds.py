"""Federated learning round by round: who is asked, who answers, when the round ends, what moves.

A round asks more clients than it needs, sends them the model, lets each train on its own data and send its update back,
and ends when enough have answered: at an order statistic of unequal clients, not at their mean. Some drop out; with too
few left the round is lost. Between rounds the server averages.

After McMahan et al. (arXiv 1602.05629, algorithm and symbols K, C, E, B) and Bonawitz et al. 2019 (over-selection,
drop-out of 6 to 10 %, four times as many devices at night as by day).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marketsim.streams import Dice, Floats, lognormal
from marketsim.units import HOUR_S

ALWAYS = (1.0,) * 24
MOST_ATTEMPTS = 20  # rounds begun for each round needed, before a plan is given up as hopeless


def transfer_s(megabytes: float, mbit_s: float, latency_s: float = 0.0, sharing: int = 1) -> float:
    """Seconds to move megabytes (10^6 bytes) over a link of `mbit_s` (10^6 bits a second) shared evenly by `sharing`.

    >>> transfer_s(62.5, 50.0, 0.05), transfer_s(62.5, 50.0, 0.05, sharing=4)
    (10.05, 40.05)
    """
    return latency_s + 8.0 * megabytes * sharing / mbit_s


def round_end(times: Floats, alive: NDArray[np.bool_], wait_for: int) -> tuple[Floats, NDArray[np.bool_]]:
    """When rounds end: (n rounds,) seconds of the `wait_for`-th answer, and whether that many came at all.

    times: (rounds, clients) seconds to each client's answer. alive: same shape, False for who drops out. A round with
    too few answers ends with the last answer there is; without any, when the slowest client would have answered.
    """
    arrivals = np.sort(np.where(alive, times, np.inf), axis=1)
    enough = alive.sum(axis=1) >= wait_for
    last = np.where(alive.any(axis=1), np.where(alive, times, -np.inf).max(axis=1), times.max(axis=1))
    return np.where(enough, arrivals[:, wait_for - 1], last), enough


@dataclass(frozen=True)
class RoundPlan:
    """All that a round needs to know; megabytes a client, seconds, megabits a second."""

    clients: int
    selected: int
    wait_for: int
    asked: int
    drop_out: float
    model_mb: float
    update_mb: float
    compute_s: float  # median client, one round: local epochs x samples x seconds a sample
    speed_sigma: float
    uplink_mbit_s: float
    downlink_mbit_s: float
    bandwidth_sigma: float
    latency_s: float
    server_s: float
    timeout_s: float = math.inf
    awake: tuple[float, ...] = ALWAYS  # share of clients available in each hour of the day


@dataclass(frozen=True)
class FederatedRun:
    """What a federated training took. attempts: rounds begun, of which `rounds` counted. GB are 10^9 bytes."""

    rounds: int
    attempts: int
    wall_s: int
    device_s: float
    server_s: float
    gb_down: float
    gb_up: float

    @property
    def device_hours(self) -> float:
        """Hours clients were held, waiting for nobody included, dropped-out ones by half."""
        return self.device_s / HOUR_S


@dataclass(frozen=True)
class Clients:
    """Each client's own pace, drawn once: seconds to receive, to train and to send, shape (clients,)."""

    receive_s: Floats
    train_s: Floats
    send_s: Floats


def clients_of(plan: RoundPlan, dice: Dice) -> Clients:
    """Heterogeneous clients: speed and bandwidth lognormal around the plan's medians."""
    count = plan.clients
    pace = lognormal(dice.uniforms("speed", count), 1.0, plan.speed_sigma)
    link = lognormal(dice.uniforms("bandwidth", count), 1.0, plan.bandwidth_sigma)
    return Clients(
        plan.latency_s + 8.0 * plan.model_mb / (plan.downlink_mbit_s * link),
        plan.compute_s * pace,
        plan.latency_s + 8.0 * plan.update_mb / (plan.uplink_mbit_s * link),
    )


def simulate(plan: RoundPlan, rounds: int, dice: Dice, from_s: int = 0) -> FederatedRun:
    """Run until `rounds` rounds have counted; ArithmeticError where the plan loses nearly all of them.

    Each attempt has its own stream, so that a longer training meets the same first rounds.
    """
    clients = clients_of(plan, dice)
    total = clients.receive_s + clients.train_s + clients.send_s
    now, device_s, megabytes_up, megabytes_down, server_s = float(from_s), 0.0, 0.0, 0.0, 0.0
    counted = begun = attempt = 0
    while counted < rounds:
        if attempt > MOST_ATTEMPTS * rounds + 1000:
            raise ArithmeticError(f"only {counted} of {attempt} rounds had {plan.wait_for} answers")
        dice_awake, dice_order, dice_drop = dice.stream("round", attempt).random((3, plan.clients))
        attempt += 1
        ready = np.flatnonzero(dice_awake < plan.awake[int(now // HOUR_S) % 24])
        if len(ready) < plan.wait_for:
            now = (now // HOUR_S + 1) * HOUR_S
            continue
        begun += 1
        chosen = ready[np.argsort(dice_order[ready], kind="stable")[: plan.asked]]
        times, send = total[chosen], clients.send_s[chosen]
        alive = (dice_drop[chosen] >= plan.drop_out) & (times <= plan.timeout_s)
        ends, enough = round_end(times[None, :], alive[None, :], plan.wait_for)
        end_s = min(float(ends[0]), plan.timeout_s)
        sent = np.clip((end_s - (times - send)) / send, 0.0, 1.0)
        megabytes_down += plan.model_mb * len(chosen)
        megabytes_up += plan.update_mb * float(sent[alive].sum())
        device_s += float(np.minimum(times, end_s)[alive].sum() + 0.5 * np.minimum(times, end_s)[~alive].sum())
        server_s += plan.server_s
        now += end_s + plan.server_s
        counted += bool(enough[0])
    return FederatedRun(
        rounds=counted,
        attempts=begun,
        wall_s=math.ceil(now - from_s),
        device_s=device_s,
        server_s=server_s,
        gb_down=megabytes_down / 1000,
        gb_up=megabytes_up / 1000,
    )
