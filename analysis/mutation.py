"""Mutants: small wrong changes of the core, a seeded sample of them, each met by the tests that lie nearest to it.

    python -m analysis.mutation [--each N] [--seed N] [--only TEXT] [--verbose]

A mutant changes one operator, comparison, number, condition, call or statement of one file. It is compiled in memory in
a process of its own, in place of the file; nothing on disk changes. It is killed where a test fails, breaks or does not
end; those that live are printed with file, line and change, to be read. Every mutation is drawn alike, whether it
can be told from the original by any behaviour or not: some that live are equal to what they were made from, and those
that were read and found so are listed here with the reason.
"""

from __future__ import annotations

import argparse
import ast
import copy
import importlib.abc
import importlib.machinery
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import CodeType, ModuleType

from analysis.common import ROOT, Tally

TARGETS: dict[str, tuple[str, ...]] = {
    "marketsim/engine/leases.py": (
        "tests/engine/test_lease_bills.py", "tests/engine/test_providers_and_taxes.py",
        "tests/engine/test_outages_in_a_run.py", "tests/engine/test_contracts_in_a_run.py",
        "tests/engine/test_places.py", "tests/laws/test_every_kind.py"),
    "marketsim/engine/progress.py": (
        "tests/engine/test_progress.py", "tests/engine/test_queue_and_policies.py", "tests/test_second_model.py"),
    "marketsim/engine/pool.py": (
        "tests/engine/test_places.py", "tests/engine/test_market_capacity.py", "tests/engine/test_outages_in_a_run.py",
        "tests/engine/test_contracts_in_a_run.py", "tests/test_second_model.py", "tests/laws/test_every_kind.py"),
    "marketsim/engine/waiting.py": (
        "tests/engine/test_waiting_lines.py", "tests/test_every_queue_rule.py",
        "tests/engine/test_queue_and_policies.py", "tests/test_second_model.py"),
    "marketsim/ledger.py": ("tests/test_ledger.py", "tests/metrics", "tests/experiment/test_explain.py"),
    "marketsim/metrics/books.py": ("tests/metrics", "tests/laws/test_every_kind.py"),
    "marketsim/prices/ou.py": (
        "tests/prices/test_price_laws.py", "tests/prices/test_price_presets.py", "tests/prices/test_every_price.py"),
    "marketsim/prices/drawn.py": ("tests/prices/test_price_laws.py", "tests/prices/test_every_price.py"),
    "marketsim/experiment/statistics/interval.py": ("tests/experiment/test_statistics.py",),
    "marketsim/experiment/statistics/quantile.py": ("tests/experiment/test_statistics.py",),
    "marketsim/experiment/statistics/selection.py": ("tests/experiment/test_statistics.py",),
    "marketsim/experiment/statistics/variance.py": ("tests/experiment/test_statistics.py",),
    "marketsim/experiment/statistics/multiple.py": ("tests/experiment/test_statistics.py",),
}  # fmt: skip
COMPARED = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
            ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In}  # fmt: skip
RECKONED = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.Div: ast.Mult, ast.FloorDiv: ast.Div,
            ast.Mod: ast.FloorDiv, ast.Pow: ast.Mult, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd}  # fmt: skip
CALLED = {"min": "max", "max": "min", "any": "all", "all": "any"}
ALLOWED_S = 120.0

# (file, the change, the line) -> why nothing can tell it from the original
EQUAL = {
    ("marketsim/ledger.py", "1  ->  2", "return np.array(self.cells, np.int64).reshape(-1, self.width)"):
        "numpy takes any negative length for `as many as there are`",
    ("marketsim/engine/waiting.py", "without job.ticket += 1", "job.ticket += 1"):
        "who leaves has another ticket, so who comes need not; that it is `leave` that changes it, tests notice",
    ("marketsim/engine/waiting.py", "1  ->  2", "job.ticket += 1"):
        "a ticket need only be another than before",
    ("marketsim/experiment/statistics/selection.py", "50.0  ->  51.0",
     "return float(optimize.brentq(excess, 0.01, 50.0, xtol=1e-10))"):
        "a wider bracket around the same root",
    ("marketsim/experiment/statistics/multiple.py", "0.0  ->  1.0", "out, reached = [0.0] * len(p), 0.0"):
        "every place of the list is written before it is read; where it is the other 0.0, the tests notice",
}  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """One change: the file, the number of its place among all places of the file, the line, and what is changed."""

    file: str
    place: int
    line: int
    what: str


