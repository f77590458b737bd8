"""Faults: a study is killed, starved and lied to at every turn; after resuming, its results are byte for byte the same.

    python -m analysis.faults [--quick] [--every N] [--only NAME]

A shim between the program and the kernel (compiled here, loaded with LD_PRELOAD) counts writes below the results
folder and makes the n-th one die, fail with EIO or fail with ENOSPC, for every n. What each fault of the list is
expected to do is said in its line. Needs Linux and a C compiler; without them it says so and fails.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import hashlib
import io
import os
import pathlib
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from typing import Any

from analysis import common

SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>
enum { NONE, KILL, EIO_ONCE, ENOSPC_ONCE, ENOSPC_FROM, SLOW_SYNC };
static int mode = NONE; static long at = 0, seen = 0; static char below[4096];
void fault_arm(int m, long n, const char *folder) { mode = m; at = n; seen = 0; strncpy(below, folder, 4095); }
long fault_seen(void) { return seen; }
static int ours(int fd) {
    char link[64], path[4096]; snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1); if (n < 0) return 0;
    path[n] = 0; return below[0] && strncmp(path, below, strlen(below)) == 0;
}
static int named(const char *path) { return below[0] && path && strncmp(path, below, strlen(below)) == 0; }
static int hit(void) {
    seen++;
    if (mode == NONE || mode == SLOW_SYNC) return 0;
    if (seen == at || (mode == ENOSPC_FROM && seen >= at)) {
        errno = mode == EIO_ONCE ? EIO : ENOSPC; return 1;
    }
    return 0;
}
#define REAL(name) static __typeof__(&name) real; if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)
ssize_t write(int fd, const void *data, size_t n) {
    REAL(write);
    if (ours(fd) && hit()) { if (mode == KILL) { real(fd, data, n / 2); kill(getpid(), SIGKILL); } return -1; }
    return real(fd, data, n);
}
static ssize_t placed(ssize_t (*real)(int, const void *, size_t, off_t), int fd, const void *data, size_t n, off_t o) {
    if (ours(fd) && hit()) { if (mode == KILL) { real(fd, data, n / 2, o); kill(getpid(), SIGKILL); } return -1; }
    return real(fd, data, n, o);
}
ssize_t pwrite(int fd, const void *data, size_t n, off_t o) {
    REAL(pwrite); return placed(real, fd, data, n, o);
}
ssize_t pwrite64(int fd, const void *data, size_t n, off_t o) {
    REAL(pwrite64); return placed(real, fd, data, n, o);
}
#define ON_FD(name) int name(int fd) { REAL(name); \
    if (ours(fd)) { if (mode == SLOW_SYNC) usleep(200000); \
        if (hit()) { if (mode == KILL) kill(getpid(), SIGKILL); return -1; } } return real(fd); }
ON_FD(fsync) ON_FD(fdatasync)
#define CUT(name) int name(int fd, off_t n) { REAL(name); \
    if (ours(fd) && hit()) { if (mode == KILL) kill(getpid(), SIGKILL); return -1; } return real(fd, n); }
CUT(ftruncate) CUT(ftruncate64)
int rename(const char *from, const char *to) {
    REAL(rename);
    if (named(to) && hit()) { if (mode == KILL) kill(getpid(), SIGKILL); return -1; }
    return real(from, to);
}
int unlink(const char *path) {
    REAL(unlink);
    if (named(path) && hit()) { if (mode == KILL) kill(getpid(), SIGKILL); return -1; }
    return real(path);
}
"""
KILL, EIO, ENOSPC, ENOSPC_FROM, SLOW_SYNC = 1, 2, 3, 4, 5
SCENARIO = """
schema_version: 1
name: faults
horizon: 3 d
demand:
  train:
    kind: training
    arrivals: {kind: batches, per_day: 4, batch_mean: 1}
    work_gpu_hours: {kind: lognormal, median: 8, p90: 20}
    reference_gpu: H100
    gang: {kind: constant, gpus: 1}
    deadline: {kind: after_arrival, within: 2 d, usd_per_late_day: 50, usd_at_most: 200}
supply:
  cloud:
    kind: on_demand
    provider: X
    residency: eu
    shape: {gpu: H100, gpus: 1}
    usd_per_gpu_hour: PRICE
  spot:
    kind: spot
    like: cloud
    usd_per_gpu_hour: 1.5
    availability:
      kind: two_state
      available: {kind: exponential, mean: 10 h}
      gone: {kind: exponential, mean: 5 h}
policies:
  cloud-only: {placement: {kind: on_demand_only}}
  spot-first: {placement: {kind: spot_greedy, wait_before_fallback: 1 h}}
"""
GIVEN = SCENARIO.replace("PRICE", "4.0")
N = 3
LONG_S = 900  # of patience with a machine that is busy with other things


