"""Fits the two-state process to public availability traces and writes the packaged presets.

Run: `python -m analysis.availability_presets`. Only quantiles of spell lengths, the drift and the share of time
available are kept; the traces stay where they are.
"""

from __future__ import annotations

import csv
import json
import pathlib
import sys

from analysis.common import shared
from marketsim.availability.fit import fit_two_state, read_ticks

ROOT = pathlib.Path(__file__).resolve().parents[1]


def main() -> int:
    """Writes marketsim/data/spot_spells.json and prints one line a zone."""
    folder = shared("cases", "spot", "traces")
    zones = []
    for row in csv.DictReader((folder / "index.csv").open(encoding="utf-8")):
        batch, zone, gpu, gpus = row["trace"].split("_")
        block = fit_two_state(read_ticks(folder / f"{row['trace']}.csv"), float(row["gap_seconds"])).block()
        del block["kind"]
        zones.append(
            {
                "preset": f"{gpu}-{zone}-{gpus}gpu" + ("-2023" if batch.startswith("aws23") else ""),
                "share": float(row["availability"]),
                "days": float(row["days"]),
                "date": row["start_date"],
                "source": row["source"].split(":")[0],
                "settings": block,
            }
        )
        print(f"{zones[-1]['preset']:32s} available {zones[-1]['share']:.4f} of {row['days']} d")
    target = ROOT / "marketsim" / "data" / "spot_spells.json"
    target.write_text("[\n" + ",\n".join(json.dumps(zone) for zone in zones) + "\n]\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
