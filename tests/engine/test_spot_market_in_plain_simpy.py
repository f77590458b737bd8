"""A spot market with reclaims and checkpoints, written as SimPy's documentation would have it, finds the same."""

from __future__ import annotations

import pytest

from analysis import speed_market


@pytest.mark.parametrize("count", [200, 1500])
def test_dollars_launches_and_the_last_finish_are_those_of_a_process_for_each_job(count):
    world = speed_market.market(count)
    ours, theirs = speed_market.ours(world), speed_market.idiomatic(world)
    assert ours[1:] == theirs[1:]
    assert ours[0] == pytest.approx(theirs[0], rel=1e-8)
    assert ours[1] > count / 5  # spot was used, and taken back
