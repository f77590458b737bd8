"""Results made by hand, so that charts and reports are tested without a run: four policies, twelve replications."""

from __future__ import annotations

import numpy as np
import pandas as pd

from marketsim.experiment.results import Results

HORRID = "<script>alert(1)</script> =1+1 $x$"
KINDS = {
    "aws-p5": "on_demand",
    "aws-p5-spot": "spot",
    "neocloud-1y": "rental",
    "own": "datacenter",
    "offices": "edge",
    "hosted-8b": "token_api",
}
MEANS = {  # USD by offer, then share missed, share unserved, USD lost by late jobs and by lost requests
    "cloud-only": (
        {"aws-p5": 5_180_000.0, "hosted-8b": 90_000.0, "none": -100_000.0},
        0.66,
        0.012,
        310_000.0,
        84_000.0,
    ),
    "spot-first": ({"aws-p5": 1_500_000.0, "aws-p5-spot": 2_900_000.0}, 0.51, 0.072, 240_000.0, 390_000.0),
    "rent-and-burst": (
        {"aws-p5": 900_000.0, "aws-p5-spot": 300_000.0, "neocloud-1y": 820_000.0},
        0.11,
        0.009,
        30_000.0,
        42_000.0,
    ),
    "build": ({"aws-p5": 420_000.0, "own": 1_780_000.0, "hosted-8b": 60_000.0}, 0.19, 0.007, 60_000.0, 34_000.0),
}


def results(name: str = "startup", n: int = 12, seed: int = 7, **more: object) -> Results:
    """A study whose means are about `MEANS`; the same dice move all policies, as common random numbers do."""
    dice = np.random.Generator(np.random.PCG64DXSM(seed))
    common = dice.normal(0, 0.08, n)
    rows: dict[str, dict[int, dict[str, float | None]]] = {}
    for policy, (costs, missed, unserved, late, lost) in MEANS.items():
        rows[policy] = {}
        for replication in range(n):
            scale = float(np.exp(common[replication] + dice.normal(0, 0.025)))
            parts = {f"cost_usd/offer/{offer}": usd * scale for offer, usd in costs.items()}
            total = sum(parts.values())
            rows[policy][replication] = {
                "total_cost_usd": total,
                "total_with_penalties_usd": total + (late + lost) * scale,
                "cash_out_usd": total * 0.98,
                "missed_deadline_share": float(np.clip(missed * scale**2, 0, 1)),
                "unserved_share": unserved * scale,
                "utilization": 0.8 - missed / 2,
                "jobs": 3552.0,
                "late_usd": late * scale,
                "lost_requests_usd": lost * scale,
                "cost_usd/account/usage": total * 0.7,
                "cost_usd/account/contract": total * 0.3,
                **parts,
            }
    stamp = {"seed": 1, "hash": "0123456789abcdef0123456789abcdef", "scenario": name, "replications": n,
             "policies": list(MEANS), "marketsim": {"marketsim": "0.1.0", "python": "3.11"}}  # fmt: skip
    return Results(name=name, rows=rows, stamp=stamp, **more)  # type: ignore[arg-type]


def offers() -> pd.DataFrame:
    """The table of offers that goes with them."""
    return pd.DataFrame({"offer": list(KINDS), "kind": list(KINDS.values())})


def capacity(days: int = 730) -> pd.DataFrame:
    """A run's demand and capacity: two rented machines, spot and on-demand above them, growing demand."""
    day = np.arange(days)
    wanted = 18 + 0.03 * day + 7 * np.sin(day / 9.0) ** 2 + np.where(day % 7 >= 5, -6, 2) + 16 * (day % 97 > 90)
    rented = np.where(day < 21, 0.0, 16.0)
    spot = np.clip(np.minimum(wanted - rented, 10 + 4 * np.sin(day / 30)), 0, None)
    metered = np.clip(np.minimum(wanted - rented - spot, 16.0), 0, None)
    held = rented + spot + metered
    used = np.minimum(wanted, held) * 0.97
    frame = pd.DataFrame(
        {
            "from_s": day * 86_400,
            "wanted": wanted,
            "jobs": used * 0.7,
            "services": used * 0.3,
            "aws-p5": metered,
            "aws-p5-spot": spot,
            "neocloud-1y": rented,
        }
    )
    frame.insert(0, "policy", "rent-and-burst")
    frame.attrs["start"] = "2026-01-01T00:00:00Z"
    return frame


def tables() -> dict[str, pd.DataFrame]:
    """Every table that a chart may ask for."""
    from marketsim.report import tables as report_tables

    return {**report_tables.of_results(results()), "offers": offers(), "capacity": capacity()}
