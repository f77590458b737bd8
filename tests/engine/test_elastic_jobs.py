"""Elastic jobs, started at the fastest of their sizes that fits: closed forms, and stories that a pencil confirms."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from small_worlds import (
    Decider,
    Job,
    Upkeep,
    burst,
    checkpointed,
    effective,
    job_table,
    market,
    need,
    own,
    owned,
    rules,
    spells,
    spot,
    steps,
    story,
    times,
    world,
)

from marketsim.demand.job import NEVER, JobTable, Need, elastic, parallel_loss
from marketsim.engine.run import run
from marketsim.engine.setup import make_setup
from marketsim.metrics.measured import Measured
from marketsim.policies import policy as say
from marketsim.policies.placement import KINDS
from marketsim.supply.offer import OutageLaw
from marketsim.units import HOUR_S
from marketsim.world import Order, RunningJob, World


def sized(gpus: float, *others: float, sigma: float = 0.0, **more: Any) -> Need:
    """A job of so many GPUs on one instance that may be started on others too."""
    return elastic(need(gpus, **more), [need(one, **more) for one in others], sigma)


def held(made: World, policy: Any) -> dict[int, list[tuple[str, int, float, int, int]]]:
    """(offer, instances, GPUs on each, start, stop) of the attempts of each job."""
    tries = Measured(made, run(made, policy)).attempts
    found: dict[int, list[tuple[str, int, float, int, int]]] = {}
    rows = zip(tries.job, tries.offer, tries.gang, tries.milli, tries.start_s, tries.stop_s, strict=True)
    for job, offer, gang, milli, start_s, stop_s in rows:
        spell = (made.offers[offer].id, int(gang), milli / 1000, int(start_s), int(stop_s))
        found.setdefault(int(job), []).append(spell)
    return found


# ------------------------------------------------------------------------------------------------- closed forms


@pytest.mark.parametrize("sigma", [0.0, 0.02, 0.3, 1.0])
@pytest.mark.parametrize("gpus", [1, 2, 3, 8, 16])
def test_alone_on_m_gpus_it_takes_w_times_1_plus_sigma_m_minus_1_over_m(sigma, gpus):
    """W GPU-seconds on one GPU, declared on 8; to the second, and to the millionth that a speed is rounded to."""
    on_one = 100_000
    one = sized(8, *{1, 2, 3, 16} - {8}, sigma=sigma)
    table = job_table(Job(0, 1, one))
    work = round(on_one * parallel_loss(8, sigma)) * 1000
    table = replace(table, work=[work], estimate=[work])
    made = replace(owned(1, [Job(0, 1, one)], gpus=gpus, horizon_s=10, drain_s=10**7), jobs=table)
    ((_, _, size, start_s, stop_s),) = held(made, rules(burst(None)))[0]
    wanted = on_one * parallel_loss(gpus, sigma) / gpus
    assert start_s == 0
    assert stop_s == pytest.approx(wanted, rel=1e-6, abs=1)
    assert size == (1 if sigma == 1.0 else gpus)  # where more GPUs are no faster it takes no more than it needs


def test_without_loss_it_holds_as_many_gpu_seconds_at_any_size():
    one = sized(8, 1, 2, 4, 16)
    for gpus in (1, 2, 4, 8, 16):
        ((_, _, size, start_s, stop_s),) = held(owned(1, [Job(0, 60, one)], gpus=gpus), rules(burst(None)))[0]
        assert (size, size * (stop_s - start_s)) == (gpus, 480)


def test_with_loss_fewer_gpus_take_longer_and_fewer_gpu_seconds():
    """sigma 0.5: 8 GPUs are 8 / 4.5 times as fast as one, 4 are 4 / 2.5 times, 2 are 2 / 1.5 times."""
    one = sized(8, 2, 4, sigma=0.5)
    ends = [times(owned(1, [Job(0, 90, one)], gpus=gpus), rules(burst(None)))[0][1] for gpus in (8, 4, 2)]
    assert ends == [90, 100, 120]


# ------------------------------------------------------------------------------------------------- which size


def test_the_declared_size_would_wait_and_the_smaller_one_starts():
    first = Job(0, 100, need(4))
    rigid, soft = (owned(1, [first, Job(1, 50, one)], gpus=8) for one in (need(8), sized(8, 4)))
    assert times(rigid, rules(burst(None)))[1] == (100, 150)
    assert times(soft, rules(burst(None)))[1] == (1, 101)


def test_a_job_keeps_its_size_while_it_runs():
    made = owned(1, [Job(0, 10, need(4)), Job(1, 50, sized(8, 4))], gpus=8)
    assert held(made, rules(burst(None)))[1] == [("own", 1, 4.0, 1, 101)]


def test_it_takes_the_fastest_that_fits_which_may_be_more_than_it_declares():
    assert held(owned(1, [Job(0, 80, sized(4, 2, 8))], gpus=8), rules(burst(None)))[0] == [("own", 1, 8.0, 0, 40)]


def test_a_gang_shrinks_to_the_instances_that_are_free():
    gang = elastic(need(2, instances=3), [need(2, instances=1), need(2, instances=2)])
    made = owned(3, [Job(0, 100, need(2)), Job(1, 30, gang)], gpus=2, gang=3)
    assert held(made, rules(burst(None)))[1] == [("own", 2, 2.0, 1, 46)]


def test_one_instance_may_become_several_of_a_fabric():
    one = elastic(need(2), [need(2, instances=2), need(1)])
    assert held(owned(2, [Job(0, 60, one)], gpus=2, gang=2), rules(burst(None)))[0] == [("own", 2, 2.0, 0, 30)]
    assert held(owned(2, [Job(0, 60, one)], gpus=2, gang=1), rules(burst(None)))[0] == [("own", 1, 2.0, 0, 60)]


def test_sizes_stand_by_speed_and_work_is_counted_at_the_declared_one():
    one = sized(8, 2, 4, sigma=0.5)
    assert [(size.milli, size.efficiency_ppm) for size in one.elastic] == [
        (8000, 1_000_000),
        (4000, 1_800_000),
        (2000, 3_000_000),
    ]
    assert [size.elastic for size in one.sizes()] == [one.elastic, (), ()]
    assert [size.milli for size in sized(8, 2, 4, sigma=1.0).sizes()] == [2000, 4000, 8000]
    assert elastic(need(8), []) == need(8)
    with pytest.raises(ValueError, match="differ"):
        sized(8, 8)


def test_a_faster_gpu_and_the_efficiency_of_a_size_multiply():
    fast = market(gpus=2)
    fast = replace(fast, shape=replace(fast.shape, gpu="FAST"), speed_ppm={("nlp", "GPU"): 2_000_000})
    made = world([Job(0, 90, sized(8, 2, sigma=0.5))], [fast])
    assert times(made, rules())[0] == (0, 60)


@pytest.mark.parametrize("instances", [1, 2])
def test_where_every_seat_is_down_no_size_fits(instances):
    down = OutageLaw(1.0, 10.0**6, fixed_repair=True)  # after some seconds, and for good
    one = elastic(need(2, instances=instances), [need(1)])
    made = world([Job(100, 10, one)], [market(gpus=2, gang=2, outage=down)], horizon_s=200, drain_s=0)
    assert held(made, rules()) == {}


def test_where_no_group_has_all_its_seats_up_a_gang_starts_on_one():
    half_down = OutageLaw(1_000.0, 1_000.0)  # 16 seats of a group are all up once in 65,536 times
    one = elastic(need(2, instances=16), [need(2)])
    made = world([Job(5_000, 1, one)], [market(gpus=2, gang=16, outage=half_down)], horizon_s=6_000)
    assert held(made, rules())[0][0][:4] == ("cloud", 1, 2.0, 5_000)


# ------------------------------------------------------------------------------------------------- restarts


def test_a_restart_at_another_size_after_a_reclaim_keeps_the_work():
    """100 s on 8 GPUs of 300; then 4 GPUs, at sigma 0.5 nine tenths as fast, for the 200 s that are left."""
    one = sized(8, 4, sigma=0.5, checkpoint=checkpointed(0).checkpoint)
    made = world([Job(0, 300, one)], [spot(there=steps((0, 1), (100, 0)), gpus=8), market(gpus=4)])
    greedy = rules(KINDS["spot_greedy"].model_validate({"wait_before_fallback": "0 s"}))
    assert held(made, greedy)[0] == [("spot", 1, 8.0, 0, 100), ("cloud", 1, 4.0, 100, 323)]
    assert 100 + math.ceil(200 * 10 / 9) == 323
    stopped = run(made, greedy).stopped
    assert stopped.column("kept").sum() == 300 * 8000
    assert stopped.column("lost").sum() == 0


def test_a_checkpoint_saves_what_was_done_at_the_size_of_then():
    """A checkpoint each 30 s of work: of 40 s on 4 GPUs without loss, 30 s x 4 GPUs are kept."""
    one = sized(8, 4, checkpoint=checkpointed(30).checkpoint)
    made = world([Job(0, 100, one)], [spot(there=steps((0, 1), (40, 0)), gpus=4), market(gpus=8)])
    ledger = run(made, rules(KINDS["spot_greedy"].model_validate({"wait_before_fallback": "0 s"})))
    rows = ledger.stopped.rows()[:, [0, 4, 5]].tolist()
    assert rows == [[40, 30 * 4000, 10 * 4000], [40 + 85, 680_000, 0]]


def test_what_already_runs_at_second_0_and_what_is_moved_take_what_fits():
    soft = sized(8, 4, checkpoint=checkpointed(0).checkpoint)
    jobs = [Job(0, 10, need(4)), Job(0, 100, soft)]
    made = owned(1, jobs, gpus=8, running=(RunningJob(0, "own"), RunningJob(1, "own", 400_000)))
    assert held(made, rules(burst(None)))[1] == [("own", 1, 4.0, 0, 100)]

    def to_cloud(view: say.View) -> list[say.Action]:
        if view.now_s == 0:
            return [say.Start(job.id, "own") for job in view.waiting() if view.can_start(job, "own")]
        return [say.Move(job.id, "cloud") for job in view.running() if view.now_s == 50 and job.offer == "own"]

    both = world([Job(0, 100, soft)], [own(gpus=4), market(gpus=8)], orders=(Order("own", 1),))
    found = held(both, Decider(to_cloud, review_every_s=50))[0]
    assert found == [("own", 1, 4.0, 0, 50), ("cloud", 1, 8.0, 50, 125)]


def test_when_the_queue_puts_another_first_the_smaller_size_makes_room_too():
    """An urgent job of 8 GPUs fits the machine of 4 at half its size, once the long one has left."""
    kept = {"checkpoint": checkpointed(0).checkpoint}
    long, short = Job(0, 1000, need(4, **kept)), Job(10, 20, sized(8, 4, **kept))
    found = story(owned(1, [long, short], gpus=4), rules(burst(None), "srpt"))
    assert [(one.start_s, one.stop_s, one.cause) for one in found[0]] == [(0, 10, "preempted"), (50, 1040, "finished")]
    assert [(one.start_s, one.stop_s) for one in found[1]] == [(10, 50)]


def test_nobody_stops_for_a_job_that_would_not_fit_where_it_holds_less_than_it_declares():
    """4 GPUs: the short job's 2 are not to be had, and the long one holds 2 of its 4, so it is stopped at 100 only."""
    kept = {"checkpoint": checkpointed(0).checkpoint}
    jobs = [Job(0, 100, need(2, **kept)), Job(0, 1000, sized(4, 2, **kept)), Job(10, 200, need(4, **kept))]
    found = story(owned(1, jobs, gpus=4), rules(burst(None), "srpt"))
    assert [(one.start_s, one.stop_s) for one in found[2]] == [(100, 300)]
    assert [(one.start_s, one.stop_s) for one in found[1]] == [(0, 100), (300, 1250)]