class Fault:
    """One trial: a child process that runs a study and may be made to suffer."""

    def __init__(self, base: pathlib.Path, every: int = 1) -> None:
        from marketsim import scenario

        self.base, self.turn, self.every = base, 0, every
        self.scenario = scenario.loads(GIVEN, base)
        self.shim = ctypes.CDLL(None)
        assert self.study(self.fresh()) == 0  # here, so that children find everything loaded and do not load it again
        good = self.fresh()
        began = time.monotonic()
        code, said = self.child(good)
        self.span_s = time.monotonic() - began
        assert code == 0, said
        self.wanted = contents(good)
        count = self.fresh()
        read, write = os.pipe()
        self.child(count, after=lambda: os.write(write, str(self.shim.fault_seen()).encode()), arm=(0, 0))
        self.writes = int(os.read(read, 100))

    def fresh(self) -> pathlib.Path:
        """A results folder that does not exist yet."""
        self.turn += 1
        return self.base / f"r{self.turn}"

    def study(self, folder: pathlib.Path, **how: Any) -> int:
        """What the child does: the exit code."""
        from marketsim.errors import MarketsimError
        from marketsim.experiment import study

        try:
            how = {"scenario": self.scenario, "replications": N, "chunk": 1, "out": folder, "given": GIVEN, **how}
            results = study.run_study(**how)
            for warning in results.warnings:
                print(f"warning: {warning}", file=sys.stderr)
            for failure in results.failures:
                print(f"error: {failure.policy} {failure.replication}: {failure.error}", file=sys.stderr)
            return results.exit_code
        except MarketsimError as error:
            print(f"error: {error}", file=sys.stderr)
            return error.exit_code
        except KeyboardInterrupt:
            return 130

    def start(
        self,
        folder: pathlib.Path,
        arm: tuple[int, int] | None = None,
        before: Callable[[], Any] | None = None,
        after: Callable[[], Any] | None = None,
        **how: Any,
    ) -> tuple[int, int]:
        """A forked child at work: its process number, and the pipe that its words come from."""
        read, write = os.pipe()
        pid = os.fork()
        if pid:
            os.close(write)
            return pid, read
        code = 99
        try:
            os.close(read)
            os.dup2(write, 2)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            if before is not None:
                before()
            if arm is not None:
                self.shim.fault_arm(arm[0], ctypes.c_long(arm[1]), str(folder).encode())
            code = self.study(folder, **how)
            if after is not None:
                after()
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)

    def child(self, folder: pathlib.Path, **how: Any) -> tuple[int, str]:
        """Run a child to its end: its exit code (negative: the signal) and what it said."""
        return finish(*self.start(folder, **how))

    def same(self, folder: pathlib.Path) -> bool:
        """Whether a folder has become what an undisturbed one is."""
        return contents(folder) == self.wanted

    def healed(self, folder: pathlib.Path) -> bool:
        """Whether the same command, given again, ends well and in the same bytes."""
        code, said = self.child(folder)
        return (code == 0 and self.same(folder)) or bool(print(f"  after resume: exit {code}, {said[-300:]}"))


def finish(pid: int, read: int) -> tuple[int, str]:
    """Wait for a child; its exit code and words."""
    with os.fdopen(read, "rb") as stream:
        said = stream.read().decode(errors="replace")
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status), said


