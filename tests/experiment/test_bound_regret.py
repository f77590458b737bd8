"""Regret and the price of not knowing: figures a pencil gives, twins found by settings, the face of the command."""

from __future__ import annotations

import json
import math
import pathlib

import pytest

from marketsim import scenario as scenarios
from marketsim.cli.main import main
from marketsim.experiment.bound.regret import knows, regrets, twins_of

POLICIES = """
  by-guess: {queue: {kind: sjf}, placement: {kind: on_demand_only}}
  by-truth: {queue: {kind: clairvoyant_sjf}, placement: {kind: on_demand_only}}
  in-turn: {queue: {kind: fifo}, placement: {kind: on_demand_only}}
  by-guess-elsewhere: {queue: {kind: sjf}, placement: {kind: cheapest_feasible}}
  rents: {procurement: {kind: reserve_quantile, offer: lease, forecast: {kind: seasonal_naive}}}
  rents-foreseeing: {procurement: {kind: reserve_quantile, offer: lease, forecast: {kind: perfect}}}
"""
SCENARIO = f"""\
name: twins
horizon: 10 d
demand:
  train:
    kind: training
    arrivals: {{kind: poisson, per_day: 3}}
    work_gpu_hours: {{kind: lognormal, median: 4, p90: 8}}
    estimate: {{kind: lognormal, sigma: 0.5}}
    deadline: {{kind: after_arrival, within: 12 h, usd_per_late_day: 100}}
supply:
  cloud:
    kind: on_demand
    provider: AWS
    shape: {{gpu: H100, gpus: 1}}
    usd_per_gpu_hour: 2
    quota_instances: {{initial: 1}}
  lease: {{kind: rental, provider: X, shape: {{gpu: H100, gpus: 1}}, usd_per_gpu_hour: 1.2, term: 5 d, lead: 0 d}}
policies:{POLICIES}"""


@pytest.fixture
def settings():
    return scenarios.loads(SCENARIO).policies


def test_a_twin_differs_in_nothing_but_that_it_knows(settings):
    assert twins_of(settings) == {"by-guess": "by-truth", "rents": "rents-foreseeing"}
    assert [name for name in settings if knows(settings[name])] == ["by-truth", "rents-foreseeing"]


def test_regret_is_paired_with_the_bound_of_the_same_replication(settings):
    """Costs 10, 14 over bounds 8, 10: regrets 2 and 4, mean 3, half width t(1; 97.5 %) x 1 = 12.706."""
    found = regrets({"in-turn": {0: 10.0, 1: 14.0, 2: 99.0}}, {0: 8.0, 1: 10.0}, settings)[0]
    assert (found.cost.value, found.regret.value, found.regret.n) == (12.0, 3.0, 2)
    assert found.regret.half_width == pytest.approx(math.tan(0.475 * math.pi))
    assert found.times == pytest.approx(12 / 9)


def test_the_price_of_not_knowing_is_the_twin_or_else_at_most_the_best_ones_regret(settings):
    costs = {
        "by-guess": {0: 12.0, 1: 16.0},
        "by-truth": {0: 11.0, 1: 12.0},
        "in-turn": {0: 10.0, 1: 14.0},
        "rents": {0: 20.0, 1: 20.0},
    }
    found = {one.policy: one for one in regrets(costs, {0: 8.0, 1: 10.0}, settings)}
    assert (found["by-guess"].twin, found["by-guess"].not_knowing.value) == ("by-truth", 2.5)
    assert (found["by-truth"].knows, found["by-truth"].not_knowing) == (True, None)
    for name in ("in-turn", "rents"):  # the twin of `rents` was not run: the best that does not know is `in-turn`
        assert (found[name].twin, found[name].not_knowing.value) == (None, 3.0)


def test_a_policy_of_ones_own_has_no_twin_and_one_replication_has_no_interval(settings):
    (found,) = regrets({"mine": {0: 5.0}}, {0: 4.0}, settings)
    assert (found.not_knowing.value, found.regret.low, found.regret.note) == (1.0, None, "needs n >= 2, has 1")


def test_the_command_prints_all_of_it_as_a_table_and_as_one_document(tmp_path: pathlib.Path, capfd):
    path = tmp_path / "twins.yaml"
    path.write_text(SCENARIO)
    words = ("bound", str(path), "-n", "3", "-j", "1", "-q", "--slot", "6 h")
    assert main((*words, "--json")) == 0
    document = json.loads(capfd.readouterr().out)
    assert len(document["bounds"]) == 3
    for name, one in document["policies"].items():
        assert one["regret"]["value"] >= 0, name
        assert one["cost"]["value"] == pytest.approx(document["bound"]["value"] + one["regret"]["value"])
        assert (one["not_knowing"] is None) == one["knows"]
    guess, truth = (document["policies"][name] for name in ("by-guess", "by-truth"))
    assert guess["not_knowing"]["value"] == pytest.approx(guess["cost"]["value"] - truth["cost"]["value"])
    assert main(words) == 0
    out = capfd.readouterr().out
    assert "not knowing" in out
    assert "by-truth, which knows" in out.replace("\n  ", " ")
    assert all(len(line) <= 80 for line in out.splitlines())
