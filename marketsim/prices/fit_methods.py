"""Estimators for daily log prices: reversion with its small-sample bias, mixtures, volatility states, GARCH.

All take plain arrays, return plain numbers, and raise nothing: a series that does not move gives the least spread.
"""

from __future__ import annotations

import math

import numpy as np
from scipy import signal, special

from marketsim.streams import Floats

LEAST_SD = 1e-4
LONGEST_DAYS = 5_000.0


def pairs(logs: Floats) -> tuple[Floats, Floats]:
    """(today, tomorrow) of all neighbouring known days."""
    known = np.isfinite(logs[:-1]) & np.isfinite(logs[1:])
    return logs[:-1][known], logs[1:][known]


def reversion(logs: Floats, corrected: bool) -> tuple[float, float, float]:
    """(kappa a day, theta, sigma a square root of a day) of a mean reversion, by least squares.

    The slope of an autoregression is too small by about (1 + 3 slope) / n (Marriott and Pope 1954, Kendall 1954), which
    makes a random walk look mean-reverting. corrected: adds that back, up to no reversion at all.
    """
    now, then = pairs(logs)
    spread = now.var()
    if spread < LEAST_SD**2 or len(now) < 10:
        return 0.0, float(logs[np.isfinite(logs)][-1]), LEAST_SD
    slope = float(((now - now.mean()) * (then - then.mean())).mean() / spread)
    if corrected:
        slope += (1 + 3 * slope) / len(now)
    slope = min(max(slope, 0.01), 1.0)
    residual = then - then.mean() - slope * (now - now.mean())
    sd = max(float(residual.std()), LEAST_SD)
    kappa = -math.log(slope)
    if kappa < 1e-6:
        return 0.0, float(now.mean()), sd
    theta = float((then.mean() - slope * now.mean()) / (1 - slope))
    theta = min(max(theta, float(now.min()) - 0.5), float(now.max()) + 0.5)  # a weak pull says little of where to
    return kappa, theta, sd * math.sqrt(2 * kappa / -math.expm1(-2 * kappa))


def profile_of_reversion(logs: Floats, level: float = 0.90) -> tuple[float, float]:
    """Profile-likelihood interval of kappa a day: all speeds whose best fit is within the chi-square cut."""
    now, then = pairs(logs)
    slopes = np.exp(-np.concatenate(([0.0], np.geomspace(1e-5, 1.0, 400))))
    residual = (then - then.mean())[None, :] - slopes[:, None] * (now - now.mean())[None, :]
    loglik = -0.5 * len(now) * np.log(np.maximum(residual.var(axis=1), LEAST_SD**2))
    inside = slopes[loglik >= loglik.max() - special.chdtri(1, 1 - level) / 2]
    return float(-math.log(inside.max())), float(-math.log(inside.min()))


def profile_of_spread(changes: Floats, level: float = 0.90) -> tuple[float, float]:
    """Profile-likelihood interval of the standard deviation of normal changes; heavy tails make it too narrow."""
    count, sd = len(changes), max(float(changes.std()), LEAST_SD)
    tried = sd * np.geomspace(0.5, 2.0, 2001)
    loglik = -count * np.log(tried) - count * sd**2 / (2 * tried**2)
    inside = tried[loglik >= loglik.max() - special.chdtri(1, 1 - level) / 2]
    return float(inside.min()), float(inside.max())


def two_normals(
    residual: Floats, rounds: int = 200, held_share: float | None = None
) -> tuple[float, float, float, float]:
    """(share, mean, extra sd, narrow sd): days with a jump, the jump's mean and sd, sd of the others; by EM.

    held_share: the share that is not fitted.
    """
    sd = max(float(residual.std()), LEAST_SD)
    share, mean, narrow, wide = held_share or 0.1, 0.0, 0.6 * sd, 2.5 * sd
    for _ in range(rounds):
        still = (1 - share) / narrow * np.exp(-0.5 * (residual / narrow) ** 2)
        jump = share / wide * np.exp(-0.5 * ((residual - mean) / wide) ** 2)
        chance = jump / np.maximum(still + jump, 1e-300)
        weight = float(chance.sum())
        if weight < 1.0 or weight > len(residual) - 1:
            break
        share = held_share or weight / len(residual)
        mean = float((chance * residual).sum() / weight)
        wide = math.sqrt(max(float((chance * (residual - mean) ** 2).sum() / weight), LEAST_SD**2))
        narrow = math.sqrt(max(float(((1 - chance) * residual**2).sum() / (len(residual) - weight)), LEAST_SD**2))
        wide = max(wide, 1.05 * narrow)
    return share, mean, math.sqrt(max(wide**2 - narrow**2, LEAST_SD**2)), narrow


