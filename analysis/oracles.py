"""Closed forms and hand-made traces that the parts of the product must reproduce, each by its own tolerance.

    python -m analysis.oracles [FILE] [--quick] [--only TEXT] [--verbose]

FILE (default: the shared oracle cases) is a list of cases with parameters, expected figures and a tolerance rule. A
simulated figure passes within four standard errors of the value, where four standard errors are themselves within the
stated share of it; `--quick` runs fewer replications and drops the second half. What has no counterpart in the product
is listed as skipped, with the reason.
"""

from __future__ import annotations

import concurrent.futures
import importlib
import json
import math
import multiprocessing
import pathlib
import sys
import time
from collections.abc import Mapping
from typing import Any

from analysis.common import Estimate, Tally, shared

PARTS = (
    "analysis.oracle_queues",
    "analysis.oracle_prices",
    "analysis.oracle_finance",
    "analysis.oracle_statistics",
    "analysis.oracle_levers",
    "analysis.oracle_demand",
)
SKIPPED = {"MG1_PS": "processor sharing: an instance here is shared in fixed parts, never time-sliced among all comers"}

Case = Mapping[str, Any]


def find(case: Case, quick: bool) -> dict[str, Estimate] | None:
    """The figures of a case from the first part that knows its model, None where none does."""
    for name in PARTS:
        try:
            part = importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name != name:
                raise
            continue
        try:
            return dict(part.run_case(case, quick))
        except KeyError as error:
            if error.args != (case["model"],):
                raise
    return None


def within(case: Case, name: str, wanted: float, found: Estimate, quick: bool) -> bool:
    """The case's own tolerance rule; what is exact, or by formula, is held to 1e-6."""
    rule = case["tolerance"]
    if not math.isfinite(found.value):
        return False
    if found.se is None:
        relative = max(rule.get("rel", 0.0), 1e-9 if rule["kind"] == "exact" else 1e-6)
        return abs(found.value - wanted) <= relative * abs(wanted) + max(rule.get("abs", 0.0), 1e-12)
    if name.startswith("q") and float(wanted).is_integer() and abs(found.value - wanted) <= 0.5:
        return True  # a quantile of a whole-numbered count has no standard error of its own
    if str(rule.get("rule", "")).startswith("ratio"):
        return 1 / (1 + rule["max_rel"]) <= found.value / wanted <= 1 + rule["max_rel"]
    near = abs(found.value - wanted) <= 4 * found.se + 1e-9 * abs(wanted)
    sharp = 4 * found.se <= rule.get("max_rel", math.inf) * abs(wanted)
    return near and (sharp or quick)


def judge(job: tuple[Case, bool]) -> tuple[str, list[tuple[str, bool, str]], float] | None:
    """Every figure of a case: (name, good, detail); None for a model that nothing here knows."""
    case, quick = job
    begun = time.perf_counter()
    found = find(case, quick)
    if found is None:
        return None
    rows = []
    for name, wanted in case["expected"].items():
        if name not in found:
            rows.append((name, False, "no figure"))
            continue
        got = found[name]
        error = "" if got.se is None else f" +- {got.se:.2g}"
        rows.append((name, within(case, name, wanted, got, quick), f"got {got.value:.7g}{error}, wanted {wanted:.7g}"))
    return case["id"], rows, time.perf_counter() - begun


def main(arguments: list[str]) -> None:
    """Check every case of a file."""
    quick, verbose = "--quick" in arguments, "--verbose" in arguments
    only = arguments[arguments.index("--only") + 1] if "--only" in arguments else ""
    files = [one for one in arguments if not one.startswith("-") and one != only]
    file = pathlib.Path(files[0]) if files else shared("cases", "oracles", "cases.json")
    cases = [case for case in json.loads(file.read_text()) if only in case["id"]]
    tally = Tally(verbose=verbose)
    known = [case for case in cases if case["model"] not in SKIPPED]
    tally.skipped += [f"{case['id']}: {SKIPPED[case['model']]}" for case in cases if case["model"] in SKIPPED]
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as pool:
        results = pool.map(judge, [(case, quick) for case in known])
        for case, result in zip(known, results, strict=True):
            if result is None:
                tally.skipped.append(f"{case['id']}: nothing in the product answers to it yet")
                continue
            name, rows, seconds = result
            good = sum(1 for row in rows if row[1])
            print(f"{name:32} {good:2} of {len(rows):2} figures  {seconds:6.1f} s")
            for figure, passed, detail in rows:
                tally.check(f"{name} {figure}", passed, detail)
    tally.end()


if __name__ == "__main__":
    main(sys.argv[1:])
