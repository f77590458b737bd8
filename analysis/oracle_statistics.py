"""The statistics of a comparison against published figures: one function a kind of case of the oracles."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from analysis.common import Estimate
from marketsim import streams
from marketsim.experiment import sensitivity
from marketsim.experiment.statistics import interval, multiple, output, quantile, selection, shares, stopping, variance

Case = Mapping[str, Any]


def run_case(case: Case, quick: bool = False) -> dict[str, Estimate]:
    """The figures of a case by name; KeyError for a model that is not one of these. `quick` shortens what is drawn."""
    return MODELS[case["model"]](case["params"], quick)


def t_intervals(p: Case, quick: bool) -> dict[str, Estimate]:
    a, b = np.array(p["a"]), np.array(p["b"])
    own, pair, apart = interval.t_interval(a), interval.paired(a, b), interval.welch(a, b)
    return exact(
        mean_a=own.value,
        hw_a=own.half_width,
        diff=pair.value,
        hw_paired=pair.half_width,
        hw_welch=apart.half_width,
        df_welch=interval.welch_freedom(a, b),
        p_paired=pair.p,
        p_welch=apart.p,
        corr=float(np.corrcoef(a, b)[0, 1]),
        var_reduction_CRN=1 - variance.reduction(a, b),
    )


def multiple_comparison(p: Case, quick: bool) -> dict[str, Estimate]:
    holm, bonferroni = multiple.holm(p["p"]), multiple.bonferroni(p["p"])
    return exact(
        **{f"holm_{i}": value for i, value in enumerate(holm)},
        **{f"bonf_{i}": value for i, value in enumerate(bonferroni)},
    )


def quantile_ci(p: Case, quick: bool) -> dict[str, Estimate]:
    found = quantile.ranks(p["n"], p["p"], p["conf"])
    least = quantile.least_n_upper(p["p"], p["conf"])
    if found is None:
        return exact(min_n_for_upper_bound=least)
    return exact(lower_rank=found.lower, upper_rank=found.upper, coverage=found.coverage, min_n_for_upper_bound=least)


def cvar(p: Case, quick: bool) -> dict[str, Estimate]:
    return exact(
        VaR_normal=quantile.normal_var(p["mu"], p["sd"], p["alpha"]),
        CVaR_normal=quantile.normal_cvar(p["mu"], p["sd"], p["alpha"]),
        CVaR_lognormal=quantile.lognormal_cvar(p["lmu"], p["lsd"], p["alpha"]),
        CVaR_empirical=quantile.cvar(p["sample"], p["alpha"]),
    )


def variance_reduction(p: Case, quick: bool) -> dict[str, Estimate]:
    """f(u) = exp(a u) with control u, and the antithetic pair of an exponential; moments by quadrature."""
    from scipy import integrate

    def mean(f: Callable[[float], float]) -> float:
        return float(integrate.quad(f, 0, 1, epsabs=1e-12, limit=200)[0])

    def covariance(f: Callable[[float], float], g: Callable[[float], float]) -> float:
        return mean(lambda u: f(u) * g(u)) - mean(f) * mean(g)

    def target(u: float) -> float:
        return math.exp(p["a"] * u)

    def control(u: float) -> float:
        return u

    def waiting(u: float) -> float:
        return -math.log1p(-u) if u < 1 else 745.0

    own, with_control = covariance(target, target), covariance(target, control)
    return exact(
        antithetic_corr_exp=covariance(waiting, lambda u: waiting(1 - u)) / covariance(waiting, waiting),
        E_f=mean(target),
        var_f=own,
        control_beta=variance.control_beta(with_control, covariance(control, control)),
        control_var_ratio=variance.control_ratio(own, with_control, covariance(control, control)),
        antithetic_var_ratio=variance.antithetic_ratio(own, covariance(target, lambda u: target(1 - u))),
    )


def kn_constants(p: Case, quick: bool) -> dict[str, Estimate]:
    eta = selection.kn_eta(p["k"], p["n0"], p["alpha"])
    h2 = selection.kn_h2(eta, p["n0"])
    return exact(
        eta=eta,
        h2=h2,
        N=selection.kn_most(h2, p["S2"], p["delta"]),
        W_at_2n0=selection.kn_band(h2, p["S2"], p["delta"], 2 * p["n0"]),
    )


def rinott(p: Case, quick: bool) -> dict[str, Estimate]:
    return exact(h=selection.rinott_h(p["k"], p["n0"], p["P"]))


def ocba(p: Case, quick: bool) -> dict[str, Estimate]:
    parts = selection.ocba(p["means"], p["sds"], p["budget"])
    return exact(**{f"N_{i}": float(part) for i, part in enumerate(parts)})


def sobol_ishigami(p: Case, quick: bool) -> dict[str, Estimate]:
    def ishigami(x: np.ndarray) -> np.ndarray:
        return np.sin(x[0]) + p["a"] * np.sin(x[1]) ** 2 + p["b"] * x[2] ** 4 * np.sin(x[0])

    bounds = [(-math.pi, math.pi)] * 3
    found = sensitivity.sobol(ishigami, bounds, n=2**11 if quick else 2**14, seed=1)
    return exact(
        **{f"S{i + 1}": one.value for i, one in enumerate(found.first)},
        **{f"ST{i + 1}": one.value for i, one in enumerate(found.total)},
        variance=found.variance,
    )


def ar1_batch_means(p: Case, quick: bool) -> dict[str, Estimate]:
    known = output.ar1(p["phi"], p["s"], p["b"])
    return exact(
        var_X=known.variance,
        asymptotic_variance=known.asymptotic_variance,
        var_batch_mean=known.batch_variance,
        lag1_corr_batch_means=known.batch_correlation,
        ess_factor=known.effective_share,
    )


def sequential_stopping(p: Case, quick: bool) -> dict[str, Estimate]:
    return exact(
        n_t=stopping.n_for_half_width(p["s"], p["eps"]),
        n_z=stopping.n_by_normal(p["s"], p["eps"]),
        n_bernoulli=stopping.n_for_share(p["p"], p["eps_p"]),
        rel_adjusted=stopping.relative(p["rel"]),
        rule_of_three_300=shares.rule_of_three(300),
        clopper_upper_0_of_300=shares.clopper_pearson_upper(0, 300),
    )


def mm1_waits(lam: float, mu: float, customers: int, seed: int) -> np.ndarray:
    """Waits of successive customers of an M/M/1 queue that starts empty: Lindley's recursion as a running minimum."""
    dice = streams.Dice(seed).under("oracle")
    service = streams.exponential(dice.uniforms("service", customers), 1 / mu)
    gap = streams.exponential(dice.uniforms("arrivals", customers), 1 / lam)
    walk = np.concatenate(([0.0], np.cumsum(service[:-1] - gap[1:])))
    return walk - np.minimum.accumulate(walk)


