"""Today's policy: each workload where it was recorded, others in the recorded proportions."""

from __future__ import annotations

import numpy as np
import pytest

from marketsim.demand.job import Checkpoint, JobTable, Need
from marketsim.engine.run import run
from marketsim.errors import InputError
from marketsim.path import Path
from marketsim.policies import placement, queueing
from marketsim.policies.policy import Policy
from marketsim.supply.offer import Offer
from marketsim.supply.shape import Shape
from marketsim.units import UNLIMITED
from marketsim.world import World

MANY = Path.constant(UNLIMITED)


def world(workloads: tuple[str, ...], spot: Path = MANY) -> World:
    """A job of 100 s a workload, one after the other; a dear cloud and cheap spot."""
    needs = tuple(Need(name, reference_gpu="GPU", checkpoint=Checkpoint(every_s=0)) for name in workloads)
    count = len(needs)
    work = np.full(count, 100_000)
    jobs = JobTable(needs, np.arange(count), np.arange(count) * 200, work, work, np.full(count, 1_000_000))
    shape = Shape("GPU")
    offers = (
        Offer("cloud", "on_demand", shape, launchable=MANY, keepable=MANY, price=Path.constant(3.0)),
        Offer("spot", "spot", shape, launchable=spot, keepable=spot, price=Path.constant(1.0)),
    )
    return World(horizon_s=10_000, jobs=jobs, offers=offers, drain_s=10_000)


def started(of: World, **settings: object) -> list[tuple[int, str]]:
    """(second, offer) of each job's start."""
    rule = placement.KINDS["as_recorded"].model_validate(settings)
    ledger = run(of, Policy("today", queueing.KINDS["fifo"](), rule))
    rows = sorted(ledger.started.rows().tolist(), key=lambda row: row[1])
    return [(row[0], of.offers[row[3]].id) for row in rows]


def test_each_workload_goes_where_it_was_recorded_whatever_is_cheaper() -> None:
    where = {"a": "cloud", "b": "spot"}
    assert started(world(("a", "b", "a")), where=where) == [(0, "cloud"), (200, "spot"), (400, "cloud")]


def test_what_cannot_start_on_its_own_offer_takes_on_demand_after_the_wait() -> None:
    gone = Path.constant(0)
    got = started(world(("b",), gone), where={"b": "spot"}, wait_before_fallback="50 s")
    assert got == [(50, "cloud")]


def test_work_that_no_record_places_keeps_the_recorded_proportions() -> None:
    got = [offer for _, offer in started(world(("x",) * 8), shares={"cloud": 0.25, "spot": 0.75})]
    assert (got.count("cloud"), got.count("spot")) == (2, 6)


def test_without_a_record_the_cheapest_is_taken() -> None:
    assert started(world(("x",))) == [(0, "spot")]


def test_an_offer_that_is_not_there_is_told() -> None:
    with pytest.raises(InputError, match=r"no such offer.*spt.*Did you mean spot"):
        started(world(("b",)), where={"b": "spt"})
