"""Each placement rule on a world so small that a pencil says where a job goes, and when."""

from __future__ import annotations

from typing import Any

import pytest
from small_worlds import Job, checkpointed, market, need, own, rules, spot, steps, world
from small_worlds import spells as spells_of

from marketsim.demand.job import Autoscale, Service
from marketsim.engine.run import run
from marketsim.path import Path
from marketsim.policies.placement import KINDS
from marketsim.units import UNLIMITED
from marketsim.world import Order

KEPT = checkpointed(0)  # work is never lost
NONE = 0  # of a spot offer: never there


def spells(made: Any, kind: str, blocking: str = "skipping", **settings: Any) -> dict[int, list[tuple[str, int, int]]]:
    """(offer, start, stop) of the attempts of each job."""
    rule = KINDS[kind].model_validate(settings)
    found = spells_of(made, run(made, rules(rule, blocking=blocking)))
    return {job: [(one.offer, one.start_s, one.stop_s) for one in attempts] for job, attempts in found.items()}


def first(made: Any, kind: str, **settings: Any) -> list[tuple[str, int, int]]:
    return spells(made, kind, **settings)[0]


def cloud_and_spot(job: Job, there: Any, **more: Any) -> Any:
    """One job, spot where and when it is there, on demand always."""
    return world([job], [spot(there=there, **more), market()], horizon_s=2_000)


# ---------------------------------------------------------------------------------------------------- spot, greedily


def test_spot_greedy_waits_for_spot_and_falls_back_when_the_wait_is_over():
    made = cloud_and_spot(Job(0, 100, KEPT), steps((0, 0), (100, 9)))
    assert first(made, "spot_greedy", wait_before_fallback="50 s") == [("cloud", 50, 150)]
    assert first(made, "spot_greedy", wait_before_fallback="200 s") == [("spot", 100, 200)]


def test_spot_greedy_leaves_spot_alone_that_is_dearer_than_its_caps():
    """1.9 of 3.6 USD is a share of 0.53."""
    made = cloud_and_spot(Job(0, 100, KEPT), 9, usd_per_hour=1.9)
    wait = {"wait_before_fallback": "20 s"}
    assert first(made, "spot_greedy", max_spot_price_share=0.5, **wait) == [("cloud", 20, 120)]
    assert first(made, "spot_greedy", max_usd_per_gpu_hour=1.8, **wait) == [("cloud", 20, 120)]
    assert first(made, "spot_greedy", max_usd_per_gpu_hour=2.0, **wait) == [("spot", 0, 100)]


def test_spot_greedy_spreads_its_share_of_on_demand_over_the_jobs():
    made = world([Job(0, 10, KEPT) for _ in range(4)], [spot(), market()])
    found = spells(made, "spot_greedy", min_on_demand_share=0.5)
    assert [found[job][0][0] for job in range(4)] == ["spot", "cloud", "spot", "cloud"]


def test_spot_greedy_goes_back_to_spot_at_a_review():
    """110 s are done on demand when the review at 120 s finds spot again."""
    made = cloud_and_spot(Job(0, 300, KEPT), steps((0, 0), (100, 9)))
    found = first(made, "spot_greedy", wait_before_fallback="10 s", return_to_spot=True, review="60 s")
    assert found == [("cloud", 10, 120), ("spot", 120, 310)]


def test_spot_greedy_gives_spot_up_after_attempts_that_kept_nothing():
    """Spells of 10 s, a checkpoint each 100 s: two attempts in vain, then on demand to the end."""
    there = steps((0, 9), (10, 0), (20, 9), (30, 0), (40, 9))
    made = cloud_and_spot(Job(0, 100, checkpointed(100)), there)
    found = first(made, "spot_greedy", wait_before_fallback="never", give_up_after=2)
    assert found == [("spot", 0, 10), ("spot", 20, 30), ("cloud", 30, 130)]


# ------------------------------------------------------------------------------ once a slot, by the published rules

SLOTS = {"decide_every": "100 s"}


def test_spot_only_takes_what_is_there_when_its_slot_begins():
    made = cloud_and_spot(Job(0, 50, KEPT), steps((0, 0), (250, 9)))
    assert first(made, "spot_only", **SLOTS) == [("spot", 300, 350)]


def test_greedy_waits_until_the_work_just_fits_in_whole_slots():
    """250 s of work take three slots; at 200 s three are left before 500 s."""
    made = cloud_and_spot(Job(0, 250, KEPT, 500), NONE)
    assert first(made, "greedy", **SLOTS) == [("cloud", 200, 450)]


