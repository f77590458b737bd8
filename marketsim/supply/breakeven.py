"""From what use on which way is the cheapest: the sums that a simulation of constant use would arrive at, without it.

A fleet is held for a horizon and used a constant share of the time. What it costs is what its own terms would post to
the ledger: contracts signed again at their end, servers valued at the close, power by use, people by the step. Metered
ways cost by the used hour. Everything is per used GPU-hour of a reference GPU, so that fast and slow ones compare.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marketsim import units
from marketsim.demand.job import Service
from marketsim.supply import finance, uptime
from marketsim.supply.datacenter import Datacenter
from marketsim.supply.kind import FinanceFacts
from marketsim.supply.offer import Commitment, Offer
from marketsim.supply.quote import effective, order_micro

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Holding:
    """What a fleet at one offer costs over a horizon: fixed_usd used or not, usd_per_use at full use on top.

    used_hours: reference GPU-hours at full use, while up. Cost is linear in use.
    """

    fixed_usd: float
    usd_per_use: float
    used_hours: float

    def usd_per_used_hour(self, use: float) -> float:
        """USD for a used reference GPU-hour; infinite where nothing is used and something is paid."""
        if use <= 0:
            return math.inf if self.fixed_usd else self.usd_per_use / self.used_hours
        return (self.fixed_usd + self.usd_per_use * use) / (self.used_hours * use)


def holding(
    offer: Offer, gpus: int, horizon_s: int, family: str = "general", reference_gpu: str | None = None
) -> Holding | None:
    """A fleet of `gpus` GPUs at an offer from second 0 to the horizon; None where it offers no such thing.

    Committed fleets are whole blocks, ordered in time to be there at second 0. reference_gpu None: the offer's own.
    """
    speed = 1.0
    if reference_gpu is not None and reference_gpu != offer.shape.gpu:
        speed = offer.speed_ppm.get((family, reference_gpu), 0) / units.PPM
    if speed <= 0 or offer.shape.gpus < 1:
        return None
    hours = horizon_s / units.HOUR_S
    if offer.price is not None:
        usd = offer.price.integral(0, horizon_s) / units.HOUR_S / offer.shape.gpus * gpus
        return Holding(0.0, usd, gpus * hours * speed)
    if offer.commitment is None:
        return None
    block = offer.commitment.block_instances
    instances = units.ceil_div(units.ceil_div(gpus, offer.shape.gpus), block) * block
    idle, busy = (_standing_micro(offer, instances, horizon_s, use) for use in (0, 1))
    fixed = committed_micro(offer.commitment, instances, horizon_s) + idle
    up = _up_share(offer, instances)
    return Holding(units.usd(fixed), units.usd(busy - idle), instances * offer.shape.gpus * hours * speed * up)


def committed_micro(terms: Commitment, instances: int, horizon_s: int, term_s: int | None = None) -> int:
    """Effective micro-dollars of holding instances from second 0 to the horizon, signed again at each end."""
    total, at_s = 0, 0
    while at_s < horizon_s:
        total += order_micro(terms, instances, at_s, at_s, horizon_s, term_s)
        ends_s = terms.ends_s(at_s, term_s)
        if ends_s is None or ends_s <= at_s:
            break
        at_s = ends_s
    return total


def _standing_micro(offer: Offer, instances: int, horizon_s: int, use: int) -> int:
    if offer.standing is None:
        return 0
    total = 0
    for from_s in range(0, horizon_s, units.MONTH_S):
        to_s = min(from_s + units.MONTH_S, horizon_s)
        held_s = instances * (to_s - from_s)
        total += effective(offer.standing.over(from_s, to_s, held_s, use * held_s * offer.shape.milli))
    return total


def _up_share(offer: Offer, instances: int) -> float:
    """Share of the time an instance is up, waiting for a crew included; hours of a site are left out."""
    law = offer.outage
    if law is None or law.mean_up_s <= 0:
        return 1.0
    return uptime.machine_repair_up_share(instances, law.crews, law.mean_up_s, law.mean_repair_s)


def break_even_use(fixed: Holding, metered: Holding) -> float | None:
    """The use from which the first is cheaper than the second; None where it is not even at full use.

    Per used hour (F + V u) / (H u) against (F' + V' u) / (H' u): linear in u, so one division.
    """
    gain = metered.usd_per_use / metered.used_hours - fixed.usd_per_use / fixed.used_hours
    more = fixed.fixed_usd / fixed.used_hours - metered.fixed_usd / metered.used_hours
    if more <= 0:
        return 0.0 if gain >= 0 else None
    return more / gain if gain > 0 and more <= gain else None


def equal_use(one: Holding, two: Holding) -> float | None:
    """The use above 0 and up to 1 at which two ways cost the same, whichever is cheaper beyond; None for none."""
    slope = one.usd_per_use / one.used_hours - two.usd_per_use / two.used_hours
    fixed = two.fixed_usd / two.used_hours - one.fixed_usd / one.used_hours
    use = fixed / slope if slope else -1.0
    return use if 0 < use <= 1 else None


@dataclass(frozen=True, eq=False)
class BreakevenMap:
    """Cost of each way at each use and each fleet or horizon, and which way is the cheapest.

    usd_per_used_gpu_hour: (ways, rows, uses), infinite where a way cannot. winner: (rows, uses), index into `ways`, -1
    where none can. rows: GPUs of the fleet, or seconds of the horizon.
    """

    ways: tuple[str, ...]
    uses: Floats
    rows: tuple[int, ...]
    usd_per_used_gpu_hour: Floats
    winner: NDArray[np.int64]


def breakeven_map(
    offers: Sequence[Offer],
    uses: Sequence[float],
    fleets_gpus: Sequence[int],
    horizons_s: Sequence[int],
    family: str = "general",
    reference_gpu: str | None = None,
) -> BreakevenMap:
    """The map of use against fleet size (one horizon) or against horizon (one fleet); ties go to the earlier offer.

    Raises ValueError where both have several values, or neither offers nor uses are given.
    """
    if not offers or not len(uses) or min(len(fleets_gpus), len(horizons_s)) != 1:
        raise ValueError("a map needs offers, uses, and several fleets at one horizon or several horizons of one fleet")
    pairs = [(gpus, horizon_s) for gpus in fleets_gpus for horizon_s in horizons_s]
    cost = np.full((len(offers), len(pairs), len(uses)), np.inf)
    for way, offer in enumerate(offers):
        for row, (gpus, horizon_s) in enumerate(pairs):
            held = holding(offer, gpus, horizon_s, family, reference_gpu)
            if held is not None:
                cost[way, row] = [held.usd_per_used_hour(use) for use in uses]
    winner = np.where(np.isfinite(cost.min(axis=0)), cost.argmin(axis=0), -1).astype(np.int64)
    rows = tuple(fleets_gpus if len(fleets_gpus) > 1 else horizons_s)
    return BreakevenMap(tuple(offer.id for offer in offers), np.asarray(uses, np.float64), rows, cost, winner)


def usd_per_request(tokens: Offer, service: Service) -> float | None:
    """What one mean request of a service costs by the token; None where either knows nothing of tokens."""
    if tokens.usd_per_input_token is None or service.input_tokens is None or service.output_tokens is None:
        return None
    return (
        tokens.usd_per_input_token * service.input_tokens + (tokens.usd_per_output_token or 0) * service.output_tokens
    )


def requests_per_day_to_host(
    host: Offer, tokens: Offer, service: Service, horizon_s: int = units.YEAR_S, most_instances: int = 4096
) -> float | None:
    """The least requests a day from which instances of one's own serve a service for less than tokens; None: never.

    Instances are whole and stand all day; a day's requests come evenly. The answer is exact for the step in which it
    lies: n instances that cost c a day pay from c / (USD a request) requests on, if they can serve so many.
    """
    price = usd_per_request(tokens, service)
    each = service.replica_requests_per_s.get(host.shape.gpu, 0.0)
    replicas = host.shape.milli // service.replica.milli if service.replica.milli else 0
    if not price or not each or not replicas:
        return None
    days, capacity = horizon_s / units.DAY_S, each * replicas * units.DAY_S
    for instances in range(1, most_instances + 1):
        held = holding(host, instances * host.shape.gpus, horizon_s)
        if held is None:
            return None
        usd_a_day = (held.fixed_usd + held.usd_per_use) / days
        if usd_a_day <= price * capacity * instances:
            return max(usd_a_day / price, capacity * (instances - 1))
    return None


def own_gpu(kind: Datacenter, facts: FinanceFacts, servers: int, available: float = 1.0) -> finance.OwnGpu:
    """One GPU of a fleet of so many servers, for the levelised closed form: people and taxes shared by all GPUs."""
    terms, each = kind.usd_with_network(), kind.shape.gpus
    usd = (terms * (1 + kind.spare_share) * (1 + facts.sales_tax) + kind.usd_per_server_installation) / each
    people = kind.staff.usd_per_year(servers) / (servers * each) if kind.staff is not None else 0.0
    return finance.OwnGpu(
        usd=usd,
        years=kind.life / units.YEAR_S,
        resale_share=kind.resale.share(kind.life, kind.life) * terms / each / usd,
        cost_of_capital=facts.cost_of_capital_per_year,
        kw=kind.kw_per_server / each,
        busy_power_share=kind.busy_power_share,
        idle_power_share=kind.idle_power_share,
        pue=kind.pue,
        usd_per_kwh=kind.usd_per_kwh,
        usd_per_kw_month=kind.usd_per_kw_month,
        maintenance_share=kind.maintenance_share_per_year * terms / each / usd,
        operations_usd=kind.operations_usd_per_gpu_year + people,
        available=available,
    )
