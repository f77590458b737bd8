"""What compressed models need of hardware: integer units, sparse tensor cores, a CPU; and whose figure may stand in.

Facts: int8 and fp8 units from the packaged GPU and device tables; 2:4 sparse tensor cores came with NVIDIA's Ampere
generation, compute capability 8.0 (PyTorch semi-structured sparsity tutorial; NVIDIA Ampere architecture paper).
"""

from __future__ import annotations

from collections.abc import Iterable

from marketsim.data.gpus import DEVICES, SPECS, canonical
from marketsim.data.tables import table
from marketsim.errors import InputError

FEATURES = ("int8", "fp8", "2:4", "cpu", "cpu-sparse")

SPARSE_2_4 = frozenset(
    ("A10", "A10G", "A30", "A100-40GB", "A100-80GB", "A100-PCIe", "L4", "L40", "L40S", "H100", "H100-PCIe", "H200")
) | {
    "B200",
    "B300",
    "GB200",
    "RTX4090",
    "Jetson AGX Orin 64GB",
    "Jetson AGX Orin MaxQ",
    "Jetson Orin NX 16GB",
    "Jetson Orin Nano Super 8GB",
    "Server 1x L4",
}

# hardware as the published tables call it -> the package's name
TABLE_NAMES = {"A100": "A100-80GB", "RTX4090": "RTX4090", "4090": "RTX4090", "Orin": "Jetson AGX Orin 64GB",
               "Jetson-Orin": "Jetson AGX Orin 64GB", "A6000": "A6000", "V100": "V100"}  # fmt: skip

# GPUs of one die: a figure of one stands for the other
FAMILY = {"A100-40GB": "A100", "A100-80GB": "A100", "A100-PCIe": "A100", "H100-PCIe": "H100", "V100-32GB": "V100",
          "Jetson AGX Orin MaxQ": "Jetson AGX Orin 64GB", "Server 1x L4": "L4", "Server 1x T4": "T4"}  # fmt: skip


def known_name(gpu: str) -> str:
    """The package's name of a GPU, or the text itself where it knows none (a user's own hardware)."""
    try:
        return canonical(gpu)
    except InputError:
        return gpu


def family(gpu: str) -> str:
    """The die a GPU is made of."""
    name = known_name(TABLE_NAMES.get(gpu, gpu))
    return FAMILY.get(name, name)


def nearest_class(gpu: str, named: Iterable[str]) -> str | None:
    """Which of the named hardware is the GPU, or is of its die; None where none is."""
    wanted = family(gpu)
    return next((name for name in named if name and family(name) == wanted), None)


def has(gpu: str, feature: str) -> bool:
    """Whether a GPU or device has a feature; a name that is not known has none, but a CPU is told by its name."""
    name = known_name(gpu)
    if feature == "2:4":
        return name in SPARSE_2_4
    if feature in ("cpu", "cpu-sparse"):
        return name.upper().startswith("CPU")
    if name in DEVICES:
        return feature == "int8"  # every device of the table is listed by its int8 rate
    spec = next((row for row in table("gpu_specs") if row["gpu"] == SPECS.get(name)), None)
    return spec is not None and bool(spec[{"int8": "int8_tops", "fp8": "fp8_tflops"}[feature]])
