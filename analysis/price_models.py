"""Which process forecasts spot prices best: fitted on one file, held against another.

    python -m analysis.price_models --train FILE --test FILE [--on-demand FILE] [--split YYYY-MM-DD]

Files: date,region,instance,spot_usd_hour, plain or .gz. Without --split the fit sees all days of the training file, and
the test begins on the day after its last one. The test file may hold the same series with later days, or series of
other regions; earlier days of its own are then a past to start from. With --split both files may be one.
"""

from __future__ import annotations

import argparse
import pathlib
import sys
import time

import numpy as np

from analysis.common import shared
from marketsim.errors import InputError
from marketsim.prices import backtest
from marketsim.prices.bootstrap import Pool
from marketsim.prices.laws import DEFAULT, LAWS
from marketsim.prices.series import Series, daily_ratios, day_number, standardised

WANTED, WORSE_AT_MOST = 0.90, 1.05


def joined(train: list[Series], test: list[Series], split: int) -> list[Series]:
    """The test series, with the days before the split from the training file where it has them."""
    past = {one.name: one.until(split) for one in train}
    out = []
    for one in test:
        before = past.get(one.name)
        if before is None or not len(before.day):
            out.append(one)
            continue
        days = np.arange(min(before.day[0], one.day[0]), one.day[-1] + 1)
        log = np.full(len(days), np.nan)
        log[one.day - days[0]] = one.log
        log[before.day - days[0]] = before.log
        first = int(np.flatnonzero(np.isfinite(log))[0])
        out.append(Series(one.name, days[first:], log[first:]))
    return out


def table(found: dict[str, backtest.Forecasts], group: np.ndarray) -> list[str]:
    """One line a process: log score over OU, coverage with its error, CRPS over a random walk's."""
    days = " ".join(f"{f'{h} d':>15s}" for h in backtest.HORIZONS)
    crps = " ".join(f"{f'{h} d':>6s}" for h in backtest.HORIZONS)
    lines = [f"{'process':18s} {'nats/day':>9s}  coverage of the 90 % interval (standard error){'':17s} CRPS / walk's"]
    lines.append(f"{'':18s} {'over OU':>9s} {days}  {crps}")
    base = float(found["ou"].gain.mean())
    for name, one in found.items():
        cover = " ".join(f"{one.coverage(h):6.3f} ({one.coverage_error(h, group):.3f})" for h in backtest.HORIZONS)
        ratio = " ".join(f"{one.relative_crps(h):6.3f}" for h in backtest.HORIZONS)
        mark = " *" if name == DEFAULT else ""
        lines.append(f"{name + mark:18s} {float(one.gain.mean()) - base:+9.3f}  {cover}  {ratio}")
    return lines


def checks(found: dict[str, backtest.Forecasts], group: np.ndarray) -> list[tuple[str, bool]]:
    """What the default must hold: coverage within one standard error, CRPS near a walk's; and a law better than OU."""
    one = found[DEFAULT]
    out = []
    for horizon in (30, 90):
        cover, error = one.coverage(horizon), one.coverage_error(horizon, group)
        said = f"coverage of {DEFAULT} at {horizon} d is {cover:.3f}, {WANTED} within {error:.3f}"
        out.append((said, abs(cover - WANTED) <= error))
    for horizon in backtest.HORIZONS:
        ratio = one.relative_crps(horizon)
        out.append(
            (
                f"CRPS of {DEFAULT} at {horizon} d is {ratio:.3f} of a walk's, {WORSE_AT_MOST} at most",
                ratio <= WORSE_AT_MOST,
            )
        )
    base = float(found["ou"].gain.mean())
    best = max(found, key=lambda name: float(found[name].gain.mean()))
    gain = float(found[best].gain.mean()) - base
    out.append((f"the best one-step law, {best}, gains {gain:+.3f} nats a day over OU", gain > 0))
    return out


def main(arguments: list[str] | None = None) -> int:
    """Runs the comparison and prints it; 1 where a check fails, 2 where a file is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", type=pathlib.Path)
    parser.add_argument("--test", type=pathlib.Path)
    parser.add_argument("--on-demand", type=pathlib.Path)
    parser.add_argument("--split", type=day_number, help="first day of the test")
    parser.add_argument("--every", type=int, default=7, help="days between forecasts")
    parser.add_argument("--paths", type=int, default=250, help="paths a forecast")
    options = parser.parse_args(arguments)
    given = shared("data", "prices")
    if options.train is None:
        options.train = given / "aws_gpu_spot_daily.csv.gz"
        options.on_demand = options.on_demand or given / "aws_gpu_ondemand_steps.csv"
        options.split = options.split or day_number("2025-06-01")
    began = time.perf_counter()
    try:
        train = daily_ratios(options.train, options.on_demand)
        test = train if options.test in (None, options.train) else daily_ratios(options.test, options.on_demand)
    except InputError as error:
        print("\n".join(f"error: {line}" for line in error.lines()), file=sys.stderr)
        return 2
    split = options.split or 1 + max(int(one.day[-1]) for one in train)
    train = [one for one in (one.until(split) for one in train) if len(one.day) > 1]
    cases = [case for one in joined(train, test, split) if (case := backtest.Case.of(one, split)) is not None]
    standard = standardised(train)
    if not cases or not standard:
        which = "test" if standard else "training"
        print(f"error: no series of the {which} file is long enough", file=sys.stderr)
        return 2
    pool = Pool.of(standard)
    group = backtest.families([case.name for case in cases])
    found = backtest.compare(cases, pool, options.on_demand is not None, LAWS, options.every, options.paths)
    first = np.datetime64(int(split), "D")
    last = np.datetime64(max(int(case.day[-1]) for case in cases), "D")
    kind = "ratio to on-demand" if options.on_demand else "price"
    print(f"{len(train)} series to fit on, {len(cases)} to forecast ({kind}), {first} to {last}; "
          f"a forecast every {options.every} d, {options.paths} paths; * is the default")  # fmt: skip
    print("\n".join(table(found, group)))
    results = checks(found, group)
    for said, ok in results:
        print(f"{'ok  ' if ok else 'FAIL'} {said}")
    print(f"took {time.perf_counter() - began:.0f} s", file=sys.stderr)
    passed = sum(ok for _, ok in results)
    print(f"{passed} passed, {len(results) - passed} failed")
    return 0 if passed == len(results) else 1


if __name__ == "__main__":
    sys.exit(main())
