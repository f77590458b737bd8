"""The published compression results, and what is said of a combination that nobody published.

Three rules, each stated where it is used and tested by leaving every row out once (`analysis.compression_rows`):
a grid of knobs (MobileNet's width, resolution, bits) adds up its knobs' own effects; a loss that grows with fewer bits
(perplexity) is interpolated inside the model, and taken from the other models where there are no neighbours; speeds and
sizes are interpolated along the bits. Whatever is not a row of a table is marked unverified.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from marketsim.data.tables import table

UNREPEATED_SHARE = 0.5  # assumption: a change published once has half of itself as standard error on another model
WIDEST_GAP_BITS = 2.0  # farther apart than this, two rows of a model are no neighbours


@dataclass(frozen=True)
class Figure:
    """An estimate for the user's own model: mean, standard error, figures behind it, source."""

    mean: float
    se: float
    n: int
    source: str
    unverified: bool = False


# ------------------------------------------------------------------------------------------- interpolation by one knob


def along(x: float, known: Sequence[tuple[float, float]]) -> float:
    """The value at x on straight lines between the known (x, y), extended at the ends by the nearest two.

    >>> along(3.0, [(2.0, 10.0), (4.0, 20.0)])
    15.0
    """
    points = sorted(known)
    if len(points) == 1:
        return points[0][1]
    index = min(max(int(np.searchsorted([at for at, _ in points], x)), 1), len(points) - 1)
    (x0, y0), (x1, y1) = points[index - 1], points[index]
    return y0 if x0 == x1 else y0 + (y1 - y0) * (x - x0) / (x1 - x0)


# ---------------------------------------------------------------------------------------------- grids of several knobs


def main_effects(rows: Sequence[tuple[Mapping[str, float], float]], at: Mapping[str, float]) -> Figure:
    """The value at a point of a grid as a base plus one effect for each knob's level, by least squares.

    rows: (knobs, value). A level that no row has is taken along its knob in log2, from the levels that have one.
    The standard error is that of a new row: the residual spread with the fit's own uncertainty.
    """
    knobs = sorted(at)
    levels = {knob: sorted({row[knob] for row, _ in rows}) for knob in knobs}
    design = np.array([_dummies(row, knobs, levels) for row, _ in rows])
    values = np.array([value for _, value in rows])
    fit, *_ = np.linalg.lstsq(design, values, rcond=None)
    point = np.array(_dummies(at, knobs, levels))
    free = len(rows) - int(np.linalg.matrix_rank(design))
    spread = float(((values - design @ fit) ** 2).sum() / free) if free > 0 else float("inf")
    leverage = float(point @ np.linalg.pinv(design.T @ design) @ point)
    return Figure(float(point @ fit), math.sqrt(spread * (1 + leverage)), len(rows), "", unverified=True)


def _dummies(row: Mapping[str, float], knobs: Sequence[str], levels: Mapping[str, Sequence[float]]) -> list[float]:
    """1 for the base, then for each knob's levels after the first how much of it the row has (shares add up to 1)."""
    cells = [1.0]
    for knob in knobs:
        known = levels[knob]
        if row[knob] in known:
            cells += [float(row[knob] == one) for one in known[1:]]
        else:
            at = math.log2(row[knob])
            cells += [along(at, [(math.log2(level), float(level == one)) for level in known]) for one in known[1:]]
    return cells


@cache
def mobilenet_rows() -> tuple[dict[str, Any], ...]:
    """MobileNet v1: width, resolution and bits with millions of multiply-adds, millions of parameters, top-1 in %."""
    return tuple(
        {
            "width": float(row["width_mult"]),
            "resolution": float(row["resolution"]),
            "bits": float(row["bits"]),
            "mmacs": float(row["mmacs"]),
            "mparams": float(row["mparams"]),
            "top1": float(row["top1"]),
            "source": row["source"],
        }
        for row in table("mobilenet_v1")
    )