class _Changer(ast.NodeTransformer):
    """Counts the places that could be changed; changes the one of a number."""

    def __init__(self, place: int | None = None) -> None:
        self.wanted, self.count = place, 0
        self.found: list[tuple[int, str]] = []

    def _turn(self, node: ast.AST, what: str, changed: ast.AST) -> ast.AST:
        self.found.append((getattr(node, "lineno", 0), what))
        self.count += 1
        if self.wanted == self.count - 1:
            return ast.fix_missing_locations(ast.copy_location(changed, node))
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """Bodies only: a default or a decorator is another matter; docstrings are not code."""
        node.body = [self._inside(statement) for statement in node.body]
        return node

    def _inside(self, statement: ast.stmt) -> ast.stmt:
        found = self.visit(statement)
        assert isinstance(found, ast.stmt)
        return found

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        """The value, never the annotation."""
        if node.value is not None:
            node.value = self.visit(node.value)
        return node

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        """What an error says is another matter."""
        return node

    def visit_Assert(self, node: ast.Assert) -> ast.AST:
        """What we believe."""
        return node

    def visit_If(self, node: ast.If) -> ast.AST:
        """A condition turned round."""
        self.generic_visit(node)
        changed = copy.copy(node)
        changed.test = ast.UnaryOp(ast.Not(), node.test)
        return self._turn(node, f"if not ({ast.unparse(node.test)})", changed)

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        """A comparison that takes or leaves the boundary, or turned round."""
        self.generic_visit(node)
        if type(node.ops[0]) not in COMPARED:
            return node
        changed = copy.copy(node)
        changed.ops = [COMPARED[type(node.ops[0])](), *node.ops[1:]]
        return self._turn(node, f"{ast.unparse(node)}  ->  {ast.unparse(changed)}", changed)

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        """Another operator."""
        self.generic_visit(node)
        if type(node.op) not in RECKONED or (isinstance(node.left, ast.Constant) and isinstance(node.left.value, str)):
            return node
        changed = ast.BinOp(node.left, RECKONED[type(node.op)](), node.right)
        return self._turn(node, f"{ast.unparse(node)}  ->  {ast.unparse(changed)}", changed)

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.AST:
        """And for or."""
        self.generic_visit(node)
        changed = ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
        return self._turn(node, f"{ast.unparse(node)}  ->  {ast.unparse(changed)}", changed)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        """Without its sign or its not."""
        self.generic_visit(node)
        return self._turn(node, f"{ast.unparse(node)}  ->  {ast.unparse(node.operand)}", node.operand)

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        """A number one higher, a truth turned round; text stays."""
        if isinstance(node.value, bool):
            return self._turn(node, f"{node.value}  ->  {not node.value}", ast.Constant(not node.value))
        if isinstance(node.value, int | float):
            return self._turn(node, f"{node.value}  ->  {node.value + 1}", ast.Constant(node.value + 1))
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """The lowest for the highest, any for all."""
        self.generic_visit(node)
        if isinstance(node.func, ast.Name) and node.func.id in CALLED:
            changed = ast.Call(ast.Name(CALLED[node.func.id], ast.Load()), node.args, node.keywords)
            return self._turn(node, f"{ast.unparse(node)}  ->  {ast.unparse(changed)}", changed)
        return node

    def visit_Expr(self, node: ast.Expr) -> ast.AST:
        """A call that is not made."""
        if isinstance(node.value, ast.Constant):
            return node
        self.generic_visit(node)
        return self._turn(node, f"without {ast.unparse(node)}", ast.Pass())

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        """A sum that is not kept."""
        self.generic_visit(node)
        return self._turn(node, f"without {ast.unparse(node)}", ast.Pass())


def mutants(file: str) -> list[Mutant]:
    """Every place of a file that could be changed, in the order of the file."""
    changer = _Changer()
    changer.visit(ast.parse((ROOT / file).read_text(encoding="utf-8")))
    return [Mutant(file, place, line, what) for place, (line, what) in enumerate(changer.found)]


