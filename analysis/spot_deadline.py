"""One job, one zone, one deadline: the published spot rules on real availability traces, gap by gap.

    python -m analysis.spot_deadline [DIR] [--no-aggregates]

DIR (default: the shared spot cases) has spot_deadline_cases.csv, uniform_progress_h100_published.csv,
aggregates_1000_traces.csv and traces/. Every case runs through the engine in gap mode with the product's own rules;
`optimal` is the exact hindsight programme. Checked: cost, hours on spot, on demand and idle, launches, finish, deadline
met, and the schedule gap by gap where it is given.
"""

from __future__ import annotations

import concurrent.futures
import csv
import math
import multiprocessing
import pathlib
import random
import statistics
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from analysis.common import Tally, shared
from marketsim.demand.job import Checkpoint, JobTable, Need
from marketsim.engine.run import run
from marketsim.experiment.bound.single_job import optimal_cost
from marketsim.ledger import ACCOUNT, CAUSE
from marketsim.path import Path
from marketsim.policies import placement, queueing
from marketsim.policies.policy import Policy
from marketsim.supply.offer import Offer
from marketsim.supply.shape import Shape
from marketsim.units import MICRO, MILLI, UNLIMITED
from marketsim.world import Clock, World

HOUR_S = 3600
TICKS = 30_000  # of the engine's clock in a second: job lengths of thirds of hours are no whole seconds
LONGEST_GAPS = 40_000


@dataclass(frozen=True)
class Case:
    """One job, with what spot can do for it; hours and USD an hour as given."""

    policy: str
    gap_s: int
    job_hours: float
    deadline_hours: float
    overhead_hours: float
    od_usd: float
    spot_usd: float
    available: Sequence[bool]

    @property
    def gaps_to_deadline(self) -> int:
        """Whole gaps before the deadline."""
        return math.floor(self.deadline_hours * HOUR_S / self.gap_s + 1e-9)


@dataclass(frozen=True)
class Outcome:
    """What came of it; the schedule has one letter a gap: S, D or N for none."""

    cost: float
    spot_hours: float
    on_demand_hours: float
    idle_hours: float
    launches: int
    finish_hours: float
    deadline_met: bool
    schedule: str


def rule(name: str, gap_s: int) -> placement.Placement:
    """The product's placement rule of a published name."""
    settings: dict[str, object] = {"decide_every": f"{gap_s * TICKS} s"}
    kind = name
    if name == "on_demand":
        return placement.KINDS["on_demand_only"]()
    if name.startswith("time_sliced_"):
        parts = name.split("_")
        kind = "time_sliced"
        settings["slice"] = f"{int(parts[2].removesuffix('h')) * HOUR_S * TICKS} s"
        settings["spread"] = "average" if name.endswith("_avg") else "none"
    elif name == "up_no_hysteresis":
        kind = "uniform_progress"
        settings["hysteresis"] = False
    found = placement.KINDS[kind]
    return found.model_construct(**{**found(**{}).__dict__, **_in_ticks(settings)})


def _in_ticks(settings: Mapping[str, object]) -> dict[str, object]:
    """Durations as whole ticks: longer than any duration that a scenario may write, so past its checks."""
    return {
        key: int(value.removesuffix(" s")) if isinstance(value, str) and value.endswith(" s") else value
        for key, value in settings.items()
    }


def world(case: Case) -> World:
    """A job at second 0, spot where and when the trace says, on-demand always."""
    gap = case.gap_s * TICKS
    work = round(case.job_hours * HOUR_S * TICKS) * MILLI
    overhead = round(case.overhead_hours * HOUR_S * TICKS)
    need = Need(
        "job", reference_gpu="GPU", checkpoint=Checkpoint(every_s=0, restart_s=overhead, start_s=overhead)
    )  # fmt: skip
    here = Path.steps((index * gap, UNLIMITED * float(one)) for index, one in enumerate(case.available)).simplified()
    many, shape = Path.constant(UNLIMITED), Shape("GPU")
    # an hour of the engine's is HOUR_S ticks: bills come out TICKS times too large, and so exact to less than a micro
    spot_usd, od_usd = Path.constant(case.spot_usd), Path.constant(case.od_usd)
    offers = (
        Offer("spot", "spot", shape, launchable=here, keepable=here, price=spot_usd, quantum_s=gap),
        Offer("on-demand", "on_demand", shape, launchable=many, keepable=many, price=od_usd, quantum_s=gap),
    )
    column = np.array([work])
    deadline = round(case.deadline_hours * HOUR_S * TICKS)
    jobs = JobTable((need,), np.zeros(1), np.zeros(1), column, column, np.array([deadline]))
    return World(
        horizon_s=1,
        jobs=jobs,
        offers=offers,
        drain_s=len(case.available) * gap,
        clock=Clock(decide_every_s=gap, finish_on_grid=True),
    )


