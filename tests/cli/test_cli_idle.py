"""An option that would change nothing is a usage error of one line that names it, and nothing is run or written."""

from __future__ import annotations

import pathlib

import pytest

from marketsim.cli.main import main

SCENARIO = """\
name: tiny
horizon: 5 d
demand:
  train: {kind: training, arrivals: {kind: poisson, per_day: 2}, work_gpu_hours: 4}
supply:
  cloud: {kind: on_demand, provider: AWS, shape: {gpu: H100, gpus: 1}, usd_per_gpu_hour: 2}
policies:
  one: {placement: {kind: on_demand_only}}
  two: {placement: {kind: cheapest_feasible}}
"""
PUE = ("--over", "supply.cloud.usd_per_gpu_hour=1..3")
COUNTED = ("--over", "supply.cloud.usd_per_gpu_hour=1..3:2")
LISTED = ("--over", "supply.cloud.usd_per_gpu_hour=1,3")
# words of a command line, and the option that has no effect there
IDLE = [
    (("breakeven", "tiny.yaml", "-j", "2"), "--workers: no effect without --over"),
    (("breakeven", "tiny.yaml", "--cluster", "local"), "--cluster: no effect without --over"),
    (("breakeven", "tiny.yaml", "--points", "7"), "--points: no effect without --over"),
    (("breakeven", "tiny.yaml", "--policy", "one", "--metric", "jobs"), "--policy, --metric: no effect without --over"),
    (("breakeven", "tiny.yaml", *PUE, "--by", "fleet"), "--by: no effect with --over"),
    (("breakeven", "tiny.yaml", *PUE, "--gpus", "8", "--way", "cloud"), "--gpus, --way: no effect with --over"),
    (("breakeven", "tiny.yaml", *PUE, "--picture", "x.png"), "--picture: no effect with --over"),
    (("breakeven", "tiny.yaml", "--by", "horizon", "--gpus", "8,16"), "the map by horizon is of one fleet"),
    (("breakeven", "tiny.yaml", *COUNTED, "--points", "3"), "--points: no effect beside --over ...:2"),
    (("sweep", "tiny.yaml", *COUNTED, "--points", "3"), "--points: no effect beside --over ...:2"),
    (("sweep", "tiny.yaml", *LISTED, "--points", "3"), "--points: no effect where --over lists its values"),
    (("sweep", "tiny.yaml", *COUNTED, "--over", "seed=1..9:4"), ":2 and :4 are given"),
    (("sensitivity", "tiny.yaml", *COUNTED), "no effect of :2 here"),
    (("tune", "tiny.yaml", "--policy", "one", *COUNTED), "no effect of :2 here"),
    (("sweep", "tiny.yaml", *PUE, "--cluster", "tcp://h:1", "-j", "2"), "--workers: no effect on a cluster"),
    (("run", "tiny.yaml", "--cluster", "tcp://h:1", "-j", "2"), "--workers: no effect on a cluster"),
    (("run", "tiny.yaml", "--fresh", "--force"), "--force: no effect with --fresh"),
    (("run", "tiny.yaml", "--json", "--no-pictures", "--lang", "zh"), "--lang: no effect with --json and"),
    (("report", "results", "-n", "3", "-j", "2", "--policy", "one"), "--replications, --workers, --policy: no effect"),
    (("report", "results", "--sliders", *PUE), "--sliders: no effect with --over"),
    (("compare", "results", "--data", "."), "--data: no effect without --controls"),
    (("compare", "results", "--risk", "--controls", "9"), "one of --risk and --controls"),
    (("compare", "results", "results", "--risk"), "of one results folder"),
    (("explain", "results", "--job", "1", "--slot", "2 d"), "--slot: no effect with --job"),
    (("export", "tiny.yaml", "--data", "."), "--data: no effect of a scenario"),
    (("fit", "workload", "a.csv", "--per", "8", "--gap", "1 h"), "--per, --gap: no effect on workload"),
    (("fit", "prices", "a.csv", "--tenant", "x", "--draws", "9"), "--tenant, --draws: no effect on prices"),
    (("fit", "availability", "a.csv", "--gap", "1 h", "--picture", "x.png"), "--picture: no effect on availability"),
    (("fit", "workload", "a.csv", "--at", "demand.x"), "--at: no effect without --draws"),
    (("check-policy", "p.py", "--days", "3", "--seed", "1"), "--days, --seed: no effect without --scenario"),
    (("init", "x.yaml", "--from-bill", "b.csv", "--like", "nlp"), "--like: no effect with --from-bill"),
    (("show", "supply.spot", "supply.own"), "[KEY]: no effect on a kind"),
    (("show", "supply.spot", "--set", "a.b=1"), "--set: no effect on a kind"),
    (("list", "--json", "--format", "md"), "--json: no effect with --format md"),
    (("calibrate", "--quick", "--data", "mnist.npz"), "--data: no effect with --quick"),
    (("backtest", "tiny.yaml", "--bill", "b.csv", "--set", "seed=2", "--keep"), "--keep: no effect with --set"),
]  # fmt: skip


@pytest.mark.parametrize(("words", "says"), IDLE, ids=lambda one: " ".join(one) if isinstance(one, tuple) else "")
def test_an_option_without_effect_is_refused_by_name(
    words: tuple[str, ...],
    says: str,
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "tiny.yaml").write_text(SCENARIO)
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert err.count("\n") == 1, err
    assert err.startswith("error: ")
    assert says in err
    assert [path.name for path in tmp_path.iterdir()] == ["tiny.yaml"]


def test_the_default_of_such_an_option_stands_in_nobodys_way(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "tiny.yaml").write_text(SCENARIO)
    monkeypatch.chdir(tmp_path)
    assert main(("breakeven", "tiny.yaml", *COUNTED, "-n", "2", "-j", "1")) == 0
    assert main(("breakeven", "tiny.yaml", "--by", "horizon", "--way", "cloud", "-n", "1")) == 0
    assert "Cheapest way by horizon, 8 GPUs" in capfd.readouterr().out
