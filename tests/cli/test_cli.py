"""The command line: answers on stdout, talk on stderr, exit codes, one document, a results folder that is one's own."""

from __future__ import annotations

import io
import json
import os
import pathlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import pytest

from marketsim import shipped
from marketsim.cli.main import COMMANDS, main
from marketsim.errors import InputError

TINY = """\
name: tiny
horizon: 20 d
demand:
  train:
    kind: training
    arrivals: {kind: poisson, per_day: 2}
    work_gpu_hours: {kind: lognormal, median: 4, p90: 8}
    deadline: {kind: after_arrival, within: 12 h, usd_per_late_day: 100}
supply:
  cloud:
    kind: on_demand
    provider: AWS
    shape: {gpu: H100, gpus: 1}
    usd_per_gpu_hour: 2
  cloud-spot:
    kind: spot
    like: cloud
    usd_per_gpu_hour: 0.7
    availability: {kind: two_state, available: {kind: exponential, mean: 20 h}, gone: {kind: exponential, mean: 2 h}}
policies:
  cloud-only: {placement: {kind: on_demand_only}}
  spot-first: {placement: {kind: spot_greedy}}
"""
METRICS = (
    "total_cost_usd",
    "total_with_penalties_usd",
    "cash_out_usd",
    "missed_deadline_share",
    "utilization",
    "unserved_share",
    "jobs",
)


# rules that are right by themselves and cannot work with what this scenario has: told before any run
UNBOUND = {
    "a layer that cannot be signed": (
        "procurement={kind: layered, layers: [{offer: cloud}]}",
        "policies.cloud-only.procurement.layers[0].offer: an on_demand offer cannot be signed (got cloud)",
    ),
    "a look-ahead without a forecast": (
        "procurement={kind: reserve_breakeven, offer: rent, look_ahead: 2 d}",
        "policies.cloud-only.procurement.forecast: a look-ahead needs a forecast",
    ),
}
RENT = "supply.rent={kind: rental, provider: n, shape: {gpu: H100, gpus: 1}, usd_per_gpu_hour: 1, term: 5 d}"


@pytest.mark.parametrize("verb", ["check", "run"])
@pytest.mark.parametrize("name", UNBOUND)
def test_a_rule_that_cannot_work_here_is_told_in_one_line_before_any_run(
    name: str, verb: str, tiny: pathlib.Path, capfd: pytest.CaptureFixture[str]
) -> None:
    edit, said = UNBOUND[name]
    assert main([verb, "tiny.yaml", "--set", RENT, "--set", f"policies.cloud-only.{edit}"]) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1
    assert said in err
    assert [path.name for path in tiny.iterdir()] == ["tiny.yaml"]


@pytest.fixture
def tiny(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """A folder with a tiny scenario, as the working directory."""
    (tmp_path / "tiny.yaml").write_text(TINY, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    """Run a command line here; exit code, stdout, stderr."""

    def call(*words: str) -> tuple[int, str, str]:
        code = main(words)
        captured = capfd.readouterr()
        return code, captured.out, captured.err

    return call


def marketsim(*words: str, **more: object) -> subprocess.CompletedProcess[str]:
    """Run a command line in a process of its own."""
    command = [sys.executable, "-c", "from marketsim.cli.main import run_and_exit; run_and_exit()", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, **more)  # type: ignore[call-overload, no-any-return]


def test_every_command_has_help_and_a_sentence_that_fits(run: Run) -> None:
    code, out, _ = run("--help")
    assert code == 0
    assert all(len(line) <= 80 for line in out.splitlines())
    assert "..." not in out.split("Commands:")[1]
    for name in COMMANDS:
        code, out, err = run(name, "--help")
        assert (code, err) == (0, "")
        assert out.startswith(f"Usage: marketsim {name}")


def test_without_a_command_it_says_what_there_is(run: Run) -> None:
    code, out, _ = run()
    assert code == 0
    assert "demo" in out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("rnu",), "Did you mean run?"),
        (("run", "tiny.yaml", "--replicatons", "5"), "--replications"),
        (("run", "tiny.yaml", "--replications", "ten"), "--replications"),
        (("run", "tiny.yaml", "-n", "0"), "--replications"),
        (("run", "tiny.yaml", "--seed", "-1"), "--seed"),
        (("run",), "SCENARIO"),
        (("run", "no_such.yaml"), "no_such.yaml: no such file"),
        (("run", "."), "directory"),
        (("run", "/dev/zero"), "regular file"),
        (("run", "jobs.pkl"), "pickle"),
        (("run", "tiny.yaml", "--set", "supply.cloud.gpuz=4"), "gpuz"),
        (("run", "tiny.yaml", "--set", "supply.cloud.shape.gpuz=4"), "Did you mean gpu?"),
        (("run", "tiny.yaml", "--policy", "spot-fist"), "Did you mean spot-first?"),
        (("run", "tiny.yaml", "--fail-if", "total_cost > 1"), "Did you mean total_cost_usd?"),
        (("run", "tiny.yaml", "--fail-if", "nonsense"), "--fail-if"),
        (("run", "tiny.yaml", "--policy-file", "none.py"), "none.py: no such file"),
        (("run", "tiny.yaml", "-j", "100000"), "--workers"),
        (("what-if", "tiny.yaml"), "--set"),
        (("what-if", "tiny.yaml", "--set", "seed=-2"), "--set seed=-2: seed"),
        (("sweep", "tiny.yaml", "--over", "seed"), "LOW..HIGH"),
        (("tune", "tiny.yaml", "--over", "queue.kind=fifo,edf"), "--policy"),
        (("compare", "nowhere"), "nowhere"),
        (("report", "nowhere"), "nowhere"),
        (("list", "suply"), "Did you mean supply?"),
        (("show", "supply.spott"), "Did you mean spot?"),
        (("show", "tiny.yaml", "supply.nix"), "no such key"),
        (("schema", "supply.nix"), "no such kind of supply"),
        (("import", "philli", "tiny.yaml"), "Did you mean philly?"),
        (("fit", "prices", "none.csv"), "none.csv: no such file"),
        (("check-policy", "none.py"), "none.py: no such file"),
        (("init", "x.yaml", "--like", "starup"), "Did you mean startup?"),
        (("init", "nowhere/x.yaml"), "folder does not exist"),
        (("init", "tiny.yaml"), "left as it is"),
    ],
)
def test_what_is_supplied_wrong_ends_with_two_and_one_line(
    tiny: pathlib.Path, run: Run, words: tuple[str, ...], says: str
) -> None:
    (tiny / "jobs.pkl").write_bytes(b"")
    before = sorted(path.name for path in tiny.rglob("*"))
    code, out, err = run(*words)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1, err
    assert err.startswith("error: ")
    assert says in err
    assert sorted(path.name for path in tiny.rglob("*")) == before


