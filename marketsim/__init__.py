"""marketsim: where should our compute come from, and under which rule do we allocate it?

    >>> import marketsim as ms
    >>> scenario = ms.load("speech")                        # a scenario file, or the name of one that is shipped
    >>> results = ms.run(scenario, replications=2, seed=1)  # every policy in the same throws of the dice
    >>> results.best().order[0] in scenario.policies
    True

The names of `__all__` are the public face: each has an example that a test runs, and what they promise is kept, or the
change is told in CHANGELOG.md. All else is inside and may move. Names are loaded when they are first asked for, so that
importing the package costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from marketsim.build import build as build_world
    from marketsim.build import policy_of
    from marketsim.charts.chart import Chart
    from marketsim.demand.job import JobTable, Need, Service
    from marketsim.errors import InputError, MarketsimError, MissingExtra, PolicyError, PriceError
    from marketsim.experiment.folder import read as read_results
    from marketsim.experiment.one_run import simulate
    from marketsim.experiment.results import Results
    from marketsim.experiment.study import run_study as run
    from marketsim.experiment.whatif import compare_results as compare
    from marketsim.experiment.whatif import what_if
    from marketsim.families import kinds
    from marketsim.ledger import Ledger
    from marketsim.levers.lever import Lever
    from marketsim.metrics.measure import measure
    from marketsim.metrics.metric import Metric
    from marketsim.path import Path
    from marketsim.policies.actions import (
        Adopt,
        Buy,
        Cancel,
        Hold,
        Move,
        Release,
        RequestQuota,
        Scale,
        Sign,
        Start,
        Stop,
        Terminate,
        WakeAt,
    )
    from marketsim.policies.policy import JobView, Policy, Setup, UserPolicy, View
    from marketsim.prices.process import PriceProcess
    from marketsim.report import write as write_report
    from marketsim.report.figures import draw
    from marketsim.scenario import Scenario, check, dump, load
    from marketsim.streams import Dice
    from marketsim.supply.kind import OfferKind
    from marketsim.supply.offer import Offer
    from marketsim.supply.shape import Shape
    from marketsim.world import Order, World

_FACE = {
    # a scenario out of a file or a mapping, and back; the kinds that it may name
    "load": "marketsim.scenario:load",
    "check": "marketsim.scenario:check",
    "dump": "marketsim.scenario:dump",
    "Scenario": "marketsim.scenario:Scenario",
    "kinds": "marketsim.families:kinds",
    # all policies over many replications, compared, kept, drawn
    "run": "marketsim.experiment.study:run_study",
    "Results": "marketsim.experiment.results:Results",
    "read_results": "marketsim.experiment.folder:read",
    "what_if": "marketsim.experiment.whatif:what_if",
    "compare": "marketsim.experiment.whatif:compare_results",
    "draw": "marketsim.report.figures:draw",
    "write_report": "marketsim.report:write",
    # one throw of the dice, one run in it, its numbers
    "build_world": "marketsim.build:build",
    "policy_of": "marketsim.build:policy_of",
    "simulate": "marketsim.experiment.one_run:simulate",
    "Ledger": "marketsim.ledger:Ledger",
    "measure": "marketsim.metrics.measure:measure",
    "Metric": "marketsim.metrics.metric:Metric",
    # a world of one's own, without a scenario
    "World": "marketsim.world:World",
    "JobTable": "marketsim.demand.job:JobTable",
    "Need": "marketsim.demand.job:Need",
    "Service": "marketsim.demand.job:Service",
    "Offer": "marketsim.supply.offer:Offer",
    "Shape": "marketsim.supply.shape:Shape",
    "Order": "marketsim.world:Order",
    "Path": "marketsim.path:Path",
    "Dice": "marketsim.streams:Dice",
    # a policy of one's own: what it sees, and what it may say
    "Policy": "marketsim.policies.policy:Policy",
    "UserPolicy": "marketsim.policies.policy:UserPolicy",
    "View": "marketsim.policies.policy:View",
    "JobView": "marketsim.policies.policy:JobView",
    "Setup": "marketsim.policies.policy:Setup",
    "Start": "marketsim.policies.actions:Start",
    "Move": "marketsim.policies.actions:Move",
    "Stop": "marketsim.policies.actions:Stop",
    "Cancel": "marketsim.policies.actions:Cancel",
    "Hold": "marketsim.policies.actions:Hold",
    "Release": "marketsim.policies.actions:Release",
    "RequestQuota": "marketsim.policies.actions:RequestQuota",
    "Scale": "marketsim.policies.actions:Scale",
    "Sign": "marketsim.policies.actions:Sign",
    "Buy": "marketsim.policies.actions:Buy",
    "Terminate": "marketsim.policies.actions:Terminate",
    "Adopt": "marketsim.policies.actions:Adopt",
    "WakeAt": "marketsim.policies.actions:WakeAt",
    # a kind of one's own: one file and one line
    "OfferKind": "marketsim.supply.kind:OfferKind",
    "PriceProcess": "marketsim.prices.process:PriceProcess",
    "Lever": "marketsim.levers.lever:Lever",
    "Chart": "marketsim.charts.chart:Chart",
    # what can go wrong
    "MarketsimError": "marketsim.errors:MarketsimError",
    "InputError": "marketsim.errors:InputError",
    "PriceError": "marketsim.errors:PriceError",
    "PolicyError": "marketsim.errors:PolicyError",
    "MissingExtra": "marketsim.errors:MissingExtra",
}

__all__ = [  # noqa: RUF022 - in the order in which they are met
    # a scenario out of a file or a mapping, and back; the kinds that it may name
    "load",
    "check",
    "dump",
    "Scenario",
    "kinds",
    # all policies over many replications, compared, kept, drawn
    "run",
    "Results",
    "read_results",
    "what_if",
    "compare",
    "draw",
    "write_report",
    # one throw of the dice, one run in it, its numbers
    "build_world",
    "policy_of",
    "simulate",
    "Ledger",
    "measure",
    "Metric",
    # a world of one's own, without a scenario
    "World",
    "JobTable",
    "Need",
    "Service",
    "Offer",
    "Shape",
    "Order",
    "Path",
    "Dice",
    # a policy of one's own: what it sees, and what it may say
    "Policy",
    "UserPolicy",
    "View",
    "JobView",
    "Setup",
    "Start",
    "Move",
    "Stop",
    "Cancel",
    "Hold",
    "Release",
    "RequestQuota",
    "Scale",
    "Sign",
    "Buy",
    "Terminate",
    "Adopt",
    "WakeAt",
    # a kind of one's own: one file and one line
    "OfferKind",
    "PriceProcess",
    "Lever",
    "Chart",
    # what can go wrong
    "MarketsimError",
    "InputError",
    "PriceError",
    "PolicyError",
    "MissingExtra",
]


def __getattr__(name: str) -> Any:
    if name not in _FACE:
        raise AttributeError(f"module 'marketsim' has no attribute {name!r}")
    module, _, attribute = _FACE[name].partition(":")
    found = getattr(importlib.import_module(module), attribute)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
