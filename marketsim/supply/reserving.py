"""How much to commit to when demand is uncertain: the critical ratio, the newsvendor, and renting skis.

A reserved unit is paid for in each period, used or not; demand above what is reserved is bought on demand. Prices are
per unit and period. Sources: Porteus, Foundations of Stochastic Inventory Theory (newsvendor); Karlin et al. 1988 and
1994 (ski rental); Wang, Li and Liang, To Reserve or Not to Reserve, ICAC 2013 (with a discount).
"""

from __future__ import annotations

import math
from collections.abc import Mapping


def break_even_share(reserved_usd: float, on_demand_usd: float) -> float:
    """The share of the time a reserved unit must be used to pay: reserved / on-demand; ValueError without a price.

    >>> break_even_share(0.6, 1.0)
    0.6
    """
    if on_demand_usd <= 0 or reserved_usd < 0:
        raise ValueError("a reservation is weighed against a price above 0")
    return reserved_usd / on_demand_usd


def critical_ratio(reserved_usd: float, on_demand_usd: float) -> float:
    """The quantile of demand to reserve, (on-demand - reserved) / on-demand; 0 where reserving is no cheaper.

    >>> critical_ratio(0.65, 1.0), critical_ratio(2.0, 1.0)
    (0.35, 0.0)
    """
    return max(1 - break_even_share(reserved_usd, on_demand_usd), 0.0)


def reserve_units(demand: Mapping[float, float], reserved_usd: float, on_demand_usd: float) -> float:
    """The least demand whose distribution function reaches the critical ratio; `demand` maps units to probability.

    >>> reserve_units({0: 0.1, 5: 0.2, 10: 0.4, 15: 0.2, 20: 0.1}, 0.6, 1.0)
    10
    """
    ratio, reached = critical_ratio(reserved_usd, on_demand_usd), 0.0
    if ratio == 0:
        return 0
    for units in sorted(demand):
        reached += demand[units]
        if reached >= ratio - 1e-12:  # sums of tenths miss by one bit
            return units
    raise ValueError("the probabilities of demand add up to less than the critical ratio")


def expected_cost(units: float, demand: Mapping[float, float], reserved_usd: float, on_demand_usd: float) -> float:
    """What a period costs: reserved x units + on-demand x E[(demand - units)+].

    >>> round(expected_cost(10, {0: 0.1, 5: 0.2, 10: 0.4, 15: 0.2, 20: 0.1}, 0.6, 1.0), 9)
    8.0
    """
    over = math.fsum(share * max(wanted - units, 0) for wanted, share in demand.items())
    return reserved_usd * units + on_demand_usd * over


def newsvendor_normal(mean: float, sd: float, reserved_usd: float, on_demand_usd: float) -> float:
    """Units to reserve for normal demand: mean + sd x z, z the normal quantile of the critical ratio.

    >>> round(newsvendor_normal(100, 20, 0.65, 1.0), 6)
    92.293591
    """
    from scipy.special import ndtri

    return mean + sd * float(ndtri(critical_ratio(reserved_usd, on_demand_usd)))


def expected_cost_normal(units: float, mean: float, sd: float, reserved_usd: float, on_demand_usd: float) -> float:
    """What a period costs under normal demand: reserved x units + on-demand x sd x (phi(z) - z (1 - Phi(z))).

    >>> round(expected_cost_normal(92.29359067184865, 100, 20, 0.65, 1.0), 9)
    72.407980088
    """
    from scipy.special import ndtr

    if sd <= 0:
        return reserved_usd * units + on_demand_usd * max(mean - units, 0.0)
    z = (units - mean) / sd
    density = math.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    return reserved_usd * units + on_demand_usd * sd * (density - z * float(ndtr(-z)))


def ski_rental_deterministic(buy_in_rents: int, discount: float = 0.0) -> float:
    """The worst ratio to hindsight of buying once as much has been paid in rent as buying costs.

    Buying costs B rents: 2 - 1/B. A reservation that still pays the share `discount` of each rent: at most
    2 - discount, whatever B.

    >>> ski_rental_deterministic(10), ski_rental_deterministic(10, 0.4)
    (1.9, 1.6)
    """
    if buy_in_rents < 1:
        raise ValueError("buying costs at least one rent")
    return 2 - discount if discount else 2 - 1 / buy_in_rents


def ski_rental_randomised(buy_in_rents: int | None = None, discount: float = 0.0) -> float:
    """The best worst ratio of a randomised day of buying: 1 / (1 - (1 - 1/B)^B), e / (e - 1 + discount) in the limit.

    >>> round(ski_rental_randomised(10), 9), round(ski_rental_randomised(), 9)
    (1.535339933, 1.581976707)
    >>> round(ski_rental_randomised(None, 0.4), 9)
    1.283248429
    """
    if buy_in_rents is None or discount:
        return math.e / (math.e - 1 + discount)
    return 1 / (1 - (1 - 1 / buy_in_rents) ** buy_in_rents)
