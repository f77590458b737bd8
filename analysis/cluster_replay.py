"""Replays of real GPU clusters through the engine: each job must start and finish at the published second.

    python -m analysis.cluster_replay [DIR]

DIR (default: the shared cluster cases) has cases.csv. Three kinds of case: `pooled` (one pool, Alibaba PAI's
simulator), `burst` (own cluster with overflow to the cloud after a waiting budget, Starburst), `reserved` (reserved
units, on-demand and spot in dollars, GAIA). All three are the same engine and rules; only the world differs.
"""

from __future__ import annotations

import csv
import gzip
import math
import pathlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from analysis.common import Tally, shared
from marketsim.demand.job import NEVER, JobTable, Need
from marketsim.engine.run import run
from marketsim.ledger import ACCOUNT, Ledger
from marketsim.path import Path
from marketsim.policies import placement, queueing
from marketsim.policies.policy import Policy
from marketsim.supply.offer import Offer
from marketsim.supply.shape import Shape
from marketsim.units import MICRO, MILLI, UNLIMITED
from marketsim.world import Order, World

ON_DEMAND_USD_PER_UNIT_HOUR = 0.0624  # GAIA, RULES.md section 3
SPOT_USD_PER_UNIT_HOUR = 0.01248
RESERVED_USD_PER_UNIT_HOUR = 0.4 * ON_DEMAND_USD_PER_UNIT_HOUR
GRID_S = 5

Rows = list[dict[str, str]]


@dataclass(frozen=True)
class Job:
    """One row of a trace: whole seconds, thousandths of a GPU for the whole gang."""

    submit_s: int
    duration_s: int
    milli: int


def read(path: pathlib.Path) -> Rows:
    """Rows of a CSV, gzipped or not."""
    if path.suffix == ".gz":
        with gzip.open(path, "rt") as packed:
            return list(csv.DictReader(packed))
    with path.open(newline="") as plain:
        return list(csv.DictReader(plain))


def trace_jobs(rows: Rows) -> list[Job]:
    """Jobs of any of the input layouts; durations of at least 1 s."""
    if "num_inst" in rows[0]:
        return [
            Job(
                int(row["submit_time"]),
                max(int(row["duration"]), 1),
                round(float(row["num_inst"]) * float(row["num_gpu"]) * MILLI),
            )
            for row in rows
        ]
    if "arrival_time" in rows[0]:
        return [Job(int(row["arrival_time"]), max(int(row["length"]), 1), int(row["cpus"]) * MILLI) for row in rows]
    if "gpu_pct" in rows[0]:
        return [
            Job(int(float(row["submit"])), max(int(float(row["duration"])), 1), int(float(row["gpu_pct"])) * 10)
            for row in rows
        ]
    return [
        Job(int(float(row["arrival"])), max(int(float(row["runtime"])), 1), round(float(row["gpus"]) * MILLI))
        for row in rows
    ]


def job_table(jobs: list[Job], deadlines_s: list[int] | None = None) -> JobTable:
    """The jobs as columns, in order of submission; their numbers are their rows."""
    sizes = sorted({job.milli for job in jobs})
    work = np.array([job.duration_s * job.milli for job in jobs])
    return JobTable(
        needs=tuple(Need("trace", milli=size, reference_gpu="GPU") for size in sizes),
        need=np.array([sizes.index(job.milli) for job in jobs]),
        arrival_s=np.array([job.submit_s for job in jobs]),
        work=work,
        estimate=work,
        deadline_s=np.array(deadlines_s if deadlines_s is not None else [NEVER] * len(jobs)),
    )


def cluster(gpus: int, turnaround_s: int = 0) -> Offer:
    """The own cluster: one instance whose GPUs are shared."""
    return Offer("own", "datacenter", Shape("GPU", gpus=gpus), turnaround_s=turnaround_s)