def contents(folder: pathlib.Path) -> dict[str, str]:
    """The digest of each file of a folder."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def one_line(code: int, said: str, codes: tuple[int, ...]) -> bool:
    """Whether a child ended with one of the codes and, unless with 0, one line that is no traceback."""
    lines = [line for line in said.splitlines() if not line.startswith("warning:")]
    return code in codes and (code == 0 or (len(lines) == 1 and lines[0].startswith("error:")))


# ----------------------------------------------------------------------------------------------------- the faults


def kill9_driver_random(f: Fault, quick: bool) -> tuple[bool, str]:
    dice, kills, bad = random.Random(1), 0, 0
    wanted = 10 if quick else 100
    while kills < wanted:
        folder = f.fresh()
        while kills < wanted:
            pid, read = f.start(folder)
            time.sleep(dice.random() * f.span_s)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            code, _ = finish(pid, read)
            if code == 0:
                break
            kills += 1
        folder.mkdir(exist_ok=True)
        bad += not f.same(folder) and not f.healed(folder)
    return bad == 0, f"{kills} kills -9 of the driver at random moments, {bad} results that differ"


def kill9_worker_random(f: Fault, quick: bool) -> tuple[bool, str]:
    dice, kills, bad = random.Random(2), 0, 0
    for turn in range(2 if quick else 12):
        folder = f.fresh()
        pid, read = f.start(folder, workers=2)
        until = time.monotonic() + LONG_S
        victims: list[int] = []
        while not victims and time.monotonic() < until:
            victims = [child for child in children(pid) if "spawn_main" in command(child)]
            time.sleep(0.01)
        time.sleep(dice.random() * 2)
        whom = pid if turn % 4 == 3 else dice.choice(victims or [pid])
        with contextlib.suppress(ProcessLookupError):
            os.kill(whom, signal.SIGKILL)
            kills += 1
        finish(pid, read)
        bad += not f.healed(folder)
        bad += any(alive(child) for child in victims)
    return bad == 0, f"{kills} kills -9 of a worker or of the driver of a pool, {bad} results that differ or orphans"


def children(pid: int) -> list[int]:
    with contextlib.suppress(OSError):
        return [int(word) for word in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def command(pid: int) -> str:
    with contextlib.suppress(OSError):
        return pathlib.Path(f"/proc/{pid}/cmdline").read_text(errors="replace")
    return ""


def alive(pid: int, wait_s: float = 5.0) -> bool:
    """Whether a process is still there after a while."""
    until = time.monotonic() + wait_s
    while time.monotonic() < until:
        state = ""
        with contextlib.suppress(OSError):
            state = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        if state in ("", "Z"):
            return False
        time.sleep(0.05)
    return True


def at_nth_io(f: Fault, quick: bool, mode: int, name: str) -> tuple[bool, str]:
    bad, tried = 0, 0
    for n in range(1, f.writes + 1, max(f.every, 17 if quick else 1)):
        folder = f.fresh()
        code, said = f.child(folder, arm=(mode, n))
        well = code == -signal.SIGKILL if mode == KILL else one_line(code, said, (0, 1))
        if mode == KILL and code == 0:  # fewer writes than when they were counted: nothing was hit
            well = True
        if not well:
            print(f"  {name} at write {n}: exit {code}: {said[-400:]}")
        good = well and f.healed(folder)
        bad += not good
        tried += 1
        shutil.rmtree(folder, ignore_errors=True)
    return bad == 0, f"{name} at {tried} of {f.writes} writes, {bad} that did not heal to the same bytes"


def kill_at_nth_io(f: Fault, quick: bool) -> tuple[bool, str]:
    return at_nth_io(f, quick, KILL, "death amid a half-done write")


def eio_at_nth_io(f: Fault, quick: bool) -> tuple[bool, str]:
    return at_nth_io(f, quick, EIO, "EIO")


def enospc_at_nth_io(f: Fault, quick: bool) -> tuple[bool, str]:
    return at_nth_io(f, quick, ENOSPC, "ENOSPC")


def enospc_tmpfs(f: Fault, quick: bool) -> tuple[bool, str]:
    folder = f.fresh()
    code, said = f.child(folder, arm=(ENOSPC_FROM, f.writes // 2))
    return one_line(code, said, (1,)) and f.healed(folder), f"a disk that stays full: exit {code}, {said.strip()[:90]}"


def cli(folder: pathlib.Path, base: pathlib.Path, *more: str, **how: Any) -> subprocess.Popen[bytes]:
    """The command line at work on the same study."""
    (base / "given.yaml").write_text(GIVEN)
    begin = "from marketsim.cli.main import run_and_exit; run_and_exit()"
    words = [sys.executable, "-c", begin, "run", str(base / "given.yaml"), "--out", str(folder), *more]
    return subprocess.Popen(words, stderr=subprocess.PIPE, **{"stdout": subprocess.DEVNULL, **how})


def by_signal(f: Fault, number: int, codes: tuple[int, ...], says: str) -> tuple[bool, str]:
    """A study by the command line is told to stop while it runs; the same command goes on with what was kept."""
    from marketsim.experiment.store import FILE

    folder = f.fresh()
    much, wanted = ("-n", "150", "-j", "2", "--no-pictures"), f.base / "signal"
    if not wanted.exists():
        cli(wanted, f.base, *much).communicate(timeout=LONG_S)
    running = cli(folder, f.base, *much)
    until = time.monotonic() + LONG_S
    while time.monotonic() < until and not stored(folder / FILE):
        time.sleep(0.02)
    began = time.monotonic()
    running.send_signal(number)
    _, words = running.communicate(timeout=LONG_S)
    took, said, kept = time.monotonic() - began, words.decode(errors="replace").strip(), stored(folder / FILE)
    cli(folder, f.base, *much).communicate(timeout=LONG_S)
    well = running.returncode in codes and took < 6 and says in said and 0 < kept < 300
    one, two = contents(folder), contents(wanted)
    tables = [
        name for name in one.keys() | two.keys() if "/" not in name and name.endswith((".csv", ".sqlite", ".yaml"))
    ]
    differ = sorted(name for name in tables if one.get(name) != two.get(name))
    detail = f"exit {running.returncode} after {took:.1f} s, {kept} of 300 rows kept, differing: {differ or 'none'}"
    told = next((line[:60] for line in said.splitlines() if line.startswith("error:")), "nothing said")
    return well and not differ, f"{detail}: {told}"


def stored(path: pathlib.Path) -> int:
    import sqlite3

    with contextlib.suppress(sqlite3.Error):
        base = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        try:
            return int(base.execute("SELECT count(*) FROM rows").fetchone()[0])
        finally:
            base.close()
    return 0


def sigint(f: Fault, quick: bool) -> tuple[bool, str]:
    return by_signal(f, signal.SIGINT, (130,), "to go on")


def sigterm(f: Fault, quick: bool) -> tuple[bool, str]:
    return by_signal(f, signal.SIGTERM, (143,), "to go on")


def sighup_terminal_closed(f: Fault, quick: bool) -> tuple[bool, str]:
    return by_signal(f, signal.SIGHUP, (-1, 129), "")


def two_writers_same_config(f: Fault, quick: bool) -> tuple[bool, str]:
    from marketsim.experiment import study
    from marketsim.experiment.store import Store
    from marketsim.experiment.task import ScenarioTask

    folder = f.fresh()
    with Store(folder, ScenarioTask(f.scenario, 1).identity(), study.versions()):
        code, said = f.child(folder)
    well = code == 2 and f"in use by pid {os.getpid()} since" in said
    return well and f.healed(folder), f"exit {code}, {said.strip()[-80:]}"


def two_writers_other_config(f: Fault, quick: bool) -> tuple[bool, str]:
    folder = f.fresh()
    f.child(folder)
    code, said = f.child(folder, scenario=f.scenario.changed({"supply.spot.usd_per_gpu_hour": 1.6}))
    return code == 2 and "holds run" in said and f.same(folder), f"exit {code}, {said.strip()[:100]}"


def stale_lock(f: Fault, quick: bool) -> tuple[bool, str]:
    folder = f.fresh()
    pid, read = f.start(folder)
    while not (folder / ".lock").exists():
        time.sleep(0.005)
    os.kill(pid, signal.SIGKILL)
    finish(pid, read)
    return f.healed(folder), "the holder was killed; the next start works"


def damaged(f: Fault, changes: list[tuple[str, bytes | None]], what: str) -> tuple[bool, str]:
    """Files changed or gone: run again, the folder is whole; or it is refused."""
    base = f.fresh()
    f.child(base)
    refused = bad = 0
    for name, content in changes:
        folder = f.fresh()
        shutil.copytree(base, folder)
        if content is None:
            (folder / name).unlink()
        else:
            (folder / name).write_bytes(content)
        code, said = f.child(folder)
        left = {name: text for name, text in contents(folder).items() if not name.endswith(".damaged")}
        if code == 2 and one_line(code, said, (2,)):
            refused += 1
        elif code != 0 or left != f.wanted:
            bad += 1
            print(f"  {name}: exit {code}: {said[-300:]}")
        shutil.rmtree(folder)
    return bad == 0, f"{len(changes)} {what}, {refused} refused, the others run again to the same bytes, {bad} wrong"


def truncate_chunk(f: Fault, quick: bool) -> tuple[bool, str]:
    folder = f.fresh()
    f.child(folder)
    sound = (folder / "store.sqlite").read_bytes()
    cuts = range(0, len(sound), 4099 if quick else 257)
    return damaged(f, [("store.sqlite", sound[:size]) for size in cuts], "stores cut short")


def flip_byte_chunk(f: Fault, quick: bool) -> tuple[bool, str]:
    folder, dice = f.fresh(), random.Random(3)
    f.child(folder)
    names = [name for name in f.wanted if name != ".lock"]
    changes: list[tuple[str, bytes | None]] = []
    for _ in range(20 if quick else 200):
        name = dice.choice([*names, "store.sqlite", "store.sqlite"])
        data = bytearray((folder / name).read_bytes())
        data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
        changes.append((name, bytes(data)))
    return damaged(f, changes, "single bits flipped in any result file")


def delete_chunk(f: Fault, quick: bool) -> tuple[bool, str]:
    return damaged(f, [(name, None) for name in f.wanted], "result files removed")


def clock_back(f: Fault, quick: bool) -> tuple[bool, str]:
    def jump() -> None:
        started, real = time.time(), time.gmtime
        time.time = lambda: started - 31_536_000 - random.random() * 1e6  # type: ignore[assignment]
        time.gmtime = lambda *_: real(started - 31_536_000)  # type: ignore[assignment]

    folder = f.fresh()
    code, said = f.child(folder, before=jump)
    return code == 0 and f.same(folder), f"a clock that jumps back a year: exit {code} {said.strip()}"


def tz_change(f: Fault, quick: bool) -> tuple[bool, str]:
    def move() -> None:
        import locale

        os.environ["TZ"] = "Pacific/Chatham"
        time.tzset()
        with contextlib.suppress(locale.Error):
            locale.setlocale(locale.LC_ALL, "tr_TR.UTF-8")

    folder = f.fresh()
    code, said = f.child(folder, before=move)
    return code == 0 and f.same(folder), f"TZ=Pacific/Chatham: exit {code} {said.strip()}"


def fork_bomb_workers(f: Fault, quick: bool) -> tuple[bool, str]:
    folder = f.fresh()
    code, said = f.child(folder, workers=10_000)
    return one_line(code, said, (2,)), f"10,000 workers: exit {code}, {said.strip()}"


class Hungry:
    """A metric of one's own that wants more memory than there is."""

    name = "hungry"

    def of(self, measured: Any) -> float:
        """Ask for 4 GB."""
        return float(len(bytearray(4 * 2**30)))


