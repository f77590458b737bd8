"""Measured levers: a CSV of techniques with what each did, the format that `marketsim calibrate` writes.

One row a technique and setting: `technique,method,setting,metric,before,change,se,n,size_ratio,macs_ratio,
train_speedup,prefill_speedup,decode_speedup,oneoff_gpu_hours,oneoff_gpu,basis,source`. Ratios and speed-ups are before
over after, change and se are in the metric's unit. The package keeps the rows of its reference network, a
Dense(128, ReLU)-Dense(10, softmax) on 5,000 MNIST digits, beside the command that made them.
"""

from __future__ import annotations

import csv
import pathlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from importlib import resources
from typing import Any, ClassVar, Literal

from pydantic import Field, PrivateAttr

from marketsim import strict_csv
from marketsim.errors import Fault, InputError, nearest
from marketsim.levers.effect import ANY, Effect, LeverWork
from marketsim.levers.lever import Lever, check

COLUMNS: dict[str, Callable[[str], Any]] = {
    "technique": strict_csv.word,
    "method": strict_csv.word,
    "setting": strict_csv.number,
    "metric": strict_csv.word,
    "before": strict_csv.number,
    "change": strict_csv.number,
    "se": strict_csv.non_negative,
    "n": strict_csv.count,
    "size_ratio": strict_csv.positive,
    "macs_ratio": strict_csv.positive,
    "train_speedup": strict_csv.positive,
    "prefill_speedup": strict_csv.positive,
    "decode_speedup": strict_csv.positive,
    "oneoff_gpu_hours": strict_csv.non_negative,
    "oneoff_gpu": str,
    "basis": strict_csv.word,
    "source": str,
    "ci95_low": strict_csv.number,
    "ci95_high": strict_csv.number,
    "nonzero": strict_csv.non_negative,
    "oneoff_epochs": strict_csv.non_negative,
}
SPARSE = ("pruning", "regularisation")
OPTIONAL = ("ci95_low", "ci95_high", "nonzero", "oneoff_epochs")  # told of a calibration, not used by a lever


def read(path: pathlib.Path) -> list[dict[str, Any]]:
    """The rows of a file in the lever format; InputError with file, line and column for anything else."""
    columns = strict_csv.read(path, COLUMNS, optional=OPTIONAL, unique=("technique", "method", "setting"))
    lines = columns.pop("line")
    return [{name: cells[row] for name, cells in columns.items()} for row in range(len(lines))]


def effect(row: Mapping[str, Any]) -> Effect:
    """A row as a level."""
    hours = float(row["oneoff_gpu_hours"])
    return Effect(
        label=f"{row['method']} {float(row['setting']):g}",
        metric=str(row["metric"]),
        before=float(row["before"]),
        change=float(row["change"]),
        se=float(row["se"]),
        n=int(row["n"]),
        size_ratio=float(row["size_ratio"]),
        # zeros in a dense array take their place: only fewer units, or fewer bits, are smaller in memory
        memory_ratio=1.0 if row["technique"] in SPARSE and float(row["macs_ratio"]) == 1.0 else None,
        train_speedup=float(row["train_speedup"]),
        prefill={ANY: float(row["prefill_speedup"])},
        decode={ANY: float(row["decode_speedup"])},
        work=LeverWork(gpu_hours=hours, gpu=row["oneoff_gpu"] or "A100-80GB", source=str(row["source"])),
        basis="user" if row["basis"] == "user" else "measured",
        source=str(row["source"]),
    )


def with_work(level: Effect, work: LeverWork) -> Effect:
    """The level with another one-off work."""
    return replace(level, work=work)


@cache
def reference_rows() -> tuple[dict[str, str], ...]:
    """What the reference network showed, as `python -m marketsim.levers.calibrate` wrote it."""
    return _shipped("reference_network.csv")


@cache
def federated_rows() -> tuple[dict[str, str], ...]:
    """What federated averaging of the reference network took, by clients, IID, local epochs and target accuracy."""
    return _shipped("reference_federated.csv")


def _shipped(name: str) -> tuple[dict[str, str], ...]:
    file = resources.files("marketsim.levers.calibrate").joinpath(name)
    return tuple(csv.DictReader(file.read_text(encoding="utf-8").splitlines()))


def reference(method: str, setting: float) -> Effect | None:
    """The reference network's figure of a method at a setting, None where it was not measured."""
    for row in reference_rows():
        if row["method"] == method and float(row["setting"]) == setting:
            return effect(row)
    return None


class Curve(Lever):
    """A technique measured by the user, or by `marketsim calibrate`, in a CSV beside the scenario."""

    kind: Literal["curve"] = "curve"
    needs_files: ClassVar[bool] = True

    file: str = Field(description="CSV in the lever format, relative to the scenario")
    method: str = Field(description="which method of the file")
    setting: float = Field(description="at which setting; the milder ones of the same method stand behind it")
    _rows: tuple[dict[str, Any], ...] = PrivateAttr(default=())  # of the method, once the file is read

    def prepared(self, folder: pathlib.Path | None) -> Curve:
        """The lever with its rows; InputError where the file or the row is not there, or the floor cannot be."""
        if self._rows:
            return self
        rows = read(strict_csv.local_file(folder, self.file, key="levers.file"))
        mine = [row for row in rows if row["method"] == self.method]
        if not any(row["setting"] == self.setting for row in mine):
            known = [f"{row['method']} {row['setting']:g}" for row in rows]
            hint = nearest(f"{self.method} {self.setting:g}", known)
            what = "no row of the file has this method and setting"
            raise InputError(Fault(what, file=self.file, got=f"{self.method} {self.setting:g}", hint=hint))
        ready = self.model_copy()
        ready._rows = tuple(mine)
        try:
            check(ready)
        except ValueError as error:
            raise InputError(Fault(str(error), file=self.file)) from None
        return ready

    def published(self) -> tuple[Effect, ...]:
        """The row asked for, then those of the method that lose less, the strongest first."""
        asked = next(row for row in self._rows if row["setting"] == self.setting)
        milder = [row for row in self._rows if row["size_ratio"] < asked["size_ratio"]]
        rows = [asked, *sorted(milder, key=lambda row: -float(row["size_ratio"]))]
        levels = [effect(row) for row in rows]
        return tuple(with_work(one, self.one_off.as_work()) for one in levels) if self.one_off else tuple(levels)
