"""Every example in a docstring of the package prints what it says; the public face has a test of its own."""

from __future__ import annotations

import doctest
import importlib
import pathlib

import pytest

import marketsim

PACKAGE = pathlib.Path(marketsim.__file__).parent
WITH_EXAMPLES = sorted(
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
    for path in PACKAGE.rglob("*.py")
    if path != PACKAGE / "__init__.py" and ">>> " in path.read_text(encoding="utf-8")
)
PUBLIC = {place.replace(":", ".") for place in marketsim._FACE.values()}


def examples(module: str) -> list[doctest.DocTest]:
    """The examples of a module, but for those of public names."""
    found = doctest.DocTestFinder(exclude_empty=True).find(importlib.import_module(module))
    return [one for one in found if one.examples and one.name not in PUBLIC]


def test_they_are_found() -> None:
    assert len(WITH_EXAMPLES) > 50
    assert {one.name for one in examples("marketsim.scenario")} == {"marketsim.scenario.slug"}


@pytest.mark.parametrize("module", WITH_EXAMPLES)
def test_the_examples_of_a_module_print_what_they_say(module: str) -> None:
    told: list[str] = []
    for one in examples(module):
        doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(one, out=told.append)
    assert not told, "".join(told)
