"""A recommendation made blind: from the first 60 % of demand and prices, judged on the rest, beside two naive advisers.

    python -m analysis.recommend [--trace FILE] [--tenant VC ...] [--prices FILE ...] [--series N] [--draws N]

The adviser sees the first 60 % of a tenant's days and of a price series. It makes futures of them: half with the seen
jobs again, half with weeks drawn from them; prices that go on as the seen ones moved; availability as seen. Every
policy is run on each, and the one is recommended that is on average the least above the best of each future. Then the
tenant's other jobs are run at the prices of the days that followed, under every policy: was the recommended one the
best, or within 5 %? Beside it: who takes what has the lowest list price, and who takes what was best in the past.
Traces: any layout of `marketsim import`. Prices: date,region,instance,spot_usd_hour, time,price, or
date,gpu_model,rental_type,median_usd_gpu_hour; plain or .gz.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import io
import pathlib
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

import numpy as np

from analysis.common import Tally, shared
from marketsim import scenario as scenarios
from marketsim.billing import recognise
from marketsim.build import build, policy_of
from marketsim.demand import tracefile
from marketsim.demand.job import NEVER
from marketsim.demand.tracefile import Trace
from marketsim.engine.run import run
from marketsim.errors import InputError
from marketsim.importers.detect import read_jobs
from marketsim.metrics.measure import measure
from marketsim.prices.catalogue import rows as catalogue_rows
from marketsim.streams import Dice
from marketsim.units import DAY_S, HOUR_S, MILLI, WEEK_S

TENANTS = ("2869ce", "ed69ec", "e13805", "7f04ca")
PRICES = ("aws_gpu_spot_daily.csv.gz", "azure_t4_spot_daily.csv", "vast_daily.csv")
SEEN, CLOSE = 0.6, 0.05
METRIC = "total_with_penalties_usd"
MACHINE = 8  # GPUs of an instance, whatever the series is of: prices are of a GPU
COMMIT_SHARE = 0.65  # of on-demand; AWS asks 0.62 to 0.65 for a year (price list, 2016 to 2026)
AVAILABILITY = "gcp25_europe-west1-c_h100_16"
REPLAYS = 5  # moments at which the measured availability begins, for what really came
LEAST_DAYS, LEAST_JOBS, LEAST_TEST_DAYS = 30, 20, 7
BLOCK_DAYS = 20  # of price changes that are drawn together

ASSUMED = (
    "a job is due after three times its run time and four hours; a late day costs 100 USD, at most 1,000",
    "jobs checkpoint each hour in 2 minutes and restart in 5",
    f"capacity by contract costs {COMMIT_SHARE:g} of on-demand, for four weeks at a time",
    f"spot is there when 16 H100 were in {AVAILABILITY}: the first 60 % is known, the rest is what happens",
    "instances have 8 GPUs on a fabric; a price series gives the price of a GPU",
)


class Series(NamedTuple):
    """Spot prices of one machine: days since 1970 (n,), USD per GPU-hour (n,), and its on-demand price."""

    name: str
    gpu: str
    days: np.ndarray
    usd: np.ndarray
    on_demand: float
    assumed: bool  # whether the on-demand price is only a guess


# -------------------------------------------------------------------------------------------------- reading


def read_series(path: pathlib.Path, most: int) -> list[Series]:
    """The longest series of machines whose GPU is known, one a GPU and region first; exit 2 where there is none."""
    found: dict[tuple[str, str], dict[int, list[float]]] = {}
    listed: dict[tuple[str, str], list[float]] = {}
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as lines:
        for row in csv.DictReader(lines):
            day = _day(row.get("date") or row.get("time") or row.get("time_utc") or "")
            key = (row.get("region") or row.get("zone") or "", row.get("instance") or row.get("gpu_model") or "H100")
            text = next((row[name] for name in ("spot_usd_hour", "median_usd_gpu_hour", "price", "from_usd_gpu_hour")
                         if row.get(name)), "")  # fmt: skip
            if day is None or not text or float(text) <= 0:
                continue
            if row.get("rental_type") == "on_demand":
                listed.setdefault(key, []).append(float(text))
            else:
                found.setdefault(key, {}).setdefault(day, []).append(float(text))
            if row.get("ondemand_usd_hour"):
                listed.setdefault(key, []).append(float(row["ondemand_usd_hour"]))
    out = []
    for (region, instance), by_day in found.items():
        machine = recognise.machine(instance.replace("_", " "), instance)
        if not isinstance(machine, recognise.Machine) or max(by_day) - min(by_day) < LEAST_DAYS:
            continue
        days = np.arange(min(by_day), max(by_day) + 1)
        usd = np.interp(days, sorted(by_day), [statistics.fmean(by_day[day]) for day in sorted(by_day)]) / machine.gpus
        own = listed.get((region, instance))
        price = statistics.median(own) / machine.gpus if own else listed_price(machine, region, instance)
        name = " ".join(part for part in (instance, region) if part)
        guess = price is None
        out.append(Series(name, machine.gpu, days, usd, price or 2.5 * float(np.median(usd)), guess))
    out.sort(key=lambda one: (one.assumed, -len(one.days), one.name))
    first: dict[str, Series] = {}
    for one in out:
        first.setdefault(one.gpu, one)
    order = [*first.values(), *(one for one in out if one not in first.values())]
    if not order:
        print(f"error: {path.name}: no price series of a known GPU of {LEAST_DAYS} days or more", file=sys.stderr)
        raise SystemExit(2)
    return order[:most]


def _day(text: str) -> int | None:
    try:
        return date.fromisoformat(text[:10]).toordinal() - date(1970, 1, 1).toordinal()
    except ValueError:
        return None


def listed_price(machine: recognise.Machine, region: str, instance: str) -> float | None:
    """USD per GPU-hour on demand: the catalogue's of this region, else the median of the instance, then of the GPU."""
    rows = [row for row in catalogue_rows() if row.price("on_demand") is not None]
    for wanted in (
        lambda row: row.instance == instance and row.region == region,
        lambda row: row.instance == instance,
        lambda row: row.name == machine.gpu and row.gpus == machine.gpus,
        lambda row: row.name == machine.gpu,
    ):
        prices = [row.price("on_demand") or 0.0 for row in rows if wanted(row)]
        if prices:
            return statistics.median(prices)
    return None