def oom(f: Fault, quick: bool) -> tuple[bool, str]:
    def starve() -> None:
        held = int(pathlib.Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
        resource.setrlimit(resource.RLIMIT_AS, (held + 400 * 2**20, resource.RLIM_INFINITY))

    folder = f.fresh()
    code, said = f.child(folder, before=starve, metrics=[Hungry()], replications=1, policies=["cloud-only"])
    well = one_line(code, said, (1,)) and "out of memory" in said
    return well and f.healed(folder), f"400 MB of memory: exit {code}, {said.strip()[:80]}"


def fd_limit(f: Fault, quick: bool) -> tuple[bool, str]:
    folder = f.fresh()
    code, said = f.child(folder, before=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32)))
    return one_line(code, said, (0, 1, 2)) and f.healed(folder), f"32 open files: exit {code} {said.strip()[:80]}"


def readonly(f: Fault, quick: bool) -> tuple[bool, str]:
    folder = f.fresh()
    folder.mkdir(mode=0o555)
    os.chmod(f.base, 0o755)
    code, said = f.child(folder, before=lambda: os.setuid(65534) if os.getuid() == 0 else None)
    return one_line(code, said, (2,)) and not list(folder.iterdir()), f"chmod 555: exit {code}, {said.strip()[-60:]}"


