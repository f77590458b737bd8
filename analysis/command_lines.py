"""Command lines of the program in processes of their own: how they end, and what they say and take."""

from __future__ import annotations

import os
import pathlib
import resource
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

MOST_S, MOST_MB = 5.0, 500.0
MOST_ADDRESSED = 4 * 2**30  # a case that would fill the machine fails instead
PROGRAM = [sys.executable, "-c", "from marketsim.cli.main import run_and_exit; run_and_exit()"]


@dataclass(frozen=True)
class Ended:
    """How a command line ended: its exit code (None: killed after the time allowed), words, seconds, peak memory."""

    code: int | None
    out: str
    err: str
    seconds: float
    peak_mb: float

    @property
    def errors(self) -> list[str]:
        """The lines on stderr that are no warnings."""
        return [line for line in self.err.splitlines() if not line.startswith("warning:")]

    def wrong(self, code: int = 2, words: Sequence[str] = (), quiet: bool = True) -> list[str]:
        """What is not as it must be for something refused: code, one line, its words, time, memory."""
        found = self.too_much()
        if self.code != code:
            found.append(f"exit code {self.code}, wanted {code}")
        if quiet and self.out:
            found.append("wrote to stdout")
        if len(self.errors) != 1 or not self.errors[0].startswith("error: "):
            found.append(f"{len(self.errors)} lines, wanted one: {self.err[:200]!r}")
        found += [f"does not say {word!r}" for word in words if word.lower() not in self.err.lower()]
        return found

    def too_much(self) -> list[str]:
        """A traceback, too long, too large."""
        found = ["a traceback"] if "Traceback" in self.err or "internal error" in self.err else []
        if self.code is None or self.seconds > MOST_S:
            found.append(f"took {self.seconds:.1f} s, allowed {MOST_S:.0f} s")
        if self.peak_mb > MOST_MB:
            found.append(f"took {self.peak_mb:.0f} MB, allowed {MOST_MB:.0f} MB")
        return found


def waited(process: int, folder: pathlib.Path, allowed_s: float) -> Ended:
    """The end of a child whose output goes to the files `.out` and `.err` beside its folder."""
    begun = time.monotonic()
    done, status, used = os.wait4(process, os.WNOHANG)
    while not done and time.monotonic() - begun < allowed_s:
        time.sleep(0.005)
        done, status, used = os.wait4(process, os.WNOHANG)
    if not done:
        os.kill(process, signal.SIGKILL)
        _, _, used = os.wait4(process, 0)
    out, err = (folder.with_suffix(end).read_bytes().decode(errors="replace") for end in (".out", ".err"))
    code = os.waitstatus_to_exitcode(status) if done else None
    return Ended(code, out, err, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def forked(arguments: Sequence[str], folder: pathlib.Path, allowed_s: float = 60) -> Ended:
    """A command line in a child that has the program's modules already."""
    sys.stdout.flush()
    sys.stderr.flush()
    process = os.fork()
    if process == 0:
        _become(arguments, folder)
    return waited(process, folder, allowed_s)


def _become(arguments: Sequence[str], folder: pathlib.Path) -> NoReturn:
    from marketsim.cli.main import run_and_exit

    code = 1
    try:
        os.chdir(folder)
        for descriptor, end in ((1, ".out"), (2, ".err")):
            os.dup2(os.open(folder.with_suffix(end), os.O_WRONLY | os.O_CREAT | os.O_TRUNC), descriptor)
        resource.setrlimit(resource.RLIMIT_AS, (MOST_ADDRESSED, MOST_ADDRESSED))
        os.environ["MARKETSIM_TRACEBACK"] = "1"  # what nobody foresaw shows itself, and is printed below
        sys.argv = ["marketsim", *arguments]
        run_and_exit()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def fresh(command: Sequence[str], folder: pathlib.Path, allowed_s: float = 60) -> Ended:
    """A command in a new process, with its own interpreter."""
    with open(folder.with_suffix(".out"), "wb") as out, open(folder.with_suffix(".err"), "wb") as err:
        child = subprocess.Popen(command, cwd=folder, stdout=out, stderr=err, stdin=subprocess.DEVNULL)
    return waited(child.pid, folder, allowed_s)


def started(*arguments: str) -> list[str]:
    """The command that starts the program anew."""
    return [*PROGRAM, *arguments]
