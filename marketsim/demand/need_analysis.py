"""What a startup must compute: from a model's size and data to FLOPs, GPU-hours, memory, and the GPUs that hold it.

Work is counted on one A100:

    GPU-hours = FLOPs x (1 + sigma (n - 1)) / (utilization x 312e12 x speed x precision x 3600)

Speed is the GPU's over the A100's in the model's family, by MLPerf or measured matrix products and not by peak TFLOPS;
it is handed in, because speeds belong to supply. Utilization is the share of the A100's peak that published runs
reached.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from marketsim.data import tables
from marketsim.demand.serving import USABLE_MEMORY, silicon
from marketsim.errors import Fault, InputError, nearest

A100_PEAK_FLOPS = 312e12  # dense bf16 FLOP a second: NVIDIA A100 data sheet
REFERENCE_GPU = "A100-80GB"

# speed at a precision over bf16 mixed precision, ResNet-50 on 8 GPUs (scaling_efficiency.csv): A100 TF32 7,248 of
# 16,621 images a second, V100 FP32 2,855 of 8,322
PRECISION = {"bf16": 1.0, "amp": 1.0, "tf32": 7248 / 16621, "fp32": 2855 / 8322}

# bytes a parameter while training with Adam in mixed precision: 2 weight, 2 gradient, 4 master copy, 4 + 4 moments
# (Rajbhandari et al., ZeRO, 2020)
ADAM_BYTES = 16
ACTIVATION_SHARE = 0.25  # memory of activations with recomputation, of the states': assumption

Speed = Callable[[str, str, str], float | None]  # (gpu, reference, family) -> ratio


def transformer_training_flops(parameters: float, tokens: float) -> float:
    """6 N D: 2 for the forward pass, 4 for the backward one (Kaplan et al. 2020).

    >>> f"{transformer_training_flops(7e9, 2e12):.2g}"
    '8.4e+22'
    """
    return 6 * parameters * tokens


def network_training_flops(forward_flop: float, samples: float, epochs: float) -> float:
    """3 x forward a sample, as the backward pass costs twice the forward one."""
    return 3 * forward_flop * samples * epochs


def gpu_hours(flops: float, utilization: float, speed: float = 1.0, precision: float = 1.0, gpus: int = 1,
              sigma: float = 0.0) -> float:  # fmt: skip
    """GPU-hours in all on so many GPUs; see the module for the formula."""
    rate = utilization * A100_PEAK_FLOPS * speed * precision
    return flops * (1 + sigma * (gpus - 1)) / rate / 3600


def utilization(flops: float, hours: float, speed: float = 1.0, precision: float = 1.0, gpus: int = 1,
                sigma: float = 0.0) -> float:  # fmt: skip
    """Share of the A100's peak that a run reached: the inverse of `gpu_hours`."""
    return gpu_hours(flops, 1.0, speed, precision, gpus, sigma) / hours


def training_memory_gb(parameters: float, bytes_each: float = ADAM_BYTES) -> float:
    """Memory of weights, gradients, optimizer and activations over the whole gang, which shares it (sharded states).

    >>> training_memory_gb(1e9)
    20.0
    """
    return parameters * bytes_each * (1 + ACTIVATION_SHARE) / 1e9


def serving_memory_gb(parameters: float, weight_bits: float = 16, cache_gb: float = 0.0) -> float:
    """Memory of weights and key-value cache of one replica."""
    return parameters * weight_bits / 8 / 1e9 + cache_gb


def gpus_that_hold(memory_gb: float, most: int = 8192) -> dict[str, int]:
    """The least number of GPUs, a power of two, that holds so much, by GPU; above `most` it is left out."""
    found: dict[str, int] = {}
    for name, one in silicon().items():
        count = 2 ** max(0, math.ceil(math.log2(memory_gb / (one.memory_gb * USABLE_MEMORY))))
        if count <= most:
            found[name] = count
    return found