def version_skew(f: Fault, quick: bool) -> tuple[bool, str]:
    from marketsim.experiment import study

    real = study.versions()

    def older() -> None:
        study.versions = lambda: {**real, "numpy": "1.0"}  # type: ignore[assignment]

    folder = f.fresh()
    f.child(folder, before=older)
    code, said = f.child(folder)
    forced, _ = f.child(folder, force=True)
    well = code == 2 and "numpy 1.0" in said and f"numpy {real['numpy']}" in said and forced == 0
    return well, f"exit {code}, {said.strip()[:110]}"


def scenario_edited(f: Fault, quick: bool) -> tuple[bool, str]:
    from marketsim import scenario

    prices = f.base / "prices.csv"
    text = SCENARIO.replace("PRICE", "{kind: replay, file: prices.csv, fill: hold}")
    prices.write_text("time_s,usd_per_gpu_hour\n0,4.0\n86400,4.5\n")
    folder = f.fresh()
    first, _ = f.child(folder, scenario=scenario.loads(text, f.base))
    before = contents(folder)
    prices.write_text("time_s,usd_per_gpu_hour\n0,4.0\n86400,4.6\n")
    code, said = f.child(folder, scenario=scenario.loads(text, f.base))
    well = first == 0 and code == 2 and "holds run" in said and contents(folder) == before
    return well, f"a price file changed by a tenth: exit {code}, {said.strip()[:70]}"


