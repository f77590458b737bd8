"""The rules that decide from what they have seen: pencil forecasts, pencil thresholds, whole runs in small worlds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from marketsim import settings
from marketsim.demand.job import NEVER, JobTable, Need, Service
from marketsim.engine.run import run
from marketsim.engine.setup import make_setup
from marketsim.ledger import Ledger
from marketsim.path import Path
from marketsim.policies import forecast, placement, procurement, queueing
from marketsim.policies.forecast import demand
from marketsim.policies.forecast.forecast import Seen
from marketsim.policies.policy import Policy
from marketsim.policies.procurement.own_vs_rent import shares_used
from marketsim.policies.procurement.rolling import Contract, first_signed
from marketsim.settings import Seconds
from marketsim.streams import Dice
from marketsim.supply.lead import Constant, Delivery
from marketsim.supply.offer import Offer
from marketsim.supply.owned import PurchaseTerms, Resale
from marketsim.supply.quote import quote
from marketsim.supply.rental_terms import RentalTerms
from marketsim.supply.shape import Shape
from marketsim.units import DAY_S, HOUR_S, UNLIMITED, WEEK_S, YEAR_S
from marketsim.world import World

AT_ONCE = Delivery(Constant(time=Seconds(0)), Dice(0), Path.constant(1.0))


def seen(*steps: float, step_s: int = HOUR_S) -> Seen:
    return Seen(np.array(steps, float), step_s, len(steps) * step_s, 0)


def rental(usd: float, term_s: int, block: int = 1, lead_s: int = 0) -> Offer:
    delivery = Delivery(Constant(time=Seconds(lead_s)), Dice(0), Path.constant(1.0))
    return Offer("rent", "rental", Shape("H100"), commitment=RentalTerms(Path.constant(usd), term_s, delivery, block))


def owned(usd: float, life_s: int = 4 * YEAR_S) -> Offer:
    terms = PurchaseTerms(round(usd * 1e6), 0, life_s, AT_ONCE, resale=Resale(share_after_life=0.0))
    return Offer("own", "datacenter", Shape("H100"), commitment=terms)


def on_demand(usd: float) -> Offer:
    every = Path.constant(UNLIMITED)
    return Offer("od", "on_demand", Shape("H100"), launchable=every, keepable=every, price=Path.constant(usd))


def level_world(days: int, levels: list[float], *offers: Offer) -> World:
    """Jobs of a day each: `levels[i % len(levels)]` of them start on day i."""
    arrivals = [day * DAY_S for day in range(days) for _ in range(int(levels[day % len(levels)]))]
    size = len(arrivals)
    work = np.full(size, DAY_S * 1000)
    columns = [np.zeros(size, np.int64), np.array(arrivals, np.int64), work, work, np.full(size, NEVER)]
    return World(days * DAY_S, JobTable((Need("train"),), *columns), offers, drain_s=5 * DAY_S)


def signed(world: World, rule: settings.Kind) -> list[tuple[int, int]]:
    """(day, instances) of every contract or purchase of a run."""
    ledger: Ledger = run(world, Policy("p", queueing.KINDS["fifo"](), placement.KINDS["committed_first"](), rule))
    table = ledger.tables["signed"]
    days = (table.column("t_s") / DAY_S).tolist()
    return list(zip(days, table.column("instances").tolist(), strict=True))


# ------------------------------------------------------------------------------------------------------- forecasts


def test_the_seasonal_forecast_repeats_the_last_season_and_is_silent_before_its_end() -> None:
    naive = forecast.KINDS["seasonal_naive"](season=Seconds(3 * HOUR_S))
    assert naive.path(seen(9, 1, 2, 3), 5).tolist() == [1, 2, 3, 1, 2]
    assert naive.samples(seen(9, 1, 2, 3), 5).tolist() == [1, 2, 3]
    assert naive.path(seen(1, 2), 5) is None


def test_smoothing_follows_a_level_at_its_weight_and_keeps_the_course_of_the_season() -> None:
    kind = forecast.KINDS["exponential_smoothing"]
    flat = kind(season=Seconds(2 * HOUR_S), level_weight=0.5, trend_weight=0.0)
    # season means 2 then 4: level 3; within a season -1, +1
    assert flat.path(seen(1, 3, 3, 5), 4).tolist() == [2, 4, 2, 4]
    rising = kind(season=Seconds(HOUR_S), level_weight=1.0, trend_weight=1.0, damping=1.0)
    assert rising.path(seen(1, 2, 3), 3).tolist() == [4, 5, 6]
    damped = kind(season=Seconds(HOUR_S), level_weight=1.0, trend_weight=1.0, damping=0.5)
    assert damped.path(seen(1, 2), 2).tolist() == [2.5, 2.75]
    # level 1, 1.5, then half of 4 and half of 1.5 + 0.5 x 0.5; the rise to 2.875 is halved once more
    halves = kind(season=Seconds(HOUR_S), level_weight=0.5, trend_weight=1.0, damping=0.5)
    assert halves.path(seen(1, 2, 4), 1).tolist() == [2.875 + 1.375 / 2]
    falling = kind(season=Seconds(HOUR_S), level_weight=1.0, trend_weight=1.0, damping=1.0)
    assert falling.path(seen(2, 1), 3).tolist() == [0, 0, 0]
    assert kind().path(seen(1, 2), 3) is None


def test_empirical_quantiles_take_the_window_and_nothing_before_enough_was_seen() -> None:
    kind = forecast.KINDS["empirical_quantiles"]
    recent = kind(window=Seconds(3 * HOUR_S), at_least=Seconds(2 * HOUR_S), quantile=0.5)
    assert recent.samples(seen(9, 1, 5, 2), 10).tolist() == [1, 5, 2]
    assert recent.path(seen(9, 1, 5, 2), 2).tolist() == [2, 2]
    assert recent.samples(seen(9), 10) is None


def test_a_perfect_forecast_is_the_truth_and_says_so_in_its_name() -> None:
    world = level_world(6, [1, 3], on_demand(3.0))
    setup = make_setup(world)
    perfect = forecast.KINDS["perfect"](step=Seconds(DAY_S)).bind(setup)
    assert perfect.path(Seen(np.zeros(2), DAY_S, 2 * DAY_S, 0), 3).tolist() == [1, 3, 1]


def test_demand_is_counted_from_arrival_in_instances_of_the_offer() -> None:
    service = Service("chat", Path.steps([(0, 4.0), (2 * HOUR_S, 8.0)]), Need("chat", milli=500), {"H100": 2.0})
    table = JobTable(
        (Need("a", milli=2000), Need("b", memory_gb_per_gpu=500)),
        need=np.array([0, 1, 0]),
        arrival_s=np.array([0, 0, HOUR_S // 2]),
        work=np.full(3, 1),
        estimate=np.array([2 * HOUR_S * 2000, HOUR_S * 1000, HOUR_S * 2000 // 2]),
        deadline_s=np.full(3, NEVER),
    )
    offer = Offer("rent", "rental", Shape("H100", 4), commitment=rental(1.0, YEAR_S).commitment)
    setup = make_setup(World(4 * HOUR_S, table, (offer,), services=(service,)))
    rows = list(
        zip(*(c.tolist() for c in (table.arrival_s, table.need, table.estimate, table.deadline_s)), strict=True)
    )

    class Past:
        now_s = 4 * HOUR_S

        def seen(self, since_s: int, until_s: int) -> list[tuple[int, int, int, int]]:
            return rows

    found = demand.by_asker(Past(), setup, setup.offers[0], 0, HOUR_S, 4)
    # half an instance for two hours, and half a one for half an hour at half past; the second need does not fit
    assert found["need", 0].tolist() == pytest.approx([0.75, 0.5, 0, 0])
    assert ("need", 1) not in found
    assert found["service", 0].tolist() == pytest.approx([0.25, 0.25, 0.5, 0.5])  # 4 / 2 halves of a GPU, of 4


# ------------------------------------------------------------------------------------------------------- quotes


def test_a_quote_is_the_contracts_price_and_a_purchase_written_off_over_what_it_is_kept() -> None:
    told = quote(rental(2.0, YEAR_S), at_s=1000, instances=1, keep_s=1)
    assert told is not None
    assert told.usd_per_hour == pytest.approx(2.0, rel=1e-6)
    assert (told.span_s, told.lead_s, told.usd_per_busy_hour) == (YEAR_S, 0, 0.0)
    bought = quote(owned(35_040.0), at_s=0, instances=1, keep_s=2 * YEAR_S)
    assert bought is not None
    assert bought.usd_per_hour == pytest.approx(35_040 / (4 * 8760), rel=1e-6)
    assert quote(on_demand(3.0), 0, 1, 1) is None


# ------------------------------------------------------------------------------------------------------- rules


def test_the_quantile_rule_signs_the_level_that_is_used_often_enough() -> None:
    rule = procurement.KINDS["reserve_quantile"](
        offer="rent", forecast=forecast.KINDS["empirical_quantiles"](step=Seconds(DAY_S))
    )
    # three instances on two days of three, five on the third: 2 of 3 suffices at a price of 1.5 to 3, 1 of 3 does not
    world = level_world(60, [3, 3, 5], on_demand(3.0), rental(1.5, 40 * DAY_S))
    orders = signed(world, rule)
    assert orders[0] == (7, 3)
    assert sum(count for day, count in orders if day < 40) == 3
    dear = level_world(60, [3, 3, 5], on_demand(3.0), rental(3.1, 40 * DAY_S))
    assert signed(dear, rule) == []
    cheap = level_world(60, [3, 3, 5], on_demand(3.0), rental(0.8, 40 * DAY_S))
    # five on two of the seven days seen
    assert signed(cheap, rule)[0] == (7, 5)


def test_contracts_are_signed_in_blocks_and_again_when_they_run_out() -> None:
    rule = procurement.KINDS["reserve_quantile"](
        offer="rent", forecast=forecast.KINDS["empirical_quantiles"](step=Seconds(DAY_S))
    )
    # on day 35 only three days are left: 14 days' fee for them would be 4.67 an hour, more than on demand
    world = level_world(38, [5], on_demand(3.0), rental(1.0, 14 * DAY_S, block=2))
    assert signed(world, rule) == [(7, 4), (21, 4)]


def test_a_contract_that_will_have_ended_when_the_next_could_come_is_replaced_a_lead_ahead() -> None:
    rule = procurement.KINDS["reserve_quantile"](
        offer="rent", forecast=forecast.KINDS["empirical_quantiles"](step=Seconds(DAY_S))
    )
    world = level_world(45, [2], on_demand(3.0), rental(1.0, 14 * DAY_S, lead_s=7 * DAY_S))
    # signed on day 7 for days 14 to 28; on day 21 for days 28 to 42; on day 35 too little would be left
    assert signed(world, rule) == [(7, 2), (21, 2)]


def test_the_online_rule_signs_once_the_fee_has_been_spent() -> None:
    rule = procurement.KINDS["reserve_breakeven"](offer="rent", step=Seconds(DAY_S))
    # ten days at 1.2 are as much as five at 2.4: the sixth day exceeds it
    world = level_world(25, [1], on_demand(2.4), rental(1.2, 10 * DAY_S))
    assert signed(world, rule)[0] == (6, 1)
    sooner = procurement.KINDS["reserve_breakeven"](offer="rent", step=Seconds(DAY_S), share_of_breakeven=0.5)
    assert signed(world, sooner)[0] == (3, 1)


def test_the_randomized_rule_draws_once_a_replication_and_never_looks_ahead() -> None:
    kind = procurement.KINDS["reserve_randomized"]
    world = level_world(25, [1], on_demand(2.4), rental(1.2, 10 * DAY_S))
    early = signed(world, kind(offer="rent", step=Seconds(DAY_S), luck=0.0))
    assert early[0] == (1, 1)
    rule = kind(offer="rent", step=Seconds(DAY_S))
    assert signed(world, rule) == signed(world, rule)
    draws = {rule.bind(make_setup(World(DAY_S, world.jobs, world.offers, dice=Dice(1, r)))).luck for r in range(5)}
    assert len(draws) == 5


def test_layers_stand_on_one_another() -> None:
    layers = [{"offer": "long", "used_at_least": 0.9}, {"offer": "rent", "used_at_least": 0.3}]
    rule = procurement.KINDS["layered"].model_validate(
        {"layers": layers, "forecast": {"kind": "empirical_quantiles", "step": "1 d"}}
    )
    long = Offer("long", "rental", Shape("H100"), commitment=RentalTerms(Path.constant(1.0), 50 * DAY_S, AT_ONCE))
    world = level_world(60, [2, 4], on_demand(3.0), long, rental(1.5, 50 * DAY_S))
    ledger = run(world, Policy("p", queueing.KINDS["fifo"](), placement.KINDS["committed_first"](), rule))
    table = ledger.tables["signed"]
    assert table.column("offer").tolist() == [1, 2]
    assert table.column("instances").tolist() == [2, 2]


def test_servers_are_bought_for_the_layers_where_owning_is_cheapest() -> None:
    rule = procurement.KINDS["own_vs_rent"](
        own="own", rent="rent", forecast=forecast.KINDS["empirical_quantiles"](step=Seconds(DAY_S))
    )
    # owned for 1 an hour while written off over four years; layers used always, and half of the time; on demand at 3
    world = level_world(80, [2, 4], on_demand(3.0), rental(1.2, 10 * DAY_S), owned(4 * 8760.0))
    orders = signed(world, rule)
    assert orders[0] == (30, 4)
    dear = level_world(80, [2, 4], on_demand(3.0), rental(1.2, 10 * DAY_S), owned(1.3 * 4 * 8760))
    assert signed(dear, rule)[0] == (30, 4)
    ledger = run(dear, Policy("p", queueing.KINDS["fifo"](), placement.KINDS["committed_first"](), rule))
    assert set(ledger.tables["signed"].column("offer").tolist()) == {1}  # rented: 1.2 is less than 1.3


def test_shares_used_fall_from_layer_to_layer() -> None:
    assert shares_used(np.array([0, 1, 2.5, 4]), 1).tolist() == [0.75, 0.5, 0.25, 0.25]
    assert shares_used(np.array([0, 1, 2.5, 4]), 2).tolist() == [0.5, 0.25]


def test_the_plan_signs_what_pays_within_the_window_and_leaves_peaks_to_the_market() -> None:
    wanted = np.array([2.0, 2, 2, 2, 5, 2])
    assert first_signed(wanted, [Contract(0, 6, 1.0)], 1.5) == pytest.approx([2.0])
    assert first_signed(wanted, [Contract(0, 6, 1.6)], 1.5) == pytest.approx([0.0])
    # a contract that comes after four periods, signed today, catches the peak; the cheaper one is preferred
    assert first_signed(wanted, [Contract(4, 1, 1.0), Contract(0, 6, 1.2)], 1.5) == pytest.approx([3.0, 2.0])


def test_the_rolling_plan_signs_in_a_run() -> None:
    rule = procurement.KINDS["rolling_lookahead"](
        offers=("rent",), forecast=forecast.KINDS["empirical_quantiles"](step=Seconds(DAY_S)),
        window=Seconds(3 * WEEK_S), plan_step=Seconds(DAY_S),
    )  # fmt: skip
    world = level_world(60, [3], on_demand(3.0), rental(1.0, 40 * DAY_S))
    assert signed(world, rule)[0] == (7, 3)


@pytest.mark.parametrize("kind", sorted(procurement.KINDS))
def test_every_rule_names_an_offer_that_is_not_there(kind: str) -> None:
    from marketsim.errors import InputError

    given = {
        "reserve_quantile": {"offer": "rnt"},
        "reserve_breakeven": {"offer": "rnt"},
        "reserve_randomized": {"offer": "rnt"},
        "layered": {"layers": [{"offer": "rnt"}]},
        "own_vs_rent": {"own": "rnt"},
        "rolling_lookahead": {"offers": ["rnt"]},
        "fixed_plan": {"sign": [{"offer": "rnt", "instances": 1}]},
    }
    setup = make_setup(level_world(3, [1], on_demand(3.0), rental(1.0, DAY_S)))
    if kind == "none":
        procurement.KINDS[kind]().bind(setup)
        return
    with pytest.raises(InputError, match="Did you mean rent"):
        procurement.KINDS[kind].model_validate(given[kind]).bind(setup)


def dearest_first(wanted: np.ndarray, contracts: list[Contract], on_demand_usd: float) -> float:
    """Least cost of a plan, each contract of each period its own variable that covers the periods it is there."""
    from scipy import optimize

    periods = len(wanted)
    columns, costs = [np.eye(periods)], [np.full(periods, on_demand_usd)]
    for contract in contracts:
        for signed in range(periods - contract.late):
            there = np.zeros((periods, 1))
            there[signed + contract.late : signed + contract.late + contract.lasts] = 1
            columns.append(there)
            costs.append(np.array([contract.usd * there.sum()]))
    return float(optimize.linprog(np.concatenate(costs), A_ub=-np.hstack(columns), b_ub=-wanted).fun)


def test_what_the_plan_signs_first_is_part_of_a_cheapest_plan_of_the_dense_programme() -> None:
    """Signed as told, the rest costs what the whole did: the programme of differences has the same optimum."""
    dice = np.random.default_rng(5)
    for _ in range(200):
        periods = int(dice.integers(1, 16))
        wanted = dice.integers(0, 6, periods) * 0.5
        contracts = [
            Contract(int(dice.integers(0, 6)), int(dice.integers(1, 9)), float(dice.uniform(0.5, 2.5)))
            for _ in range(dice.integers(1, 4))
        ]
        first = first_signed(wanted, contracts, 2.0)
        left, paid = wanted.copy(), 0.0
        for contract, count in zip(contracts, first, strict=True):
            there = slice(contract.late, contract.late + contract.lasts)
            left[there] -= count
            paid += count * contract.usd * len(wanted[there])
        rest = dearest_first(np.maximum(left, 0), contracts, 2.0)
        assert paid + rest == pytest.approx(dearest_first(wanted, contracts, 2.0), abs=1e-7)


def test_demand_looked_at_again_and_again_is_as_if_looked_at_once() -> None:
    """Looks at odd times, a part of a step over, several a step; jobs that came at the edge of a step; a lever."""
    dice = np.random.default_rng(3)
    size = 300
    arrival = np.sort(dice.integers(0, 40, size) * (HOUR_S // 2))
    service = Service("chat", Path.steps([(0, 4.0), (7 * HOUR_S, 8.0)]), Need("chat", milli=500), {"H100": 2.0})
    table = JobTable(
        (Need("a", milli=2000), Need("b", milli=1000)), need=dice.integers(0, 2, size), arrival_s=arrival,
        work=np.full(size, 1), estimate=dice.integers(1, 9 * HOUR_S * 1000, size), deadline_s=np.full(size, NEVER),
    )  # fmt: skip
    offer = Offer("rent", "rental", Shape("H100", 4), commitment=rental(1.0, YEAR_S).commitment)
    setup = make_setup(World(40 * HOUR_S, table, (offer,), services=(service,)))

    class Past:
        now_s = 0

        def seen(self, since_s: int, until_s: int) -> list[tuple[int, int, int, int]]:
            inside = (arrival >= since_s) & (arrival < until_s)
            columns = (table.arrival_s, table.need, table.estimate, table.deadline_s)
            return list(zip(*(column[inside].tolist() for column in columns), strict=True))

    past, history, twice = Past(), demand.History(), Need("b", milli=2000)
    for now_s in sorted([*dice.integers(HOUR_S, 25 * HOUR_S, 40).tolist(), 2 * HOUR_S, 3 * HOUR_S, 9 * HOUR_S]):
        past.now_s = now_s
        if now_s > 12 * HOUR_S:  # since then the second need takes twice the GPUs
            setup = replace(setup, needs=(setup.needs[0], twice))
        steps = now_s // HOUR_S
        found = history.by_asker(past, setup, setup.offers[0], 0, HOUR_S, steps)
        fresh = demand.by_asker(past, setup, setup.offers[0], 0, HOUR_S, steps)
        assert found.keys() == fresh.keys()
        for key, part in fresh.items():
            assert part.shape == (steps,)
            assert found[key] == pytest.approx(part, abs=1e-9)


SCARCE = {
    "reserve_quantile": {"offer": "rent", "forecast": {"kind": "empirical_quantiles", "step": "1 d"}},
    "reserve_breakeven": {"offer": "rent", "step": "1 d", "share_of_breakeven": 0.1},
    "reserve_randomized": {"offer": "rent", "step": "1 d", "luck": 0.0},
    "layered": {
        "layers": [{"offer": "rent", "used_at_least": 0.9}, {"offer": "rent", "used_at_least": 0.3}],
        "forecast": {"kind": "empirical_quantiles", "step": "1 d"},
    },
    "rolling_lookahead": {
        "offers": ["rent"], "forecast": {"kind": "empirical_quantiles", "step": "1 d"}, "plan_step": "1 d",
    },
    "own_vs_rent": {"own": "own", "rent": "rent", "forecast": {"kind": "empirical_quantiles", "step": "1 d"}},
}  # fmt: skip


@pytest.mark.parametrize("kind", SCARCE)
def test_no_rule_orders_more_than_an_offer_has(kind: str) -> None:
    """Six are wanted, five contracts in blocks of two and three servers there are: four and three, and no error."""
    assert {name for name in procurement.KINDS if name not in ("none", "fixed_plan")} == set(SCARCE)
    rule = procurement.KINDS[kind].model_validate(SCARCE[kind])
    rent = replace(rental(0.2, 200 * DAY_S, block=2), most_instances=5)
    own = replace(owned(4 * 87.6), most_instances=3)
    world = level_world(80, [6], on_demand(3.0), rent, own)
    ledger = run(world, Policy("p", queueing.KINDS["fifo"](), placement.KINDS["committed_first"](), rule))
    table = ledger.tables["signed"]
    rented, owned_ones = (
        sum(n for n, offer in zip(table.column("instances"), table.column("offer"), strict=True) if offer == index)
        for index in (1, 2)
    )
    assert (rented, owned_ones) == ((2, 3) if kind == "own_vs_rent" else (4, 0))
