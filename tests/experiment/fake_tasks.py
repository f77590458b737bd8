"""Tasks that worker processes can import: rows of policy and replication alone, and tasks that misbehave."""

from __future__ import annotations

import os
import pathlib
import signal
import time
from dataclasses import dataclass

from marketsim.streams import Dice, normal

MEANS = {"cheap": 90.0, "dear": 100.0, "same": 90.0}


def row(policy: str, replication: int) -> dict[str, float | None]:
    """Cost = mean of the policy + a part all policies share + a part of its own; a deterministic `jobs`."""
    shared = float(normal(Dice(1, replication).uniforms("shared", 1))[0])
    own = float(normal(Dice(1, replication).uniforms(policy, 1))[0])
    return {
        "total_cost_usd": MEANS.get(policy, 95.0) + 10 * shared + own,
        "missed_deadline_share": None,
        "jobs": 7.0,
    }


@dataclass(frozen=True)
class Slow:
    """The same row after a pause."""

    pause_s: float = 0.05

    def __call__(self, policy: str, replication: int) -> dict[str, float | None]:
        time.sleep(self.pause_s)
        return row(policy, replication)


@dataclass(frozen=True)
class Failing:
    """Fails in one replication of `dear`."""

    replication: int = 3
    value: float | None = None

    def __call__(self, policy: str, replication: int) -> dict[str, float | None]:
        if policy == "dear" and replication == self.replication:
            if self.value is not None:
                return {"total_cost_usd": self.value}
            raise RuntimeError("the sky fell")
        return row(policy, replication)


@dataclass(frozen=True)
class Killed:
    """Kills its worker in one replication of `dear`: always, or once, as a file remembers."""

    once: str | None = None
    replication: int = 5

    def __call__(self, policy: str, replication: int) -> dict[str, float | None]:
        if policy == "dear" and replication == self.replication:
            mark = None if self.once is None else pathlib.Path(self.once)
            if mark is None or not mark.exists():
                if mark is not None:
                    mark.touch()
                os.kill(os.getpid(), signal.SIGKILL)
        return row(policy, replication)
