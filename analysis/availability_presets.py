"""Measures the spells of public availability traces and writes the packaged presets.

Run: `python -m analysis.availability_presets`.
Only quantiles of spell lengths and the share of time available are kept; the traces stay where they are.
"""

from __future__ import annotations

import csv
import json
import os
import pathlib
import sys

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[1]
LEVELS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 1.0)


def spells(available: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lengths in ticks of the spells of 1 and of 0, the cut ones at both ends among them."""
    edges = np.concatenate(([0], np.flatnonzero(np.diff(available)) + 1, [len(available)]))
    lengths, state = np.diff(edges), available[edges[:-1]]
    return lengths[state == 1], lengths[state == 0]


def law(lengths: np.ndarray, gap_s: float) -> dict[str, object]:
    """Quantiles in seconds, those above the median scaled so that the law's mean is the measured one."""
    seconds = np.quantile(lengths, LEVELS) * gap_s
    grid = (np.arange(4096) + 0.5) / 4096
    low, high = 0.05, 20.0
    upper = np.array(LEVELS) > 0.5
    for _ in range(60):
        middle = (low * high) ** 0.5
        tried = np.maximum.accumulate(np.where(upper, np.maximum(seconds * middle, seconds[~upper][-1]), seconds))
        mean = np.exp(np.interp(grid, LEVELS, np.log(tried))).mean()
        low, high = (middle, high) if mean < lengths.mean() * gap_s else (low, middle)
    return {"kind": "table", "levels": list(LEVELS), "seconds": [round(float(value), 1) for value in tried]}


def main() -> int:
    """Writes marketsim/data/spot_spells.json and prints one line a zone."""
    shared = pathlib.Path(os.environ.get("MARKETSIM_SHARED", ROOT.parent / "shared")) / "cases" / "spot" / "traces"
    zones = []
    for row in csv.DictReader((shared / "index.csv").open()):
        batch, zone, gpu, gpus = row["trace"].split("_")
        with (shared / f"{row['trace']}.csv").open() as opened:
            available = np.array([int(line["available"]) for line in csv.DictReader(opened)])
        up, down = spells(available)
        zones.append(
            {
                "preset": f"{gpu}-{zone}-{gpus}gpu" + ("-2023" if batch.startswith("aws23") else ""),
                "share": float(row["availability"]),
                "days": float(row["days"]),
                "date": row["start_date"],
                "source": row["source"].split(":")[0],
                "available": law(up, float(row["gap_seconds"])),
                "gone": law(down, float(row["gap_seconds"])),
            }
        )
        print(f"{zones[-1]['preset']:32s} {len(up):4d} spells, available {zones[-1]['share']:.4f} of {row['days']} d")
    target = ROOT / "marketsim" / "data" / "spot_spells.json"
    target.write_text("[\n" + ",\n".join(json.dumps(zone) for zone in zones) + "\n]\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
