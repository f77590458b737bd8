"""How the startup's own use moves the price it pays; off unless a scenario says so.

Two models. `elasticity`: the base price times a power of own use over the provider's spare capacity. `clearing`: a
uniform-price market each step, in which background tenants with reservation prices and the startup bid for the spare
capacity; who bids below the clearing price loses what it holds, so price and reclaim come from one scarcity.

The paths that own use cannot change (base price, spare capacity, background demand) are drawn before the run and are
the same under every policy; `bind` gives what an engine asks at a moment, a pure function of time and own instances.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
from pydantic import Field
from scipy import special

from marketsim import settings
from marketsim.path import Path
from marketsim.prices.drawn import grid
from marketsim.prices.ou import ou_values
from marketsim.prices.process import Asked
from marketsim.settings import Kind, Positive, PositiveDuration, Seconds
from marketsim.throw import Throw
from marketsim.tilt import tilt
from marketsim.units import DAY_S, HOUR_S


class Influenced(Protocol):
    """The price and the capacity that own use meets; t_s in seconds, prices in USD per GPU-hour."""

    def price(self, t_s: int, own: int) -> float:
        """The price while `own` instances are held; never falls in `own`."""
        ...

    def keepable(self, t_s: int, bid_usd: float) -> int:
        """How many own instances a bid of so much can hold."""
        ...

    def changes_after(self, t_s: int) -> int | None:
        """When the exogenous part next changes, None for never."""
        ...


class Influence(Kind):
    """One model of own influence."""

    def bind(self, throw: Throw, asked: Asked, base: Path) -> Influenced | None:
        """What an engine asks; None where own use moves nothing and the base path stands as it is."""
        raise NotImplementedError


class NoInfluence(Influence):
    """A price taker."""

    kind: Literal["none"] = "none"

    def bind(self, throw: Throw, asked: Asked, base: Path) -> None:
        """Nothing: the base path stands."""
        return None


class Elasticity(Influence):
    """Price = base x (1 + own / spare) ^ elasticity."""

    kind: Literal["elasticity"] = "elasticity"
    elasticity: float = Field(
        ge=0, le=10, description="relative rise of the price per relative rise of use; 0 for none"
    )
    spare_instances: Positive = Field(
        description="spare capacity of the provider in instances that own use competes for"
    )

    def factor(self, own: int) -> float:
        """The price's factor with `own` instances; exactly 1 for none of them, or without elasticity."""
        return 1.0 if own == 0 or self.elasticity == 0 else (1 + own / self.spare_instances) ** self.elasticity

    def bind(self, throw: Throw, asked: Asked, base: Path) -> Influenced | None:
        """Nothing where the elasticity is 0, so that such a run is the same to the byte."""
        return None if self.elasticity == 0 else ElasticPrice(base, self.factor)


@dataclass(frozen=True, eq=False)
class ElasticPrice:
    """A base path times a factor of own use; capacity is left to the availability."""

    base: Path
    factor: Callable[[int], float]

    def price(self, t_s: int, own: int) -> float:
        """USD per GPU-hour."""
        return self.base.at(t_s) * self.factor(own)

    def keepable(self, t_s: int, bid_usd: float) -> int:
        """No bound of its own."""
        from marketsim.units import UNLIMITED

        return UNLIMITED

    def changes_after(self, t_s: int) -> int | None:
        """The base path's next step."""
        return self.base.next_change_s(t_s)


class Cleared(NamedTuple):
    """One clearing: USD per GPU-hour, instances served of the startup and of the others, instances that stay empty."""

    price: float
    own: int
    background: int
    empty: int


