"""Prices that the user gives stand as given; what is missing is an error that names what is near."""

from __future__ import annotations

import pathlib
from datetime import UTC, datetime
from typing import Any

import pydantic
import pytest

from marketsim.errors import InputError, PriceError
from marketsim.path import Path
from marketsim.prices import KINDS
from marketsim.prices.catalogue import Catalogue, age_days, rows
from marketsim.prices.ou import OrnsteinUhlenbeck
from marketsim.prices.process import Asked
from marketsim.prices.replay import Replay
from marketsim.settings import one_of
from marketsim.streams import Dice
from marketsim.throw import Throw
from marketsim.units import DAY_S, HOUR_S

ANY: Any = pydantic.TypeAdapter(one_of(KINDS))
P5 = Asked("p5", "AWS", "H100", 8, "us-east-1a")


def throw(folder: pathlib.Path | None = None, hours: int = 48) -> Throw:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    return Throw(Dice(1).under("prices/x"), hours * HOUR_S, hours * HOUR_S, start=start, folder=folder)


def test_a_bare_number_is_a_constant_price() -> None:
    price = ANY.validate_python(2.35)
    assert price.kind == "constant"
    assert price.draw(throw(), P5) == Path.constant(2.35)


def test_the_catalogue_finds_the_row_of_the_zone_and_shape() -> None:
    assert Catalogue().now(P5) == 6.88
    assert Catalogue(discount=0.25).now(P5) == pytest.approx(5.16)


def test_a_gpu_costs_twice_as_much_on_spot_alone_as_in_an_eight_gpu_instance() -> None:
    eight = Catalogue().now(Asked("a", "AWS", "H100", 8, "us-east-1", "spot"))
    one = Catalogue().now(Asked("b", "AWS", "H100", 1, "us-east-1", "spot"))
    assert (eight, one) == (2.515, 5.1481)


def test_floydhub_is_refused_because_it_closed() -> None:
    with pytest.raises(PriceError, match="FloydHub has closed"):
        Catalogue().now(Asked("x", "FloydHub", "V100"))


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (Asked("x", "AWS", "H100", 3, "us-east-1"), ["no on_demand price of H100 x3", "p5.48xlarge"]),
        (Asked("x", "AWS", "H100", 8, "eu-north-1"), ["eu-north-1", "AWS H100 x8 p5.48xlarge in us-east-1"]),
        (Asked("x", "AWZ", "H100", 8, "us-east-1"), ["no such provider", "Did you mean AWS?"]),
        (Asked("x", "RunPod", "H100", 1), ["name its `instance`", "SXM community at 2.69", "SXM secure at 3.29"]),
        (Asked("x", "Lambda", "H100", 1, column="spot"), ["no spot price"]),
    ],
)
def test_a_missing_or_ambiguous_price_names_what_is_near(asked: Asked, words: list[str]) -> None:
    with pytest.raises(PriceError) as caught:
        Catalogue().draw(throw(), asked)
    line = caught.value.lines()[0]
    assert line.startswith("supply.x.usd_per_gpu_hour: ")
    for word in words:
        assert word in line


def test_a_named_instance_settles_an_ambiguous_price() -> None:
    assert Catalogue(instance="SXM secure").now(Asked("x", "RunPod", "H100", 1)) == 3.29


def test_a_listed_region_without_the_shape_is_estimated_and_said_so_or_refused() -> None:
    asked = Asked("x", "AWS", "H100", 8, "eu-west-1")
    assert Catalogue().now(asked) == pytest.approx(6.88 * 1.1155, rel=1e-3)
    assert any("eu-west-1 is not listed" in line for line in Catalogue().warnings(asked, "2026-09-01"))
    with pytest.raises(PriceError, match="eu-west-1"):
        Catalogue(other_region="refuse").now(asked)


def test_an_old_price_is_warned_of() -> None:
    asked = Asked("x", "Azure", "A100", 8, "EU West")
    said = Catalogue(instance="ND96amsr_A100_v4").warnings(asked, "2026-09-01")
    assert any("days old (2022-08-04)" in line for line in said)
    assert Catalogue().warnings(P5, "2026-09-01") == ()


