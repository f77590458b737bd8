"""Own use moves the price as its model says, and a cleared market's books balance."""

from __future__ import annotations

import numpy as np
import pytest

from marketsim.path import Path
from marketsim.prices.influence import INFLUENCES, Clearing, ClearingPrice, Elasticity, NoInfluence
from marketsim.prices.process import Asked
from marketsim.streams import Dice
from marketsim.throw import Throw
from marketsim.units import DAY_S, HOUR_S

ASKED = Asked("spot", "AWS", "H100", 8, "us-east-1a", "spot")
LIST = Path.constant(10.0)


def throw(**more: object) -> Throw:
    return Throw(Dice(1).under("influence/spot"), 30 * DAY_S, 30 * DAY_S, **more)  # type: ignore[arg-type]


def market(**more: float) -> ClearingPrice:
    rule = Clearing(
        spare_instances=100, background_instances=150, reservation_median=0.3, reservation_sigma=0.8, **more
    )
    bound = rule.bind(throw(), ASKED, LIST)
    assert isinstance(bound, ClearingPrice)
    return bound


def test_no_influence_and_no_elasticity_leave_the_base_path_as_it_is() -> None:
    assert NoInfluence().bind(throw(), ASKED, LIST) is None
    assert Elasticity(elasticity=0.0, spare_instances=10).bind(throw(), ASKED, LIST) is None
    assert set(INFLUENCES) == {"none", "elasticity", "clearing"}


def test_elastic_prices_rise_by_the_power_of_own_use() -> None:
    bound = Elasticity(elasticity=0.5, spare_instances=50).bind(throw(), ASKED, Path.steps([(0, 2.0), (60, 4.0)]))
    assert bound is not None
    assert [bound.price(0, 0), bound.price(60, 0)] == [2.0, 4.0]
    assert bound.price(0, 150) == pytest.approx(2.0 * 4**0.5)
    assert bound.changes_after(0) == 60


def test_the_clearing_price_rises_with_own_use_and_with_scarcity() -> None:
    bound = market()
    hours = range(0, 30 * DAY_S, 7 * HOUR_S)
    for hour in hours:
        prices = [bound.price(hour, own) for own in range(0, 120, 10)]
        assert prices == sorted(prices)
        assert prices[0] >= 0.10 * 10.0
    assert np.mean([bound.price(hour, 60) for hour in hours]) > 1.2 * np.mean([bound.price(hour, 0) for hour in hours])
    rule = bound.rule
    tight = rule.bind(throw(scarcity=Path.constant(1.5), loadings={"stock": 1.0}), ASKED, LIST)
    assert np.mean([tight.price(hour, 0) for hour in hours]) > np.mean([bound.price(hour, 0) for hour in hours])


def test_the_price_is_the_highest_bid_that_finds_no_place() -> None:
    bound = market(spare_sd=0.0, demand_sd=0.0)
    assert (bound.spare.at(0), bound.demand.at(0)) == (100, 150)
    # 80 places are left beside 20 own ones; of 150 bids 80 are above the price: the quantile at 1 - 80 / 150
    price = bound.price(0, 20)
    assert bound.rule.bids_above(price / 10.0, 150) == pytest.approx(80)


def test_a_bid_keeps_what_the_others_do_not_outbid_and_never_more_for_less() -> None:
    bound = market()
    for hour in range(0, 30 * DAY_S, 11 * HOUR_S):
        kept = [bound.keepable(hour, bid) for bid in (0.5, 1.0, 2.0, 4.0, 8.0, 10.0)]
        assert kept == sorted(kept)
        assert kept[0] == 0  # below the floor
        assert kept[-1] <= bound.spare.at(hour)


def test_the_books_of_every_clearing_balance() -> None:
    bound = market()
    for hour in range(0, 30 * DAY_S, HOUR_S):
        for own, bid in ((0, 10.0), (40, 3.0), (500, 10.0), (40, 1.5)):
            book = bound.clear(hour, own, bid)
            assert book.own + book.background + book.empty == bound.spare.at(hour)
            assert min(book.own, book.background, book.empty) >= 0
            assert book.own <= own
            if book.own:
                assert book.price <= bid * (1 + 1e-9) or book.price == pytest.approx(bid, rel=0.05)
            if book.empty:
                assert book.price == pytest.approx(0.10 * 10.0)


def test_without_others_the_price_is_the_floor_up_to_the_capacity() -> None:
    rule = Clearing(
        spare_instances=10, background_instances=0, reservation_median=0.3, reservation_sigma=0.8, spare_sd=0
    )
    bound = rule.bind(throw(), ASKED, LIST)
    assert [bound.price(0, own) for own in (0, 5, 10)] == [1.0, 1.0, 1.0]
    assert bound.keepable(0, 1.0) == 10