def test_backfill_counts_on_what_a_smaller_size_gives_back_and_when():
    """6 GPUs: 3 until 100, and a job on 2 of its 4 until 51. The first needs 5: at 100, so 80 s behind it are no harm.

    Where it needs 3, it may start at 51, and 40 s behind it are none.
    """
    running = [Job(0, 100, need(3)), Job(1, 25, sized(4, 2))]
    for gpus, seconds, first in ((5, 80, 100), (3, 40, 51)):
        made = owned(1, [*running, Job(2, 30, need(gpus)), Job(3, seconds, need(1))], gpus=6)
        found = times(made, rules(burst(None), blocking="easy"))
        assert found[1:] == [(1, 51), (first, first + 30), (3, 3 + seconds)]


def test_backfill_leaves_a_place_for_the_smallest_size_of_the_first():
    """4 GPUs: 2 are free at 50 and 1 more at 100. The first needs 4, or 3: from 50 on, which 80 s behind it delay."""
    running = [Job(0, 50, need(2)), Job(0, 100, need(1))]
    behind = Job(2, 80, need(1))
    ends = {}
    for name, one in (("rigid", need(4)), ("soft", sized(4, 3))):
        made = owned(1, [*running, Job(1, 30, one), behind], gpus=4)
        ends[name] = times(made, rules(burst(None), blocking="easy"))[2:]
    assert ends["rigid"] == [(100, 130), (2, 82)]
    assert ends["soft"] == [(50, 90), (90, 170)]


