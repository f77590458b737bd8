"""What is run many times: a policy's name and the number of a replication in, a row of metrics out.

A task is any picklable callable of that form, so the layer above knows neither scenarios nor engines. `ScenarioTask` is
the usual one. Replications of one number share a world: it is built once and kept until the next number comes.
"""

from __future__ import annotations

import hashlib
import inspect
import math
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from marketsim.errors import MarketsimError

Row = dict[str, float | None]
Pair = tuple[str, int]  # policy, replication
Task = Callable[[str, int], Mapping[str, float | None]]


class Outcome(NamedTuple):
    """What became of one pair: a row of metrics, or the error that it ended with and its exit code."""

    policy: str
    replication: int
    row: Row | None
    error: str | None = None
    exit_code: int = 0
    seconds: float = 0.0


def run_chunk(task: Task, pairs: Sequence[Pair]) -> list[Outcome]:
    """Run pairs one after the other; an error ends its pair and no other. What a worker is asked to do."""
    return [_run_one(task, policy, replication) for policy, replication in pairs]


def _run_one(task: Task, policy: str, replication: int) -> Outcome:
    began = time.perf_counter()
    try:
        row = checked(task(policy, replication))
    except MarketsimError as error:
        return Outcome(policy, replication, None, str(error), error.exit_code, time.perf_counter() - began)
    except MemoryError:
        return Outcome(policy, replication, None, "out of memory", 1, time.perf_counter() - began)
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        text = f"{type(error).__name__}: {error} ({where.name}, line {where.lineno})"
        return Outcome(policy, replication, None, text, 1, time.perf_counter() - began)
    return Outcome(policy, replication, row, None, 0, time.perf_counter() - began)


def checked(row: Mapping[str, float | None]) -> Row:
    """A row of plain floats; ValueError for a number that is not finite, which no mean may meet."""
    out: Row = {}
    for name, value in row.items():
        if value is not None and not math.isfinite(value):
            raise ValueError(f"metric {name} is {value}")
        out[str(name)] = None if value is None else float(value)
    return out


@dataclass(frozen=True, eq=False)
class ScenarioTask:
    """build, run, measure: one replication of one policy of a scenario.

    policies: name -> an object of the user's own, beside the scenario's; more: metrics of the user's own.
    antithetic: replications 2 k and 2 k + 1 are a pair, the second thrown with 1 - u for each u of the first.
    """

    scenario: Any
    seed: int
    policies: Mapping[str, Any] = field(default_factory=dict)
    more: tuple[Any, ...] = ()
    antithetic: bool = False

    def __call__(self, policy: str, replication: int) -> Row:
        """The metrics of one run; the same on every machine and in every order."""
        from marketsim.engine.run import run
        from marketsim.metrics.measure import measure

        world = _world(self, replication)
        return measure(world, run(world, self.policy(policy)), self.more)

    def policy(self, name: str) -> Any:
        """The policy of a name: the user's own first, then the scenario's."""
        from marketsim.build import policy_of

        return self.policies[name] if name in self.policies else policy_of(self.scenario, name)

    def identity(self) -> str:
        """A digest of everything that rows depend on: settings, seed, what data files gave, code of own policies."""
        digest = hashlib.blake2b(digest_size=16)
        own = [(name, described(self.policies[name])) for name in sorted(self.policies)]
        digest.update(
            repr((self.scenario.digest, self.seed, own, *(["antithetic"] if self.antithetic else []))).encode()
        )
        digest.update(self.world_hash().encode())
        return digest.hexdigest()

    def world_hash(self) -> str:
        """The digest of all that is drawn in replication 0: two studies with one have met the same throws."""
        found: str = _world(self, 0).exogenous_hash
        return found


_kept: dict[str, Any] = {}  # the last world of this process; a cache, never a source


def _world(task: ScenarioTask, replication: int) -> Any:
    from marketsim.build import build

    throw, mirrored = divmod(replication, 2) if task.antithetic else (replication, 0)
    key = (task.scenario.digest, str(task.scenario.folder), task.seed, throw, mirrored)
    if _kept.get("key") != key:
        _kept.clear()
        _kept["world"] = build(task.scenario, throw, task.seed, bool(mirrored))
        _kept["key"] = key
    return _kept["world"]


def described(policy: Any) -> str:
    """Text that changes when a user's policy does: its class's source where there is one, and its plain settings."""
    kind = type(policy)
    try:
        source = inspect.getsource(kind)
    except (OSError, TypeError):
        source = f"{kind.__module__}.{kind.__qualname__}"
    if hasattr(policy, "model_dump_json"):
        return source + str(policy.model_dump_json())
    settings = (
        sorted((name, repr(value)) for name, value in vars(policy).items()) if hasattr(policy, "__dict__") else []
    )
    return source + repr([(name, text) for name, text in settings if " at 0x" not in text])
