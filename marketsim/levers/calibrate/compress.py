"""What each technique does to the reference network: one trial a technique, setting and seed, paired with its base."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from marketsim.levers.calibrate.network import (
    HIDDEN,
    Array,
    Data,
    Network,
    Training,
    accuracy,
    fresh,
    narrowed,
    train,
)
from marketsim.streams import Dice

BITS = (16, 8, 6, 5, 4, 3, 2)
QAT_BITS = (4, 3, 2)
SPARSITIES = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98)
WIDTHS = (96, 64, 32, 16, 8)
L1 = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3)
L2 = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03)
FINE_TUNE_SHARE = 0.4  # epochs of fine-tuning over epochs of training: 2 after 5


@dataclass(frozen=True)
class Trial:
    """One technique on one seed's network: accuracy is a share; epochs: what it took beyond the base training."""

    technique: str
    method: str
    setting: float
    seed: int
    accuracy: float
    parameters: int
    nonzero: int
    bytes: float
    macs: int
    hidden: int
    epochs: float


# ---------------------------------------------------------------------------------------------------------- techniques


def quantized(net: Network, bits: int, per_channel: bool = True) -> Network:
    """Weights rounded to symmetric integers of so many bits, with one scale an output unit or one a layer."""
    most = 2 ** (bits - 1) - 1

    def rounded(weights: Array) -> Array:
        axis = 0 if per_channel else None
        scale = np.maximum(np.abs(weights).max(axis=axis, keepdims=True) / most, np.finfo(np.float32).tiny)
        return np.asarray(np.round(weights / scale) * scale, np.float32)

    return net._replace(w1=rounded(net.w1), w2=rounded(net.w2))


def magnitude_masks(net: Network, sparsity: float) -> tuple[Array, Array]:
    """1 for the largest weights of both layers together, 0 for the share that goes: one threshold for all."""
    sizes = np.concatenate([np.abs(net.w1).ravel(), np.abs(net.w2).ravel()])
    kept = np.ones(sizes.size, np.float32)
    kept[np.argsort(sizes, kind="stable")[: round(sparsity * sizes.size)]] = 0.0
    return kept[: net.w1.size].reshape(net.w1.shape), kept[net.w1.size :].reshape(net.w2.shape)


def strongest(net: Network, width: int) -> Network:
    """The hidden units whose incoming times outgoing weights are largest (product of the two norms)."""
    strength = np.linalg.norm(net.w1, axis=0) * np.linalg.norm(net.w2, axis=1)
    return narrowed(net, np.sort(np.argsort(-strength, kind="stable")[:width]))


def dense_bytes(net: Network, bits: int = 32) -> float:
    """Weights at so many bits and biases at 32; below 16 bits each unit has a scale of 32 bits too."""
    weights = net.w1.size + net.w2.size
    units = net.b1.size + net.b2.size
    return weights * bits / 8 + 4 * units + (4 * units if bits < 16 else 0)


def sparse_bytes(net: Network, bits: int = 32) -> float:
    """Compressed rows: value and 16-bit index for each weight left, a pointer a row; never more than dense."""
    left = int(np.count_nonzero(net.w1)) + int(np.count_nonzero(net.w2))
    units = net.b1.size + net.b2.size
    scales = 4 * units if bits < 16 else 0
    return min(left * (bits / 8 + 2) + 4 * units + 4 * (units + 2) + scales, dense_bytes(net, bits))


# -------------------------------------------------------------------------------------------------------------- trials


def trials(data: Data, seed: int, epochs: float) -> Iterator[Trial]:
    """All techniques on the network of one seed, the base first."""
    dice = Dice(seed)

    def rng(name: str) -> np.random.Generator:
        return dice.stream(f"calibrate/{name}")

    def trial(technique: str, method: str, setting: float, net: Network, size: float, spent: float) -> Trial:
        share = accuracy(net, data.x_test, data.y_test)
        return Trial(
            technique, method, setting, seed, share, net.parameters, net.nonzero, size, net.macs, net.hidden, spent
        )

    base = train(fresh(data.x.shape[1], rng("start")), data, rng("base"), Training(epochs))
    more = FINE_TUNE_SHARE * epochs
    yield trial("base", "base", 32.0, base, dense_bytes(base), 0.0)
    longer = train(base, data, rng("longer"), Training(more))
    yield trial("base", "base_finetune", 32.0, longer, dense_bytes(longer), more)
    yield from _quantize(base, data, rng, trial, more)
    yield from _prune(base, data, rng, trial, more)
    yield from _narrow(base, data, rng, trial, epochs)
    yield from _regularise(base, data, rng, trial, epochs)


