"""build: a scenario and the number of a replication to a World, with all dice thrown that no choice can change.

Every column of dice has a name of its own (`demand/retrain`, `prices/aws-p5`, `levers/int4`), so policies meet one
world, an offer more changes no other draw, and a longer horizon appends.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from marketsim import supply, units
from marketsim.data.tables import table
from marketsim.demand.job import JobTable, Service, merge
from marketsim.errors import Fault, InputError, PriceError, nearest
from marketsim.levers.lever import DrawnLever, drawn
from marketsim.policies.policy import Policy
from marketsim.scenario import Scenario
from marketsim.scenario_parts import CatalogueEgress
from marketsim.streams import Dice
from marketsim.supply.kind import FinanceFacts, build_all
from marketsim.supply.offer import Offer
from marketsim.throw import Throw
from marketsim.world import Clock, Credit, Money, Order, World

OWN = ("datacenter", "edge", "token_api", "serverless")  # what goes out of these is not billed by the GB


def build(scenario: Scenario, replication: int = 0, seed: int | None = None, mirrored: bool = False) -> World:
    """The world of one replication; the same for every policy, on every machine.

    seed: of all dice, the scenario's where not given. mirrored: the other half of an antithetic pair, thrown with 1 - u
    for each u. Raises InputError for a data file that is wrong, PriceError for a price that is missing.

    >>> import marketsim as ms
    >>> scenario = ms.load("speech", ["horizon=2 w"])
    >>> world = ms.build_world(scenario, replication=3)
    >>> world.horizon_s, [offer.id for offer in world.offers][:2]
    (1209600, ['aws-p4d', 'aws-p4de'])
    >>> ms.build_world(scenario, 3).exogenous_hash == world.exogenous_hash  # the same throw of the same dice
    True
    """
    throw = throw_of(scenario, replication, seed, mirrored)
    jobs, services = _demands(scenario, throw)
    return World(
        horizon_s=scenario.horizon,
        jobs=jobs,
        offers=_offers(scenario, throw),
        services=services,
        drain_s=scenario.ends.drain,
        backlog_offer=None if scenario.ends.backlog == "on_demand" else scenario.ends.backlog,
        orders=_orders(scenario),
        money=_money(scenario),
        clock=Clock(scenario.clock.decide_every, scenario.clock.finish_on_grid),
        usd_per_gb_month_storage=scenario.network.usd_per_gb_month_storage,
        scarcity=throw.scarcity,
        levers=levers_of(scenario, throw),
        dice=throw.dice,
    )


def throw_of(scenario: Scenario, replication: int = 0, seed: int | None = None, mirrored: bool = False) -> Throw:
    """What every kind is thrown: the replication's dice, the span, and the state of the market."""
    throw = Throw(
        dice=Dice(scenario.seed if seed is None else seed, replication, mirrored=mirrored),
        horizon_s=scenario.horizon,
        end_s=scenario.horizon + scenario.ends.drain,
        start=scenario.start,
        folder=scenario.folder,
    )
    market = scenario.market.scarcity
    return replace(throw, scarcity=market.draw(throw.under("market")), loadings=market.loadings.as_mapping())


def _demands(scenario: Scenario, throw: Throw) -> tuple[JobTable, tuple[Service, ...]]:
    tables, services = [], []
    for name, demand in scenario.demand.items():
        if not demand.enabled:
            continue
        own = throw.under(f"demand/{name}")
        tables.append(demand.jobs(name, own))
        service = demand.service(name, own)
        if service is not None:
            services.append(service)
    if not tables:
        raise InputError(Fault("every workload is switched off (enabled: false)", key="demand"))
    return merge(tables), tuple(services)