def test_greedy_safe_keeps_a_slot_for_a_second_launch_where_launches_take_time():
    """Work and launch take three slots, with a second launch four: so it goes at 100 s and not at 200 s."""
    slow = checkpointed(0, restart_s=50, start_s=50)
    made = cloud_and_spot(Job(0, 250, slow, 500), NONE)
    assert first(made, "greedy", **SLOTS) == [("cloud", 200, 500)]
    assert first(made, "greedy_safe", **SLOTS) == [("cloud", 100, 400)]


def test_time_sliced_does_each_slice_its_share():
    """Two slices of 200 s with 100 s of work each: a slot of waiting, a slot of work, twice."""
    made = cloud_and_spot(Job(0, 200, KEPT, 400), NONE)
    assert first(made, "time_sliced", slice="200 s", **SLOTS) == [("cloud", 100, 200), ("cloud", 300, 400)]


def test_uniform_progress_stays_on_the_line_and_hysteresis_keeps_it_from_flapping():
    """Half of the work is due at half of the time: behind the line at 100 s, on it at 200 s."""
    made = cloud_and_spot(Job(0, 200, KEPT, 400), NONE)
    assert first(made, "uniform_progress", **SLOTS) == [("cloud", 100, 300)]
    assert first(made, "uniform_progress", hysteresis=False, **SLOTS) == [("cloud", 100, 200), ("cloud", 300, 400)]


def test_multi_zone_progress_moves_to_a_zone_that_became_cheaper():
    """2 USD against 3, then against 1 from 150 s on: the slot at 200 s sees it, and a launch costs nothing."""
    zones = [spot("a", usd_per_hour=2.0), spot("b", usd_per_hour=steps((0, 3.0), (150, 1.0)))]
    made = world([Job(0, 500, KEPT, 9_000)], [*zones, market()])
    assert first(made, "multi_zone_progress", **SLOTS) == [("a", 0, 200), ("b", 200, 500)]


@pytest.mark.parametrize(("due_s", "start_s"), [(1_000, 0), (1_600, 300)])
def test_spot_utility_takes_spot_once_progress_is_worth_its_price(due_s: int, start_s: int):
    """Spot at 1 of 3.6 USD is worth it from a pressure of 0.278 on.

    The pressure is 360 s of work over the time left less a slot: 0.4 at once; or 0.277 at 200 s and 0.3 at 300 s.
    """
    made = cloud_and_spot(Job(0, 360, KEPT, due_s), 9, usd_per_hour=1.0)
    assert first(made, "spot_utility", **SLOTS) == [("spot", start_s, start_s + 360)]


def test_spot_utility_goes_on_demand_when_the_pressure_is_one():
    """Of 1,000 s less a slot, 400 s are left at 500 s and 300 s at 600 s, for 360 s of work."""
    made = cloud_and_spot(Job(0, 360, KEPT, 1_000), NONE)
    assert first(made, "spot_utility", **SLOTS) == [("cloud", 600, 960)]


# --------------------------------------------------------------------------------------------------- the others


@pytest.mark.parametrize(("there", "wanted"), [(230, ("spot", 230, 330)), (9_999, ("cloud", 250, 350))])
def test_escalation_climbs_as_the_slack_runs_out(there: int, wanted: tuple[str, int, int]):
    """100 s of work due at 400 s: slack 100 s at 200 s, when spot will do, and 50 s at 250 s, when on-demand must."""
    made = cloud_and_spot(Job(0, 100, KEPT, 400), steps((0, 0), (there, 9)))
    assert first(made, "least_slack_escalation", patient="100 s", hurry="50 s", hurry_share=0.0) == [wanted]


def test_escalation_takes_what_is_owned_at_any_slack():
    made = world([Job(0, 100, KEPT, 9_000)], [own(), spot(), market()], orders=(Order("own", 1),))
    assert first(made, "least_slack_escalation") == [("own", 0, 100)]


@pytest.mark.parametrize(
    ("there", "due_s", "wanted"),
    [(9, 130, ("spot", 0, 100)), (9, 120, ("cloud", 0, 100)), (NONE, 400, ("cloud", 240, 340))],
    ids=["spot is in time with its margin", "it is not", "the slack is waited out"],
)
def test_cheapest_feasible_counts_spot_with_a_margin(there: int, due_s: int, wanted: tuple[str, int, int]):
    """100 s count as 125 s on spot; without spot, on demand when 60 s of slack are left."""
    made = cloud_and_spot(Job(0, 100, KEPT, due_s), there, usd_per_hour=1.0)
    assert first(made, "cheapest_feasible", spot_margin=0.25, keep_slack="60 s") == [wanted]


