"""Laws of daily spot prices to be fitted and compared: estimate, density of the next change, paths onward.

Each law works on logarithms of a level (a ratio to on-demand where one is known), one value a day. It is fitted once on
the days before a split; afterwards only its state follows (the last value, today's volatility), as it would in use.
Paths come from the very functions that draw prices in a run.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy import signal, special

from marketsim.prices import fit_methods as methods
from marketsim.prices.bootstrap import HALF_LIFE_DAYS, MEAN_BLOCK_DAYS, Pool, blocks, packaged_pool, walk
from marketsim.prices.drawn import HIGHEST_RATIO, LOWEST_RATIO, reflected
from marketsim.prices.momentum_garch_t import MOST_VARIANCE, garch_changes, student
from marketsim.prices.ou import ou_step
from marketsim.prices.regime_vol import states
from marketsim.streams import Dice, Floats, normal

LEAST_SD = 1e-4
PULL = 1 - 0.5 ** (1 / HALF_LIFE_DAYS)  # a day, of the laws that walk
YEAR_DAYS = 365
_FINE = 20_000
BIN = 5e-4  # half-width of the bin whose probability stands for a density, so that days without change count too


@dataclass(frozen=True)
class Fitted:
    """Parameters of one law for one series: what `paths` and `density` need, and nothing from after the split."""

    values: Mapping[str, float]
    low: float = -math.inf  # walls of the logarithm
    high: float = math.inf
    pool: Pool | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __getitem__(self, name: str) -> float:
        return self.values[name]


@dataclass(frozen=True)
class Law:
    """One law. `fit(logs, walls, pool)`; `density(fitted, logs)` (n - 1,) log density of each change given the days
    before; `paths(fitted, logs, dice, count, days)` (count, days) logarithms after the last of `logs`; `block(fitted)`
    the settings of its process.
    """

    name: str
    fit: Callable[[Floats, tuple[float, float], Pool | None], Fitted]
    density: Callable[[Fitted, Floats], Floats]
    paths: Callable[[Fitted, Floats, Dice, int, int], Floats]
    block: Callable[[Fitted, Floats], dict[str, Any]] | None = None


def ratio_walls(ratios: bool) -> tuple[float, float]:
    """Walls of the logarithm: those of a ratio to on-demand, or none."""
    return (math.log(LOWEST_RATIO), math.log(HIGHEST_RATIO)) if ratios else (-math.inf, math.inf)


def _uniforms(dice: Dice, name: str, count: int, days: int) -> Floats:
    return dice.uniforms(name, count * days).reshape(count, days)


def log_bin(cdf: Callable[[Floats], Floats], changes: Floats) -> Floats:
    """Log of the mean density over a bin of +-BIN around each change."""
    mass = cdf(changes + BIN) - cdf(changes - BIN)
    return np.log(np.maximum(mass, 1e-12) / (2 * BIN))


def _normal_bin(changes: Floats, mean: Floats | float, sd: Floats | float) -> Floats:
    return log_bin(lambda x: special.ndtr((x - mean) / np.maximum(sd, 1e-9)), changes)


# ------------------------------------------------------------------------------------------------ mean reversion


def _fit_ou(logs: Floats, walls: tuple[float, float], pool: Pool | None) -> Fitted:
    kappa, theta, sigma = methods.reversion(logs, corrected=False)
    return Fitted({"kappa": kappa, "theta": theta, "sigma": sigma})


def _fit_ou_corrected(logs: Floats, walls: tuple[float, float], pool: Pool | None) -> Fitted:
    kappa, theta, sigma = methods.reversion(logs, corrected=True)
    return Fitted({"kappa": kappa, "theta": theta, "sigma": sigma})


def _density_ou(fitted: Fitted, logs: Floats) -> Floats:
    decay, sd = ou_step(fitted["kappa"], fitted["sigma"], 1.0)
    return _normal_bin(np.diff(logs), (decay - 1) * (logs[:-1] - fitted["theta"]), sd)


def _paths_ou(fitted: Fitted, logs: Floats, dice: Dice, count: int, days: int) -> Floats:
    decay, sd = ou_step(fitted["kappa"], fitted["sigma"], 1.0)
    shocks = sd * normal(_uniforms(dice, "ou", count, days))
    return walk(shocks, float(logs[-1]), fitted["theta"], 1 - decay)[:, 1:]


def _block_ou(fitted: Fitted, logs: Floats) -> dict[str, Any]:
    return {
        "kind": "ou",
        "mean": math.exp(fitted["theta"]),
        "start": math.exp(logs[-1]),
        "kappa_per_day": fitted["kappa"],
        "sigma_per_sqrt_day": fitted["sigma"],
        "step": "1 d",
    }


# ------------------------------------------------------------------------------------------------ jumps


def _fit_jumps(logs: Floats, walls: tuple[float, float], pool: Pool | None) -> Fitted:
    kappa, theta, _ = methods.reversion(logs, corrected=True)
    residual = np.diff(logs) + -math.expm1(-kappa) * (logs[:-1] - theta)
    share, mean, sd, narrow = methods.two_normals(residual[np.isfinite(residual)])
    per_day = -math.log1p(-min(share, 0.99))
    return Fitted(
        {"kappa": kappa, "theta": theta, "sigma": narrow, "per_day": per_day, "jump_mean": mean, "jump_sd": sd}
    )


def _density_jumps(fitted: Fitted, logs: Floats) -> Floats:
    drift = math.expm1(-fitted["kappa"]) * (logs[:-1] - fitted["theta"])
    share = -math.expm1(-fitted["per_day"])
    wide = math.hypot(fitted["sigma"], fitted["jump_sd"])

    def cdf(x: Floats) -> Floats:
        still = special.ndtr((x - drift) / max(fitted["sigma"], 1e-9))
        return (1 - share) * still + share * special.ndtr((x - drift - fitted["jump_mean"]) / max(wide, 1e-9))

    return log_bin(cdf, np.diff(logs))


def _paths_jumps(fitted: Fitted, logs: Floats, dice: Dice, count: int, days: int) -> Floats:
    decay, sd = ou_step(fitted["kappa"], fitted["sigma"], 1.0)
    jumps = _uniforms(dice, "jump", count, days) < -math.expm1(-fitted["per_day"])
    sizes = fitted["jump_mean"] + fitted["jump_sd"] * normal(_uniforms(dice, "size", count, days))
    shocks = sd * normal(_uniforms(dice, "ou", count, days)) + np.where(jumps, sizes, 0.0)
    return walk(shocks, float(logs[-1]), fitted["theta"], 1 - decay)[:, 1:]


def _block_jumps(fitted: Fitted, logs: Floats) -> dict[str, Any]:
    return {
        "kind": "ou_jump",
        "mean": math.exp(fitted["theta"]),
        "start": math.exp(logs[-1]),
        "kappa_per_day": fitted["kappa"],
        "sigma_per_sqrt_day": fitted["sigma"],
        "jumps_per_day": fitted["per_day"],
        "jump_mean": fitted["jump_mean"],
        "jump_sd": fitted["jump_sd"],
    }


# ------------------------------------------------------------------------------------------------ two volatilities


def _last_year_level(logs: Floats) -> float:
    return float(np.nanmean(logs[-YEAR_DAYS:]))


def _fit_regimes(logs: Floats, walls: tuple[float, float], pool: Pool | None) -> Fitted:
    calm, busy, days_calm, days_busy = methods.two_volatilities(known_changes(logs))
    names = {"sd_calm": calm, "sd_busy": busy, "days_calm": days_calm, "days_busy": days_busy}
    return Fitted(names, *walls)


def _busy_chance(fitted: Fitted, changes: Floats) -> tuple[Floats, float]:
    """(chance of a busy day before each change is seen (n,), and for the next day)."""
    return methods.busy_filter(
        changes, fitted["sd_calm"], fitted["sd_busy"], 1 / fitted["days_calm"], 1 / fitted["days_busy"]
    )


def _density_regimes(fitted: Fitted, logs: Floats) -> Floats:
    changes = np.diff(logs)
    busy, _ = _busy_chance(fitted, changes)

    def cdf(x: Floats) -> Floats:
        return (1 - busy) * special.ndtr(x / fitted["sd_calm"]) + busy * special.ndtr(x / fitted["sd_busy"])

    return log_bin(cdf, changes)


def _paths_regimes(fitted: Fitted, logs: Floats, dice: Dice, count: int, days: int) -> Floats:
    _, busy = _busy_chance(fitted, known_changes(logs)[-200:])
    state = np.empty((count, days))
    first = (dice.uniforms("first", count) < busy).astype(np.float64)
    state[:, 0] = first
    state[:, 1:] = states(_uniforms(dice, "states", count, days - 1), first, fitted["days_calm"], fitted["days_busy"])
    changes = np.where(state > 0, fitted["sd_busy"], fitted["sd_calm"]) * normal(_uniforms(dice, "z", count, days))
    return _bounded_walk(changes, logs, fitted)


def _bounded_walk(changes: Floats, logs: Floats, fitted: Fitted) -> Floats:
    path = walk(changes, float(logs[-1]), _last_year_level(logs), PULL)[:, 1:]
    return reflected(path, fitted.low, fitted.high)


def _block_regimes(fitted: Fitted, logs: Floats) -> dict[str, Any]:
    return {
        "kind": "regime_vol",
        "level": math.exp(_last_year_level(logs)),
        "start": math.exp(logs[-1]),
        **{name: fitted[name] for name in ("sd_calm", "sd_busy", "days_calm", "days_busy")},
        "kappa_per_day": PULL,
    }


# ------------------------------------------------------------------------------------------------ momentum, GARCH, t


def _fit_garch(logs: Floats, walls: tuple[float, float], pool: Pool | None) -> Fitted:
    rho, sd, a, b, nu = methods.garch_t(known_changes(logs))
    table = student((np.arange(_FINE) + 0.5) / _FINE, nu)  # inverting a million Student variates one by one is slow
    return Fitted({"rho": rho, "sd": sd, "a": a, "b": b, "nu": nu}, *walls, extra={"table": table})


def _garch_state(fitted: Fitted, changes: Floats) -> tuple[Floats, Floats]:
    """(mean of each change and of the next (n + 1,), variances of the same (n + 1,)) given what was before."""
    before = np.concatenate(([0.0], changes))
    mean = fitted["rho"] * before
    shocks = changes - mean[:-1]
    variance = methods.garch_variance(shocks, fitted["sd"] ** 2, fitted["a"], fitted["b"])
    return mean, np.clip(variance, LEAST_SD**2, MOST_VARIANCE * fitted["sd"] ** 2)


def _density_garch(fitted: Fitted, logs: Floats) -> Floats:
    changes = np.diff(logs)
    mean, variance = _garch_state(fitted, changes)
    scale = np.sqrt(variance[:-1] * (fitted["nu"] - 2) / fitted["nu"])
    return log_bin(lambda x: special.stdtr(fitted["nu"], (x - mean[:-1]) / scale), changes)


def _paths_garch(fitted: Fitted, logs: Floats, dice: Dice, count: int, days: int) -> Floats:
    known = known_changes(logs)[-400:]
    _, variance = _garch_state(fitted, known)
    innovations = fitted.extra["table"][(_uniforms(dice, "t", count, days) * _FINE).astype(np.int64)]
    last = float(known[-1]) if len(known) else 0.0
    changes = garch_changes(innovations, fitted["rho"], fitted["sd"], fitted["a"], fitted["b"], last, variance[-1])
    return reflected(logs[-1] + np.cumsum(changes, axis=-1), fitted.low, fitted.high)


def _block_garch(fitted: Fitted, logs: Floats) -> dict[str, Any]:
    return {
        "kind": "momentum_garch_t",
        "level": math.exp(logs[-1]),
        "rho": fitted["rho"],
        "sd_per_day": fitted["sd"],
        "a": fitted["a"],
        "b": fitted["b"],
        "nu": fitted["nu"],
    }


# ------------------------------------------------------------------------------------------------ smoothed target


def _fit_smoothed(logs: Floats, walls: tuple[float, float], pool: Pool | None) -> Fitted:
    share, kappa, theta, sigma = methods.smoothed(logs)
    return Fitted({"share": share, "kappa": kappa, "theta": theta, "sigma": sigma})


def _targets(logs: Floats, share: float) -> Floats:
    """The target of each day but the first, as the published prices give it away."""
    return logs[:-1] + np.diff(logs) / share


def _density_smoothed(fitted: Fitted, logs: Floats) -> Floats:
    decay, sd = ou_step(fitted["kappa"], fitted["sigma"], 1.0)
    target = np.concatenate((logs[:1], _targets(logs, fitted["share"])))[:-1]
    target = np.where(np.isfinite(target), target, logs[:-1])
    aim = fitted["theta"] + (target - fitted["theta"]) * decay
    return _normal_bin(np.diff(logs), fitted["share"] * (aim - logs[:-1]), fitted["share"] * sd)


def _paths_smoothed(fitted: Fitted, logs: Floats, dice: Dice, count: int, days: int) -> Floats:
    decay, sd = ou_step(fitted["kappa"], fitted["sigma"], 1.0)
    known = logs[np.isfinite(logs)]
    begin = float(_targets(known[-2:], fitted["share"])[-1]) if len(known) > 1 else float(known[-1])
    targets = walk(sd * normal(_uniforms(dice, "target", count, days)), begin, fitted["theta"], 1 - decay)[:, 1:]
    keep = 1 - fitted["share"]
    state = np.full((count, 1), keep * float(known[-1]))
    published, _ = signal.lfilter([fitted["share"]], [1.0, -keep], targets, axis=-1, zi=state)
    return np.asarray(published)


def _block_smoothed(fitted: Fitted, logs: Floats) -> dict[str, Any]:
    return {
        "kind": "smoothed_ou",
        "mean": math.exp(fitted["theta"]),
        "start": math.exp(logs[-1]),
        "kappa_per_day": fitted["kappa"],
        "sigma_per_sqrt_day": fitted["sigma"],
        "share_per_day": fitted["share"],
    }


# ------------------------------------------------------------------------------------------------ administered steps


def _fit_steps(logs: Floats, walls: tuple[float, float], pool: Pool | None) -> Fitted:
    changes = known_changes(logs)
    moved = changes[np.abs(changes) > BIN]
    sizes = np.quantile(moved, np.linspace(0, 1, 11)) if len(moved) > 4 else np.linspace(-0.1, 0.1, 11)
    chance = (len(moved) + 0.5) / (len(changes) + 1)
    return Fitted({"chance": min(chance, 0.999)}, *walls, extra={"sizes": sizes})


def _density_steps(fitted: Fitted, logs: Floats) -> Floats:
    sizes = fitted.extra["sizes"]
    spread = max(float(sizes[-1] - sizes[0]), 1e-3)

    def cdf(x: Floats) -> Floats:
        steps = np.interp(x, sizes + 1e-9 * np.arange(len(sizes)), np.linspace(0, 1, len(sizes)))
        wide = special.ndtr(x / spread)
        return (1 - fitted["chance"]) * (x >= 0) + fitted["chance"] * (0.98 * steps + 0.02 * wide)

    return log_bin(cdf, np.diff(logs))


def _paths_steps(fitted: Fitted, logs: Floats, dice: Dice, count: int, days: int) -> Floats:
    sizes = fitted.extra["sizes"]
    drawn = np.interp(_uniforms(dice, "size", count, days), np.linspace(0, 1, len(sizes)), sizes)
    moved = _uniforms(dice, "moved", count, days) < fitted["chance"]
    return reflected(logs[-1] + np.cumsum(np.where(moved, drawn, 0.0), axis=-1), fitted.low, fitted.high)


def _block_steps(fitted: Fitted, logs: Floats) -> dict[str, Any]:
    return {
        "kind": "administered_step",
        "level": math.exp(_last_year_level(logs)),
        "start": math.exp(logs[-1]),
        "steps_per_year": min(fitted["chance"] * YEAR_DAYS, 180.0),
        "least_time": "1 d",
        "sizes": [float(size) for size in fitted.extra["sizes"]],
        "pull": 0.0,
    }


# ------------------------------------------------------------------------------------------------ blocks of changes


def _fit_blocks(logs: Floats, walls: tuple[float, float], pool: Pool | None) -> Fitted:
    pool = packaged_pool() if pool is None else pool
    return Fitted({}, *walls, pool=pool, extra={"sorted": np.sort(pool.values)})


def _spread(logs: Floats) -> float:
    """Standard deviation of all daily changes so far: the state of the block bootstrap."""
    changes = known_changes(logs)
    return max(float(changes.std()), LEAST_SD) if len(changes) else LEAST_SD


def _density_blocks(fitted: Fitted, logs: Floats) -> Floats:
    changes = np.diff(logs)
    known = np.where(np.isfinite(changes), changes, 0.0)
    number = np.cumsum(np.isfinite(changes))
    squares, sums = np.cumsum(known**2), np.cumsum(known)
    with np.errstate(invalid="ignore", divide="ignore"):
        spread = np.sqrt(squares / number - (sums / number) ** 2)
    enough = number >= 20
    first = spread[np.argmax(enough)] if enough.any() else spread[-1]
    spread = np.where(enough, spread, first)
    before = np.maximum(np.concatenate((spread[:1], spread[:-1])), LEAST_SD)
    values = fitted.extra["sorted"]
    ranks = np.arange(1, len(values) + 1) / (len(values) + 1)

    def cdf(x: Floats) -> Floats:
        z = x / before
        return 0.98 * np.interp(z, values, ranks, left=0.0, right=1.0) + 0.02 * special.stdtr(3, z / 2)

    return log_bin(cdf, changes)


def _paths_blocks(fitted: Fitted, logs: Floats, dice: Dice, count: int, days: int) -> Floats:
    assert fitted.pool is not None
    begin, where = _uniforms(dice, "begin", count, days), _uniforms(dice, "where", count, days)
    return _bounded_walk(_spread(logs) * blocks(fitted.pool, begin, where, MEAN_BLOCK_DAYS), logs, fitted)


def _block_blocks(fitted: Fitted, logs: Floats) -> dict[str, Any]:
    return {
        "kind": "bootstrap",
        "level": math.exp(_last_year_level(logs)),
        "start": math.exp(logs[-1]),
        "sd_per_day": _spread(logs),
    }


# ------------------------------------------------------------------------------------------------ random walk


def _fit_walk(logs: Floats, walls: tuple[float, float], pool: Pool | None) -> Fitted:
    return Fitted({"sd": _spread(logs)})


def _density_walk(fitted: Fitted, logs: Floats) -> Floats:
    return _normal_bin(np.diff(logs), 0.0, fitted["sd"])


def _paths_walk(fitted: Fitted, logs: Floats, dice: Dice, count: int, days: int) -> Floats:
    return logs[-1] + np.cumsum(_spread(logs) * normal(_uniforms(dice, "walk", count, days)), axis=-1)


def known_changes(logs: Floats) -> Floats:
    """Daily changes that are known, in order."""
    changes = np.diff(logs)
    return changes[np.isfinite(changes)]


LAWS: dict[str, Law] = {
    "ou": Law("ou", _fit_ou, _density_ou, _paths_ou, _block_ou),
    "ou_corrected": Law("ou_corrected", _fit_ou_corrected, _density_ou, _paths_ou, _block_ou),
    "ou_jump": Law("ou_jump", _fit_jumps, _density_jumps, _paths_jumps, _block_jumps),
    "regime_vol": Law("regime_vol", _fit_regimes, _density_regimes, _paths_regimes, _block_regimes),
    "momentum_garch_t": Law("momentum_garch_t", _fit_garch, _density_garch, _paths_garch, _block_garch),
    "smoothed_ou": Law("smoothed_ou", _fit_smoothed, _density_smoothed, _paths_smoothed, _block_smoothed),
    "administered_step": Law("administered_step", _fit_steps, _density_steps, _paths_steps, _block_steps),
    "bootstrap": Law("bootstrap", _fit_blocks, _density_blocks, _paths_blocks, _block_blocks),
    "random_walk": Law("random_walk", _fit_walk, _density_walk, _paths_walk),
}
DEFAULT = "bootstrap"