def market(kind: str, milli_sizes: list[int], usd_per_unit_hour: float) -> list[Offer]:
    """Metered offers without limit, one of each size asked for, so that a lease holds one job."""
    many = Path.constant(UNLIMITED)
    return [
        Offer(
            f"{kind}-{gpus}",
            kind,
            Shape("GPU", gpus=gpus),
            provider="cloud",
            launchable=many,
            keepable=many,
            price=Path.constant(usd_per_unit_hour * gpus),
        )
        for gpus in sorted({-(-size // MILLI) for size in milli_sizes})
    ]


def policy(case: Mapping[str, str]) -> Policy:
    """The case's rules."""
    queue = queueing.KINDS[case["queue"]](blocking=case["blocking"])
    budget: dict[str, object] = {"kind": case["budget"]}
    value = case["budget_value"]
    if case["budget"] == "constant":
        budget["wait"] = f"{math.ceil(float(value))} s"
    elif case["budget"] == "by_length":
        budget |= {"short": f"{case['short_wait_s']} s", "long": f"{case['long_wait_s']} s", "limit": "2 h"}
    elif case["budget"] in ("linear_runtime", "linear_cost"):
        budget["factor"] = float(value)
    elif case["budget"] == "linear_capacity":
        budget["seconds_per_gpu"] = float(value)
    spot_s = case["spot_max_s"] or "0"
    rule = placement.KINDS["committed_first"].model_validate(
        {"kind": "committed_first", "burst_after": budget, "spot_up_to": f"{spot_s} s"}
    )
    return Policy(case["case_id"], queue, rule)


def waiting_budget_s(case: Mapping[str, str], job: Job) -> int:
    """The budget as the published rule has it, for the deadline that its EDF sorts by."""
    value = float(case["budget_value"] or 0)
    gpus = job.milli / MILLI
    by_kind = {
        "zero": 0.0,
        "constant": value,
        "linear_runtime": value * job.duration_s,
        "linear_capacity": value * gpus,
        "linear_cost": value * gpus * job.duration_s,
    }
    return math.ceil(by_kind[case["budget"]] - 1e-9) if case["budget"] in by_kind else NEVER // 4


def replay(case: Mapping[str, str], folder: pathlib.Path) -> tuple[list[Job], Ledger]:
    """Run one case through the engine."""
    gpus = int(case["gpus"])
    kind = case["kind"]
    jobs = trace_jobs(read(folder / (case["trace"] or case["expected"])))
    if kind == "pooled":
        jobs = [Job(job.submit_s, job.duration_s, min(job.milli, gpus * MILLI)) for job in jobs]
    order = sorted(range(len(jobs)), key=lambda row: (jobs[row].submit_s, row))
    jobs = [jobs[row] for row in order]
    sizes = [job.milli for job in jobs]
    if kind == "reserved":
        jobs = [Job(_grid(job.submit_s), _grid(job.duration_s), job.milli) for job in jobs]
        offers = [cluster(gpus, turnaround_s=GRID_S)]
        offers += market("on_demand", sizes, ON_DEMAND_USD_PER_UNIT_HOUR) + market(
            "spot", sizes, SPOT_USD_PER_UNIT_HOUR
        )
    elif kind == "burst":
        offers = [cluster(gpus), *market("on_demand", sizes, 1.0)]
    else:
        offers = [cluster(gpus)]
    deadlines = [job.submit_s + waiting_budget_s(case, job) + job.duration_s for job in jobs]
    horizon_s = max(job.submit_s for job in jobs) + 1
    world = World(
        horizon_s=horizon_s,
        jobs=job_table(jobs, deadlines),
        offers=tuple(offers),
        orders=(Order("own", 1),) if gpus else (),
        drain_s=sum(job.duration_s for job in jobs) + 1,
    )
    return jobs, run(world, policy(case))


def _grid(seconds: int) -> int:
    return max(seconds // GRID_S * GRID_S, GRID_S) if seconds else 0


def check_schedule(case: Mapping[str, str], folder: pathlib.Path, tally: Tally) -> None:
    """Every start and finish at the published second; in `burst` also where each job ran."""
    jobs, ledger = replay(case, folder)
    rows = read(folder / case["expected"])
    started = dict(zip(ledger.started.column("job").tolist(), ledger.started.rows().tolist(), strict=True))
    stopped = dict(zip(ledger.stopped.column("job").tolist(), ledger.stopped.column("t_s").tolist(), strict=True))
    wrong = []
    for number, row in enumerate(rows):
        job = int(row.get("job_id") or row.get("idx") or number)
        start_s = math.ceil(float(row["start"]) - 1e-9)
        finish_s = int(float(row["finish"])) if "finish" in row else start_s + jobs[job].duration_s
        where = {"LOCAL": 0}.get(row.get("state", "LOCAL"), 1)
        ran = min(started[job][3], 1)
        if (started[job][0], stopped[job], ran) != (start_s, finish_s, where):
            wrong.append(job)
    detail = f"{len(rows) - len(wrong)} of {len(rows)} jobs at the published second" + (
        f", first wrong: job {wrong[0]}" if wrong else ""
    )
    tally.check(case["case_id"], not wrong and len(rows) == len(jobs), detail)


def check_dollars(case: Mapping[str, str], folder: pathlib.Path, tally: Tally) -> None:
    """Usage as the ledger bills it, and the fee for the reserved units until the last start."""
    _, ledger = replay(case, folder)
    billed = ledger.posted.column("billed")[ledger.posted.column("debit") == ACCOUNT["expense:usage"]].sum() / MICRO
    last_start_s = int(ledger.started.column("t_s").max())
    fee = int(case["gpus"]) * RESERVED_USD_PER_UNIT_HOUR * last_start_s / 3600
    tally.close(case["case_id"], billed + fee, float(case["expected"]))


def main(arguments: list[str]) -> None:
    """Check every case of a folder."""
    folder = pathlib.Path(arguments[0]) if arguments else shared("cases", "cluster")
    tally = Tally(verbose=True)
    for case in read(folder / "cases.csv"):
        if case["kind"] == "reserved":
            check_dollars(case, folder, tally)
        else:
            check_schedule(case, folder, tally)
    tally.end()


if __name__ == "__main__":
    main(sys.argv[1:])
