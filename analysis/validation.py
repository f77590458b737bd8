"""Figures of real deployments, predicted from their published conditions, with the error of each row.

    python -m analysis.validation [--rows FILE] [--starts N]

1. 24 spot training runs on AWS (three policies, three GPUs, three parts of the world): 30 h of work due in 45 h, about
   6 minutes of cold start. Prices are the packaged catalogue's of that part of the world. What was not published, the
   zone's availability in those days, is drawn from measured zones; so a prediction is a mean with its P10 to P90.
2. Interruptions of own clusters, by the failure rate that the package takes for every cluster.
3. One-year contracts: the list price on demand times the median discount of the same provider's other machines.

A row that cannot be predicted is listed with the reason. Said beforehand: the median error of the training runs is at
most 30 %, of contracts 10 %; most published costs lie within P10 to P90; interruptions within a factor of 2.5.
"""

from __future__ import annotations

import argparse
import csv
import functools
import pathlib
import statistics
import sys
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from analysis.common import Tally, shared
from marketsim.data.tables import table
from marketsim.demand.job import Checkpoint, JobTable, Need
from marketsim.engine.run import run
from marketsim.errors import InputError
from marketsim.metrics.measure import measure
from marketsim.path import Path
from marketsim.policies import placement, queueing
from marketsim.policies.policy import Policy
from marketsim.prices.catalogue import look_up, rows
from marketsim.prices.process import Asked
from marketsim.streams import Dice
from marketsim.supply.offer import Offer, OutageLaw
from marketsim.supply.shape import Shape
from marketsim.units import DAY_S, HOUR_S, MILLI, UNLIMITED, YEAR_S
from marketsim.world import World

COLD_START_S = 360
REGIONS = {"us": ("us-east-1", "us-west-2"), "eu": ("eu-west-1",), "ap": ("ap-northeast-1", "ap-southeast-1")}
RULES = {  # the published policy -> the product's rule, and zones at once
    "uniform progress in one region": ("uniform_progress", 1),
    "uniform progress over several regions": ("multi_zone_progress", 3),
    "multi-region utility rule": ("spot_utility", 3),
    "managed spot of the cloud": ("greedy_safe", 1),
}
PER_GPU_YEAR = 0.173  # Meta, Llama 3: 419 unexpected interruptions in 54 days on 16,384 H100 (arXiv:2407.21783, 3.3.4)
CLUSTERS = (  # name, GPUs, days, interruptions per GPU-year as published, whether the rate was taken from it
    ("16,384 H100, Meta, Llama 3", 16_384, 54, 0.173, True),
    ("1,600 H200, cited report", 1_600, 365, 0.38, False),
    ("504 B200, cited report", 504, 365, 0.13, False),
)


class Deployment(NamedTuple):
    """A published run; hours and USD as published."""

    gpu: str
    instance: str
    job_hours: float
    deadline_hours: float
    policy: str
    region: str
    total_usd: float


class Place(NamedTuple):
    """A region's prices in USD per instance-hour."""

    region: str
    on_demand: float
    spot: float


class Predicted(NamedTuple):
    """Costs of a row under all conditions that were not published."""

    mean: float
    low: float
    high: float


def read_deployments(path: pathlib.Path | None) -> list[Deployment]:
    """The rows of the packaged table, or of a file with its columns."""
    if path is None:
        found: Sequence[Mapping[str, str]] = table("real_deployments")
    else:
        with path.open(newline="") as lines:
            found = list(csv.DictReader(lines))
    return [
        Deployment(row["gpu"], row["instance"], float(row["job_hours"]), float(row["deadline_hours"]), row["policy"],
                   row["region"], float(row["total_usd"]))
        for row in found
    ]  # fmt: skip


# -------------------------------------------------------------------------------------------- training runs


@functools.cache
def places(instance: str, region: str) -> tuple[Place, ...]:
    """Where the run may have been, with prices; ValueError with the reason where no price is known."""
    listed = [row for row in rows() if row.provider == "AWS" and row.instance == instance]
    if not listed:
        raise ValueError(f"no price of {instance} is packaged")
    names = [name for key in (REGIONS if region == "several" else (region,)) for name in REGIONS.get(key, ())]
    found = []
    for name in names:
        prices = []
        for column in ("on_demand", "spot"):
            asked = Asked("x", "AWS", listed[0].name, listed[0].gpus, name, column)  # type: ignore[arg-type]
            try:
                prices.append(look_up(asked, asked.column, name, instance, "scaled").usd * listed[0].gpus)
            except InputError:
                break
        if len(prices) == 2:
            found.append(Place(name, *prices))
    if not found:
        raise ValueError(f"no price of {instance} in any region of {region} is packaged: {', '.join(names) or 'none'}")
    return tuple(found)