# ------------------------------------------------------------------------------------------------- what it costs


def test_power_is_charged_for_the_gpus_that_are_held():
    one = sized(4, 2, sigma=0.5)  # on 2 GPUs a GPU does 2.5 / 1.5 times as much
    made = owned(1, [Job(0, 100, one)], gpus=2, standing=Upkeep(busy=7), horizon_s=100)
    seconds = 120
    assert times(made, rules(burst(None)))[0] == (0, seconds)
    assert effective(run(made, rules(burst(None))), "expense:power") == 7 * 2 * seconds


def test_power_at_a_months_end_is_for_the_gpus_that_are_held():
    seconds = 2_000_000  # of 730 h, 2,628,000 s, one ends on the way
    made = owned(1, [Job(0, seconds, sized(4, 2))], gpus=2, standing=Upkeep(busy=7), horizon_s=4_000_000)
    assert effective(run(made, rules(burst(None))), "expense:power") == 7 * 2 * 2 * seconds


def test_seconds_of_checkpoints_are_those_of_the_size():
    """100 s on 4 GPUs are 200 s on 2, with a checkpoint of 5 s each 60 s: 3 of them."""
    one = sized(4, 2, checkpoint=replace(checkpointed(60).checkpoint, cost_s=5))
    ledger = run(owned(1, [Job(0, 100, one)], gpus=2), rules(burst(None)))
    assert ledger.stopped.rows()[:, [0, 7]].tolist() == [[215, 15]]


