"""How much of the time machines are up that fail and are repaired: alone, k of n, and waiting for a repair crew.

Times up and times of repair are exponential and independent; the means are in one unit, whichever.
"""

from __future__ import annotations

import math


def up_share(mean_up: float, mean_repair: float) -> float:
    """The share of time one repairable unit is up: mean up / (mean up + mean repair).

    >>> up_share(900.0, 100.0)
    0.9
    """
    return mean_up / (mean_up + mean_repair)


def k_of_n_share(k: int, n: int, up: float) -> float:
    """The share of time at least k of n independent units are up: a binomial tail.

    >>> round(k_of_n_share(8, 10, 0.9), 10)
    0.9298091736
    """
    return math.fsum(math.comb(n, i) * up**i * (1 - up) ** (n - i) for i in range(k, n + 1))


def up_after(t: float, mean_up: float, mean_repair: float) -> float:
    """The chance that a unit up now is up after t, in the unit of the means: A + (1 - A) exp(-(1/up + 1/repair) t).

    >>> round(up_after(50.0, 900.0, 100.0), 9)
    0.957375342
    """
    share = up_share(mean_up, mean_repair)
    return share + (1 - share) * math.exp(-(1 / mean_up + 1 / mean_repair) * t)


def machine_repair_up_share(machines: int, crews: int | None, mean_up: float, mean_repair: float) -> float:
    """The share of time a machine is up where `crews` crews repair one at a time each; None: a crew for every machine.

    The chain of the number down has weights p[k+1] / p[k] = (machines - k) repair / (min(k + 1, crews) up): the machine
    repair model, M/M/R with a finite source. Raises ValueError without machines or crews.

    >>> round(machine_repair_up_share(16, 1, 200.0, 8.0), 10)
    0.9227819044
    >>> machine_repair_up_share(7, None, 900.0, 100.0)
    0.9
    """
    if machines < 1 or (crews is not None and crews < 1):
        raise ValueError("there is at least one machine and one crew")
    if crews is None or crews >= machines or mean_repair == 0:
        return up_share(mean_up, mean_repair)
    weights, weight = [1.0], 1.0
    for down in range(machines):
        weight *= (machines - down) * mean_repair / (min(down + 1, crews) * mean_up)
        weights.append(weight)
    mean_down = math.fsum(down * w for down, w in enumerate(weights)) / math.fsum(weights)
    return 1 - mean_down / machines
