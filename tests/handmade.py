"""Results made by hand, so that charts and reports are tested without a run: four policies, twelve replications."""

from __future__ import annotations

import functools

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
                **{
                    f"cash_usd/month/{m:02d}": 6e6 - (180e3 + total / 24) * m * (1 + 0.1 * (m < 9)) + 1.8e6 * (m > 14)
                    for m in range(25)
                },
                "cost_usd/account/usage": total * 0.7,
                "cost_usd/account/contract": total * 0.3,
                **parts,
            }
    stamp = {"seed": 1, "hash": "0123456789abcdef0123456789abcdef", "scenario": name, "replications": n,
             "policies": list(MEANS), "marketsim": {"marketsim": "0.1.0", "python": "3.11"}}  # fmt: skip
    return Results(name=name, rows=rows, stamp=stamp, **more)  # type: ignore[arg-type]


def _cash(month: int, total: float) -> float:
    """Six million at first, spent evenly, and a round of 1.8 million in month 15."""
    return 6e6 - (120e3 + 1.6 * total / 24) * month + 1.8e6 * (month > 14)


LONG = (
    "cloud-only", "spot-first-with-fallback", "cheapest-feasible", "rent-and-burst", "rent-more-and-wait-longer",
    "build-own-datacenter", "edge-for-serving-with-int4", "mixed", "forecast-then-reserve", "layered-commitments",
    "break-even-reservation", "uniform-progress-on-spot", "hold-when-scarce", "two-zones-with-checkpoints",
    "distilled-assistant-on-edge", "federated-retraining",
)  # fmt: skip


def many(n: int = 12) -> Results:
    """Sixteen policies with names as long as people give them; some of them all but equal."""
    dice = np.random.Generator(np.random.PCG64DXSM(11))
    made = results(n=n)
    kept = list(made.rows.values())
    made.rows = {
        policy: {
            replication: {
                name: None if value is None else value * (1 if name in ("jobs", "utilization") else 1 + 0.02 * place)
                * float(np.exp(dice.normal(0, 0.01)))
                for name, value in row.items()
            }
            for replication, row in kept[place % len(kept)].items()
        }
        for place, policy in enumerate(LONG)
    }  # fmt: skip
    made.stamp["policies"] = list(LONG)
    return made


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

    return {**report_tables.of_results(results()), "offers": offers(), "capacity": capacity(), **more()}


@functools.cache
def tables_once() -> dict[str, pd.DataFrame]:
    """The same, made once; not to be changed."""
    return tables()


