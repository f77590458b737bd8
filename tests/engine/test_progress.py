"""Where an attempt stands: seconds of overhead, work and checkpoints, counted on the fingers."""

from __future__ import annotations

import pytest

from marketsim.demand.job import Checkpoint
from marketsim.engine.progress import Reached, reached
from marketsim.units import PPM

NEVER_SAFE, ALWAYS_SAFE = Checkpoint(None), Checkpoint(0)
EACH_FOUR = Checkpoint(4, 2)  # four seconds of work, then two of writing
LAST_TOO = Checkpoint(4, 2, final=True)


@pytest.mark.parametrize(
    ("elapsed_s", "work", "how", "wanted"),
    [
        (-5, 100_000, NEVER_SAFE, Reached(0, 0, 0, 0)),  # its instances still boot
        (2, 100_000, EACH_FOUR, Reached(0, 0, 2, 0)),
        (3, 100_000, EACH_FOUR, Reached(0, 0, 3, 0)),
        (10, 100_000, NEVER_SAFE, Reached(7_000, 0, 3, 0)),
        (10, 7_000, NEVER_SAFE, Reached(7_000, 7_000, 3, 0)),
        (10, 100_000, ALWAYS_SAFE, Reached(7_000, 7_000, 3, 0)),
        (7, 100_000, EACH_FOUR, Reached(4_000, 0, 3, 0)),
        (8, 100_000, EACH_FOUR, Reached(4_000, 0, 3, 1)),
        (9, 100_000, EACH_FOUR, Reached(4_000, 4_000, 3, 2)),
        (12, 100_000, EACH_FOUR, Reached(7_000, 4_000, 3, 2)),
        (14, 100_000, EACH_FOUR, Reached(8_000, 4_000, 3, 3)),
        (12, 7_000, EACH_FOUR, Reached(7_000, 7_000, 3, 2)),
        (12, 7_000, LAST_TOO, Reached(7_000, 4_000, 3, 2)),
    ],
)
def test_an_attempt_of_one_gpu_after_three_seconds_of_overhead(elapsed_s, work, how, wanted):
    assert reached(elapsed_s, work, 1_000, PPM, 3, how) == wanted


def test_a_faster_gpu_does_more_in_the_same_seconds_and_a_fraction_of_a_unit_is_not_done():
    assert reached(10, 100_000, 1_000, 1_500_000, 3, ALWAYS_SAFE) == Reached(10_500, 10_500, 3, 0)
    assert reached(10, 100_000, 1, 1_500_001, 3, ALWAYS_SAFE) == Reached(10, 10, 3, 0)
