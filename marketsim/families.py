"""The families by the name that `list`, `show` and `schema` use, and where each keeps its table of kinds.

A kind is a class with settings; metrics, charts and importers are objects. A new kind needs no change here.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
from collections.abc import Mapping
from typing import Any

from marketsim import errors
from marketsim.errors import Fault, InputError

FAMILIES = {
    "demand": "marketsim.demand",
    "arrivals": "marketsim.demand.arrivals",
    "work": "marketsim.demand.distributions",
    "gangs": "marketsim.demand.gangs",
    "deadlines": "marketsim.demand.deadlines",
    "estimates": "marketsim.demand.estimates",
    "rates": "marketsim.demand.rates",
    "serving": "marketsim.demand.serving",
    "prices": "marketsim.prices",
    "availability": "marketsim.availability",
    "supply": "marketsim.supply",
    "levers": "marketsim.levers",
    "procurement": "marketsim.policies.procurement",
    "queue": "marketsim.policies.queueing",
    "placement": "marketsim.policies.placement",
    "metrics": "marketsim.metrics",
    "charts": "marketsim.charts",
    "importers": "marketsim.importers",
}


def kinds(family: str) -> Mapping[str, Any]:
    """Name -> kind of one family of `FAMILIES`: a class with settings, or an object for metrics, charts and importers.

    Raises InputError for an unknown family. `marketsim list` prints them with every setting, its unit and default.

    >>> import marketsim as ms
    >>> list(ms.kinds("supply"))
    ['on_demand', 'spot', 'rental', 'capacity_block', 'datacenter', 'edge', 'serverless', 'token_api']
    >>> ms.kinds("queue")["edf"]().blocking
    'skipping'
    >>> ms.kinds("metrics")["utilization"].unit
    'share'
    """
    if family not in FAMILIES:
        hint = errors.nearest(family, FAMILIES)
        raise InputError(Fault("no such family", got=family, allowed=", ".join(FAMILIES), hint=hint))
    table: Mapping[str, Any] = getattr(importlib.import_module(FAMILIES[family]), "KINDS", {})
    return table


def kind(name: str) -> Any:
    """The kind named `family.kind`. Raises InputError with the nearest name."""
    family, _, which = name.partition(".")
    known = kinds(family)
    if which not in known:
        hint = errors.nearest(which, known)
        raise InputError(Fault(f"no such kind of {family}", got=which, allowed=", ".join(known), hint=hint))
    return known[which]


def sentence(thing: Any) -> str:
    """The first sentence of what a kind says of itself."""
    own = getattr(thing, "doc", None)
    text = own if isinstance(own, str) else inspect.getdoc(thing) or ""
    return " ".join(text.split("\n\n")[0].split())
