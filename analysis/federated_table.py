"""FedAvg's published rounds, the oracles of round times, and federated training against central training.

`python -m analysis.federated_table [-v]`. First the tables as given; then the closed forms of stragglers and
transfers; then two trainings done both ways, on 100 edge devices and on rented GPUs: cost, time, bytes, and how much
raw data there must be before leaving it where it is costs less.
"""

from __future__ import annotations

import csv
import json
import sys
from typing import Any

import numpy as np

from analysis.common import Tally, shared
from analysis.oracle_levers import CASES, run_case
from marketsim.data.tables import table
from marketsim.levers import Federated, curve
from marketsim.levers.federated import (
    Bill,
    Prices,
    break_even_gb,
    central_bill,
    federated_bill,
    published_rounds,
    tasks,
)
from marketsim.levers.rounds import FederatedRun
from marketsim.settings import Settings
from marketsim.streams import Dice

REPLICATIONS = 20
DEVICE = "Jetson AGX Orin 64GB"


def main() -> None:
    """Four parts, one tally."""
    tally = Tally(verbose="-v" in sys.argv[1:])
    as_given(tally)
    oracles(tally)
    pencil(tally)
    against_central(tally)
    reference(tally)
    tally.end()


# ---------------------------------------------------------------------------------------------------------- the tables


def as_given(tally: Tally) -> None:
    """Every row of Tables 1 to 3 comes out of the look-up as it went in."""
    with shared("facts", "fedavg_rounds.csv").open(encoding="utf-8") as file:
        facts = list(csv.DictReader(file))
    tally.check("the packaged table is the table of facts", [dict(row) for row in table("fedavg_rounds")] == facts)
    for row in facts:
        wanted = int(row["rounds"]) if row["rounds"] else None
        found = published_rounds(
            row["model"], float(row["target_acc"]), row["E"], row["B"], row["C"], row["iid"] == "1"
        )
        name = f"{row['model']} to {row['target_acc']}, E {row['E']} B {row['B']} C {row['C']} iid {row['iid']}"
        tally.check(name, wanted in found, f"{found} for {wanted}")
    print(f"FedAvg Tables 1 to 3: {len(facts)} rows of {len(tasks())} tasks")
    # a few, typed from the paper itself (arXiv 1602.05629v4), so that table and paper are compared by two hands
    for task, target, e, b, c, iid, rounds in (
        ("MNIST 2NN", 0.97, 1, 10, 0.1, True, 87),
        ("MNIST CNN", 0.99, 5, 10, 0.1, False, 206),
        ("MNIST CNN", 0.99, 20, 10, 0.1, True, 18),
        ("Shakespeare LSTM", 0.54, 5, 10, 0.1, False, 41),
        ("CIFAR-10 CNN FedAvg", 0.85, 5, 50, 0.1, True, 2000),
    ):
        tally.check(f"{task} {e} {b}", rounds in published_rounds(task, target, e, b, c, iid))
    tally.check("a target not reached is none", published_rounds("MNIST 2NN", 0.97, 1, "inf", 0.5, True) == (None,))
    tally.check("a setting not published is nothing", published_rounds("MNIST CNN", 0.99, 7, 10, 0.1, True) == ())


def oracles(tally: Tally) -> None:
    """Closed forms of the maximum and the k-th of n, of unequal clients, of heavy tails, of a link."""
    print("\noracle                quantity                 wanted       found        se")
    for case in json.loads(shared("cases", "oracles", "cases.json").read_text(encoding="utf-8")):
        if case["model"] not in CASES:
            continue
        found = run_case(case, quick=True)
        for name, wanted in case["expected"].items():
            value, se = found[name]
            print(f"{case['id']:21} {name:20} {wanted:10.5g}  {value:10.5g}  {se or 0.0:8.2g}")
            if se is None:
                tally.close(f"{case['id']} {name}", value, wanted, 1e-9)
                continue
            tally.check(f"{case['id']} {name}", abs(value - wanted) <= 4 * se, f"got {value:g}, wanted {wanted:g}")
            tally.check(f"{case['id']} {name}: narrow enough", 4 * se / abs(wanted) <= case["tolerance"]["max_rel"])


def pencil(tally: Tally) -> None:
    """Equal clients that never drop out take what a pencil says."""
    lever = federated(
        rounds=50, rounds_sigma=0.0, speed_sigma=0.0, bandwidth_sigma=0.0, drop_out=0.0, over_selection=1.0,
        samples_per_client=600, sample_s=0.001, local_epochs=5, model_mb=5.0, uplink_mbit_s=8.0,
        downlink_mbit_s=40.0, latency_s=0.0, server_s_per_round=1.0,
    )  # fmt: skip
    run = lever.run(Dice(1))
    # 1 s down, 3 s of work, 5 s up, 1 s of the server: 10 s a round; 10 clients of 5 MB each way
    tally.close("fifty rounds of ten seconds", run.wall_s, 500, 0)
    tally.close("ten clients for nine seconds each round", run.device_s, 50 * 10 * 9, 1e-12)
    tally.close("2.5 GB down", run.gb_down, 2.5, 1e-12)
    tally.close("2.5 GB up", run.gb_up, 2.5, 1e-12)


