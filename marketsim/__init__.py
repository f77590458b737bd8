"""marketsim: where should our compute come from, and under which rule do we allocate it?

    import marketsim as ms

    scenario = ms.load("scenarios/startup.yaml")
    print(ms.run(scenario, replications=20, seed=1).summary())

Names are loaded when they are first asked for, so that importing the package costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from marketsim.build import build as build_world
    from marketsim.engine.run import run as simulate
    from marketsim.errors import InputError, MarketsimError
    from marketsim.experiment.study import run_study as run
    from marketsim.metrics.measure import measure
    from marketsim.policies.policy import Policy, Start
    from marketsim.scenario import Scenario, check, dump, load
    from marketsim.world import World

_FACE = {
    # a file or a mapping to a checked scenario, and back
    "load": ("marketsim.scenario", "load"),
    "check": ("marketsim.scenario", "check"),
    "dump": ("marketsim.scenario", "dump"),
    "Scenario": ("marketsim.scenario", "Scenario"),
    # all policies over many replications, compared
    "run": ("marketsim.experiment.study", "run_study"),
    # one throw of the dice, one run in it, its numbers
    "build_world": ("marketsim.build", "build"),
    "World": ("marketsim.world", "World"),
    "simulate": ("marketsim.engine.run", "run"),
    "measure": ("marketsim.metrics.measure", "measure"),
    # a policy of one's own; all actions are in marketsim.policies.policy
    "Policy": ("marketsim.policies.policy", "Policy"),
    "Start": ("marketsim.policies.policy", "Start"),
    "MarketsimError": ("marketsim.errors", "MarketsimError"),
    "InputError": ("marketsim.errors", "InputError"),
}

__all__ = [  # noqa: RUF022 - in the order in which they are met
    "load",
    "check",
    "dump",
    "Scenario",
    "run",
    "build_world",
    "World",
    "simulate",
    "measure",
    "Policy",
    "Start",
    "MarketsimError",
    "InputError",
]


def __getattr__(name: str) -> Any:
    if name not in _FACE:
        raise AttributeError(f"module 'marketsim' has no attribute {name!r}")
    module, attribute = _FACE[name]
    found = getattr(importlib.import_module(module), attribute)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
