"""The strict reader of data files tells each thing that is wrong, with line and column."""

from __future__ import annotations

import gzip
import pathlib

import numpy as np
import pytest

from marketsim import strict_csv
from marketsim.errors import InputError

COLUMNS = {"time_s": strict_csv.count, "price": strict_csv.positive}


def refused(tmp_path: pathlib.Path, text: str | bytes) -> list[str]:
    path = tmp_path / "prices.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError) as caught:
        strict_csv.read(path, COLUMNS, sorted_by="time_s", unique="time_s")
    return caught.value.lines()


def test_a_sound_file_with_mark_and_windows_line_ends_is_read(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "prices.csv"
    path.write_bytes(b"\xef\xbb\xbftime_s,price\r\n0,1.5\r\n\r\n60,2\r\n")
    table = strict_csv.read(path, COLUMNS, sorted_by="time_s", unique="time_s")
    np.testing.assert_array_equal(table["time_s"], [0, 60])
    np.testing.assert_array_equal(table["price"], [1.5, 2.0])
    np.testing.assert_array_equal(table["line"], [2, 4])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("time_s,price\n0,1\n600,2\n12,3\n", ["prices.csv:4", "time_s", "sorted", "12 after 600"]),
        ("time_s,price\n0,1\n0,2\n", ["prices.csv:3", "duplicate of line 2"]),
        ("time_s,price\n0,\n", ["prices.csv:2:3", "row 1", "empty"]),
        ("time_s,price\n0,-0.5\n", ["prices.csv:2:3", "price", "above 0", "-0.5"]),
        ("time_s,price\n0,inf\n", ["finite"]),
        ("time_s,price\n0,1e999\n", ["finite"]),
        ("time_s,price\n0,1.2 USD\n", ["number", "1.2 USD"]),
        ("time_s;price\n0;1,10\n", ["separator", "semicolon"]),
        ("time_s,cost\n0,1\n", ["column price is missing", "column cost is unknown"]),
        ("time_s,prise\n0,1\n", ["Did you mean price?"]),
        ("price,time_s\n0,1\n", ["order"]),
        ("time_s,price,price\n0,1,9\n", ["duplicate column price"]),
        ("time_s,price\n0,1.1,x\n60,1.2,x\n", ["prices.csv:2", "3 fields", "header has 2"]),
        ('time_s,price\n0,1.1\n6,"1.2\n', ["prices.csv:3", "line 3", "quote"]),
        ("time_s,price\n", ["empty"]),
        ("", ["empty"]),
        ("time_s,price\n0,\x001.2\n", ["NUL", "prices.csv:2"]),
        (b"time_s,price\n0,\xff\n", ["UTF-8", "prices.csv:2"]),
    ],
)
def test_what_is_wrong_is_told_on_one_line(tmp_path: pathlib.Path, text: str | bytes, words: list[str]) -> None:
    line = refused(tmp_path, text)[0]
    for word in words:
        assert word in line
    assert "\n" not in line


def test_all_faults_are_told_at_once_and_at_most_twenty(tmp_path: pathlib.Path) -> None:
    assert len(refused(tmp_path, "time_s,price\n0,x\n1,y\n2,1\n")) == 2
    many = refused(tmp_path, "time_s,price\n" + "".join(f"{row},x\n" for row in range(500)))
    assert len(many) == 20


def test_a_packed_file_is_read_up_to_the_size_that_is_allowed(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "prices.csv.gz"
    path.write_bytes(gzip.compress(b"time_s,price\n0,1\n"))
    assert strict_csv.read(path, COLUMNS)["price"][0] == 1
    path.write_bytes(gzip.compress(b"0" * 3 * 2**20))
    with pytest.raises(InputError, match="size"):
        strict_csv.read(path, COLUMNS, most_bytes=2**20)


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "../out.csv", "http://169.254.169.254/latest", "~/x.csv", "C:x.csv", "no.csv"]
)
def test_only_files_beside_the_scenario_are_opened(tmp_path: pathlib.Path, name: str) -> None:
    (tmp_path / "out.csv").write_text("x")
    home = tmp_path / "scenario"
    home.mkdir()
    with pytest.raises(InputError) as caught:
        strict_csv.local_file(home, name, key="supply.a.file")
    assert "supply.a.file" in caught.value.lines()[0]


def test_a_link_that_leads_outside_the_folder_is_refused(tmp_path: pathlib.Path) -> None:
    (tmp_path / "out.csv").write_text("x")
    home = tmp_path / "scenario"
    home.mkdir()
    (home / "in.csv").symlink_to(tmp_path / "out.csv")
    with pytest.raises(InputError, match="outside"):
        strict_csv.local_file(home, "in.csv")


def test_a_moment_without_a_timezone_is_refused() -> None:
    assert strict_csv.epoch_s("1970-01-01T02:00:00+02:00") == 0
    with pytest.raises(ValueError, match="timezone"):
        strict_csv.epoch_s("2025-01-01T06:00:00")


@pytest.mark.parametrize("cell", ["1e308", "-1e13", "1000000000001"])
def test_a_number_that_is_no_quantity_of_anything_is_refused(tmp_path: pathlib.Path, cell: str) -> None:
    path = tmp_path / "prices.csv"
    path.write_text(f"time_s,price\n0,{cell}\n")
    with pytest.raises(InputError, match=r"prices.csv:2:\d+: price: row 1: is above 1000000000000"):
        strict_csv.read(path, COLUMNS)
