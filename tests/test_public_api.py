"""Each name of the public face has an example in its docstring, and each example is run as it stands."""

from __future__ import annotations

import ast
import doctest
import inspect
import pathlib
from typing import Any

import pytest

import marketsim
from marketsim.errors import InputError

BEGINS = "import marketsim as ms"  # an example leans on nothing but the public face and what it imports itself


def doc_of(thing: Any) -> str:
    """The docstring of a thing itself; what a base class says is no word about it."""
    own = vars(thing).get("__doc__") if inspect.isclass(thing) else thing.__doc__
    return inspect.cleandoc(own or "")


def example(name: str, doc: str) -> doctest.DocTest:
    """The example in a docstring, with a namespace of its own."""
    return doctest.DocTestParser().get_doctest(doc, {"__name__": "example"}, name, None, 0)


def lacking(name: str, doc: str) -> str | None:
    """What a docstring of the public face lacks, None where it is whole."""
    first = doc.split("\n\n")[0]
    if not first or ">>>" in first:
        return f"{name} does not begin with a sentence that says what it is"
    steps = example(name, doc).examples
    if not steps:
        return f"{name} has no example"
    if steps[0].source.strip() != BEGINS:
        return f"the example of {name} does not begin with `{BEGINS}`"
    if not any(step.want for step in steps):
        return f"the example of {name} shows no result"
    return None


def run(name: str, doc: str) -> None:
    """Run an example; AssertionError with what was printed in place of what is written."""
    told: list[str] = []
    failed, _ = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(example(name, doc), out=told.append)
    assert not failed, "".join(told)


@pytest.mark.parametrize("name", marketsim.__all__)
def test_each_public_name_is_documented_with_an_example(name: str) -> None:
    assert lacking(name, doc_of(getattr(marketsim, name))) is None


@pytest.mark.parametrize("name", marketsim.__all__)
def test_each_example_prints_what_it_says(name: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # an example needs no checkout and leaves nothing behind
    run(name, doc_of(getattr(marketsim, name)))
    assert list(tmp_path.iterdir()) == []


def test_the_example_of_the_package_itself_runs() -> None:
    run("marketsim", inspect.cleandoc(marketsim.__doc__ or ""))


@pytest.mark.parametrize(
    ("doc", "what"),
    [
        ("Load a scenario.", "x has no example"),
        (">>> import marketsim as ms", "x does not begin with a sentence that says what it is"),
        ("Load a scenario.\n\n>>> load('speech')\n1", "the example of x does not begin with `import marketsim as ms`"),
        ("Load a scenario.\n\n>>> import marketsim as ms\n>>> x = 1", "the example of x shows no result"),
    ],
)
def test_a_docstring_that_lacks_something_is_told(doc: str, what: str) -> None:
    assert lacking("x", doc) == what


def test_an_example_that_prints_something_else_fails() -> None:
    with pytest.raises(AssertionError, match="Expected"):
        run("x", "Add.\n\n>>> import marketsim as ms\n>>> 1 + 1\n3")


def test_type_checkers_are_told_of_the_same_names_from_the_same_places() -> None:
    tree = ast.parse(pathlib.Path(marketsim.__file__).read_text(encoding="utf-8"))
    (told,) = (node for node in tree.body if isinstance(node, ast.If))
    found = {
        alias.asname or alias.name: f"{node.module}:{alias.name}"
        for node in told.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert found == marketsim._FACE
    assert list(marketsim._FACE) == marketsim.__all__


def ran(ms: Any, horizon: str) -> Any:
    """Results of one policy over so long a time."""
    return ms.run(ms.load("speech", [f"horizon={horizon}"]), ["cloud-only"], replications=2)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda ms: ms.run("startup.yaml"), "scenario: a str is no scenario; allowed: a Scenario, as load"),
        (lambda ms: ms.run(ms.load("speech"), [3]), r"policies.int: a int is no policy \(got 3\); allowed: policy_of"),
        (lambda ms: ms.run(ms.load("speech"), {"mine": dict}), r"policies.mine: dict is a class; allowed: an object"),
        (lambda ms: ms.run(ms.load("speech"), replications="5"), r"replications: not a number \(got 5\)"),
        (lambda ms: ms.run(ms.load("speech"), seed=-1), r"seed: out of range \(got -1\); allowed: a whole number"),
        (lambda ms: ms.simulate("a world", None), "world: a str is no world; allowed: a World"),
        (lambda ms: ms.simulate(ms.build_world(ms.load("speech")), "cheapest"), r"policy: a str is no policy"),
        (lambda ms: ms.kinds("price"), r"no such family \(got price\); .* Did you mean prices\?"),
        (lambda ms: ms.policy_of(ms.load("speech"), "cheap"), "no policy has this name"),
        (lambda ms: ms.compare(ran(ms, "2 w"), ran(ms, "3 w")), "the two cannot be compared: their horizons are 14 d"),
        (lambda ms: ms.draw(ran(ms, "2 w"), "invoices"), "chart invoices: the results hold nothing that it could show"),
    ],
)
def test_what_is_handed_in_wrong_is_told_in_one_line(wrong: Any, says: str) -> None:
    with pytest.raises(InputError, match=f"^{says}") as told:
        wrong(marketsim)
    assert len(told.value.lines()) == 1


def test_the_schema_that_editors_read_holds_no_example(capsys: pytest.CaptureFixture[str]) -> None:
    from marketsim.cli.main import main

    assert main(["schema"]) == 0
    assert ">>>" not in capsys.readouterr().out
