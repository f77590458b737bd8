"""Do intervals cover, does the best get chosen, and what do common dice save?

    python -m analysis.statistics [--quick] [--only NAME]

Each part says what is claimed, what was found, and what would have counted as a failure. Coverage and selection are on
models whose answers are known; common dice are measured on scenarios/startup.yaml. How a study is run, and where, is
the matter of `analysis.anywhere`; the published figures of the statistics are met in `analysis.oracles`.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np

from analysis import common
from marketsim.experiment import compare, controls, points, runners, study, tune, uncertainty
from marketsim.experiment.statistics import interval, quantile, selection, variance
from marketsim.streams import Dice, normal

# One policy a way to get compute; what else the file holds differs from one of these in a single rule.
WAYS = ("cloud-only", "spot-first", "cheapest", "rent-and-burst", "rent-more", "build", "edge-for-serving", "mixed")


def dice(seed: int) -> np.random.Generator:
    """A generator of its own for each part."""
    return np.random.Generator(np.random.PCG64DXSM(seed))


def coverage(tally: common.Tally, quick: bool) -> None:
    """1,000 repeats of n = 100: t intervals of the mean, order statistics of P50, P90 and P95."""
    from scipy import stats

    repeats, n = 1_000, 100
    for name, law in (("normal", stats.norm(10, 3)), ("gamma", stats.gamma(4))):
        draws = law.ppf(dice(1).random((repeats, n)))
        hit = np.mean([one.low <= law.mean() <= one.high for one in map(interval.t_interval, draws)])
        tally.check(f"t interval covers the mean of a {name} law", 0.93 <= hit <= 0.97, f"{hit:.3f} of {repeats}")
        ordered = np.sort(draws, axis=1)
        for level in (0.5, 0.9, 0.95):
            ranks = quantile.ranks(n, level)
            assert ranks is not None
            true = law.ppf(level)
            inside = np.mean((ordered[:, ranks.lower - 1] <= true) & (true <= ordered[:, ranks.upper - 1]))
            detail = f"{inside:.3f}, exactly {ranks.coverage:.3f}"
            tally.check(
                f"order statistics cover P{100 * level:g} ({name})", abs(inside - ranks.coverage) <= 0.02, detail
            )


def right_choice(tally: common.Tally, quick: bool) -> None:
    """Kim-Nelson where it is hardest: the best is better by the indifference zone exactly, k = 2, 4 and 8."""
    repeats = 200 if quick else 1_000
    for k in (2, 4, 8):
        source, right, used = dice(10 + k), 0, 0
        for _ in range(repeats):
            noise = source.normal(0, 2, (3_000, k)) + source.normal(0, 2, (3_000, 1))
            noise[:, 1:] += 1.0
            found = selection.kim_nelson(lambda alive, r, x=noise: x[r, list(alive)], k, 1.0, n0=10, at_most=3_000)
            right, used = right + (found.best == 0), used + sum(found.n)
        share, error = right / repeats, math.sqrt(0.95 * 0.05 / repeats)
        detail = f"{share:.3f} +- {2 * error:.3f}, {used / repeats:.0f} replications a choice"
        tally.check(f"the best of {k} is chosen", share >= 0.95 - 2 * error, detail)


def false_winners(tally: common.Tally, quick: bool) -> None:
    """Ten equal policies in 400 studies: how often is any called worse than the best."""
    source, winners = dice(20), 0
    for _ in range(400):
        shared = source.normal(0, 2, 20)
        columns = {f"p{i}": dict(enumerate(shared + source.normal(0, 1, 20))) for i in range(10)}
        winners += any(one.told_apart for one in compare.rank("cost", columns).differences)
    tally.check("ten equal policies seldom have a winner", winners <= 29, f"{winners} of 400 studies, at most 29")


def common_dice(tally: common.Tally, quick: bool) -> None:
    """Variance of a difference between policies on startup.yaml over that of independent runs; wanted: at most 0.25.

    All draws belong to a thing (job, seat, zone, order) and none to the order of use, so policies meet the same throw;
    what is left is how differently they answer it. Per pair: common dice alone, with their interval; the least that
    any dice could do with such costs; and common dice with controls.
    """
    import marketsim as ms

    scenario = ms.load(common.ROOT / "scenarios" / "startup.yaml")
    n, throws = (20, 100) if quick else (20, 300)
    if quick:
        scenario = scenario.changed({"horizon": "3 months"})
    found = study.run_study(scenario, list(WAYS), replications=n, workers=None)
    tally.check("every replication ran", not found.failures, str(study.failure_of(found) or ""))
    known = controls.of_throws(study.ScenarioTask(scenario, scenario.seed), controls.usual(found), n, throws)
    print(f"      n = {n}; controls: {', '.join(known.names)}, their means from {throws} throws that were not run")
    print(f"      {'kept of the variance of independent runs:':60}  alone (95 %)             least  with controls")
    few = pairs = 0
    for metric in ("total_cost_usd", "total_with_penalties_usd"):
        columns = found.columns(metric)
        for a, b in itertools.combinations(found.policies, 2):
            one, two = compare.common(columns[a], columns[b])
            kept = kept_interval(one, two)
            fine = controls.kept_variance(found, metric, a, b, known)
            rest = controls.kept_variance(found, metric, a, b, known, of_controlled=True)
            few, pairs = few + (kept.value <= 0.25), pairs + 1
            detail = f"{kept.value:.3f} ({kept.low:.3f} to {kept.high:.3f})  {least_kept(one, two):.3f}  {fine:.3f}"
            label = f"{metric}: {a} less {b}".ljust(60)
            tally.check(label, fine <= 0.25, f"{detail} ({rest:.3f} of runs that have them, too)")
    print(f"      Common dice alone, the same estimator on both sides: {few} of {pairs} pairs at most 0.25. The others")
    print(
        "      set a policy that lives off spot beside one that does not: whether spot is there moves the bill of one,"
    )
    print("      and dice cannot take that out (`least` is above 0.25 for some); a control that knows it can. What is")
    print("      checked is what `compare --controls` gives, dice and controls together, against runs with neither.")


def kept_interval(one: np.ndarray, two: np.ndarray, resamples: int = 2_000) -> interval.Interval:
    """Var(a - b) / (Var a + Var b) and its bootstrap interval over replications (percentiles)."""
    rows = dice(30).integers(0, len(one), (resamples, len(one)))
    shaken = (one - two)[rows].var(axis=1) / (one[rows].var(axis=1) + two[rows].var(axis=1))
    low, high = np.quantile(shaken, [0.025, 0.975])
    return interval.Interval(variance.reduction(one, two), float(low), float(high), len(one))


def least_kept(one: np.ndarray, two: np.ndarray) -> float:
    """The least ratio that two samples of these values allow: the smallest met with the smallest, and so on up."""
    return variance.reduction(np.sort(one), np.sort(two))


def twins(tally: common.Tally, quick: bool) -> None:
    """Each policy beside itself with machines that boot 1 and 7 minutes later: 1 is strangers, 0 is one and the same.

    A draw that went by the order of use would be another one as soon as two events change places, and the twins would
    be strangers. What is left above 0 is the policy's own: where a giant job is put hangs on when it is asked for.
    """
    import marketsim as ms

    scenario = ms.load(common.ROOT / "scenarios" / "startup.yaml")
    if quick:
        scenario = scenario.changed({"horizon": "3 months"})
    n, names = 4, list(WAYS)
    slower = [{f"supply.{offer}.boot": boot for offer in ("aws-p5", "aws-p5-spot")} for boot in ("4 min", "10 min")]
    place = runners.make(None)
    try:
        base, *later = points.run_points(scenario, [{}, *slower], names, n, runner=place)
    finally:
        place.close()
    failed = [study.failure_of(results) for results in (base, *later)]
    tally.check("every twin ran", failed == [None] * 3, str(next((one for one in failed if one), "")))
    for name in names:
        columns = (list(one.column(name, "total_cost_usd").values()) for one in (base, *later))
        first, *others = columns
        near, far = (variance.reduction(first, other) for other in others)
        detail = f"{near:.1e} by 1 minute, {far:.1e} by 7"
        tally.check(f"{name} is no stranger to its twin", 0 < near <= 0.25, detail)


def tuning(tally: common.Tally, quick: bool) -> None:
    """A spot policy that waits 20 h before it falls back: what searching its threshold gains, on held-out dice."""
    from analysis import faults
    from marketsim import scenario

    made = scenario.loads(faults.GIVEN.replace("wait_before_fallback: 1 h", "wait_before_fallback: 20 h"))
    setting = points.setting("placement.wait_before_fallback=0 s..24 h")[0]
    found = tune.tune_policy(made, "spot-first", [setting], trials=12 if quick else 30, searched=16, held_out=60)
    gain = found.held_out
    detail = f"{found.settings}: {gain.value:.0f} USD ({gain.low:.0f} to {gain.high:.0f}) of {found.base_searched:.0f}"
    tally.check("tuning a threshold pays on held-out replications", gain.high is not None and gain.high < 0, detail)


def inputs(tally: common.Tally, quick: bool) -> None:
    """Inputs whose posterior is known: the printed share of the variance against the true one."""
    for sd in (0.5, 1.0, 2.0):
        true = sd**2 / (sd**2 + 1)

        def task(policy: str, replication: int, sd: float = sd) -> dict[str, float | None]:
            draw = int(policy.partition("/")[0])
            mean = sd * float(normal(Dice(7, draw).uniforms("posterior", 1))[0])
            return {"cost": mean + float(normal(Dice(8, replication).uniforms("noise", 1))[0])}

        found = uncertainty.outer_loop(task, 600, ["a"], "cost", 10)["a"].inputs_share
        detail = f"{found.value:.3f} ({found.low:.3f} to {found.high:.3f}), truly {true:.3f}"
        tally.check(f"share of the inputs, sd {sd:g}", abs(found.value - true) <= 0.1 * true, detail)


PARTS: list[Callable[[common.Tally, bool], None]] = [
    coverage, right_choice, false_winners, inputs, tuning, common_dice, twins,
]  # fmt: skip


if __name__ == "__main__":
    common.run_parts(__doc__, PARTS, quick="fewer repeats and a shorter horizon")
