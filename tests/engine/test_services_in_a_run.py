"""Services: the integral of the smaller of need and what is given; scaling, replicas lost, tokens, what others get."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from small_worlds import (
    Decider,
    Job,
    Spell,
    Upkeep,
    billed,
    burst,
    market,
    need,
    own,
    owned,
    rules,
    spells,
    spot,
    steps,
    world,
)

from marketsim.demand.job import Autoscale, Service
from marketsim.engine import serving
from marketsim.engine.run import run
from marketsim.errors import PolicyError
from marketsim.ledger import ACCOUNT
from marketsim.levers.effect import LeverOutcome, LeverWork
from marketsim.levers.lever import DrawnLever
from marketsim.metrics.measure import measure
from marketsim.path import Path
from marketsim.policies import placement
from marketsim.policies import policy as say
from marketsim.supply.offer import CALENDAR, Offer, OutageLaw
from marketsim.supply.shape import Shape
from marketsim.units import MONTH_S
from marketsim.world import Order

ANY = placement.KINDS["spot_greedy"]()


def chat(rate: Path | float, gpus: float = 1, per_replica: float = 10.0, least: int = 0, period_s: int = 10, **more):
    """A service whose replica of so many GPUs serves 10 requests a second; no headroom."""
    path = rate if isinstance(rate, Path) else Path.constant(rate)
    scale = Autoscale(period_s, 0.0, least)
    return Service("chat", path, need(gpus, workload="chat"), {"GPU": per_replica}, autoscale=scale, **more)


def served(ledger) -> tuple[float, float]:
    """Requests wanted and served."""
    return ledger.served.column("wanted_milli").sum() / 1000, ledger.served.column("served_milli").sum() / 1000


@dataclass(frozen=True)
class OneFailure(OutageLaw):
    """Each seat fails once, at 30, and is repaired at 50."""

    mean_up_s: float = 1.0

    def up_s(self, seat, turn):
        """Thirty seconds, then for ever."""
        return 10**9 if turn else 30

    def repair_s(self, seat, turn):
        """Twenty seconds."""
        return 20


def test_what_is_served_is_the_smaller_of_need_and_capacity_at_every_second():
    """5, then 30, then 15 a second on two machines of 10: 5 x 100, 20 x 100, 15 x 100."""
    made = owned(2, [], services=(chat(steps((0, 5), (100, 30), (200, 15))),), horizon_s=300)
    assert served(run(made, rules(burst(None)))) == (5_000, 4_000)


def test_a_replica_serves_from_when_its_instance_is_up_and_is_paid_from_launch():
    made = world([], [market(boot_s=30)], services=(chat(10.0),), horizon_s=100)
    ledger = run(made, rules())
    assert served(ledger) == (1_000, 700)
    assert ledger.posted.column("billed").tolist() == [100_000]
    assert ledger.replicas.rows().tolist() == [[0, 30, 100, 0, 0, 0, 1000]]


def test_size_changes_on_the_autoscalers_grid_and_not_between():
    """The need rises at 13 and falls at 41; it is seen at 20 and at 50."""
    made = world([], [market()], services=(chat(steps((0, 10), (13, 30), (41, 10))),), horizon_s=100)
    ledger = run(made, rules())
    assert ledger.scaled.rows()[:, [0, 3]].tolist() == [[0, 1], [20, 3], [50, 1], [100, 0]]
    assert served(ledger)[1] == 10 * 20 + 30 * 21 + 10 * 59


@pytest.mark.parametrize("kind", ["on_demand_only", "spot_greedy", "committed_first", "spot_hedge"])
@pytest.mark.parametrize("gpus", [0.5, 1])
def test_asking_only_where_something_changed_is_as_good_as_asking_at_every_period(kind, gpus, monkeypatch):
    """Two services and jobs that want the same few machines, spot that comes and goes, one server."""
    waves = [chat(steps(*((at, (at * step) % 47) for at in range(0, 900, 35))), gpus, period_s=10) for step in (7, 11)]
    busy = [Job(at, 12 + at % 17) for at in range(3, 800, 31)]
    there = steps(*((at, (at // 40 * 7) % 4) for at in range(0, 900, 40)))
    made = world(
        busy, [market(can_start=4, quota=4), spot(there=there, notice_s=5), own()],
        services=(*waves,), orders=(Order("own", 1),), horizon_s=900,
    )  # fmt: skip
    policy = rules(placement.KINDS[kind]())
    seldom = run(made, policy)
    monkeypatch.setattr(serving, "wakes", lambda service, rates, prices, from_s, until_s: range(10, until_s, 10))
    always = run(made, policy)
    assert len(always.scaled) > 20
    for table in ("scaled", "launched", "released", "started", "stopped", "posted"):
        assert getattr(seldom, table).rows().tolist() == getattr(always, table).rows().tolist()


def test_headroom_and_the_least_number_of_replicas():
    few = chat(1.0, least=2)
    assert len(run(world([], [market()], services=(few,)), rules()).launched) == 2
    roomy = Service("chat", Path.constant(10.0), need(workload="chat"), {"GPU": 10.0}, autoscale=Autoscale(10, 0.2, 0))
    assert len(run(world([], [market()], services=(roomy,)), rules()).launched) == 2


def test_replicas_share_instances_as_jobs_do():
    ledger = run(world([], [market(gpus=2)], services=(chat(30.0, gpus=0.5),)), rules())
    assert ledger.replicas.column("instance").tolist() == [0, 0, 0]
    assert len(ledger.launched) == 1


def test_committed_capacity_is_filled_before_anything_is_leased():
    made = world([], [market(), own()], services=(chat(30.0),), orders=(Order("own", 2),), horizon_s=100)
    ledger = run(made, rules(burst(None)))
    assert sorted(ledger.replicas.column("offer").tolist()) == [0, 1, 1]
    assert billed(ledger, "expense:usage") == 100_000


def test_a_replica_whose_instance_is_taken_back_serves_no_more():
    """Ten a second until 55; the market has one again from 80 on, which is a grid point, and both leases are paid."""
    made = world([], [spot(there=steps((0, 1), (55, 0), (80, 1)))], services=(chat(10.0),), horizon_s=100)
    ledger = run(made, rules(ANY))
    assert ledger.scaled.rows()[:, [0, 3]].tolist() == [[0, 1], [55, 0], [80, 1], [100, 0]]
    assert served(ledger) == (1_000, 750)


def test_a_replica_on_notice_serves_until_it_goes():
    made = world([], [spot(there=steps((0, 1), (55, 0)), notice_s=20)], services=(chat(10.0),), horizon_s=100)
    assert served(run(made, rules(ANY)))[1] == 750


def test_a_repaired_machine_holds_as_much_as_before():
    """One replica of the two that the need asks for, up to 30, and again from 50 on."""
    law = OneFailure(clock=CALENDAR)
    made = owned(1, [], services=(chat(20.0),), horizon_s=100, outage=law)
    ledger = run(made, rules(burst(None)))
    assert ledger.replicas.rows()[:, :3].tolist() == [[0, 0, 30], [50, 50, 100]]
    assert ledger.scaled.rows()[:, [0, 3]].tolist() == [[0, 1], [30, 0], [50, 1], [100, 0]]
    assert served(ledger) == (2_000, 800)


def test_what_services_held_is_free_for_jobs_once_traffic_has_ended():
    made = owned(1, [Job(5, 10)], services=(chat(10.0),), horizon_s=100)
    assert spells(made, run(made, rules(burst(None)))) == {0: [Spell("own", 100, 110, "finished")]}


def test_tokens_take_what_replicas_leave_and_cost_by_the_request():
    """15 a second, one machine of 10: 5 a second for 100 s, at 1,000 x 1 + 100 x 20 micro-dollars each."""
    api = Offer("api", "token_api", Shape("tokens", 0), usd_per_input_token=1e-6, usd_per_output_token=20e-6)
    talk = chat(15.0, input_tokens=1_000, output_tokens=100)
    made = world([], [own(), api], services=(talk,), orders=(Order("own", 1),), horizon_s=100)
    ledger = run(made, rules(burst(None)))
    assert served(ledger) == (1_500, 1_500)
    assert billed(ledger, "expense:tokens") == 500 * 3_000


def test_a_token_offer_takes_no_more_than_its_limit():
    api = Offer(
        "api", "token_api", Shape("tokens", 0), usd_per_input_token=0.0, usd_per_output_token=1e-6,
        requests_per_s_at_most=4.0,
    )  # fmt: skip
    made = world([], [api], services=(chat(15.0, output_tokens=1),), horizon_s=100)
    assert served(run(made, rules(ANY))) == (1_500, 400)


def test_lost_requests_have_their_value_and_served_ones_their_revenue():
    made = owned(1, [], services=(chat(15.0, usd_per_lost_request=0.02, usd_revenue_per_request=0.004),), horizon_s=100)
    ledger = run(made, rules(burst(None)))
    found = measure(made, ledger)
    assert found["lost_requests_usd"] == pytest.approx(500 * 0.02)
    assert found["revenue_usd"] == pytest.approx(1_000 * 0.004)
    assert found["unserved_share"] == pytest.approx(1 / 3)
    assert int(ledger.posted.column("billed")[ledger.posted.column("credit") == ACCOUNT["income:revenue"]].sum()) == (
        4_000_000
    )


def test_upkeep_counts_what_replicas_hold_month_by_month():
    made = owned(1, [], services=(chat(10.0),), horizon_s=MONTH_S + 100, standing=Upkeep(busy=5))
    assert run(made, rules(burst(None))).posted.column("billed").tolist() == [5 * MONTH_S, 500]


def test_months_of_service_add_up():
    made = owned(1, [], services=(chat(15.0),), horizon_s=2 * MONTH_S + 500)
    assert served(run(made, rules(burst(None)))) == (15.0 * (2 * MONTH_S + 500), 10.0 * (2 * MONTH_S + 500))


def test_a_lease_names_the_one_service_that_it_served():
    """Three replicas of half a GPU, two of chat and one of another: the second instance is of the other alone."""
    other = Service(
        "other", Path.constant(10.0), need(0.5, workload="other"), {"GPU": 10.0}, autoscale=Autoscale(10, 0.0, 0)
    )
    alone = run(world([], [market()], services=(chat(10.0),), horizon_s=50), rules())
    assert alone.posted.rows()[:, -2:].tolist() == [[-1, 0]]
    both = run(world([], [market()], services=(chat(30.0, gpus=0.5), other), horizon_s=50), rules())
    assert both.posted.rows()[:, -2:].tolist() == [[-1, 0], [-1, -1]]
    late = chat(steps((0, 0), (10, 10)), gpus=0.5)
    turned = run(world([], [market()], services=(late, other), horizon_s=50), rules())
    assert turned.posted.rows()[:, -2:].tolist() == [[-1, -1]]
    ours = world([], [own(standing=Upkeep(busy=1))], services=(chat(10.0),), orders=(Order("own", 1),), horizon_s=50)
    assert run(ours, rules(burst(None))).posted.rows()[:, -2:].tolist() == [[-1, -1]]


def test_a_service_goes_where_it_is_cheaper_at_the_next_period_after_a_price_has_changed():
    """Offer b costs 5 USD; a rises from 3.6 to 7.2 at 43, seen at 50, and falls again at 70, seen at once."""
    prices = steps((0, 3.6), (43, 7.2), (70, 3.6))
    made = world(
        [], [market("a", usd_per_hour=prices), market("b", usd_per_hour=5.0)], services=(chat(10.0),), horizon_s=90
    )
    ledger = run(made, rules(ANY))
    assert ledger.launched.rows()[:, [0, 2]].tolist() == [[0, 0], [50, 1], [70, 0]]
    assert ledger.released.rows()[:, [0, 1]].tolist() == [[50, 0], [70, 1], [90, 2]]


class Slower:
    """A lever after which a replica serves a tenth of what it did."""

    target = "chat"

    def transform(self, service, level=0):
        return replace(service, replica_requests_per_s={"GPU": 10.0})


def test_after_a_lever_replicas_serve_at_the_new_rate_and_the_size_follows_the_need_by_it():
    """100 a second each up to 45, 10 from then on; the need rises from 8 to 25 at 73, seen at 80."""
    lever = DrawnLever("slow", Slower(), LeverOutcome((), 0, "loss", 0.0, LeverWork(0.0, "GPU", delay_s=45)))
    service = chat(steps((0, 15), (50, 8), (73, 25)), per_replica=100.0)
    made = world([], [market()], services=(service,), horizon_s=100, levers={"slow": lever})
    ledger = run(made, rules(levers=(("slow", "chat"),)))
    assert ledger.scaled.rows()[:, [0, 3]].tolist() == [[0, 1], [45, 2], [50, 1], [80, 3], [100, 0]]
    assert served(ledger)[1] == 45 * 15 + 5 * 15 + 23 * 8 + 7 * 10 + 20 * 25
    assert ledger.adopted.rows().tolist() == [[45, 0, 0, 45, 0]]


def test_a_policy_of_ones_own_scales_by_its_hook_and_by_its_actions():
    def decide(view):
        return [say.Scale(0, "cloud", replicas=2)] if view.now_s == 0 else []

    policy = Decider(decide)
    policy.scale = lambda number, view: []  # type: ignore[attr-defined]
    made = world([], [market()], services=(chat(15.0),), horizon_s=100)
    assert served(run(made, policy)) == (1_500, 1_500)


@pytest.mark.parametrize(
    ("action", "words"),
    [
        (say.Scale(0, "cloud", replicas=2), "no replica of chat fits"),
        (say.Scale(0, "cloud", replicas=-1), "at least 0"),
        (say.Scale(0, "other", replicas=1), "cannot run at other"),
        (say.Scale(1, "cloud", replicas=1), "no such thing"),
        (say.Scale(0, "cloud", requests_per_s=float("nan")), "a rate is at least 0"),
    ],
)
def test_an_impossible_size_is_refused_with_the_policys_name(action, words):
    other = Offer("other", "on_demand", Shape("Abacus"), price=Path.constant(1.0))
    made = world([], [market(can_start=1), other], services=(chat(15.0),), horizon_s=100)
    policy = Decider(lambda view: [action])
    policy.scale = lambda number, view: []  # type: ignore[attr-defined]
    with pytest.raises(PolicyError, match=f"mine.*{words}"):
        run(made, policy)