def mobilenet(
    at: Mapping[str, float], what: str, rows: Sequence[Mapping[str, Any]] | None = None, exact: bool = True
) -> Figure:
    """`mmacs`, `mparams`, `mb` (megabytes) or `top1` at a width, resolution and bits: the row itself, or main effects.

    Multiply-adds, parameters and bytes add up in log2, top-1 as it is. exact=False ignores the row itself.
    """
    rows = mobilenet_rows() if rows is None else rows
    knobs = ("width", "resolution", "bits")
    at = {knob: at[knob] for knob in knobs}
    if what == "mb":
        found = mobilenet(at, "mparams", rows, exact)
        return Figure(found.mean * at["bits"] / 8, found.se * at["bits"] / 8, found.n, found.source, found.unverified)
    own = next((row for row in rows if all(row[knob] == at[knob] for knob in knobs)), None)
    log = what != "top1"
    others = [row for row in rows if row is not own]
    fit = main_effects([({k: row[k] for k in knobs}, math.log2(row[what]) if log else row[what]) for row in others], at)
    if own is not None and exact:
        se = fit.se if not log else own[what] * fit.se * math.log(2)
        return Figure(own[what], se, 1, own["source"])
    source = f"main effects of {len(others)} rows of {rows[0]['source']}"
    if not log:
        return Figure(fit.mean, fit.se, fit.n, source, unverified=True)
    mean = 2**fit.mean
    return Figure(mean, mean * fit.se * math.log(2), fit.n, source, unverified=True)


# --------------------------------------------------------------------------------------------------- perplexity by bits


@dataclass(frozen=True)
class PerplexityRow:
    """Perplexity of a quantized model over that of the same model unquantized."""

    model: str
    format: str
    method: str
    bits: float  # stored bits a weight
    ratio: float
    source: str


def method_of(name: str) -> str:
    """The method of a format; GPTQ in groups of 128 weights is another scheme than without groups."""
    head = name.split("-")[0].lower()
    if head == "gptq" and name.lower().endswith("g128"):
        return "gptq-g128"
    return head if head in ("rtn", "gptq", "awq") else "kquant"


@cache
def perplexity_rows() -> tuple[PerplexityRow, ...]:
    """All published rows but the unquantized ones."""
    rows = [*table("llm_quant_perplexity"), *table("awq_perplexity")]
    return tuple(
        PerplexityRow(
            row["model"],
            row["format"].upper(),
            method_of(row["format"]),
            float(row["bits_per_weight"]),
            float(row["ppl_ratio"]),
            row["source"],
        )
        for row in rows
        if float(row["bits_per_weight"]) < 16
    )


# the row that stands for whole bits under each method
FORMATS: dict[str, dict[int, str]] = {
    "kquant": {8: "Q8_0", 6: "Q6_K", 4: "Q4_K_M", 3: "Q3_K_M", 2: "Q2_K"},
    "gptq": {4: "GPTQ-4BIT", 3: "GPTQ-3BIT-G128"},
    "rtn": {4: "RTN-4BIT", 3: "RTN-3BIT"},
    "awq": {4: "AWQ-4BIT-G128", 3: "AWQ-3BIT-G128"},
}


def _loss(ratio: float) -> float:
    """ln ln of a perplexity ratio, in which the loss is close to a straight line of the bits."""
    return math.log(math.log(ratio))


def _ratio(loss: float) -> float:
    return math.exp(math.exp(loss))


def spread(rows: Sequence[PerplexityRow], method: str) -> float:
    """How much models differ in the excess (ratio - 1) at one format, as a share of its mean, pooled over formats."""
    squares = []
    for name in sorted({row.format for row in rows if row.method == method}):
        excess = [row.ratio - 1 for row in rows if row.format == name]
        if len(excess) > 1:
            squares.append(float(np.var(excess, ddof=1)) / float(np.mean(excess)) ** 2)
    return math.sqrt(float(np.mean(squares))) if squares else UNREPEATED_SHARE


def perplexity(
    name: str, bits: float, method: str, model: str | None = None, rows: Sequence[PerplexityRow] | None = None
) -> Figure:
    """The perplexity ratio of a format, for a model where one is named.

    In this order: the model's own row; between two neighbours of the model and method; the mean of the other models
    with this format; the model's own line extended; the method's mean line. Models differ, and the user's model is
    another checkpoint even where its name has a row: the standard error is the spread between models in every case.
    """
    rows = perplexity_rows() if rows is None else rows
    mine = [row for row in rows if row.model == model and row.method == method]
    share = spread(rows, method)

    def figure(mean: float, n: int, source: str, unverified: bool) -> Figure:
        return Figure(mean, share * (mean - 1), n, source, unverified)

    own = next((row for row in mine if row.format == name), None)
    if own is not None:
        return figure(own.ratio, 1, own.source, False)
    points = [(row.bits, _loss(row.ratio)) for row in mine]
    below = max((at for at, _ in points if at <= bits), default=None)
    above = min((at for at, _ in points if at >= bits), default=None)
    if below is not None and above is not None and above - below <= WIDEST_GAP_BITS:
        return figure(_ratio(along(bits, points)), len(points), f"between rows of {model}", True)
    same = [row for row in rows if row.format == name]
    if same:
        ratios = [row.ratio for row in same]
        mean, n = float(np.mean(ratios)), len(ratios)
        sources = "; ".join(sorted({row.source for row in same}))
        if n == 1:
            return figure(mean, 1, sources, True)
        return Figure(mean, float(np.std(ratios, ddof=1)) * math.sqrt(1 + 1 / n), n, sources, model is not None)
    line = points if len(points) > 1 else [(row.bits, _loss(row.ratio)) for row in rows if row.method == method]
    return figure(_ratio(along(bits, line)), len(line), f"line of {model or method}", True)


