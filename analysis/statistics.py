"""Do intervals cover, does the best get chosen, what do common dice save, and is a study the same however it is run?

    python -m analysis.statistics [--quick] [--only NAME]

Each part says what is claimed, what was found, and what would have counted as a failure. Coverage and selection are on
models whose answers are known; common dice are measured on scenarios/startup.yaml; speed is of this machine.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import math
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from analysis import common
from marketsim.experiment import compare, controls, folder, points, runners, study, tune, uncertainty
from marketsim.experiment.statistics import interval, quantile, selection, variance
from marketsim.streams import Dice, normal

POLICIES = ("cheap", "dear", "same")


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
    """Variance of a difference between policies on startup.yaml over that of independent runs; at most 0.25."""
    import marketsim as ms

    scenario = ms.load(common.ROOT / "scenarios" / "startup.yaml")
    n, throws = (24, 200) if quick else (60, 400)
    if quick:
        scenario = scenario.changed({"horizon": "2 months"})
    found = study.run_study(scenario, replications=n, workers=None)
    tally.check("every replication ran", not found.failures, str(study.failure_of(found) or ""))
    names = found.policies
    known = controls.of_throws(study.ScenarioTask(scenario, scenario.seed), controls.usual(found), n, throws)
    few = pairs = 0
    print(f"      controls: {', '.join(known.names)}, their means from {throws} throws that were not run")
    for metric in ("total_cost_usd", "total_with_penalties_usd"):
        columns = found.columns(metric)
        for i, a in enumerate(names):
            for b in names[i + 1 :]:
                one, two = compare.common(columns[a], columns[b])
                kept = variance.reduction(one, two)
                fine = controls.kept_variance(found, metric, a, b, known)
                scale = float(one.std() / two.std())
                floor = (1 - scale) ** 2 / (1 + scale**2)  # of a pair whose spreads differ so, were it one to one
                few += kept <= 0.25
                pairs += 1
                detail = f"{kept:.3f} (the spreads allow {floor:.3f}); with controls {fine:.3f}"
                tally.check(f"{metric}: {a} less {b}", kept <= 0.25, detail)
    print(f"      {few} of {pairs} pairs are at most 0.25; where one policy's costs move far less than the other's, or")
    print("      one's with the work and the other's with prices, common dice cannot take the difference out")


def row(policy: str, replication: int) -> dict[str, float | None]:
    """A fake replication: a mean of the policy, a part that all share, a part of its own."""
    shared = float(normal(Dice(1, replication).uniforms("shared", 1))[0])
    own = float(normal(Dice(1, replication).uniforms(policy, 1))[0])
    return {"total_cost_usd": {"dear": 100.0}.get(policy, 90.0) + 10 * shared + own, "jobs": 1.0}


def busy(policy: str, replication: int) -> dict[str, float | None]:
    """A fake replication of 60 ms of this core's own time."""
    until = time.process_time() + 0.06
    while time.process_time() < until:
        pass
    return row(policy, replication)


def digest(results: Any) -> str:
    """One sha256 over all tables."""
    return hashlib.sha256("".join(folder.tables(results).values()).encode()).hexdigest()


ALONE = """
import pathlib, sys
from analysis import faults
from marketsim import scenario
from marketsim.experiment import study
if __name__ == "__main__":
    made = scenario.loads(faults.GIVEN)
    chunk = int(sys.argv[3]) or None
    study.run_study(made, replications=8, workers=int(sys.argv[2]), chunk=chunk, out=sys.argv[1], given=faults.GIVEN)
"""


