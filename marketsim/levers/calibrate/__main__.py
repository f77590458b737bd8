"""`python -m marketsim.levers.calibrate OUT [--quick] [--seeds N] [--data FILE]`."""

from __future__ import annotations

import argparse
import sys

from marketsim.errors import MarketsimError
from marketsim.levers.calibrate.run import calibrate


def main() -> int:
    """Run a calibration and say what was written."""
    parser = argparse.ArgumentParser(prog="python -m marketsim.levers.calibrate", description=__doc__)
    parser.add_argument("out", help="folder for the CSV files and pictures")
    parser.add_argument("--quick", action="store_true", help="small digits, two seeds")
    parser.add_argument("--seeds", type=int, help="networks trained")
    parser.add_argument("--data", help="a file of MNIST, .npz or .csv")
    given = parser.parse_args()
    try:
        frames = calibrate(given.out, given.quick, given.seeds, given.data)
    except MarketsimError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    print(frames["compression"][["method", "setting", "change", "ci95_low", "ci95_high", "size_ratio"]].to_string())
    print(frames["federated"].drop(columns="source").to_string())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
