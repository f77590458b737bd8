"""Mutants: small wrong changes of the core, a seeded sample of them, each met by the tests that lie nearest to it.

    python -m analysis.mutation [--each N] [--seed N] [--only TEXT] [--verbose]      (needs the extra `dev`)

Cosmic Ray finds the mutants, makes each one, runs the tests on it and judges how they end. It changes files on disk, so
it works on a copy of the project, and nothing of the project itself changes. What this file adds: which tests lie
nearest to which file; a sample that is drawn by place and only then by change, as a `+` would otherwise be drawn six
times as often as a `not`; and two changes that the library does not know (a call or a sum left out, `min` for `max`).
Left out is what does not change what is computed: annotations, signatures, decorators, texts, what is raised or
asserted, identity for equality; and what any run would notice: bits for floats, powers, changes that do not compile.

A mutant is killed where a test fails, breaks or does not end; those that live are printed with file, line and change,
to be read. Some are equal to what they were made from: those that were read and found so are listed with the reason.
"""

from __future__ import annotations

import argparse
import ast
import compileall
import contextlib
import os
import random
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from py_compile import PycInvalidationMode
from typing import Any

from analysis.common import ROOT, Tally

RUN = ("tests/engine", "tests/test_second_model.py")
STATISTICS = ("tests/experiment/test_statistics_by_hand.py", "tests/experiment/test_statistics.py")
PRICES = ("tests/prices/test_price_laws.py", "tests/prices/test_price_presets.py", "tests/prices/test_every_price.py")
VOLATILE = ("tests/prices/test_price_volatility.py", *PRICES, "tests/prices/test_price_fit.py")
BOUGHT = "tests/supply/test_supply_in_a_run.py"

# the tests of each file: the first alone, as it is the nearest and quick to load; where all of it passed, the rest
TARGETS: dict[str, tuple[str, ...]] = {
    "marketsim/engine/attempts.py": ("tests/engine/test_queue_and_policies.py", *RUN),
    "marketsim/engine/leases.py": ("tests/engine/test_lease_bills.py", *RUN),
    "marketsim/engine/orders.py": ("tests/engine/test_contracts_in_a_run.py", *RUN, BOUGHT),
    "marketsim/engine/outages.py": ("tests/engine/test_outages_in_a_run.py", *RUN),
    "marketsim/engine/pool.py": ("tests/engine/test_pool_against_every_seat.py", "tests/engine/test_places.py", *RUN),
    "marketsim/engine/progress.py": ("tests/engine/test_progress.py", *RUN),
    "marketsim/engine/run.py": ("tests/engine/test_instant_order.py", *RUN, BOUGHT),
    "marketsim/engine/serving.py": ("tests/engine/test_services_in_a_run.py", *RUN),
    "marketsim/engine/view.py": (
        "tests/engine/test_what_a_view_shows.py",
        *RUN,
        "tests/policies/test_procurement_rules.py",
    ),
    "marketsim/engine/waiting.py": ("tests/engine/test_waiting_lines.py", "tests/test_every_queue_rule.py", *RUN),
    "marketsim/ledger.py": ("tests/test_ledger.py", "tests/metrics", "tests/experiment/test_explain.py"),
    "marketsim/metrics/books.py": ("tests/metrics/test_books_by_hand.py", "tests/metrics", BOUGHT),
    "marketsim/policies/scaling.py": ("tests/policies/test_scaling_by_hand.py", *RUN),
    "marketsim/prices/drawn.py": PRICES,
    "marketsim/prices/momentum_garch_t.py": VOLATILE,
    "marketsim/prices/ou.py": PRICES,
    "marketsim/prices/regime_vol.py": VOLATILE,
    "marketsim/experiment/statistics/interval.py": STATISTICS,
    "marketsim/experiment/statistics/multiple.py": STATISTICS,
    "marketsim/experiment/statistics/quantile.py": STATISTICS,
    "marketsim/experiment/statistics/selection.py": STATISTICS,
    "marketsim/experiment/statistics/variance.py": STATISTICS,
}
ALLOWED_S = 120.0
NOT_BEHAVIOUR = re.compile(
    r"core/(RemoveDecorator|ExceptionReplacer"
    r"|ReplaceComparisonOperator_(Eq|NotEq|Lt|LtE|Gt|GtE)_(Is|IsNot)|ReplaceComparisonOperator_Is(Not)?_(?!Is)\w+"
    r"|ReplaceUnaryOperator_\w+_(UAdd|Invert)"
    r"|ReplaceBinaryOperator_\w+_Pow"
    r"|ReplaceBinaryOperator_(Add|Sub|Mul|Div|FloorDiv|Mod|Pow)_(RShift|LShift|BitOr|BitAnd|BitXor))$"
)

