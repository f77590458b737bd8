"""The table of laws in analysis/VALIDATION.md: every law of the list is there, and every test it names."""

from __future__ import annotations

import ast
import json
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


def shown() -> dict[str, list[str]]:
    """Law -> the tests that show it, as `file::function`."""
    text = (ROOT / "analysis" / "VALIDATION.md").read_text(encoding="utf-8")
    table = text[text.index("\n## Laws") :]
    rows = [line.strip("|").split("|") for line in table.splitlines() if re.match(r"\| [a-z]+_?[a-z_]* \|", line)]
    return {row[0].strip(): [name.strip() for name in row[1].split(",")] for row in rows if row[0].strip() != "law"}


def test_every_test_that_the_table_names_is_there() -> None:
    known: set[str] = set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        known |= {f"{path.stem}::{one.name}" for one in ast.walk(tree) if isinstance(one, ast.FunctionDef)}
    assert shown()
    missing = {law: sorted(set(tests) - known) for law, tests in shown().items() if not set(tests) <= known}
    assert not missing


@pytest.mark.shared
def test_every_law_of_the_list_is_in_the_table(shared: pathlib.Path) -> None:
    laws = [law["id"] for law in json.loads((shared / "cases/invariants.json").read_text())]
    assert list(shown()) == laws