Rng = Callable[[str], np.random.Generator]
Record = Callable[[str, str, float, Network, float, float], Trial]


def _quantize(base: Network, data: Data, rng: Rng, trial: Record, more: float) -> Iterator[Trial]:
    for bits in BITS:
        size = dense_bytes(base, bits)
        yield trial("quantization", "ptq", bits, quantized(base, bits), size, 0.0)
        yield trial("quantization", "ptq_per_tensor", bits, quantized(base, bits, per_channel=False), size, 0.0)
    for bits in QAT_BITS:
        aware = Training(more, seen=lambda net, bits=bits: quantized(net, bits))  # type: ignore[misc]
        net = quantized(train(base, data, rng(f"qat/{bits}"), aware), bits)
        yield trial("quantization", "qat", bits, net, dense_bytes(base, bits), more)


def _prune(base: Network, data: Data, rng: Rng, trial: Record, more: float) -> Iterator[Trial]:
    for sparsity in SPARSITIES:
        masks = magnitude_masks(base, sparsity)
        cut = base._replace(w1=base.w1 * masks[0], w2=base.w2 * masks[1])
        yield trial("pruning", "unstructured_oneshot", sparsity, cut, sparse_bytes(cut), 0.0)
        tuned = train(cut, data, rng(f"prune/{sparsity}"), Training(more, masks=masks))
        yield trial("pruning", "unstructured_finetune", sparsity, tuned, sparse_bytes(tuned), more)
        if sparsity == 0.9:
            for bits in (8, 4):
                both = quantized(tuned, bits)
                yield trial("chain", "unstructured_finetune_0.9+ptq", bits, both, sparse_bytes(both, bits), more)


def _narrow(base: Network, data: Data, rng: Rng, trial: Record, epochs: float) -> Iterator[Trial]:
    more = FINE_TUNE_SHARE * epochs
    for width in WIDTHS:
        gone = 1 - width / HIDDEN
        cut = strongest(base, width)
        yield trial("pruning", "structured_oneshot", gone, cut, dense_bytes(cut), 0.0)
        tuned = train(cut, data, rng(f"structured/{width}"), Training(more))
        yield trial("pruning", "structured_finetune", gone, tuned, dense_bytes(tuned), more)
        start = fresh(data.x.shape[1], rng(f"narrow/{width}"), width)
        alone = train(start, data, rng(f"narrow-data/{width}"), Training(epochs))
        yield trial("shrink", "width", width, alone, dense_bytes(alone), epochs)
        pupil = train(start, data, rng(f"narrow-data/{width}"), Training(epochs, teacher=base))
        yield trial("distillation", "distill", width, pupil, dense_bytes(pupil), epochs)
        if width == 32:
            for bits in (8, 4):
                net = quantized(tuned, bits)
                yield trial("chain", "structured_finetune_0.75+ptq", bits, net, dense_bytes(net, bits), more)
                net = quantized(pupil, bits)
                yield trial("chain", "distill_32+ptq", bits, net, dense_bytes(net, bits), epochs)


def _regularise(base: Network, data: Data, rng: Rng, trial: Record, epochs: float) -> Iterator[Trial]:
    """The same network trained with a penalty instead: how many parameters stay as lambda grows."""
    start, order = rng("start"), "base"
    first = fresh(data.x.shape[1], start)
    for strength in L1:
        net = train(first, data, rng(order), Training(epochs, l1=strength))
        yield trial("regularisation", "l1", strength, net, sparse_bytes(net), epochs)
    for strength in L2:
        net = train(first, data, rng(order), Training(epochs, l2=strength))
        yield trial("regularisation", "l2", strength, net, dense_bytes(net), epochs)
