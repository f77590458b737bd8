"""Where replications run: in this process, in processes of this machine, or on a cluster; the same rows everywhere.

One interface, `concurrent.futures.Executor`. Work goes out in chunks of about three quarters of a second, few at a
time, so that progress shows, a stop is quick and a lost worker costs little. A worker that dies takes the whole pool
with it; the pool is rebuilt, what is missing is sent again, and a pair that kills its worker three times is named.
"""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from concurrent import futures
from multiprocessing import connection, get_context, parent_process
from typing import Any, Protocol

from marketsim.errors import InputError, MissingExtra
from marketsim.experiment.task import Outcome, Pair, Task, run_chunk

CHUNK_S = 0.75  # of work a chunk aims at
LONGEST_CHUNK = 1_000
MOST_WORKERS = 512
RETRIES = 2


class Runner(Protocol):
    """A place to run. `workers` are busy at once; `executor` may change after `rebuild`."""

    workers: int

    @property
    def executor(self) -> futures.Executor:
        """Where chunks are submitted."""
        ...

    def rebuild(self) -> None:
        """A fresh executor after the old one broke."""
        ...

    def close(self, kill: bool = False) -> None:
        """Give everything back; `kill` without waiting for what runs."""
        ...


class _Here(futures.Executor):
    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> futures.Future[Any]:
        """Run it now; what the call raises is kept, what interrupts it is not."""
        future: futures.Future[Any] = futures.Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


class Serial:
    """In this process, one pair after the other."""

    workers = 1

    def __init__(self) -> None:
        self.executor: futures.Executor = _Here()

    def rebuild(self) -> None:
        """Nothing can break."""

    def close(self, kill: bool = False) -> None:
        """Nothing is held."""


class Processes:
    """A pool of processes of this machine, started afresh (`spawn`), so that they inherit nothing."""

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self.executor: futures.Executor = self._make()

    def _make(self) -> futures.ProcessPoolExecutor:
        return futures.ProcessPoolExecutor(self.workers, mp_context=get_context("spawn"), initializer=_begin_worker)

    def rebuild(self) -> None:
        """A new pool; what is left of the old one is killed."""
        self.close(kill=True)
        self.executor = self._make()

    def close(self, kill: bool = False) -> None:
        """End the pool."""
        processes = list((getattr(self.executor, "_processes", None) or {}).values())
        self.executor.shutdown(wait=not kill, cancel_futures=True)
        if kill:
            for process in processes:
                process.kill()


def _begin_worker() -> None:
    """A worker leaves Ctrl-C, which reaches every process of a terminal, to the driver, and ends when the driver does.

    Its own queue keeps a worker waiting for ever after a driver that was killed; so a thread waits for that instead.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    driver = parent_process()
    if driver is not None:
        threading.Thread(target=_end_with, args=(driver.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    connection.wait([sentinel])
    os._exit(1)


class Dask:
    """A Dask cluster: `local` for one on this machine, or the scheduler's address."""

    def __init__(self, address: str, workers: int = 2, timeout_s: float = 10.0) -> None:
        try:
            from distributed import Client, LocalCluster
        except ImportError:
            raise MissingExtra("distributed", "dask") from None
        self._cluster: Any = None
        if address == "local":
            self._cluster = LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None)
            self.client = Client(self._cluster)
        else:
            try:
                self.client = Client(address, timeout=timeout_s)
            except OSError as error:
                raise InputError(f"no Dask scheduler answers at {address}: {error}") from None
        self.workers = max(sum(self.client.nthreads().values()), 1)
        self.executor: futures.Executor = self.client.get_executor(pure=False, retries=RETRIES)

    def rebuild(self) -> None:
        """The scheduler replaces its workers itself; only a new face to it is needed."""
        self.executor = self.client.get_executor(pure=False, retries=RETRIES)

    def worker_pids(self) -> list[int]:
        """Process numbers of the workers, in order of their addresses."""
        found: dict[str, int] = self.client.run(os.getpid)
        return [found[address] for address in sorted(found)]

    def close(self, kill: bool = False) -> None:
        """Leave the cluster, and end it where it is ours."""
        self.client.close()
        if self._cluster is not None:
            self._cluster.close()


def make(workers: int | None = None, cluster: str | None = None) -> Runner:
    """A runner: a cluster where named, this process for 1 worker, else a pool; None means one worker a core.

    Raises InputError for fewer than 1 or more than 512 workers.
    """
    count = cores() if workers is None else workers
    if not 1 <= count <= MOST_WORKERS:
        raise InputError(f"workers: out of range (got {count}); allowed: 1 to {MOST_WORKERS}")
    if cluster is not None:
        return Dask(cluster, count)
    return Serial() if count == 1 else Processes(count)


def cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return max(len(os.sched_getaffinity(0)), 1)
    return os.cpu_count() or 1


def drive(
    task: Task,
    pairs: Iterable[Pair],
    runner: Runner,
    on_outcomes: Callable[[list[Outcome]], None],
    chunk: int | None = None,
) -> None:
    """Run all pairs; hand over outcomes chunk by chunk, in the order in which they end.

    chunk: pairs a chunk, None to aim at three quarters of a second. Whatever interrupts the wait, what has ended is
    handed over first; then the workers are killed and the interruption goes on.
    """
    _Drive(task, pairs, runner, on_outcomes, chunk).run()


class _Drive:
    """The loop of `drive`: what waits, what is out, what each pair has cost."""

    def __init__(
        self, task: Task, pairs: Iterable[Pair], runner: Runner, on: Callable[[list[Outcome]], None], chunk: int | None
    ) -> None:
        self.task, self.runner, self.on_outcomes, self.fixed = task, runner, on, chunk
        self.waiting = deque(pairs)
        self.out: dict[futures.Future[list[Outcome]], Sequence[Pair]] = {}
        self.deaths: Counter[Pair] = Counter()
        self.suspects: deque[Pair] = deque()
        self.pair_s: float | None = None

    def run(self) -> None:
        """Until nothing waits and nothing is out."""
        try:
            while self.waiting or self.suspects or self.out:
                self._submit()
                done, _ = futures.wait(self.out, timeout=1.0, return_when=futures.FIRST_COMPLETED)
                self._collect(done)
        except BaseException:
            self._flush()
            self.runner.close(kill=True)
            raise

    def _size(self) -> int:
        if self.fixed is not None:
            return self.fixed
        if self.pair_s is None:
            return 1
        share = -(-len(self.waiting) // self.runner.workers)  # the last chunks are shared out, not one worker's
        return max(1, min(round(CHUNK_S / max(self.pair_s, 1e-6)), share, LONGEST_CHUNK))

    def _submit(self) -> None:
        """Keep every worker busy and one chunk ahead; a suspect runs alone, so that its end tells about it alone."""
        while self.waiting and len(self.out) < 2 * self.runner.workers:
            pairs = [self.waiting.popleft() for _ in range(min(self._size(), len(self.waiting)))]
            if not self._send(pairs):
                return
        if self.suspects and not self.out and not self.waiting:
            self._send([self.suspects.popleft()])

    def _send(self, pairs: Sequence[Pair]) -> bool:
        try:
            future = self.runner.executor.submit(run_chunk, self.task, pairs)
        except futures.BrokenExecutor:
            self._died([*pairs])
            return False
        self.out[future] = pairs
        return True

    def _collect(self, done: Iterable[futures.Future[list[Outcome]]]) -> None:
        dead: list[Pair] = []
        for future in sorted(done, key=lambda one: list(self.out).index(one)):
            pairs = self.out.pop(future)
            try:
                outcomes = future.result()
            except Exception as error:
                if not _worker_died(error):
                    raise _not_sent(error) from error
                dead += pairs
                continue
            self._learn(outcomes)
            self.on_outcomes(outcomes)
        if dead:
            self._died(dead)

    def _died(self, pairs: list[Pair]) -> None:
        """A worker died: everything that was out is lost with it, and any of it may be the cause."""
        lost = pairs + [pair for out in self.out.values() for pair in out]
        alone = len(lost) == 1
        self.out.clear()
        self.runner.rebuild()
        for pair in lost:
            self.deaths[pair] += 1
            if self.deaths[pair] <= RETRIES:
                self.waiting.append(pair)
            elif alone:
                text = f"its worker died {self.deaths[pair]} times (killed, or out of memory)"
                self.on_outcomes([Outcome(*pair, None, text, 1)])
            else:
                self.suspects.append(pair)

    def _learn(self, outcomes: list[Outcome]) -> None:
        mean = sum(one.seconds for one in outcomes) / len(outcomes)
        self.pair_s = mean if self.pair_s is None else 0.7 * self.pair_s + 0.3 * mean

    def _flush(self) -> None:
        """Hand over what has ended already."""
        for future in list(self.out):
            if future.done() and not future.cancelled() and future.exception() is None:
                self.on_outcomes(future.result())
                del self.out[future]


def _worker_died(error: Exception) -> bool:
    return isinstance(error, futures.BrokenExecutor) or type(error).__name__ in ("KilledWorker", "CancelledError")


def _not_sent(error: Exception) -> Exception:
    """A task that cannot be pickled is the user's to know about; all else goes on as it is."""
    if "pickle" in f"{type(error).__name__} {error}".lower():
        return InputError(
            f"a policy or metric of your own cannot be sent to worker processes ({error}); define it at the top of a "
            "module, or use 1 worker"
        )
    return error
