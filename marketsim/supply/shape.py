"""What an instance is: GPU type and count, memory, interconnect, and how many of them can form one gang."""

from __future__ import annotations

from dataclasses import dataclass

from marketsim.demand.job import INTERCONNECTS, Need
from marketsim.units import MILLI


@dataclass(frozen=True)
class Shape:
    """One instance. memory_gb is per GPU; largest_gang instances share a fabric, 1 for none.

    >>> import marketsim as ms
    >>> ms.Shape("H100", gpus=8).milli
    8000
    >>> ms.Shape("L4", memory_gb=24.0).refuses(ms.Need("train", memory_gb_per_gpu=60.0))
    'needs 60 GB a GPU, L4 has 24'
    """

    gpu: str
    gpus: int = 1
    memory_gb: float = 80.0
    interconnect: str = "nvlink"
    largest_gang: int = 1

    @property
    def milli(self) -> int:
        """Thousandths of a GPU in one instance."""
        return self.gpus * MILLI

    def refuses(self, need: Need) -> str | None:
        """Why the shape cannot hold a need, None where it can."""
        if need.milli > self.milli:
            return f"needs {need.milli / MILLI:g} GPUs on one instance, the shape has {self.gpus}"
        if need.memory_gb_per_gpu > self.memory_gb:
            return f"needs {need.memory_gb_per_gpu:g} GB a GPU, {self.gpu} has {self.memory_gb:g}"
        if need.instances > self.largest_gang:
            return f"needs a gang of {need.instances} instances, one fabric holds {self.largest_gang}"
        if INTERCONNECTS.index(need.interconnect) > INTERCONNECTS.index(self.interconnect):
            return f"needs {need.interconnect}, the shape has {self.interconnect}"
        return None
