"""A policy looked over its shoulder: every question that a run asks of it goes through a function of the watcher's.

The policy decides as before. What checks it (`trial`) and what explains it (`explain`) are built on this, so the engine
knows neither.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from marketsim.policies import policy as say

# around(part, method, function, arguments) -> what the function said; part: queue, placement, procurement, policy
Around = Callable[[str, str, Callable[..., Any], tuple[Any, ...]], Any]
ASKED = ("key", "leave_at", "place", "review", "on_empty", "scale", "decide")


def watched(policy: Any, around: Around, change: Callable[[say.Setup], say.Setup] | None = None) -> Any:
    """The policy with `around` between it and the run; `change` may alter the facts that it is bound to."""
    if not isinstance(policy, say.Policy):
        return _User(policy, around, change)
    parts: dict[str, Any] = {
        part: _Watched(getattr(policy, part), part, around, change)
        for part in ("queue", "placement", "procurement")
        if getattr(policy, part) is not None
    }
    return replace(policy, **parts)


class _Watched:
    """Settings whose working rule is watched."""

    def __init__(self, settings: Any, part: str, around: Around, change: Any) -> None:
        self._settings, self._part, self._around, self._change = settings, part, around, change

    def bind(self, setup: say.Setup) -> Any:
        """The working rule, watched."""
        if self._change is not None:
            setup = self._change(setup)
        return _Rule(self._settings.bind(setup), self._part, self._around)


class _User(_Watched):
    """A policy of one piece, named as it is."""

    def __init__(self, policy: Any, around: Around, change: Any) -> None:
        super().__init__(policy, "policy", around, change)
        self.name = str(getattr(policy, "name", type(policy).__name__))

    def bind(self, setup: say.Setup) -> Any:
        """The policy of this run, watched."""
        if self._change is not None:
            setup = self._change(setup)
        bind = getattr(self._settings, "bind", None)
        return _Rule(bind(setup) if bind is not None else self._settings, self._part, self._around)


class _Rule:
    """A working rule: what it is asked is watched, all else is its own."""

    def __init__(self, rule: Any, part: str, around: Around) -> None:
        self._rule, self._part, self._around = rule, part, around

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._rule, name)
        if name not in ASKED or not callable(found):
            return found
        part, around = self._part, self._around

        def asked(*arguments: Any) -> Any:
            return around(part, name, found, arguments)

        return asked