@pytest.mark.parametrize(
    ("budget", "start_s"),
    [
        ({"kind": "zero"}, 0),
        ({"kind": "constant", "wait": "30 s"}, 30),
        ({"kind": "by_length", "short": "10 s", "long": "70 s", "limit": "2 min"}, 10),
        ({"kind": "by_length", "short": "10 s", "long": "70 s", "limit": "1 min"}, 70),
        ({"kind": "linear_runtime", "factor": 0.5}, 50),
        ({"kind": "linear_capacity", "seconds_per_gpu": 20.0}, 40),
        ({"kind": "linear_cost", "factor": 0.1}, 20),
    ],
    ids=lambda value: value["kind"] if isinstance(value, dict) else "",
)
def test_committed_first_bursts_when_the_budget_of_its_kind_is_over(budget: dict[str, Any], start_s: int):
    """Our own two GPUs are taken for 1,000 s; the job asks for two GPUs for 100 s, so 200 GPU-seconds."""
    two = need(2)
    jobs = [Job(0, 1_000, two), Job(0, 100, two)]
    made = world(jobs, [own(gpus=2), market(gpus=2)], orders=(Order("own", 1),), horizon_s=2_000)
    found = spells(made, "committed_first", burst_after=budget)
    assert found == {0: [("own", 0, 1_000)], 1: [("cloud", start_s, start_s + 100)]}


@pytest.mark.parametrize(("count", "shape"), [(1, "small"), (3, "small"), (4, "big")])
def test_pack_shapes_opens_the_big_one_once_the_jobs_that_wait_fill_it(count: int, shape: str):
    """Each would pay 3.6 USD alone: three give 10.8 for what costs 12, four 14.4."""
    offers = [market("small", gpus=1, usd_per_hour=3.6), market("big", gpus=4, usd_per_hour=12.0)]
    found = spells(world([Job(0, 50, KEPT) for _ in range(count)], offers), "pack_shapes")
    assert [found[job] for job in range(count)] == [[(shape, 0, 50)]] * count


def test_data_aware_without_data_goes_where_the_run_costs_least_and_to_spot_only_if_told():
    offers = [market("dear"), market("cheap", usd_per_hour=2.0), spot(usd_per_hour=1.0)]
    made = world([Job(0, 100, KEPT)], offers)
    assert first(made, "data_aware") == [("cheap", 0, 100)]
    assert first(made, "data_aware", spot=True) == [("spot", 0, 100)]


@pytest.mark.parametrize(("can_start", "held_s"), [(UNLIMITED, 120), (1, 300)], ids=["plenty", "the last one"])
def test_hold_when_scarce_holds_for_a_boot_and_longer_where_starts_are_scarce(can_start: int, held_s: int):
    """Up at 120 s, empty at 220 s. With plenty only the boot is at stake; the last one is worth the longest hold."""
    made = world([Job(0, 100, KEPT)], [market(can_start=can_start, boot_s=120)], horizon_s=2_000)
    rule = KINDS["hold_when_scarce"].model_validate({"rule": {"kind": "on_demand_only"}, "at_most": "300 s"})
    ledger = run(made, rules(rule))
    assert ledger.released.column("t_s").tolist() == [220 + held_s]


def test_data_aware_moves_the_data_once_staying_with_them_has_cost_as_much():
    """100 s cost 0.10 USD where the data are and 0.05 elsewhere, the way there 0.09: two jobs pay for it, the second.

    From then on the data lie where it is cheap.
    """
    data = need(data_gb=10.0)
    home = market("home", provider="a", data_here=("work",), usd_per_gb_out=0.009)
    cheap = market("cheap", provider="b", usd_per_hour=1.8)
    made = world([Job(at_s, 100, data) for at_s in (0, 200, 400)], [home, cheap])
    found = spells(made, "data_aware")
    assert [found[job][0][0] for job in range(3)] == ["home", "cheap", "cheap"]


@pytest.mark.parametrize(("there", "on_spot", "on_demand"), [(9, 4, 1), (2, 2, 3), (0, 0, 4)])
def test_spot_hedge_keeps_a_base_and_spares_and_fills_what_spot_lacks(there: int, on_spot: int, on_demand: int):
    """Four replicas: one always on demand, three and a spare on spot, and of the three what spot cannot give."""
    traffic = Service(
        "chat", Path.constant(40.0), need(workload="chat"), {"GPU": 10.0}, autoscale=Autoscale(10, 0.0, 0)
    )
    made = world([], [spot(there=there), market()], services=(traffic,), horizon_s=100)
    rule = KINDS["spot_hedge"].model_validate({"base_share": 0.25, "spare_share": 0.1, "least_spares": 1})
    ledger = run(made, rules(rule))
    launched = [made.offers[offer].id for offer in ledger.launched.column("offer").tolist()]
    assert (launched.count("spot"), launched.count("cloud")) == (on_spot, on_demand)