# ----------------------------------------------------------------------------------------- both ways, with their prices


class Task(Settings):
    """A training that could be done either way."""

    name: str
    data_gb: float
    samples: int
    central_samples: int
    gpu_hours: float
    federated: Federated


def federated(**given: Any) -> Federated:
    """A hundred devices, ten a round, unless said otherwise."""
    return Federated.model_validate({"target": "training", "clients": 100, "device": DEVICE, **given})


def orin_over_a100() -> float:
    """A100's images a second over the Orin's, ResNet-50 (MLPerf v3.0): how much longer a sample takes on the device."""
    a100 = next(row for row in table("gpu_specs") if row["gpu"] == "A100 SXM 80GB")
    orin = next(row for row in table("edge_devices") if row["device"].startswith(DEVICE))
    return float(a100["mlperf_resnet50_img_s"]) / float(orin["resnet50_img_s"])


def the_tasks() -> list[Task]:
    """CIFAR-10 as published both ways; and ResNet-50, whose federated samples are taken from it in proportion.

    ResNet-50: 24 A100-hours for 90 epochs of 1.28 million images (NVIDIA DLE resnet50v1.5 README), 145 GB, 102 MB. A
    CIFAR example is taken to cost the device as much time as its share of multiply-adds would, 1/200 of ResNet-50's
    (assumption; the rounds do not depend on it).
    """
    slower = orin_over_a100()
    resnet_samples = 90 * 1_281_167
    resnet_s = 24 * 3600 / resnet_samples
    central = published_rounds("CIFAR-10 CNN SGD", 0.80, "", 100, "", True)[0]
    fed = published_rounds("CIFAR-10 CNN FedAvg", 0.80, 5, 50, 0.1, True)[0]
    assert central is not None
    assert fed is not None
    cifar_samples = central * 100
    more = fed * 10 * 5 * 500 / cifar_samples
    rounds = round(more * resnet_samples / (10 * 5 * 12_811))
    return [
        Task(
            name="CIFAR-10 CNN to 80 %",
            data_gb=0.1536,
            samples=50_000,
            central_samples=cifar_samples,
            gpu_hours=cifar_samples * resnet_s / 200 / 3600,
            federated=federated(
                task="CIFAR-10 CNN FedAvg", target_accuracy=0.80, iid=True, local_epochs=5, batch=50,
                model_mb=4.0, samples_per_client=500, sample_s=resnet_s / 200 * slower,
            ),
        ),
        Task(
            name="ResNet-50",
            data_gb=145.0,
            samples=1_281_167,
            central_samples=resnet_samples,
            gpu_hours=24.0,
            federated=federated(
                rounds=rounds, iid=True, local_epochs=5, batch=50, model_mb=102.4,
                samples_per_client=12_811, sample_s=resnet_s * slower, uplink_mbit_s=200.0, downlink_mbit_s=200.0,
            ),
        ),
    ]  # fmt: skip


def the_prices() -> Prices:
    """Dated list prices; a device is its price over four years and its power at 0.25 USD a kWh (assumption).

    A server of 8 cores is taken at 0.34 USD an hour (assumption). Data enters clouds free of charge.
    """
    gpu = next(
        row for row in table("provider_catalog")
        if row["provider"] == "RunPod" and row["gpu"] == "A100" and row["instance"] == "SXM secure"
    )  # fmt: skip
    orin = next(row for row in table("edge_devices") if row["device"].startswith(DEVICE))
    out = next(row for row in table("egress") if row["provider"] == "AWS")
    hour = float(orin["price_usd"]) / (4 * 8760) + float(orin["power_w"]) / 1000 * 0.25
    print(
        f"\nprices: A100 {gpu['ondemand_usd_gpu_hour']} USD/h ({gpu['provider']}, {gpu['price_date']}); device "
        f"{hour:.4f} USD/h; egress {out['usd_per_gb']} USD/GB ({out['provider']}, {out['price_date']})"
    )
    return Prices(hour, 0.34, float(gpu["ondemand_usd_gpu_hour"]), float(out["usd_per_gb"]))