@functools.cache
def zones() -> tuple[tuple[int, np.ndarray], ...]:
    """Measured zones: (seconds of a tick, availability (n,))."""
    folder = shared("cases", "spot", "traces")
    with (folder / "index.csv").open() as lines:
        listed = [(row["trace"], int(row["gap_seconds"])) for row in csv.DictReader(lines)]
    out = []
    for name, gap_s in listed:
        with (folder / f"{name}.csv").open() as lines:
            out.append((gap_s, np.array([int(row["available"]) for row in csv.DictReader(lines)])))
    return tuple(out)


def window(zone: int, at: float, hours: float) -> Path | None:
    """A zone's availability over so many hours from a share of its possible starts on; None where it is too short."""
    gap_s, ticks = zones()[zone]
    count = int(hours * HOUR_S / gap_s)
    if len(ticks) <= count:
        return None
    begin = int(at * (len(ticks) - count))
    steps = ((place * gap_s, UNLIMITED * float(one)) for place, one in enumerate(ticks[begin : begin + count]))
    return Path.steps(steps).simplified()


def cost(rule: str, of: Deployment, spots: Sequence[tuple[Place, Path]], on_demand: float) -> float:
    """USD of one run under a rule, on the given spot zones, beside on-demand always."""
    many, shape = Path.constant(UNLIMITED), Shape("GPU")
    need = Need("job", reference_gpu="GPU", checkpoint=Checkpoint(every_s=600))
    offers = [
        Offer(f"spot-{number}", "spot", shape, zone=f"z{number}", launchable=path, keepable=path,
              price=Path.constant(place.spot), boot_s=COLD_START_S)
        for number, (place, path) in enumerate(spots)
    ]  # fmt: skip
    offers.append(Offer("on-demand", "on_demand", shape, launchable=many, keepable=many,
                        price=Path.constant(on_demand), boot_s=COLD_START_S))  # fmt: skip
    work = np.array([round(of.job_hours * HOUR_S) * MILLI])
    jobs = JobTable((need,), np.zeros(1), np.zeros(1), work, work, np.array([round(of.deadline_hours * HOUR_S)]))
    world = World(horizon_s=1, jobs=jobs, offers=tuple(offers), drain_s=round(of.deadline_hours * HOUR_S))
    policy = Policy("p", queueing.KINDS["fifo"](blocking="skipping"), placement.KINDS[rule]())
    return float(measure(world, run(world, policy))["total_cost_usd"] or 0.0)


def predict(of: Deployment, starts: int) -> Predicted:
    """The cost over places, measured zones and starts; ValueError with the reason where it cannot be predicted."""
    if of.policy not in RULES:
        raise ValueError(f"no rule of the product is the published {of.policy}")
    rule, count = RULES[of.policy]
    here = places(of.instance, of.region)
    usd = []
    for zone in range(len(zones())):
        for number in range(starts):
            chosen = []
            for other in range(count):
                path = window((zone + other) % len(zones()), (number + 0.5) / starts, of.deadline_hours)
                if path is not None:
                    chosen.append((here[(other + number) % len(here)], path))
            if chosen:
                usd.append(cost(rule, of, chosen, min(place.on_demand for place, _ in chosen)))
    low, high = (float(np.quantile(usd, level)) for level in (0.1, 0.9))
    return Predicted(statistics.fmean(usd), low, high)


def training_runs(deployments: Sequence[Deployment], starts: int, tally: Tally) -> None:
    """The table of the runs, the rows that cannot be predicted, and the checks said beforehand."""
    print("1. Spot training runs: USD published and predicted")
    print(f"{'instance':13s} {'policy':38s} {'region':8s} {'published':>9s} {'predicted':>9s} {'P10':>6s} {'P90':>6s} "
          f"{'error':>7s}")  # fmt: skip
    errors, inside, reasons = [], 0, []
    for one in deployments:
        try:
            got = predict(one, starts)
        except ValueError as why:
            reasons.append(f"{one.instance:13s} {one.policy:38s} {one.region:8s} {one.total_usd:9.2f}  {why}")
            continue
        error = got.mean / one.total_usd - 1
        within = got.low <= one.total_usd <= got.high
        errors.append(abs(error))
        inside += within
        print(f"{one.instance:13s} {one.policy:38s} {one.region:8s} {one.total_usd:9.2f} {got.mean:9.2f} "
              f"{got.low:6.0f} {got.high:6.0f} {100 * error:+6.1f}%{'' if within else ' *'}")  # fmt: skip
    print("* outside P10 to P90")
    print(f"not predicted, {len(reasons)}:")
    for line in reasons:
        print(f"  {line}")
    tally.check("every published run is predicted or has its reason", len(errors) + len(reasons) == len(deployments))
    if not errors:
        return
    middle = statistics.median(errors)
    tally.check(f"median error of the runs is at most 30 % ({100 * middle:.1f} %)", middle <= 0.30)
    tally.check(f"most published costs lie within P10 to P90 ({inside} of {len(errors)})", inside * 2 > len(errors))


