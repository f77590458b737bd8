"""Providers that are down or gone, sites that close, and what a service agreement pays back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import supply_books as books
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from marketsim import supply
from marketsim.path import Path
from marketsim.settings import Seconds
from marketsim.streams import Dice
from marketsim.supply import timetable
from marketsim.supply.kind import FinanceFacts, build_all
from marketsim.supply.lead import AT_ONCE, Constant, Delivery
from marketsim.supply.offer import Offer, OutageLaw
from marketsim.supply.provider import ProviderOutage, Sla, fate
from marketsim.supply.rental_terms import RentalTerms
from marketsim.supply.timetable import FOR_EVER_S, Timetable
from marketsim.throw import Throw
from marketsim.units import DAY_S, HOUR_S, UNLIMITED, YEAR_S

OFTEN = ProviderOutage(per_year=20, repair=Seconds(6 * HOUR_S))
THROW = Throw(Dice(3), 2 * YEAR_S, 2 * YEAR_S)
SHAPE = {"gpu": "H100", "gpus": 8}
RISK = {"provider_outage": {"per_year": 20, "repair": "6 h"}}


def offers(throw: Throw = THROW, **change: Any) -> dict[str, Offer]:
    cloud = {"provider": "AWS", "zone": "z", "shape": SHAPE, "usd_per_gpu_hour": 2.0, **RISK, **change}
    kinds = {
        "od": {"kind": "on_demand", **cloud},
        "sp": {"kind": "spot", **cloud},
        "re": {"kind": "rental", "term": "12 months", **cloud},
        "se": {"kind": "serverless", "cold_start": "0 s", **cloud},
    }
    built = {name: supply.KINDS[str(keys["kind"])].model_validate(keys) for name, keys in kinds.items()}
    return {offer.id: offer for offer in build_all(built, throw, FinanceFacts())}


def test_all_offers_of_a_zone_are_down_at_the_same_times() -> None:
    built = offers()
    downs = fate(THROW.dice, "AWS", "z", OFTEN, 0.0, THROW.end_s).downs
    assert len(downs) > 20
    for name in ("od", "sp", "se"):
        assert timetable.below(built[name].launchable, 1) == downs
        assert timetable.below(built[name].keepable, 1) == downs
    law = built["re"].outage
    assert isinstance(law, Timetable)
    assert law.downs(0) == law.downs(77) == list(downs)


def test_another_zone_and_another_seed_are_down_at_other_times() -> None:
    downs = [fate(Dice(seed), "AWS", zone, OFTEN, 0.0, YEAR_S).downs for seed, zone in ((3, "z"), (3, "y"), (4, "z"))]
    assert len(set(downs)) == 3


def test_a_longer_end_appends_outages_and_changes_none() -> None:
    short, long = (fate(Dice(1), "AWS", "z", OFTEN, 0.0, end).downs for end in (YEAR_S, 20 * YEAR_S))
    assert long[: len(short)] == short
    assert len(long) > 200


def test_a_zone_is_down_for_the_share_that_its_means_say() -> None:
    spans = fate(Dice(5), "AWS", "z", ProviderOutage(per_year=400, repair=Seconds(6 * HOUR_S)), 0.0, 20 * YEAR_S).downs
    down_s = sum(to_s - from_s for from_s, to_s in spans)
    assert down_s / (20 * YEAR_S) == pytest.approx(6 / (6 + 8760 / 400), rel=0.05)


def test_a_provider_that_closes_gives_nothing_from_then_on_anywhere() -> None:
    gone = offers(provider_exits_per_year=50.0)
    exit_s = fate(THROW.dice, "AWS", "z", None, 50.0, THROW.end_s).exit_s
    assert exit_s is not None
    assert exit_s < YEAR_S
    for name in ("od", "sp", "se"):
        assert gone[name].launchable.at(exit_s) == gone[name].keepable.at(2 * YEAR_S) == 0
    assert gone["od"].launchable.at(exit_s - 1) in (0, UNLIMITED)
    assert offers(provider_exits_per_year=1e-9)["od"].launchable.at(2 * YEAR_S - 1) == UNLIMITED


def test_exits_come_at_their_rate() -> None:
    ends = [fate(Dice(seed), "P", "", None, 0.5, YEAR_S).exit_s for seed in range(3000)]
    assert np.mean([end is not None for end in ends]) == pytest.approx(1 - np.exp(-0.5), abs=0.03)


def rented(exit_s: int | None, upfront: float = 0.5) -> RentalTerms:
    at_once = Delivery(AT_ONCE, Dice(0), Path.constant(1.0))
    return RentalTerms(Path.constant(1.0), YEAR_S, at_once, upfront_share=upfront, exit_s=exit_s)


def test_what_was_prepaid_is_lost_with_the_provider_and_no_more_is_billed() -> None:
    terms = rented(YEAR_S // 4)
    charges = books.life(terms, 1, 0, [k * YEAR_S // 8 for k in range(1, 9)])
    whole = 8760 * 10**6
    assert books.used(charges) == books.paid(charges) == whole // 2 + whole // 8
    books.assert_cash_identity(charges)
    assert books.balances(charges)["prepaid"] == 0


@pytest.mark.parametrize("close_s", [HOUR_S, 2 * DAY_S])
def test_what_was_prepaid_is_lost_where_the_provider_closes_before_it_delivers(close_s: int) -> None:
    slow = Delivery(Constant(time=Seconds(DAY_S)), Dice(0), Path.constant(1.0))
    terms = replace(rented(1000), delivery=slow)
    charges = books.life(terms, 1, 0, [close_s])
    assert books.used(charges) == books.paid(charges) == 8760 * 10**6 // 2
    assert books.balances(charges)["prepaid"] == 0


def test_nobody_signs_with_a_provider_that_is_gone() -> None:
    terms = rented(1000)
    assert list(terms.at_signing(3, 1000, None)) == []
    assert terms.ends_s(999, None) == 1000
    assert terms.ends_s(1000, None) == 1000 + YEAR_S  # or a renewal would come back at once, for ever
    assert books.life(terms, 3, 2000, [YEAR_S]) == []


SPANS = st.lists(
    st.tuples(st.integers(0, 1000), st.integers(1, 50)).map(lambda pair: (pair[0], sum(pair))), max_size=12
)


@given(SPANS, st.lists(st.integers(0, 1100), max_size=20))
def test_a_path_without_spans_is_nothing_in_them_and_itself_elsewhere(
    spans: list[tuple[int, int]], times: list[int]
) -> None:
    path = Path.steps([(0, 3), (500, 7)])
    cut = timetable.without(path, spans)
    for t_s in times:
        inside = any(from_s <= t_s < to_s for from_s, to_s in spans)
        assert cut.at(t_s) == (0 if inside else path.at(t_s))
    assert timetable.below(cut, 1) == tuple(timetable.union(spans))


@given(SPANS, st.integers(0, 5))
def test_a_seat_s_ups_and_downs_tell_its_spans(spans: list[tuple[int, int]], seat: int) -> None:
    law = Timetable(spans=(tuple(timetable.union(spans)),))
    t_s, found = 0, []
    for turn in range(len(law.downs(seat))):
        down_s = t_s + law.up_s(seat, turn)
        t_s = down_s + law.repair_s(seat, turn)
        found.append((down_s, t_s))
    assert found == timetable.union(spans)
    assert law.up_s(seat, len(found)) == FOR_EVER_S


def test_failures_of_its_own_come_on_top_of_what_is_written_down() -> None:
    own = OutageLaw(mean_up_s=30 * DAY_S, mean_repair_s=3600.0, dice=Dice(2))
    law = timetable.with_timetable((((0, 100),),), own, YEAR_S)
    assert isinstance(law, Timetable)
    downs = law.downs(4)
    first = own.up_s(4, 0)
    assert downs[0] == (0, 100)
    assert downs[1] == (first, first + own.repair_s(4, 0))
    assert timetable.with_timetable(((),), own, YEAR_S) is own


def test_a_device_beyond_the_count_of_its_site_is_closed() -> None:
    keys = {
        "kind": "edge",
        "device": "Jetson AGX Orin 64GB",
        "sites": 2,
        "devices_per_site": 2,
        "usd_per_kwh": 0.25,
        "uplink_mbit_s": 100,
        "availability": {"kind": "always", "instances": 1},
    }
    edge = supply.KINDS["edge"].model_validate(keys)
    law = edge.build("e", replace(THROW, end_s=DAY_S), FinanceFacts()).outage
    assert isinstance(law, Timetable)
    assert [law.up_s(seat, 0) for seat in range(4)] == [FOR_EVER_S, 0, FOR_EVER_S, 0]


@pytest.mark.parametrize(("up", "credit"), [(1.0, 0), (0.995, 0), (0.994, 0.1), (0.985, 0.3), (0.5, 1.0)])
def test_credits_go_by_the_lowest_level_that_was_missed(up: float, credit: float) -> None:
    assert Sla.model_validate({"preset": "aws"}).credit_share(up) == credit


@pytest.mark.parametrize(
    ("levels", "credits"), [([0.9, 0.99], [0.1, 0.2]), ([0.99], [0.1, 0.2]), ([0.99, 0.9], [0.5, 0.2]), ([1.1], [0.1])]
)
def test_an_agreement_out_of_order_is_refused(levels: list[float], credits: list[float]) -> None:
    with pytest.raises(ValidationError):
        Sla(uptime_shares=levels, credit_shares=credits)


def test_written_down_times_and_crews_do_not_go_together() -> None:
    with pytest.raises(ValidationError, match="crews"):
        offers(outage={"kind": "calendar", "per_gpu_year": 1.0, "crews": 1})