class Failing:
    """A policy of one's own that fails, or kills its worker, in one replication."""

    def __init__(self, how: str) -> None:
        self.name, self.how = "mine", how

    def bind(self, setup: Any) -> Failing:
        """The world's dice say which replication it is."""
        self.failing = setup.horizon_s > 0
        return self

    def decide(self, view: Any) -> list[Any]:
        """Fail at once."""
        if self.how == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        raise RuntimeError("the sky fell")


def broken_pool(f: Fault, quick: bool) -> tuple[bool, str]:
    folder = f.fresh()
    how = {"policies": ["cloud-only", Failing("kill")], "workers": 2, "replications": 2}
    code, said = f.child(folder, **how)
    well = code == 1 and "mine 0: its worker died" in said and "mine 1: its worker died" in said
    return well, f"a policy that kills its worker: exit {code}, {said.strip().splitlines()[-1][:90]}"


def exception_in_replication(f: Fault, quick: bool) -> tuple[bool, str]:
    folder = f.fresh()
    code, said = f.child(folder, policies=["cloud-only", Failing("raise")], replications=2)
    rows = (folder / "replications.csv").read_text().count("\ncloud-only,")
    return code == 1 and "mine 1: RuntimeError: the sky fell" in said and rows == 2, f"exit {code}, {rows} others kept"


class NotANumber:
    """A metric of one's own that is no number."""

    name = "nothing"

    def of(self, measured: Any) -> float:
        """NaN."""
        return float("nan")


def nan_result(f: Fault, quick: bool) -> tuple[bool, str]:
    code, said = f.child(f.fresh(), metrics=[NotANumber()], replications=1)
    return code == 1 and "metric nothing is nan" in said, f"exit {code}, {said.strip().splitlines()[0][:80]}"


