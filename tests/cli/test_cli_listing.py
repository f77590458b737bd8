"""`marketsim list`: kinds with their presets, the packaged GPUs, and listed prices by words."""

from __future__ import annotations

import json

import pytest

from marketsim.cli.main import main


def told(capfd: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["list", *words]) == 0
    return " ".join(capfd.readouterr().out.split())


def test_each_preset_stands_with_the_kind_it_belongs_to(capfd: pytest.CaptureFixture[str]) -> None:
    kinds = json.loads(told(capfd, "prices", "--json"))["prices"]
    assert kinds["bootstrap"].endswith("Presets: aws-calm, aws-active.")
    assert [name for name, text in kinds.items() if "gcp-2026" in text] == ["administered_step"]
    assert kinds["auction"].endswith("Presets: aws-2015, auction.")


def test_the_gap_between_one_gpu_and_eight_of_a_kind_is_listed(capfd: pytest.CaptureFixture[str]) -> None:
    rows = json.loads(told(capfd, "prices", "h100", "aws", "us-east-1", "--json"))["catalogue"]
    spot = {float(row["gpus_per_instance"]): float(row["spot_usd_gpu_hour"]) for row in rows}
    assert spot == {8: pytest.approx(2.515), 1: pytest.approx(5.1481)}
    assert all(row["source"] and row["price_date"] for row in rows)
    printed = told(capfd, "prices", "h100", "aws", "us-east-1")
    assert "5.1481" in printed
    assert "Source:" in printed


def test_a_provider_that_has_closed_is_listed_with_that(capfd: pytest.CaptureFixture[str]) -> None:
    assert "FloydHub has closed" in told(capfd, "prices", "floydhub")
    assert "FloydHub has closed" in told(capfd, "prices")
    assert "No listed price holds h100 and nowhere." in told(capfd, "prices", "h100", "nowhere")


def test_gpus_are_listed_with_their_speed_beside_one_another(capfd: pytest.CaptureFixture[str]) -> None:
    rows = {row["gpu"]: row for row in json.loads(told(capfd, "gpus", "--json"))["gpus"]}
    assert rows["A100-80GB"]["nlp"] == rows["A100-80GB"]["general"] == "1"
    assert rows["H100"]["memory_gb"] == "80"
    assert rows["H100"]["nlp"] == "2.61"  # MLPerf BERT-99: see supply/gpus.py
    assert "Jetson AGX Orin 64GB" in rows
    assert set(json.loads(told(capfd, "gpus", "orin", "nano", "--json"))["gpus"][0].values()) >= {
        "Jetson Orin Nano Super 8GB"
    }


def test_words_choose_rows_and_no_kinds(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "supply", "cheap"]) == 2
    assert "words choose rows" in capfd.readouterr().err
