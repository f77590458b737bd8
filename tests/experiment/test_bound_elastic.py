"""The hindsight bound of elastic jobs: the cheapest size for its cost, the fastest for its speed."""

from __future__ import annotations

import pytest
from small_worlds import Decider, Job, market, need, rules, world

from marketsim.demand.job import elastic
from marketsim.engine.run import run
from marketsim.experiment.bound.market import Served, lower_bound
from marketsim.experiment.bound.rates import rates_of
from marketsim.metrics.measure import measure
from marketsim.units import HOUR_S
from marketsim.world import World

CLOSE = 2e-6  # the bound is lowered by a millionth


def one_job(hours: float, *offers: object, sigma: float, within_h: float = 100.0, small: float = 2) -> World:
    """One job of so many hours on 8 GPUs that may be started on fewer too."""
    soft = elastic(need(8), [need(small)], sigma)
    due_s = round(within_h * HOUR_S)
    return world([Job(0, round(hours * HOUR_S), soft, due_s)], offers, horizon_s=100 * HOUR_S, drain_s=0)  # type: ignore[arg-type]


def everything(made: World) -> float:
    return lower_bound(made, served=Served.everything(made)).value_usd


def test_it_pays_for_the_gpu_hours_of_the_cheapest_size() -> None:
    """6 h on 8 GPUs at sigma 0.5 are 48 GPU-hours; on 2 of them (1.5 / 4.5 of the loss) 16, at 0.45 USD each."""
    made = one_job(6, market(gpus=8), sigma=0.5)
    assert everything(made) == pytest.approx(16 * 0.45, rel=CLOSE)
    without_loss = one_job(6, market(gpus=8), sigma=0.0)
    assert everything(without_loss) == pytest.approx(48 * 0.45, rel=CLOSE)


def test_a_run_that_takes_that_size_costs_what_the_bound_says() -> None:
    made = one_job(6, market(gpus=2, usd_per_hour=0.9), sigma=0.5)
    found = measure(made, run(made, rules()))
    assert found["total_cost_usd"] == pytest.approx(8 * 0.9)
    assert everything(made) == pytest.approx(8 * 0.9, rel=CLOSE)


def test_it_is_as_fast_as_the_fastest_size() -> None:
    """On 2 GPUs it would take 8 h; on 8 of another offer 6."""
    offers = (market("small", gpus=2, usd_per_hour=0.1), market("big", gpus=8, usd_per_hour=3.6))
    found = rates_of(one_job(6, *offers, sigma=0.5))
    assert found.fastest[0] == pytest.approx(8.0)
    assert found.hours[0].tolist() == pytest.approx([8 / 48, 8 / 4 / 48])  # of 8 h on a whole, or a fourth, instance
    # no faster in all than 8 GPU-hours of work an hour, at the price of the cheapest
    assert everything(one_job(6, *offers, sigma=0.5, within_h=7)) == pytest.approx(8 * 0.1, rel=CLOSE)


def test_work_that_is_left_undone_is_charged_no_less_than_the_bound_thinks() -> None:
    made = world([Job(0, 90, elastic(need(8), [need(2)], 0.5))], [market(gpus=8)], horizon_s=HOUR_S, drain_s=0)
    ledger = run(made, Decider(lambda view: []))
    assert measure(made, ledger)["total_cost_usd"] >= lower_bound(made, served=Served.of(made, ledger)).value_usd > 0