# (file, the line) -> why nothing can tell from the original (the line with) each of these changes: (what, by what)
EQUAL: dict[tuple[str, str], tuple[str, list[tuple[str, str]]]] = {
    ("marketsim/engine/attempts.py", "if instance.commitment < 0:"): (
        "it is noted whom a lease served; whom a committed machine served nobody asks",
        [("< 0", "!= 0"), ("< 0", "<= 0"), ("< 0", "< 1")]),
    ("marketsim/engine/attempts.py", "if instance.state == OVER:"): (
        "no state is above it", [("==", ">=")]),
    ("marketsim/engine/attempts.py", "if job.end_s != now or job.phase != RUNNING:"): (
        "no attempt that runs has ended before", [("!= now", "> now")]),
    ("marketsim/engine/pool.py", "_SEAT_BITS = 31"): (
        "any number of bits that holds all seats", [("31", "32"), ("31", "30")]),
    ("marketsim/engine/orders.py", "if instances < 1 or instances % terms.block_instances:"): (
        "an action that asks for fewer than 1 is refused before", [("< 1", "< 0")]),
    ("marketsim/engine/pool.py", "if instance.free == self.milli:"): (
        "no more is ever free than there is", [("==", ">=")]),
    ("marketsim/engine/serving.py", "if state.next_s > 0:"): (
        "it is -1 or after now", [("> 0", "> -1"), ("> 0", ">= 0")]),
    ("marketsim/engine/serving.py",
     "times = [path.times_s[moved], *(price.times_s[1:] for price in (prices if len(prices) > 1 else ()))]"): (
        "a path's first time is 0, and only grid points after `from_s`, which is not before 0, are kept",
        [("s[1:]", "s[ 0:]")]),
    ("marketsim/ledger.py", "return np.array(self.cells, np.int64).reshape(-1, self.width)"): (
        "numpy takes any negative length for `as many as there are`", [("-1", "- 2")]),
    ("marketsim/metrics/books.py",
     "flow = amounts(measured) * ((posted.debit == cash).astype(np.int64) - (posted.credit == cash))"): (
        "cash is account 0, and none is below it",
        [("debit == cash", "debit <= cash"), ("credit == cash", "credit <= cash")]),
    ("marketsim/metrics/books.py", 'COSTS = EXPENSES | np.array([name == "income:credits" for name in ACCOUNTS])'): (
        "no account is both", [("|", "^")]),
    ("marketsim/policies/scaling.py", "count = math.ceil(left / rate - 1e-9) if left > 0 else 0"): (
        "nothing takes no replica by the first sum, too", [("left > 0", "left >= 0")]),
    ("marketsim/prices/ou.py", "if kappa == 0:"): ("no speed of reversion is below 0", [("==", "<=")]),
    ("marketsim/prices/regime_vol.py",
     "leave_calm, leave_busy = min(1 / days_calm, 1.0), min(1 / days_busy, 1.0)"): (
        "every uniform is below 1", [("calm, 1.0", "calm, 2.0"), ("busy, 1.0", "busy, 2.0")]),
    ("marketsim/prices/regime_vol.py", "leave = np.where(state > 0, leave_busy, leave_calm)"): (
        "a state is 0 or 1", [("> 0", "!= 0")]),
    ("marketsim/prices/regime_vol.py", 'busy = bool(throw.dice.uniforms("first", 1)[0] < share_busy)'): (
        "there is one, and more of them would not change it", [("1)[0]", "1)[ -1]"), ("1)[0]", "2)[0]")]),
    ("marketsim/experiment/statistics/interval.py", "if (data == data[0]).all():"): (
        "all are equal to the last where they are equal to the first", [("[0]", "[ -1]")]),
    ("marketsim/experiment/statistics/interval.py", "return identical(float(data[0]), n)"): (
        "all are equal here", [("[0]", "[ 1]"), ("[0]", "[ -1]")]),
    ("marketsim/experiment/statistics/interval.py", "if (one == one[0]).all() and (two == two[0]).all():"): (
        "all are equal to any where they are equal to the first, and there are two at least",
        [("one[0]", "one[ 1]"), ("one[0]", "one[ -1]"), ("two[0]", "two[ 1]"), ("two[0]", "two[ -1]")]),
    ("marketsim/experiment/statistics/interval.py", "return identical(float(one[0] - two[0]), n)"): (
        "all of each are equal here",
        [("one[0]", "one[ 1]"), ("one[0]", "one[ -1]"), ("two[0]", "two[ 1]"), ("two[0]", "two[ -1]")]),
    ("marketsim/experiment/statistics/multiple.py", "out, reached = [0.0] * len(p), 0.0"): (
        "each place of the list is written before it is read, and what is reached is never below 0",
        [("[0.0]", "[ 1.0]"), ("[0.0]", "[ -1.0]"), (", 0.0", ", -1.0")]),
    ("marketsim/experiment/statistics/quantile.py", "if (data == data[0]).all():"): (
        "all are equal to the last where they are equal to the first", [("[0]", "[ -1]")]),
    ("marketsim/experiment/statistics/quantile.py", "if part > 1e-9 and whole < len(data):"): (
        "there is no part without a value that it is of, and a part that small adds nothing", [(" and ", " or ")]),
    ("marketsim/experiment/statistics/selection.py", "return float(optimize.brentq(excess, 0.01, 50.0, xtol=1e-10))"): (
        "another bracket around the same root", [("50.0", "51.0"), ("50.0", "49.0"), ("0.01", "-0.99")]),
    ("marketsim/experiment/statistics/selection.py", "nodes, weights = np.polynomial.legendre.leggauss(200)"): (
        "the sum is exact far below the digits that are asked for", [("200", "201"), ("200", "199")]),
    ("marketsim/experiment/statistics/variance.py", "if (data == data[0]).all():"): (
        "all are equal to any where they are equal to the first", [("[0]", "[ 1]"), ("[0]", "[ -1]")]),
}  # fmt: skip