@dataclass(frozen=True)
class Run:
    """A published training run: its work, what it ran on and what it took; `speed` is that of its GPU over the A100."""

    model: str
    architecture: str
    hardware: str
    flops: float
    gpu_hours: float
    speed: float
    precision: float
    gpus: int
    sigma: float

    @property
    def utilization(self) -> float:
        """Share of the A100's peak it reached, corrected for GPU, precision and number of GPUs."""
        return utilization(self.flops, self.gpu_hours, self.speed, self.precision, self.gpus, self.sigma)

    def predicted(self, share: float) -> float:
        """GPU-hours at a utilization."""
        return gpu_hours(self.flops, share, self.speed, self.precision, self.gpus, self.sigma)


def work_of(row: dict[str, str]) -> float:
    """FLOPs of a row of training_work.csv."""
    if row["architecture"] == "cnn":
        return network_training_flops(float(row["forward_gflop"]) * 1e9, float(row["samples"]), float(row["epochs"]))
    return transformer_training_flops(float(row["parameters"]), float(row["tokens"]))


def published_runs(speed: Speed) -> tuple[list[Run], list[tuple[str, str]]]:
    """The runs of training_cost.csv whose work is known, and the others as (model, why not)."""
    works = {row["model"]: row for row in tables.table("training_work")}
    runs: list[Run] = []
    others: list[tuple[str, str]] = []
    for row in tables.table("training_cost"):
        label = f"{row['model']} on {row['n_gpus'] or 'many'} {row['hardware']}"
        work = works.get(row["model"])
        if not row["gpu_hours"]:
            others.append((label, "no GPU-hours published"))
        elif work is None:
            others.append((label, "its FLOPs are not published"))
        else:
            ratio = speed(row["hardware"], REFERENCE_GPU, work["family"])
            if ratio is None:
                others.append((label, "no speed of its GPU is known"))
                continue
            precision = "tf32" if "tf32" in row["note"] else work["precision"]
            gpus = int(row["n_gpus"]) if row["n_gpus"] else 1
            sigma = float(work["sigma"]) if work["sigma"] else 0.0
            runs.append(Run(row["model"], work["architecture"], row["hardware"], work_of(work), float(row["gpu_hours"]),
                            ratio, PRECISION[precision], gpus, sigma))  # fmt: skip
    return runs, others


def typical_utilization(runs: Iterable[Run], architecture: str) -> float:
    """Geometric mean over the runs of an architecture; over all where there is none. InputError without any run."""
    everything = list(runs)
    like = [run for run in everything if run.architecture == architecture] or everything
    if not like:
        raise InputError("no published run to take a utilization from")
    return math.exp(sum(math.log(run.utilization) for run in like) / len(like))


class LeftOut(NamedTuple):
    """One run predicted from the others."""

    run: Run
    utilization: float
    predicted_gpu_hours: float

    @property
    def error(self) -> float:
        """Predicted over published, minus 1."""
        return self.predicted_gpu_hours / self.run.gpu_hours - 1


def leave_one_out(runs: Sequence[Run]) -> list[LeftOut]:
    """Each run predicted with the utilization of the others; the same run in another mode counts as another."""
    found = []
    for index, run in enumerate(runs):
        share = typical_utilization([*runs[:index], *runs[index + 1 :]], run.architecture)
        found.append(LeftOut(run, share, run.predicted(share)))
    return found


class NeedLine(NamedTuple):
    """One line of a need analysis: what, how much, the formula with its numbers, where it comes from."""

    what: str
    value: str
    formula: str
    source: str


