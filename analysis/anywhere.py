"""Is a study the same wherever it runs, what does a cluster cost a task, and what does a second process gain?

    python -m analysis.anywhere [--quick] [--only NAME]

All on the tiny scenario of `analysis.faults`. Sameness is of bytes; the times are of this machine, whose load is
printed beside them because it may be shared.
"""

from __future__ import annotations

import hashlib
import os
import pathlib
import pickle
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from analysis import common, faults, statistics
from marketsim import scenario
from marketsim.experiment import folder, runners, study, task
from marketsim.experiment.store import FILE

POLICIES = ("cloud-only", "spot-first")
ALONE = """
import sys
from analysis import faults
from marketsim import scenario
from marketsim.experiment import study
if __name__ == "__main__":
    out, n, cluster, workers, chunk = sys.argv[1:]
    study.run_study(
        scenario.loads(faults.GIVEN), replications=int(n), workers=int(workers), chunk=int(chunk) or None, out=out,
        given=faults.GIVEN, cluster=cluster or None,
    )
"""


class Way(NamedTuple):
    """How a study is run; chunk 0 lets the size follow the clock, as it does for users."""

    cluster: str
    workers: int
    chunk: int
    hash_seed: str
    zone: str


WAYS = (
    Way("", 1, 1, "0", "UTC"),
    Way("", 1, 7, "1", "Pacific/Chatham"),
    Way("", 1, 50, "random", "America/New_York"),
    Way("", 2, 1, "7", "Asia/Kolkata"),
    Way("", 2, 7, "random", "UTC"),
    Way("", 2, 50, "0", "Pacific/Chatham"),
    Way("", 4, 1, "random", "America/New_York"),
    Way("", 4, 7, "0", "Asia/Kolkata"),
    Way("", 4, 50, "1", "UTC"),
    Way("", 2, 0, "random", "Pacific/Chatham"),
    Way("local", 2, 7, "random", "America/New_York"),
    Way("local", 2, 50, "0", "UTC"),
)


def sameness(tally: common.Tally, quick: bool) -> None:
    """One sha256 of the whole results folder, each way in a process of its own."""
    n = 60  # of two policies: a chunk of 50 is then less than all
    found: dict[str, list[Way]] = {}
    print("      sha256 of all files             where   workers chunk  hash seed  time zone")
    with tempfile.TemporaryDirectory() as base:
        script = pathlib.Path(base, "alone.py")
        script.write_text(ALONE)
        for turn, way in enumerate(WAYS):
            out = pathlib.Path(base, f"r{turn}")
            environ = {**os.environ, "PYTHONHASHSEED": way.hash_seed, "TZ": way.zone, "PYTHONPATH": str(common.ROOT)}
            words = [sys.executable, str(script), str(out), str(n), way.cluster, str(way.workers), str(way.chunk)]
            subprocess.run(words, env=environ, check=True)
            digest = of_folder(out)
            found.setdefault(digest, []).append(way)
            where = "Dask" if way.cluster else "here" if way.workers == 1 else "pool"
            chunk = str(way.chunk) if way.chunk else "clock"
            rest = f"{way.workers:7} {chunk:>5}  {way.hash_seed:9}  {way.zone}"
            print(f"      {digest[:28]}    {where}  {rest}", flush=True)
    whole = next(iter(found))
    tally.check("a folder's bytes do not tell how it was run", len(found) == 1, f"{len(WAYS)} ways, {whole}")


def of_folder(out: pathlib.Path) -> str:
    """One sha256 over the names and the bytes of all files of a folder."""
    whole = hashlib.sha256()
    for path in sorted(path for path in out.rglob("*") if path.is_file()):
        whole.update(str(path.relative_to(out)).encode() + b"\0" + path.read_bytes())
    return whole.hexdigest()


def nothing(policy: str, replication: int) -> dict[str, float | None]:
    """A replication that takes no time: all that is left is what a task costs."""
    return {"total_cost_usd": float(replication)}


def dask(tally: common.Tally, quick: bool) -> None:
    """2,000 replications on a local cluster of 2 workers, one of which is killed midway; then what a task costs."""
    from analysis import anywhere as me  # as a module of its own, so that workers can import its functions

    n = 300 if quick else 2_000
    made = task.ScenarioTask(scenario.loads(faults.GIVEN), 1)
    place = runners.Dask("local", 2)
    killed: list[int] = []
    seen: list[study.Progress] = []

    def kill_one(state: study.Progress) -> None:
        seen.append(state)
        if not killed and state.done > state.total / 2:
            killed.append(place.worker_pids()[0])
            os.kill(killed[0], signal.SIGKILL)

    try:
        began = time.perf_counter()
        found = study.run_task(made, POLICIES, n, place, progress=kill_one)
        took = time.perf_counter() - began
        tasks, chunks = len(seen), 2 * n / len(seen)
        empty_ms, core_ms = min(empty_task_ms(me.nothing, place, 400) for _ in range(3))
    finally:
        place.close()
    alone = study.run_task(made, POLICIES, n)
    here, there = folder.tables(alone), folder.tables(found)
    differ = [name for name in here if here[name] != there[name]]
    detail = f"{n} replications of 2 policies in {tasks} tasks and {took:.1f} s, {len(killed)} worker killed"
    detail += f", differing: {', '.join(differ) or 'nothing'}"
    tally.check("Dask gives the tables of one process though a worker was killed", bool(killed) and not differ, detail)
    for one in found.failures[:3]:
        print(f"      failed: {one.policy} {one.replication}: {one.error}")
    for name in differ:
        lines = zip(here[name].splitlines(), there[name].splitlines(), strict=False)
        print(f"      {name}: {next((pair for pair in lines if pair[0] != pair[1]), 'one is longer')}")
    pool = runners.Processes(2)
    try:
        empty_task_ms(me.nothing, pool, 20)
        pool_ms, pool_core_ms = min(empty_task_ms(me.nothing, pool, 400) for _ in range(3))
    finally:
        pool.close()
    load = f"load average {os.getloadavg()[0]:.1f} on {runners.cores()} cores"
    share = core_ms / (1000 * runners.CHUNK_S)
    print(f"      a task that does nothing: {empty_ms:.2f} ms on Dask, {pool_ms:.2f} ms in a pool ({load}),")
    print(f"      of which the driver with its scheduler works {core_ms:.2f} ms and {pool_core_ms:.2f} ms")
    print(f"      a task aims at {1000 * runners.CHUNK_S:.0f} ms of work, here {chunks:.0f} pairs on average")
    tally.check("what Dask costs a task is below a tenth of a chunk's work", share < 0.1, f"{100 * share:.1f} %")