def equal(file: str, line: str, becomes: str) -> bool:
    """Whether a change was read and found to be none."""
    _, changes = EQUAL.get((file, line), ("", []))
    return any(line.replace(what, by) == becomes for what, by in changes)


Place = tuple[int, int]


def own_operators() -> dict[str, Any]:
    """Two operators that Cosmic Ray has not, by name: Leave (a call or a running sum) and Swap (min, max, any, all)."""
    from cosmic_ray.operators.operator import Example, Operator
    from parso.python.tree import Keyword, Name

    class Leave(Operator):
        """Leaves out a statement that is a call or changes what it names."""

        def mutation_positions(self, node: Any) -> Iterator[tuple[Place, Place]]:
            """Statements alone on their line."""
            if node.parent is None or node.parent.type != "simple_stmt":
                return
            called = node.type in ("atom_expr", "power") and node.children[-1].get_first_leaf() == "("
            summed = node.type == "expr_stmt" and node.children[1].type == "operator" and node.children[1].value != "="
            if called or summed:
                yield node.start_pos, node.end_pos

        def mutate(self, node: Any, index: int) -> Any:
            """`pass` in its place."""
            return Keyword("pass", node.start_pos, node.get_first_leaf().prefix)

        @classmethod
        def examples(cls) -> tuple[Any, ...]:
            """One of each."""
            return Example("f(x)\n", "pass\n"), Example("x += 1\n", "pass\n")

    class Swap(Operator):
        """The lowest for the highest, any for all."""

        other = {"min": "max", "max": "min", "any": "all", "all": "any"}  # noqa: RUF012

        def mutation_positions(self, node: Any) -> Iterator[tuple[Place, Place]]:
            """Names that are called."""
            if isinstance(node, Name) and node.value in self.other and node.get_next_leaf() == "(":
                yield node.start_pos, node.end_pos

        def mutate(self, node: Any, index: int) -> Any:
            """The other name."""
            node.value = self.other[node.value]
            return node

        @classmethod
        def examples(cls) -> tuple[Any, ...]:
            """One of each pair."""
            return Example("min(x, y)", "max(x, y)"), Example("all(x)", "any(x)")

    return {"Leave": Leave, "Swap": Swap}


