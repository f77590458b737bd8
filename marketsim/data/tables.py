"""The one reader of the packaged tables of facts: each row as text by column, each with its source and date.

A table holds published figures; what a number means is for its user to know, so cells stay text here.
"""

from __future__ import annotations

import csv
import json
from functools import cache
from importlib import resources
from typing import Any


@cache
def table(name: str) -> tuple[dict[str, str], ...]:
    """The rows of `marketsim/data/NAME.csv`, in the file's order; KeyError for a table that is not packaged."""
    return tuple(csv.DictReader(_text(f"{name}.csv").splitlines()))


@cache
def document(name: str) -> Any:
    """The content of `marketsim/data/NAME.json`; to be read, never changed."""
    return json.loads(_text(f"{name}.json"))


def _text(file: str) -> str:
    found = resources.files("marketsim.data").joinpath(file)
    if not found.is_file():
        raise KeyError(f"no table of facts is called {file}")
    return found.read_text(encoding="utf-8-sig")
