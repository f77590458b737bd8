"""Ctrl-C and termination. An interruption that some C code swallowed is raised again at the next chunk of a study.

Compiled code that calls back into Python (a ufunc, a sort) may drop the exception that a signal raises there; then the
run would go on as if nobody had asked.
"""

from __future__ import annotations

import signal
from types import FrameType

_asked: list[type[BaseException]] = []


class Terminated(BaseException):
    """The process was asked to end."""


def install() -> None:
    """Take both signals, in the main thread of a console script."""
    signal.signal(signal.SIGINT, _interrupt)
    signal.signal(signal.SIGTERM, _terminate)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    _asked.append(KeyboardInterrupt)
    raise KeyboardInterrupt


def _terminate(_signal: int, _frame: FrameType | None) -> None:
    _asked.append(Terminated)
    raise Terminated


def again() -> None:
    """Raise what was asked for and did not get through."""
    if _asked:
        raise _asked[0]
