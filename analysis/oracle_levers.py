"""Oracles of round times and transfers: order statistics of clients, simulated with the product's own rounds."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from analysis.common import Estimate
from marketsim.levers.rounds import round_end, transfer_s
from marketsim.streams import Dice, Floats, exponential, lognormal

SEED = 20260101
LEAST_REPLICATIONS, MOST_REPLICATIONS = 40, 640
ROUNDS, QUICK_ROUNDS = 8_000, 4_000
WANTED_REL = 0.02  # 4 standard errors over the value, below the 0.03 that is asked for

Draw = Callable[[Dice, int], Mapping[str, float]]


def run_case(case: dict[str, Any], quick: bool = False) -> dict[str, Estimate]:
    """The figures of a case of fedavg_straggler, fedavg_hetero_exp, max_lognormal or transfer_time."""
    return CASES[case["model"]](case["params"], quick)


def replicated(draw: Draw, quick: bool) -> dict[str, Estimate]:
    """Means over independent replications with their standard errors; more replications until each is narrow enough."""
    rounds = QUICK_ROUNDS if quick else ROUNDS
    rows: list[Mapping[str, float]] = []
    while True:
        rows += [draw(Dice(SEED, len(rows) + k), rounds) for k in range(LEAST_REPLICATIONS)]
        found: dict[str, Estimate] = {}
        for name in rows[0]:
            values = np.array([row[name] for row in rows])
            found[name] = Estimate(float(values.mean()), float(values.std(ddof=1) / math.sqrt(len(values))))
        narrow = all(4 * (one.se or 0.0) <= WANTED_REL * abs(one.value) for one in found.values())
        if narrow or len(rows) >= MOST_REPLICATIONS:
            return found


def ends(times: Floats, wait_for: int) -> Floats:
    """When rounds end with nobody dropping out, shape (rounds,)."""
    return round_end(times, np.ones(times.shape, bool), wait_for)[0]


def straggler(params: Mapping[str, Any], quick: bool) -> dict[str, Estimate]:
    """Each of n clients takes c + Exp(m); the round waits for all, or for the first k."""
    n, k, c, m = int(params["n"]), int(params["k"]), float(params["c"]), float(params["m"])

    def draw(dice: Dice, rounds: int) -> dict[str, float]:
        times = c + exponential(dice.uniforms("times", rounds * n), m).reshape(rounds, n)
        last, kth = ends(times, n), ends(times, k)
        return {
            "mean_max": float(last.mean()),
            "var_max": float(last.var(ddof=1)),
            "mean_kth": float(kth.mean()),
            "q95_max": float(np.quantile(last, 0.95)),
            "speedup_k_of_n": float(last.mean() / kth.mean()),
        }

    return replicated(draw, quick)


def unequal(params: Mapping[str, Any], quick: bool) -> dict[str, Estimate]:
    """Clients of different rates: the last, the first, and how often the first is client 1."""
    rates = np.array(params["rates"], np.float64)

    def draw(dice: Dice, rounds: int) -> dict[str, float]:
        times = exponential(dice.uniforms("times", rounds * len(rates))).reshape(rounds, -1) / rates
        return {
            "mean_max": float(ends(times, len(rates)).mean()),
            "mean_min": float(ends(times, 1).mean()),
            "P_first_is_client1": float((times.argmin(axis=1) == 0).mean()),
        }

    return replicated(draw, quick)


def heavy_tailed(params: Mapping[str, Any], quick: bool) -> dict[str, Estimate]:
    """The longest of n lognormal times with a mean and a squared coefficient of variation; and of n uniforms."""
    n, mean, scv = int(params["n"]), float(params["mean"]), float(params["scv"])
    sigma = math.sqrt(math.log1p(scv))
    median = mean / math.sqrt(1 + scv)

    def draw(dice: Dice, rounds: int) -> dict[str, float]:
        uniforms = dice.uniforms("times", rounds * n)
        last = ends(lognormal(uniforms, median, sigma).reshape(rounds, n), n)
        return {
            "mean_max": float(last.mean()),
            "ratio_to_mean": float(last.mean() / mean),
            "uniform01_mean_max": float(ends(uniforms.reshape(rounds, n), n).mean()),
        }

    return replicated(draw, quick)


def transfer(params: Mapping[str, Any], quick: bool) -> dict[str, Estimate]:
    """A model over a link: once, there and back, and shared."""
    megabytes = params["params_m"] * params["bytes_per_param"] * params["compression"]
    one = transfer_s(megabytes, params["mbps"], params["latency_s"])
    return {
        "megabytes": Estimate(megabytes),
        "t_one": Estimate(one),
        "t_round_updown": Estimate(2 * one),
        "t_shared": Estimate(transfer_s(megabytes, params["mbps"], params["latency_s"], int(params["n_share"]))),
    }


CASES: dict[str, Callable[[Mapping[str, Any], bool], dict[str, Estimate]]] = {
    "fedavg_straggler": straggler,
    "fedavg_hetero_exp": unequal,
    "max_lognormal": heavy_tailed,
    "transfer_time": transfer,
}
