"""Break-even in closed form: by pencil, against the ledger's own terms, and on a map."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from marketsim import supply
from marketsim.demand.job import Need, Service
from marketsim.path import Path
from marketsim.streams import Dice
from marketsim.supply import breakeven
from marketsim.supply.datacenter import Datacenter
from marketsim.supply.kind import FinanceFacts, build_all
from marketsim.supply.offer import Offer
from marketsim.throw import Throw
from marketsim.units import DAY_S, YEAR_S

SHAPE = {"gpu": "H100", "gpus": 8}
KEYS: dict[str, dict[str, Any]] = {
    "cloud": {"kind": "on_demand", "provider": "p", "shape": SHAPE, "usd_per_gpu_hour": 3.0},
    "year": {"kind": "rental", "provider": "p", "shape": SHAPE, "usd_per_gpu_hour": 1.8, "term": "12 months"},
    "own": {
        "kind": "datacenter",
        "shape": SHAPE,
        "usd_per_server": 282_000,
        "network_share": 0.19,
        "lead": "12 w",
        "resale": {"share_after_life": 0.15},
        "kw_per_server": 10.2,
        "usd_per_kwh": 0.0826,
        "usd_per_kw_month": 184,
        "maintenance_share_per_year": 0.04,
        "operations_usd_per_gpu_year": 600,
    },
    "tokens": {"kind": "token_api", "usd_per_million_input_tokens": 0.1, "usd_per_million_output_tokens": 0.2},
}


def built(facts: FinanceFacts | None = None, **change: dict[str, Any]) -> dict[str, Offer]:
    kinds = {
        name: supply.KINDS[keys["kind"]].model_validate(keys | change.get(name, {})) for name, keys in KEYS.items()
    }
    throw = Throw(Dice(0), 5 * YEAR_S, 5 * YEAR_S)
    return {offer.id: offer for offer in build_all(kinds, throw, facts or FinanceFacts())}


def held(offer: Offer, gpus: int = 8, horizon_s: int = YEAR_S) -> breakeven.Holding:
    found = breakeven.holding(offer, gpus, horizon_s)
    assert found is not None
    return found


def test_a_contract_pays_from_its_price_over_the_cloud_s() -> None:
    offers = built()
    assert breakeven.break_even_use(held(offers["year"]), held(offers["cloud"])) == pytest.approx(0.6)
    assert held(offers["cloud"]).usd_per_used_hour(0.1) == pytest.approx(3.0)
    assert held(offers["year"]).usd_per_used_hour(0.5) == pytest.approx(3.6)


def test_two_ways_cost_the_same_where_their_lines_cross_and_only_there() -> None:
    cheap_idle, cheap_busy = breakeven.Holding(10.0, 100.0, 50.0), breakeven.Holding(60.0, 0.0, 50.0)
    assert breakeven.equal_use(cheap_idle, cheap_busy) == pytest.approx(0.5)
    assert breakeven.equal_use(cheap_busy, cheap_idle) == pytest.approx(0.5)
    assert breakeven.equal_use(cheap_idle, cheap_idle) is None
    assert breakeven.break_even_use(cheap_busy, cheap_idle) == pytest.approx(0.5)


def test_a_fleet_that_fails_has_fewer_hours_to_use() -> None:
    failing = built(own={"outage": {"kind": "calendar", "per_gpu_year": 8.76, "repair": "125 h"}})["own"]
    assert held(failing).used_hours == pytest.approx(held(built()["own"]).used_hours / 2)


def test_a_horizon_of_half_a_term_pays_the_whole_term() -> None:
    offers = built()
    assert held(offers["year"], horizon_s=YEAR_S // 2).usd_per_used_hour(1.0) == pytest.approx(3.6)
    half = built(year={"resale_share": 0.5})["year"]
    assert held(half, horizon_s=YEAR_S // 2).usd_per_used_hour(1.0) == pytest.approx(2.7)


def test_a_fleet_is_whole_instances_and_blocks() -> None:
    assert held(built()["year"], gpus=9).fixed_usd == pytest.approx(2 * 8 * 1.8 * 8760)
    assert held(built(year={"block_instances": 4})["year"], gpus=9).fixed_usd == pytest.approx(4 * 8 * 1.8 * 8760)


def test_without_interest_owning_for_life_costs_what_the_levelised_formula_says() -> None:
    facts = FinanceFacts(cost_of_capital_per_year=0.0, sales_tax=0.08)
    kind = Datacenter.model_validate(KEYS["own"])
    gpu = breakeven.own_gpu(kind, facts, servers=1)
    own = held(built(facts)["own"], horizon_s=5 * YEAR_S)
    for use in (0.2, 0.7, 1.0):
        assert own.usd_per_used_hour(use) == pytest.approx(gpu.usd_per_used_hour(use), rel=1e-6)


def test_the_reference_row_comes_out_of_a_scenario_s_keys() -> None:
    kind = Datacenter.model_validate(KEYS["own"])
    gpu = breakeven.own_gpu(kind, FinanceFacts(cost_of_capital_per_year=0.10), servers=100, available=0.97)
    assert gpu.usd_per_used_hour(0.7) == pytest.approx(2.74, abs=0.01)
    assert gpu.usd_per_used_hour(0.2) == pytest.approx(9.43, abs=0.01)


def test_the_map_s_winner_is_the_cheapest_of_its_costs_and_turns_at_the_break_even() -> None:
    offers = built()
    uses = np.linspace(0.05, 1, 39)
    found = breakeven.breakeven_map(list(offers.values()), uses, [8, 64, 512], [5 * YEAR_S])
    assert found.ways == ("cloud", "year", "own", "tokens")
    assert found.usd_per_used_gpu_hour.shape == (4, 3, 39)
    for row, gpus in enumerate(found.rows):
        use = breakeven.break_even_use(held(offers["own"], gpus, 5 * YEAR_S), held(offers["cloud"], gpus, 5 * YEAR_S))
        assert use is not None
        cheaper = found.usd_per_used_gpu_hour[2, row] < found.usd_per_used_gpu_hour[0, row]
        assert (cheaper == (uses > use)).all()
    assert (found.winner == found.usd_per_used_gpu_hour.argmin(axis=0)).all()
    assert np.isinf(found.usd_per_used_gpu_hour[3]).all()


def test_a_short_horizon_favours_the_cloud_and_a_long_one_what_is_bought() -> None:
    dear = {"own": {"resale": {"share_after_life": 0.15, "selling_cost_share": 0.3}}}
    offers = built(**dear)
    found = breakeven.breakeven_map(
        [offers["cloud"], offers["own"]], [0.8], [64], [30 * DAY_S, YEAR_S, 3 * YEAR_S, 5 * YEAR_S]
    )
    assert found.winner[:, 0].tolist() == [0, 0, 1, 1]


def test_a_map_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="a map needs"):
        breakeven.breakeven_map([], [0.5], [8], [YEAR_S])
    with pytest.raises(ValueError, match="a map needs"):
        breakeven.breakeven_map(list(built().values()), [0.5], [8, 16], [YEAR_S, 2 * YEAR_S])


def test_a_slower_gpu_costs_more_for_the_same_work() -> None:
    slow = built(cloud={"shape": {"gpu": "A100", "gpus": 8}})["cloud"]
    found = breakeven.holding(slow, 8, YEAR_S, "nlp", "H100")
    assert found is not None
    assert found.usd_per_used_hour(1.0) == pytest.approx(3.0 * 2.609, abs=0.01)


def service(requests_per_s: float = 10.0) -> Service:
    replica = Need("chat", milli=1000, reference_gpu="H100")
    return Service("chat", Path.constant(1.0), replica, {"H100": requests_per_s}, input_tokens=1000, output_tokens=500)


def test_hosting_pays_from_the_requests_whose_tokens_cost_as_much_as_an_instance() -> None:
    offers = built()
    assert breakeven.usd_per_request(offers["tokens"], service()) == pytest.approx(0.0002)
    requests = breakeven.requests_per_day_to_host(offers["year"], offers["tokens"], service())
    assert requests == pytest.approx(8 * 1.8 * 24 / 0.0002)


def test_hosting_never_pays_where_a_full_instance_is_dearer_than_its_tokens() -> None:
    offers = built()
    assert breakeven.requests_per_day_to_host(offers["year"], offers["tokens"], service(1.0), most_instances=64) is None
    no_tokens = Service("chat", Path.constant(1.0), Need("chat"), {"H100": 9.0})
    assert breakeven.requests_per_day_to_host(offers["year"], offers["tokens"], no_tokens) is None


def test_people_for_the_first_server_can_make_hosting_pay_only_from_several_on() -> None:
    staff = {"engineers": 1, "usd_per_year_each": 300_000, "per_servers": 32}
    offers = built(own={"staff": staff})
    alone = breakeven.requests_per_day_to_host(built()["own"], offers["tokens"], service(5.0))
    staffed = breakeven.requests_per_day_to_host(offers["own"], offers["tokens"], service(5.0))
    one_server_serves = 8 * 5.0 * DAY_S
    assert alone is not None
    assert staffed is not None
    assert alone < one_server_serves < staffed
