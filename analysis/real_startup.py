"""Two startup-sized tenants of a real GPU cluster decide where their compute comes from, at real prices.

    python -m analysis.real_startup [--replications N] [--out DIR]

Tenants 2869ce and ed69ec of the Philly trace (Microsoft, 2017), their weekdays kept and their dates moved to autumn
2025; AWS p5.48xlarge spot prices of those very days in us-east-1; a measured availability trace of H100 in eights; all
other prices from the packaged catalogue. The study writes a scenario with its data files, runs it through the front
door, and leaves table and pictures. What is assumed is printed with the result.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import pathlib
import shutil
import sys
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import marketsim as ms
from analysis.common import ROOT, Tally, shared
from marketsim.cli.main import main as command_line
from marketsim.experiment.results import Results

TENANTS = ("2869ce", "ed69ec")
WEEKS_LATER = 416  # whole weeks from autumn 2017 to autumn 2025, so that a Monday stays a Monday
H100_HOURS_PER_GPU_HOUR = 0.25
SLACK, LEAST_SLACK_S = 2.0, 4 * 3600  # a job is due after twice its run time, and at least four hours more
INSTANCE, REGION, GPUS = "p5.48xlarge", "us-east-1", 8
AVAILABILITY = "gcp25_us-central1-a_h100_16"

ASSUMED = (
    f"one GPU-hour of the 2017 cluster is {H100_HOURS_PER_GPU_HOUR:g} H100-hours today: chips grew fifty-fold, "
    "models most of that",
    f"a job is due {SLACK:g} x its run time after submission, and at least 4 h after that: the trace has no deadlines",
    "a late job costs 100 USD a started day, at most 1,000 USD",
    "jobs checkpoint each hour in 2 minutes and restart in 5 minutes",
    f"spot can be had when 16 H100 could in {AVAILABILITY} (10-minute probes, 2025), played round from a random moment",
    "policies know a job's length up to a lognormal error of sigma 0.5",
)


@dataclass(frozen=True)
class Recorded:
    """One job as the trace has it."""

    submitted: datetime
    duration_s: float
    gpus: int
    tenant: str


def read_jobs(path: pathlib.Path) -> list[Recorded]:
    """The tenants' jobs, in order of submission; jobs of no length are left out."""
    with gzip.open(path, "rt") as lines:
        rows = [
            Recorded(
                datetime.fromisoformat(row["submit_time"]).replace(tzinfo=UTC) + timedelta(weeks=WEEKS_LATER),
                float(row["duration_s"]),
                int(row["num_gpus"]),
                row["vc"],
            )
            for row in csv.DictReader(lines)
            if row["vc"] in TENANTS and float(row["duration_s"]) >= 1
        ]
    return sorted(rows, key=lambda job: job.submitted)


