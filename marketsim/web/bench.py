"""Where the page's simulations run: one process apart, with bounded memory and time, and a bounded queue before it.

A run that takes too long, or is called off, is ended by ending the process; a fresh one takes its place. The page's own
process never simulates, so it always answers.
"""

from __future__ import annotations

import contextlib
import queue
import secrets
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from multiprocessing import get_context
from typing import Any

from marketsim.errors import InputError, MarketsimError
from marketsim.experiment.results import Results

MOST_WAITING = 8
MOST_KEPT = 40
MOST_BYTES = 3 << 30  # of the simulating process
QUICK_S, RUN_S = 60.0, 1_800.0  # the longest that an address, and a run that was asked for, may take
MOST_EVENTS_S = 0.2


class Full(MarketsimError):
    """Too many runs wait already."""


@dataclass(frozen=True)
class Task:
    """What to simulate: a scenario's text and folder, edits, policies, n; example: with the tables of a single run."""

    text: str
    folder: str | None
    edits: tuple[tuple[str, Any], ...]
    policies: tuple[str, ...]
    n: int
    example: bool = False


@dataclass
class Run:
    """A task on its way. state: waiting, running, done, failed, cancelled; done and total count policy runs."""

    task: Task
    id: str = field(default_factory=lambda: secrets.token_urlsafe(12))
    state: str = "waiting"
    done: int = 0
    total: int = 0
    error: str = ""
    fault: bool = False  # whether what was asked is to blame
    results: Results | None = None
    tables: dict[str, Any] = field(default_factory=dict)
    finished: threading.Event = field(default_factory=threading.Event)
    cancelled: bool = False

    def end(self, state: str, error: str = "", fault: bool = False) -> None:
        """The run is over."""
        self.state, self.error, self.fault = state, error, fault
        self.finished.set()


