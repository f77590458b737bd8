"""A verb that has a chart draws it where it is asked to, in the form that the name ends in, or says why not."""

from __future__ import annotations

import pathlib

import pytest

from marketsim.cli.main import main

SCENARIO = """\
name: small
horizon: 20 d
demand:
  train: {kind: training, arrivals: {kind: poisson, per_day: 2}, run_hours: 5}
supply:
  cloud: {kind: on_demand, provider: AWS, shape: {gpu: H100}, usd_per_gpu_hour: 2}
"""
HOW = ("small.yaml", "-n", "3", "-j", "1", "-q")
HALF = ("--set", "supply.cloud.usd_per_gpu_hour=1.0")
PRICE, CAPITAL = "supply.cloud.usd_per_gpu_hour=1.0..3.0", "finance.cost_of_capital_per_year=0.0..0.2"


@pytest.fixture(autouse=True)
def _here(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "small.yaml").write_text(SCENARIO, encoding="utf-8")
    monkeypatch.chdir(tmp_path)


def test_a_what_if_draws_before_and_after(capsys: pytest.CaptureFixture[str]) -> None:
    for name, begins in (("one.png", b"\x89PNG"), ("one.svg", b"<svg"), ("one.pdf", b"%PDF")):
        assert main(["what-if", *HOW, *HALF, "--picture", name]) == 0
        assert pathlib.Path(name).read_bytes().startswith(begins)
    words = pathlib.Path("one.svg").read_text(encoding="utf-8")
    assert "cheapest" in words.split("<desc>")[1].split("</desc>")[0]
    assert "told apart" in capsys.readouterr().out


def test_a_tornado_is_drawn_beside_its_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sensitivity", *HOW[:-1], "--over", PRICE, "--picture", "tornado.svg"]) == 0
    told = capsys.readouterr()
    assert "changes by" in told.out
    assert "Picture: tornado.svg" in told.err
    assert "supply.cloud.usd_per_gpu_hour" in pathlib.Path("tornado.svg").read_text(encoding="utf-8")


def test_where_nothing_could_be_shown_the_answer_stands_and_no_file_is_there(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["sensitivity", *HOW, "--over", CAPITAL, "--picture", "tornado.png"]) == 0
    told = capsys.readouterr()
    assert "changes by" in told.out
    assert "warning: no picture: no setting changes the figure" in told.err
    assert not pathlib.Path("tornado.png").exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("what-if", *HOW, *HALF, "--picture", "one.jpg"), "ends in .png, .svg, .pdf (got one.jpg)"),
        (("breakeven", *HOW, "--picture", "one"), "ends in .png, .svg, .pdf (got one)"),
        (("sensitivity", *HOW, "--over", PRICE, "--sobol", "4", "--picture", "one.png"), "--picture: no effect with"),
    ],
)
def test_what_cannot_be_drawn_is_told_before_anything_runs(
    words: tuple[str, ...], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(list(words)) == 2
    told = capsys.readouterr()
    assert says in told.err
    assert told.out == ""
    assert [path.name for path in pathlib.Path().iterdir()] == ["small.yaml"]