# --------------------------------------------------------------------------------------------- speed and size by bits


@cache
def throughput_rows() -> tuple[dict[str, Any], ...]:
    """Llama-3.1-8B in GGUF formats: bits, GiB, prefill and decode speed-up over F16; the GPU is not named."""
    return tuple(
        {
            "format": row["format"].upper(),
            "bits": float(row["bits_per_weight"]),
            "size_gib": float(row["size_gib"]),
            "prefill": float(row["prefill_speedup"]),
            "decode": float(row["decode_speedup"]),
            "source": row["source"],
        }
        for row in table("llm_quant_throughput")
    )


def throughput(bits: float, what: str, rows: Sequence[Mapping[str, Any]] | None = None) -> float:
    """`size_gib`, `prefill` or `decode` at so many stored bits a weight, along the published rows."""
    rows = throughput_rows() if rows is None else rows
    return along(bits, [(row["bits"], row[what]) for row in rows])


@cache
def awq_decode_speedups(mparams: float) -> dict[str, float]:
    """Decode speed-up of 4-bit AWQ over FP16 by hardware, along the logarithm of the model's size; the ends hold on."""
    found: dict[str, dict[float, list[float]]] = {}
    for row in table("awq_int4_decode_tps"):
        billions = re.search(r"-([0-9.]+)B", row["model"])
        if billions and re.fullmatch(r"[0-9.]+", row["speedup"]):
            sizes = found.setdefault(row["hardware"], {})
            sizes.setdefault(math.log(1000 * float(billions[1])), []).append(float(row["speedup"]))
    at = math.log(mparams)
    return {
        hardware: along(min(max(at, min(sizes)), max(sizes)), [(x, float(np.mean(y))) for x, y in sizes.items()])
        for hardware, sizes in found.items()
    }


# --------------------------------------------------------------------------------------------------- single results


def speedups(text: str, hardware: str) -> dict[str, float]:
    """Speed-ups by hardware in a cell such as `2.26x A100 / 2.62x 4090` or `5.8x`; {} where it states none.

    >>> speedups("2.26x A100 / 2.62x 4090 / 2.81x Orin", "A100/4090/Orin")
    {'A100': 2.26, '4090': 2.62, 'Orin': 2.81}
    """
    named = re.findall(r"~?([0-9.]+)x ([A-Z0-9][A-Za-z0-9]*)", text)
    if named:
        return {name: float(value) for value, name in named}
    first = re.match(r"~?([0-9.]+)x", text)
    return {hardware if "/" not in hardware else "": float(first[1])} if first else {}


def results(test: Callable[[dict[str, str]], bool]) -> list[dict[str, str]]:
    """Rows of the catalogue that have a metric before and after and pass a test."""
    return [row for row in table("compression_catalogue") if row["before"] and row["after"] and test(row)]


METRICS = {  # as the catalogue writes them -> as a floor names them
    "top1 err %": "top1_error", "top1 acc %": "top1", "GLUE macro": "glue", "GLUE macro (w/o WNLI)": "glue",
    "SQuAD F1": "squad_f1", "WikiText-103 ppl": "perplexity", "XNLI en acc": "xnli", "VQAv2": "vqav2",
    "weighted F1": "weighted_f1", "WER short-form OOD": "wer", "WER long-form OOD": "wer_long",
    "WER OOD val": "wer_val", "top1 90ep": "top1", "pretrain acc": "pretrain_accuracy", "FT task perf": "task",
}  # fmt: skip


def change_of(row: Mapping[str, str], like: Sequence[Mapping[str, str]]) -> Figure:
    """The change of a published result; its standard error is the spread of like results in the same metric.

    Alone in its metric it has UNREPEATED_SHARE of itself.
    """
    change = float(row["after"]) - float(row["before"])
    others = [float(one["after"]) - float(one["before"]) for one in like if one["metric"] == row["metric"]]
    se = float(np.std(others, ddof=1)) if len(others) > 1 else UNREPEATED_SHARE * abs(change)
    return Figure(change, se, max(len(others), 1), row["source"])
