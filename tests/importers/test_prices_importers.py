"""Price files of providers become the package's own layouts, and what is wrong in them is told by row."""

from __future__ import annotations

import json
import pathlib
from datetime import UTC, datetime
from typing import Any

import pytest

from marketsim.errors import InputError
from marketsim.importers import KINDS
from marketsim.importers.price_table import PriceBook, PriceSeries
from marketsim.prices.catalogue import Catalogue
from marketsim.prices.process import Asked
from marketsim.prices.replay import Replay
from marketsim.streams import Dice
from marketsim.throw import Throw
from marketsim.units import DAY_S, HOUR_S


def spot(at: str, usd: str, zone: str = "us-east-1a", system: str = "Linux/UNIX") -> dict[str, str]:
    return {"AvailabilityZone": zone, "InstanceType": "p5.48xlarge", "ProductDescription": system,
            "SpotPrice": usd, "Timestamp": at}  # fmt: skip


def aws(tmp_path: pathlib.Path, rows: list[Any], **more: Any) -> Any:
    path = tmp_path / "spot.json"
    path.write_text(json.dumps({"SpotPriceHistory": rows, **more}))
    return KINDS["prices_aws"].read(path)


def test_aws_history_newest_first_becomes_a_price_file_that_is_replayed(tmp_path: pathlib.Path) -> None:
    rows = [
        spot("2026-01-01T12:00:00.000Z", "24"),
        spot("2026-01-01T06:00:00+00:00", "16"),
        spot("2025-12-31T20:00:00Z", "8"),
    ]
    done = aws(tmp_path, [*rows, spot("2026-01-01T00:00:00Z", "9", system="Windows"), rows[1] | {}][:4])
    assert done.left_out == {"another system than Linux": 1}
    (tmp_path / "prices.csv").write_text(done.text())
    start = datetime(2026, 1, 1, tzinfo=UTC)
    throw = Throw(Dice(1), DAY_S, DAY_S, start=start, folder=tmp_path)
    path = Replay(file="prices.csv", per="instance", fill="hold").draw(
        throw, Asked("x", "AWS", "H100", 8, "us-east-1a")
    )
    assert (path.times_s.tolist(), path.values.tolist()) == ([0, 6 * HOUR_S, 12 * HOUR_S], [1.0, 2.0, 3.0])


def test_a_zone_is_picked_out_of_several_series(tmp_path: pathlib.Path) -> None:
    rows = [spot("2026-01-01T00:00:00Z", "8"), spot("2026-01-01T00:00:00Z", "16", zone="us-east-1b")]
    done = aws(tmp_path, rows)
    assert done.text().splitlines()[0] == "time,zone,instance,price"
    (tmp_path / "prices.csv").write_text(done.text())
    throw = Throw(Dice(1), DAY_S, DAY_S, start=datetime(2026, 1, 1, tzinfo=UTC), folder=tmp_path)
    replay = Replay(file="prices.csv", per="instance", fill="hold")
    assert replay.draw(throw, Asked("x", "AWS", "H100", 8, "us-east-1b")).at(0) == 2.0
    with pytest.raises(InputError, match=r"us-east-1a p5\.48xlarge; us-east-1b p5\.48xlarge"):
        replay.draw(throw, Asked("x", "AWS", "H100", 8, "eu-west-1a"))


