"""`marketsim calibrate`: train, change, average; then curves with intervals over seeds, as CSV and as pictures."""

from __future__ import annotations

import math
import pathlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats

from marketsim.levers.calibrate import compress, digits, federate, latency
from marketsim.levers.calibrate.compress import Trial
from marketsim.levers.calibrate.federate import FederatedTrial
from marketsim.streams import Dice

if TYPE_CHECKING:
    import pandas as pd

EPOCHS, QUICK_EPOCHS = 5, 20  # the 1,437 small digits give 45 steps an epoch, so they take more of them
MOST_ROUNDS, QUICK_MOST_ROUNDS = 50, 30
QUICK_SEEDS, FULL_SEEDS = 2, 5
CONFIDENCE = 0.95


def calibrate(
    out_dir: pathlib.Path | str,
    quick: bool = False,
    seeds: int | None = None,
    data_path: pathlib.Path | str | None = None,
    pictures: bool = True,
) -> dict[str, pd.DataFrame]:
    """Measure all techniques and write `reference_network.csv` (lever format), `reference_federated.csv`, pictures.

    quick: scikit-learn's small digits, two seeds, fewer rounds. data_path: a file of all of MNIST. Returns the frames
    `compression` and `federated`. Raises MissingExtra without the extra, InputError for a file that is none of digits.
    """
    import pandas as pd

    out = pathlib.Path(out_dir)
    seeds = seeds if seeds is not None else (QUICK_SEEDS if quick else FULL_SEEDS)
    x, y = digits_of(quick, data_path)
    name = "small digits" if quick else "MNIST file" if data_path else "5,000 MNIST digits"
    source = f"Dense(128)-Dense(10), {name}, {seeds} seeds: marketsim calibrate"
    out.mkdir(parents=True, exist_ok=True)
    trials = compression_trials(x, y, range(seeds), QUICK_EPOCHS if quick else EPOCHS)
    compression = pd.DataFrame(rows(trials, latency.speedups(x)[256], source))
    compression.to_csv(out / "reference_network.csv", index=False, lineterminator="\n")
    runs, central = federated_trials(x, y, range(seeds), QUICK_MOST_ROUNDS if quick else MOST_ROUNDS, quick)
    federated = pd.DataFrame(federated_rows(runs, central, source))
    federated.to_csv(out / "reference_federated.csv", index=False, lineterminator="\n")
    frames = {"compression": compression, "federated": federated}
    if pictures:
        from marketsim.levers.calibrate.pictures import draw

        draw(frames, out)
    return frames


def digits_of(quick: bool, data_path: pathlib.Path | str | None) -> tuple[Any, Any]:
    """Images and labels of a calibration."""
    if data_path is not None:
        return digits.from_file(pathlib.Path(data_path))
    return digits.small() if quick else digits.mnist_5k()


def compression_trials(x: Any, y: Any, seeds: Iterable[int], epochs: float) -> list[Trial]:
    """All techniques on all seeds; each seed has its own split, start and order."""
    return [
        trial
        for seed in seeds
        for trial in compress.trials(digits.split(x, y, Dice(seed).stream("calibrate/split")), seed, epochs)
    ]


def federated_trials(
    x: Any, y: Any, seeds: Iterable[int], most_rounds: int, quick: bool = False
) -> tuple[list[FederatedTrial], list[tuple[int | None, ...]]]:
    """All settings on all seeds, and the central training of each seed."""
    runs: list[FederatedTrial] = []
    central: list[tuple[int | None, ...]] = []
    for seed in seeds:
        data = digits.split(x, y, Dice(seed).stream("calibrate/split"))
        central.append(federate.central(data, seed))
        for clients in federate.CLIENTS[:: 2 if quick else 1]:
            for iid in (True, False):
                for epochs in federate.EPOCHS:
                    runs.append(federate.federated(data, clients, iid, epochs, seed, most_rounds))
    return runs, central


