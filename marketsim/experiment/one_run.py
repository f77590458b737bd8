"""One run, asked for from Python: what is no world or no policy is told before the engine meets it."""

from __future__ import annotations

from typing import Any

from marketsim.engine.run import run
from marketsim.errors import Fault, InputError
from marketsim.ledger import Ledger
from marketsim.policies.policy import Policy, UserPolicy, refused
from marketsim.world import World


def simulate(world: World, policy: Policy | UserPolicy) -> Ledger:
    """Run one policy in one world to the end of its drain; the same arguments give the same ledger.

    policy: one of a scenario (`policy_of`), three rules composed (`Policy`), or any object with `decide(view)`. Raises
    InputError for anything else, PolicyError, naming policy and second, where it asks for the impossible.

    >>> import marketsim as ms
    >>> class Eager:
    ...     name = "eager"
    ...     def decide(self, view):
    ...         return [ms.Start(job.id, "aws-p4de") for job in view.waiting() if view.can_start(job, "aws-p4de")][:1]
    >>> world = ms.build_world(ms.load("speech", ["horizon=2 w"]))
    >>> ledger = ms.simulate(world, Eager())
    >>> ledger.policy, ms.measure(world, ledger)["jobs_finished"] == len(world.jobs)
    ('eager', True)
    >>> ms.simulate(world, "cloud-only")
    Traceback (most recent call last):
    marketsim.errors.InputError: policy: a str is no policy (got cloud-only); allowed: ...
    """
    if not isinstance(world, World):
        allowed = "a World, as build_world(scenario) makes it"
        raise InputError(Fault(f"a {type(world).__name__} is no world", key="world", allowed=allowed))
    fault = refused(policy)
    if fault is not None:
        raise InputError(fault)
    given: Any = policy
    return run(world, given)
