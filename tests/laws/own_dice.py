"""Holds a run to its own dice and its own clock: the world's are taken away while it runs."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest


def _never(*_: Any, **__: Any) -> Any:
    raise AssertionError("a run has its own dice and its own clock")


@contextlib.contextmanager
def no_other_dice_and_no_clock() -> Iterator[None]:
    """Whoever asks the global dice or a clock within it fails, and the global dice stand afterwards as before."""
    before = np.random.get_state()[1].tolist(), random.getstate()
    with pytest.MonkeyPatch.context() as patch:
        for name in ("random", "rand", "randn", "normal", "uniform", "choice", "integers", "seed", "default_rng"):
            if hasattr(np.random, name):
                patch.setattr(np.random, name, _never)
        for name in ("random", "uniform", "choice", "randint", "shuffle", "seed"):
            patch.setattr(random, name, _never)
        for name in ("time", "time_ns", "monotonic", "perf_counter", "sleep"):
            patch.setattr(time, name, _never)
        yield
    assert (np.random.get_state()[1].tolist(), random.getstate()) == before
