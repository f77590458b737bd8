"""What is explained is what happened, in the figures of that second; and explaining changes nothing."""

from __future__ import annotations

import pathlib
from dataclasses import replace

import numpy as np
import pytest

from marketsim.cli.main import main
from marketsim.demand.job import NEVER, JobTable, Need, Service
from marketsim.engine.run import run
from marketsim.experiment import explain
from marketsim.experiment.bound.market import lower_bound
from marketsim.experiment.trial_world import trial_world
from marketsim.ledger import TABLES
from marketsim.path import Path
from marketsim.policies import placement, procurement, queueing
from marketsim.policies.policy import Policy
from marketsim.settings import Seconds
from marketsim.streams import Dice
from marketsim.supply.lead import Constant, Delivery
from marketsim.supply.offer import Offer
from marketsim.supply.rental_terms import RentalTerms
from marketsim.supply.shape import Shape
from marketsim.units import DAY_S, HOUR_S, UNLIMITED
from marketsim.world import World

MANY = Path.constant(UNLIMITED)
SCENARIO = """\
name: tiny
horizon: 5 d
demand:
  train: {kind: training, arrivals: {kind: calendar, every: 1 d}, work_gpu_hours: {kind: constant, value: 4}}
supply:
  cloud: {kind: on_demand, provider: AWS, shape: {gpu: H100, gpus: 1}, usd_per_gpu_hour: 2}
policies:
  cloud-only: {placement: {kind: on_demand_only}}
"""


@pytest.fixture
def world() -> World:
    """One job of two hours, due in ten; spot at 1 USD from hour 1 on, on-demand at 3."""
    jobs = JobTable(
        (Need("train"),),
        *(np.array([one], np.int64) for one in (0, 0, 2 * HOUR_S * 1000, 3 * HOUR_S * 1000, 10 * HOUR_S)),
    )
    later = Path.steps([(0, 0), (HOUR_S, 1)])
    delivery = Delivery(Constant(time=Seconds(0)), Dice(0), Path.constant(1.0))
    offers = (
        Offer("cloud", "on_demand", Shape("H100"), launchable=MANY, keepable=MANY, price=Path.constant(3.0)),
        Offer("spot", "spot", Shape("H100"), launchable=later, keepable=later, price=Path.constant(1.0)),
        Offer(
            "rent", "rental", Shape("H100"), commitment=RentalTerms(Path.constant(2.0), 30 * DAY_S, delivery)
        ),
    )  # fmt: skip
    return World(DAY_S, jobs, offers, drain_s=DAY_S)


def spot_greedy(wait: str = "2 h") -> Policy:
    return Policy("spot", queueing.KINDS["fifo"](), placement.KINDS["spot_greedy"](wait_before_fallback=wait))


def test_a_jobs_story_has_the_options_of_each_second_with_price_finish_and_slack(world: World) -> None:
    found = explain.of_job(world, spot_greedy(), 0)
    assert [(one.from_s, one.said) for one in found.decisions] == [(0, "waits"), (HOUR_S, "starts at spot")]
    cloud, spot, rent = found.decisions[0].options
    assert (cloud.can_start, cloud.usd_per_instance_hour, cloud.usd) == (True, 3.0, 9.0)  # three hours by estimate
    assert (cloud.expected_finish_s, cloud.slack_s) == (3 * HOUR_S, 7 * HOUR_S)
    assert (spot.can_start, spot.usd) == (False, 3.0)
    assert (rent.can_start, rent.usd_per_instance_hour, rent.usd) == (False, None, None)
    assert found.decisions[1].options[1].can_start
    assert "spot" in found.decisions[1].reason
    assert [event.t_s for event in found.events] == [HOUR_S, 3 * HOUR_S]
    assert "finished, 2.0 GPU-h kept" in found.events[1].text


def test_hindsight_waits_for_spot_where_that_is_in_time_and_takes_the_cloud_where_not(world: World) -> None:
    best = explain.in_hindsight(world, 0)
    assert best == explain.Hindsight("spot", HOUR_S, 3 * HOUR_S, 2.0, True)
    from dataclasses import replace

    hurried = replace(world, jobs=replace(world.jobs, deadline_s=np.array([2 * HOUR_S])))
    assert explain.in_hindsight(hurried, 0) == explain.Hindsight("cloud", 0, 2 * HOUR_S, 6.0, True)
    late = replace(world, jobs=replace(world.jobs, deadline_s=np.array([HOUR_S])))
    found = explain.in_hindsight(late, 0)
    assert found is not None
    assert (found.offer, found.in_time, found.finish_s) == ("cloud", False, 2 * HOUR_S)
    free = replace(world, jobs=replace(world.jobs, deadline_s=np.array([NEVER])))
    assert explain.in_hindsight(free, 0) == explain.Hindsight("cloud", 0, 2 * HOUR_S, 6.0, True)