def more() -> dict[str, pd.DataFrame]:
    """Tables of single runs and of other studies: small, and of every sort of row."""
    dice = np.random.Generator(np.random.PCG64DXSM(3))
    hours = pd.DataFrame(
        [
            {"policy": "build", "weekday": day, "hour": hour, "there": 32.0,
             "used": 32 * (0.35 + 0.55 * (8 <= hour <= 19) * (day < 5) + 0.02 * (hour % 5))}
            for day in range(7) for hour in range(24)
        ]
    )  # fmt: skip
    days = np.arange(365)
    spot = pd.DataFrame(
        {
            "policy": "spot-first",
            "offer": "aws-p5-spot",
            "from_s": days * 86_400,
            "to_s": (days + 1) * 86_400,
            "usd_per_gpu_hour": 2.1 + 0.5 * np.sin(days / 40) + 0.2 * dice.normal(size=365).cumsum() / 10,
            "available": np.clip(0.8 + 0.3 * np.sin(days / 23), 0, 1),
            "held": 16.0,
            "reclaims": (days % 11 == 0).astype(float),
            "lost_gpu_h": np.where(days % 11 == 0, 14.0, 0.0),
        }
    )
    spot.attrs["start"] = "2026-01-01T00:00:00Z"
    count = 400
    gpus = dice.choice([1.0, 2.0, 4.0, 8.0], count, p=[0.7, 0.1, 0.1, 0.1])
    wait = dice.exponential(3_600 * gpus)
    jobs = pd.DataFrame(
        {
            "policy": "rent-and-burst",
            "job": [f"job-{place}" for place in range(count)],
            "workload": np.where(np.arange(count) % 5 == 0, "retrain", "research"),
            "gpus": gpus,
            "arrival_s": np.arange(count) * 1_000,
            "deadline_s": pd.array(
                [None if place % 5 == 1 else place * 1_000 + 40_000 for place in range(count)], "Int64"
            ),
            "start_s": pd.array([int(place * 1_000 + wait[place]) for place in range(count)], "Int64"),
            "missed": wait > 26_000,
        }
    )
    tornado = pd.DataFrame(
        [
            ("demand.research.work_gpu_hours.median", "20", "60", -410_000.0, 620_000.0),
            ("supply.aws-p5.usd_per_gpu_hour", "3.5", "7", -300_000.0, 180_000.0),
            ("supply.own.pue", "1.1", "1.6", -30_000.0, 44_000.0),
            ("finance.cost_of_capital_per_year", "0.1", "0.3", -90_000.0, 95_000.0),
        ],
        columns=["setting", "low", "high", "at_low", "at_high"],
    ).assign(metric="total_cost_usd", policy="build")
    levers = pd.DataFrame(
        {
            "step": ["before", "assistant-int4", "assistant-pruned"],
            "total_cost_usd": [2_110_000.0, 1_790_000.0, 1_830_000.0],
            "metric": ["perplexity"] * 3,
            "value": [6.14, 6.22, 6.61],
        }
    )
    changed = []
    for policy in MEANS:
        for metric, before, value, told in (
            ("total_cost_usd", 2_400_000.0, 310_000.0, policy != "build"),
            ("total_with_penalties_usd", 2_600_000.0, 300_000.0, policy != "build"),
            ("missed_deadline_share", 0.21, -0.013, False),
            ("utilization", 0.61, 0.02, True),
        ):
            changed.append({"policy": policy, "metric": metric, "before": before, "value": value, "low": value - 1,
                            "high": value + 1, "told_apart": told})  # fmt: skip
    changes = pd.DataFrame(changed)
    changes.attrs["edits"] = "supply.aws-p5.usd_per_gpu_hour=9"
    hour = 3_600
    story = pd.DataFrame(
        [
            (0, 5 * hour, "waiting", "", "", 0.0, 0.0),
            (5 * hour, 6 * hour, "starting", "aws-p5-spot", "", 0.0, 0.0),
            (6 * hour, 31 * hour, "running", "aws-p5-spot", "reclaimed", 180.0, 20.0),
            (31 * hour, 40 * hour, "waiting", "", "", 0.0, 0.0),
            (40 * hour, 41 * hour, "starting", "aws-p5", "", 0.0, 0.0),
            (41 * hour, 68 * hour, "running", "aws-p5", "finished", 216.0, 0.0),
        ],
        columns=["from_s", "to_s", "state", "offer", "cause", "kept_gpu_h", "lost_gpu_h"],
    )
    story.attrs.update(job="retrain/12", policy="spot-first", arrival_s=0, deadline_s=60 * hour, finish_s=68 * hour)
    invoices = pd.DataFrame(
        {
            "month": [f"2025-{month:02d}" for month in range(1, 13)],
            "invoiced_usd": [80_000.0 + 4_000 * month for month in range(12)],
            "simulated_usd": [82_000.0 + 4_300 * month - 9_000 * (month == 7) for month in range(12)],
            "p10": [75_000.0 + 4_000 * month for month in range(12)],
            "p90": [92_000.0 + 4_800 * month for month in range(12)],
        }
    )
    weeks = np.arange(12)
    load = pd.DataFrame(
        {
            "policy": "build", "first_week": 9 * weeks + 1, "last_week": np.minimum(9 * weeks + 9, 105),
            "offered": [{"retrain": 2.5, "research": 12.0 + 2.4 * at, "assistant": 1.0 + 0.5 * at} for at in weeks],
            "market": 32.0,
        }
    )  # fmt: skip
    load.attrs.update(start="2026-01-01T00:00:00Z", horizon_s=730 * 86_400,
                      gpus=dict.fromkeys(("retrain", "research", "assistant"), "H100"))  # fmt: skip
    return {"hours": hours, "load": load, "spot": spot, "jobs": jobs, "tornado": tornado, "levers": levers,
            "changes": changes, "story": story, "invoices": invoices, "whatif": whatif(),
            "budget": pd.DataFrame({"usd": [2_300_000.0]})}  # fmt: skip


def grid(second: bool = True):  # type: ignore[no-untyped-def]
    """A grid of what-ifs over a price and, if asked, over a workload; the dearer the cloud, the better to build."""
    import itertools

    from marketsim.report import grid as grids

    axes = [grids.Axis("supply.neocloud-1y.usd_per_gpu_hour", (1.5, 2.35, 4.0, 7.0), 1)]
    if second:
        axes.append(grids.Axis("demand.research.work_gpu_hours.median", (20, 40, 80), 1))
    found = {}
    for place in itertools.product(*(range(len(axis.values)) for axis in axes)):
        made = results(seed=11)
        scale = 1 + 0.35 * (place[1] - 1) if second else 1.0
        for policy, rows in made.rows.items():
            for row in rows.values():
                dearer = (axes[0].values[place[0]] / 2.35 - 1) * 0.4 if policy == "rent-and-burst" else 0.0
                for name in ("total_cost_usd", "total_with_penalties_usd"):
                    row[name] = (
                        float(row[name] or 0) * (1 + dearer) * (scale if policy != "build" else 1 + (scale - 1) / 3)
                    )
        found[place] = made
    return grids.of_results(tuple(axes), found)


def whatif() -> pd.DataFrame:
    """The frame of that grid."""
    frame: pd.DataFrame = grid().frame()
    return frame
