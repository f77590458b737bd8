"""How fast the house is, as ratios within one run, so that a figure says the same on any machine.

    python -m analysis.speed [--quick] [--json]

M/M/10 with arrivals on the heap: bare heapq, the kernel's `call_at`, the whole engine with rules and ledger. Growth
from 5,000 jobs of a real trace to all of it. Bytes a job. Metrics against the run. Each ratio is the median of paired
turns. The limits wanted are printed beside; what misses one counts as failed. `--json` prints one document.
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

import numpy as np

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
from marketsim.units import MILLI, UNLIMITED
from marketsim.world import Order, World

UNIT = 1_000_000
SERVERS, LOAD = 10, 8.0
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
    """The same on the kernel's `call_at`."""
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

    for i, t in enumerate(arrival):
        call_at(t, ARRIVE, arrive, i)
    kernel.run_all()
    return state[1]


def queue_world(arrival: np.ndarray, service: np.ndarray) -> World:
    """The same queue as a world: ten GPUs of one machine."""
    work = service * MILLI
    size = len(work)
    jobs = JobTable((Need("job", reference_gpu="GPU"),), np.zeros(size), arrival, work, work, np.full(size, NEVER))
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
    """The first jobs of the PAI trace (all of them where count is None) on 100 own GPUs and on demand beyond."""
    with gzip.open(shared("data", "workloads", "pai_100k_h1.csv.gz"), "rt") as lines:
        rows = [(int(r["submit_s"]), int(r["duration_s"]), int(r["units"])) for r in csv.DictReader(lines)]
    rows = sorted(rows)[:count]
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


def figures(quick: bool) -> dict[str, tuple[float, float]]:
    """Name -> (found, at most wanted)."""
    count, turns = (20_000, 3) if quick else (200_000, 3)
    arrival, service = customers(count)
    lists = arrival.tolist(), service.tolist()
    world = queue_world(arrival, service)
    if not bare(*lists) == on_kernel(*lists) == waits(world):
        raise SystemExit("error: the three programs do not agree on the sum of waits")
    found = {
        "kernel over bare heapq": (ratio(lambda: on_kernel(*lists), lambda: bare(*lists), turns), 1.4),
        "engine over bare heapq": (ratio(lambda: waits(world), lambda: bare(*lists), turns), 8.0),
    }
    small, large = trace_world(5_000), trace_world(15_000 if quick else None)
    grown = len(large.jobs) / len(small.jobs)
    by_growth = ratio(lambda: run(large, bursting()), lambda: run(small, bursting()), 1 if quick else 3)
    found[f"{len(large.jobs)} jobs over {len(small.jobs)}"] = (by_growth, 12.0 / 9.9504 * grown)
    found["bytes a job beyond the world"] = (bytes_a_job(small if quick else large), 1000.0)
    ledger = run(large, bursting())
    share = seconds(lambda: measure(large, ledger)) / seconds(lambda: run(large, bursting()))
    found["metrics over run"] = (share, 0.10)
    found["heavy packages of --help"] = (float(len(heavy_imports())), 0.0)
    return found


def main(arguments: list[str]) -> None:
    """Print every ratio beside the limit wanted."""
    tally = Tally(verbose="--json" not in arguments)
    found = figures("--quick" in arguments)
    if "--json" in arguments:
        print(json.dumps({name: {"found": value, "wanted": limit} for name, (value, limit) in found.items()}))
    for name, (value, limit) in found.items():
        tally.check(name, value <= limit, f"{value:.3g}, wanted at most {limit:.3g}")
    tally.end()


if __name__ == "__main__":
    main(sys.argv[1:])
