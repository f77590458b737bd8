"""Settings that are each allowed and can have no effect beside each other; warned of.

A quota that lets nobody start, money raised after the horizon, an interval that is never looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from marketsim import crosschecks
from marketsim.errors import Fault
from marketsim.units import duration_text

if TYPE_CHECKING:
    from marketsim.scenario import Scenario
    from marketsim.world import World


def doubts(scenario: Scenario, world: World) -> Iterator[Fault]:
    """Warnings with the dotted path of the setting that is idle, in the order of the scenario's parts."""
    for check in (_workloads, _offers, _orders_too_late, _money, _replications):
        yield from check(scenario, world)


def _workloads(scenario: Scenario, world: World) -> Iterator[Fault]:
    """Finite work of which nothing arrives."""
    asks = {world.jobs.needs[index].workload for index in set(world.jobs.need.tolist())}
    asks |= {service.name for service in world.services}
    for name, demand in scenario.demand.items():
        if demand.enabled and name not in asks:
            yield Fault("none of its jobs arrives before the horizon in replication 0", key=f"demand.{name}.arrivals")


def _offers(scenario: Scenario, world: World) -> Iterator[Fault]:
    for name, offer in scenario.supply.items():
        path = f"supply.{name}"
        quota = getattr(offer, "quota_instances", None)
        if quota is not None and not quota.initial:
            asks = quota.step and quota.at_most != 0
            what = "lets nobody start anything" + (": only a policy of your own asks for more" if asks else ", ever")
            yield Fault(what, key=f"{path}.quota_instances", got="initial 0")
        block, most = getattr(offer, "block_instances", 1), getattr(offer, "most_instances", None)
        if most is not None and most > block and most % block:
            what = f"is no multiple of block_instances, {block}: only {most - most % block} can ever be signed for"
            yield Fault(what, key=f"{path}.most_instances", got=str(most))


def _orders_too_late(scenario: Scenario, world: World) -> Iterator[Fault]:
    """Offers that a rule decides on in the run, and whose orders of the first day already come too late."""
    for name, policy in scenario.policies.items():
        rule = policy.procurement
        if crosschecks.kind_of(rule) in ("none", "fixed_plan"):
            continue  # what a plan orders too late is told order by order
        data = rule.model_dump(mode="json")
        for _, offer in crosschecks.named(data, "", ("offer", "offers", "own", "rent")):
            index = world.offer_index.get(offer)
            commitment = None if index is None else world.offers[index].commitment
            if commitment is not None and commitment.delivered_s(0, 0) >= world.horizon_s:
                lead = duration_text(commitment.delivered_s(0, 0))
                what = f"even what {name} orders on the first day comes after the horizon (lead {lead}): never ordered"
                yield Fault(what, key=f"supply.{offer}.lead")


def _money(scenario: Scenario, world: World) -> Iterator[Fault]:
    finance, horizon_s = scenario.finance, scenario.horizon
    for key in ("capital_stages", "rounds"):
        for index, one in enumerate(getattr(finance, key)):
            if one.at >= horizon_s:
                what = "is at or after the horizon, so that it has no effect"
                yield Fault(what, key=f"finance.{key}[{index}].at", got=duration_text(one.at))
    for index, credit in enumerate(finance.credits):
        if credit.usd and not credit.until:
            yield Fault("they lapse at the start", key=f"finance.credits[{index}].until", got="0 s")
    if finance.insolvency == "stop" and scenario.initial.cash_usd is None:
        what = "without initial.cash_usd nobody watches the cash, so that nothing stops"
        yield Fault(what, key="finance.insolvency", got="stop")


def _replications(scenario: Scenario, world: World) -> Iterator[Fault]:
    asked: Any = scenario.experiment.replications
    until = getattr(asked, "until", None)
    if until is None:
        return
    if asked.at_least >= asked.at_most:
        what = f"is never looked at before the end: at_least, {asked.at_least}, is not below at_most, {asked.at_most}"
        yield Fault(what, key="experiment.replications.until")
    if until.to is not None and len(scenario.policies) < 2:
        what = "there is no other policy whose difference could be watched: all replications are run"
        yield Fault(what, key="experiment.replications.until.to", got=until.to)
