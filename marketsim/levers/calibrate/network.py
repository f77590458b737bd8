"""A network small enough to be measured in seconds: Dense(128, ReLU) - Dense(10, softmax), trained with Adam.

scikit-learn's networks cannot be pruned, trained while quantized or averaged between clients, so this one is our own:
four arrays and their gradients. Everything is float32; images are rows, shape (n, pixels), in [0, 1].
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Labels = NDArray[np.int64]

HIDDEN, CLASSES = 128, 10
BATCH = 32
LEARNING_RATE, BETA_1, BETA_2, EPSILON = 1e-3, 0.9, 0.999, 1e-7  # Adam as in Kingma & Ba 2015, Keras' epsilon


class Network(NamedTuple):
    """Weights (in, hidden), biases (hidden,), weights (hidden, classes), biases (classes,)."""

    w1: Array
    b1: Array
    w2: Array
    b2: Array

    @property
    def hidden(self) -> int:
        """Units of the hidden layer."""
        return self.w1.shape[1]

    @property
    def parameters(self) -> int:
        """All numbers, zeros included."""
        return sum(part.size for part in self)

    @property
    def nonzero(self) -> int:
        """Numbers that are not zero."""
        return sum(int(np.count_nonzero(part)) for part in self)

    @property
    def macs(self) -> int:
        """Multiply-adds an image takes on dense kernels, zeros included."""
        return self.w1.size + self.w2.size


class Data(NamedTuple):
    """Images and labels to train on and to test on."""

    x: Array
    y: Labels
    x_test: Array
    y_test: Labels


def fresh(pixels: int, rng: np.random.Generator, hidden: int = HIDDEN) -> Network:
    """A network before training: uniform weights of Glorot & Bengio 2010, biases 0."""

    def layer(rows: int, columns: int) -> Array:
        limit = np.sqrt(6.0 / (rows + columns))
        return rng.uniform(-limit, limit, (rows, columns)).astype(np.float32)

    return Network(
        layer(pixels, hidden), np.zeros(hidden, np.float32), layer(hidden, CLASSES), np.zeros(CLASSES, np.float32)
    )


def logits(net: Network, x: Array) -> Array:
    """Scores before the softmax, shape (n, classes)."""
    return np.asarray(np.maximum(x @ net.w1 + net.b1, 0.0) @ net.w2 + net.b2, np.float32)


def softmax(scores: Array, temperature: float = 1.0) -> Array:
    """Probabilities, shape as the scores."""
    scaled = scores / np.float32(temperature)
    grown = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return np.asarray(grown / grown.sum(axis=1, keepdims=True), np.float32)


def accuracy(net: Network, x: Array, y: Labels) -> float:
    """Share of the images whose largest score is the label's."""
    return float((logits(net, x).argmax(axis=1) == y).mean())


def gradients(net: Network, x: Array, wanted: Array, given: Array | None = None) -> Network:
    """Gradient of the mean cross-entropy to wanted probabilities; `given` takes the place of net's own softmax."""
    inner = np.maximum(x @ net.w1 + net.b1, 0.0)
    probabilities = softmax(inner @ net.w2 + net.b2) if given is None else given
    error = (probabilities - wanted) / np.float32(len(x))
    back = (error @ net.w2.T) * (inner > 0)
    return Network(x.T @ back, back.sum(axis=0), inner.T @ error, error.sum(axis=0))


@dataclass(frozen=True)
class Training:
    """How a training differs from the plain one.

    seen: what the forward pass is computed with (fake quantization; the gradient passes straight through it).
    masks: 1 where a weight may live, for w1 and w2. l1, l2: lambda of loss + lambda |w|_1 (as a proximal step) and
    loss + lambda / 2 |w|^2, on weights alone. teacher: distil from it, at a temperature, with its share of the loss.
    """

    epochs: float = 5
    seen: Callable[[Network], Network] | None = None
    masks: tuple[Array, Array] | None = None
    l1: float = 0.0
    l2: float = 0.0
    teacher: Network | None = None
    temperature: float = 4.0
    teacher_share: float = 0.9


def train(net: Network, data: Data, rng: np.random.Generator, how: Training | None = None) -> Network:
    """The network after `epochs` passes over the training data in random order, in batches of 32."""
    how = how or Training()
    parts = [part.copy() for part in net]
    first = [np.zeros_like(part) for part in parts]
    second = [np.zeros_like(part) for part in parts]
    eye = np.eye(CLASSES, dtype=np.float32)
    steps = round(how.epochs * -(-len(data.x) // BATCH))
    order = rng.permutation(len(data.x))
    at = 0
    for step in range(1, steps + 1):
        if at >= len(order):
            order, at = rng.permutation(len(data.x)), 0
        rows = order[at : at + BATCH]
        at += BATCH
        now = Network(*parts)
        seen = how.seen(now) if how.seen else now
        slopes = _slopes(seen, data.x[rows], eye[data.y[rows]], how)
        if how.l2:
            slopes = slopes._replace(w1=slopes.w1 + how.l2 * now.w1, w2=slopes.w2 + how.l2 * now.w2)
        scale = np.float32(LEARNING_RATE * np.sqrt(1 - BETA_2**step) / (1 - BETA_1**step))
        for part, slope, m, v in zip(parts, slopes, first, second, strict=True):
            m += (1 - BETA_1) * (slope - m)
            v += (1 - BETA_2) * (slope * slope - v)
            part -= scale * m / (np.sqrt(v) + EPSILON)
        if how.l1:
            _shrink(parts[0], how.l1 * LEARNING_RATE)
            _shrink(parts[2], how.l1 * LEARNING_RATE)
        if how.masks is not None:
            parts[0] *= how.masks[0]
            parts[2] *= how.masks[1]
    return Network(*parts)


def _slopes(net: Network, x: Array, wanted: Array, how: Training) -> Network:
    if how.teacher is None:
        return gradients(net, x, wanted)
    own = gradients(net, x, wanted)
    soft = softmax(logits(how.teacher, x), how.temperature)
    mine = softmax(logits(net, x), how.temperature)
    # the gradient of the softened loss is 1/T of the plain one; times T^2 as in Hinton et al. 2015
    taught = gradients(net, x, soft, given=mine)
    share = np.float32(how.teacher_share)
    grown = np.float32(how.temperature) * share
    return Network(*((1 - share) * a + grown * b for a, b in zip(own, taught, strict=True)))


def _shrink(weights: Array, by: float) -> None:
    """The proximal step of the L1 norm: towards 0 by a fixed amount, and exactly 0 within it."""
    np.copyto(weights, np.sign(weights) * np.maximum(np.abs(weights) - np.float32(by), 0.0))


def sgd(net: Network, x: Array, y: Labels, epochs: int, batch: int, rate: float, rng: np.random.Generator) -> Network:
    """Plain stochastic gradient descent, as FedAvg's clients do it; the network given is not changed."""
    parts = [part.copy() for part in net]
    eye = np.eye(CLASSES, dtype=np.float32)
    for _ in range(epochs):
        order = rng.permutation(len(x))
        for at in range(0, len(x), batch):
            rows = order[at : at + batch]
            for part, slope in zip(parts, gradients(Network(*parts), x[rows], eye[y[rows]]), strict=True):
                part -= np.float32(rate) * slope
    return Network(*parts)


def narrowed(net: Network, keep: NDArray[np.int64]) -> Network:
    """The network with only these hidden units, in the order given."""
    return Network(net.w1[:, keep].copy(), net.b1[keep].copy(), net.w2[keep].copy(), net.b2.copy())
