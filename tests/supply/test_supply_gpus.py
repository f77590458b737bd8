"""Speeds and memory from the packaged tables: every GPU has them, and they fit together."""

from __future__ import annotations

import itertools

import pytest

from marketsim.data.gpus import DEVICES, SPECS
from marketsim.errors import InputError
from marketsim.supply import gpus

ALL = (*SPECS, *DEVICES)


@pytest.mark.parametrize("gpu", ALL)
def test_every_gpu_has_memory_and_a_speed_beside_every_other_for_every_family(gpu: str) -> None:
    assert gpus.memory_gb(gpu) > 0
    speeds = gpus.speed_ppm(gpu)
    for family in ("nlp", "vision", "speech", "general"):
        assert speeds[family, gpu] == 1_000_000
        assert all(speeds[family, other] >= 1 for other in ALL)


def test_speeds_fit_together_whichever_gpu_is_the_reference() -> None:
    for family, (a, b, c) in itertools.product(
        gpus.FAMILIES, itertools.permutations(("V100", "H100", "L4", "B200"), 3)
    ):
        direct = gpus.relative_speed(a, c, family)
        by_way = gpus.relative_speed(a, b, family) * gpus.relative_speed(b, c, family)
        assert direct == pytest.approx(by_way)


def test_measured_ratios_are_those_of_the_table() -> None:
    assert gpus.relative_speed("H100", "A100", "nlp") == pytest.approx(2.609, abs=0.001)
    assert gpus.relative_speed("H100", "A100", "vision") == pytest.approx(2.167, abs=0.001)
    assert gpus.relative_speed("H100", "A100", "speech") == pytest.approx(1.640, abs=0.001)
    assert gpus.relative_speed("H100", "A100", "general") == pytest.approx(2.93, abs=0.001)
    assert gpus.relative_speed("V100", "A100", "nlp") == pytest.approx(0.401, abs=0.001)  # peaks: nothing was measured


def test_a_device_is_as_fast_as_its_own_measurement_says() -> None:
    assert gpus.relative_speed("Jetson AGX Orin 64GB", "A100", "vision") == pytest.approx(6438.1 / 42379.3)


def test_an_unknown_name_is_told_with_the_nearest_one() -> None:
    with pytest.raises(InputError, match="H200"):
        gpus.memory_gb("H2000")
    with pytest.raises(InputError, match="family"):
        gpus.relative_speed("H100", "A100", "chess")