def test_run_prints_a_table_within_80_columns_and_marks_the_best(tiny: pathlib.Path, run: Run) -> None:
    code, out, _ = run("run", "tiny.yaml", "-n", "4", "-j", "1", "--no-pictures")
    assert code == 0
    assert all(len(line) <= 80 for line in out.splitlines())
    assert "* spot-first" in out
    assert "* best by" in out
    assert (tiny / "results" / "tiny" / "summary.csv").is_file()
    assert (tiny / "results" / "tiny" / "scenario.yaml").read_text() == TINY


def test_long_names_of_policies_stay_on_one_line_and_the_best_is_marked(tiny: pathlib.Path, run: Run) -> None:
    from rich.cells import cell_len

    long = TINY.replace("spot-first:", "spot-first-then-on-demand-near-deadline:")
    (tiny / "long.yaml").write_text(long)
    for lang in ("en", "zh"):
        code, out, _ = run("run", "long.yaml", "-n", "3", "-j", "1", "-q", "--no-pictures", "--lang", lang, "--fresh")
        assert code == 0
        assert "* spot-first-then-on-demand-near-deadline " in out
        assert all(cell_len(line) <= 80 for line in out.splitlines())
        assert ("最优" in out, "told apart" in out or "distinguishable" in out) == (lang == "zh", lang == "en")


def test_the_best_is_bold_on_a_terminal_and_plain_in_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    from marketsim.cli import console

    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")
    written = []
    for screen in (Terminal(), io.StringIO()):
        monkeypatch.setattr(sys, "stdout", screen)
        console.table(["policy", "cost"], [["x", "1"], ["y", "2"]], numbers=(1,), bold=(1,))
        written.append(screen.getvalue())
    *_, worse, best = written[0].strip("\n").split("\n")
    assert ("\x1b[1m" in best, "\x1b[1m" in worse) == (True, False)
    assert "\x1b" not in written[1]


def test_json_is_exactly_one_document_with_every_promised_metric(tiny: pathlib.Path, run: Run) -> None:
    code, out, _ = run("run", "tiny.yaml", "-n", "3", "-j", "1", "--json", "-q", "--no-pictures")
    assert code == 0
    assert out.count("\n") == 1
    document = json.loads(out)
    assert document["schema_version"] == 1
    assert document["currency"] == "USD"
    assert list(document["policies"]) == ["cloud-only", "spot-first"]
    for cells in document["policies"].values():
        for metric in METRICS:
            assert set(cells[metric]) == {"mean", "low", "high", "p10", "p90", "n"}
    assert document["policies"]["cloud-only"]["total_cost_usd"]["mean"] > 0


def test_what_was_run_is_not_run_again_and_another_run_is_kept_out(tiny: pathlib.Path, run: Run) -> None:
    first = run("run", "tiny.yaml", "-n", "2", "-j", "1", "--json", "-q", "--no-pictures")
    stamp = (tiny / "results/tiny/stamp.json").read_bytes()
    again = run("run", "tiny.yaml", "-n", "2", "-j", "1", "--json", "-q", "--no-pictures", "--resume")
    assert again[:2] == first[:2]
    code, out, err = run("run", "tiny.yaml", "-n", "2", "-j", "1", "--seed", "9", "--no-pictures")
    assert (code, out) == (2, "")
    assert "results" in err
    assert (tiny / "results/tiny/stamp.json").read_bytes() == stamp
    fresh = run("run", "tiny.yaml", "-n", "2", "-j", "1", "--seed", "9", "--fresh", "--json", "-q", "--no-pictures")
    assert fresh[0] == 0
    assert fresh[1] != first[1]


