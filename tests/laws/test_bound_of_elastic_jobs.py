"""No run of elastic jobs comes below the hindsight bound, and to allow more sizes never raises it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from random_worlds import policies, worlds
from small_worlds import Lease

from marketsim.demand.job import NEVER
from marketsim.engine.run import run
from marketsim.experiment.bound.market import Served, lower_bound
from marketsim.metrics.measure import measure
from marketsim.policies import policy as say
from marketsim.world import World

SLOT_S = 20
CENT = 1e-6  # USD


def check_bounds(made: World, policy: say.Policy) -> None:
    """Of a world with its elastic jobs, and of the same where each has one size."""
    bought = replace(made.offers[0], commitment=Lease(None, micro_per_s=2))  # the bound asks for terms of what is owned
    made = replace(made, offers=(bought, *made.offers[1:]))
    rigid = replace(made, jobs=replace(made.jobs, needs=tuple(replace(one, elastic=()) for one in made.jobs.needs)))
    bounds = [lower_bound(one, SLOT_S).value_usd for one in (made, rigid)]
    assert bounds[0] <= bounds[1] + CENT
    for one, bound in zip((made, rigid), bounds, strict=True):
        ledger = run(one, policy)
        found = measure(one, ledger)
        if ledger.unpriced_jobs:
            continue
        assert (found["total_cost_usd"] or 0.0) >= lower_bound(one, SLOT_S, Served.of(one, ledger)).value_usd - CENT
        gives_up = policy.queue.capacity is not None or any(need.patience_s < NEVER for need in one.jobs.needs)
        if not gives_up:
            assert (found["total_with_penalties_usd"] or 0.0) >= bound - CENT


@settings(max_examples=15, deadline=None, derandomize=True)
@given(worlds(services=False), policies())
def test_no_run_of_elastic_jobs_comes_below_the_bound_and_more_sizes_never_raise_it(made, policy):
    check_bounds(made, policy)


@pytest.mark.slow
@settings(max_examples=1_000, deadline=None, derandomize=True)
@given(worlds(services=False), policies())
def test_many_runs_of_elastic_jobs_stay_above_the_bound(made, policy):
    check_bounds(made, policy)