class Bench:
    """Runs tasks one after the other. `ask` joins a task that is already under way or known; `close` ends all."""

    def __init__(self, quick_s: float = QUICK_S, run_s: float = RUN_S) -> None:
        self.quick_s, self.run_s = quick_s, run_s
        self._lock = threading.Lock()
        self._runs: OrderedDict[str, Run] = OrderedDict()
        self._of_task: dict[Task, str] = {}
        self._waiting: queue.Queue[Run | None] = queue.Queue()
        self._process: Any = None
        self._pipe: Any = None
        self._thread = threading.Thread(target=self._work, name="marketsim-bench", daemon=True)
        self._thread.start()

    def ask(self, task: Task) -> Run:
        """The run of a task: a known one, or a new one at the end of the queue. Raises Full where the queue is."""
        with self._lock:
            known = self._runs.get(self._of_task.get(task, ""))
            if known is not None and known.state not in ("failed", "cancelled"):
                self._runs.move_to_end(known.id)
                return known
            waiting = sum(run.state in ("waiting", "running") for run in self._runs.values())
            if waiting >= MOST_WAITING:
                raise Full(f"{waiting} runs wait already; try again in a moment")
            run = Run(task)
            self._runs[run.id] = run
            self._of_task[task] = run.id
            self._forget()
        self._waiting.put(run)
        return run

    def get(self, id: str) -> Run | None:
        """A run by its id, None where it is not known (any more)."""
        with self._lock:
            return self._runs.get(id)

    def cancel(self, run: Run) -> None:
        """Call a run off; what it had is thrown away."""
        run.cancelled = True
        if run.state == "waiting":
            run.end("cancelled")

    def close(self) -> None:
        """End the process and the queue."""
        with self._lock:
            runs = list(self._runs.values())
        for run in runs:
            run.cancelled = True
        self._waiting.put(None)
        self._end_process()
        self._thread.join(timeout=2)

    def _forget(self) -> None:
        """Drop the oldest runs that are over."""
        over = [id for id, run in self._runs.items() if run.finished.is_set()]
        for id in over[: max(len(self._runs) - MOST_KEPT, 0)]:
            run = self._runs.pop(id)
            if self._of_task.get(run.task) == id:
                del self._of_task[run.task]

    # ------------------------------------------------------------------------------------------------ the thread

    def _work(self) -> None:
        while True:
            run = self._waiting.get()
            if run is None:
                return
            if run.cancelled:
                run.end("cancelled")
                continue
            try:
                self._drive(run)
            except Exception:
                self._end_process()
                run.end("failed", "the run ended unexpectedly")

    def _drive(self, run: Run) -> None:
        """Send the task, listen until it is over, too long, called off, or its process is gone."""
        self._ready()
        run.state = "running"
        limit = time.monotonic() + (self.run_s if run.task.example else self.quick_s)
        self._pipe.send(run.task)
        while True:
            if run.cancelled:
                self._end_process()
                return run.end("cancelled")
            if time.monotonic() > limit:
                self._end_process()
                return run.end("failed", "the run took too long and was ended")
            try:
                if not self._pipe.poll(MOST_EVENTS_S):
                    continue
                what, value = self._pipe.recv()
            except (EOFError, OSError):
                self._end_process()
                return run.end("failed", "the run used too much memory or was ended")
            if what == "progress":
                run.done, run.total = value
            elif what == "fault":
                return run.end("failed", value, fault=True)
            elif what == "failed":
                return run.end("failed", value)
            else:
                run.results, run.tables = value
                return run.end("done")

    def _ready(self) -> None:
        if self._process is not None and self._process.is_alive():
            return
        context = get_context("spawn")
        self._pipe, other = context.Pipe()
        self._process = context.Process(target=simulate, args=(other, MOST_BYTES), daemon=True)
        self._process.start()
        other.close()

    def _end_process(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(Exception):
                process.kill()
                process.join(timeout=2)
        if self._pipe is not None:
            with contextlib.suppress(Exception):
                self._pipe.close()


# ---------------------------------------------------------------------------------------------------- the process


def simulate(pipe: Any, most_bytes: int) -> None:
    """The process apart: tasks in; progress, then results or an error out. Ends when its pipe does."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal reaches it too; the page's process decides
    _bound_memory(most_bytes)
    while True:
        try:
            task = pipe.recv()
        except (EOFError, OSError):
            return
        try:
            pipe.send(("done", _simulated(task, pipe)))
        except InputError as error:
            pipe.send(("fault", "; ".join(error.lines()[:3])))
        except MemoryError:
            pipe.send(("failed", "the run used too much memory"))
        except (BrokenPipeError, OSError):
            return
        except Exception:
            pipe.send(("failed", "the run failed"))


def _bound_memory(most_bytes: int) -> None:
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (most_bytes, most_bytes))


def _simulated(task: Task, pipe: Any) -> tuple[Results, dict[str, Any]]:
    from marketsim import scenario as scenarios
    from marketsim.experiment import study
    from marketsim.experiment.task import ScenarioTask

    scenario = scenarios.loads(task.text, task.folder)
    if task.edits:
        scenario = scenario.changed(dict(task.edits))
    results = study.run_task(
        ScenarioTask(scenario, scenario.seed),
        task.policies,
        study.Plan(task.n),
        progress=lambda state: pipe.send(("progress", (state.done, state.total))),
        chunk=1,
        name=scenario.name,
        objective=scenario.objective,
        confidence=scenario.experiment.confidence,
        stamp={"seed": scenario.seed, "scenario": scenario.name, "hash": scenario.digest, "versions": study.versions()},
    )
    if results.failures:
        raise InputError(results.failures[0].error or "a replication failed")
    tables: dict[str, Any] = {}
    if task.example:
        from marketsim.report import run_tables
        from marketsim.report import tables as of

        first = str(of.ranking(results)["policy"].iloc[0])
        tables = run_tables.of_example(scenario, results, first)
    return results, tables
