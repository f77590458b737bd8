"""A scenario that runs in milliseconds: a few jobs, two offers, two policies."""

from __future__ import annotations

import pathlib

import pytest

TEXT = """
name: tiny
horizon: 10 d
demand:
  work:
    kind: experiments
    arrivals: {kind: poisson, per_day: 3}
    work_gpu_hours: {kind: lognormal, median: 4, p90: 12}
    reference_gpu: H100
    deadline: {kind: after_arrival, within: 12 h, usd_per_late_day: 50, usd_at_most: 500}
supply:
  cloud:
    kind: on_demand
    provider: Cloud
    shape: {gpu: H100, gpus: 1}
    usd_per_gpu_hour: 2.0
    quota_instances: {initial: 2}
  cloud-spot:
    kind: spot
    provider: Cloud
    shape: {gpu: H100, gpus: 1}
    usd_per_gpu_hour: 1.0
    availability: {kind: two_state, preset: v100-us-west-2a-8gpu}
policies:
  cheapest: {placement: {kind: cheapest_feasible}}
  on-demand: {placement: {kind: on_demand_only}}
"""


@pytest.fixture(scope="session")
def tiny_text() -> str:
    return TEXT


@pytest.fixture(scope="session")
def tiny_scenario():
    from marketsim import scenario

    return scenario.loads(TEXT, pathlib.Path(__file__).parent)