class Clearing(Influence):
    """A uniform-price market for spare capacity among background tenants and the startup.

    Reservation prices of the others are lognormal shares of the list price; each wants one instance.
    """

    kind: Literal["clearing"] = "clearing"
    spare_instances: float = Field(gt=0, le=1e6, description="mean spare capacity in instances")
    background_instances: float = Field(ge=0, le=1e6, description="mean demand of the others in instances")
    reservation_median: Positive = Field(description="median reservation price as a share of the list price")
    reservation_sigma: float = Field(
        gt=0, le=3, description="standard deviation of the logarithm of reservation prices"
    )
    floor: float = Field(default=0.10, gt=0, le=1, description="lowest price as a share of the list price")
    spare_sd: float = Field(default=0.3, ge=0, le=2, description="long-run sd of the logarithm of spare capacity")
    demand_sd: float = Field(default=0.3, ge=0, le=2, description="long-run sd of the logarithm of the others' demand")
    half_life: PositiveDuration = Field(default=Seconds(2 * DAY_S), description="time in which either forgets half")
    step: PositiveDuration = Field(default=Seconds(HOUR_S), description="time between two clearings")
    bid: float = Field(default=1.0, gt=0, le=10, description="most the startup pays, as a share of the list price")

    def bind(self, throw: Throw, asked: Asked, base: Path) -> Influenced:
        """base: the list price in USD per GPU-hour. A tight market has more demand for less capacity."""
        times = grid(throw.end_s, self.step)
        squeeze = tilt(throw, "stock").at_many(times) ** 0.5
        spare = self._around(throw, "spare", times, self.spare_instances, self.spare_sd) / squeeze
        demand = self._around(throw, "demand", times, self.background_instances, self.demand_sd) * squeeze
        return ClearingPrice(self, base, Path(times, np.floor(spare)), Path(times, np.floor(demand)))

    def _around(self, throw: Throw, name: str, times: np.ndarray, mean: float, sd: float) -> np.ndarray:
        """A stationary lognormal path with the given mean."""
        normals = throw.dice.normals(name, len(times))
        kappa = math.log(2) / self.half_life
        hidden = ou_values(normals[1:], float(normals[0]), 0.0, kappa, math.sqrt(2 * kappa), self.step)
        return np.asarray(mean * np.exp(sd * hidden - sd**2 / 2))

    def bid_at_rank(self, rank: float, demand: float) -> float:
        """The reservation price, as a share of list, that `rank` of the others' bids are above; 0 beyond the last."""
        if rank >= demand:
            return 0.0
        above = max(rank, 0.5) / demand
        return self.reservation_median * math.exp(-self.reservation_sigma * float(special.ndtri(above)))

    def bids_above(self, share: float, demand: float) -> float:
        """How many of the others bid more than a share of the list price."""
        z = math.log(share / self.reservation_median) / self.reservation_sigma
        return demand * float(special.ndtr(-z))


@dataclass(frozen=True, eq=False)
class ClearingPrice:
    """The market of one replication: list price, spare capacity and the others' demand over time."""

    rule: Clearing
    base: Path
    spare: Path
    demand: Path

    def price(self, t_s: int, own: int) -> float:
        """The highest bid that finds no place once `own` instances are taken, at least the floor, in USD."""
        left = max(self.spare.at(t_s) - own, 0.0)
        return self.base.at(t_s) * max(self.rule.bid_at_rank(left, self.demand.at(t_s)), self.rule.floor)

    def keepable(self, t_s: int, bid_usd: float) -> int:
        """Spare capacity that the others do not outbid."""
        share = bid_usd / self.base.at(t_s)
        if share < self.rule.floor:
            return 0
        return int(max(self.spare.at(t_s) - math.ceil(self.rule.bids_above(share, self.demand.at(t_s))), 0))

    def clear(self, t_s: int, own: int, bid_usd: float) -> Cleared:
        """The whole book of one clearing: served instances and the empty ones add up to the spare capacity."""
        spare, demand = int(self.spare.at(t_s)), self.demand.at(t_s)
        kept = min(own, self.keepable(t_s, bid_usd))
        wanted = math.floor(self.rule.bids_above(self.rule.floor, demand))
        others = min(spare - kept, wanted)
        return Cleared(self.price(t_s, kept), kept, others, spare - kept - others)

    def changes_after(self, t_s: int) -> int | None:
        """The next clearing, or the list price's next step."""
        moments = [path.next_change_s(t_s) for path in (self.base, self.spare, self.demand)]
        return min((moment for moment in moments if moment is not None), default=None)


@dataclass(frozen=True, eq=False)
class PerInstance:
    """The same in USD per instance-hour."""

    per_gpu: Influenced
    gpus: int

    def price(self, t_s: int, own: int) -> float:
        """USD per instance-hour while `own` instances are held."""
        return self.per_gpu.price(t_s, own) * self.gpus

    def changes_after(self, t_s: int) -> int | None:
        """When the exogenous part next changes."""
        return self.per_gpu.changes_after(t_s)


def changes(influenced: Influenced, end_s: int) -> list[int]:
    """0 and every time up to `end_s` at which the exogenous part changes."""
    times, at_s = [0], influenced.changes_after(0)
    while at_s is not None and at_s <= end_s:
        times.append(at_s)
        at_s = influenced.changes_after(at_s)
    return times


def without_own(influenced: Influenced, end_s: int) -> Path:
    """USD per GPU-hour that a startup meets which holds nothing: the same under every policy."""
    times = changes(influenced, end_s)
    return Path(np.array(times), np.array([influenced.price(t, 0) for t in times])).simplified()


def keepable_at(influenced: Influenced, bid_usd: Path, end_s: int) -> Path:
    """Instances that a bid path can hold, whatever is held: a step function up to `end_s`."""
    times = changes(influenced, end_s)
    return Path(np.array(times), np.array([influenced.keepable(t, bid_usd.at(t)) for t in times])).simplified()


INFLUENCES: dict[str, type[Influence]] = {"none": NoInfluence, "elasticity": Elasticity, "clearing": Clearing}
AnyInfluence: Any = settings.one_of(INFLUENCES)
