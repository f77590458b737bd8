"""A fault is told in the scenario's own words: its dotted path and place, what was given, what is allowed."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import pytest
from pydantic import Field, ValidationError

from marketsim import dotted, faults, plain_yaml, settings
from marketsim.errors import Fault, InputError


class Flat(settings.Kind):
    """One price for ever."""

    scalar_key: ClassVar[str | None] = "usd"
    kind: Literal["constant"] = "constant"
    usd: settings.UsdPerGpuHour = Field(description="USD per GPU-hour")


class Uniform(settings.Kind):
    """Any price between two."""

    kind: Literal["uniform"] = "uniform"
    low: settings.Positive = Field(description="least")
    high: settings.Positive = Field(description="greatest")


Price = settings.one_of({"constant": Flat, "uniform": Uniform})


class Line(settings.Settings):
    """One line of a plan."""

    at: settings.PositiveDuration = Field(default=1, description="when")
    gpus: settings.PositiveCount = Field(description="GPUs")


class House(settings.Settings):
    """A small scenario."""

    seed: int = Field(default=1, ge=0, le=999)
    mode: Literal["stop", "continue"] = "stop"
    on: bool = True
    pue: float = Field(default=1.25, ge=1, le=3)
    wait: Literal["none"] | settings.Duration = "none"
    offers: dict[settings.Name, Price] = Field(default_factory=dict)  # type: ignore[valid-type]
    plan: tuple[Line, ...] = Field(default=(), min_length=1)


def told(text: str) -> list[Fault]:
    """The faults of a text checked against the house."""
    document = plain_yaml.parse(text, "h.yaml")
    with pytest.raises(ValidationError) as caught:
        House.model_validate(document.data)
    return faults.of(caught.value, House, document)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("seed: -1", "h.yaml:1:7: seed: is out of range (got -1); allowed: a whole number from 0 to 999"),
        ("seed: '12 '", "h.yaml:1:7: seed: must be a whole number (got 12 ); allowed: a whole number from 0 to 999"),
        ("seed: 1.5", "h.yaml:1:7: seed: must be a whole number (got 1.5); allowed: a whole number from 0 to 999"),
        ("seed: true", "h.yaml:1:7: seed: must be a whole number (got true); allowed: a whole number from 0 to 999"),
        ("seed: [16]", "h.yaml:1:7: seed: must be a whole number (got [16]); allowed: a whole number from 0 to 999"),
        ("seed: null", "h.yaml:1:7: seed: must be a whole number (got null); allowed: a whole number from 0 to 999"),
        ("pue: 0.8", "h.yaml:1:6: pue: is out of range (got 0.8); allowed: a number from 1 to 3"),
        ("pue: 1.3.2", "h.yaml:1:6: pue: must be a number (got 1.3.2); allowed: a number from 1 to 3"),
        ("on: yes", "h.yaml:1:5: on: must be true or false (got yes); allowed: true or false"),
        ("mode: stopp", "h.yaml:1:7: mode: is none of the values allowed (got stopp); allowed: stop or continue. "
                        "Did you mean stop?"),
        ("sed: 1", "h.yaml:1:1: sed: unknown key. Did you mean seed?"),
        ("zzzz: 1", "h.yaml:1:1: zzzz: unknown key; allowed: seed, mode, on, pue, wait, offers, plan"),
        ("offers: {a: 2, b: {kind: uniform, low: 1}}", "h.yaml:1:16: offers.b.high: is missing; allowed: "
                                                      "a number above 0, at most 1000000000000"),
        ("offers:\n  a: -3", "h.yaml:2:6: offers.a: is out of range (got -3); allowed: a number above 0, at most 1000"),
        ("offers:\n  a: {kind: uniforn, low: 1, high: 2}",
         "h.yaml:2:13: offers.a.kind: unknown kind (got uniforn); allowed: constant, uniform. Did you mean uniform?"),
        ("offers:\n  a: {low: 1}", "h.yaml:2:6: offers.a: `kind` is missing; allowed: constant, uniform"),
        ("offers:\n  a: $3",
         "h.yaml:2:6: offers.a: must be a number, or a mapping with `kind` (got $3); allowed: kind: constant, uniform"),
        ("offers:\n  a: {kind: uniform, low: 1, high: x}",
         "h.yaml:2:36: offers.a.high: must be a number (got x); allowed: a number above 0, at most 1000000000000"),
        ("offers:\n  Big Name: 1", "h.yaml:2:3: offers.Big Name: is not written as it must be (got Big Name); "
                                   f"allowed: {faults.NAME_IN_WORDS}"),
        ("offers: [a]", "h.yaml:1:9: offers: must be a mapping (got [a])"),
        ("plan: []", "h.yaml:1:7: plan: must not be empty (got []); allowed: at least 1"),
        ("plan: [{gpus: 1}, {gpus: 0}]",
         "h.yaml:1:26: plan[1].gpus: is out of range (got 0); allowed: a whole number from 1 to 1000000"),
        ("plan: [{gpus: 1, at: 90}]",
         "h.yaml:1:22: plan[0].at: a duration needs a number and one of the units s, min, h, d, w, months, y, as in "
         "`36 h` (got 90); allowed: a duration above 0 s, at most 20 y"),
        ("plan: [{gpus: 1, at: 100000 y}]",
         "h.yaml:1:22: plan[0].at: is out of range (got 100000 y); allowed: a duration above 0 s, at most 20 y"),
        ("plan: 7", "h.yaml:1:7: plan: must be a list (got 7); allowed: a list"),
    ],
)  # fmt: skip
def test_each_fault_is_one_line_with_place_value_and_range(text: str, line: str) -> None:
    assert [str(fault) for fault in told(text)] == [line]


def test_a_setting_of_two_types_tells_one_fault_for_both() -> None:
    (fault,) = told("wait: soon")
    assert (fault.key, fault.got) == ("wait", "soon")
    assert "none" in str(fault.allowed)
    assert "duration" in str(fault.allowed)


def test_all_faults_are_told_at_once_in_the_order_of_the_file() -> None:
    assert [fault.key for fault in told("pue: 9\nsed: 1\nseed: -1\noffers: {a: 0}")] == [
        "pue",
        "sed",
        "seed",
        "offers.a",
    ]


def test_only_twenty_of_many_faults_are_printed() -> None:
    many = told("plan:\n" + "".join(f"- {{gpus: -{n}}}\n" for n in range(1, 51)))
    lines = InputError(many).lines()
    assert len(many) == 50
    assert len(lines) == 20
    assert lines[-1] == "and 31 more faults of this kind"


@pytest.mark.parametrize(
    ("path", "parts"),
    [
        ("a", ["a"]),
        ("a.b-c[0].d", ["a", "b-c", 0, "d"]),
        ("a.0.b", ["a", "0", "b"]),
        ("sources.a.b", ["sources", "a.b"]),
    ],
)
def test_a_dotted_path_is_taken_apart(path: str, parts: list[Any]) -> None:
    assert dotted.parts(path) == parts


@pytest.mark.parametrize("path", ["", ".", "a..b", "a.", ".a", "a[x]", "a[0", "[0]b]"])
def test_what_is_no_dotted_path_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="dotted path"):
        dotted.parts(path)


def test_edits_use_the_same_paths_as_faults_and_leave_the_original_alone() -> None:
    document = plain_yaml.parse("a: {b: 1}\nl: [{x: 1}, {x: 2}]\n")
    changed = dotted.edited(document, ["a.b=2.5", "l[1].x=yes", "l.0.x=[1, 2]", "new.c=true", "a.d="])
    assert changed.data == {
        "a": {"b": 2.5, "d": None},
        "l": [{"x": [1, 2]}, {"x": "yes"}],
        "new": {"c": True},
    }
    assert document.data == {"a": {"b": 1}, "l": [{"x": 1}, {"x": 2}]}


def test_a_fault_of_an_edit_names_the_edit_and_no_line() -> None:
    document = dotted.edited(plain_yaml.parse("seed: 1\n", "h.yaml"), ["seed=-4", "offers.a.kind=nix"])
    with pytest.raises(ValidationError) as caught:
        House.model_validate(document.data)
    assert [str(fault) for fault in faults.of(caught.value, House, document)] == [
        "--set offers.a.kind=nix: offers.a.kind: unknown kind (got nix); allowed: constant, uniform",
        "--set seed=-4: seed: is out of range (got -4); allowed: a whole number from 0 to 999",
    ]


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        ("seed", "KEY=VALUE"),
        ("seed.x=1", "seed is 1, which has no keys"),
        ("l[5]=1", "l has 2 entries, the last is l[1]"),
        ("l.x=1", "l is a list"),
        ("a..b=1", "no dotted path"),
        ("seed=010", "leading zero"),
        ("seed={a: &x 1}", "alias"),
    ],
)
def test_an_edit_that_cannot_be_made_is_told(edit: str, says: str) -> None:
    with pytest.raises(InputError) as caught:
        dotted.edited(plain_yaml.parse("seed: 1\nl: [1, 2]\n"), [edit])
    (line,) = caught.value.lines()
    assert line.startswith(f"--set {edit}: ")
    assert says in line
