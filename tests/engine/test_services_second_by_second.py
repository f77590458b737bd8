"""What services got, and what it cost, is worked out from changes; here it is added up over every second of a month."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from small_worlds import Decider, Upkeep, billed, effective, market, need, own, spot, steps, world

from marketsim.demand.job import Autoscale, Checkpoint, Service
from marketsim.engine.run import run
from marketsim.ledger import ACCOUNT, Ledger
from marketsim.policies import policy as say
from marketsim.supply.offer import Offer
from marketsim.supply.shape import Shape
from marketsim.units import DAY_S, MONTH_S
from marketsim.world import Order, World

END_S = MONTH_S + 100_000
PERIOD_S = 7_000
RATES = (10.0, 4.0)
DOWN = ((50_000, 61_003), (MONTH_S - 500, MONTH_S + 500))
OWN, CLOUD, SPOT, API, MORE = range(5)


def made(seed: int) -> World:
    """Two services whose need jumps; machines of our own, leases that boot, spot with notice, two sellers of tokens."""
    dice = random.Random(seed)
    services = []
    for number, rate in enumerate(RATES):
        jumps = sorted({0, *(dice.randrange(END_S) for _ in range(120))})
        replica = need(0.5 + number, workload="chat", checkpoint=Checkpoint(start_s=number * 900))
        services.append(
            Service(
                f"chat-{number}", steps(*((at, dice.uniform(0, 60)) for at in jumps)), replica, {"GPU": rate},
                usd_revenue_per_request=0.001 * number, autoscale=Autoscale(PERIOD_S, 0.0, 0), input_tokens=100.0,
                output_tokens=None if number else 10.0,
            )
        )  # fmt: skip
    there = steps(*((at, dice.randrange(6)) for at in range(0, END_S, 90_000)))
    api = Offer("api", "token_api", Shape("tokens", 0), usd_per_input_token=1e-6, usd_per_output_token=3e-6, down=DOWN)
    more = Offer("more", "token_api", Shape("tokens", 0), usd_per_output_token=2e-6, requests_per_s_at_most=7.0)
    offers = [
        own(gpus=4, standing=Upkeep(busy=3)), market(gpus=2, boot_s=1_000), spot(gpus=3, there=there, notice_s=400),
        api, more,
    ]  # fmt: skip
    return world([], offers, services=tuple(services), orders=(Order("own", 2),), horizon_s=END_S)


def at_random(seed: int) -> Decider:
    """A policy that brings each service to some size at each offer when it is asked."""

    def scale(number: int, view: Any) -> list[say.Scale]:
        dice = random.Random(f"{seed}/{number}/{view.now_s}")
        held = view.replicas(number)
        found = [say.Scale(number, name, requests_per_s=float(dice.randrange(20))) for name in ("api", "more")]
        for name in dice.sample(["own", "cloud", "spot"], dice.randint(1, 3)):
            most = held.get(name, 0) + min(view.room_for(number, name), 4)
            found.append(say.Scale(number, name, replicas=dice.randint(0, most)))
            return found  # one at a time: what is given up here is not counted as room there
        return found

    policy = Decider(lambda view: [])
    policy.scale = scale  # type: ignore[attr-defined]
    return policy


def capacity(ledger: Ledger, number: int) -> np.ndarray:
    """Requests a second that replicas can serve, at each second."""
    change = np.zeros(END_S + 1)
    for _, ready_s, to_s, service, *_ in ledger.replicas.rows().tolist():
        if service == number and ready_s < to_s:
            change[ready_s] += RATES[number]
            change[to_s] -= RATES[number]
    return np.rint(np.cumsum(change[:-1]))


def tokens(ledger: Ledger, number: int, offer: int) -> np.ndarray:
    """Requests a second that a seller of tokens was told to take, at each second."""
    told = np.zeros(END_S)
    for t_s, service, at, _, milli in ledger.scaled.rows().tolist():
        if (service, at) == (number, offer):
            told[t_s:] = milli / 1000
    return told


@pytest.mark.parametrize("seed", range(3))
def test_what_was_served_and_what_it_cost_are_the_sums_over_all_seconds(seed: int) -> None:
    place = made(seed)
    ledger = run(place, at_random(seed))
    seconds = np.arange(END_S)
    paid = earned = 0.0
    for number, service in enumerate(place.services):
        wanted = service.requests_per_s.at_many(seconds)
        served = np.minimum(wanted, capacity(ledger, number))
        bought = {}
        for offer, most in ((API, np.inf), (MORE, 7.0)):
            bought[offer] = np.minimum(np.minimum(wanted - served, tokens(ledger, number, offer)), most)
            if offer == API:
                for from_s, to_s in DOWN:
                    bought[offer][from_s:to_s] = 0
            served = served + bought[offer]
        rows = ledger.served.rows()[ledger.served.column("service") == number]
        days = [*range(0, END_S, DAY_S), MONTH_S, END_S]
        assert rows[:, :2].tolist() == [list(pair) for pair in zip(sorted(days), sorted(days)[1:], strict=False)]
        for from_s, to_s, _, wanted_milli, served_milli in rows.tolist():
            assert wanted_milli == pytest.approx(1000 * wanted[from_s:to_s].sum(), abs=1)
            assert served_milli == pytest.approx(1000 * served[from_s:to_s].sum(), abs=1)
        assert 0.2 < served.sum() / wanted.sum() < 0.999
        usd = {API: 100 * 1e-6 + 10 * 3e-6, MORE: 10 * 2e-6} if number == 0 else {API: 0.0, MORE: 0.0}
        paid += sum(usd[offer] * float(bought[offer].sum()) for offer in usd)
        earned += 0.001 * number * float(served.sum())
        assert [bought[offer].sum() > 0 for offer in (API, MORE)] == [number == 0] * 2
    assert billed(ledger, "expense:tokens") == pytest.approx(paid * 1e6, abs=4)
    revenue = ledger.posted.column("credit") == ACCOUNT["income:revenue"]
    assert int(ledger.posted.column("billed")[revenue].sum()) == pytest.approx(earned * 1e6, abs=4)
    assert set(ledger.posted.column("service")[revenue].tolist()) == {1}


@pytest.mark.parametrize("seed", range(3))
def test_replicas_are_those_that_were_told_and_are_paid_for_while_they_are_held(seed: int) -> None:
    place = made(seed)
    ledger = run(place, at_random(seed))
    rows = ledger.replicas.rows().tolist()
    assert {row[4] for row in rows} == {OWN, CLOUD, SPOT}
    for number in range(2):
        for offer in (OWN, CLOUD, SPOT):
            held, told = np.zeros(END_S + 1, int), np.zeros(END_S + 1, int)
            for from_s, _, to_s, service, at, _, _ in rows:
                if (service, at) == (number, offer):
                    held[from_s:to_s] += 1
            for t_s, service, at, replicas, _ in ledger.scaled.rows().tolist():
                if (service, at) == (number, offer):
                    told[t_s:] = replicas
            np.testing.assert_array_equal(held, told)
    busy = sum((to_s - from_s) * milli for from_s, _, to_s, _, offer, _, milli in rows if offer == OWN)
    assert effective(ledger, "expense:power") == pytest.approx(3 * busy / 1000, abs=2)
    launched = {row[1]: row[4] for row in ledger.launched.rows().tolist()}
    for from_s, ready_s, _, service, _, instance, milli in rows:
        assert ready_s == max(launched[instance], from_s) + service * 900
        assert milli == 500 + 1000 * service
