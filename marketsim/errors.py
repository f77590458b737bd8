"""Everything that can go wrong for a user, as one small tree.

    MarketsimError          exit code 1
    ├── InputError          2   something supplied is wrong: scenario, data file, option, price, results folder
    │   ├── PriceError      2   a price is missing; it is never taken for 0
    │   └── PolicyError     2   a policy asked for the impossible; the message names it
    ├── MissingExtra        3   an optional package is not installed; the message is the line that installs it
    └── ReplicationError    1   a replication failed; the message has its seed and the command that repeats it

An InputError carries its faults, at most 20 of which are printed, one line each.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

MOST_FAULTS = 20


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong, where it stands, and what would be right."""

    what: str
    file: str | None = None
    line: int | None = None
    column: int | None = None
    key: str | None = None
    got: str | None = None
    allowed: str | None = None
    hint: str | None = None

    def __str__(self) -> str:
        """`FILE:LINE:COL: dotted.path: what is wrong (got VALUE); allowed: RANGE. Did you mean ...?`, on one line."""
        place = ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)
        text = ": ".join(part for part in (place, self.key, self.what) if part)
        if self.got is not None:
            text += f" (got {_clip(self.got)})"
        if self.allowed is not None:
            text += f"; allowed: {self.allowed}"
        if self.hint is not None:
            text += f". {self.hint}"
        return " ".join(printable(text).split())


def printable(text: str) -> str:
    """The text with control characters written as escapes, so that no input can write to a terminal."""
    return "".join(char if char.isprintable() or char == " " else repr(char)[1:-1] for char in text)


def _clip(text: str, most: int = 80) -> str:
    return text if len(text) <= most else text[: most - 3] + "..."


def nearest(word: str, known: Iterable[str]) -> str | None:
    """`Did you mean NAME?` for the nearest known name, None where nothing is near."""
    names = sorted(str(name) for name in known)
    found = difflib.get_close_matches(str(word), names, n=1, cutoff=0.6)
    return f"Did you mean {found[0]}?" if found else None


class MarketsimError(Exception):
    """The root: it ran, and failed. `exit_code` is what the command line ends with.

    >>> import marketsim as ms
    >>> try:
    ...     ms.load("speech", ["horizon=0 d"])
    ... except ms.MarketsimError as error:
    ...     print(type(error).__name__, error.exit_code)
    InputError 2
    """

    exit_code = 1


class InputError(MarketsimError):
    """Something supplied is wrong. Holds one `Fault` or several, told all at once.

    >>> import marketsim as ms
    >>> try:
    ...     ms.load("speech", ["seed=-1", "start=never"])
    ... except ms.InputError as error:
    ...     [fault.key for fault in error.faults]
    ['seed', 'start']
    """

    exit_code = 2

    def __init__(self, faults: Fault | str | Sequence[Fault]) -> None:
        if isinstance(faults, str):
            faults = Fault(faults)
        self.faults: tuple[Fault, ...] = (faults,) if isinstance(faults, Fault) else tuple(faults)
        super().__init__("\n".join(self.lines()))

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (type(self), self.faults)

    def lines(self) -> list[str]:
        """One line a fault, the last of at most 20 saying how many more there are."""
        shown = [str(fault) for fault in self.faults]
        if len(shown) > MOST_FAULTS:
            left = len(shown) - MOST_FAULTS + 1
            shown = [*shown[: MOST_FAULTS - 1], f"and {left} more faults of this kind"]
        return shown


def _restored(kind: type[InputError], faults: tuple[Fault, ...]) -> InputError:
    """The error as it was, whatever its own constructor takes: workers send theirs home."""
    error = kind.__new__(kind)
    InputError.__init__(error, faults)
    return error


class PriceError(InputError):
    """A price is missing; it is never taken for 0.

    >>> import marketsim as ms
    >>> try:
    ...     ms.build_world(ms.load("speech", ["supply.aws-t4.usd_per_gpu_hour={kind: catalogue}",
    ...                                       "supply.aws-t4.provider=Nobody"]))
    ... except ms.PriceError as error:
    ...     error.faults[0].key
    'supply.aws-t4.usd_per_gpu_hour'
    """


class PolicyError(InputError):
    """A policy asked for something impossible; the message names the policy and the second.

    >>> import marketsim as ms
    >>> class Careless:
    ...     name = "careless"
    ...     def decide(self, view):
    ...         return [ms.Start(job.id, "no-such-offer") for job in view.waiting()]
    >>> ms.simulate(ms.build_world(ms.load("speech", ["horizon=2 w"])), Careless())
    Traceback (most recent call last):
    marketsim.errors.PolicyError: policy careless at ... s: ...
    """

    def __init__(self, policy: str, what: str, at_s: int | None = None) -> None:
        when = "" if at_s is None else f" at {at_s} s"
        super().__init__(f"policy {policy}{when}: {what}")


class MissingExtra(MarketsimError):
    """An optional package is not installed; the message is the line that installs it.

    >>> import marketsim as ms
    >>> str(ms.MissingExtra("python-pptx", "deck"))
    "python-pptx is not installed; install it with: pip install 'marketsim[deck]'"
    """

    exit_code = 3

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"{package} is not installed; install it with: pip install 'marketsim[{extra}]'")


class ReplicationError(MarketsimError):
    """A replication failed; the others may be fine."""

    def __init__(self, policy: str, seed: int, replication: int, why: str) -> None:
        self.policy, self.seed, self.replication, self.why = policy, seed, replication, why
        super().__init__(f"replication {replication} of policy {policy} (seed {seed}) failed: {why}")

    def __reduce__(self) -> tuple[type[ReplicationError], tuple[str, int, int, str]]:
        return type(self), (self.policy, self.seed, self.replication, self.why)