def test_a_file_where_the_results_go_is_left_alone(tiny: pathlib.Path, run: Run) -> None:
    (tiny / "results").write_text("mine")
    code, out, err = run("run", "tiny.yaml", "-n", "1", "-j", "1")
    assert (code, out) == (2, "")
    assert "results" in err
    assert (tiny / "results").read_text() == "mine"


def test_a_gate_that_is_broken_ends_with_one_and_names_it(tiny: pathlib.Path, run: Run) -> None:
    words = ("run", "tiny.yaml", "-n", "2", "-j", "1", "-q", "--no-pictures")
    code, out, err = run(*words, "--fail-if", "total_cost_usd > 1")
    assert code == 1
    assert "best by" in out
    assert "gate broken: cloud-only: total_cost_usd mean" in err
    assert run(*words, "--fail-if", "total_cost_usd < 0")[0] == 0


BAD = """\
class Bad:
    def decide(self, view):
        raise RuntimeError("the sky fell")
"""


def test_a_run_of_which_nothing_ran_says_so_and_how_to_repeat_it(tiny: pathlib.Path, run: Run) -> None:
    (tiny / "bad.py").write_text(
        "class Bad:\n    def decide(self, view):\n        raise RuntimeError('the sky fell')\n"
    )
    words = ("run", "tiny.yaml", "-n", "2", "-j", "1", "--policy", "bad", "--policy-file", "bad.py")
    code, out, err = run(*words, "--fail-if", "total_cost_usd > 1")
    assert code == 1
    assert out == "No replication ran to its end: all 2 failed, nothing is compared.\n"
    repeat = "to repeat: marketsim run tiny.yaml --policy-file bad.py -n 2 --seed 1 -j 1 --policy bad\n"
    assert err.count("RuntimeError: the sky fell") == 2
    assert "error: replication 1 of policy bad failed: " in err
    assert repeat in err
    assert "gate not judged: total_cost_usd > 1: no replication ran to its end" in err
    again = run(*repeat.split()[3:])
    assert again[0] == 1
    assert again[1] == out
    for verb in ("compare", "report"):
        code, out, err = run(verb, "results/tiny")
        assert (code, out) == (2, "")
        assert "no replication ran to its end" in err


def test_a_policy_that_always_fails_leaves_the_others_their_table_and_pictures(tiny: pathlib.Path, run: Run) -> None:
    (tiny / "bad.py").write_text(
        "class Bad:\n    def decide(self, view):\n        raise RuntimeError('the sky fell')\n"
    )
    code, out, err = run("run", "tiny.yaml", "-n", "2", "-j", "1", "--policy-file", "bad.py")
    assert code == 1
    assert "best by" in out
    assert (tiny / "results/tiny/report.html").exists()
    assert err.count("error: ") == 2


def test_a_run_stops_once_what_is_watched_is_known_well_enough(tiny: pathlib.Path, run: Run) -> None:
    rest = ("run", "tiny.yaml", "-j", "1", "--json", "-q", "--no-pictures")
    found = json.loads(run(*rest, "-n", "60", "--until", "total_cost_usd:cloud-only=30%", "--out", "a")[1])
    assert 10 <= found["stamp"]["replications"] < 60
    assert json.loads(run(*rest, "-n", "12", "--until", "total_cost_usd=0.1", "--out", "b")[1])["stamp"][
        "replications"
    ] == 12  # fmt: skip
    for wrong in ("total_cost=2%", "total_cost_usd", "total_cost_usd=0", "total_cost_usd=100%", "jobs:nobody=1"):
        code, out, err = run(*rest, "--until", wrong, "--out", "c")
        assert (code, out) == (2, ""), wrong
        assert err.count("\n") == 1, err


class Terminal(io.StringIO):
    """A terminal that keeps what is written to it."""

    def isatty(self) -> bool:
        return True


def test_the_bar_shows_the_half_width_shrinking_to_its_target(monkeypatch: pytest.MonkeyPatch) -> None:
    from marketsim.cli.run import progress
    from marketsim.experiment.study import Progress

    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("TERM", "xterm")
    with progress(False) as report:
        for done, width in ((10, None), (20, 81_234.0), (40, 20_500.0)):
            report(Progress(done, 40, 0, "total_cost_usd", width, 20_000.0))
            time.sleep(0.15)  # rich draws ten times a second
    seen = screen.getvalue()
    wide, narrow = (seen.find(f"total_cost_usd ±{width}K USD, wanted ±20.0K USD") for width in ("81.2", "20.5"))
    assert 0 < wide < narrow


