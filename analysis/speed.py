"""How fast the house is, as ratios within one run, so that a figure says the same on any machine.

    python -m analysis.speed [--quick] [--json] [--history FILE]

M/M/10 with arrivals on the heap: bare heapq, the kernel's `call_at`, the whole engine with rules and ledger, and other
people's simulators. The same spot market in the engine and in plain SimPy. Growth over a real trace, tiled to a million
jobs. Bytes a job. Metrics against the run. What a user waits for, and the shipped scenarios. Each ratio is the median
of paired turns. The limits wanted are printed beside; what misses one counts as failed. `--json` prints one document;
`--history` adds it as a line to a file, with the date, so that a regression is seen.
"""

from __future__ import annotations

import csv
import gc
import gzip
import heapq
import json
import statistics
import subprocess
import sys
import time
import tracemalloc
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np

from analysis import speed_market, speed_product, speed_rivals
from analysis.common import Tally, shared
from marketsim.demand.job import NEVER, JobTable, Need
from marketsim.engine.kernel import ARRIVE, RELEASE, Kernel
from marketsim.engine.run import run
from marketsim.metrics.measure import measure
from marketsim.path import Path
from marketsim.policies import placement, queueing
from marketsim.policies.policy import Policy
from marketsim.streams import Dice, exponential
from marketsim.supply.offer import Offer
from marketsim.supply.shape import Shape
from marketsim.units import DAY_S, MILLI, UNLIMITED
from marketsim.world import Order, World

UNIT = 1_000_000
SERVERS, LOAD = speed_rivals.SERVERS, 8.0
HEAVY = ("numpy", "pandas", "scipy", "matplotlib", "pydantic")


