"""The README's examples are run as they stand, and both languages show the same ones."""

from __future__ import annotations

import pathlib
import re
import subprocess
import sys

import pytest

import marketsim as ms
from marketsim.cli import demo

ROOT = pathlib.Path(__file__).resolve().parents[1]
LANGUAGES = ("README.md", "README.zh-CN.md")


def examples(name: str) -> list[str]:
    """The Python examples of a README: a policy, a kind of offer, a chart."""
    found = re.findall(r"```python\n(.*?)```", (ROOT / name).read_text(encoding="utf-8"), re.S)
    assert len(found) == 3
    return [str(one) for one in found]


def code(name: str) -> str:
    """The example of a policy."""
    return examples(name)[0]


def commands(name: str) -> list[str]:
    """The indented commands, without their comments."""
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    return [line.split("  #")[0].strip() for line in lines if line.startswith("    .venv/bin/")]


def test_both_languages_show_the_same_commands_and_the_same_example() -> None:
    english, chinese = ([re.sub(r'""".*?"""', "", one) for one in examples(name)] for name in LANGUAGES)
    assert english == chinese
    assert commands(LANGUAGES[0]) == commands(LANGUAGES[1])


@pytest.mark.parametrize("name", LANGUAGES)
def test_the_readme_shows_every_policy_of_the_demo(name: str) -> None:
    printed = (ROOT / name).read_text(encoding="utf-8").split("<!-- demo -->")[1].split("<!-- /demo -->")[0]
    known = ms.load(ROOT / "scenarios" / "startup.yaml").policies
    for policy in demo.POLICIES:
        assert policy in known
        assert f" {policy} " in printed, f"{name} does not show {policy}: copy what `marketsim demo` prints"


@pytest.mark.slow
@pytest.mark.parametrize("name", LANGUAGES)
def test_the_python_example_runs(name: str) -> None:
    done = subprocess.run([sys.executable, "-c", code(name)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "patient-spot" in done.stdout


@pytest.mark.slow
def test_the_commands_run(tmp_path: pathlib.Path) -> None:
    program = pathlib.Path(sys.executable).with_name("marketsim")
    for line in commands(LANGUAGES[0]):
        words = line.split()
        if words[0] != ".venv/bin/marketsim":
            continue
        more = ["-n", "2", "--set", "horizon=1 months"] if words[1] in ("run", "what-if") else []
        arguments = [word for word in words[1:] if word not in ("-n", "20")] + more
        done = subprocess.run([program, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, (line, done.stderr)


def test_every_file_the_readme_links_to_is_there() -> None:
    for name in LANGUAGES:
        for link in re.findall(r"\]\(([^)]+)\)", (ROOT / name).read_text(encoding="utf-8")):
            assert (ROOT / link).exists(), f"{name} links to {link}"
