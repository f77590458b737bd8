"""One name for each GPU: price lists, traces and people write `A100 SXM 80GB`, `A100_SXM_80GB` or `a100-80gb`.

`SPECS` has the names the package uses, each with its row of gpu_specs.csv or edge_devices.csv; everything else is an
alias. It stands below demand and supply, because both must mean the same thing by a name.
"""

from __future__ import annotations

import re

from marketsim.errors import Fault, InputError, nearest

# name used everywhere -> row of gpu_specs.csv
SPECS: dict[str, str] = {
    "V100": "V100 SXM2",
    "V100-32GB": "V100 SXM2 32GB",
    "T4": "T4",
    "A10": "A10",
    "A10G": "A10G",
    "A30": "A30",
    "A100-40GB": "A100 SXM 40GB",
    "A100-80GB": "A100 SXM 80GB",
    "A100-PCIe": "A100 PCIe 80GB",
    "L4": "L4",
    "L40": "L40",
    "L40S": "L40S",
    "H100-PCIe": "H100 PCIe",
    "H100": "H100 SXM",
    "H200": "H200 SXM",
    "B200": "B200 SXM",
    "B300": "B300 SXM",
    "GB200": "GB200 (per GPU)",
    "MI300X": "MI300X",
    "MI325X": "MI325X",
    "RTX4090": "RTX 4090",
    "TPU-v4": "TPU v4",
    "TPU-v5e": "TPU v5e",
    "TPU-v5p": "TPU v5p",
    "TPU-v6e": "TPU v6e",
    "Trainium1": "Trainium1",
    "Inferentia2": "Inferentia2",
}

# name used everywhere -> row of edge_devices.csv
DEVICES: dict[str, str] = {
    "Jetson AGX Orin 64GB": "Jetson AGX Orin 64GB (MaxN)",
    "Jetson AGX Orin MaxQ": "Jetson AGX Orin (MaxQ)",
    "Jetson Orin NX 16GB": "Jetson Orin NX 16GB",
    "Jetson AGX Xavier": "Jetson AGX Xavier",
    "Jetson Xavier NX": "Jetson Xavier NX",
    "Jetson Orin Nano Super 8GB": "Jetson Orin Nano Super 8GB",
    "Raspberry Pi 5 AI HAT+": "Raspberry Pi 5 + AI HAT+ 26 TOPS",
    "Raspberry Pi 5 AI HAT+ 2": "Raspberry Pi 5 + AI HAT+ 2 (Hailo-10H)",
    "Server 1x L4": "On-prem small server, 1x L4",
    "Server 1x T4": "On-prem small server, 1x T4",
}

# other spellings; a bare A100 is taken for the 80 GB one, which computes at the same rate
ALIASES: dict[str, str] = {
    "A100": "A100-80GB",
    "A100-80": "A100-80GB",
    "A100-40": "A100-40GB",
    "A100-SXM4-80GB": "A100-80GB",
    "A100-SXM4-40GB": "A100-40GB",
    "H100-SXM": "H100",
    "H100-SXM5": "H100",
    "H100-80GB": "H100",
    "H100-MEGA": "H100",
    "H100-NVL": "H100-PCIe",
    "V100-16GB": "V100",
    "V100-16": "V100",
    "V100-SXM2": "V100",
    "V100-32": "V100-32GB",
    "GB200": "GB200",
    "Jetson AGX Orin": "Jetson AGX Orin 64GB",
}


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9+]", "", name.lower())


_KNOWN: dict[str, str] = {
    _plain(spelling): name
    for name, spelling in (
        *((name, name) for name in (*SPECS, *DEVICES)),
        *SPECS.items(),
        *DEVICES.items(),
        *((name, alias) for alias, name in ALIASES.items()),
    )
}


def canonical(gpu: str) -> str:
    """The one name of a GPU or edge device, whatever its spelling; InputError with the nearest name for none.

    >>> canonical("A100 SXM 80GB"), canonical("h100_sxm"), canonical("A100")
    ('A100-80GB', 'H100', 'A100-80GB')
    """
    found = _KNOWN.get(_plain(gpu))
    if found is None:
        hint = nearest(gpu, (*SPECS, *DEVICES, *ALIASES))
        raise InputError(Fault("no such GPU or device is known", got=gpu, hint=hint))
    return found