def test_what_is_left_undone_is_priced_at_the_size_that_would_have_been_started():
    """At sigma 0.5, 90 s on 8 GPUs are 120 s on the 2 that the only instance has."""
    idle = Decider(lambda view: [])
    for gpus, seconds in ((8, 90), (4, 100), (2, 120)):
        made = world([Job(0, 90, sized(8, 2, 4, sigma=0.5))], [market(gpus=gpus)])
        assert effective(run(made, idle), "expense:backlog") == 1_000 * seconds
    cheap_small = [market("big", gpus=8), market("small", gpus=2, usd_per_hour=3.0)]
    made = world([Job(0, 90, sized(8, 2, sigma=0.5))], cheap_small)
    assert effective(run(made, idle), "expense:backlog") == 90_000  # 120 s at 3.0 USD are dearer


def test_the_cheapest_a_unit_of_work_counts_the_work_of_the_size():
    """4 USD for 8 GPUs or 1.5 USD for 2: without loss the large instance is the cheaper, at sigma 0.5 the small one."""
    offers = [market("big", gpus=8, usd_per_hour=4.0), market("small", gpus=2, usd_per_hour=1.5)]
    for sigma, where in ((0.0, "big"), (0.5, "small")):
        made = world([Job(0, 90, sized(8, 2, sigma=sigma))], offers)
        assert held(made, rules())[0][0][0] == where


