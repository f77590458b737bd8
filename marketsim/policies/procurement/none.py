"""Commit to nothing: everything is taken from the metered market, or from what the scenario starts with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from marketsim import settings
from marketsim.policies.policy import Action, Setup, View


class NoCommitment(settings.Kind):
    """Sign nothing and buy nothing (pay as you go)."""

    kind: Literal["none"] = "none"

    def bind(self, setup: Setup) -> Rule:
        """The rule, which has nothing to remember."""
        return Rule()


@dataclass(frozen=True)
class Rule:
    """Asked once, answers nothing."""

    review_every_s: int | None = None

    def review(self, view: View) -> Sequence[Action]:
        """No action."""
        return ()