def without_behaviour(source: str) -> list[tuple[Place, Place]]:
    """Parts of a file (from, to; rows from 1, columns from 0) in which a change is none of what is computed."""
    parts: list[tuple[Place, Place]] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            first = min([node, *node.decorator_list], key=lambda one: one.lineno)
            to = node.body[0] if isinstance(node, ast.FunctionDef) else node
            parts.append(((first.lineno, 0), (to.lineno, to.col_offset)))
        elif isinstance(node, ast.AnnAssign):
            parts.append(_span(node.annotation))
        elif isinstance(node, ast.Raise | ast.Assert | ast.JoinedStr):
            parts.append(_span(node))
        elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            parts.append(((node.lineno, 0), (node.lineno + 1, 0)))
    return parts


def _span(node: Any) -> tuple[Place, Place]:
    return (node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset)


def places(file: str) -> dict[tuple[Place, Place], list[Any]]:
    """Mutations (Cosmic Ray's specs) of a file below this folder, by the place that they change, in its order."""
    from cosmic_ray.commands import init
    from cosmic_ray.work_db import use_db

    left_out = without_behaviour(Path(file).read_text(encoding="utf-8"))
    found: dict[tuple[Place, Place], list[Any]] = {}
    with use_db(":memory:") as work:
        init([Path(file)], work, {})
        specs = [item.mutations[0] for item in work.work_items]
    for spec in sorted(specs, key=lambda one: (one.start_pos, one.end_pos, one.operator_name, one.occurrence)):
        inside = any(begun <= spec.start_pos and spec.end_pos <= ended for begun, ended in left_out)
        if not inside and not NOT_BEHAVIOUR.match(spec.operator_name):
            found.setdefault((spec.start_pos, spec.end_pos), []).append(spec)
    return found


def change(spec: Any) -> tuple[str, str] | None:
    """(the line, what it becomes); None where that is no Python. A change of several lines shows the first of them."""
    from cosmic_ray.mutating import mutate_code
    from cosmic_ray.plugins import get_operator

    source = spec.module_path.read_text(encoding="utf-8")
    changed = mutate_code(source, get_operator(spec.operator_name)(), spec.occurrence)
    try:
        compile(changed, str(spec.module_path), "exec")
    except SyntaxError:
        return None
    row = spec.start_pos[0] - 1
    return source.splitlines()[row].strip(), changed.splitlines()[row].strip()


def sampled(file: str, each: int, seed: int) -> list[tuple[Any, str, str]]:
    """(spec, the line, what it becomes): so many places of a file at random, one change of each at random."""
    dice = random.Random(f"{seed}/{file}")
    found = list(places(file).items())
    dice.shuffle(found)
    chosen: list[tuple[Any, str, str]] = []
    for _, specs in found:
        if len(chosen) == each:
            break
        for spec in dice.sample(specs, len(specs)):
            lines = change(spec)
            if lines and lines[0] != lines[1] and not equal(file, *lines):
                chosen.append((spec, *lines))
                break
    return sorted(chosen, key=lambda one: (one[0].start_pos, one[0].end_pos))


