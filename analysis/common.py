"""What every study shares: where the cases lie, one figure of a case, and how a study ends."""

from __future__ import annotations

import argparse
import contextlib
import os
import pathlib
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, NoReturn

ROOT = pathlib.Path(__file__).resolve().parents[1]


class Estimate(NamedTuple):
    """A figure found for a case; `se` is its standard error, None where it is exact or by formula."""

    value: float
    se: float | None = None


def shared(*parts: str) -> pathlib.Path:
    """A path in the folder of traces and cases, from MARKETSIM_SHARED or beside the project; exit 2 where it is not."""
    folder = pathlib.Path(os.environ.get("MARKETSIM_SHARED", ROOT.parent / "shared"))
    path = folder.joinpath(*parts)
    if not path.exists():
        print(
            f"error: {path.name}: not found (set MARKETSIM_SHARED to the folder of traces and cases)", file=sys.stderr
        )
        raise SystemExit(2)
    return path


@dataclass
class Tally:
    """Counts checks; prints those that fail, all of them where `verbose`."""

    verbose: bool = False
    passed: int = 0
    failed: int = 0
    skipped: list[str] = field(default_factory=list)

    def check(self, name: str, good: bool, detail: str = "") -> bool:
        """Count one check; its name and detail are printed where it fails."""
        if good:
            self.passed += 1
        else:
            self.failed += 1
        if self.verbose or not good:
            print(f"{'ok  ' if good else 'FAIL'}  {name}{'  ' + detail if detail else ''}")
        return good

    def close(self, name: str, got: float, wanted: float, rel: float = 1e-6, absolute: float = 0.0) -> bool:
        """Count one comparison of figures within a relative or absolute tolerance."""
        return self.check(
            name, abs(got - wanted) <= rel * abs(wanted) + absolute, f"got {got:.10g}, wanted {wanted:.10g}"
        )

    def end(self) -> NoReturn:
        """Print `N passed, M failed` and leave, 1 where something failed."""
        for name in self.skipped:
            print(f"skipped: {name}")
        print(f"{self.passed} passed, {self.failed} failed")
        raise SystemExit(1 if self.failed else 0)


def run_parts(doc: str | None, parts: Sequence[Callable[[Tally, bool], Any]], quick: str) -> None:
    """Run a study's parts, each given a tally and whether to be quick, print a line a claim, and end as studies do.

    A part that ends in an error has failed; the others still run. doc: the study's own; quick: what `--quick` does.
    """
    asked = argparse.ArgumentParser(description=(doc or "").splitlines()[0])
    asked.add_argument("--quick", action="store_true", help=quick)
    asked.add_argument("--only", help="one part by name")
    options = asked.parse_args()
    tally = Tally(verbose=True)
    for part in parts:
        if options.only in (None, part.__name__):
            print(f"{part.__name__}: {(part.__doc__ or '').strip().splitlines()[0]}", flush=True)
            try:
                part(tally, options.quick)
            except Exception as error:
                tally.check(part.__name__, False, f"{type(error).__name__}: {error}")
    with contextlib.suppress(BrokenPipeError):
        tally.end()
