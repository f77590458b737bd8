"""Look ahead, plan, do the first step, and plan again: contracts by a linear programme over a forecast window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from marketsim import settings
from marketsim.policies.forecast.forecast import Forecaster
from marketsim.policies.policy import Action, OfferFacts, Setup, View
from marketsim.policies.procurement import terms
from marketsim.policies.procurement.forecasting import LAST_WEEK, WEEKLY, AnyForecast
from marketsim.policies.procurement.outlook import Memory, Outlook, look
from marketsim.settings import Seconds
from marketsim.units import DAY_S, HOUR_S

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class RollingLookahead(settings.Kind):
    """Every review, find the cheapest contracts and on-demand use for the forecast window, and sign today's part of it.

    Contracts that reach beyond the window are charged for the part of their term inside it, so that the window's end
    is no reason against them. Solved by HiGHS; fractions of a block are rounded to the nearest.
    """

    kind: Literal["rolling_lookahead"] = "rolling_lookahead"
    offers: Annotated[
        tuple[settings.Name, ...], Field(strict=False, min_length=1, description="rental offers to choose among")
    ]
    forecast: AnyForecast = Field(default=LAST_WEEK, description="of demand in the window")
    window: settings.PositiveDuration = Field(default=Seconds(90 * DAY_S), description="how far ahead is planned")
    plan_step: settings.PositiveDuration = Field(default=Seconds(6 * HOUR_S), description="a period of the plan")
    review: settings.PositiveDuration = Field(default=WEEKLY, description="how often it is planned anew")

    def bind(self, setup: Setup) -> Rule:
        """The working rule; InputError for offers that cannot be signed for."""
        terms.raise_any(
            fault
            for index, offer in enumerate(self.offers)
            for fault in terms.faults(setup, offer, None, f"procurement.offers[{index}]", "sign")
        )
        found = [terms.find(setup, offer) for offer in self.offers]
        offers = [offer for offer in found if offer is not None]
        forecaster = self.forecast.bind(setup)
        return Rule(setup, offers, forecaster, self.forecast.step, self.review, self.window, self.plan_step)


@dataclass
class Rule:
    """Plans in instances of its first offer."""

    setup: Setup
    offers: list[OfferFacts]
    forecaster: Forecaster
    step_s: int
    review_every_s: int | None
    window_s: int
    plan_step_s: int
    memory: Memory = field(default_factory=Memory)

    def review(self, view: View) -> Sequence[Action]:
        """Today's signatures of the plan."""
        seen = [look(view, self.setup, offer, self.step_s, 1, self.memory) for offer in self.offers]
        known = [one for one in seen if one is not None and one.saved_usd > 0]
        if not known:
            return ()
        lead = known[0]
        window_s = min(self.window_s, self.setup.horizon_s - view.now_s)
        path = self.forecaster.path(lead.seen, max(window_s // self.step_s, 1))
        if path is None:
            return ()
        each = max(self.plan_step_s // self.step_s, 1)
        periods = max(len(path) // each, 1)
        wanted = path[: periods * each].reshape(periods, -1).mean(axis=1) if len(path) >= each else path[:1]
        return self._signed_today(view, known, lead, wanted)

    def _signed_today(self, view: View, known: list[Outlook], lead: Outlook, wanted: Floats) -> list[Action]:
        """The first period of the cheapest plan, in whole blocks."""
        periods, hours = len(wanted), self.plan_step_s / HOUR_S
        contracts: list[Contract] = []
        there: Floats = np.zeros(periods)
        for one in known:
            gpus = one.offer.shape.gpus / lead.offer.shape.gpus
            late = -(-one.quote.lead_s // self.plan_step_s)
            lasts = max(one.quote.span_s // self.plan_step_s, 1)
            usd = one.usd_per_useful_hour * hours / gpus
            contracts.append(Contract(late, lasts, usd))
            held = [self.memory.there_at(view, one.offer.id, view.now_s + t * self.plan_step_s) for t in range(periods)]
            there += np.array(held) * gpus
        usd_idle = [one.quote.usd_per_busy_hour for one in known]
        first = first_signed(np.maximum(wanted - there, 0.0), contracts, (lead.worth_usd - min(usd_idle)) * hours)
        said: list[Action] = []
        for one, amount in zip(known, first, strict=True):
            gpus = one.offer.shape.gpus / lead.offer.shape.gpus
            blocks = float(np.floor(amount / gpus / one.quote.block_instances + 0.5))
            more = one.blocks(blocks * one.quote.block_instances)
            if more:
                said.append(self.memory.place(one, more))
        return said


@dataclass(frozen=True)
class Contract:
    """One choice of the plan: there `late` periods after signing, for `lasts` periods, at USD an instance-period."""

    late: int
    lasts: int
    usd: float


def first_signed(wanted: Floats, contracts: Sequence[Contract], on_demand_usd: float) -> list[float]:
    """Instances of each contract signed in the first period of the cheapest plan for the wanted path.

    wanted (periods,): instances. on_demand_usd: an instance-period saved when a committed one is used.
    """
    from scipy import optimize, sparse

    periods = len(wanted)
    period = np.arange(periods)
    # variables: instances on demand in each period, then of each contract those signed so far, which never fall; what
    # is there of it is a difference of two, so that the matrix holds two entries a row, however long the contract
    rows: list[Ints] = [period]
    columns: list[Ints] = [period]
    signs: list[Floats] = [np.ones(periods)]
    costs: list[Floats] = [np.full(periods, min(on_demand_usd, 1e12))]
    least: list[Floats] = [wanted]
    firsts: list[int | None] = []
    at = row = periods
    for contract in contracts:
        signed = period[: max(periods - contract.late, 0)]
        firsts.append(at if len(signed) else None)
        here = signed + contract.late
        over = signed[: max(len(signed) - contract.lasts, 0)]
        usd = contract.usd * np.minimum(periods - here, contract.lasts)
        costs.append(usd - np.append(usd[1:], 0.0) if len(signed) else usd)
        rise = row + signed[:-1]
        rows += [here, over + contract.late + contract.lasts, rise, rise]
        columns += [at + signed, at + over, at + signed[1:], at + signed[:-1]]
        signs += [np.ones(len(signed)), -np.ones(len(over)), np.ones(len(rise)), -np.ones(len(rise))]
        least.append(np.zeros(len(rise)))
        at, row = at + len(signed), row + len(rise)
    entries = np.concatenate(signs), (np.concatenate(rows), np.concatenate(columns))
    matrix = sparse.csr_matrix(entries, shape=(row, at))
    found = optimize.linprog(np.concatenate(costs), A_ub=-matrix, b_ub=-np.concatenate(least), method="highs")
    if found.x is None:
        raise ArithmeticError(f"the procurement plan was not solved: {found.message}")
    return [0.0 if first is None else float(found.x[first]) for first in firsts]