def read_tenant(path: pathlib.Path, tenant: str | None) -> Trace:
    """A tenant's jobs, gangs laid on instances of 8; exit 2 where there are too few."""
    trace = read_jobs(path).trace
    if tenant is not None:
        keep = np.array([name == tenant for name in trace.tenant])
        if not keep.any():
            known = ", ".join(sorted(set(trace.tenant))[:12])
            print(f"error: {path.name}: no such tenant (got {tenant}); allowed: {known}", file=sys.stderr)
            raise SystemExit(2)
        trace = trace.rows(keep)
    if len(trace) < LEAST_JOBS:
        print(f"error: {path.name}: {len(trace)} jobs are too few; allowed: {LEAST_JOBS} or more", file=sys.stderr)
        raise SystemExit(2)
    gpus = np.maximum(trace.milli * trace.instances, 1)
    instances = -(-gpus // (MACHINE * MILLI))
    milli = np.where(instances > 1, MACHINE * MILLI, gpus)
    return Trace(trace.job, trace.submit_s, trace.duration_s, milli, instances, trace.deadline_s, trace.tenant)


# ------------------------------------------------------------------------------------------------ scenarios


@dataclass(frozen=True)
class Part:
    """Jobs from a second on, which becomes second 0, and the length of their time in whole days."""

    trace: Trace
    days: int


def split(trace: Trace) -> tuple[Part, Part]:
    """The jobs of the first 60 % of the days, and the others."""
    first, last = int(trace.submit_s[0]) // DAY_S, int(trace.submit_s[-1]) // DAY_S + 1
    cut = first + max(1, round(SEEN * (last - first)))
    return _part(trace, first, cut), _part(trace, cut, last)


def _part(trace: Trace, first: int, last: int) -> Part:
    keep = (trace.submit_s >= first * DAY_S) & (trace.submit_s < last * DAY_S)
    rows = trace.rows(keep)
    deadline = np.where(rows.deadline_s == NEVER, NEVER, rows.deadline_s - first * DAY_S)
    moved = Trace(rows.job, rows.submit_s - first * DAY_S, rows.duration_s, rows.milli, rows.instances, deadline,
                  rows.tenant)  # fmt: skip
    return Part(moved, last - first)


def instances_at(trace: Trace, days: int, share: float) -> int:
    """Instances that the jobs would hold at once, the given quantile over hours; at least 1."""
    hours = np.zeros(days * 24 + 1)
    end = days * DAY_S
    for submit, duration, gpus in zip(trace.submit_s, trace.duration_s, trace.milli * trace.instances, strict=True):
        from_h, to_h = int(submit) // HOUR_S, min(int(submit + duration), end) // HOUR_S
        hours[from_h : to_h + 1] += float(gpus) / MILLI
    return max(1, round(float(np.quantile(hours[:-1], share)) / MACHINE))


def policies(base: int, peak: int) -> dict[str, Any]:
    """What is compared; base and peak: instances under contract."""

    def rent(instances: int, placement: Mapping[str, Any]) -> dict[str, Any]:
        sign = [{"offer": "contract", "instances": instances, "renew": True}]
        return {"procurement": {"kind": "fixed_plan", "sign": sign},
                "queue": {"kind": "least_slack", "blocking": "skipping"}, "placement": dict(placement)}  # fmt: skip

    edf = {"kind": "edf", "blocking": "skipping"}
    burst = {"kind": "committed_first", "burst_after": {"kind": "constant", "wait": "1 h"}}
    made = {
        "cloud-only": {"placement": {"kind": "on_demand_only"}},
        "spot-first": {"queue": edf, "placement": {"kind": "spot_greedy", "wait_before_fallback": "30 min"}},
        "spot-patient": {"queue": edf, "placement": {"kind": "spot_greedy", "wait_before_fallback": "4 h"}},
        "uniform-progress": {"queue": edf, "placement": {"kind": "uniform_progress"}},
        "cheapest-feasible": {"queue": edf, "placement": {"kind": "cheapest_feasible"}},
        "rent-base-and-burst": rent(base, burst),
        "rent-base-and-spot": rent(base, {**burst, "burst_to": "cheapest"}),
    }
    if peak > base:
        made["rent-peak-and-burst"] = rent(peak, burst)
    return made


def scenario(series: Series, days: int, made: Mapping[str, Any], demand: Mapping[str, Any]) -> dict[str, Any]:
    """The scenario of one span, whose files are jobs.csv, prices.csv and availability.csv."""
    shape = {"gpu": series.gpu, "gpus": MACHINE, "interconnect": "fabric", "largest_gang_instances": 64}
    return {
        "name": "recommend",
        "start": START.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "horizon": f"{days} d",
        "demand": {
            "tenant": {
                "kind": "trace", "file": "jobs.csv", "reference_gpu": series.gpu,
                "deadline": {"kind": "slack", "factor": 3, "usd_per_late_day": 100, "usd_at_most": 1000},
                "checkpoint": {"every": "1 h", "cost": "2 min", "restart": "5 min"},
                "estimate": {"kind": "lognormal", "sigma": 0.5}, **demand,
            },
        },
        "supply": {
            "cloud": {"kind": "on_demand", "provider": "cloud", "shape": shape,
                      "usd_per_gpu_hour": round(series.on_demand, 6), "boot": "3 min"},
            "spot": {"kind": "spot", "like": "cloud",
                     "usd_per_gpu_hour": {"kind": "replay", "file": "prices.csv", "fill": "hold"},
                     "availability": {"kind": "replay", "file": "availability.csv", "gap": "10 min", "fill": "repeat",
                                      "begin": "random"}},
            "contract": {"kind": "rental", "provider": "cloud", "shape": shape,
                         "usd_per_gpu_hour": round(COMMIT_SHARE * series.on_demand, 6), "term": "4 w"},
        },
        "policies": dict(made),
    }  # fmt: skip


START = datetime(2026, 1, 5, tzinfo=UTC)  # a Monday


def costs(
    data: Mapping[str, Any], jobs: Trace, prices: Sequence[np.ndarray], ticks: Sequence[int], draws: int
) -> dict[str, list[float]]:
    """Policy -> its cost in each draw, at a price path of its own (the last one for further draws)."""
    sums: dict[str, list[float]] = {name: [] for name in data["policies"]}
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        (folder / "jobs.csv").write_text(tracefile.text(jobs))
        (folder / "availability.csv").write_text(
            "tick,available\n" + "".join(f"{row},{value}\n" for row, value in enumerate(ticks))
        )
        for draw in range(draws):
            (folder / "prices.csv").write_text(_prices(prices[min(draw, len(prices) - 1)]))
            found = scenarios.check(data, folder)
            world = build(found, draw)
            for name in sums:
                value = measure(world, run(world, policy_of(found, name)))[METRIC]
                assert value is not None
                sums[name].append(value)
    return sums


def _prices(path: np.ndarray) -> str:
    out = io.StringIO()
    out.write("time,price\n")
    for day, usd in enumerate(path):
        out.write(f"{(START + timedelta(days=day)).strftime('%Y-%m-%dT%H:%M:%SZ')},{usd:.6f}\n")
    return out.getvalue()


def drawn_prices(seen: np.ndarray, days: int, draw: int) -> np.ndarray:
    """A path that goes on from the last price in blocks of seen changes, kept about the seen range of logarithms.

    The changes are taken about their mean: a trend of some months says nothing sure of the next ones, and the package's
    own default law for spot has none.
    """
    log = np.log(seen)
    changes = np.diff(log) - np.diff(log).mean()
    length = max(1, min(BLOCK_DAYS, len(changes) // 4))
    count = -(-days // length)
    starts = (Dice(20_260_101, draw).uniforms("recommend/prices", count) * (len(changes) - length + 1)).astype(int)
    path = log[-1] + np.cumsum(np.concatenate([changes[at : at + length] for at in starts])[:days])
    low, high = log.min(), log.max()
    return np.exp(np.clip(path, low - (high - low) / 2, high + (high - low) / 2))


# ------------------------------------------------------------------------------------------------- judgment


@dataclass(frozen=True)
class Verdict:
    """One recommendation: who said what, and how much more than the best that cost."""

    tenant: str
    series: Series
    best: str
    said: Mapping[str, str]  # adviser -> policy
    regret: Mapping[str, float]  # adviser -> share above the best
    spread: float  # the worst policy's share above the best
    base: int
    peak: int


def judge(tenant: str, trace: Trace, series: Series, ticks: Sequence[int], draws: int) -> Verdict:
    """Recommend from what is seen, then run what was not."""
    seen, rest = split(trace)
    cut = min(max(round(SEEN * len(series.days)), 2), len(series.days) - LEAST_TEST_DAYS)
    past, future = series.usd[:cut], series.usd[cut:]
    cut_tick = round(SEEN * len(ticks))
    base, peak = (instances_at(seen.trace, seen.days, share) for share in (0.5, 0.9))
    made = policies(base, peak)
    ahead = rest.days  # how long the plan is for is known; what comes is not
    half = max(1, draws // 2)
    foreseen: dict[str, list[float]] = {name: [] for name in made}
    kinds: list[tuple[int, dict[str, Any]]] = [(seen.days, {})]
    kinds += [(ahead, {"resample": "7 d"})] if seen.days * DAY_S > WEEK_S else []
    for days, demand in kinds:
        forecasts = [drawn_prices(past, days + 30, draw) for draw in range(half)]
        found = costs(scenario(series, days, made, demand), seen.trace, forecasts, ticks[:cut_tick], half)
        foreseen = {name: foreseen[name] + found[name] for name in made}
    before = mean(costs(scenario(series, seen.days, made, {}), seen.trace, [past[-seen.days :]], ticks[:cut_tick], 1))
    after = mean(costs(scenario(series, ahead, made, {}), rest.trace, [future], ticks[cut_tick:], REPLAYS))
    ours = least_regret(foreseen)
    said = {
        "marketsim": ours,
        "list price": cheapest_listed(float(past[-1]), series.on_demand),
        "the past": min(before, key=lambda name: before[name]),
    }
    best = min(after, key=lambda name: after[name])
    regret = {who: after[name] / after[best] - 1 for who, name in said.items()}
    return Verdict(tenant, series, best, said, regret, max(after.values()) / after[best] - 1, base, peak)


def mean(found: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """The mean cost of each policy."""
    return {name: statistics.fmean(values) for name, values in found.items()}


def least_regret(found: Mapping[str, Sequence[float]]) -> str:
    """The policy whose cost is on average the least above the best of each future: no dear future outweighs others."""
    best = [min(values) for values in zip(*found.values(), strict=True)]
    regret = {
        name: statistics.fmean(usd / least - 1 for usd, least in zip(values, best, strict=True))
        for name, values in found.items()
    }
    return min(regret, key=lambda name: regret[name])


def cheapest_listed(spot: float, on_demand: float) -> str:
    """The plain way to use what has the lowest price of the day."""
    offers = {"spot-first": spot, "rent-base-and-burst": COMMIT_SHARE * on_demand, "cloud-only": on_demand}
    return min(offers, key=lambda name: offers[name])


def show(verdicts: Sequence[Verdict]) -> None:
    """The table: a row a tenant and series; then each adviser's share of best, of best or within 5 %, mean regret."""
    print(f"{'tenant':8s} {'price series':32s} {'recommended':20s} {'best on the rest':20s} {'off':>7s} "
          f"{'list':>7s} {'past':>7s} {'worst':>7s}")  # fmt: skip
    for one in verdicts:
        off, listed, past = (100 * one.regret[who] for who in one.said)
        name = one.series.name + ("?" if one.series.assumed else "")
        print(f"{one.tenant:8s} {name[:32]:32s} {one.said['marketsim']:20s} {one.best:20s} {off:6.1f}% "
              f"{listed:6.1f}% {past:6.1f}% {100 * one.spread:6.0f}%")  # fmt: skip
    print(
        "\noff, list, past: cost above the best policy of the recommendation, of the offer with the lowest list price,"
    )
    print(
        "and of what was best in the past; worst: of the worst policy. ?: no on-demand price is known, 2.5 x spot taken"
    )
    print(f"\n{'adviser':12s} {'best':>6s} {'best or within 5 %':>19s} {'mean regret':>12s} {'largest':>8s}")
    for who in verdicts[0].said:
        regrets = [one.regret[who] for one in verdicts]
        best, close = (100 * statistics.fmean(r <= limit for r in regrets) for limit in (1e-12, CLOSE))
        print(f"{who:12s} {best:5.0f}% {close:18.0f}% {100 * statistics.fmean(regrets):11.2f}% "
              f"{100 * max(regrets):7.1f}%")  # fmt: skip


def main(arguments: list[str]) -> None:
    """Judge every tenant on every series, print the table, count recommendations that were good enough."""
    parser = argparse.ArgumentParser(prog="python -m analysis.recommend", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("--trace", type=pathlib.Path, help="jobs; the given Philly tenants where not said")
    parser.add_argument("--tenant", action="append", help="only this tenant; may be repeated")
    parser.add_argument("--prices", type=pathlib.Path, action="append", help="price file; may be repeated")
    parser.add_argument("--series", type=int, default=2, help="series taken of each price file")
    parser.add_argument("--draws", type=int, default=6, help="futures the adviser draws")
    options = parser.parse_args(arguments)
    trace_file = options.trace or shared("data", "workloads", "philly_jobs.csv.gz")
    price_files = options.prices or [shared("data", "prices", name) for name in PRICES]
    for path in (trace_file, *price_files):
        if not path.is_file():
            print(f"error: {path}: no such file", file=sys.stderr)
            raise SystemExit(2)
    tenants = options.tenant or (TENANTS if options.trace is None else [None])
    began = time.perf_counter()
    with shared("cases", "spot", "traces", f"{AVAILABILITY}.csv").open() as lines:
        ticks = [int(row["available"]) for row in csv.DictReader(lines)]
    tally = Tally()
    verdicts = []
    try:
        every = [one for path in price_files for one in read_series(path, options.series)]
        for tenant in tenants:
            trace = read_tenant(trace_file, tenant)
            seen, rest = split(trace)
            print(f"{tenant or 'all'}: {len(seen.trace)} jobs in {seen.days} days seen, {len(rest.trace)} in "
                  f"{rest.days} days to come")  # fmt: skip
            verdicts += [judge(tenant or "all", trace, series, ticks, options.draws) for series in every]
    except InputError as error:
        print("\n".join(f"error: {line}" for line in error.lines()), file=sys.stderr)
        raise SystemExit(2) from None
    for line in ASSUMED:
        print(f"assumed: {line}")
    print()
    show(verdicts)
    print()
    for one in verdicts:
        off = one.regret["marketsim"]
        name = f"{one.tenant}, {one.series.name}: {one.said['marketsim']} is the best or within 5 %"
        tally.check(name, off <= CLOSE, f"{100 * off:.1f} % above {one.best}")
    print(f"took {time.perf_counter() - began:.0f} s", file=sys.stderr)
    tally.end()


if __name__ == "__main__":
    main(sys.argv[1:])
