"""How a service is sized: what is committed first, then by cost a request; what is given up is said first."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from marketsim.demand.job import Autoscale
from marketsim.policies import policy as say
from marketsim.policies.scaling import Scaler
from marketsim.units import UNLIMITED


@dataclass
class Place:
    """An offer: its price an instance-hour, its GPUs, a replica's requests a second, and what is there now."""

    id: str
    usd: float = 1.0
    gpus: int = 1
    rate: float = 10.0
    metered: bool = True
    committed: int = 0
    held: int = 0
    room: int = UNLIMITED
    sells_tokens: bool = False
    asked: list[int] = field(default_factory=list)


def sized(
    places: list[Place], need: float, headroom: float = 0.0, least: int = 0, refused: str = "", gpus: float = 1.0
) -> list[tuple[str, int]]:
    """What the scaler says for the second of two services: (offer, replicas), or requests a second of tokens."""
    offers = [
        SimpleNamespace(
            id=one.id, index=index, metered=one.metered, sells_tokens=one.sells_tokens,
            shape=SimpleNamespace(milli=one.gpus * 1000),
        )
        for index, one in enumerate(places)
    ]  # fmt: skip
    service = SimpleNamespace(
        replica=SimpleNamespace(milli=round(gpus * 1000)),
        autoscale=Autoscale(period_s=10, headroom=headroom, minimum_replicas=least),
    )
    setup: Any = SimpleNamespace(
        services=[None, service], offers=offers, replica_requests_per_s=[[], [one.rate for one in places]]
    )
    by_id = {one.id: one for one in places}

    class View:
        def requests_per_s(self, number: int) -> float:
            assert number == 1
            return need

        def replicas(self, number: int) -> dict[str, int]:
            assert number == 1
            return {one.id: one.held for one in places if one.held}

        def committed(self, offer: str) -> int:
            return by_id[offer].committed

        def price(self, offer: str) -> float:
            return by_id[offer].usd

        def room_for(self, number: int, offer: str) -> int:
            assert number == 1
            return by_id[offer].room

    view: Any = View()
    found = Scaler(setup, 1, lambda offer: offer.id != refused).actions(view)
    assert {one.service for one in found} <= {1}
    assert all(isinstance(one, say.Scale) for one in found)
    return [(one.offer, one.replicas if one.requests_per_s == 0 else round(one.requests_per_s)) for one in found]


@pytest.mark.parametrize(
    ("need", "headroom", "replicas"),
    [(30.0, 0.0, 3), (30.1, 0.0, 4), (25.0, 0.2, 3), (26.0, 0.2, 4), (0.1 * 3 * 100, 0.0, 3), (0.5, 0.0, 1)],
)
def test_as_many_replicas_as_the_need_with_its_headroom_takes(need: float, headroom: float, replicas: int) -> None:
    """Ten requests a second each; what floats add to a whole number does not ask for one more."""
    assert sized([Place("a")], need, headroom) == [("a", replicas)]


def test_nothing_is_said_where_the_size_is_right_and_nothing_where_there_is_no_need() -> None:
    assert sized([Place("a", held=3)], 30.0) == []
    assert sized([Place("a")], 0.0) == []
    assert sized([Place("a", held=2)], 0.0) == [("a", 0)]


def test_the_cheapest_a_request_comes_first_and_the_dearest_is_given_up_first() -> None:
    """USD an hour by requests a second: a 4 / 10, b 3 / 5, c 8 GPUs at 24 for 10: 3 / 10 a replica of one GPU."""
    offers = [Place("a", 4.0, room=2), Place("b", 3.0, rate=5.0), Place("c", 24.0, gpus=8, room=1)]
    assert sized(offers, 40.0) == [("c", 1), ("a", 2), ("b", 2)]
    held = [Place("a", 4.0, held=2), Place("b", 3.0, rate=5.0, held=2), Place("c", 24.0, gpus=8, held=1, room=0)]
    assert sized(held, 20.0) == [("a", 1), ("b", 0)]
    assert sized(held, 35.0) == [("b", 0), ("a", 3)]


def test_a_replica_of_several_gpus_bears_its_share_of_the_instances_price() -> None:
    """Two GPUs a replica: a is 4 of 4 GPUs' 12 USD an hour, half of it 6; b 5 USD for 2 GPUs."""
    assert sized([Place("a", 12.0, gpus=4), Place("b", 5.0, gpus=2)], 10.0, gpus=2.0) == [("b", 1)]
    assert sized([Place("a", 9.0, gpus=4), Place("b", 5.0, gpus=2)], 10.0, gpus=2.0) == [("a", 1)]


def test_of_equal_cost_the_first_offer_is_filled_first() -> None:
    assert sized([Place("b", room=1), Place("a", room=9)], 30.0) == [("b", 1), ("a", 2)]


@pytest.mark.parametrize("ours", [Place("own", metered=False, room=2), Place("rent", 99.0, committed=1, room=2)])
def test_what_is_committed_is_used_before_anything_that_is_paid_by_the_hour(ours: Place) -> None:
    assert sized([Place("cloud", 0.01), ours], 30.0) == [(ours.id, 2), ("cloud", 1)]


def test_a_free_lease_still_comes_after_what_is_committed() -> None:
    assert sized([Place("gift", 0.0), Place("own", metered=False, room=1)], 20.0) == [("own", 1), ("gift", 1)]


def test_no_more_than_there_is_room_for_beyond_what_is_held() -> None:
    assert sized([Place("a", held=1, room=2)], 50.0) == [("a", 3)]
    assert sized([Place("a", held=1, room=0)], 50.0) == []
    assert sized([Place("a", held=1, room=0), Place("b", 2.0)], 50.0) == [("b", 4)]


def test_the_least_number_is_held_in_all_and_without_need_too() -> None:
    assert sized([Place("a")], 0.0, least=2) == [("a", 2)]
    assert sized([Place("a")], 30.0, least=2) == [("a", 3)]
    assert sized([Place("a", room=1), Place("b", 2.0)], 0.0, least=3) == [("a", 1), ("b", 2)]
    assert sized([Place("a", room=1), Place("b", 2.0, held=4)], 5.0, least=3) == [("b", 2), ("a", 1)]


def test_where_it_cannot_run_or_may_not_be_used_nothing_is_put() -> None:
    assert sized([Place("slow", rate=0.0), Place("a", 2.0), Place("b", 1.0)], 20.0, refused="b") == [("a", 2)]


def test_an_offer_of_tokens_is_given_all_the_rest_before_anything_else() -> None:
    offers = [Place("a", held=5), Place("tokens", sells_tokens=True)]
    assert sized(offers, 20.0) == [("tokens", UNLIMITED), ("a", 2)]
    assert sized(offers, 20.0, refused="tokens") == [("a", 2)]
