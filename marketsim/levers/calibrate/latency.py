"""Seconds, the third effect: how long the reference network takes at each width, on this machine."""

from __future__ import annotations

import timeit

from marketsim.levers.calibrate.compress import WIDTHS
from marketsim.levers.calibrate.network import HIDDEN, Array, fresh, logits
from marketsim.streams import Dice

BATCHES = (1, 256)
REPEATS, SECONDS = 7, 0.02  # the least of so many repeats, each of about so long: what disturbs only adds


def seconds_an_image(x: Array, width: int) -> float:
    """Least wall seconds an image of a forward pass at a hidden width."""
    net = fresh(x.shape[1], Dice(0).stream("calibrate/latency"), width)
    timer = timeit.Timer(lambda: logits(net, x))
    loops = max(1, int(SECONDS / max(timer.timeit(1), 1e-7)))
    return min(timer.repeat(REPEATS, loops)) / loops / len(x)


def speedups(x: Array) -> dict[int, dict[int, float]]:
    """Speed-up over the full width by batch size and width; a smaller network is faster, by less than its MACs."""
    found: dict[int, dict[int, float]] = {}
    for batch in BATCHES:
        whole = seconds_an_image(x[:batch], HIDDEN)
        found[batch] = {width: whole / seconds_an_image(x[:batch], width) for width in WIDTHS}
    return found
