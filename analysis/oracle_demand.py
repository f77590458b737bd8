"""The oracle cases that are about demand alone: counts of an inhomogeneous Poisson stream, checkpoints, transfers.

`run_case(case, quick)` gives an estimate of each quantity a case expects; the unit of time of a case is stretched to
10^6 s, as times here are whole seconds.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from analysis.common import Estimate
from marketsim.demand import checkpoints, cycle, transfer
from marketsim.demand.distributions import Lognormal
from marketsim.streams import Dice

STRETCH = 1e6
MODELS = ("nhpp_counts", "transfer_time", "checkpoint_daly")


def nhpp_counts(params: dict[str, Any], quick: bool) -> dict[str, Estimate]:
    """Counts and work over one period of piecewise constant rates: many periods end to end are independent ones."""
    rates, dt = np.array(params["rates"]), float(params["dt"])
    job = params["job"]
    size = Lognormal(average=job["mean"], cv=math.sqrt(job["scv"]))
    periods, rounds = 5_000, 12 if quick else 40
    edges = np.arange(periods * len(rates) + 1) * dt * STRETCH
    period_s = len(rates) * dt * STRETCH
    counts, works = [], []
    for round_ in range(rounds):
        dice = Dice(11, round_, "nhpp/")
        times = np.floor(cycle.rescaled(dice, "arrivals", edges, np.tile(rates, periods) / STRETCH))
        which = (times // period_s).astype(np.int64)
        counts.append(np.bincount(which, minlength=periods))
        work = size.quantile(dice.uniforms("work", len(times)))
        works.append(np.bincount(which, weights=work, minlength=periods))
    count, work = np.concatenate(counts).astype(np.float64), np.concatenate(works)
    first_s = math.exp(-float(rates[0]) * dt)
    spread = _spread(count)
    return {
        "mean_count": _mean(count),
        "sd_count": Estimate(math.sqrt(spread.value), (spread.se or 0.0) / 2 / math.sqrt(spread.value)),
        "P_zero_first_bin": Estimate(first_s),
        "mean_work": _mean(work),
        "var_work": _spread(work),
        "peak_to_mean": Estimate(float(rates.max() / rates.mean())),
    }


def _mean(values: np.ndarray) -> Estimate:
    return Estimate(float(values.mean()), float(values.std(ddof=1) / math.sqrt(len(values))))


def _spread(values: np.ndarray) -> Estimate:
    """Variance and its standard error, from the fourth moment."""
    off = (values - values.mean()) ** 2
    return Estimate(float(off.sum() / (len(values) - 1)), float(off.std(ddof=1) / math.sqrt(len(values))))


def transfer_time(params: dict[str, Any], quick: bool) -> dict[str, Estimate]:
    """By formula."""
    size = transfer.model_megabytes(params["params_m"] * 1e6, params["bytes_per_param"], params["compression"])
    link = params["mbps"], params["latency_s"]
    return {
        "megabytes": Estimate(size),
        "t_one": Estimate(transfer.transfer_s(size, *link)),
        "t_round_updown": Estimate(transfer.round_s(size, *link)),
        "t_shared": Estimate(transfer.transfer_s(size, *link, sharing=params["n_share"])),
    }


def checkpoint_daly(params: dict[str, Any], quick: bool) -> dict[str, Estimate]:
    """The formulas alone; the engine's own simulation of the expected time is another study's."""
    work, tau, delta, restart, mtbf, down = (float(params[name]) for name in ("W", "tau", "delta", "R", "Mtbf", "D"))
    expected = checkpoints.expected_time(work, tau, delta, restart, mtbf, down)
    return {
        "E_T": Estimate(expected),
        "efficiency": Estimate(work / expected),
        "tau_young": Estimate(checkpoints.young(delta, mtbf)),
        "tau_daly": Estimate(checkpoints.daly(delta, mtbf)),
        "tau_exact": Estimate(checkpoints.exact(delta, mtbf)),
        "failures_expected": Estimate(checkpoints.expected_failures(work, tau, delta, restart, mtbf, down)),
    }


_RUNNERS: dict[str, Callable[[dict[str, Any], bool], dict[str, Estimate]]] = {
    "nhpp_counts": nhpp_counts,
    "transfer_time": transfer_time,
    "checkpoint_daly": checkpoint_daly,
}


def run_case(case: dict[str, Any], quick: bool = False) -> dict[str, Estimate]:
    """Estimates of a case's quantities; KeyError for a model that is not of demand."""
    return _RUNNERS[case["model"]](case["params"], quick)
