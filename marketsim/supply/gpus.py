"""How much memory a GPU has and how fast it is beside another, from the packaged tables, by family of work.

A speed is a ratio to the A100 SXM 80GB, of which every figure is known: NLP by BERT-99 sequences a second, vision by
ResNet-50 images, speech by RNN-T utterances (MLPerf inference), general by the largest measured bf16 matrix product.
What lacks a figure takes the next column of the family's row in `COLUMNS`, at last the peak bf16 rate, and edge devices
the peak int8 rate: a ratio of peaks says what the silicon could do and not what software reaches. All ratios go through
the one A100, so that they fit together: a is to c as a to b times b to c.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from marketsim.data import tables
from marketsim.data.gpus import DEVICES, SPECS, canonical
from marketsim.errors import Fault, InputError
from marketsim.units import PPM

FAMILIES = ("nlp", "vision", "speech", "general")

BERT, RESNET, RNNT = "mlperf_bert99_seq_s", "mlperf_resnet50_img_s", "mlperf_rnnt_utt_s"
MATMUL, PEAK, INT8 = "max_matmul_bf16_tflops_measured", "bf16_tflops", "int8_tops"

ANCHOR = "A100-80GB"

# columns in order of trust; a GPU's ratio to the anchor is taken from the first that it has
COLUMNS: dict[str, tuple[str, ...]] = {
    "nlp": (BERT, MATMUL, PEAK, INT8),
    "vision": (RESNET, MATMUL, PEAK, INT8),
    "speech": (RNNT, MATMUL, PEAK, INT8),
    "general": (MATMUL, PEAK, INT8),
}

# the same measurement under its name in edge_devices.csv
EDGE_COLUMNS = {RESNET: "resnet50_img_s", BERT: "bert99_seq_s", RNNT: "rnnt_utt_s", INT8: "int8_tops"}

# GB that a device has; from its name where that says it, else from the makers' data sheets (from memory)
EDGE_MEMORY_GB: dict[str, float] = {
    "Jetson AGX Orin 64GB": 64,
    "Jetson AGX Orin MaxQ": 64,
    "Jetson Orin NX 16GB": 16,
    "Jetson AGX Xavier": 32,
    "Jetson Xavier NX": 8,
    "Jetson Orin Nano Super 8GB": 8,
    "Raspberry Pi 5 AI HAT+": 8,
    "Raspberry Pi 5 AI HAT+ 2": 8,
    "Server 1x L4": 24,
    "Server 1x T4": 16,
}


@cache
def facts(gpu: str) -> Mapping[str, float]:
    """All figures of a GPU or device by the column names of gpu_specs.csv; what was not measured is missing."""
    name = canonical(gpu)
    if name in SPECS:
        row = next(row for row in tables.table("gpu_specs") if row["gpu"] == SPECS[name])
        found = {column: _number(row[column]) for column in (BERT, RESNET, RNNT, MATMUL, PEAK, INT8, "tdp_w", "mem_gb")}
    else:
        row = next(row for row in tables.table("edge_devices") if row["device"] == DEVICES[name])
        found = {column: _number(row[own]) for column, own in EDGE_COLUMNS.items()}
        found |= {"tdp_w": _number(row["power_w"]), "usd": _number(row["price_usd"]), "mem_gb": EDGE_MEMORY_GB[name]}
    return {column: figure for column, figure in found.items() if figure is not None}


def memory_gb(gpu: str) -> float:
    """GB of memory of one GPU; a device's memory is shared with its processor."""
    return facts(gpu)["mem_gb"]


def relative_speed(gpu: str, reference: str, family: str) -> float | None:
    """How many times as fast a GPU does a family's work as a reference GPU, None where no figure of one is known.

    Raises InputError for a family that is not in `FAMILIES`.

    >>> round(relative_speed("H100", "A100-80GB", "nlp"), 2), round(relative_speed("H100", "V100", "nlp"), 1)
    (2.61, 6.5)
    """
    if family not in COLUMNS:
        raise InputError(Fault("no such family of work", got=family, allowed=", ".join(FAMILIES)))
    own, other = _to_anchor(gpu, family), _to_anchor(reference, family)
    return own / other if own and other else None


def _to_anchor(gpu: str, family: str) -> float | None:
    own, anchor = facts(gpu), facts(ANCHOR)
    return next((own[column] / anchor[column] for column in COLUMNS[family] if column in own), None)


@cache
def speed_ppm(gpu: str) -> Mapping[tuple[str, str], int]:
    """Millionths of each reference GPU's speed, by (family, reference GPU), of one GPU; itself is exactly 1,000,000."""
    speeds: dict[tuple[str, str], int] = {}
    for family in FAMILIES:
        for reference in (*SPECS, *DEVICES):
            ratio = relative_speed(gpu, reference, family)
            if ratio is not None:
                speeds[family, reference] = max(round(ratio * PPM), 1)
    return speeds


def _number(cell: str) -> float | None:
    return float(cell) if cell.strip() else None
