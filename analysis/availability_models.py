"""Do drawn availabilities behave like measured ones? Fitted on the first part of each trace, held against the rest.

    python -m analysis.availability_models [DIR] [--split 0.6]

DIR has traces (tick,available) and index.csv with trace,gap_seconds. For each trace: spell lengths, share of time,
reclaims a day inside the 95 % band of 200 replications or not, interval score beside a memoryless baseline's; and the
bill of a 48 h job (on-demand 3.06, spot 0.9731 USD/h, deadline 52 h, restart 0.2 h) under the greedy spot rule.
"""

from __future__ import annotations

import argparse
import csv
import pathlib
import sys

import numpy as np

from analysis import spot_greedy
from analysis.common import shared
from marketsim.availability import fit
from marketsim.errors import InputError
from marketsim.streams import Dice
from marketsim.units import HOUR_S

JOB_S, DEADLINE_S, RESTART_S = 48 * HOUR_S, 52 * HOUR_S, 720
SPOT_USD, ON_DEMAND_USD = 0.9731, 3.06
EVERY_S = 6 * HOUR_S  # between two starts of the job
REPLICATIONS = 200
INSIDE_WANTED, COST_WANTED = 0.80, 0.10


def traces(folder: pathlib.Path) -> list[tuple[str, float, np.ndarray]]:
    """(name, seconds of a tick, 0 or 1 of each tick) of each trace in the folder's index."""
    with (folder / "index.csv").open(encoding="utf-8-sig", newline="") as opened:
        rows = list(csv.DictReader(opened))
    return [(row["trace"], float(row["gap_seconds"]), fit.read_ticks(folder / f"{row['trace']}.csv")) for row in rows]


def windows(available: np.ndarray, gap_s: float) -> np.ndarray:
    """The stretches of 52 h that begin every 6 h, (starts, gaps)."""
    length = int(np.ceil(DEADLINE_S / gap_s)) + 1
    starts = np.arange(0, len(available) - length + 1, max(1, round(EVERY_S / gap_s)))
    return available[starts[:, None] + np.arange(length)] if len(starts) else np.zeros((0, length), np.int64)


def bill(available: np.ndarray, gap_s: float) -> float:
    """Mean USD of the job over its starts; nan where the trace is too short."""
    rows = windows(available, gap_s)
    if not len(rows):
        return float("nan")
    return float(spot_greedy.cost(rows, gap_s, JOB_S, DEADLINE_S, RESTART_S, SPOT_USD, ON_DEMAND_USD).mean())


def drawn_bill(found: fit.Fit, ticks: int, gap_s: float, replications: int) -> float:
    """Mean USD over drawn traces of the same length."""
    rows = [windows(found.onward(Dice(2, one).under("bill"), ticks, gap_s), gap_s) for one in range(replications)]
    whole = np.concatenate(rows)
    if not len(whole):
        return float("nan")
    return float(spot_greedy.cost(whole, gap_s, JOB_S, DEADLINE_S, RESTART_S, SPOT_USD, ON_DEMAND_USD).mean())


def banded(one: fit.Compared, mark: str) -> str:
    """Inside or not, the band, the interval score."""
    return f"{mark} [{one.low:7.3f}, {one.high:8.3f}] score {one.score:8.2f}"


def main(arguments: list[str] | None = None) -> int:
    """Runs the comparison and prints it; 1 where a check fails, 2 where a file is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=pathlib.Path)
    parser.add_argument("--split", type=float, default=0.6, help="share of each trace that is fitted")
    options = parser.parse_args(arguments)
    folder = options.folder or shared("cases", "spot", "traces")
    try:
        measured = traces(folder)
    except (OSError, KeyError, ValueError) as error:
        print(f"error: {folder}: cannot be read: {error}", file=sys.stderr)
        return 2
    except InputError as error:
        print("\n".join(f"error: {line}" for line in error.lines()), file=sys.stderr)
        return 2
    inside: list[bool] = []
    baseline_inside: list[bool] = []
    ratios: dict[str, list[float]] = {name: [] for name in fit.STATISTICS}
    bills: list[tuple[float, float]] = []
    for name, gap_s, available in measured:
        cut = int(len(available) * options.split)
        before, rest = available[:cut], available[cut:]
        found = fit.fit_two_state(before, gap_s)
        ours = fit.compare(found, rest, gap_s, REPLICATIONS)
        plain = fit.compare(fit.fit_memoryless(before, gap_s), rest, gap_s, REPLICATIONS)
        real_usd, drawn_usd = bill(rest, gap_s), drawn_bill(found, len(rest), gap_s, 60)
        print(f"{name}: {len(before) * gap_s / 86400:.1f} d fitted, {len(rest) * gap_s / 86400:.1f} d held back; "
              f"48 h job: {real_usd:.2f} USD real, {drawn_usd:.2f} drawn")  # fmt: skip
        for one, other in zip(ours, plain, strict=True):
            mark, plain_mark = ("in " if part.inside else "OUT" for part in (one, other))
            print(f"  {one.name:16s} {one.real:8.3f}  {banded(one, mark)}   memoryless {banded(other, plain_mark)}")
            inside.append(one.inside)
            baseline_inside.append(other.inside)
            ratios[one.name].append(float(np.log((one.score + 1e-3) / (other.score + 1e-3))))
        if np.isfinite(real_usd) and np.isfinite(drawn_usd):
            bills.append((real_usd, drawn_usd))
    share, plain_share = float(np.mean(inside)), float(np.mean(baseline_inside))
    better = float(np.exp(np.mean([value for values in ratios.values() for value in values])))
    print("interval score over the memoryless baseline's, geometric mean: "
          + ", ".join(f"{name} {np.exp(np.mean(values)):.2f}" for name, values in ratios.items()))  # fmt: skip
    real, drawn = (float(value) for value in np.mean(bills, axis=0))
    off = drawn / real - 1
    said = f"{share:.0%} of statistics inside their band (memoryless {plain_share:.0%}), {INSIDE_WANTED:.0%} wanted"
    costs = f"a 48 h job costs {real:.2f} USD on real and {drawn:.2f} on drawn traces, mean over {len(bills)} zones"
    checks = [
        (said, share >= INSIDE_WANTED),
        (f"interval score {better:.2f} of the memoryless baseline's, below 1 wanted", better < 1),
        (f"{costs}: {off:+.1%}, {COST_WANTED:.0%} wanted", abs(off) <= COST_WANTED),
    ]
    for said, ok in checks:
        print(f"{'ok  ' if ok else 'FAIL'} {said}")
    passed = sum(ok for _, ok in checks)
    print(f"{passed} passed, {len(checks) - passed} failed")
    return 0 if passed == len(checks) else 1


if __name__ == "__main__":
    sys.exit(main())
