"""Several comparisons at once: p-values corrected so that a true `no difference` is rarely called one."""

from __future__ import annotations

from collections.abc import Sequence


def holm(p: Sequence[float]) -> list[float]:
    """Adjusted p-values by Holm's step-down (1979), in the order given; each at most 1 and never below its own p."""
    order = sorted(range(len(p)), key=lambda index: p[index])
    out, reached = [0.0] * len(p), 0.0
    for place, index in enumerate(order):
        reached = max(reached, min((len(p) - place) * p[index], 1.0))
        out[index] = reached
    return out


def bonferroni(p: Sequence[float]) -> list[float]:
    """Adjusted p-values, each times their number, at most 1."""
    return [min(len(p) * one, 1.0) for one in p]
