"""What holds for every kind of offer: it builds from a scenario's keys, twice alike, and keeps to its contract."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import supply_books as books
from pydantic import ValidationError

from marketsim import supply
from marketsim.demand.job import Need
from marketsim.errors import InputError
from marketsim.path import Path
from marketsim.streams import Dice
from marketsim.supply.kind import FinanceFacts, OfferKind, build_all, pricing_order
from marketsim.supply.offer import Offer
from marketsim.throw import Throw
from marketsim.units import DAY_S, MONTH_S, UNLIMITED, YEAR_S

THROW = Throw(Dice(7), YEAR_S, YEAR_S + 30 * DAY_S)
MONEY = FinanceFacts(cost_of_capital_per_year=0.2, sales_tax=0.08)
SHAPE = {"gpu": "A100", "gpus": 8, "interconnect": "nvlink"}
OUTAGE = {"kind": "calendar", "per_gpu_year": 0.173, "repair": "1 h"}
CLOUD = {"provider": "AWS", "zone": "eu-west-1", "residency": "eu", "shape": SHAPE, "outage": OUTAGE}

# one example of each kind; a new kind adds its own
EXAMPLES: dict[str, dict[str, Any]] = {
    "on_demand": CLOUD | {"usd_per_gpu_hour": 3.0, "quota_instances": {"initial": 2, "step": 4, "grant": "3 d"}},
    "spot": CLOUD
    | {
        "usd_per_gpu_hour": {"kind": "ou", "ratio_to": "x-on-demand", "preset": "aws-active"},
        "availability": {"kind": "two_state", "preset": "v100-us-west-2a-8gpu"},
    },
    "rental": CLOUD | {"usd_per_gpu_hour": 1.9, "term": "12 months", "upfront_share": 0.2, "lead": "21 d"},
    "capacity_block": CLOUD | {"usd_per_gpu_hour": 2.5, "term": "14 d", "lead": "3 d"},
    "datacenter": {
        "shape": SHAPE,
        "usd_per_server": 148_000,
        "lead": "12 w",
        "kw_per_server": 6.5,
        "usd_per_kwh": 0.0826,
        "outage": OUTAGE,
    },
    "edge": {
        "device": "Jetson AGX Orin 64GB",
        "sites": 3,
        "devices_per_site": 4,
        "usd_per_kwh": 0.25,
        "uplink_mbit_s": 200,
        "availability": {"kind": "hours", "open_share": 0.95},
        "data_here": ["assistant"],
    },
    "serverless": {"provider": "Modal", "shape": {"gpu": "L4"}, "usd_per_gpu_hour": 0.8, "cold_start": "20 s"},
    "token_api": {"usd_per_million_input_tokens": 0.1, "usd_per_million_output_tokens": 0.2, "serves": ["assistant"]},
}


def called(name: str) -> str:
    return "x-" + name.replace("_", "-")


def kinds(**change: dict[str, Any]) -> dict[str, OfferKind]:
    return {
        called(name): supply.KINDS[name].model_validate({"kind": name, **EXAMPLES[name], **change.get(name, {})})
        for name in supply.KINDS
    }


def paths(offer: Offer) -> tuple[Path, Path, Path | None]:
    return offer.launchable, offer.keepable, offer.price


@pytest.fixture(scope="module")
def offers() -> dict[str, Offer]:
    return {offer.kind: offer for offer in build_all(kinds(), THROW, MONEY)}


def test_every_kind_has_an_example_and_the_table_names_it_right() -> None:
    assert set(EXAMPLES) == set(supply.KINDS)
    for name, cls in supply.KINDS.items():
        assert cls.model_fields["kind"].default == name


@pytest.mark.parametrize("name", supply.KINDS)
def test_settings_go_round_by_way_of_json(name: str) -> None:
    kind = kinds()[called(name)]
    again = type(kind).model_validate(kind.model_dump(mode="json", exclude_none=True))
    assert again == kind


@pytest.mark.parametrize("name", supply.KINDS)
def test_every_setting_says_what_it_is(name: str) -> None:
    undocumented = [key for key, field in supply.KINDS[name].model_fields.items() if key != "kind"]
    undocumented = [key for key in undocumented if not supply.KINDS[name].model_fields[key].description]
    assert undocumented == []


@pytest.mark.parametrize("name", supply.KINDS)
def test_an_unknown_key_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="Extra inputs"):
        supply.KINDS[name].model_validate({"kind": name, **EXAMPLES[name], "colour": "red"})


@pytest.mark.parametrize("name", supply.KINDS)
def test_the_same_throw_gives_the_same_offer_and_a_longer_horizon_changes_no_step(name: str) -> None:
    longer = replace(THROW, horizon_s=2 * YEAR_S, end_s=2 * YEAR_S)
    now, again, far = ({o.kind: o for o in build_all(kinds(), throw, MONEY)}[name] for throw in (THROW, THROW, longer))
    assert paths(now) == paths(again)
    for path, longer_path in zip(paths(now), paths(far), strict=True):
        if path is not None and longer_path is not None:
            assert path.clipped(YEAR_S).simplified() == longer_path.clipped(YEAR_S).simplified()


@pytest.mark.parametrize("name", supply.KINDS)
def test_another_offer_before_it_changes_no_draw(name: str) -> None:
    more = {"a-new-one": kinds()["x-on-demand"], **kinds()}
    now, then = ({o.id: o for o in build_all(k, THROW, MONEY)}[called(name)] for k in (kinds(), more))
    assert paths(now) == paths(then)
    if now.commitment is not None and then.commitment is not None:
        assert now.commitment.delivered_s(0, 3) == then.commitment.delivered_s(0, 3)
    if now.outage is not None and then.outage is not None:
        assert now.outage.up_s(0, 0) == then.outage.up_s(0, 0)


@pytest.mark.parametrize("name", supply.KINDS)
def test_an_offer_is_metered_or_committed_or_sells_tokens_and_never_two_of_them(
    name: str, offers: dict[str, Offer]
) -> None:
    offer = offers[name]
    ways = (offer.price is not None, offer.commitment is not None, offer.usd_per_input_token is not None)
    assert sum(ways) == 1
    if offer.price is None:
        assert offer.launchable.values.max() == 0
    assert (offer.keepable.values >= offer.launchable.values.min()).all()


@pytest.mark.parametrize("name", supply.KINDS)
def test_commitments_balance_the_books_and_come_after_they_were_ordered(name: str, offers: dict[str, Offer]) -> None:
    terms = offers[name].commitment
    if terms is None:
        pytest.skip("nothing to commit to")
    start_s = terms.delivered_s(DAY_S, 0)
    assert start_s >= DAY_S
    charges = books.life(terms, 3, DAY_S, [start_s + k * MONTH_S for k in range(1, 9)])
    books.assert_cash_identity(charges)
    assert books.used(charges) > 0
    assert all(charge.t_s >= DAY_S for charge in charges)


@pytest.mark.parametrize("name", supply.KINDS)
def test_nothing_standing_costs_nothing(name: str, offers: dict[str, Offer]) -> None:
    standing = offers[name].standing
    assert standing is None or list(standing.over(0, MONTH_S, 0, 0)) == []


def test_prices_are_per_instance_hour_and_spot_a_share_of_on_demand(offers: dict[str, Offer]) -> None:
    on_demand, spot = offers["on_demand"].price, offers["spot"].price
    assert on_demand is not None
    assert spot is not None
    assert on_demand.at(0) == 24.0
    assert (spot.values <= 24.0).all()
    assert (spot.values >= 2.4 - 1e-9).all()


def test_two_offers_with_the_same_settings_have_prices_of_their_own() -> None:
    twins = {"a": kinds()["x-spot"], "b": kinds()["x-spot"], "x-on-demand": kinds()["x-on-demand"]}
    one, two, _ = build_all(twins, THROW, MONEY)
    assert one.price != two.price
    assert one.launchable != two.launchable


def test_a_stock_out_blocks_starts_and_evicts_nobody() -> None:
    stock = {"on_demand": {"availability": {"kind": "two_state", "preset": "v100-us-west-2a-8gpu"}}}
    offer = {o.kind: o for o in build_all(kinds(**stock), THROW, MONEY)}["on_demand"]
    assert offer.launchable.values.min() == 0
    assert (offer.keepable.values == UNLIMITED).all()


def test_spot_takes_back_what_may_no_longer_be_started(offers: dict[str, Offer]) -> None:
    assert offers["spot"].keepable == offers["spot"].launchable
    assert offers["spot"].keepable.values.min() == 0


def test_a_device_is_down_while_its_office_is_closed(offers: dict[str, Offer]) -> None:
    law = offers["edge"].outage
    assert law is not None
    open_s = round(0.95 * DAY_S)
    for seat in (0, 11):
        assert [law.up_s(seat, turn) for turn in range(3)] == [open_s] * 3
        assert [law.repair_s(seat, turn) for turn in range(3)] == [DAY_S - open_s] * 3


def test_a_failure_of_any_gpu_stops_its_instance(offers: dict[str, Offer]) -> None:
    law = offers["on_demand"].outage
    assert law is not None
    assert law.mean_up_s == pytest.approx(YEAR_S / (8 * 0.173))
    none = kinds(on_demand={"outage": {"kind": "calendar", "per_gpu_year": 0}})
    assert {o.kind: o for o in build_all(none, THROW, MONEY)}["on_demand"].outage is None


def test_a_cold_start_comes_before_a_container_answers(offers: dict[str, Offer]) -> None:
    assert offers["serverless"].boot_s == 20
    assert offers["serverless"].quantum_s == 1


def test_tokens_hold_no_job(offers: dict[str, Offer]) -> None:
    offer = offers["token_api"]
    assert offer.usd_per_output_token == pytest.approx(2e-7)
    assert offer.refuses(Need("assistant")) is not None


def test_an_alias_is_the_gpu_itself(offers: dict[str, Offer]) -> None:
    shape = offers["on_demand"].shape
    assert (shape.gpu, shape.memory_gb) == ("A100-80GB", 80)
    assert offers["on_demand"].refuses(Need("train", reference_gpu="A100-80GB", residency=("eu",))) is None


def test_prices_that_lean_on_each_other_or_on_nobody_are_told_in_one_line() -> None:
    def leaning(on: str) -> OfferKind:
        price = {"kind": "ou", "ratio_to": on, "preset": "aws-active"}
        return supply.KINDS["spot"].model_validate({"kind": "spot", **CLOUD, "usd_per_gpu_hour": price})

    with pytest.raises(InputError, match="circle"):
        pricing_order({"a": leaning("b"), "b": leaning("a")})
    with pytest.raises(InputError, match="Did you mean aws-p5"):
        pricing_order({"aws-p5": kinds()["x-on-demand"], "b": leaning("aws-p4")})
    order = pricing_order({"b": leaning("a"), "a": kinds()["x-on-demand"]})
    assert order == ["a", "b"]


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("on_demand", {"usd_per_gpu_hour": -3.0}, "greater than 0"),
        ("on_demand", {"shape": {"gpu": "H10", "gpus": 8}}, "Did you mean"),
        ("on_demand", {"shape": {"gpu": "H100", "gpus": 3.5}}, "integer"),
        ("on_demand", {"shape": {"gpu": "H100", "gpus": True}}, "integer"),
        ("on_demand", {"quota_instances": {"initial": -1}}, "greater than or equal to 0"),
        ("on_demand", {"boot": "3"}, "duration"),
        ("edge", {"device": "Raspberry Pi 9"}, "no such GPU or device"),
        ("edge", {"device": "Jetson AGX Xavier"}, "usd_per_device must be given"),
        ("edge", {"uplink_mbit_s": 0}, "greater than 0"),
        ("token_api", {"usd_per_million_output_tokens": 0}, "greater than 0"),
    ],
)
def test_what_cannot_be_is_refused_with_one_fault(name: str, change: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words) as refused:
        kinds(**{name: change})
    assert refused.value.error_count() == 1
