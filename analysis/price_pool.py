"""Makes the packaged pool of standardised spot price changes out of public daily series.

Run: `python -m analysis.price_pool`. What is kept are 90 segments of 120 days, standardised by their series' own
standard deviation, without mean, series name, date or order, rounded to a fiftieth of a deviation: enough to draw the
shape of changes from, too little to get a price back.
"""

from __future__ import annotations

import json
import os
import pathlib
import sys

import numpy as np

from marketsim.prices.series import daily_ratios, standardised

ROOT = pathlib.Path(__file__).resolve().parents[1]
SEGMENTS, DAYS, PER_DEVIATION = 90, 120, 50


def main() -> int:
    """Writes marketsim/data/spot_innovations.json and prints its moments beside those of all series."""
    prices = pathlib.Path(os.environ.get("MARKETSIM_SHARED", ROOT.parent / "shared")) / "data" / "prices"
    ratios = daily_ratios(prices / "aws_gpu_spot_daily.csv.gz", prices / "aws_gpu_ondemand_steps.csv")
    series = standardised(ratios)
    rng = np.random.Generator(np.random.PCG64DXSM(20260101))
    cut = [one[at : at + DAYS] for one in series for at in range(0, len(one) - DAYS + 1, DAYS)]
    chosen = [cut[index] for index in rng.permutation(len(cut))[:SEGMENTS]]
    values = np.concatenate(chosen)
    chosen = [(one - values.mean()) / values.std() for one in chosen]
    segments = [[round(float(value) * PER_DEVIATION) for value in one] for one in chosen]
    document = {
        "source": "AWS accelerator spot prices by SpotLake (JTraversa/ec2-spot-dashboard@982e66a2), 2024-01..2025-12",
        "per_deviation": PER_DEVIATION,
        "segments": segments,
    }
    target = ROOT / "marketsim" / "data" / "spot_innovations.json"
    target.write_text(json.dumps(document, separators=(",", ":")).replace("],[", "],\n[") + "\n", encoding="utf-8")
    for name, pool in (("all series", np.concatenate(series)), ("packaged", np.concatenate(segments) / PER_DEVIATION)):
        high = np.quantile(np.abs(pool), [0.5, 0.9, 0.99, 0.999])
        print(f"{name:12s} {len(pool):6d} changes, sd {pool.std():.3f}, |z| at 50, 90, 99, 99.9 %: {np.round(high, 2)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
