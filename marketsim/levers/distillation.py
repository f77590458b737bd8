"""Distillation: a smaller student learns from the model, at a price that is paid once and is seldom small."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from marketsim.errors import nearest
from marketsim.levers import catalogue
from marketsim.levers.effect import Effect, LeverWork
from marketsim.levers.lever import Lever

# The student's GPU-hours, where published: 8 V100-16GB for 90 h (transformers examples/research_projects/distillation)
HOURS = {"DistilBERT": LeverWork(gpu_hours=720, gpu="V100", gpus=8, source="transformers distillation README")}

# Whisper with fewer decoder layers: each is milder than the one before (Distil-Whisper Table 12)
WHISPER = ("dec 2 layers", "dec 4 layers", "dec 8 layers", "dec 16 layers")


class Distillation(Lever):
    """One of the published students; `figures` for a student of your own."""

    kind: Literal["distillation"] = "distillation"

    student: str = Field(description="a student of the published table, such as DistilBERT or distil-large-v2")

    def published(self) -> tuple[Effect, ...]:
        """The student, then students of the same teacher that keep more of it."""
        names = [self.student]
        if self.student in WHISPER:
            names += WHISPER[WHISPER.index(self.student) + 1 :]
        return tuple(self._student(name) for name in names)

    def _student(self, name: str) -> Effect:
        rows = catalogue.results(lambda row: row["family"] == "distill")
        names = sorted({row["technique"].removesuffix(" SQuAD") for row in rows})
        mine = [row for row in rows if row["technique"].removesuffix(" SQuAD") == name]
        if not mine:
            hint = nearest(name, names)
            raise ValueError(f"no student is called {name}; known: {', '.join(names)}{'. ' + hint if hint else ''}")
        metrics = {catalogue.METRICS[row["metric"]]: row for row in reversed(mine)}
        wanted = self.floor.metric if self.floor is not None else catalogue.METRICS[mine[0]["metric"]]
        if wanted not in metrics:
            raise ValueError(f"{name} was measured in {', '.join(sorted(metrics))}, not in {wanted}")
        row = metrics[wanted]
        change = catalogue.change_of(row, [row])  # other students lose other amounts: no repeats of this one
        speed = catalogue.speedups(row["speedup"], row["speedup_hw"])
        return Effect(
            label=name,
            metric=wanted,
            before=float(row["before"]),
            change=change.mean,
            se=change.se,
            n=change.n,
            size_ratio=float(row["mparams_before"]) / float(row["mparams_after"]),
            prefill=speed,
            decode=speed,
            work=self.work_or(HOURS.get(name)),
            source=row["source"],
        )