def against_central(tally: Tally) -> None:
    """Cost, time and bytes of both ways, and the volume of data at which they cost the same."""
    prices = the_prices()
    print("task                  way            USD         hours         GB   device-h     samples  over central")
    for task in the_tasks():
        lever = task.federated
        runs = [lever.run(Dice(1, replication).under("federated")) for replication in range(REPLICATIONS)]
        bills = [federated_bill(run, prices) for run in runs]
        fed = mean_bill(bills)
        central = central_bill(task.gpu_hours, 1, task.data_gb, lever.clients, lever.uplink_mbit_s, prices)
        bare = central_bill(task.gpu_hours, 1, 0.0, lever.clients, lever.uplink_mbit_s, prices)
        samples = np.mean([run.rounds for run in runs]) * lever.wanted * lever.local_epochs * lever.samples_per_client
        ratio = samples / task.central_samples
        moved = fed.gb_moved / task.data_gb
        low, high = np.quantile([run.wall_s / 3600 for run in runs], [0.05, 0.95])
        line(task.name, "central", central, 0.0, task.central_samples, 1.0)
        line("", "federated", fed, float(np.mean([run.device_hours for run in runs])), samples, ratio)
        volume = break_even_gb(fed, bare, prices)
        assert volume is not None
        print(
            f"{'':21} hours 90 %: {low:.2f} to {high:.2f}; {moved:.1f} times the bytes of moving the data; "
            f""
            f"break-even at {volume:,.0f} GB of raw data (stored a month), {volume / task.data_gb:,.0f} times its own"
        )
        at = central_bill(task.gpu_hours, 1, volume, lever.clients, lever.uplink_mbit_s, prices)
        half = central_bill(task.gpu_hours, 1, volume / 2, lever.clients, lever.uplink_mbit_s, prices)
        tally.close(f"{task.name}: at the break-even both cost the same", at.usd, fed.usd, 1e-9)
        tally.check(f"{task.name}: at half of it moving is cheaper", half.usd < fed.usd)
        tally.check(f"{task.name}: samples 3 to 30 times central", 3.0 <= ratio <= 30, f"{ratio:.2f}")
        tally.check(f"{task.name}: more bytes than moving the data", moved > 1, f"{moved:.1f}")
        tally.check(f"{task.name}: seldom for cost", fed.usd > central.usd)
        private = lever.model_copy(update={"secure_aggregation": True})
        ups = [run_.gb_up / run.gb_up for run, run_ in zip(runs, same_dice(private), strict=True)]
        tally.check(
            f"{task.name}: secure uploads are about 1.73 times", bool(np.all(np.abs(np.array(ups) / 1.73 - 1) < 0.1))
        )
    free = Prices(prices.device_hour, prices.server_hour, prices.gpu_hour, prices.gb_out, 0.0, 0.0)
    tally.check(
        "where data costs nothing to move or keep there is no break-even", break_even_gb(fed, bare, free) is None
    )


def same_dice(lever: Federated) -> list[FederatedRun]:
    """Runs of another lever under the same dice."""
    return [lever.run(Dice(1, replication).under("federated")) for replication in range(REPLICATIONS)]


def mean_bill(bills: list[Bill]) -> Bill:
    """The mean of bills, part by part."""
    parts = {name: float(np.mean([bill.parts[name] for bill in bills])) for name in bills[0].parts}
    wall, moved = (float(np.mean([getattr(bill, name) for bill in bills])) for name in ("wall_s", "gb_moved"))
    return Bill(sum(parts.values()), parts, wall, moved)


def line(name: str, way: str, bill: Bill, device_hours: float, samples: float, ratio: float) -> None:
    """One row of the table."""
    print(
        f"{name:21} {way:10} {bill.usd:8.2f} {bill.wall_s / 3600:13.2f} {bill.gb_moved:10.2f} {device_hours:10.1f} "
        f"{samples:11,.0f} {ratio:13.2f}"
    )


# ------------------------------------------------------------------------------------------------ the reference network


def reference(tally: Tally) -> None:
    """Our own federated runs of the reference network beside those measured elsewhere: same order, same size."""
    ours = {
        (int(r["clients"]), r["iid"] == "1", int(r["E"])): r for r in curve.federated_rows() if r["target"] == "0.85"
    }
    with shared("facts", "measured", "fed_mnist5k_summary.csv").open(encoding="utf-8") as file:
        plain = [
            row for row in csv.DictReader(file) if row["B"] and not (row["upbits"] or row["dropout"] or row["clip"])
        ]
    print("\nreference network to 85 %: rounds, ours (95 % interval) and measured elsewhere")
    for row in plain:
        key = (int(row["K"]), row["iid"] == "True", int(row["E"]))
        if key not in ours or not row["r85"] or not ours[key]["rounds"]:
            continue
        mine, theirs = float(ours[key]["rounds"]), float(row["r85"])
        half, more = float(ours[key]["rounds_half_width"]), ours[key]["samples_over_central"]
        alike = "iid    " if key[1] else "not iid"
        print(f"K {key[0]:3} {alike} E {key[2]}: {mine:6.1f} +- {half:4.1f}   {theirs:6.1f}   samples {more} x central")
        close = 0.5 < mine / theirs < 2 or abs(mine - theirs) <= 2
        tally.check(f"K {key}: within a factor of two or two rounds", close, f"{mine} for {theirs}")
    for clients in (50, 100):
        tally.check(
            f"K {clients}: data that differ take more rounds",
            all(float(ours[clients, False, e]["rounds"]) > float(ours[clients, True, e]["rounds"]) for e in (1, 5)),
        )
        tally.check(
            f"K {clients}: more local epochs save rounds and cost samples",
            float(ours[clients, True, 5]["rounds"]) < float(ours[clients, True, 1]["rounds"])
            and float(ours[clients, True, 5]["samples_over_central"])
            > float(ours[clients, True, 1]["samples_over_central"]),
        )


if __name__ == "__main__":
    main()
