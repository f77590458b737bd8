"""Bad and odd inputs, each told in one line with exit code 2 and nothing written, or taken as it is meant.

The cases are those of ../shared/cases/bad_input, translated to the keys of our scenarios; the last test holds the table
to the list there, where it is.
"""

from __future__ import annotations

import json
import os
import pathlib

import pytest

from analysis.bad_input import ELSEWHERE
from analysis.bad_input_cases import ACCEPTED, BASE, REFUSED, WARNED, lay, listing
from marketsim.cli.main import main


@pytest.fixture
def place(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """A folder with the base scenario and its data files, as the working directory."""
    lay(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_wrong_is_told_in_one_line_and_nothing_is_written(
    name: str, place: pathlib.Path, capfd: pytest.CaptureFixture[str]
) -> None:
    mutate, words = REFUSED[name]
    mutate(place)
    before = listing(place)
    code = main(["run", "scenario.yaml", "-n", "1", "-j", "1"])
    out, err = capfd.readouterr()
    lines = [line for line in err.splitlines() if not line.startswith("warning:")]
    assert code == 2
    assert out == ""
    assert len(lines) == 1, err
    assert lines[0].startswith("error: ")
    for word in words:
        assert word.lower() in lines[0].lower()
    assert listing(place) == before


@pytest.mark.parametrize("name", WARNED)
def test_what_will_disappoint_is_warned_of(name: str, place: pathlib.Path, capfd: pytest.CaptureFixture[str]) -> None:
    mutate, words = WARNED[name]
    mutate(place)
    assert main(["check", "scenario.yaml"]) == 0
    warnings = [line for line in capfd.readouterr().err.splitlines() if line.startswith("warning: scenario.yaml:")]
    found = [line for line in warnings if all(word in line for word in words)]
    assert len(found) == 1, warnings


def test_the_base_scenario_is_right_and_has_none_of_these_warnings(
    place: pathlib.Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", "scenario.yaml"]) == 0
    err = capfd.readouterr().err
    for _, words in WARNED.values():
        assert not any(all(word in line for word in words) for line in err.splitlines())


@pytest.mark.parametrize("name", ACCEPTED)
def test_what_is_odd_and_right_gives_the_same_world_as_the_base(name: str, place: pathlib.Path) -> None:
    from marketsim import build, scenario

    base = build.build(scenario.load("scenario.yaml"), 0)
    ACCEPTED[name](place)
    found = scenario.load("scenario.yaml")
    assert build.build(found, 0).exogenous_hash == base.exogenous_hash
    assert found.slug
    assert not set(found.slug) & set("/\\.<>$=\0")
    assert scenario.loads(scenario.dump(found), place) == found


def test_several_faults_of_file_and_settings_are_told_at_once(
    place: pathlib.Path, capfd: pytest.CaptureFixture[str]
) -> None:
    text = BASE.replace("pue: 1.3", "pue: 0.8").replace("initial: 32", "initial: 010").replace("seed:", "sed:")
    (place / "scenario.yaml").write_text(text, encoding="utf-8")
    assert main(["check", "scenario.yaml"]) == 2
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == 3
    assert [line.split(": ")[2] for line in lines] == ["sed", "supply.own.pue", "supply.cloud.quota_instances.initial"]


@pytest.mark.shared
def test_every_case_of_the_shared_list_is_here(shared: pathlib.Path) -> None:
    names = {case["name"] for case in json.loads((shared / "cases/bad_input/cases.json").read_text())}
    assert names == set(REFUSED) | set(WARNED) | set(ACCEPTED) | set(ELSEWHERE)


def test_a_file_that_may_not_be_read_is_told(place: pathlib.Path, capfd: pytest.CaptureFixture[str]) -> None:
    if os.geteuid() == 0:
        pytest.skip("root reads everything")
    (place / "scenario.yaml").chmod(0)
    assert main(["check", "scenario.yaml"]) == 2
    assert "permission" in capfd.readouterr().err