def test_the_age_of_a_date_counts_from_the_end_of_a_span() -> None:
    assert age_days("2026-06-21..2026-07-20", "2026-07-30") == 10
    assert age_days("2026-05", "2026-05-30") == 2
    assert age_days("2025", "2026-01-01") is None


def test_every_row_with_a_price_has_a_source() -> None:
    for row in rows():
        if any(price is not None for _, price in row.usd):
            assert row.source, str(row)


def test_a_dated_file_is_replayed_from_the_scenarios_start(tmp_path: pathlib.Path) -> None:
    rows = ["time,price", "2025-12-31T18:00:00Z,8", "2026-01-01T06:00:00Z,16"]
    text = "\n".join([*rows, "2026-01-01T20:00:00+02:00,24", "2026-01-02T06:00:00Z,8", ""])
    (tmp_path / "prices.csv").write_text(text)
    path = Replay(file="prices.csv", per="instance").draw(throw(tmp_path, 36), P5)
    assert path.times_s.tolist() == [0, 6 * HOUR_S, 18 * HOUR_S, 30 * HOUR_S]
    assert path.values.tolist() == [1.0, 2.0, 3.0, 1.0]


@pytest.mark.parametrize(
    ("text", "hours", "word"),
    [
        ("time_s,usd_per_gpu_hour\n0,1\n3600,2\n", 48, "before the horizon"),
        ("time_s,usd_per_gpu_hour\n3600,1\n7200,2\n", 2, "after the scenario's start"),
        ("time_s,usd_per_gpu_hour\n0,1\n3600,2\n7200,2\n36000,1\n39600,2\n", 10, "a gap of 8 h"),
        ("time,price\n2025-01-01T00:00:00Z,1\n2025-01-01T06:00:00,1\n", 2, "timezone"),
        ("time,price\n2025-01-01T06:00:00Z,1\n2025-01-01T00:00:00Z,1\n", 2, "sorted by time"),
        ("time_s,usd_per_gpu_hour\n0,0\n", 2, "above 0"),
    ],
)
def test_nothing_is_filled_in_silently(tmp_path: pathlib.Path, text: str, hours: int, word: str) -> None:
    (tmp_path / "prices.csv").write_text(text)
    with pytest.raises(InputError, match=word):
        Replay(file="prices.csv").draw(throw(tmp_path, hours), P5)


def test_a_file_is_held_where_the_scenario_says_so(tmp_path: pathlib.Path) -> None:
    (tmp_path / "prices.csv").write_text("time_s,usd_per_gpu_hour\n3600,1\n7200,2\n")
    path = Replay(file="prices.csv", fill="hold").draw(throw(tmp_path), P5)
    assert [path.at(0), path.at(7200), path.at(40 * HOUR_S)] == [1.0, 2.0, 2.0]


def test_a_file_outside_the_folder_is_refused(tmp_path: pathlib.Path) -> None:
    for name in ("/etc/passwd", "../prices.csv", "http://example.com/prices.csv"):
        with pytest.raises(InputError, match=r"supply\.p5\.usd_per_gpu_hour\.file"):
            Replay(file=name).draw(throw(tmp_path), P5)


def test_a_ratio_needs_the_price_it_is_a_ratio_to() -> None:
    kind = OrnsteinUhlenbeck(mean=0.4, kappa_per_day=0.1, sigma_per_sqrt_day=0.02, ratio_to="p5")
    assert kind.after() == ("p5",)
    with pytest.raises(PriceError, match="ratio to the price of p5"):
        kind.draw(throw(), P5)
    twice = Throw(Dice(1), DAY_S, DAY_S, prices={"p5": Path.steps([(0, 1.0), (100, 2.0)])})
    path = kind.draw(twice, P5)
    assert path.at(100) == pytest.approx(2 * path.at(99))