def test_the_cheapest_feasible_place_is_the_one_that_is_in_time_at_the_size_there():
    """The small instance is the cheaper one, and takes 120 s: with 110 s to go it is too late, with 130 s it is not."""
    offers = [spot("big", gpus=8, usd_per_hour=4.0), spot("small", gpus=2, usd_per_hour=1.5)]
    where = KINDS["cheapest_feasible"].model_validate({"spot_margin": 0})
    for within_s, offer in ((110, "big"), (130, "small")):
        made = world([Job(0, 90, sized(8, 2, sigma=0.5), within_s)], offers)
        assert held(made, rules(where))[0][0][0] == offer


@pytest.mark.parametrize("kind", ["on_demand_only", "data_aware"])
def test_a_size_is_paid_for_the_instances_that_it_holds(kind):
    """100 s on two instances at 2 USD an hour each, or 200 s on one at 1.5: 400 or 300 USD-seconds."""
    one = elastic(need(4, instances=2, data_gb=1.0), [need(4, data_gb=1.0)])
    offers = [market("pairs", gpus=4, gang=2, usd_per_hour=2.0), market("single", gpus=4, usd_per_hour=1.5)]
    assert held(world([Job(0, 100, one)], offers), rules(KINDS[kind]()))[0] == [("single", 1, 4.0, 0, 200)]


def test_a_zone_is_worth_the_progress_at_the_size_that_it_holds():
    """Pressure a half, 10 USD on demand: 8 GPUs for 4 USD are worth 1 USD an hour, a fourth for 1.5 a loss."""
    offers = [market(gpus=8, usd_per_hour=10.0), spot("a", gpus=8, usd_per_hour=4.0),
              spot("b", gpus=2, usd_per_hour=1.5, provider="other")]  # fmt: skip
    made = world([Job(0, 36_000, sized(8, 2), 73_000)], offers, horizon_s=80_000)
    assert held(made, rules(KINDS["spot_utility"]()))[0] == [("a", 1, 8.0, 0, 36_000)]


def test_a_shape_is_opened_for_what_the_job_would_do_on_it():
    """8 GPUs at 4 USD an hour, or a fourth of that work on 2: at 0.9 USD that is the better price, at 1.1 it is not."""
    for usd, where in ((0.9, "small"), (1.1, "big")):
        offers = [market("big", gpus=8, usd_per_hour=4.0), market("small", gpus=2, usd_per_hour=usd)]
        assert held(world([Job(0, 90, sized(8, 2))], offers), rules(KINDS["pack_shapes"]()))[0][0][0] == where


def test_a_shape_may_be_opened_for_several_instances_of_a_job_that_declares_one():
    """Two of 2 USD an hour do twice what one of 2.5 does."""
    offers = [market("single", gpus=2, usd_per_hour=2.5), market("pairs", gpus=2, gang=2, usd_per_hour=2.0)]
    one = elastic(need(2), [need(2, instances=2)])
    assert held(world([Job(0, 90, one)], offers), rules(KINDS["pack_shapes"]()))[0] == [("pairs", 2, 2.0, 0, 45)]


