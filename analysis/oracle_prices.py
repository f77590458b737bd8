"""The oracle cases of prices: the product's own processes against their closed forms.

`run_case(case, quick)` gives an estimate of each quantity a case expects: simulated with the functions that draw prices
in a run, or, for the square-root process that the product does not have, by formula.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from scipy import special, stats

from analysis.common import Estimate
from marketsim.availability.spells import Exponential
from marketsim.availability.two_state import alternating
from marketsim.path import Path
from marketsim.prices.ou import ou_step, ou_values
from marketsim.prices.ou_jump import jump_sums
from marketsim.settings import Seconds
from marketsim.streams import Dice, Floats

BATCHES = 40
STRETCH = 1_000_000  # seconds that stand for a unit of time where times are whole seconds

Batch = Callable[[Dice, int], Mapping[str, float]]


def batches(one: Batch, size: int, quick: bool) -> dict[str, Estimate]:
    """Means and standard errors over independent batches of `size` paths (a tenth where quick)."""
    rows = [one(Dice(5, number).under("oracle"), size // 10 if quick else size) for number in range(BATCHES)]
    columns = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    return {name: Estimate(float(c.mean()), float(c.std(ddof=1) / math.sqrt(BATCHES))) for name, c in columns.items()}


def _ends(dice: Dice, count: int, start: float, theta: float, kappa: float, sigma: float, span: float) -> Floats:
    """End values of mean-reverting paths in four steps; `kappa` 0 is a random walk."""
    normals = dice.normals("z", count * 4).reshape(count, 4)
    decay, sd = ou_step(kappa, sigma, span / 4)
    state = np.full(count, start)
    for step in range(4):
        state = theta + (state - theta) * decay + sd * normals[:, step]
    return state


def ou(p: dict[str, float], quick: bool) -> dict[str, Estimate]:
    """Moments at a time, stationary moments and autocovariance of one long path, chance of a negative price."""
    kappa, theta, sigma = p["kappa"], p["theta"], p["sigma"]

    def one(dice: Dice, count: int) -> dict[str, float]:
        ends = np.array([
            ou_values(row, p["x0"], theta, kappa, sigma, p["t"] / 4)[-1]
            for row in dice.normals("ends", count * 4).reshape(count, 4)
        ])  # fmt: skip
        decay, sd = ou_step(kappa, sigma, 40 / kappa)
        first = theta + decay + sd * float(dice.normals("first", 1)[0])
        path = ou_values(dice.normals("path", 20 * count), first, theta, kappa, sigma, p["h"])
        gap = path - theta
        return {
            "mean_t": float(ends.mean()),
            "var_t": float(ends.var(ddof=1)),
            "stat_mean": float(path.mean()),
            "stat_sd": float(np.sqrt((gap**2).mean())),
            "autocorr_h": float((gap[1:] * gap[:-1]).mean() / (gap**2).mean()),
        }

    found = batches(one, 5_000, quick)
    _, long_run = ou_step(kappa, sigma, 1e3 / kappa)
    found["half_life"] = Estimate(-math.log(2) / math.log(ou_step(kappa, sigma, 1.0)[0]))
    found["P_negative_stat"] = Estimate(float(special.ndtr(-theta / long_run)))
    return found


def exp_ou(p: dict[str, float], quick: bool) -> dict[str, Estimate]:
    """A price whose logarithm reverts."""

    def one(dice: Dice, count: int) -> dict[str, float]:
        ends = np.exp(_ends(dice, count, math.log(p["s0"]), p["theta"], p["kappa"], p["sigma"], p["t"]))
        late = np.exp(_ends(dice.under("late"), count, p["theta"], p["theta"], p["kappa"], p["sigma"], 40 / p["kappa"]))
        return {
            "mean_t": float(ends.mean()),
            "var_t": float(ends.var(ddof=1)),
            "q95_t": float(np.quantile(ends, 0.95)),
            "stat_mean": float(late.mean()),
            "stat_median": float(np.median(late)),
        }

    return batches(one, 10_000, quick)


def gbm(p: dict[str, float], quick: bool) -> dict[str, Estimate]:
    """A walk of the logarithm with drift; the chance to touch a level between the ends is that of a Brownian bridge."""
    drift = p["mu"] - p["sigma"] ** 2 / 2
    low, level = math.log(p["s0"]), math.log(p["b"])

    def one(dice: Dice, count: int) -> dict[str, float]:
        logs = _ends(dice, count, low, 0.0, 0.0, p["sigma"], p["t"]) + drift * p["t"]
        ends = np.exp(logs)
        bridge = np.exp(-2 * (level - low) * (level - np.minimum(logs, level)) / (p["sigma"] ** 2 * p["t"]))
        return {
            "mean_t": float(ends.mean()),
            "var_t": float(ends.var(ddof=1)),
            "median_t": float(np.median(ends)),
            "P_above_K": float((ends > p["K"]).mean()),
            "P_hit_b": float(bridge.mean()),
        }

    return batches(one, 20_000, quick)


def merton(p: dict[str, float], quick: bool) -> dict[str, Estimate]:
    """A walk of the logarithm with normally distributed jumps, with and without taking back their mean."""
    back = p["lam"] * (math.exp(p["mj"] + p["sj"] ** 2 / 2) - 1)

    def one(dice: Dice, count: int) -> dict[str, float]:
        jumps = jump_sums(dice, count, 0.0, p["t"], p["lam"], p["mj"], p["sj"])
        walk = _ends(dice, count, 0.0, 0.0, 0.0, p["sigma"], p["t"])
        logs = (p["mu"] - p["sigma"] ** 2 / 2) * p["t"] + walk + jumps
        return {
            "mean_t": float(p["s0"] * np.exp(logs).mean()),
            "mean_t_compensated": float(p["s0"] * np.exp(logs - back * p["t"]).mean()),
            "mean_log_return": float(logs.mean()),
            "var_log_return": float(logs.var(ddof=1)),
            "P_no_jump": float((jumps == 0).mean()),
            "skew_log": float(stats.skew(logs)),
        }

    return batches(one, 60_000, quick)


def ou_jumps(p: dict[str, float], quick: bool) -> dict[str, Estimate]:
    """Mean reversion with jumps, at a time and in the long run, in steps of any size."""
    kappa = p["kappa"]

    def ends(dice: Dice, count: int, start: float, span: float, steps: int) -> Floats:
        decay, sd = ou_step(kappa, p["sigma"], span / steps)
        state = np.full(count, start)
        for step in range(steps):
            here = dice.under(f"step{step}")
            shocks = sd * here.normals("z", count)
            shocks += jump_sums(here, count, kappa, span / steps, p["lam"], p["mj"], p["sj"])
            state = p["theta"] + (state - p["theta"]) * decay + shocks
        return state

    def one(dice: Dice, count: int) -> dict[str, float]:
        now = ends(dice, count, p["x0"], p["t"], 2)
        late = ends(dice.under("late"), count, p["theta"], 20 / kappa, 10)
        return {
            "mean_t": float(now.mean()),
            "var_t": float(now.var(ddof=1)),
            "stat_mean": float(late.mean()),
            "stat_var": float(late.var(ddof=1)),
        }

    return batches(one, 5_000, quick)


def cir(p: dict[str, float], quick: bool) -> dict[str, Estimate]:
    """The square-root process by its noncentral chi-square law; the product has no such price."""
    kappa, theta, sigma, span = p["kappa"], p["theta"], p["sigma"], p["t"]
    scale = sigma**2 * -math.expm1(-kappa * span) / (4 * kappa)
    law = stats.ncx2(4 * kappa * theta / sigma**2, p["x0"] * math.exp(-kappa * span) / scale, scale=scale)
    long_run = stats.gamma(2 * kappa * theta / sigma**2, scale=sigma**2 / (2 * kappa))
    return {
        "mean_t": Estimate(float(law.mean())),
        "var_t": Estimate(float(law.var())),
        "stat_sd": Estimate(float(long_run.std())),
        "feller": Estimate(2 * kappa * theta / sigma**2),
        "q99_t": Estimate(float(law.ppf(0.99))),
    }


def regime_switching(p: dict[str, float], quick: bool) -> dict[str, Estimate]:
    """Two states in turns as the availability process draws them; a unit of time is 10^6 s."""
    laws = [Exponential(mean=Seconds(round(STRETCH / p[rate]))) for rate in ("qab", "qba")]
    one_path = Path.constant(1.0)

    def one(dice: Dice, count: int) -> dict[str, float]:
        span = round(p["t"] * STRETCH)
        starts = [
            alternating(
                *laws, Dice(dice.seed, dice.replication, f"{dice.prefix}{number}/"), span, one_path, begin=(True, 0)
            )
            for number in range(count)
        ]
        long_s = 60 * count * STRETCH
        path = alternating(*laws, dice.under("long"), long_s, one_path)
        lengths, states = np.diff(path.times_s) / STRETCH, path.values[:-1]
        in_a = path.integral(0, long_s) / long_s
        return {
            "pi_a": in_a,
            "mean_sojourn_a": float(lengths[1:][states[1:] == 1].mean()),
            "mean_sojourn_b": float(lengths[1:][states[1:] == 0].mean()),
            "P_a_at_t_from_a": float(np.mean([start.at(span) for start in starts])),
            "mean_price": in_a * p["pa"] + (1 - in_a) * p["pb"],
            "switches_per_unit_time": (len(path.times_s) - 1) / (long_s / STRETCH),
            "expected_time_in_a_0_t_from_a": float(np.mean([start.integral(0, span) for start in starts])) / STRETCH,
        }

    return batches(one, 600, quick)


def ou_integral_cost(p: dict[str, float], quick: bool) -> dict[str, Estimate]:
    """The bill of a constant use at a reverting price: the price's integral, as leases are billed."""
    steps = min(max(1_200, math.ceil(60 * p["kappa"] * p["T"])), 12_000)
    each_s = STRETCH // 100
    step = p["T"] / steps

    def one(dice: Dice, count: int) -> dict[str, float]:
        times = np.arange(steps + 1, dtype=np.int64) * each_s
        bills = []
        for row in dice.normals("z", count * steps).reshape(count, steps):
            path = Path(times, ou_values(row, p["x0"], p["theta"], p["kappa"], p["sigma"], step))
            bills.append(p["g"] * path.integral(0, steps * each_s) * step / each_s)
        return {"mean_cost": float(np.mean(bills)), "sd_cost": float(np.std(bills, ddof=1))}

    return batches(one, 500, quick)