def interval(values: Iterable[float]) -> tuple[float, float, float]:
    """(mean, half-width of its 95 % Student interval, standard deviation); zeros for one value's spread."""
    found = np.asarray(list(values), np.float64)
    if len(found) < 2:
        return float(found.mean()), 0.0, 0.0
    sd = float(found.std(ddof=1))
    half = float(stats.t.ppf(0.5 + CONFIDENCE / 2, len(found) - 1)) * sd / math.sqrt(len(found))
    return float(found.mean()), half, sd


def rows(trials: list[Trial], speedup: Mapping[int, float], source: str) -> list[dict[str, Any]]:
    """The lever format: one row a technique and setting, changes paired by seed.

    `se` is that of the change on one more network, sd x sqrt(1 + 1/n): what a lever draws from. `ci95_low` and
    `ci95_high` are the interval of the mean. Only a smaller dense network is faster on dense kernels.
    """
    base = {trial.seed: trial for trial in trials if trial.method == "base"}
    groups: dict[tuple[str, str, float], list[Trial]] = {}
    for trial in trials:
        groups.setdefault((trial.technique, trial.method, trial.setting), []).append(trial)
    table: list[dict[str, Any]] = []
    for (technique, method, setting), group in groups.items():
        changes = [trial.accuracy - base[trial.seed].accuracy for trial in group]
        change, half, sd = interval(changes)
        first, whole = group[0], base[group[0].seed]
        macs = whole.macs / first.macs
        faster = round(min(speedup.get(first.hidden, 1.0), macs), 2)  # more than its arithmetic is a timing error
        table.append(
            {
                "technique": technique,
                "method": method,
                "setting": setting,
                "metric": "accuracy",
                "before": round(float(np.mean([base[trial.seed].accuracy for trial in group])), 5),
                "change": round(change, 5),
                "se": round(sd * math.sqrt(1 + 1 / len(group)), 5),
                "n": len(group),
                "size_ratio": round(whole.bytes / float(np.mean([trial.bytes for trial in group])), 4),
                "macs_ratio": round(macs, 4),
                "train_speedup": 1.0,
                "prefill_speedup": faster,
                "decode_speedup": faster,
                "oneoff_gpu_hours": 0.0,
                "oneoff_gpu": "",
                "basis": "measured",
                "source": source,
                "ci95_low": round(change - half, 5),
                "ci95_high": round(change + half, 5),
                "nonzero": round(float(np.mean([trial.nonzero for trial in group])), 1),
                "oneoff_epochs": first.epochs,
            }
        )
    return table


def federated_rows(
    runs: list[FederatedTrial], central: list[tuple[int | None, ...]], source: str
) -> list[dict[str, Any]]:
    """One row a setting and target: rounds, samples against central, megabytes each way; empty where none arrived."""
    groups: dict[tuple[int, bool, int], list[FederatedTrial]] = {}
    for run in runs:
        groups.setdefault((run.clients, run.iid, run.epochs), []).append(run)
    table: list[dict[str, Any]] = []
    for (clients, iid, epochs), group in groups.items():
        for place, target in enumerate(federate.TARGETS):
            came = [(run, run.rounds[place], run.samples[place], central[run.seed][place]) for run in group]
            there = [(run, r, s, c) for run, r, s, c in came if r is not None and s is not None and c is not None]
            row: dict[str, Any] = {
                "clients": clients,
                "iid": int(iid),
                "E": epochs,
                "B": federate.BATCH,
                "selected": federate.SELECTED,
                "target": target,
                "n": len(group),
                "reached": len(there),
            }
            if there:
                count, half, sd = interval(float(r) for _, r, _, _ in there)
                samples, samples_half, _ = interval(s / c for _, _, s, c in there)
                row |= {
                    "rounds": round(count, 2),
                    "rounds_half_width": round(half, 2),
                    "rounds_sigma": round(sd / count, 4),
                    "samples_over_central": round(samples, 2),
                    "samples_half_width": round(samples_half, 2),
                    "mb_up": round(count * group[0].mb_per_round, 2),
                    "mb_down": round(count * group[0].mb_per_round, 2),
                }
            row |= {"best": round(float(np.mean([run.best for run in group])), 4), "source": source}
            table.append(row)
    return table
