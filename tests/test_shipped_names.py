"""A scenario that comes with marketsim is meant by its bare name wherever a file is, unless a file has that name."""

from __future__ import annotations

import pathlib

import pytest

import marketsim as ms
from marketsim import shipped
from marketsim.cli.main import main
from marketsim.errors import InputError


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_bare_name_loads_the_shipped_scenario_from_any_folder() -> None:
    assert ms.load("speech") == ms.load(shipped.path("speech"))


def test_a_file_of_that_name_goes_first() -> None:
    text = shipped.path("only-federated").read_text(encoding="utf-8").replace("seed: 1", "seed: 77")
    pathlib.Path("speech").write_text(text, encoding="utf-8")
    assert ms.load("speech").seed == 77


def test_commands_take_the_name_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "only-federated", "seed"]) == 0
    assert main(["check", "only-federated", "-q"]) == 0
    few = ["--policy", "central", "--set", "horizon=2 w", "--no-pictures", "-q"]
    assert main(["run", "only-federated", "-n", "1", "-j", "1", *few]) == 0
    assert "results/only-federated/summary.csv" in capsys.readouterr().out
    given = pathlib.Path("results/only-federated/scenario.yaml").read_text(encoding="utf-8")
    assert given == shipped.path("only-federated").read_text(encoding="utf-8")


def test_a_name_that_is_neither_is_told_with_the_nearest() -> None:
    with pytest.raises(InputError, match=r"^startups: no such file, .*; allowed: .*startup.* Did you mean startup\?$"):
        ms.load("startups")
    for path in ("startups.yaml", "./startup", "scenarios/startup"):
        with pytest.raises(InputError, match=r"no such file$"):
            ms.load(path)


def test_a_command_that_writes_into_the_scenario_wants_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    before = shipped.path("startup").read_bytes()
    pathlib.Path("bill.csv").write_text("x\n", encoding="utf-8")
    assert main(["backtest", "startup", "--bill", "bill.csv"]) == 2
    assert "startup: no such file" in capsys.readouterr().err
    assert shipped.path("startup").read_bytes() == before