def sampled(each: int, seed: int, only: str = "") -> list[Mutant]:
    """So many of each file, at random; what is known to be equal to the original is left out."""
    chosen = []
    for file in TARGETS:
        if only not in file:
            continue
        lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
        known = [one for one in mutants(file) if (file, one.what, lines[one.line - 1].strip()) not in EQUAL]
        dice = random.Random(f"{seed}/{file}")
        chosen += sorted(dice.sample(known, min(each, len(known))), key=lambda one: one.place)
    return chosen


def compiled(mutant: Mutant) -> CodeType:
    """The file with the change."""
    tree = _Changer(mutant.place).visit(ast.parse((ROOT / mutant.file).read_text(encoding="utf-8")))
    return compile(ast.fix_missing_locations(tree), str(ROOT / mutant.file), "exec")


class _Instead(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Gives the changed code where the module is asked for."""

    def __init__(self, module: str, code: CodeType) -> None:
        self._module, self._code = module, code

    def find_spec(self, name: str, path: object = None, target: object = None) -> importlib.machinery.ModuleSpec | None:
        """The module alone."""
        if name != self._module:
            return None
        return importlib.machinery.ModuleSpec(name, self, origin=self._code.co_filename)

    def exec_module(self, module: ModuleType) -> None:
        """The changed code."""
        module.__file__ = self._code.co_filename
        exec(self._code, module.__dict__)


def lives(mutant: Mutant | None, tests: Sequence[str], allowed_s: float = ALLOWED_S) -> bool | None:
    """Whether all tests pass on a mutant (None: on the original); None where they do not come to an end."""
    process = os.fork()
    if process == 0:
        _test(mutant, tests)
    begun = time.monotonic()
    while time.monotonic() - begun < allowed_s:
        done, status = os.waitpid(process, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status) == 0
        time.sleep(0.02)
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    return None


def _test(mutant: Mutant | None, tests: Sequence[str]) -> None:
    code = 1
    try:
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        os.chdir(ROOT)
        assert not [name for name in sys.modules if name.split(".")[0] == "marketsim"]
        if mutant is not None:
            name = mutant.file.removesuffix(".py").replace("/", ".")
            sys.meta_path.insert(0, _Instead(name, compiled(mutant)))
        import pytest

        with tempfile.TemporaryDirectory() as place:
            arguments = ["-x", "-q", "-p", "no:cacheprovider", f"--basetemp={place}/t", "--no-header", *tests]
            code = int(pytest.main(arguments))
    finally:
        os._exit(code)


def results(chosen: Sequence[Mutant]) -> Iterator[tuple[Mutant, bool | None]]:
    """Each mutant and whether it lives, one after the other: the tests have the machine to themselves."""
    for mutant in chosen:
        yield mutant, lives(mutant, TARGETS[mutant.file])


def main(arguments: list[str]) -> None:
    """Print the share that is killed, file by file, and what lives."""
    parser = argparse.ArgumentParser(prog="python -m analysis.mutation")
    parser.add_argument("--each", type=int, default=8, help="mutants of each file")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", metavar="TEXT", help="only files whose path holds it")
    parser.add_argument("--wanted", type=float, default=0.9, help="share of them that must be killed")
    parser.add_argument("--verbose", action="store_true")
    given = parser.parse_args(arguments)
    import hypothesis  # noqa: F401
    import numpy  # noqa: F401
    import pydantic
    import pytest  # noqa: F401
    import scipy.optimize  # noqa: F401

    assert pydantic
    tally = Tally(verbose=True)
    chosen = sampled(given.each, given.seed, given.only)
    for file in dict.fromkeys(one.file for one in chosen):
        good = lives(None, TARGETS[file])
        if not good:
            tally.check(f"{file}: its tests pass on the original", False, "not ended" if good is None else "")
    killed: dict[str, list[bool]] = {}
    for mutant, alive in results(chosen):
        killed.setdefault(mutant.file, []).append(not alive)
        if alive or given.verbose:
            print(f"{'lives ' if alive else 'killed'}  {mutant.file}:{mutant.line}  {mutant.what}", flush=True)
    for file, ends in killed.items():
        print(f"{file:46} {len(mutants(file)):4} places, {sum(ends):3} of {len(ends):3} killed")
    ends = [one for of in killed.values() for one in of]
    share = sum(ends) / max(len(ends), 1)
    tally.check(
        "share killed", share >= given.wanted, f"{sum(ends)} of {len(ends)}: {share:.1%}, wanted {given.wanted:.0%}"
    )
    tally.end()


if __name__ == "__main__":
    main([*sys.argv[1:]])