def test_the_seed_of_the_command_line_is_that_of_the_scenario(tiny: pathlib.Path, run: Run) -> None:
    rest = ("-n", "2", "-j", "1", "--json", "-q", "--no-pictures", "--out")
    one = json.loads(run("run", "tiny.yaml", "--seed", "5", *rest, "a")[1])
    other = json.loads(run("run", "tiny.yaml", "--set", "seed=5", *rest, "b")[1])
    assert one["policies"] == other["policies"]


OWN = """\
from marketsim.policies.policy import Scale, Start

class Patient:
    name = "mine"
    def decide(self, view):
        return [Start(job.id, "cloud") for job in view.waiting() if view.can_start(job, "cloud")][:1]
"""


def test_a_policy_file_runs_beside_the_scenarios_own(tiny: pathlib.Path, run: Run) -> None:
    (tiny / "mine.py").write_text(OWN)
    code, out, _ = run(
        "run", "tiny.yaml", "-n", "2", "-j", "1", "--policy-file", "mine.py", "--json", "-q", "--no-pictures"
    )
    assert code == 0
    policies = json.loads(out)["policies"]
    assert list(policies) == ["cloud-only", "spot-first", "mine"]
    assert policies["mine"]["total_cost_usd"]["mean"] == pytest.approx(policies["cloud-only"]["total_cost_usd"]["mean"])


def test_check_policy_runs_it_and_tells_what_is_wrong(tiny: pathlib.Path, run: Run) -> None:
    (tiny / "mine.py").write_text(OWN)
    code, out, _ = run("check-policy", "mine.py", "--scenario", "tiny.yaml")
    assert code == 0
    assert "mine: right in tiny.yaml" in out
    for text, says in [
        ("def f(:\n", "mine.py:1:7: not Python"),
        ("x = 1\n", "defines no policy"),
        ("1/0\n", "ZeroDivisionError"),
        (OWN.replace('"cloud"', '"clod"'), "clod"),
    ]:
        (tiny / "mine.py").write_text(text)
        code, out, err = run("check-policy", "mine.py", "--scenario", "tiny.yaml")
        assert (code, out) == (2, "")
        assert says in err
        assert err.count("\n") == 1


def test_what_if_and_sweep_answer_in_one_document(tiny: pathlib.Path, run: Run) -> None:
    rest = ("tiny.yaml", "-n", "3", "-j", "1", "-q", "--json")
    code, out, _ = run("what-if", *rest, "--set", "supply.cloud.usd_per_gpu_hour=4", "--metric", "total_cost_usd")
    rows = json.loads(out)
    assert code == 0
    assert [row["policy"] for row in rows] == ["cloud-only", "spot-first"]
    assert rows[0]["share"] == pytest.approx(1.0)  # twice the price of the only offer it uses
    code, out, _ = run("sweep", *rest, "--over", "supply.cloud.usd_per_gpu_hour=1..3:3", "--policy", "cloud-only")
    means = [row["total_with_penalties_usd"] for row in json.loads(out)]
    assert means[2] - means[1] == pytest.approx(means[1] - means[0])


def test_a_sweep_says_where_policies_break_even_and_how_sure_each_mean_is(tiny: pathlib.Path, run: Run) -> None:
    words = ("sweep", "tiny.yaml", "-n", "6", "-j", "1", "-q")
    code, out, _ = run(*words, "--over", "supply.cloud-spot.usd_per_gpu_hour=0.5..4.0:3", "--metric", "total_cost_usd")
    assert code == 0
    assert "±" in out
    flat = " ".join(out.split())
    assert "cloud-only and spot-first break even at supply.cloud-spot.usd_per_gpu_hour = " in flat
    assert "± half of the 95 % interval of the mean of 6 replications; not the spread of outcomes." in flat
    worded = run(*words, "--over", "policies.spot-first.queue.kind=fifo,edf")
    assert worded[0] == 0
    assert "break even" not in worded[1]


def test_a_what_if_and_a_sweep_stop_once_the_difference_that_is_asked_about_is_known(
    tiny: pathlib.Path, run: Run
) -> None:
    until = ("--until", "total_cost_usd:cloud-only=20", "-j", "1", "-q")
    change = ("--set", "supply.cloud.usd_per_gpu_hour=2.2", "--metric", "total_cost_usd", "--json")
    code, out, _ = run("what-if", "tiny.yaml", *until, *change)
    counts = {one["n"] for one in json.loads(out)}
    assert code == 0
    assert len(counts) == 1
    assert 10 <= min(counts) < 1_000
    assert {one["n"] for one in json.loads(run("what-if", "tiny.yaml", "-j", "1", "-q", *change)[1])} == {10}
    over = ("--over", "supply.cloud.usd_per_gpu_hour=2.0,2.2", "--metric", "total_cost_usd")
    code, out, _ = run("sweep", "tiny.yaml", *until, *over)
    assert code == 0
    assert f"of the mean of {min(counts)} replications" in " ".join(out.split())  # the same two points
    for other in ("cloud-onyl", "spot-first"):
        words = ("--until", f"total_cost_usd:{other}=20", "--policy", "spot-first")
        code, out, err = run("sweep", "tiny.yaml", *words, *over)
        assert (code, out) == (2, "")
        assert "error: --until: no other policy is run beside it" in err