def by_formula(case: Mapping[str, Any]) -> dict[str, Estimate]:
    """The figures that a case calls too rare to simulate, from the laws' closed forms."""
    p, out = case["params"], {}
    if case["model"] == "merton_jump":
        out["P_no_jump"] = math.exp(-p["lam"] * p["t"])
    if case["model"] == "GBM":
        sd, drift = p["sigma"] * math.sqrt(p["t"]), p["mu"] - p["sigma"] ** 2 / 2
        high = math.log(p["b"] / p["s0"])
        back = math.exp(2 * drift / p["sigma"] ** 2 * high)
        out["P_above_K"] = special.ndtr((math.log(p["s0"] / p["K"]) + drift * p["t"]) / sd)
        ends = special.ndtr((drift * p["t"] - high) / sd) + back * special.ndtr((-high - drift * p["t"]) / sd)
        out["P_hit_b"] = ends
    return {name: Estimate(float(out[name])) for name in case.get("formula_only", ()) if name in out}


MODELS: dict[str, Callable[[dict[str, float], bool], dict[str, Estimate]]] = {
    "OU": ou,
    "expOU": exp_ou,
    "GBM": gbm,
    "merton_jump": merton,
    "OU_jumps": ou_jumps,
    "CIR": cir,
    "regime_switching": regime_switching,
    "OU_integral_cost": ou_integral_cost,
}


def run_case(case: Mapping[str, Any], quick: bool) -> dict[str, Estimate]:
    """Estimates of what a case of prices expects; KeyError with the model for any other."""
    return MODELS[case["model"]](dict(case["params"]), quick) | by_formula(case)