def empty_task_ms(empty: task.Task, place: runners.Runner, tasks: int) -> tuple[float, float]:
    """Milliseconds a task, sent, run and returned one pair at a time: by the clock, and of this process's core."""
    began, worked = time.perf_counter(), time.process_time()
    runners.drive(empty, [("x", r) for r in range(tasks)], place, lambda _: None, chunk=1)
    clock, core = time.perf_counter() - began, time.process_time() - worked
    return 1000 * clock / tasks, 1000 * core / tasks


def busy(policy: str, replication: int) -> dict[str, float | None]:
    """A replication of 60 ms of a core's own time."""
    until = time.process_time() + 0.06
    while time.process_time() < until:
        pass
    return nothing(policy, replication)


def speed(tally: common.Tally, quick: bool) -> None:
    """Two processes against one on replications of 60 ms, in turns, the best of each; wants two cores for itself."""
    from analysis import anywhere as me

    n, turns = 50, 3 if quick else 6
    took: dict[int, list[float]] = {1: [], 2: []}
    places = {workers: runners.Processes(workers) for workers in took}
    try:
        for workers, place in places.items():
            runners.drive(me.nothing, [("x", r) for r in range(4 * workers)], place, lambda _: None, chunk=1)
        for _ in range(turns):
            for workers, place in places.items():
                began = time.perf_counter()
                runners.drive(me.busy, [("x", r) for r in range(n)], place, lambda _: None, chunk=5)
                took[workers].append(time.perf_counter() - began)
    finally:
        for place in places.values():
            place.close()
    gain, load = min(took[1]) / min(took[2]), os.getloadavg()[0]
    times = " against ".join(", ".join(f"{one:.1f}" for one in took[workers]) + " s" for workers in took)
    detail = f"{gain:.2f} times ({times}), load average {load:.1f} on {runners.cores()} cores"
    if load > runners.cores() + 0.5 and gain < 1.8:
        tally.skipped.append(f"speed-up of 2 processes: the machine is busy with other things ({detail})")
        return
    tally.check("two processes are 1.8 times one", gain >= 1.8, detail)


def million(tally: common.Tally, quick: bool) -> None:
    """What a million replications of scenarios/startup.yaml would take: time a pair, bytes a row, bytes a task."""
    from marketsim.scenario import load

    made = task.ScenarioTask(load(common.ROOT / "scenarios" / "startup.yaml"), 1)
    names = statistics.WAYS
    made(names[0], 0)
    began, pairs = time.process_time(), []
    for replication in range(1, 2 if quick else 4):
        pairs += task.run_chunk(made, [(name, replication) for name in names])
    pair_s = (time.process_time() - began) / len(pairs)
    from marketsim.experiment.store import Store

    with tempfile.TemporaryDirectory() as base:
        with Store(base, "x", study.versions()) as store:
            for turn in range(40):
                store.write([one._replace(replication=1000 * turn + one.replication) for one in pairs])
            store.settle()
        row_bytes = pathlib.Path(base, FILE).stat().st_size / (40 * len(pairs))
    held = sum(sys.getsizeof(one.row) + sum(map(sys.getsizeof, (one.row or {}).values())) for one in pairs) / len(pairs)
    sent, back = len(pickle.dumps(made)), len(pickle.dumps(pairs)) / len(pairs)
    everything = 1_000_000 * len(names)
    chunk = max(1, round(runners.CHUNK_S / pair_s))
    print(
        f"      a pair (one policy, one replication): {pair_s:.2f} s of a core, {row_bytes / 1000:.1f} kB in the store,"
    )
    print(f"      {held / 1000:.1f} kB in the driver's memory until the study ends")
    print(f"      a task: {chunk} pairs; {sent / 1000:.0f} kB out, {chunk * back / 1000:.1f} kB back")
    print(
        f"      a million replications of {len(names)} policies: {everything / chunk:,.0f} tasks, "
        f"{everything * pair_s / 3600:,.0f} core-hours, {everything * row_bytes / 1e9:,.0f} GB of rows"
    )
    tally.check("every pair ran", all(one.row is not None for one in pairs), f"{len(pairs)} pairs")


PARTS: list[Callable[[common.Tally, bool], Any]] = [sameness, dask, speed, million]


if __name__ == "__main__":
    common.run_parts(__doc__, PARTS, quick="300 replications on Dask instead of 2,000")
