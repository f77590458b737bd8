"""The study of mutants: what it may change, what it leaves out, and that its lists name what is there."""

from __future__ import annotations

from typing import Any

import pytest

from analysis import mutation

SOURCE = '''"""A module of 1 line."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import os

LIMIT: int = 3 if 1 > 0 else 2


@cache(maxsize=5)
def f(a: int | None = 7, *, b: float = 8.0) -> list[int]:
    """Nothing is 9 here."""
    assert a > 10
    if a < 11:
        raise ValueError(f"{a + 12} is not 13")
    return [-a]
'''


def test_files_tests_and_lines_that_are_listed_are_there() -> None:
    for file, tests in mutation.TARGETS.items():
        assert (mutation.ROOT / file).is_file()
        assert [test for test in tests if not (mutation.ROOT / test).exists()] == []
    for (file, line), (reason, changes) in mutation.EQUAL.items():
        lines = (mutation.ROOT / file).read_text(encoding="utf-8").splitlines()
        assert line in [one.strip() for one in lines], (file, line)
        assert reason
        assert all(line.count(what) == 1 and mutation.equal(file, line, line.replace(what, by)) for what, by in changes)
        assert not mutation.equal(file, line, line)


def test_signatures_annotations_texts_and_what_is_raised_are_left_out() -> None:
    parts = mutation.without_behaviour(SOURCE)
    lines = SOURCE.splitlines()

    def left_out(text: str) -> bool:
        row = next(number for number, line in enumerate(lines, 1) if text in line)
        at = (row, lines[row - 1].index(text))
        return any(begun <= at < ended for begun, ended in parts)

    assert all(
        left_out(text) for text in ("TYPE_CHECKING:", "int = 3", "=5", "| None", "= 7", "*,", "8.0", "list[int]")
    )
    assert all(left_out(text) for text in ("> 10", "+ 12", "13"))
    assert not any(left_out(text) for text in ("> 0", "2", "< 11", "-a]"))


def test_what_changes_no_behaviour_is_told_from_what_does() -> None:
    def kept(name: str) -> bool:
        return mutation.NOT_BEHAVIOUR.match(f"core/{name}") is None

    left_out = (
        "RemoveDecorator",
        "ExceptionReplacer",
        "ReplaceComparisonOperator_Lt_IsNot",
        "ReplaceUnaryOperator_USub_Invert",
    )
    left_out += ("ReplaceComparisonOperator_Is_LtE", "ReplaceBinaryOperator_Add_BitOr", "ReplaceBinaryOperator_Mul_Pow")
    assert not any(kept(name) for name in left_out)
    kept_ones = ("AddNot", "NumberReplacer", "ReplaceComparisonOperator_Is_IsNot", "ReplaceComparisonOperator_Lt_LtE")
    kept_ones += (
        "ReplaceUnaryOperator_Delete_USub",
        "ReplaceBinaryOperator_BitOr_BitAnd",
        "ReplaceBinaryOperator_Pow_Mul",
    )
    assert all(kept(name) for name in kept_ones)


@pytest.mark.extra
def test_operators_of_our_own_change_what_their_examples_say() -> None:
    mutating: Any = pytest.importorskip("cosmic_ray.mutating", reason="needs an extra: dev")
    for operator in mutation.own_operators().values():
        for example in operator.examples():
            assert mutating.mutate_code(example.pre_mutation_code, operator(), 0) == example.post_mutation_code
    leave = mutation.own_operators()["Leave"]()
    assert (
        mutating.mutate_code("def f(x):\n    x = g(1)\n    h(x)\n", leave, 0) == "def f(x):\n    x = g(1)\n    pass\n"
    )
    assert mutating.mutate_code("x = min\ny = a[0](1)\nz.min(1)\n", leave, 0) == "x = min\ny = a[0](1)\npass\n"
    assert mutating.mutate_code("return x\ny = -1\n", leave, 0) is None
