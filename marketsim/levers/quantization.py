"""Quantization: weights in 8, 6, 4, 3 or 2 bits, after training or with it.

It cuts bytes for certain, decode time where memory bandwidth was the limit, and prefill time not at all (4-bit weights
are unpacked before they are multiplied: 0.89x). Its quality holds down to about 4 bits and then falls off a cliff whose
place depends on the model.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from marketsim.levers import catalogue, curve
from marketsim.levers.effect import ANY, Effect, LeverWork
from marketsim.levers.lever import Lever
from marketsim.settings import Positive

Method = Literal["awq", "gptq", "rtn", "kquant", "ptq", "qat", "int8_dynamic"]
LADDER = (2, 3, 4, 6, 8)
# format of the same nominal bits in the table of speeds, whose prefill is taken for all weight-only methods
SPEED_FORMATS = {8: "Q8_0", 6: "Q6_K", 4: "Q4_K_M", 3: "Q3_K_S", 2: "Q2_K"}
NO_WORK = LeverWork(source="none needed: rounding alone")

# One-off work of weight-only methods: about 4 GPU-hours for 175 billion parameters on one A100 (GPTQ, ar5iv 2210.17323
# abstract), in proportion to the parameters. AWQ's search has no figure of its own and takes the same (assumption).
GPTQ_HOURS_PER_MPARAM = 4.0 / 175_000

# bits stored a weight in published files: 16 x size after / size before (catalogue rows of GPTQ and AWQ)
STORED_BITS = {("gptq", 4): 16 * 3900 / 13500, ("gptq", 3): 16 * 24400 / 130000, ("awq", 4): 16 * 4500 / 16000}


class Quantization(Lever):
    """Fewer bits a weight. Published quality: perplexity of language models; MobileNet; the reference network."""

    kind: Literal["quantization"] = "quantization"
    metrics: ClassVar[dict[str, str]] = {"ptq": "accuracy", "qat": "accuracy", "int8_dynamic": "weighted_f1"}

    bits: Literal[8, 6, 4, 3, 2] = Field(description="bits a weight")
    method: Method = Field(
        default="awq",
        description="awq, gptq, rtn, kquant: weights only, of language models, after training; ptq, qat: small "
        "networks, after and with training; int8_dynamic: BERT on a CPU",
    )
    model: str | None = Field(default=None, description="a model of the published tables, where yours is one of them")
    mparams: Positive = Field(default=8000.0, description="millions of parameters, which scale the one-off work")

    def published(self) -> tuple[Effect, ...]:
        """The bits asked for, then more bits."""
        metric = self.floor.metric if self.floor is not None else self.metrics.get(self.method, "perplexity_ratio")
        if self.method in ("awq", "gptq", "rtn", "kquant"):
            return tuple(self._weights_only(bits) for bits in LADDER if bits >= self.bits)
        if self.method == "int8_dynamic":
            return (self._dynamic(),)
        if metric == "top1":
            return (self._mobilenet(),)
        rows = [curve.reference(self.method, float(bits)) for bits in LADDER if bits >= self.bits]
        found = [row for row in rows if row is not None]
        if not found or found[0].label != f"{self.method} {self.bits}":
            raise ValueError(f"no figure of {self.method} at {self.bits} bits is known; give figures and one_off")
        work = self.work_or(NO_WORK if self.method == "ptq" else None)
        return tuple(curve.with_work(row, work) for row in found)

    def _weights_only(self, bits: int) -> Effect:
        """One step of the ladder. Above a method's own bits the K-quants stand in, which exist at 6 and 8."""
        method = self.method if bits in catalogue.FORMATS.get(self.method, {}) else "kquant"
        if bits == self.bits and method != self.method:
            known = ", ".join(str(one) for one in catalogue.FORMATS[self.method])
            raise ValueError(f"{self.method} has published figures at {known} bits, not at {bits}")
        name = catalogue.FORMATS[method][bits]
        rows = [row for row in catalogue.perplexity_rows() if row.format == name]
        stored = STORED_BITS.get((method, bits), sum(row.bits for row in rows) / len(rows))
        ratio = catalogue.perplexity(name, rows[0].bits, rows[0].method, self.model)
        same = next(row for row in catalogue.throughput_rows() if row["format"] == SPEED_FORMATS[bits])
        awq = method == "awq" and bits == 4
        free = method in ("rtn", "kquant")
        work = LeverWork(
            gpu_hours=GPTQ_HOURS_PER_MPARAM * self.mparams,
            gpu="A100-80GB",
            source="GPTQ, ar5iv 2210.17323 abstract: about 4 GPU-hours for 175 billion parameters",
        )
        return Effect(
            label=f"{method} {bits} bits",
            metric="perplexity_ratio",
            before=1.0,
            change=ratio.mean - 1.0,
            se=ratio.se,
            n=ratio.n,
            size_ratio=16.0 / stored,
            prefill={ANY: same["prefill"]},
            decode=catalogue.awq_decode_speedups(self.mparams)
            if awq
            else {ANY: catalogue.throughput(stored, "decode")},
            work=self.work_or(NO_WORK if free else work),
            source=f"{ratio.source}; speeds: {'llm-awq README' if awq else catalogue.throughput_rows()[0]['source']}",
            unverified=ratio.unverified or not (awq or method == "kquant"),
        )

    def _dynamic(self) -> Effect:
        if self.bits != 8:
            raise ValueError(f"int8_dynamic is 8 bits, not {self.bits}")
        row = next(row for row in catalogue.results(lambda row: row["technique"] == "PyTorch dynamic int8"))
        change = catalogue.change_of(row, [row])
        return Effect(
            label="int8_dynamic 8 bits",
            metric="weighted_f1",
            before=float(row["before"]),
            change=change.mean,
            se=change.se,
            size_ratio=4.0,
            prefill={"CPU": 1.52},
            decode={"CPU": 1.52},
            requires="cpu",
            work=self.work_or(NO_WORK),
            source=row["source"],
        )

    def _mobilenet(self) -> Effect:
        """8 bits with training: the mean change of the 16 pairs of MobileNet v1."""
        rows = catalogue.mobilenet_rows()
        if self.method != "qat" or self.bits != 8:
            raise ValueError("top1 is published for qat at 8 bits (MobileNet v1); give figures for others")
        whole = {(row["width"], row["resolution"]): row["top1"] for row in rows if row["bits"] == 32}
        changes = [row["top1"] - whole[row["width"], row["resolution"]] for row in rows if row["bits"] == 8]
        mean = sum(changes) / len(changes)
        var = sum((change - mean) ** 2 for change in changes) / (len(changes) - 1)
        return Effect(
            label="qat 8 bits",
            metric="top1",
            before=whole[1.0, 224.0],
            change=mean,
            se=(var * (1 + 1 / len(changes))) ** 0.5,
            n=len(changes),
            size_ratio=4.0,
            requires="int8",
            work=self.work_or(None),
            source=rows[0]["source"],
            unverified=True,
        )
