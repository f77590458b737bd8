"""The reference network: its gradients, what each technique leaves of it, and the file that comes out."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest

from marketsim.errors import InputError
from marketsim.levers import curve
from marketsim.levers.calibrate import compress, digits, federate, run
from marketsim.levers.calibrate.network import (
    Data,
    Network,
    Training,
    accuracy,
    fresh,
    gradients,
    logits,
    narrowed,
    sgd,
    softmax,
    train,
)
from marketsim.streams import Dice


def rng(name: str = "test") -> np.random.Generator:
    return Dice(1).stream(name)


@pytest.fixture(scope="module")
def data() -> Data:
    """Three classes of eight pixels, easy to learn."""
    centres = rng("centres").random((3, 8))
    y = np.arange(600) % 3
    x = (centres[y] + 0.1 * rng("noise").standard_normal((600, 8))).astype(np.float32)
    return Data(x[:450], y[:450], x[450:], y[450:])


@pytest.fixture(scope="module")
def net(data: Data) -> Network:
    return train(fresh(8, rng("start"), 16), data, rng("order"), Training(epochs=20))


def test_it_learns(net: Network, data: Data) -> None:
    assert accuracy(net, data.x_test, data.y_test) > 0.95


def test_gradients_are_the_slopes_of_the_loss() -> None:
    start = fresh(8, rng("g"), 5)
    start = Network(*(part.astype(np.float64) for part in start))  # type: ignore[arg-type]
    x = rng("x").random((7, 8))
    wanted = np.eye(10)[np.arange(7)]

    def loss(net: Network) -> float:
        inner = np.maximum(x @ net.w1 + net.b1, 0)
        scores = inner @ net.w2 + net.b2
        scores = scores - scores.max(axis=1, keepdims=True)
        return float(-(wanted * (scores - np.log(np.exp(scores).sum(axis=1, keepdims=True)))).sum() / len(x))

    found = gradients(start, x, wanted)  # type: ignore[arg-type]
    for part, slope in zip(start, found, strict=True):
        for place in ((0,) * part.ndim, (1,) * part.ndim):
            before = part[place]
            part[place] = before + 1e-5
            up = loss(start)
            part[place] = before - 1e-5
            down = loss(start)
            part[place] = before
            assert slope[place] == pytest.approx((up - down) / 2e-5, abs=1e-5)


def test_the_network_has_the_parameters_it_should() -> None:
    reference = fresh(784, rng())
    assert reference.parameters == 101_770
    assert reference.macs == 101_632
    assert compress.dense_bytes(reference) == 407_080
    assert compress.dense_bytes(reference, 8) == 102_736
    assert compress.dense_bytes(reference, 4) == 51_920


def test_bits_leave_so_many_values_a_channel(net: Network) -> None:
    for bits in (2, 3, 4):
        rounded = compress.quantized(net, bits)
        assert max(len(np.unique(column)) for column in rounded.w1.T) <= 2**bits - 1
    assert np.abs(compress.quantized(net, 16).w1 - net.w1).max() < 1e-4
    assert np.array_equal(compress.quantized(net, 2).b1, net.b1)


def test_pruning_takes_the_smallest_of_both_layers(net: Network) -> None:
    one, two = compress.magnitude_masks(net, 0.75)
    gone = np.concatenate([np.abs(net.w1[one == 0]), np.abs(net.w2[two == 0])])
    left = np.concatenate([np.abs(net.w1[one == 1]), np.abs(net.w2[two == 1])])
    assert len(gone) == round(0.75 * (net.w1.size + net.w2.size))
    assert gone.max() <= left.min()


def test_masked_weights_stay_zero_through_training(net: Network, data: Data) -> None:
    masks = compress.magnitude_masks(net, 0.5)
    tuned = train(net, data, rng(), Training(1, masks=masks))
    assert (tuned.w1[masks[0] == 0] == 0).all()
    assert (tuned.w1[masks[0] == 1] != net.w1[masks[0] == 1]).any()


def test_units_of_no_use_go_first(data: Data) -> None:
    net = fresh(8, rng(), 4)
    net.w2[2] = 0
    assert compress.strongest(net, 3).hidden == 3
    assert np.array_equal(compress.strongest(net, 3).w1, narrowed(net, np.array([0, 1, 3])).w1)
    assert np.allclose(logits(compress.strongest(net, 3), data.x), logits(net, data.x), atol=1e-6)


def test_the_l1_path_reaches_exact_zeros_and_l2_does_not(data: Data) -> None:
    start = fresh(8, rng("start"), 16)
    left = [train(start, data, rng(), Training(20, l1=strength)).nonzero for strength in (0.0, 0.3, 3.0)]
    assert left[0] > left[1] > left[2]
    assert train(start, data, rng(), Training(5, l2=0.1)).nonzero >= start.w1.size + start.w2.size


def test_a_pupil_of_a_sure_teacher_learns_like_from_labels(data: Data, net: Network) -> None:
    pupil = train(fresh(8, rng("p"), 12), data, rng(), Training(60, teacher=net))
    assert accuracy(pupil, data.x_test, data.y_test) > 0.95
    assert softmax(logits(pupil, data.x)).sum(axis=1) == pytest.approx(np.ones(len(data.x)), abs=1e-5)


def test_the_mean_of_networks_is_weighted_by_examples() -> None:
    one, two = (Network(*(np.full_like(part, value) for part in fresh(3, rng(), 2))) for value in (1.0, 4.0))
    assert np.allclose(federate.averaged([one, two], [2, 1]).w1, 2.0)


def test_one_client_with_all_data_is_central_training(data: Data) -> None:
    start = fresh(8, rng("start"), 16)
    alone = sgd(start, data.x, data.y, 1, 10, 0.1, rng("order"))
    again = federate.averaged([sgd(start, data.x, data.y, 1, 10, 0.1, rng("order"))], [450])
    assert all(np.allclose(a, b) for a, b in zip(alone, again, strict=True))


def test_clients_hold_everything_once_and_few_labels_where_not_alike() -> None:
    y = np.arange(1000) % 10
    for iid in (True, False):
        held = federate.shares(y, 20, iid, rng())
        assert np.array_equal(np.sort(np.concatenate(held)), np.arange(1000))
        labels = max(len(np.unique(y[mine])) for mine in held)
        assert labels == 10 if iid else labels <= 4


def test_the_split_keeps_classes_in_proportion() -> None:
    y = np.repeat(np.arange(10), 50)
    found = digits.split(np.zeros((500, 4), np.float32), y, rng())
    assert np.bincount(found.y_test).tolist() == [10] * 10
    assert len(found.y) == 400


def test_intervals_are_students() -> None:
    mean, half, sd = run.interval([1.0, 2.0, 3.0])
    assert (mean, sd) == (2.0, 1.0)
    assert half == pytest.approx(4.302653 / 3**0.5, rel=1e-6)


def test_a_calibration_writes_levers(tmp_path: pathlib.Path) -> None:
    pytest.importorskip("sklearn")
    x, y = digits.small()
    trials = run.compression_trials(x[:300], y[:300], range(2), 2)
    import pandas as pd

    rows = run.rows(trials, {64: 1.5}, "a test")
    pd.DataFrame(rows).to_csv(tmp_path / "mine.csv", index=False)
    read = curve.read(tmp_path / "mine.csv")
    assert len(read) == len(rows)
    by = {(row["method"], row["setting"]): row for row in read}
    assert by["base", 32.0]["change"] == 0
    assert by["ptq", 8.0]["size_ratio"] == pytest.approx(3.63, abs=0.01)
    assert by["structured_finetune", 0.5]["decode_speedup"] == 1.5
    assert by["unstructured_finetune", 0.9]["decode_speedup"] == 1.0
    lever = curve.Curve.model_validate({"target": "a", "file": "mine.csv", "method": "ptq", "setting": 4.0})
    assert [effect.label for effect in lever.prepared(tmp_path).levels()] == [
        "ptq 4", "ptq 5", "ptq 6", "ptq 8", "ptq 16"]  # fmt: skip


def test_the_rows_that_ship_are_in_the_lever_format() -> None:
    shipped = pathlib.Path(curve.__file__).parent / "calibrate" / "reference_network.csv"
    assert len(curve.read(shipped)) == len(curve.reference_rows()) > 60
    assert curve.reference("ptq", 4.0) is not None
    assert curve.reference("ptq", 7.0) is None


def test_a_file_that_holds_no_digits_is_told(tmp_path: pathlib.Path) -> None:
    (tmp_path / "bad.npz").write_bytes(b"not a zip")
    with pytest.raises(InputError, match="is no file of digits"):
        digits.from_file(tmp_path / "bad.npz")
    np.savez(tmp_path / "labels.npz", x_train=np.zeros((200, 4)), y_train=np.full(200, 11))
    with pytest.raises(InputError, match="labels must be 0 to 9"):
        digits.from_file(tmp_path / "labels.npz")


def test_a_file_of_digits_is_scaled_to_one(tmp_path: pathlib.Path) -> None:
    np.savez(tmp_path / "m.npz", x_train=np.full((200, 2, 2), 255), y_train=np.arange(200) % 10)
    x, y = digits.from_file(tmp_path / "m.npz")
    assert x.shape == (200, 4)
    assert x.max() == 1.0
    assert y.dtype == np.int64


@pytest.mark.slow
def test_a_quick_calibration_runs_from_digits_to_pictures(tmp_path: pathlib.Path) -> None:
    pytest.importorskip("sklearn")
    frames = run.calibrate(tmp_path, quick=True, seeds=1)
    files = sorted(path.name for path in tmp_path.iterdir())
    assert files == ["compression.png", "federated.png", "reference_federated.csv", "reference_network.csv"]
    base = frames["compression"].set_index("method").loc["base"]
    assert base["before"] > 0.93
    reached = frames["federated"].query("target == 0.8 and iid == 1")
    assert (reached["reached"] == 1).all()
    assert len(curve.read(tmp_path / "reference_network.csv")) == len(frames["compression"])