def test_uncertain_inputs_stand_beside_the_error_of_the_mean_and_the_range(tiny: pathlib.Path, run: Run) -> None:
    words = ("sensitivity", "tiny.yaml", "-n", "5", "-j", "1", "-q", "--metric", "total_cost_usd")
    code, out, _ = run(*words, "--over", "supply.cloud.usd_per_gpu_hour=1.0..9.0", "--draws", "8", "--json")
    assert code == 0
    spreads = {one["policy"]: one for one in json.loads(out)["spreads"]}
    assert set(spreads["cloud-only"]) >= {"mean", "monte_carlo", "inputs", "outcomes", "inputs_share"}
    assert spreads["cloud-only"]["inputs_share"]["value"] > 0.5  # its bill is proportional to what was drawn
    assert spreads["cloud-only"]["inputs"] > 2 * spreads["spot-first"]["inputs"]
    (tiny / "draws.csv").write_text("supply.cloud.usd_per_gpu_hour,horizon\n1.0,10 d\n2.0,20 d\n3.0,30 d\n")
    code, out, _ = run(*words, "--inputs", "draws.csv")
    assert code == 0
    assert "3 draws of the inputs, 5 replications of each" in out
    for text, says in [
        ("a.b\n1\n", "at least 2 rows"),
        ("supply.cloud.usd_per_gpu_hour\n1,2\n3\n", "as many cells"),
        ("supply.cloud.usd_per_gpu_hoor\n1\n3\n", "Did you mean"),
    ]:
        (tiny / "draws.csv").write_text(text)
        code, out, err = run(*words, "--inputs", "draws.csv")
        assert (code, out) == (2, "")
        assert says in err
    assert run(*words)[0] == run(*words, "--inputs", "draws.csv", "--draws", "3")[0] == 2


def test_choose_names_the_best_and_what_each_policy_took(tiny: pathlib.Path, run: Run) -> None:
    words = ("choose", "tiny.yaml", "-j", "1", "-q", "--metric", "total_cost_usd", "--delta")
    found = json.loads(run(*words, "5", "--json")[1])
    assert (found["best"], found["decided"]) == ("spot-first", True)
    assert found["means"]["spot-first"] < found["means"]["cloud-only"]
    assert 10 <= found["replications"]["cloud-only"] == found["replications"]["spot-first"] < 100
    code, out, _ = run(*words, "5")
    assert code == 0
    assert "* spot-first" in out
    code, out, _ = run(*words, "0.001", "-n", "10")
    assert "Not decided after 10 replications" in out
    assert run(*words, "0")[0] == run(*words, "5", "--chance", "1")[0] == 2