def two_normals_loglik(residual: Floats, share: float, mean: float, extra: float, narrow: float) -> float:
    """Log-likelihood of the mixture, without its constant."""
    wide = math.hypot(extra, narrow)
    still = (1 - share) / narrow * np.exp(-0.5 * (residual / narrow) ** 2)
    jump = share / wide * np.exp(-0.5 * ((residual - mean) / wide) ** 2)
    return float(np.log(np.maximum(still + jump, 1e-300)).sum())


def busy_filter(
    changes: Floats, calm: float, busy: float, leave_calm: float, leave_busy: float
) -> tuple[Floats, float]:
    """(chance of the busy state before each change, (n,); before the next one): Hamilton's filter; nan says nothing."""
    at_calm, at_busy = _densities(changes, calm, busy)
    before = np.empty(len(changes))
    chance = leave_calm / (leave_calm + leave_busy)
    for day, (quiet, loud) in enumerate(zip(at_calm.tolist(), at_busy.tolist(), strict=True)):
        before[day] = chance
        seen = chance * loud
        seen = seen / max(seen + (1 - chance) * quiet, 1e-300)
        chance = seen * (1 - leave_busy) + (1 - seen) * leave_calm
    return before, chance


def _densities(changes: Floats, calm: float, busy: float) -> tuple[Floats, Floats]:
    known = np.isfinite(changes)
    filled = np.where(known, changes, 0.0)
    return (
        np.where(known, np.exp(-0.5 * (filled / calm) ** 2) / calm, 1.0),
        np.where(known, np.exp(-0.5 * (filled / busy) ** 2) / busy, 1.0),
    )


def two_volatilities(
    changes: Floats, rounds: int = 25, held_calm: float | None = None, held_busy: float | None = None
) -> tuple[float, float, float, float]:
    """(calm sd, busy sd, mean days calm, mean days busy) of a hidden two-state chain, by Baum and Welch's EM.

    held_calm, held_busy: a standard deviation that is not fitted.
    """
    sd = max(float(changes.std()), LEAST_SD)
    calm, busy, leave_calm, leave_busy = held_calm or 0.5 * sd, held_busy or 2.0 * sd, 1 / 30, 1 / 15
    for _ in range(rounds):
        before, _ = busy_filter(changes, calm, busy, leave_calm, leave_busy)
        at_calm, at_busy = _densities(changes, calm, busy)
        seen = before * at_busy / np.maximum(before * at_busy + (1 - before) * at_calm, 1e-300)
        smooth, into, out = _smoothed(seen, before, leave_calm, leave_busy)
        weight = float(smooth.sum())
        if weight < 2 or weight > len(changes) - 2:
            break
        busy = math.sqrt(max(float((smooth * changes**2).sum() / weight), LEAST_SD**2))
        calm = math.sqrt(max(float(((1 - smooth) * changes**2).sum() / (len(changes) - weight)), LEAST_SD**2))
        leave_calm = min(max(into / max(len(changes) - weight, 1e-9), 1 / LONGEST_DAYS), 0.9)
        leave_busy = min(max(out / weight, 1 / LONGEST_DAYS), 0.9)
        calm, busy = held_calm or calm, held_busy or busy
        if held_busy is None:
            busy = max(busy, 1.05 * calm)
        elif held_calm is None:
            calm = min(calm, busy / 1.05)
    return calm, busy, 1 / leave_calm, 1 / leave_busy


def two_volatilities_loglik(changes: Floats, calm: float, busy: float, days_calm: float, days_busy: float) -> float:
    """Log-likelihood of the chain, without its constant."""
    before, _ = busy_filter(changes, calm, busy, 1 / days_calm, 1 / days_busy)
    at_calm, at_busy = _densities(changes, calm, busy)
    return float(np.log(np.maximum(before * at_busy + (1 - before) * at_calm, 1e-300)).sum())


