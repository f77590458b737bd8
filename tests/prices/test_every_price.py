"""One contract for all price processes: positive, reproducible, extended by a longer run, untouched by others."""

from __future__ import annotations

from typing import Any

import numpy as np
import pydantic
import pytest

from marketsim.path import Path
from marketsim.prices import KINDS
from marketsim.prices.process import Asked
from marketsim.settings import one_of
from marketsim.streams import Dice
from marketsim.throw import Throw
from marketsim.units import DAY_S, HOUR_S

ANY: Any = pydantic.TypeAdapter(one_of(KINDS))
ASKED = Asked("spot", "AWS", "H100", 8, "us-east-1a", "on_demand")
PLAIN: dict[str, dict[str, Any]] = {
    "constant": {"usd": 2.0},
    "catalogue": {},
    "replay": {"times": ["0 s", "1 h"], "usd": [1.0, 2.0]},
}
SETTINGS = [
    *({"kind": kind, **more} for kind, more in PLAIN.items()),
    *({"kind": kind, "preset": name} for kind, cls in KINDS.items() for name in cls.presets),
]


def draw(settings: dict[str, Any], days: int, replication: int = 0) -> Path:
    ratio = {"ratio_to": "od"} if "ratio_to" in KINDS[settings["kind"]].model_fields else {}
    dice = Dice(4, replication).under("prices/spot")
    throw = Throw(dice, days * DAY_S, days * DAY_S, prices={"od": Path.constant(6.0)}, loadings={"spot": 1.0})
    return ANY.validate_python({**settings, **ratio}).draw(throw, ASKED)


def name(settings: dict[str, Any]) -> str:
    return f"{settings['kind']}-{settings.get('preset', 'plain')}"


def test_every_kind_is_tested() -> None:
    assert {settings["kind"] for settings in SETTINGS} == set(KINDS)


@pytest.mark.parametrize("settings", SETTINGS, ids=name)
def test_it_is_positive_finite_and_reproducible(settings: dict[str, Any]) -> None:
    path = draw(settings, 400)
    assert (path.values > 0).all()
    assert path == draw(settings, 400)


@pytest.mark.parametrize("settings", SETTINGS, ids=name)
def test_a_longer_run_extends_it_and_changes_nothing(settings: dict[str, Any]) -> None:
    short, long = draw(settings, 100), draw(settings, 700)
    hours = np.arange(0, 100 * DAY_S, HOUR_S)
    np.testing.assert_array_equal(long.at_many(hours), short.at_many(hours))


@pytest.mark.parametrize("settings", [one for one in SETTINGS if "preset" in one], ids=name)
def test_another_replication_throws_other_dice(settings: dict[str, Any]) -> None:
    paths = [draw(settings, 3650, replication) for replication in range(12)]
    assert any(path != paths[0] for path in paths[1:])


@pytest.mark.parametrize("settings", SETTINGS, ids=name)
def test_it_goes_round_through_plain_data(settings: dict[str, Any]) -> None:
    kind = ANY.validate_python(settings)
    plain = {key: value for key, value in kind.model_dump().items() if value is not None}
    plain = {key: list(value) if isinstance(value, tuple) else value for key, value in plain.items()}
    assert ANY.validate_python(plain) == kind


def starting(settings: dict[str, Any], share: float) -> float:
    """The price at second 0, as a share of the other offer's, where the process is told to start at a share."""
    return draw({**settings, "start": share}, 100).at(0) / 6.0


@pytest.mark.parametrize("settings", [one for one in SETTINGS if "start" in KINDS[one["kind"]].model_fields], ids=name)
def test_it_starts_where_it_is_told_to(settings: dict[str, Any]) -> None:
    for share in (0.4, 0.8):
        assert starting(settings, share) == pytest.approx(share, rel=1e-9)