def sameness(tally: common.Tally, quick: bool) -> None:
    """One folder, byte for byte, over workers, chunks, hash seeds and time zones, each in a process of its own."""
    ways = [
        (1, 0, "0", "UTC"),
        (1, 7, "1", "Pacific/Chatham"),
        (2, 1, "random", "UTC"),
        (4, 50, "0", "America/New_York"),
    ]
    seen = {}
    with tempfile.TemporaryDirectory() as base:
        script = pathlib.Path(base, "alone.py")
        script.write_text(ALONE)
        for turn, (workers, chunk, seed, zone) in enumerate(ways):
            out = pathlib.Path(base, f"r{turn}")
            environ = {**os.environ, "PYTHONHASHSEED": seed, "TZ": zone, "PYTHONPATH": str(common.ROOT)}
            subprocess.run([sys.executable, script, out, str(workers), str(chunk)], env=environ, check=True)
            whole = hashlib.sha256()
            for path in sorted(out.iterdir()):
                whole.update(path.name.encode() + path.read_bytes())
            seen[workers, chunk, seed, zone] = whole.hexdigest()
    for way, found in seen.items():
        print(f"      {found[:16]}  workers, chunk, hash seed, zone: {way}")
    tally.check("a folder's bytes do not tell how it was run", len(set(seen.values())) == 1, f"{len(seen)} ways")


def dask(tally: common.Tally, quick: bool) -> None:
    """2,000 replications on a local cluster of 2 workers, one killed midway; the overhead of a task."""
    from analysis import statistics as me

    place = runners.Dask("local", 2)
    killed: list[int] = []

    def kill_one(seen: study.Progress) -> None:
        if not killed and seen.done > seen.total / 2:
            killed.append(place.worker_pids()[0])
            os.kill(killed[0], signal.SIGKILL)

    n = 300 if quick else 2_000
    try:
        began = time.perf_counter()
        found = study.run_task(me.row, POLICIES, n, place, progress=kill_one, chunk=20)
        took = time.perf_counter() - began
        lone = 200
        began = time.perf_counter()
        runners.drive(me.row, [("cheap", r) for r in range(lone)], place, lambda _: None, chunk=1)
        each_ms = 1000 * (time.perf_counter() - began) / lone
    finally:
        place.close()
    alone = study.run_task(row, POLICIES, n)
    good = bool(killed) and digest(found) == digest(alone)
    tally.check("Dask gives the same tables though a worker died", good, f"{n} replications in {took:.1f} s")
    print(f"      one task a pair: {each_ms:.1f} ms each, sent, run and returned by 2 workers")


def speed(tally: common.Tally, quick: bool) -> None:
    """Two processes against one on replications of 60 ms; a claim about a machine with two idle cores."""
    from analysis import statistics as me

    n, took = (50 if quick else 200), {}
    for workers in (1, 2):
        place = runners.Processes(workers)
        try:
            runners.drive(me.row, [("cheap", r) for r in range(4 * workers)], place, lambda _: None, chunk=1)
            began = time.perf_counter()
            runners.drive(me.busy, [("cheap", r) for r in range(n)], place, lambda _: None)
            took[workers] = time.perf_counter() - began
        finally:
            place.close()
    gain = took[1] / took[2]
    load = os.getloadavg()[0]
    detail = f"{gain:.2f} times, load average {load:.1f} on {runners.cores()} cores"
    if load > runners.cores() - 0.5 and gain < 1.8:
        tally.skipped.append(f"speed-up of 2 processes: the machine is busy with other things ({detail})")
        return
    tally.check("two processes are 1.8 times one", gain >= 1.8, detail)


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
    coverage, right_choice, false_winners, inputs, tuning, sameness, dask, speed, common_dice,
]  # fmt: skip


def main() -> None:
    """Run the parts, print a line a claim, end as every study does."""
    asked = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    asked.add_argument("--quick", action="store_true", help="fewer repeats and a shorter horizon")
    asked.add_argument("--only", help="one part by name")
    options = asked.parse_args()
    tally = common.Tally(verbose=True)
    for part in PARTS:
        if options.only in (None, part.__name__):
            print(f"{part.__name__}: {(part.__doc__ or '').strip()}", flush=True)
            try:
                part(tally, options.quick)
            except Exception as error:
                tally.check(part.__name__, False, f"{type(error).__name__}: {error}")
    with contextlib.suppress(BrokenPipeError):
        tally.end()


if __name__ == "__main__":
    main()