def test_between_zones_the_rest_of_the_work_is_priced_at_the_size_held_and_the_size_to_come():
    """On 8 GPUs for 4 USD; 2 GPUs take four times as long: they save at 0.5 USD an hour, and lose at 1.5."""
    kept = checkpointed(0).checkpoint
    for usd, moves in ((0.5, True), (1.5, False)):
        there = spot("b", gpus=2, there=steps((0, 0), (100, 1)), usd_per_hour=usd, provider="other")
        offers = [spot("a", gpus=8, usd_per_hour=4.0), there, market(gpus=8, usd_per_hour=50.0)]
        made = world([Job(0, 7_200, sized(8, 2, checkpoint=kept), 10**6)], offers, horizon_s=10**6)
        attempts = held(made, rules(KINDS["multi_zone_progress"]()))[0]
        assert [one[0] for one in attempts] == (["a", "b"] if moves else ["a"])


def test_data_go_where_the_run_is_cheapest_at_its_size():
    offers = [
        market("big", gpus=8, usd_per_hour=4.0, provider="a"),
        market("small", gpus=2, usd_per_hour=1.5, provider="b"),
    ]
    for sigma, where in ((0.0, "big"), (0.5, "small")):
        made = world([Job(0, 90, sized(8, 2, sigma=sigma, data_gb=1.0))], offers)
        assert held(made, rules(KINDS["data_aware"]()))[0][0][0] == where


# ------------------------------------------------------------------------------------------------- what is seen


def test_the_view_tells_of_the_size_that_a_start_would_take():
    seen: dict[str, Any] = {}

    def look(view: say.View) -> list[say.Action]:
        if view.now_s == 0 and view.waiting():
            blocker, soft = (view.job(0), view.job(1))
            for offer in ("own", "cloud"):
                seen[offer] = [view.can_start(soft, offer), view.can_start_committed(soft, offer),
                               view.size_at(soft, offer), view.run_s(soft, offer)]  # fmt: skip
            seen["one size"] = view.size_at(blocker, "own")
            seen["too small"] = view.can_start(soft, "small")
            return [say.Start(0, "own"), say.Start(1, "own")]
        if view.now_s == 10:
            (soft,) = [job for job in view.running() if job.id == 1]
            seen["held"] = [soft.need.milli, soft.held.milli, soft.need_index, soft.progress_at(10)]
        return []

    soft = sized(8, 2, 4, sigma=0.5)
    offers = [own(gpus=8), market(gpus=8, boot_s=5), market("small", gpus=1)]
    made = world([Job(0, 1_000, need(4)), Job(0, 90, soft)], offers, orders=(Order("own", 1),))
    setup = make_setup(made)
    assert setup.sizes == [(0,), (1, 2, 3), (2,), (3,)]
    assert [setup.needs[one].milli for one in setup.sizes[1]] == [8000, 4000, 2000]
    assert [setup.runs(1, 0), setup.runs(1, 2), setup.fastest(1, 0), setup.fastest(1, 2)] == [True, False, 1, 1]
    run(made, Decider(look, review_every_s=10))
    assert seen["own"] == [True, True, 1, 90]
    assert seen["cloud"] == [True, False, 1, 95]
    assert seen["one size"] == 0
    assert seen["too small"] is False
    assert seen["held"] == [8000, 4000, 1, 10 * 4000 * 1.8]


def test_a_new_lease_for_the_fastest_size_is_no_start_on_what_is_held():
    """2 GPUs of the leased 8 are free; a start would launch another lease for all 8, so it is not "held" capacity."""
    seen = []

    def look(view: say.View) -> list[say.Action]:
        if view.now_s == 0 and len(view.waiting()) == 2:
            return [say.Start(0, "cloud")]
        seen.extend(view.can_start_committed(job, "cloud") for job in view.waiting())
        return [say.Start(job.id, "cloud") for job in view.waiting()]

    made = world([Job(0, 50, need(6)), Job(0, 40, sized(8, 2))], [market(gpus=8)])
    ledger = run(made, Decider(look))
    assert seen == [False]
    assert len(ledger.launched) == 2
    assert spells(made, ledger)[1][0].stop_s == 40