@pytest.mark.parametrize(
    ("rows", "more", "word"),
    [
        ([spot("2026-01-01T00:00:00", "8")], {}, "row 1: .*timezone"),
        ([spot("2026-01-01T00:00:00Z", "-8")], {}, "row 1: must be above 0"),
        ([spot("2026-01-01T00:00:00Z", "8"), spot("2026-01-01T00:00:00Z", "9")], {}, "row 2: duplicate"),
        ([spot("2026-01-03T00:00:00Z", "8"), spot("2026-01-04T00:00:00Z", "8"), spot("2026-01-01T00:00:00Z", "9")], {},
         "row 1: .*out of order"),
        ([{"SpotPrice": "8"}], {}, "row 1: AvailabilityZone is missing"),
        ([spot("2026-01-01T00:00:00Z", "8")], {"NextToken": "abc"}, "one page of several"),
        ([], {}, "empty"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_an_aws_history_is_told_by_row(
    tmp_path: pathlib.Path, rows: Any, more: Any, word: str
) -> None:
    with pytest.raises(InputError, match=word):
        aws(tmp_path, rows, **more)


def test_pages_that_overlap_count_once(tmp_path: pathlib.Path) -> None:
    page = {"SpotPriceHistory": [spot("2026-01-01T00:00:00Z", "8"), spot("2026-01-02T00:00:00Z", "9")]}
    (tmp_path / "spot.json").write_text(json.dumps([page, {"SpotPriceHistory": page["SpotPriceHistory"][1:]}]))
    done = KINDS["prices_aws"].read(tmp_path / "spot.json")
    assert done.left_out == {"the same price twice": 1}


@pytest.mark.parametrize("text", ["{", "[1]", '{"SpotPriceHistory": 3}', "[" * 100_000])
def test_a_file_that_is_no_history_is_refused(tmp_path: pathlib.Path, text: str) -> None:
    (tmp_path / "spot.json").write_text(text)
    with pytest.raises(InputError):
        KINDS["prices_aws"].read(tmp_path / "spot.json")


def test_gcp_steps_without_a_spot_price_are_counted_and_left_out(tmp_path: pathlib.Path) -> None:
    prices = "ondemand_usd_hour,spot_usd_hour,commit1y_usd_month,commit3y_usd_month"
    header = f"date,instance,region,{prices},commit,gpu_in_region"
    rows = ["2025-01-01,a3,us-west1,88,,1,1,c,True", "2025-02-01,a3,us-west1,88,20,1,1,c,True",
            "2025-03-05,a3,us-west1,88,23,1,1,c,True"]  # fmt: skip
    (tmp_path / "gcp.csv").write_text("\n".join([header, *rows]) + "\n")
    done = KINDS["prices_gcp"].read(tmp_path / "gcp.csv")
    assert done.left_out == {"no spot price": 1}
    assert done.text() == "time,price\n2025-02-01T00:00:00Z,20.0\n2025-03-05T00:00:00Z,23.0\n"


def test_a_skypilot_catalogue_becomes_a_price_book_that_a_scenario_may_name(tmp_path: pathlib.Path) -> None:
    text = (
        "InstanceType,AcceleratorName,AcceleratorCount,vCPUs,MemoryGiB,Price,SpotPrice,Region,AvailabilityZone\n"
        "p5.48xlarge,H100,8,192,2048,98.32,40.0,us-east-1,us-east-1a\n"
        "p5.48xlarge,H100,8,192,2048,98.32,40.0,us-east-1,us-east-1b\n"
        "m5.large,,,2,8,0.1,0.05,us-east-1,us-east-1a\n"
    )
    folder = tmp_path / "aws"
    folder.mkdir()
    (folder / "vms.csv").write_text(text)
    done = KINDS["prices_skypilot"].read(folder / "vms.csv")
    assert isinstance(done.table, PriceBook)
    assert done.left_out == {"no whole GPU": 1, "same region and price": 1}
    (tmp_path / "book.csv").write_text(done.text())
    throw = Throw(Dice(1), DAY_S, DAY_S, folder=tmp_path)
    asked = Asked("x", "AWS", "H100", 8, "us-east-1a")
    assert Catalogue(book="book.csv").draw(throw, asked).at(0) == pytest.approx(98.32 / 8)
    assert Catalogue(book="book.csv", column="spot").draw(throw, asked).at(0) == pytest.approx(5.0)


def test_a_catalogue_with_a_column_missing_names_it(tmp_path: pathlib.Path) -> None:
    (tmp_path / "vms.csv").write_text("InstanceType,Price\np5,1\n")
    with pytest.raises(InputError, match="column AcceleratorName is missing"):
        KINDS["prices_skypilot"].read(tmp_path / "vms.csv")


def test_gaps_and_disorder_of_plain_prices_are_told_by_row(tmp_path: pathlib.Path) -> None:
    hours = [0, 1, 2, 3, 4, 5, 30, 31]
    lines = [f"2026-01-{1 + hour // 24:02d}T{hour % 24:02d}:00:00Z,{1 + hour}" for hour in hours]
    (tmp_path / "plain.csv").write_text("\n".join(["time,price", *lines]) + "\n")
    done = KINDS["prices"].read(tmp_path / "plain.csv")
    assert isinstance(done.table, PriceSeries)
    assert "a gap of 25 h after 2026-01-01T05:00:00Z" in done.lines()[1]
    mixed = [lines[3], lines[5], lines[1]]
    (tmp_path / "plain.csv").write_text("\n".join(["time,price", *mixed]) + "\n")
    with pytest.raises(InputError, match="line 2: plain is out of order"):
        KINDS["prices"].read(tmp_path / "plain.csv")


@pytest.mark.shared
def test_the_real_gcp_steps_and_daily_prices_are_read_whole(shared: pathlib.Path) -> None:
    folder = shared / "data" / "prices"
    gcp = KINDS["prices_gcp"].read(folder / "gcp_gpu_price_steps.csv.gz")
    assert gcp.rows == 9863
    daily = KINDS["prices"].read(folder / "aws_gpu_spot_daily.csv.gz")
    assert daily.rows == 90922
    assert isinstance(daily.table, PriceSeries)
    assert sum(len(times) for times, _ in daily.table.series.values()) == 90922
