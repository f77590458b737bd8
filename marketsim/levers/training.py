"""Levers on training: low-rank adapters save memory, mixed precision saves time."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from marketsim.data.tables import table
from marketsim.demand.job import Need
from marketsim.levers import catalogue, hardware
from marketsim.levers.effect import Effect, LeverWork
from marketsim.levers.lever import Lever

NONE_NEEDED = LeverWork(source="none needed")


class LowRank(Lever):
    """Fine-tuning of small adapters beside frozen weights (LoRA), which may be kept in 4 bits (QLoRA).

    Memory and speed are published; that quality is on a par is said in words, so a floor needs figures of your own.
    """

    kind: Literal["low_rank"] = "low_rank"
    applies_to: ClassVar[type] = Need

    bits: Literal[4, 16] = Field(default=16, description="bits of the frozen weights")

    def published(self) -> tuple[Effect, ...]:
        """One level: memory 3x less and 43.1 / 32.5 tokens a second (GPT-3), or 16x less and no speed-up at 4 bits."""
        if self.floor is not None:
            raise ValueError("no figure of what adapters do to quality is known; a floor needs figures")
        name = "low-rank-4bit" if self.bits == 4 else "low-rank"
        row = next(row for row in table("lever_facts") if row["technique"] == name)
        effect = Effect(
            label=f"adapters on {self.bits}-bit weights",
            metric="task",
            before=1.0,
            change=0.0,
            se=0.0,
            size_ratio=float(row["size_ratio"]),
            train_speedup=float(row["train_speedup"] or 1.0),
            work=self.work_or(NONE_NEEDED),
            source=row["source"],
        )
        return (effect,)

    def _memory_gb(self, memory_gb: float, effect: Effect) -> float:
        return memory_gb / effect.size_ratio  # the published figure is of all memory, optimizer states included


class MixedPrecision(Lever):
    """Training in 16 bits where it was in 32. GPU-hours of published runs mostly have it already."""

    kind: Literal["mixed_precision"] = "mixed_precision"
    applies_to: ClassVar[type] = Need

    workload: Literal["vision", "speech", "nlp"] = Field(description="what is trained; nlp has no row of its own")

    def published(self) -> tuple[Effect, ...]:
        """One level, as measured on A100; on V100 where the need counts in it (`job_work`)."""
        return (self._on("A100"),)

    def _on(self, gpu: str) -> Effect:
        rows = catalogue.results(lambda row: row["family"] == "train-precision")
        mine = [row for row in rows if row["domain"] == self.workload] or rows
        speeds = {
            row["speedup_hw"]: next(iter(catalogue.speedups(row["speedup"].split(" ")[0], "").values())) for row in mine
        }
        known = hardware.nearest_class(gpu, speeds)
        row = next((row for row in mine if row["speedup_hw"] == known), mine[0])
        change = catalogue.change_of(row, rows)
        return Effect(
            label="mixed precision",
            metric=catalogue.METRICS[row["metric"]],
            before=float(row["before"]),
            change=change.mean,
            se=change.se,
            n=change.n,
            train_speedup=speeds[known] if known else min(speeds.values()),
            work=self.work_or(NONE_NEEDED),
            source=row["source"],
            unverified=known is None or self.workload == "nlp",
        )

    def job_work(self, need: Need, work: int, level: int = 0) -> int:
        """Milli-GPU-seconds left, by the speed-up of the GPU in which the need counts its work."""
        faster = self.levels()[level].train_speedup if self.figures else self._on(need.reference_gpu).train_speedup
        return max(1, round(work / faster))
