"""`--fail-if` turns a number into an exit code, and names what broke it."""

from __future__ import annotations

import pytest

from marketsim.cli import gates
from marketsim.errors import InputError
from marketsim.experiment.folder import Limits
from marketsim.experiment.results import Results

ROWS = {
    "a": {r: {"missed_deadline_share": 0.1, "total_cost_usd": 5.0} for r in range(3)},
    "b": {r: {"missed_deadline_share": 0.0, "total_cost_usd": 9.0} for r in range(3)},
}


@pytest.fixture
def results() -> Results:
    """Two policies: a is cheap and late, b keeps within the limit."""
    return Results("x", ROWS, objective=Limits("total_cost_usd", {"missed_deadline_share": 0.05}))


@pytest.mark.parametrize(
    ("text", "broken"),
    [
        ("missed_deadline_share > 0.05", ["a: missed_deadline_share mean 0.1 > 0.05"]),
        ("best.missed_deadline_share.high>0.05", []),
        ("best.total_cost_usd > 8", ["b: total_cost_usd mean 9 > 8"]),
        ("b.total_cost_usd >= 9", ["b: total_cost_usd mean 9 >= 9"]),
        ("b.total_cost_usd > 9", []),
        ("total_cost_usd < 5", []),
        ("total_cost_usd <= 5", ["a: total_cost_usd mean 5 <= 5"]),
        ("total_cost_usd.p90 > 0", []),  # three outcomes have no tenth
    ],
)
def test_a_gate_names_the_policies_that_broke_it(results: Results, text: str, broken: list[str]) -> None:
    assert gates.gate(text).broken(results) == broken


@pytest.mark.parametrize("text", ["total_cost_usd", "x.y.z > 1", "total_cost_usd > 1e3", ". > 1", "a.b.mean.c > 1", ""])
def test_what_is_no_condition_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        gates.gate(text)


def test_unknown_names_are_told_with_the_nearest(results: Results) -> None:
    with pytest.raises(InputError, match="Did you mean total_cost_usd"):
        gates.gate("total_cost > 1").broken(results)
    with pytest.raises(InputError, match="no policy has this name"):
        gates.gate("zzz.total_cost_usd > 1").broken(results)