# ---------------------------------------------------------------------------------- clusters and contracts


def interruptions(gpus: int, days: int) -> int:
    """Failures that the product's outage law gives a cluster of servers of 8, each repaired at once."""
    law = OutageLaw(YEAR_S / (PER_GPU_YEAR * 8), dice=Dice(1).under("outages/cluster"))
    count = 0
    for seat in range(gpus // 8):
        at, turn = law.up_s(seat, 0), 0
        while at < days * DAY_S:
            count, turn = count + 1, turn + 1
            at += law.up_s(seat, turn)
    return count


def clusters(tally: Tally) -> None:
    """Interruptions per cluster, published and predicted by the one rate."""
    print("\n2. Interruptions of own clusters, by 0.173 a GPU-year")
    print(f"{'cluster':32s} {'published':>9s} {'predicted':>9s} {'error':>7s}")
    for name, gpus, days, rate, source in CLUSTERS:
        published = rate * gpus * days / 365
        got = interruptions(gpus, days)
        note = "  the rate was taken from it" if source else ""
        print(f"{name:32s} {published:9.0f} {got:9d} {100 * (got / published - 1):+6.1f}%{note}")
        if source:
            spread = 3 * np.sqrt(published) / published
            tally.check("the outage law gives the rate it was told, within three Poisson errors",
                        abs(got / published - 1) <= spread)  # fmt: skip
        else:
            tally.check(f"{name}: within a factor of 2.5", 1 / 2.5 <= got / published <= 2.5)


def contracts(tally: Tally) -> None:
    """One-year prices per GPU-hour: each by the median discount of the provider's other machines."""
    print("\n3. One-year contracts, USD a GPU-hour, by the median discount of the provider's other machines")
    print(f"{'provider':10s} {'rows':>5s} {'discount':>9s} {'median error':>13s} {'largest':>8s}  worst row")
    skipped: dict[str, int] = {}
    for provider in sorted({row.provider for row in rows()}):
        own = [row for row in rows() if row.provider == provider]
        listed = [row for row in own if row.price("commit1y") and row.price("on_demand")]
        names = {row.instance for row in listed}
        if len(names) < 3:
            skipped[provider] = len(own)
            continue
        errors: dict[str, float] = {}
        for row in listed:
            others = [_share(other) for other in listed if other.instance != row.instance]
            predicted = float(row.price("on_demand") or 0) * statistics.median(others)
            errors[f"{row.instance} {row.region}"] = predicted / float(row.price("commit1y") or 1) - 1
        sizes = {name: abs(error) for name, error in errors.items()}
        worst = max(sizes, key=lambda name: sizes[name])
        middle = statistics.median(sizes.values())
        discount = 1 - statistics.median(_share(row) for row in listed)
        print(f"{provider:10s} {len(listed):5d} {100 * discount:8.1f}% {100 * middle:12.1f}% "
              f"{100 * sizes[worst]:7.1f}%  {worst} {100 * errors[worst]:+.1f}%")  # fmt: skip
        tally.check(f"{provider}: median error of one-year prices is at most 10 %", middle <= 0.10)
    print("not predicted, since fewer than three machines have both prices:")
    print(f"  {', '.join(f'{name} ({count} rows)' for name, count in sorted(skipped.items()))}")


def _share(row: Any) -> float:
    return float(row.price("commit1y") / row.price("on_demand"))


def main(arguments: list[str]) -> None:
    """Print the three tables and count the checks."""
    parser = argparse.ArgumentParser(prog="python -m analysis.validation", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("--rows", type=pathlib.Path, help="another file with the columns of real_deployments.csv")
    parser.add_argument("--starts", type=int, default=6, help="starts in each measured zone")
    options = parser.parse_args(arguments)
    tally = Tally()
    try:
        deployments = read_deployments(options.rows)
    except (OSError, KeyError, ValueError) as error:
        print(f"error: {options.rows}: cannot be read: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    training_runs(deployments, options.starts, tally)
    clusters(tally)
    contracts(tally)
    print()
    tally.end()


if __name__ == "__main__":
    main(sys.argv[1:])
