"""`marketsim list --format md`: one section a kind, one row a setting, in tables that Markdown readers can read."""

from __future__ import annotations

import re

import pytest
from click.testing import CliRunner

from marketsim import families
from marketsim.cli.listing import command
from marketsim.scenario import Scenario


@pytest.fixture(scope="module")
def reference() -> str:
    result = CliRunner().invoke(command, ["--format", "md"], catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


def test_each_kind_has_a_section_with_each_of_its_settings_once(reference):
    sections = dict(re.findall(r"^### (\S+)\n(.*?)(?=^##|\Z)", reference, re.MULTILINE | re.DOTALL))
    known = {f"{family}.{name}": kind for family in families.FAMILIES for name, kind in families.kinds(family).items()}
    assert sections.keys() == known.keys()
    assert len(known) > 100
    for name, kind in known.items():
        rows = re.findall(r"^\| `(\w+)` \|", sections[name], re.MULTILINE)
        fields = set(getattr(kind, "model_fields", ())) - {"kind"}
        assert fields - {"preset"} <= set(rows) <= fields
        assert len(rows) == len(set(rows))


def test_the_scenarios_own_keys_come_first(reference):
    head = reference[: reference.index("## demand")]
    assert re.findall(r"^\| `(\w+)` \|", head, re.MULTILINE) == list(Scenario.model_fields)


def test_every_row_has_the_columns_of_its_table(reference):
    rows = [line for line in reference.splitlines() if line.startswith("|")]
    assert len(rows) > 1000
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {5}


def test_one_family_and_what_is_none():
    one = CliRunner().invoke(command, ["queue", "--format", "md"]).output
    assert one.startswith("## queue")
    assert "### queue.edf" in one
    assert "## demand" not in one
    assert CliRunner().invoke(command, ["gpus", "--format", "md"]).exit_code == 2
