"""What a user waits for: help, loading, drawing a world, runs of every shipped scenario, two processes, the bound.

Ratios where one run gives both sides; for the scenarios the runs a second of one core and, from them, the hours that
1,000 replications of all its policies would take on two.
"""

from __future__ import annotations

import contextlib
import io
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from marketsim import build, scenario, shipped
from marketsim.engine.run import run
from marketsim.experiment.bound.market import lower_bound
from marketsim.experiment.study import run_study
from marketsim.metrics.measure import measure
from marketsim.prices.ou import OrnsteinUhlenbeck
from marketsim.prices.process import Asked
from marketsim.streams import Dice
from marketsim.throw import Throw
from marketsim.units import DAY_S

REPLICATIONS = 1_000
SIX = ("cloud-only", "spot-first", "rent-and-burst", "build", "edge-for-serving", "mixed")  # of startup, one of a kind


@dataclass(frozen=True)
class Rate:
    """Processor seconds of a scenario's parts, means over the replications that were run."""

    scenario: str
    load_s: float
    build_s: float
    run_s: dict[str, float]  # by policy, its metrics included

    @property
    def runs_per_s(self) -> float:
        """Runs a second of one core, the world's share included."""
        return len(self.run_s) / (self.build_s + sum(self.run_s.values()))

    def minutes(self, policies: Sequence[str] = (), cores: int = 2) -> float:
        """Minutes of 1,000 replications of some policies (all of them) on so many cores, were nothing lost."""
        return REPLICATIONS * (self.build_s + sum(self.run_s[name] for name in policies or self.run_s)) / cores / 60


def seconds_of(what: Callable[[], object]) -> float:
    """Processor seconds of one call."""
    begun = time.process_time()
    what()
    return time.process_time() - begun


def rate(name: str, replications: int) -> Rate:
    """Load, draw, run and measure a shipped scenario."""
    load_s = seconds_of(lambda: scenario.load(shipped.path(name)))
    checked = scenario.load(shipped.path(name))
    builds: list[float] = []
    runs: dict[str, list[float]] = {policy: [] for policy in checked.policies}
    for replication in range(replications):
        begun = time.process_time()
        world = build.build(checked, replication, 1)
        builds.append(time.process_time() - begun)
        for policy in checked.policies:
            rules = build.policy_of(checked, policy)
            begun = time.process_time()
            measure(world, run(world, rules))
            runs[policy].append(time.process_time() - begun)
    mean = statistics.fmean
    return Rate(name, load_s, mean(builds), {policy: mean(taken) for policy, taken in runs.items()})


def rates(replications: int) -> list[Rate]:
    """Every shipped scenario."""
    return [rate(name, replications) for name in shipped.names()]


def help_over_nothing(turns: int) -> float:
    """`marketsim --help` over an empty Python program, wall seconds, median of paired turns."""

    def wall(code: str) -> float:
        begun = time.monotonic()
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
        return time.monotonic() - begun

    code = "from marketsim.cli.main import main\ntry: main(['--help'])\nexcept SystemExit: pass"
    return statistics.median(wall(code) / wall("pass") for _ in range(turns))


def parallel_efficiency(replications: int) -> float:
    """Wall seconds of a study in one process over those in two, halved: 1 is perfect."""
    checked = scenario.load(shipped.path("speech"))

    def wall(workers: int) -> float:
        begun = time.monotonic()
        with contextlib.redirect_stderr(io.StringIO()):
            run_study(checked, replications=replications, workers=workers)
        return time.monotonic() - begun

    return wall(1) / wall(2) / 2


def year_of_series_ms() -> float:
    """Processor milliseconds of drawing 20 hourly Ornstein-Uhlenbeck series over a year, the best of five turns."""
    law = OrnsteinUhlenbeck(mean=3.0, kappa_per_day=0.05, sigma_per_sqrt_day=0.1)

    def draw(number: int) -> None:
        throw = Throw(Dice(1).under(f"prices/{number}"), 365 * DAY_S, 365 * DAY_S)
        law.draw(throw, Asked(str(number), "AWS", "H100", 8, "us-east-1"))

    draw(-1)
    return 1000 * min(seconds_of(lambda: [draw(number) for number in range(20)]) for _ in range(5))


def bound_over_run() -> float:
    """The hindsight bound of one replication of `speech` over one run of its first policy."""
    checked = scenario.load(shipped.path("speech"))
    world = build.build(checked, 0, 1)
    policy = build.policy_of(checked, next(iter(checked.policies)))
    return seconds_of(lambda: lower_bound(world)) / seconds_of(lambda: run(world, policy))
