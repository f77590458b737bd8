"""`marketsim fit` prints a block that a scenario may hold, says what it is worth, and draws it where asked."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest

from marketsim.cli.main import main
from marketsim.streams import Dice


@pytest.fixture
def prices(tmp_path: pathlib.Path) -> pathlib.Path:
    usd = 2 * np.exp(np.cumsum(0.02 * Dice(1).normals("w", 400)))
    rows = [f"{np.datetime64('2024-01-01') + day}T00:00:00Z,{price:.4f}" for day, price in enumerate(usd)]
    path = tmp_path / "spot.csv"
    path.write_text("\n".join(["time,price", *rows]) + "\n")
    return path


def test_prices_are_fitted_ranked_and_drawn(
    prices: pathlib.Path, tmp_path: pathlib.Path, capfd: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "fit.png"
    assert main(["fit", "prices", str(prices), "--picture", str(picture)]) == 0
    out, err = capfd.readouterr()
    assert "kind: bootstrap" in out
    assert "momentum_garch_t" in err
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_availability_needs_the_length_of_a_tick(tmp_path: pathlib.Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "zone.csv"
    path.write_text("tick,available\n" + "".join(f"{tick},{int(tick % 50 < 35)}\n" for tick in range(600)))
    assert main(["fit", "availability", str(path), "--gap", "10 min"]) == 0
    assert "kind: two_state" in capfd.readouterr().out
    assert main(["fit", "availability", str(path)]) == 2
    assert "--gap" in capfd.readouterr().err