def _smoothed(seen: Floats, before: Floats, leave_calm: float, leave_busy: float) -> tuple[Floats, float, float]:
    """(chance of busy given all days, expected moves into and out of busy): Kim's smoother."""
    smooth = seen.copy()
    into = out = 0.0
    later = float(seen[-1])
    ahead = before.tolist()
    for day in range(len(seen) - 2, -1, -1):
        now, expected = float(seen[day]), min(max(ahead[day + 1], 1e-12), 1 - 1e-12)
        to_busy, to_calm = later / expected, (1 - later) / (1 - expected)
        into += (1 - now) * leave_calm * to_busy
        out += now * leave_busy * to_calm
        later = now * ((1 - leave_busy) * to_busy + leave_busy * to_calm)
        smooth[day] = later
    return smooth, into, out


def garch_variance(shocks: Floats, long_run: float, a: float, b: float) -> Floats:
    """Variances before each shock and after the last, (n + 1,): h' = (1 - a - b) long_run + a shock^2 + b h."""
    drive = (1 - a - b) * long_run + a * shocks**2
    after, _ = signal.lfilter([1.0], [1.0, -b], drive, zi=[b * long_run])
    return np.concatenate(([long_run], after))


def garch_parts(raw: Floats) -> tuple[float, float, float, float]:
    """(rho, a, b, nu), each within what it may be, of four free numbers."""
    rho = 0.95 * math.tanh(raw[0])
    total = 0.995 / (1 + math.exp(-raw[1]))
    a = total / (1 + math.exp(-raw[2]))
    return rho, a, total - a, 2.1 + math.exp(min(raw[3], 6.0))


def garch_loss(raw: Floats, changes: Floats) -> float:
    """Minus the mean log-likelihood of a change; the long-run variance is as measured."""
    rho, a, b, nu = garch_parts(raw)
    shocks = changes - rho * np.concatenate(([0.0], changes[:-1]))
    variance = np.maximum(garch_variance(shocks, max(float(shocks.var()), LEAST_SD**2), a, b)[:-1], LEAST_SD**2)
    scaled = shocks**2 / (variance * (nu - 2))
    constant = special.gammaln((nu + 1) / 2) - special.gammaln(nu / 2) - 0.5 * math.log(math.pi * (nu - 2))
    return float(-(constant - 0.5 * np.log(variance) - (nu + 1) / 2 * np.log1p(scaled)).mean())


def garch_best(changes: Floats) -> Floats:
    """The four free numbers of maximum likelihood."""
    from scipy import optimize

    options = {"maxiter": 500, "xatol": 1e-3, "fatol": 1e-6}
    begin = np.array([0.25, 3.0, -1.0, 1.0])
    found = optimize.minimize(garch_loss, begin, args=(changes,), method="Nelder-Mead", options=options)
    return np.asarray(found.x)


def garch_t(changes: Floats) -> tuple[float, float, float, float, float]:
    """(rho, long-run sd of innovations, a, b, nu) by maximum likelihood, the long-run variance as measured."""
    rho, a, b, nu = garch_parts(garch_best(changes))
    before = np.concatenate(([0.0], changes[:-1]))
    return rho, max(float((changes - rho * before).std()), LEAST_SD), a, b, nu


def smoothed(logs: Floats) -> tuple[float, float, float, float]:
    """(share a day, kappa, theta, sigma) of a published price that chases a reverting target, by profile likelihood."""
    best = (-math.inf, 1.0, 0.0, 0.0, LEAST_SD)
    for share in np.linspace(0.3, 1.0, 15):
        score, kappa, theta, sigma = smoothed_score(logs, float(share))
        if score > best[0]:
            best = (score, float(share), kappa, theta, sigma)
    return best[1:]


def smoothed_score(logs: Floats, share: float) -> tuple[float, float, float, float]:
    """(mean log-likelihood of a day without its constant, kappa, theta, sigma) at a share a day."""
    target = np.concatenate((logs[:1], logs[:-1] + np.diff(logs) / share))
    kappa, theta, sigma = reversion(target, corrected=True)
    step = share * sigma * math.sqrt(-math.expm1(-2 * kappa) / (2 * kappa) if kappa > 0 else 1.0)
    return -math.log(max(step, LEAST_SD)), kappa, theta, sigma