def test_an_estimate_and_a_truth_are_of_the_declared_size():
    """The estimate is 60 s on 8 GPUs, 80 s on 2 at sigma 0.5; the truth 90 s, 120 s there."""
    seen = []
    one = Job(0, 90, sized(8, 2, sigma=0.5), NEVER, 60)
    made = owned(1, [one], gpus=2)

    def look(view: say.View) -> list[say.Action]:
        seen.extend(view.run_s(job, "own") for job in view.waiting())
        return [say.Start(job.id, "own") for job in view.waiting()]

    assert times(made, Decider(look))[0] == (0, 120)
    assert seen == [80]


def test_what_is_asked_for_is_the_size_that_an_offer_would_run():
    """A forecast for an offer of 2 GPUs counts 120 s of a whole instance, where the offer of 8 counts 90 s."""
    from marketsim.policies.forecast.demand import by_asker, market_usd

    made = world([Job(0, 90, sized(8, 2, sigma=0.5))], [market("big", gpus=8), market("small", gpus=2)])
    setup = make_setup(made)

    class Past:
        now_s = 200

        def seen(self, since_s: int, until_s: int) -> list[tuple[int, int, int, int]]:
            return [(0, 0, 90 * 8000, NEVER)]

        def price(self, offer: str) -> float:
            return 3.6

    asked = [by_asker(Past(), setup, offer, 0, 100, 2)["need", 0].tolist() for offer in setup.offers]
    assert asked == [[pytest.approx(0.9), 0.0], [pytest.approx(1.0), pytest.approx(0.2)]]
    # one hour of a small instance does what 90 / 120 of an hour of a large one does
    worth = market_usd(Past(), setup, setup.offers[1], {("need", 0): 1.0})  # type: ignore[arg-type]
    assert worth == pytest.approx(3.6 * 90 / 120)


def test_the_world_is_another_where_jobs_are_elastic():
    rigid, soft = (owned(1, [Job(0, 90, one)], gpus=8) for one in (need(8), sized(8, 2)))
    assert rigid.exogenous_hash != soft.exogenous_hash
    assert soft.exogenous_hash != owned(1, [Job(0, 90, sized(8, 2, sigma=0.5))], gpus=8).exogenous_hash


def test_sizes_are_kept_where_tables_of_jobs_are_put_together():
    from marketsim.demand.job import merge

    joined = merge([job_table(Job(0, 1, sized(8, 2))), job_table(Job(0, 1, need(8))), JobTable.empty()])
    assert [len(one.elastic) for one in joined.needs] == [2, 0]


# ------------------------------------------------------------------------------------------------- every rule


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_placement_finishes_an_elastic_job_that_fits_at_a_smaller_size_alone(kind):
    """No offer holds 8 GPUs; 2 or 4 do, on demand, on spot and on one's own."""
    kept = checkpointed(0).checkpoint
    jobs = [Job(at_s, 600, sized(8, 2, 4, sigma=0.1, checkpoint=kept), at_s + 40 * HOUR_S) for at_s in (0, 60, 120)]
    offers = [own(gpus=4), market(gpus=2), spot(there=steps((0, 2), (900, 0), (3_000, 2)), gpus=4, usd_per_hour=1.0),
              spot("spot-b", there=2, gpus=4, usd_per_hour=1.2, provider="b")]  # fmt: skip
    made = world(jobs, offers, horizon_s=48 * HOUR_S, orders=(Order("own", 1),))
    where = KINDS[kind]()
    found = held(made, rules(where, blocking="skipping"))
    assert {size for attempts in found.values() for _, _, size, _, _ in attempts} <= {2.0, 4.0}
    assert (Measured(made, run(made, rules(where, blocking="skipping"))).finish_s < NEVER).all()
