"""A policy, a kind of offer and a chart as the README shows them: one file and one line, and all of it works."""

from __future__ import annotations

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
LANGUAGES = ("README.md", "README.zh-CN.md")
SCENARIO = """\
name: lab
horizon: 3 d
demand:
  train:
    kind: training
    arrivals: {kind: poisson, per_day: 12}
    run_hours: 5
    gang: {kind: constant, gpus: 1}
    checkpoint: {every: 30 min, cost: 10 s}
supply:
  lab: {kind: night_shift, provider: University, shape: {gpu: V100-32GB}, usd_per_gpu_hour: 0.5, instances: 2}
  cloud: {kind: on_demand, provider: AWS, shape: {gpu: V100-32GB}, usd_per_gpu_hour: 3}
policies:
  cheapest: {placement: {kind: cheapest_feasible}}
  cloud-only: {placement: {kind: on_demand_only}}
"""


def shown(readme: str) -> list[tuple[str, str, str]]:
    """(file, its code, the line that names it) of each kind that a README shows."""
    text = (ROOT / readme).read_text(encoding="utf-8")
    files = re.findall(r"`(marketsim/\w+/\w+\.py)`[^`]{0,3}\n\n```python\n(.*?)```", text, re.S)
    lines = re.findall(r"`(\"\w+\": \w+,|\w+\.CHART,)`", text)
    assert len(files) == len(lines) == 2
    return [(file, code, line) for (file, code), line in zip(files, lines, strict=True)]


def added(package: pathlib.Path, file: str, code: str, line: str) -> None:
    """One file beside its siblings, its import, and one line in the table."""
    path = package.parent / file
    assert path.parent.is_dir()
    assert not path.exists()
    path.write_text(code, encoding="utf-8")
    table = path.with_name("__init__.py")
    family = f"marketsim.{path.parent.name}"
    name = line.split(":")[1].strip(" ,") if ":" in line else None
    brought = f"from {family} import {path.stem}" if name is None else f"from {family}.{path.stem} import {name}"
    head, tail = table.read_text(encoding="utf-8").split("\nKINDS", 1)
    ends = "\n    ]\n" if name is None else "\n}\n"
    assert tail.count(ends) == 1
    table.write_text(
        f"{head}\n{brought}\n\nKINDS{tail.replace(ends, f'{chr(10)}        {line}{ends}')}", encoding="utf-8"
    )


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A copy of the package with what the README adds, and a scenario that names it."""
    folder = tmp_path_factory.mktemp("house")
    shutil.copytree(ROOT / "marketsim", folder / "marketsim", ignore=shutil.ignore_patterns("__pycache__"))
    for file, code, line in shown("README.md"):
        added(folder / "marketsim", file, code, line)
    (folder / "lab.yaml").write_text(SCENARIO, encoding="utf-8")
    return folder


def said(house: pathlib.Path, *commands: str) -> list[str]:
    """What each command of the changed package prints; one process runs them all."""
    program = (
        "import contextlib, io, json, sys\n"
        "from marketsim.cli.main import main\n"
        "told = []\n"
        "for command in sys.argv[1:]:\n"
        "    with contextlib.redirect_stdout(io.StringIO()) as out:\n"
        "        assert main(command.split()) == 0, command\n"
        "    told.append(out.getvalue())\n"
        "print(json.dumps(told))\n"
    )
    told: list[str] = json.loads(python(house, program, *commands))
    return told


def python(house: pathlib.Path, program: str, *words: str) -> str:
    """What a program prints that imports the changed package."""
    known = os.environ | {"PYTHONPATH": str(house)}
    done = subprocess.run(
        [sys.executable, "-c", program, *words], cwd=house, env=known, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_both_languages_show_the_same_files_and_lines() -> None:
    english, chinese = ([(file, line) for file, _, line in shown(name)] for name in LANGUAGES)
    assert english == chinese


def test_a_kind_of_offer_is_checked_run_and_listed(house: pathlib.Path) -> None:
    run = "run lab.yaml -n 2 -j 1 --json -q --no-pictures"
    listed, shown, _, ran = said(house, "list supply", "show supply.night_shift", "check lab.yaml", run)
    assert "night_shift" in listed
    assert "Instances that are there from 18:00 to 8:00" in shown
    policies = json.loads(ran)["policies"]
    cost = {name: cells["total_cost_usd"]["mean"] for name, cells in policies.items()}
    assert 0 < cost["cheapest"] < cost["cloud-only"]
    assert policies["cheapest"]["reclaims"]["mean"] > 0  # in the morning


def test_by_day_nothing_is_there_and_the_chart_is_drawn(house: pathlib.Path) -> None:
    program = (
        "import marketsim as ms\n"
        "scenario = ms.load('lab.yaml')\n"
        "lab = ms.build_world(scenario).offers[0]\n"
        "print([lab.launchable.at(hour * 3600) for hour in (7, 8, 17, 18)], lab.keepable.at(12 * 3600))\n"
        "figure = ms.draw(ms.run(scenario, replications=2), 'dearest')\n"
        "print(len(figure.axes[0].patches), figure.texts[0].get_text())\n"
    )
    capacity, drawn = python(house, program).splitlines()
    assert capacity == "[2.0, 0.0, 0.0, 2.0] 0.0"
    assert drawn.startswith("2 cheapest never costs more than ")


@pytest.mark.slow
def test_a_chart_stands_in_every_report_and_among_the_pictures(house: pathlib.Path) -> None:
    run = "run lab.yaml -n 2 -j 1 -q --out drawn"
    listed, *_ = said(house, "list charts", run, "report drawn --lang zh")
    assert "dearest" in listed
    captions = json.loads((house / "drawn/figures/captions.json").read_text(encoding="utf-8"))
    (one,) = [caption for caption in captions if caption["name"] == "dearest"]
    assert one["question"] == "What is the dearest replication of each policy?"
    assert "never costs more than" in one["message"]
    assert (house / "drawn/figures/dearest.wide.png").stat().st_size > 5_000
    assert one["message"] in (house / "drawn/report.html").read_text(encoding="utf-8")
    assert one["message"] in (house / "drawn/report.zh.html").read_text(encoding="utf-8")


def test_a_policy_in_a_file_is_checked_and_run(house: pathlib.Path) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    policy = re.findall(r"```python\n(.*?)```", text, re.S)[0].split("\n\n\nscenario = ")[0]
    (house / "policy.py").write_text(policy.replace('"aws-p5', '"cloud').replace("cloud-spot", "lab"), encoding="utf-8")
    run = "run lab.yaml -n 1 -j 1 --json -q --no-pictures --out own --policy cheapest --policy-file policy.py"
    checked, ran = said(house, "check-policy policy.py --scenario lab.yaml --days 2", run)
    assert "patient-spot: right in" in checked
    assert list(json.loads(ran)["policies"]) == ["cheapest", "patient-spot"]