def stdout_full(f: Fault, quick: bool) -> tuple[bool, str]:
    folder = f.fresh()
    with open("/dev/full", "wb") as full:
        running = cli(folder, f.base, "-n", str(N), "-j", "1", "--json", stdout=full)
        _, words = running.communicate(timeout=LONG_S)
    tables = {name: digest for name, digest in contents(folder).items() if name in f.wanted and name.endswith(".csv")}
    written = tables == {name: digest for name, digest in f.wanted.items() if name.endswith(".csv")}
    said = words.decode(errors="replace").strip()
    return running.returncode == 1 and written, f"exit {running.returncode}, tables written: {written}; {said[:70]}"


def slow_fs(f: Fault, quick: bool) -> tuple[bool, str]:
    folder = f.fresh()
    code, said = f.child(folder, arm=(SLOW_SYNC, 0))
    return code == 0 and f.same(folder), f"fsync takes 0.2 s: exit {code} {said.strip()}"


def network_fs(f: Fault, quick: bool) -> tuple[bool, str]:
    def lockless() -> None:
        import errno
        import fcntl

        def refuse(*_: Any) -> None:
            raise OSError(errno.ENOLCK, "No locks available")

        fcntl.flock = refuse  # type: ignore[assignment]

    folder = f.fresh()
    code, said = f.child(folder, before=lockless)
    return code == 0 and "keeps no locks" in said, f"a disk without locks: exit {code}, {said.strip()[:90]}"


FAULTS: list[Callable[[Fault, bool], tuple[bool, str]]] = [
    kill9_driver_random, kill9_worker_random, kill_at_nth_io, eio_at_nth_io, enospc_at_nth_io, enospc_tmpfs,
    sigint, sigterm, sighup_terminal_closed, two_writers_same_config, two_writers_other_config, stale_lock,
    truncate_chunk, flip_byte_chunk, delete_chunk, clock_back, tz_change, fork_bomb_workers, oom, fd_limit, readonly,
    version_skew, scenario_edited, broken_pool, exception_in_replication, nan_result, stdout_full, slow_fs, network_fs,
]  # fmt: skip


def with_shim(arguments: list[str]) -> None:
    """Begin again with the shim loaded, once it is compiled."""
    folder = tempfile.mkdtemp(prefix="marketsim-faults-")
    source, library = pathlib.Path(folder, "shim.c"), pathlib.Path(folder, "shim.so")
    source.write_text(SHIM)
    try:
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"error: no C compiler for the shim ({error})", file=sys.stderr)
        raise SystemExit(1) from None
    more = {"LD_PRELOAD": str(library), "MARKETSIM_FAULTS": folder, "OPENBLAS_NUM_THREADS": "1"}
    os.execve(sys.executable, [sys.executable, "-m", "analysis.faults", *arguments], {**os.environ, **more})


def main() -> None:
    """Inject all faults, print a line each, end as every study does."""
    asked = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    asked.add_argument("--quick", action="store_true", help="fewer kills and every 17th write")
    asked.add_argument("--every", type=int, default=1, help="a fault at every so many-th write")
    asked.add_argument("--only", help="one fault by name")
    options = asked.parse_args()
    if "MARKETSIM_FAULTS" not in os.environ:
        with_shim(sys.argv[1:])
    base = pathlib.Path(os.environ["MARKETSIM_FAULTS"])
    import sqlite3  # noqa: F401

    import marketsim.build
    import marketsim.cli.run
    import marketsim.engine.run
    import marketsim.experiment.study
    import marketsim.metrics.measure  # noqa: F401 - children share what is loaded

    tally = common.Tally(verbose=True)
    fault = Fault(base, options.every)
    print(f"an undisturbed study takes {fault.span_s:.2f} s and {fault.writes} writes")
    for inject in FAULTS:
        if options.only is None or inject.__name__ == options.only:
            try:
                good, detail = inject(fault, options.quick)
            except Exception as error:
                good, detail = False, f"the trial itself broke: {type(error).__name__}: {error}"
            tally.check(inject.__name__, good, " ".join(detail.split()).replace(str(base), "FOLDER"))
            sys.stdout.flush()
    shutil.rmtree(base, ignore_errors=True)
    tally.end()


if __name__ == "__main__":
    sys.stdout = io.TextIOWrapper(sys.stdout.buffer, line_buffering=True)
    main()
