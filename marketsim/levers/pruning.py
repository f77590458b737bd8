"""Pruning: weights set to zero one by one, two of four, or in whole units.

Unstructured zeros save bytes and no time on dense kernels; two of four (2:4) run faster on hardware with sparse tensor
cores; whole units taken out leave a smaller dense network, which is faster everywhere.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from marketsim.data.tables import table
from marketsim.levers import catalogue, curve
from marketsim.levers.effect import ANY, Effect
from marketsim.levers.lever import Lever

# 16-bit values with a 16-bit index for each weight that is left, as in a compressed sparse row of a small layer
BYTES_PER_SPARSE_WEIGHT = 2.0
# of four 16-bit values two are kept, each with a 2-bit index: 64 bits become 36
SIZE_RATIO_2_4 = 64 / 36

# BERT-base on SQuAD, soft movement pruning: share of the encoder's weights that is zero -> row of the catalogue
MOVEMENT = {0.90: "soft movement 10% left", 0.94: "soft movement 6% left + storage", 0.97: "soft movement 3% left"}


class Pruning(Lever):
    """Zeros in place of weights. Published quality: BERT on SQuAD, 2:4 networks; the reference network's accuracy."""

    kind: Literal["pruning"] = "pruning"
    metrics: ClassVar[dict[str, str]] = {"unstructured": "squad_f1", "2:4": "squad_f1", "structured": "accuracy"}

    pattern: Literal["unstructured", "2:4", "structured"] = Field(description="which weights may become zero")
    sparsity: Annotated[float, Field(gt=0, lt=1)] = Field(
        default=0.5, description="share of the weights, or of the units of a layer, that is removed; 2:4 is always 0.5"
    )
    fine_tune: bool = Field(default=True, description="whether training goes on with the zeros in place")

    def published(self) -> tuple[Effect, ...]:
        """The sparsity asked for, then milder ones."""
        metric = self.floor.metric if self.floor is not None else self.metrics[self.pattern]
        if self.pattern == "2:4":
            return (self._two_of_four(metric),)
        if metric == "accuracy":
            return self._reference()
        if metric != "squad_f1" or self.pattern != "unstructured":
            raise ValueError(f"no figure of {self.pattern} pruning in {metric} is known; give figures and one_off")
        if not self.fine_tune:
            raise ValueError("without fine-tuning only accuracy of the reference network is known; give figures")
        milder = [share for share in (0.5, 0.75, 0.9, 0.94) if share < self.sparsity]
        return tuple(self._movement(share) for share in (self.sparsity, *reversed(milder)))

    def _movement(self, sparsity: float) -> Effect:
        rows = {share: self._row(name) for share, name in MOVEMENT.items()}
        changes = [(0.0, 0.0), *((share, float(row["after"]) - float(row["before"])) for share, row in rows.items())]
        change = catalogue.along(sparsity, changes)
        left = 1 - sparsity
        return Effect(
            label=f"unstructured {sparsity:g}",
            metric="squad_f1",
            before=float(rows[0.9]["before"]),
            change=change,
            se=catalogue.UNREPEATED_SHARE * abs(change),
            size_ratio=max(1.0, 1 / (left * BYTES_PER_SPARSE_WEIGHT)),
            memory_ratio=1.0,
            prefill={ANY: 1.0},
            decode={ANY: 1.0},
            work=self.work_or(None),
            source=rows[0.9]["source"],
            unverified=sparsity not in MOVEMENT,
        )

    @staticmethod
    def _row(technique: str) -> dict[str, str]:
        return next(row for row in catalogue.results(lambda row: row["technique"] == technique))

    def _reference(self) -> tuple[Effect, ...]:
        method = f"{self.pattern}{'_finetune' if self.fine_tune else '_oneshot'}"
        known = [curve.effect(row) for row in curve.reference_rows() if row["method"] == method]
        asked = [level for level in known if level.label == f"{method} {self.sparsity:g}"]
        if not asked:
            names = ", ".join(level.label.split()[-1] for level in known)
            raise ValueError(f"{method} was measured at sparsity {names}; give figures for {self.sparsity:g}")
        milder = [level for level in known if level.size_ratio < asked[0].size_ratio]
        work = self.work_or(None)
        return tuple(
            curve.with_work(level, work) for level in (*asked, *sorted(milder, key=lambda one: -one.size_ratio))
        )

    def _two_of_four(self, metric: str) -> Effect:
        """2:4 after fine-tuning: the mean of the networks with this metric, 1.3x where the hardware can use it."""
        rows = [row for row in table("lever_facts") if row["technique"] == "prune-2:4" and row["metric"] == metric]
        if not rows:
            raise ValueError(f"no figure of 2:4 pruning in {metric} is known; give figures and one_off")
        changes = [float(row["after"]) - float(row["before"]) for row in rows]
        return Effect(
            label="2:4",
            metric=metric,
            before=float(rows[0]["before"]),
            change=float(np.mean(changes)),
            se=float(np.std(changes, ddof=1)) * (1 + 1 / len(rows)) ** 0.5,
            n=len(rows),
            size_ratio=SIZE_RATIO_2_4,
            prefill={"A100": 1.3},
            decode={"A100": 1.3},
            requires="2:4",
            work=self.work_or(None),
            source="; ".join(dict.fromkeys(row["source"] for row in rows)),
        )