@contextlib.contextmanager
def copied(tests: Sequence[str]) -> Iterator[None]:
    """Work in a copy of the project, of which the tests import; it is removed in the end."""
    with tempfile.TemporaryDirectory() as folder:
        there = Path(folder) / "project"
        skipped = shutil.ignore_patterns(".*", "__pycache__", "*.out", "*.png", "build", "dist")
        shutil.copytree(ROOT, there, ignore=skipped)
        shared = Path(os.environ.get("MARKETSIM_SHARED", ROOT.parent / "shared"))
        os.environ |= {"PYTHONPATH": str(there), "MARKETSIM_SHARED": str(shared), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        with contextlib.chdir(there):
            # compiled once, found again by what is in a file and not by its second
            compileall.compile_dir("marketsim", quiet=1, invalidation_mode=PycInvalidationMode.CHECKED_HASH)
            subprocess.run(_command(tests, "--collect-only"), check=False, capture_output=True)
            yield


def _command(tests: Sequence[str], *more: str) -> list[str]:
    return [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "--no-header", *more, *tests]


def lives(spec: Any, tests: Sequence[str]) -> bool:
    """Whether all tests pass on a mutant."""
    from cosmic_ray.mutating import mutate_and_test

    parts = [part for part in (tests[:1], tests[1:]) if part]
    return all(not mutate_and_test([spec], shlex.join(_command(part)), ALLOWED_S).is_killed for part in parts)


def main(arguments: list[str]) -> None:
    """Print the share that is killed, file by file, and what lives."""
    parser = argparse.ArgumentParser(prog="python -m analysis.mutation")
    parser.add_argument("--each", type=int, default=8, help="mutants of each file")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", metavar="TEXT", help="only files whose path holds it")
    parser.add_argument("--wanted", type=float, default=0.9, help="share of them that must be killed")
    parser.add_argument("--verbose", action="store_true", help="print those that are killed, too")
    given = parser.parse_args(arguments)
    try:
        from cosmic_ray.plugins import OPERATOR_PROVIDERS
        from cosmic_ray.work_item import MutationSpec
    except ModuleNotFoundError as error:
        print(f"error: {error.name} is not installed: it comes with the extra `dev`", file=sys.stderr)
        raise SystemExit(2) from None
    OPERATOR_PROVIDERS["marketsim"] = own_operators()
    tally = Tally(verbose=True)
    wanted = {file: tests for file, tests in TARGETS.items() if given.only in file}
    killed: dict[str, tuple[int, int, int]] = {}
    with copied(sorted({test for tests in wanted.values() for test in tests})):
        for file, tests in wanted.items():
            if not lives(MutationSpec(file, "core/NoOp", 0, (1, 0), (1, 1)), tests):
                tally.check(f"{file}: its tests pass on the original", False)
                continue
            chosen, dead = sampled(file, given.each, given.seed), 0
            for spec, line, becomes in chosen:
                alive = lives(spec, tests)
                dead += not alive
                if alive or given.verbose:
                    print(
                        "lives " if alive else "killed",
                        f" {file}:{spec.start_pos[0]}  {line}  ->  {becomes}",
                        flush=True,
                    )
            killed[file] = len(places(file)), dead, len(chosen)
            print(f"{file:46} {killed[file][0]:4} places, {dead:3} of {len(chosen):3} killed", flush=True)
    dead, among = sum(one[1] for one in killed.values()), sum(one[2] for one in killed.values())
    share = dead / max(among, 1)
    tally.check("share killed", share >= given.wanted, f"{dead} of {among}: {share:.1%}, wanted {given.wanted:.0%}")
    tally.end()


if __name__ == "__main__":
    main([*sys.argv[1:]])