def mm1_asymptotic_variance(p: Case, quick: bool) -> dict[str, Estimate]:
    """Batch means of one long run; the naive s^2 / n is too small by `naive_ratio`."""
    customers, batches = (2_000_000, 200) if quick else (10_000_000, 200)
    waits = mm1_waits(p["lam"], p["mu"], customers, seed=7)[customers // 100 :]
    found, naive = output.asymptotic_variance(waits, batches), float(waits.var(ddof=1))
    error = found * math.sqrt(2 / (batches - 1))  # of a variance of nearly normal batch means
    return {
        "asymptotic_variance": Estimate(found, error),
        "variance_Wq": Estimate(naive, naive * error / found),
        "naive_ratio": Estimate(naive / found, naive / found * error / found),
    }


def mser5(p: Case, quick: bool) -> dict[str, Estimate]:
    found = output.mser(p["series"])
    return exact(truncate=found.truncate, mean_after=found.mean, mean_all=float(np.mean(p["series"])))


def exact(**figures: float | None) -> dict[str, Estimate]:
    """Figures without error; one that is None was refused and is left out, so that its absence shows."""
    return {name: Estimate(float(value)) for name, value in figures.items() if value is not None}


MODELS: dict[str, Callable[[Case, bool], dict[str, Estimate]]] = {
    "t_intervals": t_intervals,
    "multiple_comparison": multiple_comparison,
    "quantile_ci": quantile_ci,
    "cvar": cvar,
    "variance_reduction": variance_reduction,
    "kn_constants": kn_constants,
    "rinott": rinott,
    "ocba": ocba,
    "sobol_ishigami": sobol_ishigami,
    "ar1_batch_means": ar1_batch_means,
    "sequential_stopping": sequential_stopping,
    "MM1_asymptotic_variance": mm1_asymptotic_variance,
    "mser5": mser5,
}