def _offers(scenario: Scenario, throw: Throw) -> tuple[Offer, ...]:
    finance = scenario.finance
    facts = FinanceFacts(
        finance.cost_of_capital_per_year,
        finance.sales_tax,
        finance.tax_rate,
        capital_stages=tuple((one.at, one.cost_of_capital_per_year) for one in finance.capital_stages),
    )
    offers = build_all(scenario.supply, throw, facts)
    kinds = scenario.supply.values()
    return tuple(_with_egress(offer, kind, scenario) for offer, kind in zip(offers, kinds, strict=True))


def _with_egress(offer: Offer, kind: supply.kind.OfferKind, scenario: Scenario) -> Offer:
    """The offer with the scenario's price of data taken out, where it has none of its own."""
    setting = scenario.network.usd_per_gb_egress
    if offer.usd_per_gb_month_storage is None and offer.kind in OWN:
        offer = replace(offer, usd_per_gb_month_storage=0.0)
    if offer.gb_out_tiers is not None:
        return offer
    if kind.usd_per_gb_out is not None or offer.kind in OWN:
        return offer
    if not isinstance(setting, CatalogueEgress):
        return replace(offer, usd_per_gb_out=float(setting))
    known = {row["provider"]: row for row in table("egress")}
    if offer.provider not in known:
        what = f"the catalogue has no price of data taken out of {offer.provider}: give usd_per_gb_out"
        hint = nearest(offer.provider, known)
        raise PriceError(Fault(what, key=f"supply.{offer.id}", allowed=", ".join(known), hint=hint))
    row = known[offer.provider]
    usd, free_gb = float(row["usd_per_gb"]), float(row["free_gb_per_month"])
    tiers = ((free_gb, 0.0), (math.inf, usd)) if free_gb and usd else None
    return replace(offer, usd_per_gb_out=usd, gb_out_tiers=tiers)


def _orders(scenario: Scenario) -> tuple[Order, ...]:
    held = (*scenario.initial.contracts, *scenario.initial.servers)
    return tuple(Order(one.offer, one.instances, one.age, one.term) for one in held)


def _money(scenario: Scenario) -> Money:
    finance, cash = scenario.finance, scenario.initial.cash_usd
    return Money(
        cash_micro=None if cash is None else units.micro(cash),
        other_burn_micro_per_month=units.micro(finance.other_burn_usd_per_month),
        credits=tuple(Credit(one.provider, units.micro(one.usd), one.until) for one in finance.credits),
        tax_rate=finance.tax_rate,
        stop_when_insolvent=finance.insolvency == "stop",
        rounds=tuple((one.at, units.micro(one.usd)) for one in finance.rounds),
    )


def levers_of(scenario: Scenario, throw: Throw) -> Mapping[str, DrawnLever]:
    """Lever -> its settings, with what they read from files, and what adopting it comes to in this replication."""
    return {name: drawn(name, lever, throw.dice, throw.folder) for name, lever in scenario.levers.items()}


def policy_of(scenario: Scenario, name: str) -> Policy:
    """A policy of the scenario as the engine takes it. Raises InputError for a name it does not have.

    >>> import marketsim as ms
    >>> policy = ms.policy_of(ms.load("speech"), "spot-first")
    >>> policy.name, type(policy.placement).__name__
    ('spot-first', 'SpotGreedy')
    """
    if name not in scenario.policies:
        hint = nearest(name, scenario.policies)
        raise InputError(Fault("no policy has this name", got=name, allowed=", ".join(scenario.policies), hint=hint))
    chosen = scenario.policies[name]
    return Policy(
        name=name,
        queue=chosen.queue,
        placement=chosen.placement,
        procurement=chosen.procurement,
        levers=tuple((lever, scenario.levers[lever].target) for lever in chosen.levers),
    )


def policies_of(scenario: Scenario, names: tuple[str, ...] = ()) -> dict[str, Policy]:
    """The policies that are compared, in the scenario's order; those named, or all."""
    for name in names:
        policy_of(scenario, name)
    return {name: policy_of(scenario, name) for name in scenario.policies if not names or name in names}
