"""Which GPU a line of a bill is about, how many, and how long: by instance type, SKU or description, and by unit."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache, lru_cache
from typing import NamedTuple

from marketsim.data import gpus
from marketsim.data.tables import table
from marketsim.errors import InputError


class Machine(NamedTuple):
    """An instance type: its name, the package's name of its GPU, and GPUs on one instance."""

    instance: str
    gpu: str
    gpus: int


class Unknown(NamedTuple):
    """A line that is about a GPU, and why it still has no place."""

    reason: str


# families whose instances carry accelerators: a size of them that is not listed is told, not passed over as a CPU
_GPU_FAMILY = re.compile(r"(?:p[2-9]\w*|g[2-9]\w*|trn\d\w*|inf\d\w*|p6-\w+|a[2-4]-\w+|n[cdv]\d+\w*)[.\-_][\w\-]+", re.I)
_TYPE = re.compile(r"[a-z][a-z0-9\-]*\.(?:\d*x?large|metal(?:-\d+xl)?|nano|micro|small|medium)", re.I)
_NAMED = re.compile(
    r"\b(H200|H100|B300|B200|GB200|A100|A10G|A10|L40S|L40|L4|T4|V100|MI300X|MI325X|RTX ?4090)\b"
    r"(?:.{0,12}?\b(\d{2,3}) ?GB)?",
    re.I,
)
_SPOT = re.compile(r"\b(spot|preemptible)\b|SpotUsage", re.I)
_EGRESS = re.compile(
    r"DataTransfer-Out|-Out-Bytes|\begress\b|data transfer out|internet data transfer|Data Transfer - Out", re.I
)
_STORED = re.compile(r"TimedStorage|EBS:Volume|EBS:Snapshot|\bGiB?[- ]?Mo", re.I)

# hours of one unit, and whether the unit counts GPUs instead of instances
_UNITS: dict[str, tuple[float, bool]] = {}
for _names, _hours in ((("h", "hr", "hrs", "hour", "hours"), 1.0), (("m", "min", "mins", "minute", "minutes"), 1 / 60),
                       (("s", "sec", "secs", "second", "seconds"), 1 / 3600), (("day", "days"), 24.0)):  # fmt: skip
    for _name in _names:
        _UNITS[_name] = (_hours, False)
        _UNITS[f"1 {_name}"] = (_hours, False)
        for _gpu in (f"gpu {_name}", f"gpu{_name}", f"gpus {_name}", f"accelerator {_name}"):
            _UNITS[_gpu] = (_hours, True)
        for _box in (f"instance {_name}", f"vm {_name}", f"machine {_name}"):
            _UNITS[_box] = (_hours, False)


@lru_cache(maxsize=256)
def unit_hours(unit: str) -> tuple[float, bool] | None:
    """(hours of one unit, whether it counts GPUs), None for a unit of something else.

    >>> unit_hours("Hrs"), unit_hours("GPU-Hours"), unit_hours("GB")
    ((1.0, False), (1.0, True), None)
    """
    return _UNITS.get(re.sub(r"[-_/\s]+", " ", unit.strip().lower()))


def _plain(instance: str) -> str:
    return re.sub(r"^(standard|ml|instance)[_.]", "", instance.strip().lower())


@cache
def _known() -> dict[str, Machine]:
    return {_plain(row["instance"]): Machine(row["instance"], row["gpu"], int(row["gpus"]))
            for row in table("instance_types")}  # fmt: skip


@lru_cache(maxsize=8_192)
def machine(*texts: str) -> Machine | Unknown | None:
    """The machine that texts of a line name: an instance type in full, one within a SKU, or a GPU by name.

    None where nothing speaks of a GPU. A GPU sold by itself is a machine of one.
    """
    words = [word for text in texts for word in _words(text)]
    for word in words:
        found = _known().get(_plain(word))
        if found is not None:
            return found
    for word in words:
        if _GPU_FAMILY.fullmatch(_plain(word)):
            return Unknown(f"how many GPUs of which sort {word} has is not known")
        if _TYPE.fullmatch(_plain(word)):
            return None
    for text in texts:
        named = _NAMED.search(text)
        if named:
            return _by_name(named[1], named[2])
        if re.search(r"\bGPU\b", text, re.I):
            return Unknown("speaks of a GPU whose name is not known")
    return None


def _words(text: str) -> Iterable[str]:
    """The text itself and the parts of it that could name an instance type, as in `USE1-BoxUsage:p5.48xlarge`."""
    yield text
    yield from re.split(r"[\s:,;()\"/]+", text)


def _by_name(gpu: str, memory: str | None) -> Machine | Unknown:
    name = gpu.upper().replace(" ", "")
    if name in ("A100", "V100"):
        name += f"-{memory}GB" if memory else {"A100": "-40GB", "V100": "-16GB"}[name]
    try:
        canonical = gpus.canonical(name)
    except InputError:
        return Unknown(f"the GPU {name} is not known")
    return Machine(canonical, canonical, 1)


@lru_cache(maxsize=8_192)
def is_spot(*texts: str) -> bool:
    """Whether any text says spot or preemptible."""
    return any(_SPOT.search(text) for text in texts)


@lru_cache(maxsize=8_192)
def is_egress(*texts: str) -> bool:
    """Whether any text speaks of data that leaves."""
    return any(_EGRESS.search(text) for text in texts)


@lru_cache(maxsize=8_192)
def is_storage(*texts: str) -> bool:
    """Whether any text speaks of data kept over time."""
    return any(_STORED.search(text) for text in texts)
