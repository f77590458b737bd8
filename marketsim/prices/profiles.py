"""Profile-likelihood intervals of what was fitted: all values of one parameter whose best fit is within the cut.

The other parameters are fitted anew for each value that is tried; half the chi-square quantile is the cut. Normal laws
on days with heavy tails make intervals too narrow; they say how much the days tell, not how right the law is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
from scipy import special

from marketsim.prices import fit_methods as methods
from marketsim.prices.laws import BIN
from marketsim.streams import Floats

LEVEL = 0.90
Interval = tuple[float, float]


def inside(tried: Floats, loglik: Floats, level: float = LEVEL) -> Interval:
    """(least, greatest) of the values tried whose log-likelihood is within the cut of the best."""
    kept = tried[loglik >= np.max(loglik) - special.chdtri(1, 1 - level) / 2]
    return float(kept.min()), float(kept.max())


def around(profile: Callable[[float], float], best: float, step: float, level: float = LEVEL) -> Interval:
    """The same for a log-likelihood that is dear to ask: both ends are sought outwards from the best, then halved.

    >>> low, high = around(lambda x: -0.5 * x * x, 0.0, 0.1)
    >>> round(low, 1), round(high, 1)
    (-1.6, 1.6)
    """
    least = profile(best) - special.chdtri(1, 1 - level) / 2
    low, high = (_end(profile, best, signed, least) for signed in (-step, step))
    return low, high


def _end(profile: Callable[[float], float], best: float, step: float, least: float) -> float:
    within, without = best, best + step
    for _ in range(8):
        if profile(without) < least:
            break
        within, without = without, best + 2 * (without - best)
    for _ in range(8):
        middle = (within + without) / 2
        within, without = (middle, without) if profile(middle) >= least else (within, middle)
    return within


def of_process(process: str, logs: Floats) -> dict[str, Interval]:
    """Intervals of the parameters of a process that daily logarithms tell about, by their names in a scenario."""
    changes = np.diff(logs)
    return PROFILES[process](logs, changes[np.isfinite(changes)]) if process in PROFILES else {}


def _reverting(logs: Floats, changes: Floats) -> dict[str, Interval]:
    return {
        "mean": of_level(logs),
        "kappa_per_day": methods.profile_of_reversion(logs),
        "sigma_per_sqrt_day": _of_sigma(logs),
    }


def of_level(logs: Floats) -> Interval:
    """Interval of the level that is reverted to; as wide as what is tried where nothing pulls."""
    now, then = methods.pairs(logs)
    tried = np.linspace(float(now.min()) - 0.5, float(now.max()) + 0.5, 801)
    x, y = now[None, :] - tried[:, None], then[None, :] - tried[:, None]
    slope = np.clip((x * y).sum(axis=1) / np.maximum((x * x).sum(axis=1), 1e-300), 0.01, 1.0)
    left = ((y - slope[:, None] * x) ** 2).mean(axis=1)
    low, high = inside(tried, -0.5 * len(now) * np.log(np.maximum(left, methods.LEAST_SD**2)))
    return math.exp(low), math.exp(high)


def _of_sigma(logs: Floats) -> Interval:
    kappa, theta, _ = methods.reversion(logs, corrected=True)
    low, high = methods.profile_of_spread(_residual(logs, kappa, theta))
    scale = math.sqrt(2 * kappa / -math.expm1(-2 * kappa)) if kappa > 0 else 1.0
    return low * scale, high * scale


def _residual(logs: Floats, kappa: float, theta: float) -> Floats:
    residual = np.diff(logs) - math.expm1(-kappa) * (logs[:-1] - theta)
    return residual[np.isfinite(residual)]


def _jumping(logs: Floats, changes: Floats) -> dict[str, Interval]:
    kappa, theta, _ = methods.reversion(logs, corrected=True)
    low, high = of_jumps(_residual(logs, kappa, theta))
    return {
        "mean": of_level(logs),
        "kappa_per_day": methods.profile_of_reversion(logs),
        "jumps_per_day": (-math.log1p(-low), -math.log1p(-high)),
    }


def of_jumps(residual: Floats) -> Interval:
    """Interval of the share of days with a jump."""

    def profile(log_share: float) -> float:
        fit = methods.two_normals(residual, held_share=min(math.exp(log_share), 0.9))
        return methods.two_normals_loglik(residual, *fit)

    low, high = around(profile, math.log(methods.two_normals(residual)[0]), 0.1)
    return math.exp(low), min(math.exp(high), 0.9)


def _switching(logs: Floats, changes: Floats) -> dict[str, Interval]:
    calm, busy, _, _ = methods.two_volatilities(changes)
    return {"sd_calm": _of_state(changes, calm, "calm"), "sd_busy": _of_state(changes, busy, "busy")}


def _of_state(changes: Floats, best: float, state: str) -> Interval:
    """Interval of one state's standard deviation, the other's and the stays fitted anew."""

    def profile(log_sd: float) -> float:
        sd = math.exp(log_sd)
        held = (sd, None) if state == "calm" else (None, sd)
        fit = methods.two_volatilities(changes, 25, *held)
        return methods.two_volatilities_loglik(changes, *fit)

    low, high = around(profile, math.log(best), 0.03)
    return math.exp(low), math.exp(high)


def _clustering(logs: Floats, changes: Floats) -> dict[str, Interval]:
    best = methods.garch_best(changes)
    return {name: of_garch(changes, best, name) for name in ("rho", "nu")}


def of_garch(changes: Floats, best: Floats, name: str) -> Interval:
    """Interval of `rho` or `nu` around the free numbers of the best fit; the other three are fitted anew."""
    from scipy import optimize

    place, part = {"rho": (0, 0), "nu": (3, 3)}[name]
    rest = [one for one in range(4) if one != place]

    def whole(others: Floats, raw: float) -> Floats:
        numbers = np.empty(4)
        numbers[rest], numbers[place] = others, raw
        return numbers

    def profile(raw: float) -> float:
        found = optimize.minimize(
            lambda others: methods.garch_loss(whole(others, raw), changes),
            best[rest], method="Nelder-Mead", options={"maxiter": 150, "xatol": 1e-2, "fatol": 1e-6},
        )  # fmt: skip
        return -len(changes) * float(found.fun)

    low, high = around(profile, float(best[place]), {"rho": 0.02, "nu": 0.2}[name])
    return tuple(sorted(methods.garch_parts(whole(best[rest], raw))[part] for raw in (low, high)))  # type: ignore[return-value]


def _chasing(logs: Floats, changes: Floats) -> dict[str, Interval]:
    tried = np.linspace(0.3, 1.0, 71)
    loglik = np.array([len(changes) * methods.smoothed_score(logs, float(share))[0] for share in tried])
    return {"share_per_day": inside(tried, loglik)}


def _stepping(logs: Floats, changes: Floats) -> dict[str, Interval]:
    """Interval of how often a price is changed, by the binomial law of the days on which it was."""
    moved, days = int((np.abs(changes) > BIN).sum()), len(changes)
    tried = np.linspace(1e-5, 1 - 1e-5, 20_001)
    low, high = inside(tried, moved * np.log(tried) + (days - moved) * np.log1p(-tried))
    return {"steps_per_year": (low * 365, high * 365)}


def _resampled(logs: Floats, changes: Floats) -> dict[str, Interval]:
    low, high = methods.profile_of_reversion(logs)
    slow, fast = math.log(2) / max(high, 1e-9), math.log(2) / max(low, 1e-9)
    return {"sd_per_day": methods.profile_of_spread(changes), "half_life, in days": (slow, min(fast, LONGEST_DAYS))}


LONGEST_DAYS = 100_000.0  # no pull at all

PROFILES: Mapping[str, Callable[[Floats, Floats], dict[str, Interval]]] = {
    "ou": _reverting,
    "ou_corrected": _reverting,
    "ou_jump": _jumping,
    "regime_vol": _switching,
    "momentum_garch_t": _clustering,
    "smoothed_ou": _chasing,
    "administered_step": _stepping,
    "bootstrap": _resampled,
}
