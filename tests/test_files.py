"""Files are local, regular, small and UTF-8, or they are refused before anything is read."""

from __future__ import annotations

import os
import pathlib

import pytest

from marketsim import files
from marketsim.errors import InputError


def test_a_byte_order_mark_and_windows_line_ends_change_nothing(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_bytes(b"\xef\xbb\xbfname: x\r\nseed: 3\r\n")
    assert files.read_yaml(path).data == {"name": "x", "seed": 3}
    assert files.read_yaml(path).places["seed"] == (2, 7)


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "not a text file"),
        (b"name: caf\xe9\n", "not UTF-8"),
        (b"name: a\x07b\n", "not a text file"),
        (b"", "empty"),
        (b"# only a comment\n", "empty"),
    ],
)
def test_what_is_no_text_is_named(tmp_path: pathlib.Path, raw: bytes, says: str) -> None:
    path = tmp_path / "s.yaml"
    path.write_bytes(raw)
    with pytest.raises(InputError, match=says) as caught:
        files.read_yaml(path)
    assert len(caught.value.lines()) == 1


def test_the_line_of_the_first_foreign_byte_is_named(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_bytes(b"a: 1\nb: 2\nname: caf\xe9\n")
    with pytest.raises(InputError) as caught:
        files.read_yaml(path)
    assert caught.value.faults[0].line == 3


def test_what_is_no_regular_file_is_refused_without_being_opened(tmp_path: pathlib.Path) -> None:
    fifo = tmp_path / "pipe.yaml"
    os.mkfifo(fifo)  # opening it would wait for ever
    for path, says in [
        (fifo, "regular file"),
        ("/dev/zero", "regular file"),
        (tmp_path, "directory"),
        (tmp_path / "no_such.yaml", "no such file"),
        ("http://169.254.169.254/latest", "URL"),
        (tmp_path / "jobs.pkl", "pickle"),
        (tmp_path / "prices.csv.gz", "size"),
        ("a\0b.yaml", "NUL"),
    ]:
        with pytest.raises(InputError, match=says):
            files.read_yaml(path)


def test_a_file_above_the_limit_is_refused_by_its_size_alone(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "big.yaml"
    with path.open("wb") as stream:
        stream.truncate(200_000_000)  # sparse: reading it would show
    with pytest.raises(InputError, match="size is above the limit"):
        files.read_yaml(path)
