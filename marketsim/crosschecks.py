"""What must agree between the parts of a scenario: names that are used exist, dates lie inside the horizon."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from marketsim import dotted, metrics, plain_yaml, units
from marketsim.demand.demand import Demand
from marketsim.demand.inference import Inference
from marketsim.demand.job import Need, Service
from marketsim.errors import Fault, InputError, nearest
from marketsim.path import Path
from marketsim.policies.procurement import terms
from marketsim.prices.catalogue import CLOSED
from marketsim.settings import Kind
from marketsim.supply.kind import pricing_order

if TYPE_CHECKING:
    from marketsim.scenario import Scenario


def faults_of(scenario: Scenario, data: Mapping[str, Any], full: Callable[[], Mapping[str, Any]]) -> list[Fault]:
    """All disagreements, each with the dotted path of the setting that is wrong.

    data: what the user wrote; full: makes the same with every default, asked for only where it is needed.
    """
    checks = (_policies, _offers, _levers, _credits, _held, _backlog, _metrics)
    found = [fault for check in checks for fault in check(scenario)]
    return found + list(_sources(scenario, data, full))


def _unknown(what: str, path: str, name: str, known: Any) -> Fault:
    names = sorted(str(one) for one in known)
    hint = nearest(name, names)
    allowed = None if hint else ", ".join(names[:12]) + (", ..." if len(names) > 12 else "") or "there is none"
    return Fault(f"no {what} has this name", key=path, got=name, allowed=allowed, hint=hint)


def named(value: Any, path: str, keys: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """(dotted path, name) of every text below the given keys, anywhere inside plain data."""
    if isinstance(value, Mapping):
        for key, part in value.items():
            below = plain_yaml.join(path, str(key))
            if key in keys and isinstance(part, str):
                yield below, part
            elif key in keys and isinstance(part, list | tuple):
                yield from (
                    (plain_yaml.join(below, index), one) for index, one in enumerate(part) if isinstance(one, str)
                )
            else:
                yield from named(part, below, keys)
    elif isinstance(value, list | tuple):
        for index, part in enumerate(value):
            yield from named(part, plain_yaml.join(path, index), keys)


def _policies(scenario: Scenario) -> Iterator[Fault]:
    for name, policy in scenario.policies.items():
        path = f"policies.{name}"
        data = policy.model_dump(mode="json")
        for below, offer in named(data, path, ("offer", "offers", "fallback")):
            if offer not in scenario.supply:
                yield _unknown("offer", below, offer, scenario.supply)
        for index, lever in enumerate(policy.levers):
            if lever not in scenario.levers:
                yield _unknown("lever", f"{path}.levers[{index}]", lever, scenario.levers)
        yield from _plan(scenario, policy.procurement, f"{path}.procurement")


def kind_of(setting: Kind) -> str:
    """What a scenario writes under `kind`."""
    return str(getattr(setting, "kind", ""))


def _plan(scenario: Scenario, procurement: Any, path: str) -> Iterator[Fault]:
    """What a plan says beforehand can be said wrong beforehand: the kind of offer, and the date."""
    for verb, kinds in terms.SELLS.items():
        for index, item in enumerate(getattr(procurement, verb, ())):
            below = f"{path}.{verb}[{index}]"
            offer = scenario.supply.get(item.offer)
            if offer is not None and kind_of(offer) not in kinds:
                able = [name for name, one in scenario.supply.items() if kind_of(one) in kinds]
                done = {"sign": "signed", "buy": "bought"}[verb]
                what = f"{terms.article(kind_of(offer))} {kind_of(offer)} offer cannot be {done}"
                yield Fault(what, key=f"{below}.offer", got=item.offer, allowed=", ".join(able) or "no offer here can")
            elif offer is not None:
                yield from _term(offer, getattr(item, "term", None), f"{below}.term")
                yield from _amount(offer, item.instances, f"{below}.instances")
            if item.at >= scenario.horizon:
                what = "is at or after the horizon, so that it would never be used: start it earlier"
                allowed = f"before {units.duration_text(scenario.horizon)}"
                yield Fault(what, key=f"{below}.at", got=units.duration_text(item.at), allowed=allowed)
    yield from _together(scenario, procurement, path)


def _together(scenario: Scenario, procurement: Any, path: str) -> Iterator[Fault]:
    """Items of a plan that are each within what an offer has, and not together with those that still run."""
    running: dict[str, list[tuple[float, int]]] = {}  # offer -> (end, instances)
    for held in (*scenario.initial.contracts, *scenario.initial.servers):
        ends_s = _ends_s(scenario, held, -held.age)
        running.setdefault(held.offer, []).append((ends_s, held.instances))
    items = [
        (item, f"{path}.{verb}[{i}]") for verb in terms.SELLS for i, item in enumerate(getattr(procurement, verb, ()))
    ]
    for item, below in sorted(items, key=lambda one: one[0].at):
        most = _most(scenario.supply.get(item.offer))
        if most is not None and most < getattr(scenario.supply[item.offer], "block_instances", 1):
            continue  # told of the offer itself
        others = sum(count for ends_s, count in running.get(item.offer, ()) if ends_s > item.at)
        if most is not None and item.instances <= most < others + item.instances:
            what = f"the offer has no more in all, and {others} are held or signed for then"
            yield Fault(
                what, key=f"{below}.instances", got=str(item.instances), allowed=f"at most {max(most - others, 0)}"
            )
        ends_s = math.inf if getattr(item, "renew", False) else _ends_s(scenario, item, item.at)
        running.setdefault(item.offer, []).append((ends_s, item.instances))


def _ends_s(scenario: Scenario, item: Any, at_s: int) -> float:
    """When what is signed or bought at an instant is over at the earliest; infinity for what is bought."""
    offer: Any = scenario.supply.get(item.offer)
    if offer is None or kind_of(offer) not in terms.SIGNED:
        return math.inf
    early_s = units.DAY_S if kind_of(offer) == "capacity_block" else 0  # a block ends at a fixed hour of its last day
    return at_s + float(getattr(item, "term", None) or offer.term) - early_s


def _most(offer: Any) -> int | None:
    """The most instances of all commitments to an offer, None where there is no limit."""
    found = getattr(offer, "devices", None) or getattr(offer, "most_instances", None)
    return None if found is None else int(found)


def _term(offer: Any, term_s: int | None, path: str) -> Iterator[Fault]:
    """A length of contract that an offer states no price for."""
    fault = offer.term_fault(term_s) if hasattr(offer, "term_fault") else None
    if fault is not None:
        yield Fault(f"the offer {fault}", key=path, got=units.duration_text(term_s or 0))


def _amount(offer: Any, instances: int, path: str) -> Iterator[Fault]:
    """A number of instances that an offer does not come in, or does not have."""
    block = getattr(offer, "block_instances", 1)
    most = _most(offer)
    if most is not None and most < block:
        return  # told of the offer itself
    if instances % block:
        what = f"the offer comes in blocks of {block} instances"
        yield Fault(what, key=path, got=str(instances), allowed=f"multiples of {block}")
    elif most is not None and instances > most:
        yield Fault("the offer has no more in all", key=path, got=str(instances), allowed=f"at most {most}")


def _offers(scenario: Scenario) -> Iterator[Fault]:
    for name, offer in scenario.supply.items():
        path = f"supply.{name}"
        if offer.provider in CLOSED:
            yield Fault(CLOSED[offer.provider], key=f"{path}.provider", got=offer.provider)
        block, most = getattr(offer, "block_instances", 1), _most(offer)
        if most is not None and most < block:
            what = f"is below block_instances, {block}: not one block could ever be signed for"
            yield Fault(what, key=f"{path}.most_instances", got=str(most), allowed=f">= {block}")
        data = offer.model_dump(mode="json")
        for below, workload in named(data, path, ("data_here", "serves")):
            if workload not in scenario.demand:
                yield _unknown("demand", below, workload, scenario.demand)
    try:
        pricing_order(scenario.supply)
    except InputError as error:
        yield from error.faults


def _levers(scenario: Scenario) -> Iterator[Fault]:
    for name, lever in scenario.levers.items():
        for below, workload in named(lever.model_dump(mode="json"), f"levers.{name}", ("target", "targets")):
            if workload not in scenario.demand:
                yield _unknown("demand", below, workload, scenario.demand)
        if lever.target in scenario.demand:
            refused = lever.refuses(_asks(lever.target, scenario.demand[lever.target]))
            if refused is not None:
                yield Fault(f"cannot change this demand: {refused}", key=f"levers.{name}.target", got=lever.target)


def _asks(name: str, demand: Demand) -> Need | Service:
    """What a demand asks for, as far as a lever has to know: which kind, and on which GPUs it is served."""
    if not isinstance(demand, Inference):
        return Need(workload=name)
    rates = demand.serving.replica_requests_per_s(max(1, round(demand.replica_gpus)), demand.slo)
    return Service(name, Path.constant(0.0), demand.replica(name), rates)


def _credits(scenario: Scenario) -> Iterator[Fault]:
    providers = {getattr(offer, "provider", None) for offer in scenario.supply.values()} - {None}
    for index, credit in enumerate(scenario.finance.credits):
        if credit.provider not in providers:
            path = f"finance.credits[{index}].provider"
            yield _unknown("offer's provider", path, credit.provider, providers)


def _held(scenario: Scenario) -> Iterator[Fault]:
    for key, kinds in (("contracts", terms.SIGNED), ("servers", terms.BOUGHT)):
        for index, held in enumerate(getattr(scenario.initial, key)):
            path = f"initial.{key}[{index}].offer"
            offer = scenario.supply.get(held.offer)
            if offer is None:
                yield _unknown("offer", path, held.offer, scenario.supply)
            elif kind_of(offer) not in kinds:
                yield Fault(
                    f"{terms.article(kind_of(offer))} {kind_of(offer)} offer has no {key}", key=path, got=held.offer
                )
            else:
                yield from _term(offer, held.term, f"initial.{key}[{index}].term")
                yield from _amount(offer, held.instances, f"initial.{key}[{index}].instances")
                length_s = held.term or getattr(offer, "term", None)
                if length_s is not None and held.age >= length_s:
                    what = "is as old as its term, so that it is over before the scenario starts"
                    allowed = f"below {units.duration_text(length_s)}"
                    yield Fault(
                        what, key=f"initial.{key}[{index}].age", got=units.duration_text(held.age), allowed=allowed
                    )


def _backlog(scenario: Scenario) -> Iterator[Fault]:
    backlog = scenario.ends.backlog
    metered = [name for name, offer in scenario.supply.items() if kind_of(offer) in ("on_demand", "spot")]
    if backlog != "on_demand" and backlog not in metered:
        yield _unknown("metered offer", "ends.backlog", backlog, ["on_demand", *metered])


def _metrics(scenario: Scenario) -> Iterator[Fault]:
    objective = scenario.objective
    if objective is not None:
        if objective.minimize not in metrics.KINDS:
            yield _unknown("metric", "objective.minimize", objective.minimize, metrics.KINDS)
        for name in objective.subject_to:
            if name not in metrics.KINDS:
                yield _unknown("metric", f"objective.subject_to.{name}", name, metrics.KINDS)
    until = getattr(scenario.experiment.replications, "until", None)
    if until is not None and until.metric not in metrics.KINDS:
        yield _unknown("metric", "experiment.replications.until.metric", until.metric, metrics.KINDS)
    if until is not None and until.to is not None and until.to not in scenario.policies:
        yield _unknown("policy", "experiment.replications.until.to", until.to, scenario.policies)


def _sources(scenario: Scenario, data: Mapping[str, Any], full: Callable[[], Mapping[str, Any]]) -> Iterator[Fault]:
    """A source names a figure of this scenario, written or default."""
    whole: Mapping[str, Any] | None = None
    for path in scenario.sources:
        try:
            if dotted.get(data, path) is not dotted.MISSING:
                continue
            whole = whole or full()
            if dotted.get(whole, path) is not dotted.MISSING:
                continue
        except ValueError:
            pass
        what = "names no setting of this scenario"
        yield Fault(what, key=f"sources.{path}", allowed="a dotted path such as supply.own.pue")
