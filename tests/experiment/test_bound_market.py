"""The whole-market bound: pencil worlds, every plan there is, and policies that must not come below it."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from marketsim.demand.job import NEVER, JobTable, Need, Service
from marketsim.engine.run import run
from marketsim.experiment.bound import market, work
from marketsim.experiment.bound.grid import Grid
from marketsim.experiment.bound.market import Served, lower_bound
from marketsim.metrics.measure import measure
from marketsim.path import Path
from marketsim.policies import placement, queueing
from marketsim.policies.policy import Action, Policy, Sign, Start, Terminate, View
from marketsim.policies.procurement.fixed_plan import FixedPlan
from marketsim.settings import Seconds
from marketsim.streams import Dice
from marketsim.supply.lead import Constant, Delivery
from marketsim.supply.offer import Charge, Offer
from marketsim.supply.rental_terms import RentalTerms
from marketsim.supply.shape import Shape
from marketsim.units import HOUR_S, MICRO, UNLIMITED
from marketsim.world import Credit, Money, Order, World

ONE_GPU = Need("train")
CLOSE = 2e-6  # the bound is lowered by a millionth


def hourly(*values: float) -> Path:
    return Path(np.arange(len(values)) * HOUR_S, np.array(values, float)).simplified()


def metered(offer: str, price: Path, there: Path | None = None, kind: str = "on_demand", **more: object) -> Offer:
    there = there if there is not None else Path.constant(UNLIMITED)
    return Offer(offer, kind, Shape("H100"), launchable=there, keepable=there, price=price, **more)  # type: ignore[arg-type]


def rental(
    usd: float, term_h: int, lead_h: int = 0, resale: float = 0.0, block: int = 1, gpus: int = 1, other_h: int = 0
) -> Offer:
    delivery = Delivery(Constant(time=Seconds(lead_h * HOUR_S)), Dice(0), Path.constant(1.0))
    others = {other_h * HOUR_S: Path.constant(usd)} if other_h else {}
    terms = RentalTerms(Path.constant(usd), term_h * HOUR_S, delivery, block, resale_share=resale, others=others)
    return Offer("rent", "rental", Shape("H100", gpus), commitment=terms)


def jobs(*rows: tuple[float, float, float | None], need: Need = ONE_GPU) -> JobTable:
    """(arrival, work, deadline) in hours and GPU-hours."""
    arrival = np.array([round(row[0] * HOUR_S) for row in rows], np.int64)
    amount = np.array([round(row[1] * HOUR_S * 1000) for row in rows], np.int64)
    deadline = np.array([NEVER if row[2] is None else round(row[2] * HOUR_S) for row in rows], np.int64)
    return JobTable((need,), np.zeros(len(rows), np.int64), arrival, amount, amount, deadline)


def world(table: JobTable, *offers: Offer, hours: int = 12, drain_h: int = 0, **more: object) -> World:
    return World(hours * HOUR_S, table, offers, drain_s=drain_h * HOUR_S, **more)  # type: ignore[arg-type]


def everything(one: World, **more: object) -> float:
    return lower_bound(one, served=Served.everything(one), **more).value_usd  # type: ignore[arg-type]


def test_a_job_takes_the_cheapest_hours_of_its_window_no_faster_than_it_can_run() -> None:
    price = hourly(3, 1, 2, 0.5)
    assert everything(world(jobs((0, 1, 3)), metered("od", price))) == pytest.approx(1.0, rel=CLOSE)
    assert everything(world(jobs((0, 2, 3)), metered("od", price))) == pytest.approx(3.0, rel=CLOSE)
    assert everything(world(jobs((0, 2, 4)), metered("od", price))) == pytest.approx(1.5, rel=CLOSE)


def test_a_window_that_begins_or_ends_inside_a_slot_leaves_only_that_part_of_it() -> None:
    one = world(jobs((0.5, 1.0, 2.25)), metered("od", hourly(1, 5, 2, 9)))
    assert everything(one) == pytest.approx(0.5 * 1 + 0.25 * 2 + 0.25 * 5, rel=CLOSE)


def test_scarce_spot_is_shared_out_and_the_rest_bought_on_demand() -> None:
    spot = metered("spot", Path.constant(1.0), hourly(1, 0, 1, 0), kind="spot")
    one = world(jobs((0, 2, 4), (0, 2, 4)), metered("od", Path.constant(3.0)), spot)
    assert everything(one) == pytest.approx(2 * 1 + 2 * 3, rel=CLOSE)


def test_what_a_falling_keepable_leaves_for_its_notice_can_still_be_used() -> None:
    spot = metered("spot", Path.constant(1.0), hourly(1, 0), kind="spot", notice_s=HOUR_S)
    one = world(jobs((0, 2, 3)), metered("od", Path.constant(3.0)), spot)
    assert everything(one) == pytest.approx(2.0, rel=CLOSE)


def test_quota_binds_until_a_first_request_can_have_been_granted() -> None:
    scarce = metered("od", Path.constant(1.0), quota=1, quota_step=4, quota_grant_s=2 * HOUR_S)
    dear = metered("other", Path.constant(3.0))
    one = world(jobs((0, 2, 2), (0, 2, 2), (2, 1, 3), (2, 1, 3)), scarce, dear)
    assert everything(one) == pytest.approx(2 * 1 + 2 * 3 + 2 * 1, rel=CLOSE)


@pytest.mark.parametrize(("hours", "wanted"), [(3, 9.0), (4, 10.0), (11, 10.0), (12, 13.0)])
def test_a_contract_is_signed_where_its_whole_term_costs_less(hours: int, wanted: float) -> None:
    one = world(jobs((0, hours, hours)), metered("od", Path.constant(3.0)), rental(1.0, 10), hours=20)
    # delivered at any second of the first slot and there from its start: the bound grants an eleventh hour
    assert everything(one) == pytest.approx(wanted, rel=CLOSE)


def test_a_contract_is_there_after_its_lead_and_is_resold_at_the_end() -> None:
    late = world(jobs((0, 8, 8)), metered("od", Path.constant(3.0)), rental(0.5, 10, lead_h=4), hours=20)
    assert everything(late) == pytest.approx(4 * 3 + 5, rel=CLOSE)
    # a term of 40 h, delivered as late as its first slot allows, of which 9 are used: half of what is left comes back
    sold = world(jobs((0, 10, 10)), metered("od", Path.constant(3.0)), rental(1.0, 40, resale=0.5), hours=10)
    assert everything(sold) == pytest.approx(9 + 31 / 2, rel=1e-4)


class WithFee(RentalTerms):
    """A contract with a fee of 7 USD at signing."""

    def at_signing(self, instances: int, at_s: int, term_s: int | None) -> list[Charge]:
        return [Charge(at_s, "expense:fee", "cash", 7 * MICRO * instances, 7 * MICRO * instances)]


def test_a_fee_at_signing_is_part_of_what_a_contract_costs() -> None:
    at_once = Delivery(Constant(time=Seconds(0)), Dice(0), Path.constant(1.0))
    fee = Offer("rent", "rental", Shape("H100"), commitment=WithFee(Path.constant(1.0), 10 * HOUR_S, at_once))
    one = world(jobs((0, 10, 10)), metered("od", Path.constant(3.0)), fee, hours=20)
    assert everything(one) == pytest.approx(17.0, rel=CLOSE)


def test_blocks_are_whole_where_that_is_asked_for() -> None:
    one = world(jobs((0, 10, 10)), metered("od", Path.constant(3.0)), rental(1.0, 10, block=4), hours=10)
    assert everything(one) == pytest.approx(10.0, rel=CLOSE)
    assert everything(one, whole_blocks=True) == pytest.approx(30.0, rel=CLOSE)  # 40 for a block, 30 on demand


def test_what_was_committed_before_is_paid_and_is_free_to_use() -> None:
    given = (Order("rent", 1, age_s=5 * HOUR_S),)
    one = world(jobs((0, 8, 8)), metered("od", Path.constant(3.0)), rental(1.0, 10), hours=8, orders=given)
    assert everything(one) == pytest.approx(5 * 1 + 3 * 3, rel=CLOSE)


def test_late_work_costs_its_first_late_day_and_unfinished_work_the_backlog() -> None:
    need = Need("train", usd_per_late_day=4.0, usd_at_most=10.0)
    price = hourly(20, 20, 1)
    late = world(jobs((0, 1, 2), need=need), metered("od", price))
    assert lower_bound(late).value_usd == pytest.approx(4 + 1, rel=CLOSE)
    cheap = world(jobs((0, 1, 2), need=need), metered("od", hourly(3, 20, 1)))
    assert lower_bound(cheap).value_usd == pytest.approx(3, rel=CLOSE)
    forced = world(jobs((0, 3, 2), need=need), metered("od", Path.constant(1.0)), hours=3)
    assert lower_bound(forced).value_usd == pytest.approx(4 + 3, rel=CLOSE)


def test_requests_are_served_lost_or_bought_as_tokens_whichever_costs_least() -> None:
    service = Service("chat", hourly(2, 2, 8, 0), ONE_GPU, {"H100": 4.0}, usd_per_lost_request=0.001)
    od = metered("od", hourly(3, 30, 3, 3))
    one = world(JobTable.empty(), od, services=(service,), hours=4)
    # half an instance-hour at 3, 7,200 requests lost at 0.001 in the dear hour, two instance-hours at 3
    assert lower_bound(one).value_usd == pytest.approx(1.5 + 7.2 + 6.0, rel=CLOSE)
    token = Offer("api", "token_api", Shape("tokens", 0), usd_per_input_token=0.0, usd_per_output_token=1e-6)
    talking = Service("chat", hourly(2, 2, 8, 0), ONE_GPU, {"H100": 4.0}, 0.001, input_tokens=10.0, output_tokens=100.0)
    both = world(JobTable.empty(), od, token, services=(talking,), hours=4)
    assert lower_bound(both).value_usd == pytest.approx(0.72 + 0.72 + 2.88, rel=CLOSE)


def test_credits_pay_for_use_at_their_provider_up_to_their_amount() -> None:
    money = Money(credits=(Credit("A", 2 * MICRO, 12 * HOUR_S),))
    one = world(jobs((0, 2, 2)), metered("od", Path.constant(3.0), provider="A"), money=money)
    assert everything(one) == pytest.approx(4.0, rel=CLOSE)


def test_a_contract_of_another_length_counts_where_the_offer_states_one() -> None:
    one = world(jobs((0, 4, 4)), metered("od", Path.constant(3.0)), rental(1.0, 40, other_h=5), hours=8, drain_h=8)
    short = {"sign": [{"offer": "rent", "instances": 1, "term": "5 h"}]}
    where = placement.KINDS["committed_first"]()
    ledger = run(one, Policy("short", queueing.KINDS["fifo"](), where, FixedPlan.model_validate(short)))
    served = Served.of(one, ledger)
    assert served.terms_s == {"rent": (5 * HOUR_S,)}
    assert everything(replace(one, offers=(one.offers[0], rental(1.0, 40)))) == pytest.approx(12.0, rel=CLOSE)
    assert everything(one) == pytest.approx(5.0, rel=CLOSE)
    assert lower_bound(one, served=served).value_usd == pytest.approx(5.0, rel=CLOSE)
    assert measure(one, ledger)["total_cost_usd"] == pytest.approx(5.0, rel=1e-6)


class Leaver:
    """Signs at once and leaves after four hours; runs what it has on what it has signed."""

    name = "leaver"
    review_every_s = HOUR_S

    def decide(self, view: View) -> list[Action]:
        contracts = view.contracts()
        if not contracts and view.now_s == 0:
            return [Sign("rent", 1)]
        if contracts and view.now_s == 4 * HOUR_S:
            return [Terminate(contracts[0].commitment)]
        return [Start(job.id, "rent") for job in view.waiting() if view.can_start(job, "rent")]


def test_a_contract_that_may_be_left_costs_its_fee_and_the_hours_used() -> None:
    at_once = Delivery(Constant(time=Seconds(0)), Dice(0), Path.constant(1.0))
    terms = RentalTerms(Path.constant(1.0), 40 * HOUR_S, at_once, leaving_share=0.1)
    leave = Offer("rent", "rental", Shape("H100"), commitment=terms)
    one = world(jobs((0, 4, 4)), metered("od", Path.constant(3.0)), leave, hours=30)
    # a tenth of 40 whatever happens, nine tenths of the four hours used: 4 + 3.6, as leaving after 4 h costs
    assert everything(one) == pytest.approx(7.6, rel=CLOSE)
    ledger = run(one, Leaver())
    assert measure(one, ledger)["total_cost_usd"] == pytest.approx(4 + 0.1 * 36, rel=1e-6)
    assert lower_bound(one, served=Served.of(one, ledger)).value_usd == pytest.approx(7.6, rel=CLOSE)


def test_a_provider_that_has_gone_gives_nothing_for_nothing() -> None:
    at_once = Delivery(Constant(time=Seconds(0)), Dice(0), Path.constant(1.0))
    terms = RentalTerms(Path.constant(1.0), 10 * HOUR_S, at_once, exit_s=4 * HOUR_S)
    gone = Offer("rent", "rental", Shape("H100"), commitment=terms)
    one = world(jobs((0, 8, 8)), metered("od", Path.constant(3.0)), gone, hours=8)
    # delivered at the last second of the first slot, three hours are paid; four on demand once it has gone
    assert everything(one) == pytest.approx(3 * 1 + 4 * 3, rel=1e-4)


def test_work_that_cannot_be_done_has_an_infinite_bound() -> None:
    spot = metered("spot", Path.constant(1.0), Path.constant(0), kind="spot")
    assert everything(world(jobs((0, 1, 4)), spot)) == np.inf


def test_it_equals_the_cheapest_of_all_plans_of_jobs_that_take_whole_slots() -> None:
    for entity in range(12):
        random = Dice(31).stream("worlds", entity)
        prices, there = random.integers(1, 9, 5).astype(float), random.integers(0, 2, 5).astype(float)
        rows = []
        for _ in range(3):
            first = int(random.integers(0, 3))
            last = int(random.integers(first + 1, 6))
            rows.append((first, int(random.integers(1, last - first + 1)), last))
        rows.sort()
        offers = metered("od", Path.constant(6.5)), metered("spot", hourly(*prices), hourly(*there), kind="spot")
        plans = [list(itertools.combinations(range(a, d), w)) for a, w, d in rows]
        cheapest = np.inf
        for plan in itertools.product(*plans):
            used = np.bincount(np.concatenate(plan).astype(int), minlength=5)
            on_spot = np.where(prices < 6.5, np.minimum(used, there), 0)
            cheapest = min(cheapest, float((on_spot * prices + (used - on_spot) * 6.5).sum()))
        assert everything(world(jobs(*rows), *offers, hours=5)) == pytest.approx(cheapest, rel=CLOSE)


def test_long_windows_cut_into_spans_tell_the_same_as_a_column_a_slot(monkeypatch: pytest.MonkeyPatch) -> None:
    random = Dice(32).stream("worlds")
    prices = random.uniform(1, 9, 40)
    starts, widths = random.integers(0, 20, 15).tolist(), random.integers(3, 20, 15).tolist()
    rows = sorted((a, 0.4, a + w) for a, w in zip(starts, widths, strict=True))
    # each fits into an hour and a half, so the speed limit of a span tells no more than that of its slots
    offers = metered("od", Path.constant(8.0)), metered("spot", hourly(*prices), Path.constant(1), kind="spot")
    one = world(jobs(*rows), *offers, hours=40)
    by_slot = everything(one)
    monkeypatch.setattr(work, "SHORT", 0)
    assert everything(one) == pytest.approx(by_slot, rel=1e-9)


def test_the_spans_of_a_window_are_disjoint_and_cover_it() -> None:
    first, last = np.array([0, 3, 5, 7]), np.array([0, 3, 16, 30])
    covered = [set() for _ in first]
    for level, nodes, owners in work._cut(first, last):
        for node, owner in zip(nodes.tolist(), owners.tolist(), strict=True):
            span = set(range(node << level, (node + 1) << level))
            assert not covered[owner] & span
            covered[owner] |= span
    assert covered == [set(range(a, b + 1)) for a, b in zip(first, last, strict=True)]


def test_a_slot_takes_the_least_and_the_greatest_of_the_steps_inside_it() -> None:
    path = Path.steps([(0, 5.0), (3600, 2.0), (5400, 7.0), (7200, 4.0)])
    grid = Grid(HOUR_S, 4 * HOUR_S)
    assert grid.least(path).tolist() == [5, 2, 4, 4]
    assert grid.greatest(path).tolist() == [5, 7, 4, 4]
    assert grid.greatest(path, before_s=1).tolist() == [5, 7, 7, 4]
    assert grid.total(path, 3 * HOUR_S).tolist() == [5 * 3600, 2 * 1800 + 7 * 1800, 4 * 3600, 0]


def random_world(entity: int) -> World:
    """A few jobs, spot that comes and goes, on-demand, a contract that may be signed; eight GPUs an instance."""
    random = Dice(33).stream("worlds", entity)
    needs = tuple(
        Need("train", milli=1000 * gpus, usd_per_late_day=30.0 * gpus, usd_at_most=200.0) for gpus in (1, 4, 8)
    )
    count = int(random.integers(4, 14))
    need = random.integers(0, 3, count)
    arrival = np.sort(random.integers(0, 30 * HOUR_S, count))
    amount = (random.uniform(0.3, 6, count) * HOUR_S * 1000 * np.array([1, 4, 8])[need]).astype(np.int64)
    deadline = arrival + random.integers(1, 24, count) * HOUR_S
    table = JobTable(needs, need, arrival, amount, amount, deadline)
    shape = Shape("H100", 8)
    there = hourly(*random.integers(0, 3, 96).astype(float))
    prices = hourly(*random.uniform(5, 20, 96))
    spot = Offer("spot", "spot", shape, launchable=there, keepable=there, price=prices, notice_s=120, boot_s=60)
    od = Offer(
        "od", "on_demand", shape, launchable=Path.constant(UNLIMITED), keepable=Path.constant(UNLIMITED),
        price=Path.constant(24.0), quota=4,
    )  # fmt: skip
    return World(48 * HOUR_S, table, (od, spot, rental(12.0, 24, lead_h=3, resale=0.5, gpus=8)), drain_s=48 * HOUR_S)


def policies() -> list[Policy]:
    rent = FixedPlan.model_validate({"sign": [{"offer": "rent", "instances": 1}]})
    where = placement.KINDS
    fifo, edf = queueing.KINDS["fifo"](), queueing.KINDS["edf"]()
    return [
        Policy("cloud", fifo, where["on_demand_only"]()),
        Policy("spot", edf, where["spot_greedy"]()),
        Policy("cheapest", edf, where["cheapest_feasible"]()),
        Policy("rent", edf, where["committed_first"](), rent),
    ]


@pytest.mark.parametrize("entity", range(6))
def test_no_policy_comes_below_it(entity: int) -> None:
    one = random_world(entity)
    free = lower_bound(one)
    assert free.status == "optimal"
    for policy in policies():
        ledger = run(one, policy)
        found = measure(one, ledger)
        same = lower_bound(one, served=Served.of(one, ledger))
        assert found["total_with_penalties_usd"] >= free.value_usd - 1e-4, policy.name
        assert found["total_cost_usd"] >= same.value_usd - 1e-4, policy.name
        assert same.value_usd > 0, policy.name


def test_shorter_slots_never_lower_the_bound() -> None:
    one = random_world(3)
    values = [lower_bound(one, slot_s=slot_s).value_usd for slot_s in (4 * HOUR_S, 2 * HOUR_S, HOUR_S, HOUR_S // 4)]
    assert values == sorted(values)
    assert market.lower_bound(one, slot_s=HOUR_S // 4).slots == 4 * 96