def test_a_contracts_story_has_the_rules_reason_and_the_plan_of_the_bound(world: World) -> None:
    plan = procurement.KINDS["fixed_plan"].model_validate({"sign": [{"offer": "rent", "instances": 2, "at": "1 h"}]})
    policy = Policy("plan", queueing.KINDS["fifo"](), placement.KINDS["committed_first"](), plan)
    found = explain.of_contract(world, policy, 0)
    assert [(one.from_s, one.said, one.reason) for one in found.decisions] == [
        (HOUR_S, "signs 2 x rent", "the plan says so")
    ]
    assert [one.usd_per_instance_hour for one in found.decisions[0].options] == [3.0, 1.0, pytest.approx(2.0)]
    with pytest.raises(IndexError, match="there are 0"):
        explain.of_contract(world, policy, 1)


@pytest.mark.parametrize("place", ["spot_greedy", "cheapest_feasible", "least_slack_escalation", "spot_hedge"])
def test_explaining_a_job_or_a_service_changes_no_row(place: str) -> None:
    world = trial_world(3, days=1)
    policy = Policy("p", queueing.KINDS["srpt"](), placement.KINDS[place]())
    plain = run(world, policy)
    for found in (explain.of_job(world, policy, 7), explain.of_service(world, policy, 0)):
        assert found.ledger is not None
        assert found.decisions
        for name in TABLES:
            if name != "decided":
                assert found.ledger.tables[name].cells == plain.tables[name].cells


def test_a_services_story_tells_each_change_of_its_replicas() -> None:
    world = trial_world(3, days=1)
    policy = Policy("p", queueing.KINDS["fifo"](), placement.KINDS["spot_hedge"]())
    found = explain.of_service(world, policy, 0)
    assert "replicas" in found.decisions[0].said
    assert "spot" in found.decisions[0].reason
    usd = {one.offer: one.usd for one in found.decisions[0].options}
    assert usd["cloud"] == pytest.approx(40.0 * 0.25 / 6 / 3600 * 1000)  # a quarter of a machine, 6 requests a second


def test_hindsight_tells_where_a_service_would_have_been_served_and_what_of_no_value_it_cannot_say() -> None:
    """2 requests a second: a replica for 3 USD an hour serves 4; a request lost costs 0.002, so 14.40 USD an hour."""
    chat = Service("chat", Path.constant(2.0), Need("chat"), {"H100": 4.0}, 0.002)
    cloud = Offer("cloud", "on_demand", Shape("H100"), launchable=MANY, keepable=MANY, price=Path.constant(3.0))
    made = World(DAY_S, JobTable.empty(), (cloud,), services=(chat,), drain_s=0)
    policy = Policy("p", queueing.KINDS["fifo"](), placement.KINDS["on_demand_only"]())
    told = explain.of_service(made, policy, 0, lower_bound(made, HOUR_S)).hindsight
    assert told is not None
    assert "serves 100.0% of the requests at cloud (" in told
    cheap = replace(made, services=(replace(chat, usd_per_lost_request=0.00001),))
    assert "serves no request; it loses 100.0%" in str(explain.in_requests(lower_bound(cheap, HOUR_S), "chat"))
    free = replace(made, services=(replace(chat, usd_per_lost_request=0.0),))
    assert "the bound says nothing of this service" in str(explain.in_requests(lower_bound(free, HOUR_S), "chat"))
    assert explain.of_service(made, policy, 0).hindsight is None


def test_the_command_draws_a_jobs_story_and_refuses_other_pictures(
    tmp_path: pathlib.Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "s.yaml").write_text(SCENARIO)
    out = str(tmp_path / "out")
    assert main(("run", str(tmp_path / "s.yaml"), "-n", "1", "-j", "1", "-q", "--no-pictures", "--out", out)) == 0
    for name, begin in (("a.png", b"\x89PNG"), ("a.svg", b"<svg")):
        assert main(("explain", out, "--job", "0", "--picture", str(tmp_path / name))) == 0
        assert (tmp_path / name).read_bytes().lstrip().startswith(begin)
    capfd.readouterr()
    for words in (("--job", "0", "--picture", "a.gif"), ("--contract", "0", "--picture", "a.png")):
        assert main(("explain", out, *words)) == 2
        assert "--picture" in capfd.readouterr().err
