"""`marketsim fit` prints a block that a scenario may hold, says what it is worth, and draws it where asked."""

from __future__ import annotations

import json
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


def test_what_a_workload_trace_leaves_open_goes_into_the_spread_of_the_bill(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    u = Dice(3).uniforms("jobs", 900).reshape(3, 300)
    submit = np.sort(u[0] * 28 * 86_400).astype(int)
    rows = [f"j{i},{at},{int(600 + 7_200 * u[1, i])},{1 + int(2 * u[2, i])}" for i, at in enumerate(submit)]
    pathlib.Path("jobs.csv").write_text("\n".join(["job,submit_s,duration_s,gpus", *rows]) + "\n")
    assert main(["fit", "workload", "jobs.csv", "-q"]) == 0
    demand = capfd.readouterr().out
    supply = "supply:\n  cloud:\n    kind: on_demand\n    provider: AWS\n    shape: {gpu: H100, gpus: 2}\n"
    text = f"name: fitted\nhorizon: 10 d\n{demand}{supply}    usd_per_gpu_hour: 2\n"
    pathlib.Path("s.yaml").write_text(text)
    assert main(["fit", "workload", "jobs.csv", "-q", "--draws", "6"]) == 0
    pathlib.Path("draws.yaml").write_text(capfd.readouterr().out)
    words = ["sensitivity", "s.yaml", "--inputs", "draws.yaml", "-n", "4", "-j", "1", "-q", "--json"]
    assert main([*words, "--policy", "on-demand-only", "--metric", "total_cost_usd"]) == 0
    (spread,) = json.loads(capfd.readouterr().out)["spreads"]
    assert spread["draws"] == 6
    assert spread["inputs"] > spread["monte_carlo"] > 0  # four weeks of jobs say little about the next ones
    pathlib.Path("draws.yaml").write_text("draws: [1, 2]\n")
    assert main(words) == 2
    assert "list of at least 2 mappings" in capfd.readouterr().err
    assert main(["fit", "prices", "jobs.csv", "--draws", "3"]) == 2
