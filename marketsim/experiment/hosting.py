"""From how many requests a day on machines of one's own serve a service for less than tokens: by formula and simulated.

The closed form has whole instances that stand all day and requests that come evenly. The simulation has the service's
own days, weeks and growth, scaled to another mean: an offer alone, with as many instances held as serve best, or as
many as the autoscaler wants where they are metered, against the tokens alone. What the machines cannot take goes to the
tokens, at their price.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from marketsim import units
from marketsim.demand.job import JobTable, Service
from marketsim.engine.run import run
from marketsim.engine.setup import may_serve_tokens, replica_rate
from marketsim.experiment.ways import at_once, plan_of
from marketsim.metrics.measure import measure
from marketsim.streams import Dice
from marketsim.supply import breakeven
from marketsim.supply.offer import Offer
from marketsim.world import World

if TYPE_CHECKING:
    from marketsim.scenario import Scenario

MOST_INSTANCES = 256  # of a fleet that is looked at
TURN_SHARE = 0.01  # how narrowly the turn is found
LONGEST_PERIOD_S = units.HOUR_S  # between two looks of the autoscaler: fleets here change by the hour


@dataclass(frozen=True)
class HostOrBuy:
    """From how many requests a day on machines at an offer beat tokens; None: never, up to `MOST_INSTANCES`.

    requests_per_day: in closed form; simulated_per_day: of runs; needed_per_day: the scenario's mean.
    """

    service: str
    host: str
    tokens: str
    requests_per_day: float | None
    simulated_per_day: float | None
    needed_per_day: float


def host_or_tokens(scenario: Scenario, seed: int | None = None, replications: int = 1) -> list[HostOrBuy]:
    """For each service, each offer that could host it and each that sells its tokens; in the scenario's order.

    replications: of prices, failures and the service's need, whose mean cost is compared.
    """
    from marketsim.build import build

    worlds = [build(scenario, number, seed) for number in range(max(replications, 1))]
    world, found = worlds[0], []
    for index, service in enumerate(world.services):
        mean = service.requests_per_s.mean(0, world.horizon_s) * units.DAY_S
        for host, tokens in itertools.product(world.offers, world.offers):
            if replica_rate(service, host) <= 0 or not may_serve_tokens(service, tokens):
                continue
            formula = breakeven.requests_per_day_to_host(
                at_once(host), tokens, service, world.horizon_s, MOST_INSTANCES
            )
            turn = _turn(worlds, index, host.id, tokens.id, formula)
            found.append(HostOrBuy(service.name, host.id, tokens.id, formula, turn, mean))
    return found


def _turn(worlds: Sequence[World], service: int, host: str, tokens: str, guess: float | None) -> float | None:
    """The least requests a day found at which hosting is the cheaper in the mean over worlds; None for none."""
    each = _each(worlds[0], service, host) * units.DAY_S
    if not each:
        return None

    def gain(per_day: float) -> float:
        pairs = ((_hosted_usd(world, service, host, tokens, per_day),
                  _tokens_usd(world, service, tokens, per_day)) for world in worlds)  # fmt: skip
        return float(np.mean([bought - hosted for hosted, bought in pairs]))

    most = each * MOST_INSTANCES / 4  # so that peaks find room
    return first_gain(gain, min(guess or most, most), most)


def first_gain(gain: Callable[[float], float], guess: float, most: float) -> float | None:
    """A turn of `gain` from below 0 to 0 or more, searched outwards from a guess and halved down to `TURN_SHARE`.

    >>> round(first_gain(lambda x: x - 10.0, 100.0, 1e6), 0), first_gain(lambda x: -1.0, 3.0, 50.0)
    (10.0, None)
    """
    low = high = guess
    if gain(most) < 0:
        return None  # where whole instances are finest, nothing is gained
    while high < most and gain(high) < 0:
        low, high = high, min(high * 2, most)
    if low == high:
        while gain(low) >= 0:
            if low < most * 2.0**-24:
                return 0.0
            low, high = low / 2, low
    while high > low * (1 + TURN_SHARE):
        middle = math.sqrt(low * high)
        low, high = (low, middle) if gain(middle) >= 0 else (middle, high)
    return high


def _each(world: World, service: int, host: str) -> float:
    """Requests a second that a whole instance of an offer serves."""
    offer, asked = world.offers[world.offer_index[host]], world.services[service]
    return replica_rate(asked, offer) * (offer.shape.milli // asked.replica.milli if asked.replica.milli else 0)


def _hosted_usd(world: World, service: int, host: str, tokens: str, per_day: float) -> float:
    """The least that hosting costs over the horizon, whichever number of instances is held."""
    offer = at_once(world.offers[world.offer_index[host]])
    asked = _scaled(world, service, per_day, tokens)
    return min(_cost_usd(world, offer, asked, count) for count in _fleets(world, service, offer, asked))


def _fleets(world: World, service: int, offer: Offer, asked: Service) -> Iterator[int]:
    """Instances to hold: for half the mean need, for it, for its peak, and between; none where they are metered."""
    if offer.commitment is None:
        yield 0
        return
    each, block = _each(world, service, offer.id), offer.commitment.block_instances
    mean, peak = asked.requests_per_s.mean(0, world.horizon_s), float(asked.requests_per_s.values.max())
    most = units.UNLIMITED if offer.most_instances is None else offer.most_instances
    counts = (math.ceil(need / each / block) * block for need in (mean / 2, mean, math.sqrt(mean * peak), peak))
    yield from sorted({max(min(count, most // block * block), block) for count in counts})


def _tokens_usd(world: World, service: int, tokens: str, per_day: float) -> float:
    offer = world.offers[world.offer_index[tokens]]
    return _cost_usd(world, offer, _scaled(world, service, per_day, tokens), 0)


def _scaled(world: World, service: int, per_day: float, tokens: str) -> Service:
    """The service with its need scaled to another mean a day, what is not served at the price of its tokens."""
    given = world.services[service]
    factor = per_day / (given.requests_per_s.mean(0, world.horizon_s) * units.DAY_S)
    price = breakeven.usd_per_request(world.offers[world.offer_index[tokens]], given) or 0.0
    return replace(
        given,
        requests_per_s=given.requests_per_s.map(lambda rate: rate * factor),
        usd_per_lost_request=price,
        autoscale=replace(given.autoscale, period_s=max(given.autoscale.period_s, LONGEST_PERIOD_S)),
    )


def _cost_usd(world: World, offer: Offer, service: Service, instances: int) -> float:
    """A run of the service alone on the offer alone."""
    alone = replace(offer, serves=None, quota=None)
    made = World(
        world.horizon_s, JobTable.empty(), (alone,), (service,), drain_s=0, scarcity=world.scarcity, dice=Dice(0)
    )
    cost = measure(made, run(made, plan_of(alone, instances)))["total_with_penalties_usd"]
    return math.inf if cost is None else cost