@dataclass(frozen=True)
class Question:
    """What is asked: a model and its data. Either tokens (transformers), or forward_gflop with samples and epochs."""

    parameters: float
    tokens: float | None = None
    forward_gflop: float | None = None
    samples: float | None = None
    epochs: float = 1.0
    family: str = "nlp"
    architecture: str = "transformer"
    gpu: str = "H100"
    gpus: int = 8
    sigma: float = 0.0
    utilization: float | None = None

    def flops(self) -> float:
        """FLOPs to train it; InputError where the data are not given, or in both ways at once."""
        if (self.forward_gflop is None) != (self.samples is None):
            raise InputError("forward_gflop and samples go together: give both, or tokens")
        if self.forward_gflop is not None and self.tokens is not None:
            raise InputError("give tokens, or forward_gflop and samples, and not both")
        if self.forward_gflop is not None and self.samples is not None:
            return network_training_flops(self.forward_gflop * 1e9, self.samples, self.epochs)
        if self.tokens is None:
            raise InputError("give tokens, or forward_gflop and samples")
        return transformer_training_flops(self.parameters, self.tokens * self.epochs)


def _hours(hours: float) -> str:
    """Hours in words: whole ones, of fewer than a hundred three figures."""
    return f"{hours:,.0f}" if hours >= 100 else f"{hours:.3g}"


def need(question: Question, speed: Speed) -> list[NeedLine]:
    """The analysis that `marketsim need` prints; InputError for an unknown GPU, family or architecture."""
    runs, _ = published_runs(speed)
    known = sorted({run.architecture for run in runs})
    if question.architecture not in known:
        raise InputError(Fault("no such architecture", got=question.architecture, allowed=", ".join(known),
                               hint=nearest(question.architecture, known)))  # fmt: skip
    ratio = speed(question.gpu, REFERENCE_GPU, question.family)
    if ratio is None:
        what = f"no speed of this GPU is known for family {question.family}"
        raise InputError(Fault(what, got=question.gpu, hint=nearest(question.gpu, silicon())))
    flops = question.flops()
    like = [run for run in runs if run.architecture == question.architecture]
    share = question.utilization or typical_utilization(runs, question.architecture)
    lowest, highest = min(run.utilization for run in like), max(run.utilization for run in like)
    hours = gpu_hours(flops, share, ratio, 1.0, question.gpus, question.sigma)
    low, high = hours * share / highest, hours * share / lowest
    memory = training_memory_gb(question.parameters)
    held = gpus_that_hold(memory)
    work = "3 x forward x samples x epochs" if question.forward_gflop is not None else "6 x parameters x tokens"
    source = "given" if question.utilization else f"geometric mean of {len(like)} runs in training_cost.csv"
    fits = ", ".join(f"{count} x {name}" for name, count in sorted(held.items(), key=lambda one: (one[1], one[0]))[:8])
    serve = serving_memory_gb(question.parameters)
    return [
        NeedLine("work", f"{flops:.3g} FLOP", work, "Kaplan et al. 2020; backward pass twice the forward one"),
        NeedLine("utilization", f"{share:.3f} of an A100's peak", "work / (GPU-hours x 3600 x 312e12 x speed)", source),
        NeedLine("speed", f"{ratio:.3g} A100", f"{question.gpu} over A100, family {question.family}",
                 "MLPerf or measured matrix products, gpu_specs.csv"),
        NeedLine("GPU-hours", f"{_hours(hours)} on {question.gpus} {question.gpu} ({_hours(low)} to {_hours(high)})",
                 "work x (1 + sigma (n - 1)) / (utilization x 312e12 x speed x 3600)", "range: the runs' utilizations"),
        NeedLine("wall time", f"{_hours(hours / question.gpus)} h", "GPU-hours / GPUs", "without waiting or failures"),
        NeedLine("training memory", f"{memory:,.1f} GB, {memory / question.gpus:,.1f} GB on each of {question.gpus}",
                 f"parameters x {ADAM_BYTES} bytes x {1 + ACTIVATION_SHARE}, shared by the gang",
                 "ZeRO (2020); activations an assumption"),
        NeedLine("fits on", fits, f"memory / ({USABLE_MEMORY} of a GPU's), a power of two", "gpu_specs.csv"),
        NeedLine("serving memory", f"{serve:,.1f} GB and its cache", "parameters x 2 bytes", "16-bit weights"),
    ]  # fmt: skip
