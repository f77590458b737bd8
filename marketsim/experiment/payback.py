"""Whether and when buying pays back against signing: cash month by month of two simulated fleets of one size and use.

What is left at the end (servers at their resale, contracts at what they still oblige to) comes in with the last month,
so that a short horizon speaks against neither; the month of paying back looks at cash alone.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from marketsim import units
from marketsim.experiment.ways import at_once, fleet_run, has_room
from marketsim.metrics import books
from marketsim.metrics.measured import Measured
from marketsim.path import Path
from marketsim.supply import finance
from marketsim.supply.kind import FinanceFacts
from marketsim.supply.offer import Offer
from marketsim.world import World

if TYPE_CHECKING:
    from marketsim.scenario import Scenario

USE = 0.7  # share of the time that the fleet works


@dataclass(frozen=True)
class Payback:
    """Buying at one offer against another way: worth now at the scenario's cost of capital, in the mean.

    back_months: after how many months of 730 h the cash spent has come back, None where not within the horizon.
    """

    bought: str
    against: str
    gpus: int
    use: float
    worth_usd: float
    back_months: float | None


def paybacks(
    scenario: Scenario, gpus: int, use: float = USE, replications: int = 3, seed: int | None = None,
    only: Sequence[str] = (),
) -> list[Payback]:  # fmt: skip
    """Each offer of machines that are bought against each that is signed for or metered, at one fleet and use."""
    from marketsim.build import build

    worlds = [build(scenario, number, seed) for number in range(replications)]
    offers = [
        one for one in worlds[0].offers if one.shape.gpus and has_room(one, gpus) and (not only or one.id in only)
    ]
    bought = [one.id for one in offers if _stays(one)]
    others = [one.id for one in offers if not _stays(one) and (one.commitment is not None or one.price is not None)]
    if not bought or not others:
        return []
    flows = {name: [_out_usd(world, name, gpus, use) for world in worlds] for name in (*bought, *others)}
    known = scenario.finance
    stages = tuple((one.at, one.cost_of_capital_per_year) for one in known.capital_stages)
    capital = FinanceFacts(known.cost_of_capital_per_year, capital_stages=stages).capital
    return [_compared(one, other, gpus, use, flows, capital) for one, other in itertools.product(bought, others)]


def _stays(offer: Offer) -> bool:
    """Whether it is bought: a commitment without an end."""
    return offer.commitment is not None and offer.commitment.ends_s(0, None) is None


Flows = dict[str, list[tuple[NDArray[np.float64], float]]]  # of each way and world: USD out by month, and what is left


def _compared(bought: str, other: str, gpus: int, use: float, flows: Flows, capital: float | Path) -> Payback:
    """The mean of the replications' flows, compared once: a month of paying back has no mean where some never do."""
    mine, theirs = (np.mean([out for out, _ in flows[name]], axis=0) for name in (bought, other))
    left = [float(np.mean([rest for _, rest in flows[name]])) for name in (bought, other)]
    saved = [*(theirs - mine), left[0] - left[1]]
    # each month is worth now what it is after the cost of capital up to then, which may change with the company's stage
    costs = [1 + finance.tied_up_share(capital, 0, month * units.MONTH_S) for month in range(len(saved))]
    worth = float(sum(usd / cost for usd, cost in zip(saved, costs, strict=True)))
    return Payback(bought, other, gpus, use, worth, finance.against(list(mine), list(theirs), 0.0).payback_months)


def _out_usd(world: World, name: str, gpus: int, use: float) -> tuple[NDArray[np.float64], float]:
    """USD paid by month, the first what is paid at once; and what is left at the end is worth."""
    measured = fleet_run(at_once(world.offers[world.offer_index[name]]), gpus, world.horizon_s, use, world)
    return by_month(measured), left_usd(measured)


def by_month(measured: Measured) -> NDArray[np.float64]:
    """USD paid for compute: at second 0, and in each month of 730 h after it; shape (months + 1,)."""
    flow, t_s = books.cash_flow(measured, compute_only=True), measured.rows("posted").t_s
    months = units.ceil_div(max(measured.ledger.end_s, 1), units.MONTH_S)
    place = np.where(t_s > 0, np.minimum(-(-t_s // units.MONTH_S), months), 0)
    return -books.sums(place, flow, months + 1) / units.MICRO


def left_usd(measured: Measured) -> float:
    """What assets less liabilities are worth at the end."""
    identity = books.cash_identity(measured)
    return units.usd(identity.assets - identity.liabilities)