def write_jobs(jobs: list[Recorded], start: datetime, path: pathlib.Path) -> float:
    """The trace as the scenario reads it; H100-hours in all. Gangs larger than an instance take whole ones."""
    total = 0.0
    with path.open("w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(["job", "submit_s", "duration_s", "gpus", "instances", "deadline_s", "tenant"])
        for number, job in enumerate(jobs):
            submit_s = int((job.submitted - start).total_seconds())
            duration_s = max(round(job.duration_s * H100_HOURS_PER_GPU_HOUR), 1)
            instances = -(-job.gpus // GPUS) if job.gpus > GPUS else 1
            gpus = GPUS if instances > 1 else job.gpus
            deadline_s = submit_s + round(SLACK * duration_s) + LEAST_SLACK_S
            out.writerow([f"j{number}", submit_s, duration_s, gpus, instances, deadline_s, job.tenant])
            total += duration_s * gpus * instances / 3600
    return total


def write_prices(path: pathlib.Path, start: datetime, end: datetime) -> tuple[int, float]:
    """Daily spot prices of one GPU as the scenario reads them; how many days, and their mean."""
    with gzip.open(shared("data", "prices", "aws_gpu_spot_daily.csv.gz"), "rt") as lines:
        rows = [
            (row["date"], float(row["spot_usd_hour"]) / GPUS)
            for row in csv.DictReader(lines)
            if row["instance"] == INSTANCE and row["region"] == REGION
        ]
    begin = (start - timedelta(days=7)).date().isoformat()
    rows = sorted(row for row in rows if begin <= row[0] <= end.date().isoformat())
    if not rows:
        raise SystemExit(f"error: no prices of {INSTANCE} in {REGION} between {begin} and {end.date()}")
    with path.open("w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(["time", "price"])
        out.writerows((f"{date}T00:00:00Z", f"{usd:.6f}") for date, usd in rows)
    return len(rows), sum(usd for _, usd in rows) / len(rows)


SCENARIO = """\
schema_version: 1
name: real-startup
description: Two startup-sized tenants of the Philly trace at the prices of autumn 2025.
start: {start}
horizon: {days} d
seed: 1
objective: {{minimize: total_with_penalties_usd}}
demand:
  tenants:
    kind: trace
    file: jobs.csv
    reference_gpu: H100
    deadline: {{kind: slack, factor: 3, usd_per_late_day: 100, usd_at_most: 1000}}
    checkpoint: {{every: 1 h, cost: 2 min, restart: 5 min}}
    estimate: {{kind: lognormal, sigma: 0.5}}
supply:
  aws-p5:
    kind: on_demand
    provider: AWS
    zone: us-east-1
    residency: us
    shape: {{gpu: H100, gpus: 8, interconnect: fabric, largest_gang_instances: 8}}
    usd_per_gpu_hour: {{kind: catalogue}}
    boot: 3 min
    outage: {{kind: calendar, per_gpu_year: 0.173, repair: 1 h}}
  aws-p5-spot:
    kind: spot
    like: aws-p5
    usd_per_gpu_hour: {{kind: replay, file: prices.csv, fill: hold}}
    availability: {{kind: replay, file: availability.csv, gap: 10 min, fill: repeat, begin: random}}
    notice: 2 min
  neocloud-3m:
    kind: rental
    provider: neocloud
    residency: us
    shape: {{gpu: H100, gpus: 8, interconnect: fabric, largest_gang_instances: 32}}
    usd_per_gpu_hour: 2.35
    term: 3 months
    upfront_share: 0.2
    lead: 7 d
    resale_share: 0.5
  own:
    kind: datacenter
    residency: us
    shape: {{gpu: H100, gpus: 8, interconnect: fabric, largest_gang_instances: 4}}
    usd_per_server: 288000
    network_share: 0.19
    lead: {{kind: triangular, low: 2 w, mode: 4 w, high: 8 w}}
    life: 5 y
    resale: {{share_after_life: 0.15}}
    kw_per_server: 10.2
    idle_power_share: 0.30
    pue: 1.25
    usd_per_kwh: 0.0826
    usd_per_kw_month: 184
    staff: {{engineers: 2, usd_per_year_each: 300000, per_servers: 32}}
    maintenance_share_per_year: 0.04
    outage: {{kind: calendar, per_gpu_year: 0.173, repair: 3 d, crews: 1}}
policies:
  cloud-only:
    queue: {{kind: fifo, blocking: skipping}}
    placement: {{kind: on_demand_only}}
  spot-first:
    queue: {{kind: edf, blocking: skipping}}
    placement: {{kind: spot_greedy, wait_before_fallback: 30 min}}
  uniform-progress:
    queue: {{kind: edf, blocking: skipping}}
    placement: {{kind: uniform_progress}}
  cheapest-feasible:
    queue: {{kind: least_slack, blocking: skipping}}
    placement: {{kind: cheapest_feasible}}
  rent-2-and-burst:
    procurement: {{kind: fixed_plan, sign: [{{offer: neocloud-3m, instances: 2, at: 0 d, renew: true}}]}}
    queue: {{kind: least_slack, blocking: skipping}}
    placement: {{kind: committed_first, burst_after: {{kind: constant, wait: 2 h}}}}
  rent-2-and-spot:
    procurement: {{kind: fixed_plan, sign: [{{offer: neocloud-3m, instances: 2, at: 0 d, renew: true}}]}}
    queue: {{kind: least_slack, blocking: skipping}}
    placement: {{kind: cheapest_feasible}}
  build-2-and-burst:
    procurement: {{kind: fixed_plan, buy: [{{offer: own, instances: 2, at: 0 d}}]}}
    queue: {{kind: least_slack, blocking: skipping}}
    placement: {{kind: committed_first, burst_after: {{kind: constant, wait: 2 h}}}}
finance: {{cost_of_capital_per_year: 0.20, sales_tax: 0.08}}
experiment: {{replications: {replications}, confidence: 0.95}}
sources:
  demand.tenants: Philly trace, Microsoft 2017 (CC-BY-4.0), tenants 2869ce and ed69ec, moved by 416 weeks
  supply.aws-p5-spot.usd_per_gpu_hour: SpotLake daily means, p5.48xlarge in us-east-1
  supply.neocloud-3m.usd_per_gpu_hour: market quote for one-year H100, March 2026; taken for three months (assumption)
"""


def write_scenario(folder: pathlib.Path, replications: int) -> tuple[pathlib.Path, list[str]]:
    """The scenario with its data files; and lines that say what went in."""
    jobs = read_jobs(shared("data", "workloads", "philly_jobs.csv.gz"))
    start = jobs[0].submitted.replace(hour=0, minute=0, second=0)
    days = (jobs[-1].submitted - start).days + 1
    hours = write_jobs(jobs, start, folder / "jobs.csv")
    priced, mean = write_prices(folder / "prices.csv", start, start + timedelta(days=days + 30))
    trace = shared("cases", "spot", "traces", f"{AVAILABILITY}.csv")
    (folder / "availability.csv").write_text(trace.read_text())
    path = folder / "real-startup.yaml"
    path.write_text(SCENARIO.format(start=start.strftime("%Y-%m-%dT%H:%M:%SZ"), days=days, replications=replications))
    said = [
        f"{len(jobs)} jobs of tenants {' and '.join(TENANTS)} over {days} days from {start.date()}, "
        f"{hours:,.0f} H100-hours",
        f"{priced} daily spot prices of {INSTANCE} in {REGION}, mean {mean:.3f} USD a GPU-hour",
    ]
    return path, said


def check(results: Results, tally: Tally) -> None:
    """What must hold of any such comparison, whatever the figures."""
    for name in results.policies:
        rows = results.columns("jobs")[name]
        tally.check(f"{name}: every job of the trace is in the outcome", len(set(rows.values())) == 1)
    cost = {name: results.cell(name, "total_cost_usd")["mean"] for name in results.policies}
    tally.check("policies differ", len({round(usd, 2) for usd in cost.values()}) == len(cost), f"{len(cost)} policies")
    tally.check("spot saves against on-demand", cost["spot-first"] < cost["cloud-only"])


def main(arguments: list[str]) -> None:
    """Write the scenario, run it through the command line, check what came out."""
    parser = argparse.ArgumentParser(prog="python -m analysis.real_startup")
    parser.add_argument("--replications", type=int, default=20)
    parser.add_argument("--out", type=pathlib.Path, default=None, help="where table and pictures are kept")
    chosen = parser.parse_args(arguments)
    tally = Tally(verbose=True)
    out = chosen.out or ROOT / "analysis" / "real_startup"
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        path, said = write_scenario(folder, chosen.replications)
        for line in (*said, *(f"assumed: {one}" for one in ASSUMED)):
            print(line)
        sys.stdout.flush()
        code = command_line(["run", str(path), "--seed", "1", "--out", str(folder / "results"), "--quiet"])
        if code:
            raise SystemExit(code)
        keep(folder / "results", out)
        check(ms.run(ms.load(path), replications=chosen.replications, seed=1, out=folder / "results"), tally)
    tally.end()


def keep(results: pathlib.Path, out: pathlib.Path) -> None:
    """Table and pictures, beside the study; the trace itself stays where it was."""
    out.mkdir(parents=True, exist_ok=True)
    shutil.copy(results / "summary.csv", out / "summary.csv")
    for chart in ("cost_stack", "cost_misses", "differences", "distribution"):
        shutil.copy(results / "figures" / f"{chart}.wide.png", out / f"{chart.replace('_', '-')}.png")


if __name__ == "__main__":
    main(sys.argv[1:])