def customers(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Arrival times and service times of M/M/10 at 80 % load, whole units, shape (count,)."""
    dice = Dice(7)
    arrival = np.cumsum(exponential(dice.uniforms("arrivals", count), UNIT / LOAD)).astype(np.int64)
    return arrival, np.maximum(exponential(dice.uniforms("service", count), UNIT).astype(np.int64), 1)


def bare(arrival: list[int], service: list[int]) -> int:
    """The least that a Python program can do: a heap, a queue, a counter; the sum of waits."""
    heap = [(t, 0, i) for i, t in enumerate(arrival)]
    heapq.heapify(heap)
    pop, push, queue = heapq.heappop, heapq.heappush, deque[tuple[int, int]]()
    free, waited = SERVERS, 0
    while heap:
        t, kind, i = pop(heap)
        if kind == 0:
            if free:
                free -= 1
                push(heap, (t + service[i], 1, i))
            else:
                queue.append((t, i))
        elif queue:
            came, i = queue.popleft()
            waited += t - came
            push(heap, (t + service[i], 1, i))
        else:
            free += 1
    return waited


def on_kernel(arrival: list[int], service: list[int]) -> int:
    """The same on the kernel's `call_at`; arrivals are noted at second 0 of the run, as a story would."""
    kernel, queue = Kernel(), deque[tuple[int, int]]()
    state = [SERVERS, 0]
    call_at = kernel.call_at

    def arrive(i: int) -> None:
        if state[0]:
            state[0] -= 1
            call_at(kernel._now + service[i], RELEASE, done, i)
        else:
            queue.append((kernel._now, i))

    def done(_: int) -> None:
        if queue:
            came, i = queue.popleft()
            state[1] += kernel._now - came
            call_at(kernel._now + service[i], RELEASE, done, i)
        else:
            state[0] += 1

    def begin(_: None) -> None:
        for i, t in enumerate(arrival):
            call_at(t, ARRIVE, arrive, i)

    call_at(0, RELEASE, begin)
    kernel.run_all()
    return state[1]


def queue_world(arrival: np.ndarray, service: np.ndarray) -> World:
    """The same queue as a world: ten GPUs of one machine."""
    work = service * MILLI
    size = len(work)
    jobs = JobTable(
        (Need("job", reference_gpu="GPU"),), np.zeros(size, np.int64), arrival, work, work, np.full(size, NEVER)
    )
    offer = Offer("own", "datacenter", Shape("GPU", gpus=SERVERS))
    return World(int(arrival[-1]) + 1, jobs, (offer,), orders=(Order("own", 1),), drain_s=1000 * UNIT)


def in_order() -> Policy:
    """First come first served on what is there."""
    where = placement.KINDS["committed_first"].model_validate({"burst_after": {"kind": "infinite"}})
    return Policy("fifo", queueing.KINDS["fifo"](blocking="strict"), where)


def waits(world: World) -> int:
    """Run the engine; the sum of waits, off the ledger."""
    rows = run(world, in_order()).started.rows()
    return int((rows[np.argsort(rows[:, 1]), 0] - world.jobs.arrival_s).sum())


def seconds(what: Callable[[], object]) -> float:
    """Processor seconds of one call."""
    gc.collect()
    begun = time.process_time()
    what()
    return time.process_time() - begun


def ratio(top: Callable[[], object], bottom: Callable[[], object], turns: int) -> float:
    """Median over paired turns of the time of one over the time of the other."""
    return statistics.median(seconds(top) / seconds(bottom) for _ in range(turns))


def trace_world(count: int | None) -> World:
    """The first jobs of the PAI trace (all of them where count is None) on 100 own GPUs and on demand beyond.

    Where more are asked for than there are, the whole trace comes again, each time later by its own length and a day.
    """
    with gzip.open(shared("data", "workloads", "pai_100k_h1.csv.gz"), "rt") as lines:
        rows = [(int(r["submit_s"]), int(r["duration_s"]), int(r["units"])) for r in csv.DictReader(lines)]
    rows = sorted(rows)
    shift_s, tiles = rows[-1][0] + DAY_S, -(-(count or 1) // len(rows))
    rows = [(at + tile * shift_s, lasts, units) for tile in range(tiles) for at, lasts, units in rows][:count]
    sizes = sorted({units for _, _, units in rows})
    work = np.array([duration * units * MILLI for _, duration, units in rows])
    many = Path.constant(UNLIMITED)
    shape = Shape("GPU", gpus=max(*sizes, 8))
    jobs = JobTable(
        tuple(Need("pai", milli=units * MILLI, reference_gpu="GPU") for units in sizes),
        np.array([sizes.index(units) for _, _, units in rows]),
        np.array([submit for submit, _, _ in rows]),
        work,
        work,
        np.full(len(rows), NEVER),
    )
    offers = (
        Offer("own", "datacenter", Shape("GPU", gpus=100)),
        Offer("cloud", "on_demand", shape, launchable=many, keepable=many, price=Path.constant(8.0)),
    )
    return World(int(jobs.arrival_s[-1]) + 1, jobs, offers, orders=(Order("own", 1),))


def bursting() -> Policy:
    """Own first, then on demand after an hour."""
    where = placement.KINDS["committed_first"].model_validate({"burst_after": {"kind": "constant", "wait": "1 h"}})
    return Policy("burst", queueing.KINDS["fifo"](blocking="skipping"), where)


def bytes_a_job(world: World) -> float:
    """Peak bytes that a run takes beyond its world, over its jobs."""
    tracemalloc.start()
    run(world, bursting())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / len(world.jobs)


def heavy_imports() -> list[str]:
    """Which heavy packages `marketsim --help` imports: none should be."""
    code = (
        "import sys; from marketsim.cli.main import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    found: list[str] = json.loads(out.stderr.strip().splitlines()[-1].replace("'", '"'))
    return found


class Figure(NamedTuple):
    """What was found, and what is wanted: at most, at least, or nothing in particular."""

    found: float
    at_most: float | None = None
    at_least: float | None = None

    @property
    def good(self) -> bool:
        """Whether it is within what is wanted."""
        return (self.at_most is None or self.found <= self.at_most) and (
            self.at_least is None or self.found >= self.at_least
        )

    def told(self) -> str:
        """The figure and what is wanted, in words."""
        if self.at_most is not None:
            return f"{self.found:.3g}, wanted at most {self.at_most:.3g}"
        return f"{self.found:.3g}" + ("" if self.at_least is None else f", wanted at least {self.at_least:.3g}")


def of_queue(count: int, turns: int) -> dict[str, Figure]:
    """M/M/10: the kernel, the engine and others over bare heapq."""
    arrival, service = customers(count)
    lists = arrival.tolist(), service.tolist()
    world = queue_world(arrival, service)
    if not bare(*lists) == on_kernel(*lists) == waits(world):
        raise SystemExit("error: the three programs do not agree on the sum of waits")
    found = {
        "kernel over bare heapq": Figure(ratio(lambda: on_kernel(*lists), lambda: bare(*lists), turns), 1.4),
        "engine over bare heapq": Figure(ratio(lambda: waits(world), lambda: bare(*lists), turns), 5.0),
    }
    few = arrival[:5_000], service[:5_000]
    short, world = (few[0].tolist(), few[1].tolist()), queue_world(*few)
    for name, rival in speed_rivals.rivals()[0].items():
        if rival(*short) != bare(*short):
            raise SystemExit(f"error: {name} does not agree on the sum of waits")
        over = ratio(lambda rival=rival: rival(*short), lambda: waits(world), turns)  # type: ignore[misc]
        found[f"{name} over engine, M/M/10"] = Figure(over)
    return found


def of_market(count: int, turns: int) -> dict[str, Figure]:
    """The spot market in plain SimPy over the engine, once both have found the same dollars."""
    world = speed_market.market(count)
    ours, theirs = speed_market.ours(world), speed_market.idiomatic(world)
    if ours[1:] != theirs[1:] or abs(ours[0] - theirs[0]) > 1e-6 * theirs[0]:
        raise SystemExit(f"error: the two markets do not agree: {ours} and {theirs}")
    over = ratio(lambda: speed_market.idiomatic(world), lambda: speed_market.ours(world), turns)
    return {"SimPy processes over engine, spot market at equal cost": Figure(over, at_least=5.0)}


def of_trace(quick: bool) -> dict[str, Figure]:
    """Growth of time with the number of jobs, bytes a job, metrics over a run."""
    counts = [1_000, 5_000, 15_000] if quick else [1_000, 5_000, 10_000, 49_752, 100_000, 1_000_000]
    found, took = {}, {}
    for count in counts:
        world = trace_world(count)
        took[count] = seconds(lambda world=world: run(world, bursting()))  # type: ignore[misc]
        found[f"jobs a second of processor time, {count:,} jobs"] = Figure(count / took[count])
    for small, large in ((5_000, 15_000),) if quick else ((5_000, 49_752), (100_000, 1_000_000)):
        limit = 12.0 / 10 * large / small
        found[f"time of {large:,} jobs over {small:,}"] = Figure(took[large] / took[small], limit)
    world = trace_world(5_000 if quick else 49_752)
    found["bytes a job beyond the world"] = Figure(bytes_a_job(world), 400.0)
    ledger = run(world, bursting())
    share = seconds(lambda: measure(world, ledger)) / seconds(lambda: run(world, bursting()))
    found["metrics over run"] = Figure(share, 0.10)
    return found


def of_product(quick: bool) -> dict[str, Figure]:
    """What a user waits for, and what the shipped scenarios take."""
    found = {
        "heavy packages of --help": Figure(float(len(heavy_imports())), 0.0),
        "--help over an empty program": Figure(speed_product.help_over_nothing(3)),
        "efficiency of two processes": Figure(speed_product.parallel_efficiency(4 if quick else 40)),
        "bound over run, scenario speech": Figure(speed_product.bound_over_run()),
        "milliseconds to draw a year of 20 hourly prices": Figure(speed_product.year_of_series_ms(), 50.0),
    }
    for rate in speed_product.rates(1 if quick else 3):
        name = rate.scenario
        found[f"{name}: runs a second"] = Figure(rate.runs_per_s)
        found[f"{name}: load over run"] = Figure(rate.load_s / statistics.fmean(rate.run_s.values()))
        found[f"{name}: drawing over run"] = Figure(rate.build_s / statistics.fmean(rate.run_s.values()))
        found[f"{name}: minutes of 1,000 x {len(rate.run_s)} policies on 2 cores"] = Figure(rate.minutes())
        if name == "startup":
            found["startup: minutes of 1,000 x 6 policies on 2 cores"] = Figure(rate.minutes(speed_product.SIX), 5.0)
    return found


def figures(quick: bool) -> dict[str, Figure]:
    """Name -> what was found."""
    return (
        of_queue(20_000 if quick else 200_000, 3)
        | of_market(5_000 if quick else 20_000, 3)
        | of_trace(quick)
        | of_product(quick)
    )


def main(arguments: list[str]) -> None:
    """Print every figure beside the limit wanted."""
    tally = Tally(verbose="--json" not in arguments)
    found = figures("--quick" in arguments)
    document = {name: figure._asdict() for name, figure in found.items()}
    if "--json" in arguments:
        print(json.dumps(document))
    if "--history" in arguments:
        with open(arguments[arguments.index("--history") + 1], "a", encoding="utf-8") as file:
            file.write(json.dumps({"at": datetime.now(UTC).isoformat(timespec="seconds")} | document) + "\n")
    for name, figure in found.items():
        tally.check(name, figure.good, figure.told())
    for name in speed_rivals.rivals()[1]:
        tally.skipped.append(f"{name}: not installed, it comes with the extra [dev]")
    tally.end()


if __name__ == "__main__":
    main(sys.argv[1:])