def test_every_verb_of_studies_runs_on_a_cluster_where_one_is_named(
    tiny: pathlib.Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    from marketsim.experiment import runners

    asked: list[str | None] = []

    def make(workers: int | None = None, cluster: str | None = None) -> runners.Runner:
        asked.append(cluster)
        return runners.Serial()

    monkeypatch.setattr(runners, "make", make)
    over = ("--over", "supply.cloud.usd_per_gpu_hour=1.0,2.0")
    rest = ("tiny.yaml", "-n", "2", "-q", "--cluster", "tcp://host:8786")
    assert run("what-if", *rest, "--set", "supply.cloud.usd_per_gpu_hour=3")[0] == 0
    assert run("sweep", *rest, *over)[0] == 0
    assert run("sensitivity", *rest, *over)[0] == 0
    assert run("run", *rest, "--no-pictures")[0] == 0
    assert asked == ["tcp://host:8786"] * 4


def test_one_price_path_in_all_replications_is_warned_of_by_every_verb(tiny: pathlib.Path, run: Run) -> None:
    (tiny / "prices.csv").write_text("time_s,usd_per_gpu_hour\n0,2.0\n86400,2.5\n")
    text = TINY.replace("usd_per_gpu_hour: 2\n", "usd_per_gpu_hour: {kind: replay, file: prices.csv, fill: hold}\n")
    (tiny / "tiny.yaml").write_text(text)
    says = "one price path in all 3 replications, so the intervals say nothing about other prices"
    rest = ("tiny.yaml", "-n", "3", "-j", "1", "--policy", "cloud-only")
    assert says in run("run", *rest, "--no-pictures")[2]
    assert says in run("what-if", *rest, "--set", "supply.cloud-spot.usd_per_gpu_hour=1")[2]
    assert says in run("sweep", *rest, "--over", "supply.cloud-spot.usd_per_gpu_hour=1.0..2.0:2")[2]


def test_the_table_of_a_run_keeps_three_spreads_apart_once_n_shows_a_range(tiny: pathlib.Path, run: Run) -> None:
    code, out, _ = run("run", "tiny.yaml", "-n", "10", "-j", "1", "-q", "--no-pictures")
    assert code == 0
    for head in ("error of", "P10 to P90 of", "uncertain"):
        assert head in out
    assert all(len(line) <= 80 for line in out.splitlines())
    assert "P10" not in run("run", "tiny.yaml", "-n", "9", "-j", "1", "-q", "--no-pictures", "--out", "few")[1]


def test_rows_of_another_version_are_taken_only_where_that_is_forced(
    tiny: pathlib.Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    from marketsim.experiment import study

    real = study.versions()
    monkeypatch.setattr(study, "versions", lambda: {**real, "numpy": "1.0"})
    words = ("run", "tiny.yaml", "-n", "1", "-j", "1", "-q", "--no-pictures")
    assert run(*words)[0] == 0
    monkeypatch.setattr(study, "versions", lambda: real)
    code, _, err = run(*words)
    assert code == 2
    assert "--force" in err
    assert run(*words, "--force")[0] == 0


def test_compare_pairs_two_folders(tiny: pathlib.Path, run: Run) -> None:
    rest = ("-n", "3", "-j", "1", "-q", "--no-pictures", "--out")
    run("run", "tiny.yaml", *rest, "a")
    run("run", "tiny.yaml", "--set", "supply.cloud.usd_per_gpu_hour=4", *rest, "b")
    code, out, _ = run("compare", "a", "b", "--json", "--metric", "total_cost_usd")
    assert code == 0
    row = next(row for row in json.loads(out) if row["policy"] == "cloud-only")
    assert row["share"] == pytest.approx(1.0)
    code, out, _ = run("compare", "a")
    assert code == 0
    assert "cloud-only" in out


def test_what_cannot_be_compared_is_refused_and_what_must_be_known_is_told(tiny: pathlib.Path, run: Run) -> None:
    rest = ("-n", "2", "-j", "1", "-q", "--no-pictures", "--out")
    run("run", "tiny.yaml", *rest, "a")
    run("run", "tiny.yaml", "--policy", "spot-first", *rest, "spot")
    run("run", "tiny.yaml", "--policy", "cloud-only", "--set", "demand.train.work_gpu_hours.p90=9", *rest, "cloud")
    run("run", "tiny.yaml", "--set", "horizon=10 d", *rest, "short")
    run("run", "tiny.yaml", "--seed", "9", *rest, "other")
    run("run", "tiny.yaml", "--antithetic", *rest, "pairs")
    for second, says in [
        ("short", "their horizons are 20 d and 10 d"),
        ("nowhere", "nowhere"),
    ]:
        code, out, err = run("compare", "a", second)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert says in err
    code, out, err = run("compare", "spot", "cloud")
    assert (code, out) == (2, "")
    assert "no policy is in both: spot-first in the first, cloud-only in the second" in err
    code, out, err = run("compare", "a", "spot", "--metric", "total_cost")
    assert (code, out) == (2, "")
    assert "Did you mean total_cost_usd?" in err
    for second, note in [
        ("cloud", "the dice are the same but not the worlds they make"),
        ("other", "not compared in pairs: their seeds differ"),
        ("pairs", "not compared in pairs: only one is antithetic"),
    ]:
        code, _, err = run("compare", "a", second)
        assert code == 0
        assert note in err
    assert run("compare", "a", "spot")[2] == ""  # the same scenario, seed and worlds: nothing to be told


def test_what_n_replications_do_not_support_is_refused_with_the_n_that_would(tiny: pathlib.Path, run: Run) -> None:
    run("run", "tiny.yaml", "-n", "40", "-j", "1", "-q", "--no-pictures", "--policy", "cloud-only", "--out", "a")
    found = {row["what"]: row for row in json.loads(run("compare", "a", "--risk", "--json")[1])}
    assert found["P90"]["low"] < found["P90"]["value"] < found["P90"]["high"]
    assert (found["P95"]["value"], found["P95"]["note"]) == (None, "needs n >= 72, has 40")
    assert (found["CVaR95"]["value"], found["CVaR95"]["note"]) == (None, "needs n >= 400, has 40")
    code, out, _ = run("compare", "a", "--risk")
    assert code == 0
    assert "needs n >= 400, has 40" in out


def test_controls_narrow_a_mean_that_hangs_on_the_work(tiny: pathlib.Path, run: Run) -> None:
    run("run", "tiny.yaml", "-n", "20", "-j", "1", "-q", "--no-pictures", "--out", "a")
    words = ("compare", "a", "--controls", "40", "--metric", "total_cost_usd")
    document = json.loads(run(*words, "--json")[1])
    assert document["controls"] == ["offered_gpu_h", "open_share/offer/cloud-spot"]
    cloud = next(row for row in document["rows"] if row["policy"] == "cloud-only" and row["to"] is None)
    width = {kind: cloud[kind]["high"] - cloud[kind]["low"] for kind in ("plain", "controlled")}
    assert width["controlled"] < 0.8 * width["plain"]
    assert "offered_gpu_h" in run(*words)[1]


@pytest.mark.slow
def test_the_report_of_a_folder_is_written_into_it(tiny: pathlib.Path, run: Run) -> None:
    run("run", "tiny.yaml", "-n", "3", "-j", "1", "-q")
    assert {path.suffix for path in (tiny / "results/tiny/figures").iterdir()} >= {".png", ".svg", ".csv", ".json"}
    (tiny / "results/tiny/report.html").unlink()
    run("run", "tiny.yaml", "-n", "3", "-j", "1", "-q")
    code, out, _ = run("report", "results/tiny")
    assert code == 0
    assert pathlib.Path(out.strip()).read_text(encoding="utf-8").startswith("<!")


def test_init_writes_a_scenario_that_is_right_under_its_own_name(tiny: pathlib.Path, run: Run) -> None:
    code, out, _ = run("init", "mine.yaml", "--like", "speech", "--name", "=Mine: 1")
    assert code == 0
    assert "marketsim check mine.yaml" in out
    assert run("check", "mine.yaml")[0] == 0
    assert run("show", "mine.yaml", "name")[1].strip() == "'=Mine: 1'"


def test_show_gives_text_that_is_read_back(tiny: pathlib.Path, run: Run) -> None:
    code, out, _ = run("show", "tiny.yaml", "--set", "seed=7")
    assert code == 0
    (tiny / "again.yaml").write_text(out)
    assert run("check", "again.yaml")[0] == 0
    assert run("show", "again.yaml")[1] == out


def test_list_show_and_schema_know_every_family(run: Run) -> None:
    from marketsim import families

    found = json.loads(run("list", "--json")[1])
    assert set(found) == set(families.FAMILIES)
    for family in ("demand", "prices", "supply", "placement", "queue", "procurement", "levers", "metrics"):
        assert found[family]
        assert all(text for text in found[family].values())
        code, out, _ = run("show", f"{family}.{next(iter(found[family]))}")
        assert (code, bool(out)) == (0, True)
    schema = json.loads(run("schema")[1])
    assert {"name", "demand", "supply"} == set(schema["required"])
    assert json.loads(run("schema", "supply.spot")[1])["properties"]["notice"]["type"] == "string"


def test_no_colour_where_stdout_is_no_terminal() -> None:
    done = marketsim("list", "prices", env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "80"})
    assert done.returncode == 0
    assert "\x1b" not in done.stdout
    assert all(len(line) <= 80 for line in done.stdout.splitlines())


def test_a_reader_that_leaves_is_left_quietly() -> None:
    command = f"{sys.executable} -c 'from marketsim.cli.main import run_and_exit; run_and_exit()' schema"
    done = subprocess.run(
        ["bash", "-c", f"{command} | head -1; exit ${{PIPESTATUS[0]}}"], capture_output=True, text=True, check=False
    )
    assert done.stdout == "{\n"
    assert done.stderr == ""
    assert done.returncode in (0, 141)


@pytest.mark.skipif(not pathlib.Path("/dev/full").exists(), reason="no /dev/full here")
def test_an_answer_that_cannot_be_written_ends_with_one() -> None:
    command = f"{sys.executable} -c 'from marketsim.cli.main import run_and_exit; run_and_exit()' list prices"
    done = subprocess.run(["bash", "-c", f"{command} > /dev/full"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "space" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_run_says_how_to_go_on(tiny: pathlib.Path, number: signal.Signals, code: int) -> None:
    words = ["run", "tiny.yaml", "-n", "100000", "-j", "1", "--no-pictures"]
    command = [sys.executable, "-c", "from marketsim.cli.main import run_and_exit; run_and_exit()", *words]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    store = tiny / "results/tiny/store.sqlite"
    for _ in range(400):
        if store.exists():
            break
        time.sleep(0.05)
    time.sleep(1.0)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    assert out == ""
    assert err.splitlines()[-1].startswith("error: ")
    assert err.rstrip().endswith("to go on: marketsim run tiny.yaml -n 100000 -j 1 --no-pictures --resume")


@pytest.mark.parametrize("name", shipped.names())
def test_a_shipped_scenario_runs_and_its_policies_differ(name: str, tiny: pathlib.Path, run: Run) -> None:
    path = str(shipped.path(name))
    words = ("-n", "1", "-j", "1", "--json", "-q", "--no-pictures", "--set", "horizon=4 months")
    code, out, err = run("run", path, *words)
    assert code == 0, err
    costs = [cells["total_cost_usd"]["mean"] for cells in json.loads(out)["policies"].values()]
    assert len(costs) >= (15 if name == "startup" else 2)
    assert len(set(costs)) == len(costs)


def test_an_unknown_shipped_scenario_is_told() -> None:
    with pytest.raises(InputError, match="Did you mean startup"):
        shipped.path("start-up")


@pytest.mark.slow
def test_the_same_bytes_whatever_the_workers_the_hash_seed_and_the_time_zone(tiny: pathlib.Path) -> None:
    outs = set()
    for place, (workers, hash_seed, zone) in enumerate([("1", "0", "UTC"), ("2", "1", "Pacific/Chatham")]):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "TZ": zone}
        words = ("run", str(shipped.path("startup")), "-n", "3", "--seed", "1", "--json", "-q", "--no-pictures")
        done = marketsim(*words, "-j", workers, "--out", f"r{place}", "--set", "horizon=3 months", env=environment)
        assert done.returncode == 0, done.stderr
        outs.add(done.stdout)
    assert len(outs) == 1


@pytest.mark.slow
def test_demo_runs_and_says_what_to_type_next(tiny: pathlib.Path, run: Run) -> None:
    code, out, _ = run("demo", "-n", "1", "-q")
    assert code == 0
    assert "Next: marketsim init" in out
    assert "Pictures:" in out
    assert "Report:" in out


def test_an_export_of_results_is_of_the_run_that_they_tell_of(tiny: pathlib.Path, run: Run) -> None:
    """With the settings that were changed for it, and of pairs of throws the one that is asked for."""
    import csv

    edit = "supply.cloud.usd_per_gpu_hour=5"
    rest = ("--policy", "cloud-only", "-n", "4", "--antithetic", "--set", edit, "--no-pictures", "-q", "-j", "1")
    run("run", "tiny.yaml", *rest, "--out", "kept")
    with open("kept/replications.csv", encoding="utf-8") as stream:
        cost = {row["replication"]: float(row["total_cost_usd"]) for row in csv.DictReader(stream)}
    for replication in ("1", "2"):
        code, out, err = run("export", "kept", "--replication", replication, "-q")
        assert code == 0, err
        charges = csv.DictReader(out.splitlines())
        assert sum(float(row["EffectiveCost"]) for row in charges) == pytest.approx(cost[replication], abs=1e-4)


def test_what_is_undefined_under_every_policy_is_compared_with_nothing_in_a_line(tiny: pathlib.Path, run: Run) -> None:
    """Without deadlines no share of them is missed."""
    text = pathlib.Path("tiny.yaml").read_text(encoding="utf-8")
    kept = [line for line in text.splitlines() if "deadline:" not in line]
    pathlib.Path("calm.yaml").write_text("\n".join(kept) + "\n", encoding="utf-8")
    metric, price = ("--metric", "missed_deadline_share"), ("--over", "supply.cloud.usd_per_gpu_hour=1,2")
    how = ("-n", "3", "-q", "-j", "1")
    assert run("run", "calm.yaml", *how, "--no-pictures", "--out", "calm")[0] == 0
    for words in (("--controls", "2"), ("--risk",)):
        code, _, err = run("compare", "calm", *words, *metric)
        assert (code, err.count("\n")) == (2, 1)
        assert "undefined under every policy" in err
    code, out, err = run("sweep", "calm.yaml", *price, *metric, *how)
    assert (code, err) == (0, "")
    assert "break even" not in out
    two = ("--policy", "cloud-only", "--policy", "spot-first")
    code, _, err = run("breakeven", "calm.yaml", *price, *metric, *two, *how)
    assert (code, err.count("\n")) == (2, 1)
    assert "undefined in every replication" in err


def test_draws_may_end_in_a_blank_line_and_a_cell_without_end_is_told(tiny: pathlib.Path, run: Run) -> None:
    words = ("sensitivity", "tiny.yaml", "--inputs", "draws.csv", "-n", "2", "-q", "-j", "1", "--policy", "cloud-only")
    pathlib.Path("draws.csv").write_text("supply.cloud.usd_per_gpu_hour\n1\n2\n\n", encoding="utf-8")
    assert run(*words)[0] == 0
    pathlib.Path("draws.csv").write_text("supply.cloud.usd_per_gpu_hour\n" + "1" * 200_000 + "\n2\n", encoding="utf-8")
    code, _, err = run(*words)
    assert (code, err.count("\n")) == (2, 1)
    assert "draws.csv:2: cannot be read as CSV" in err


def test_a_run_of_a_recorded_workload_has_the_pictures_of_a_single_run_too(tiny: pathlib.Path, run: Run) -> None:
    """Its file lies beside the scenario, and not among the results."""
    rows = "job,submit_s,duration_s,gpus\na,0,3600,1\nb,100,7200,1\n"
    pathlib.Path("jobs.csv").write_text(rows, encoding="utf-8")
    head, _, rest = TINY.partition("demand:\n")
    _, _, supply = rest.partition("supply:\n")
    text = f"{head}demand:\n  work: {{kind: trace, file: jobs.csv, reference_gpu: H100}}\nsupply:\n{supply}"
    pathlib.Path("recorded.yaml").write_text(text, encoding="utf-8")
    code, _, err = run("run", "recorded.yaml", "-n", "1", "-q", "-j", "1", "--policy", "cloud-only", "--out", "kept")
    assert code == 0, err
    assert "no such file" not in pathlib.Path("kept/report.html").read_text(encoding="utf-8")
    assert pathlib.Path("kept/figures/demand_capacity.csv").is_file()
    for words in (("explain", "kept", "--job", "a"), ("export", "kept"), ("compare", "kept", "--controls", "2")):
        code, _, err = run(*words)
        assert (code, "there is no such file" in err) == (2, True)
        code, _, err = run(*words, "--data", ".")
        assert code == 0, err
    assert run("report", "kept", "--out", "again.html", "--data", ".")[0] == 0
    assert "no such file" not in pathlib.Path("again.html").read_text(encoding="utf-8")