def simulate(case: Case) -> Outcome:
    """Run a case through the engine."""
    policy = Policy(case.policy, queueing.KINDS["fifo"](blocking="skipping"), rule(case.policy, case.gap_s))
    made = world(case)
    ledger = run(made, policy)
    gap = case.gap_s * TICKS
    ends = dict(ledger.released.rows()[:, [1, 0]].tolist())
    letters: dict[int, str] = {}
    launches = 0
    for at, instance, offer, *_ in ledger.launched.rows().tolist():
        launches += 1
        for number in range(at // gap, -(-ends[instance] // gap)):
            letters[number] = "SD"[offer]
    last = max(letters, default=-1) + 1
    schedule = "".join(letters.get(number, "N") for number in range(last))
    hours = case.gap_s / HOUR_S
    posted = ledger.posted
    cost = posted.column("billed")[posted.column("debit") == ACCOUNT["expense:usage"]].sum() / MICRO / TICKS
    finished = (ledger.stopped.column("cause") == CAUSE["finished"]).any()
    finish_hours = last * hours
    return Outcome(
        cost=float(cost),
        spot_hours=schedule.count("S") * hours,
        on_demand_hours=schedule.count("D") * hours,
        idle_hours=schedule.count("N") * hours,
        launches=launches,
        finish_hours=finish_hours,
        deadline_met=bool(finished) and finish_hours <= case.deadline_hours + 1e-9,
        schedule=schedule,
    )


# ---------------------------------------------------------------------------------------------- the given cases


def read(path: pathlib.Path) -> list[dict[str, str]]:
    """Rows of a CSV."""
    with path.open(newline="") as lines:
        return list(csv.DictReader(lines))


def read_trace(folder: pathlib.Path, name: str, cache: dict[str, list[bool]]) -> list[bool]:
    """One entry a gap: whether spot could be had."""
    if name not in cache:
        cache[name] = [row["available"] == "1" for row in read(folder / "traces" / f"{name}.csv")]
    return cache[name]


def case_of(row: Mapping[str, str], available: Sequence[bool]) -> Case:
    """A case from its row."""
    return Case(
        policy=row["policy"],
        gap_s=int(float(row["gap_seconds"])),
        job_hours=float(row["job_hours"]),
        deadline_hours=float(row["deadline_hours"]),
        overhead_hours=float(row["restart_overhead_hours"]),
        od_usd=float(row["od_price"]),
        spot_usd=float(row["spot_price"]),
        available=available,
    )


def schedule_of(runs: str) -> str:
    """`12S 3N` as one letter a gap."""
    return "".join(part[-1] * int(part[:-1]) for part in runs.split())


def check_case(row: Mapping[str, str], case: Case, tally: Tally, seconds: list[float]) -> None:
    """One row against the engine, or against the hindsight programme."""
    name = f"{row['case_id']} {case.policy}"
    wanted = float(row["cost"])
    if row.get("infeasible_fallback") == "1":
        tally.close(name, case.od_usd * (case.job_hours + case.overhead_hours), wanted)
        return
    if case.policy == "optimal":
        begun = time.perf_counter()
        cost = best(case)
        seconds.append(time.perf_counter() - begun)
        tally.close(name, cost, wanted)
        return
    if case.policy == "ideal_no_overhead":
        tally.close(name, ideal(case), wanted)
        return
    out = simulate(case)
    good = math.isclose(out.cost, wanted, rel_tol=1e-6)
    for key in ("spot_hours", "on_demand_hours", "idle_hours", "finish_hours"):
        good &= not row[key] or abs(getattr(out, key) - float(row[key])) <= 1e-6
    good &= not row.get("launches") or out.launches == int(row["launches"])
    good &= out.deadline_met == (row["deadline_met"] == "1")
    good &= not row["schedule_rle"] or out.schedule == schedule_of(row["schedule_rle"])
    tally.check(name, good, f"cost {out.cost:.6f}, wanted {wanted:.6f}")


def best(case: Case) -> float:
    """The exact hindsight optimum."""
    return optimal_cost(
        case.available, case.gap_s, case.job_hours * HOUR_S, case.deadline_hours * HOUR_S,
        case.overhead_hours * HOUR_S, case.od_usd, case.spot_usd,
    )  # fmt: skip


def ideal(case: Case) -> float:
    """Spot in every gap that has it, on-demand in the first gaps without it for the rest; launches cost nothing."""
    gap_hours = case.gap_s / HOUR_S
    gaps = case.available[: case.gaps_to_deadline]
    work = math.ceil(case.job_hours / gap_hours - 1e-9)
    on_demand = max(work - sum(gaps), 0)
    spot, left = 0, work - on_demand
    for one in gaps:
        if left and one:
            spot, left = spot + 1, left - 1
    return (spot * case.spot_usd + on_demand * case.od_usd) * gap_hours


# ---------------------------------------------------------------------------------------------- means over 1000 traces


def drawn_trace(seed: int, hourly_rate: float, gap_s: int, gaps: int = 4320) -> list[bool]:
    """The published recipe: each gap is taken away with the hourly rate's share, on Python's own generator."""
    dice = random.Random(seed)
    rate = 1 - (1 - hourly_rate) ** (gap_s / HOUR_S)
    return [not int(dice.random() < rate) for _ in range(gaps)]


def aggregate_costs(row: Mapping[str, str], seeds: Iterable[int]) -> list[float]:
    """Costs of one policy over some of the traces."""
    gap_text, rate_text = row["trace_set"].split("-hourly_rate_")
    gap_s = int(gap_text.removeprefix("gap_"))
    policy = "optimal" if row["policy"] == "ilp_original" else row["policy"]
    costs = []
    for seed in seeds:
        case = Case(
            policy, gap_s, float(row["job_hours"]), float(row["deadline_hours"]),
            float(row["restart_overhead_hours"]), 3.06, 0.9731, drawn_trace(seed, float(rate_text), gap_s),
        )  # fmt: skip
        costs.append(best(case) if policy == "optimal" else simulate(case).cost)
    return costs


def _one_aggregate(job: tuple[dict[str, str], int, int]) -> list[float]:
    return aggregate_costs(job[0], range(job[1], job[2]))


def check_aggregates(rows: list[dict[str, str]], tally: Tally, workers: int = 2) -> None:
    """Means over 1000 drawn traces; the published integer programme bounds the optimum from above."""
    jobs = [(row, start, start + 250) for row in rows for start in range(0, int(row["n"]), 250)]
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(workers, mp_context=context) as pool:
        parts = list(pool.map(_one_aggregate, jobs))
    costs: dict[int, list[float]] = {}
    for (row, _, _), part in zip(jobs, parts, strict=True):
        costs.setdefault(id(row), []).extend(part)
    for row in rows:
        mean = statistics.fmean(costs[id(row)])
        name = f"{row['policy']} {row['trace_set']}"
        if row["policy"] == "ilp_original":
            bound = float(row["mean_cost_published"])
            tally.check(name, mean <= bound * (1 + 1e-9), f"optimum {mean:.6f}, published upper bound {bound:.6f}")
        else:
            wanted = float(row["mean_cost_trimmed"] or row["mean_cost_published"])
            sliced = row["policy"].startswith("time_sliced")
            tally.close(name, mean, wanted, rel=3e-3 if sliced else 1e-6)


def main(arguments: list[str]) -> None:
    """Check every case of a folder."""
    folders = [one for one in arguments if not one.startswith("-")]
    folder = pathlib.Path(folders[0]) if folders else shared("cases", "spot")
    tally = Tally()
    traces: dict[str, list[bool]] = {}
    seconds: list[float] = []
    for file in ("spot_deadline_cases.csv", "uniform_progress_h100_published.csv"):
        if not (folder / file).exists():
            continue
        before = tally.passed
        rows = read(folder / file)
        for row in rows:
            trace = read_trace(folder, row["trace"], traces)
            available = trace[int(row["start_tick"]) :][:LONGEST_GAPS]
            check_case(row, case_of(row, available), tally, seconds)
        print(f"{file}: {tally.passed - before} of {len(rows)} rows met")
    if seconds:
        print(f"optimal: median {statistics.median(seconds) * 1e3:.1f} ms a case over {len(seconds)} cases")
    aggregates = folder / "aggregates_1000_traces.csv"
    if aggregates.exists() and "--no-aggregates" not in arguments:
        tally.verbose = True
        check_aggregates(read(aggregates), tally)
    tally.end()


if __name__ == "__main__":
    main(sys.argv[1:])
