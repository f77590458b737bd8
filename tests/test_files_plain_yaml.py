"""Only what all readers of YAML read alike is read, and what is written is read back the same."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketsim import plain_yaml
from marketsim.errors import InputError


def faults_of(text: str) -> list[str]:
    """What is wrong with a text, whether or not it stopped the reading."""
    try:
        return [str(fault) for fault in plain_yaml.parse(text, "f.yaml").faults]
    except InputError as error:
        return error.lines()


def test_values_are_what_they_look_like() -> None:
    data = plain_yaml.parse(
        "a: 12\nb: -0.5\nc: true\nd: ~\ne: yes\nf: '012'\ng: 1:30\nh: 2026-01-01\ni: [x, {j: 1}]"
    ).data
    assert data == {
        "a": 12,
        "b": -0.5,
        "c": True,
        "d": None,
        "e": "yes",
        "f": "012",
        "g": "1:30",
        "h": "2026-01-01",
        "i": ["x", {"j": 1}],
    }


def test_every_value_and_key_has_its_place() -> None:
    document = plain_yaml.parse("a:\n  b: 1\n  c: [x, {d: 2}]\n")
    assert document.places["a.b"] == (2, 6)
    assert document.keys["a.b"] == (2, 3)
    assert document.places["a.c[1].d"] == (3, 14)
    assert document.place("a.b.unwritten.key") == (2, 3)  # the nearest parent that is written
    assert document.place("nothing") == (1, 1)


@pytest.mark.parametrize(
    "number",
    [
        "010",
        "-01",
        "00",
        "1e3",
        "1E400",
        "0x1F",
        "0o7",
        "0b1",
        ".5",
        "5.",
        "+5",
        "1_000",
        ".inf",
        "-.inf",
        ".nan",
        "inf",
    ],
)
def test_a_number_that_readers_take_differently_is_refused(number: str) -> None:
    (line,) = faults_of(f"a:\n  b: {number}\n")
    assert line.startswith("f.yaml:2:6: a.b: not a number")
    assert f"(got {number})" in line


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: &x 1\nb: 2", "alias"),
        ("a: {b: *x}", "alias"),
        ("a: &x [*x]", "alias"),
        ("<<: {a: 1}", "merge keys"),
        ("a: !!int 3", "tags are not read"),
        ("a: !!python/object/apply:os.system ['x']", "tags are not read"),
        ("a: 1\n---\nb: 2", "second document"),
        ("a: 1\na: 2", "f.yaml:2:1: a: duplicate key, first given on line 1"),
        ("a: {b: 1, b: 2}", "a.b: duplicate key"),
        ("1: 2", "a key must be text"),
        ("? [a]\n: 2", "a key must be text"),
        ("se\u200bed: 1", r"the key holds an invisible character (U+200B) (got se\u200bed). Did you mean seed?"),
        ('"a\\u0007b": 1', "invisible character (U+0007)"),
        ("a:\n\tb: 1", "tabs cannot indent"),
        ("a: {b: 1\n", "this line is not YAML"),
        ("a: 'x\n", "this line is not YAML"),
        ("a: " + "9" * 500, "a number too long"),
        ("k" * 201 + ": 1", "a key is too long"),
        ("[" * 3000, "nested too deep"),
        ("a:\n" + "".join("  " * depth + "- \n" for depth in range(1, 60)), "nested too deep"),
    ],
)
def test_what_is_not_read_is_refused_in_one_line(text: str, says: str) -> None:
    lines = faults_of(text)
    assert len(lines) == 1
    assert says in lines[0]


def test_all_lesser_faults_are_told_at_once() -> None:
    assert len(faults_of("a: 010\nb: 1\nb: 2\nc: 1e3\n")) == 3


def test_aliases_that_would_grow_without_bound_are_refused_at_the_first() -> None:
    bomb = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 60))
    assert len(faults_of(bomb)) == 1  # read out, 2^60 entries would never end


def test_too_many_entries_are_refused_before_they_are_all_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain_yaml, "MOST_NODES", 1_000)
    assert faults_of("a: [" + "1," * 900 + "1]") == []
    (line,) = faults_of("a: [" + "1," * 1_100 + "1]")
    assert "too many entries" in line


odd = ["010", "1e3", "yes", "null", "~", "true", "<<", "- a", "a: b", "#", " x ", "x\n", "=1+1", "1_0", "\t"]
numbers = st.integers(-(10**30), 10**30) | st.floats(allow_nan=False, allow_infinity=False)
leaves = (
    st.none()
    | st.booleans()
    | numbers
    | st.sampled_from(odd)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
)
keys = st.from_regex(r"[a-z0-9-]{1,8}", fullmatch=True)
plain = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4), max_leaves=12
)


@given(st.dictionaries(st.from_regex(r"[a-z]{1,8}", fullmatch=True), plain, min_size=1, max_size=4))
@settings(max_examples=40, deadline=None)
def test_what_is_written_is_read_back_the_same(data: dict[str, object]) -> None:
    document = plain_yaml.parse(plain_yaml.dump(data))
    assert document.data == data
    assert not document.faults


def test_small_and_large_numbers_are_written_without_an_exponent() -> None:
    assert plain_yaml.dump({"a": 1e-9, "b": 1e22, "c": 0.1}) == "a: 0.000000001\nb: 10000000000000000000000.0\nc: 0.1\n"
