"""The reference network trained by federated averaging: how many rounds, samples and megabytes an accuracy takes.

FedAvg of McMahan et al. (arXiv 1602.05629): ten clients a round train the global network on their own data by plain
gradient descent and send it back; the server takes the mean, weighted by examples. Not IID means what it means there:
the data sorted by label and cut into twice as many pieces as clients, two pieces each.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marketsim.levers.calibrate.network import Data, Labels, Network, accuracy, fresh, sgd
from marketsim.streams import Dice

CLIENTS = (10, 50, 100)
SELECTED = 10
EPOCHS = (1, 5)
BATCH = 10
RATE = 0.1  # of plain gradient descent; FedAvg's authors tune it for each setting, this one is not tuned
TARGETS = (0.80, 0.85, 0.90)
CENTRAL_CHECK = 200  # examples between two looks at the central training's accuracy


@dataclass(frozen=True)
class FederatedTrial:
    """One run: rounds to each target (None where not reached in time), best accuracy, megabytes a round each way."""

    clients: int
    iid: bool
    epochs: int
    seed: int
    rounds: tuple[int | None, ...]
    samples: tuple[int | None, ...]
    best: float
    mb_per_round: float


def shares(y: Labels, clients: int, iid: bool, rng: np.random.Generator) -> list[NDArray[np.int64]]:
    """Which examples each client holds: equal numbers, at random or from two labels or so."""
    order = rng.permutation(len(y))
    if iid:
        return [np.sort(part) for part in np.array_split(order, clients)]
    pieces = np.array_split(order[np.argsort(y[order], kind="stable")], 2 * clients)
    dealt = rng.permutation(2 * clients)
    return [np.concatenate([pieces[dealt[2 * one]], pieces[dealt[2 * one + 1]]]) for one in range(clients)]


def averaged(nets: list[Network], weights: list[int]) -> Network:
    """The mean of networks, weighted by examples."""
    share = np.asarray(weights, np.float32) / np.float32(sum(weights))
    stacked = (np.stack(parts) for parts in zip(*nets, strict=True))
    return Network(*(np.tensordot(share, part, axes=1).astype(np.float32) for part in stacked))


def federated(data: Data, clients: int, iid: bool, epochs: int, seed: int, most_rounds: int) -> FederatedTrial:
    """Rounds until the last target, or until `most_rounds`."""
    dice = Dice(seed)
    held = shares(data.y, clients, iid, dice.stream("calibrate/shares", clients))
    net = fresh(data.x.shape[1], dice.stream("calibrate/start"))
    reached: dict[float, tuple[int, int]] = {}
    samples, best = 0, 0.0
    for turn in range(1, most_rounds + 1):
        rng = dice.stream("calibrate/federated", turn)
        chosen = np.sort(rng.choice(clients, min(SELECTED, clients), replace=False))
        local = [sgd(net, data.x[held[one]], data.y[held[one]], epochs, BATCH, RATE, rng) for one in chosen]
        counts = [len(held[one]) for one in chosen]
        net = averaged(local, counts)
        samples += epochs * sum(counts)
        now = accuracy(net, data.x_test, data.y_test)
        best = max(best, now)
        for target in TARGETS:
            if now >= target:
                reached.setdefault(target, (turn, samples))
        if len(reached) == len(TARGETS):
            break
    found = [reached.get(target) for target in TARGETS]
    return FederatedTrial(
        clients,
        iid,
        epochs,
        seed,
        tuple(None if one is None else one[0] for one in found),
        tuple(None if one is None else one[1] for one in found),
        best,
        min(SELECTED, clients) * net.parameters * 4 / 1e6,
    )


def central(data: Data, seed: int, most_epochs: int = 10) -> tuple[int | None, ...]:
    """Examples the same descent takes to each target with all data in one place."""
    dice = Dice(seed)
    net = fresh(data.x.shape[1], dice.stream("calibrate/start"))
    reached: dict[float, int] = {}
    samples = 0
    for turn in range(most_epochs):
        order = dice.stream("calibrate/central", turn).permutation(len(data.x))
        for at in range(0, len(order), CENTRAL_CHECK):
            rows = order[at : at + CENTRAL_CHECK]
            net = sgd(net, data.x[rows], data.y[rows], 1, BATCH, RATE, dice.stream("calibrate/central-order", samples))
            samples += len(rows)
            now = accuracy(net, data.x_test, data.y_test)
            for target in TARGETS:
                if now >= target:
                    reached.setdefault(target, samples)
        if len(reached) == len(TARGETS):
            break
    return tuple(reached.get(target) for target in TARGETS)
