"""The page of one screen about the house is true: what it names is there, and its layers are those that are held."""

from __future__ import annotations

import importlib
import pathlib
import pkgutil
import re
import tomllib

import pytest

import marketsim

ROOT = pathlib.Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "marketsim"
PAGE = (PACKAGE / "ARCHITECTURE.md").read_text(encoding="utf-8")


def files_in(page: str) -> list[str]:
    """Words in code marks that are a file or a folder."""
    return [word for word in re.findall(r"`([^`\s]+)`", page) if word.endswith("/") or re.search(r"\.(py|md)$", word)]


def missing(page: str) -> list[str]:
    """Those that are neither in the package nor in the project."""
    return [name for name in files_in(page) if not (PACKAGE / name).exists() and not (ROOT / name).exists()]


def layers_in(page: str) -> list[str]:
    """The words of the block under the sentence about imports."""
    block = page.split("Imports run down")[1].split("\n\n")[1]
    return block.split()


def rows_in(page: str) -> list[list[str]]:
    """The table of where the next one goes: what, like, contract and its name, line."""
    table = page.split("## Where the next one goes")[1].split("## ")[0]
    lines = [line for line in table.splitlines() if line.startswith("| ")][1:]
    return [[cell.strip().replace("`", "") for cell in line.strip("|").split("|")] for line in lines]


def held() -> list[str]:
    """The layers of the contract of import-linter, top first."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (contract,) = [one for one in project["tool"]["importlinter"]["contracts"] if one["type"] == "layers"]
    return [name.removeprefix("marketsim.") for name in contract["layers"]]


def test_every_file_and_folder_it_names_is_there() -> None:
    assert len(files_in(PAGE)) > 40
    assert missing(PAGE) == []
    assert missing("see `engine/no_such.py` and `nowhere/`") == ["engine/no_such.py", "nowhere/"]


def test_its_layers_are_those_of_the_contract_and_no_module_is_left_out() -> None:
    assert layers_in(PAGE) == held()
    assert sorted(layers_in(PAGE)) == sorted(module.name for module in pkgutil.iter_modules(marketsim.__path__))


@pytest.mark.parametrize("row", rows_in(PAGE), ids=lambda row: row[0])
def test_each_row_points_at_a_kind_a_contract_and_a_table(row: list[str]) -> None:
    _, like, contract, line = row
    file, name = contract.split()
    assert hasattr(importlib.import_module(dotted(file)), name)
    family = importlib.import_module(dotted(line))
    assert isinstance(family.KINDS, dict)
    assert (PACKAGE / like).parent == (PACKAGE / line).parent
    assert pathlib.Path(like).stem in (PACKAGE / line).read_text(encoding="utf-8")


def dotted(file: str) -> str:
    """A file of the package as a module."""
    return "marketsim." + file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def test_it_is_one_screen_and_both_languages_link_to_it() -> None:
    assert len(PAGE.splitlines()) <= 60
    for name in ("README.md", "README.zh-CN.md"):
        assert "(marketsim/ARCHITECTURE.md)" in (ROOT / name).read_text(encoding="utf-8")


def test_every_module_but_the_engine_is_held_to_know_no_simpy() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (contract,) = [one for one in project["tool"]["importlinter"]["contracts"] if one["type"] == "forbidden"]
    assert contract["forbidden_modules"] == ["simpy"]
    assert {f"marketsim.{name}" for name in held()} - set(contract["source_modules"]) == {"marketsim.engine"}
