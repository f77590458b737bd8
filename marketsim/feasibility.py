"""What cannot work although every setting is allowed: told before a run, with the reason and the dotted path.

`impossible` are faults: nothing could ever run. `doubts` are warnings: it will run, and disappoint.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from marketsim import idle_settings, units
from marketsim.demand.job import NEVER, Need, Service
from marketsim.errors import Fault
from marketsim.scenario import Scenario
from marketsim.supply.offer import Offer
from marketsim.units import HOUR_S, MILLI, PPM, duration_text
from marketsim.world import World

DEAR_USD_PER_GPU_HOUR = 100.0  # no GPU is rented for as much in 2026: a price in cents, or of a whole cluster
MONTH_S = units.MONTH_S


def impossible(scenario: Scenario, world: World) -> list[Fault]:
    """Faults for which no policy could serve anything at all."""
    if any(_market_instances(offer, world) or offer.usd_per_input_token is not None for offer in world.offers):
        return []
    if world.orders or any(_commits(scenario, name) for name in scenario.policies):
        return []
    what = "no capacity anywhere: no offer can start an instance, and no policy signs or buys one"
    return [Fault(what, key="supply")]


def doubts(scenario: Scenario, world: World) -> list[Fault]:
    """Warnings, in the order of the scenario's parts."""
    checks = (
        _no_home, _late_anyway, _homeless_services, _replicas, _contracts, _deliveries, _prices, _lever_work, _load,
        idle_settings.doubts,
    )  # fmt: skip
    return [fault for check in checks for fault in check(scenario, world)]


def _commits(scenario: Scenario, policy: str) -> bool:
    """Whether a policy's procurement may bring instances; only a rule that plans nothing does not."""
    procurement: Any = scenario.policies[policy].procurement
    if procurement.kind == "none":
        return False
    return bool(procurement.sign or procurement.buy) if procurement.kind == "fixed_plan" else True


def _market_instances(offer: Offer, world: World) -> int:
    """The most instances that the market ever lets run at once, quota included."""
    most = int(offer.launchable.clipped(world.end_s).values.max())
    if offer.quota is not None and not offer.quota_step:
        most = min(most, offer.quota)
    return most


def _room(offer: Offer, world: World) -> int:
    """Instances an offer can have at all, by market or by commitment."""
    if offer.commitment is not None:
        return offer.most_instances or units.UNLIMITED
    return _market_instances(offer, world)


def _holds(need: Need, offer: Offer, world: World) -> bool:
    """Whether an offer can hold a need at the size declared."""
    return offer.refuses(need) is None and _room(offer, world) >= need.instances


def _homes(need: Need, world: World) -> list[tuple[Offer, Need]]:
    """Offers that can hold a need, at every size that fits them."""
    sizes = need.sizes()
    return [(offer, one) for offer in world.offers for one in sizes if _holds(one, offer, world)]


def _why_not(need: Need, world: World) -> str:
    reasons = []
    for offer in world.offers:
        why = offer.refuses(need) or f"has at most {_room(offer, world)} instances"
        reasons.append(f"{offer.id} {why}")
    return "; ".join(reasons[:4]) + ("; ..." if len(reasons) > 4 else "")


def _no_home(scenario: Scenario, world: World) -> Iterator[Fault]:
    """Gangs that no offer can hold."""
    counts = np.bincount(world.jobs.need, minlength=len(world.jobs.needs))
    for need, count in zip(world.jobs.needs, counts, strict=True):
        if count and not _homes(need, world):
            gang = " or ".join(_gang(one) for one in need.sizes())
            what = f"no offer can hold a gang of {gang} GPUs, so {count} jobs never run: {_why_not(need, world)}"
            yield Fault(what, key=f"demand.{need.workload}.gang")
        elif count and need.elastic:
            held = {one for _, one in _homes(need, world)}
            for size in need.sizes():
                if size not in held:
                    what = f"no offer can hold a gang of {_gang(size)} GPUs, so no job is started at that size"
                    yield Fault(f"{what}: {_why_not(size, world)}", key=f"demand.{need.workload}.gang")


def _gang(need: Need) -> str:
    return f"{need.instances} x {need.milli / MILLI:g}"


def fastest_s(need: Need, work: np.ndarray, world: World) -> np.ndarray:
    """Seconds from start to end on the fastest offer that can hold the need, shape as `work`; NEVER where none can."""
    homes = _homes(need, world)
    if not homes:
        return np.full(work.shape, NEVER, np.int64)
    times = [offer.boot_s + np.ceil(work * (PPM / offer.speed_for(one) / one.gang_milli)) for offer, one in homes]
    return np.min(times, axis=0).astype(np.int64)


def _late_anyway(scenario: Scenario, world: World) -> Iterator[Fault]:
    """Deadlines shorter than the fastest run."""
    jobs = world.jobs
    late: dict[str, int] = {}
    dated: dict[str, int] = {}
    worst: dict[str, tuple[int, int]] = {}
    for index, need in enumerate(jobs.needs):
        rows = np.flatnonzero((jobs.need == index) & (jobs.deadline_s != NEVER))
        if not len(rows) or not _homes(need, world):
            continue
        allowed_s = jobs.deadline_s[rows] - jobs.arrival_s[rows]
        least_s = need.checkpoint.start_s + fastest_s(need, jobs.work[rows], world)
        over = least_s - allowed_s
        name = need.workload
        dated[name] = dated.get(name, 0) + len(rows)
        late[name] = late.get(name, 0) + int((over > 0).sum())
        if over.max() > 0:
            row = int(over.argmax())
            worst[name] = max(worst.get(name, (0, 0)), (int(least_s[row]), int(allowed_s[row])))
    for name, count in late.items():
        if count:
            least, allowed = worst[name]
            what = (
                f"{count} of {dated[name]} deadlines are shorter than the fastest run "
                f"({least / HOUR_S:.1f} h where {allowed / HOUR_S:.1f} h are given, at worst): missed under any policy"
            )
            yield Fault(what, key=f"demand.{name}.deadline")


def _homeless_services(scenario: Scenario, world: World) -> Iterator[Fault]:
    """Services that no offer can serve."""
    for service in world.services:
        reasons = [_no_service(offer, service, world) for offer in world.offers]
        if all(reasons):
            told = "; ".join(f"{offer.id} {why}" for offer, why in zip(world.offers, reasons, strict=True))
            yield Fault(f"no offer can serve it: {told}", key=f"demand.{service.name}")


def _no_service(offer: Offer, service: Service, world: World) -> str | None:
    """Why an offer cannot serve a service, None where it can."""
    if offer.serves is not None and service.name not in offer.serves:
        return f"serves only {', '.join(offer.serves)}"
    where = service.replica.residency
    if where is not None and offer.residency not in where:
        return f"is in {offer.residency or 'no stated residency'}, it must stay in {' or '.join(where)}"
    if service.latency_s is not None and offer.latency_s > service.latency_s:
        return f"is {offer.latency_s:g} s away, and an answer may take {service.latency_s:g} s"
    if offer.usd_per_input_token is not None:
        return None if service.input_tokens is not None else "sells tokens, which its requests are not counted in"
    if not _room(offer, world):
        return "has no instances"
    if not service.replica_requests_per_s.get(offer.shape.gpu, 0) > 0:
        return f"has no known rate on {offer.shape.gpu}"
    return offer.shape.refuses(service.replica)


def _replicas(scenario: Scenario, world: World) -> Iterator[Fault]:
    """Services that are to have more replicas than all offers together can hold."""
    for service in world.services:
        able = [offer for offer in world.offers if _no_service(offer, service, world) is None and offer.shape.gpus]
        rooms = [_room(offer, world) for offer in able]
        least = service.autoscale.minimum_replicas
        if not able or max(rooms) >= units.UNLIMITED:
            continue
        most = sum(n * (one.shape.milli // service.replica.milli) for one, n in zip(able, rooms, strict=True))
        if least > most:
            what = f"more replicas than the {most} that all offers together can hold"
            yield Fault(what, key=f"demand.{service.name}.autoscale.minimum_instances", got=str(least))


def _lever_work(scenario: Scenario, world: World) -> Iterator[Fault]:
    """Levers that a policy adopts and whose one-off work no offer can run, so that they never begin."""
    adopted = {name for policy in scenario.policies.values() for name in policy.levers}
    for name in sorted(adopted):
        lever = world.levers[name]
        targets = [need.residency for need in world.jobs.needs if need.workload == lever.target]
        targets += [one.replica.residency for one in world.services if one.name == lever.target]
        if not lever.work.gpu_hours or not targets:
            continue
        need = lever.work.need(name, targets[0])
        if not _homes(need, world):
            what = f"no offer can run its one-off work, so that it never begins: {_why_not(need, world)}"
            yield Fault(what, key=f"levers.{name}")


def _planned(scenario: Scenario, verb: str) -> Iterator[tuple[str, Any]]:
    for name, policy in scenario.policies.items():
        for index, item in enumerate(getattr(policy.procurement, verb, ())):
            yield f"policies.{name}.procurement.{verb}[{index}]", item


def _contracts(scenario: Scenario, world: World) -> Iterator[Fault]:
    """Contracts that outlive the horizon."""
    for path, item in _planned(scenario, "sign"):
        terms = world.offers[world.offer_index[item.offer]].commitment
        if terms is None:
            continue
        delivered_s = terms.delivered_s(item.at, 0)
        ends_s = terms.ends_s(delivered_s, item.term)
        if ends_s is not None and ends_s > world.horizon_s:
            over = f"{(ends_s - world.horizon_s) / MONTH_S:.1f} months"
            key = f"{path}.term" if item.term is not None else f"supply.{item.offer}.term"
            what = (
                f"the contract of {path.split('.')[1]} outlives the horizon by {over}; "
                "the rest is charged in full, less resale"
            )
            yield Fault(what, key=key)


def _deliveries(scenario: Scenario, world: World) -> Iterator[Fault]:
    """What is ordered and comes only after the horizon, paid for and never used."""
    for verb in ("sign", "buy"):
        for path, item in _planned(scenario, verb):
            terms = world.offers[world.offer_index[item.offer]].commitment
            if terms is None:
                continue
            delivered_s = terms.delivered_s(item.at, 0)
            if delivered_s >= world.horizon_s:
                lead = duration_text((delivered_s - item.at) // units.DAY_S * units.DAY_S)
                name = path.split(".")[1]
                what = f"{name} orders it to come after the horizon (lead {lead}): paid for, never used"
                yield Fault(what, key=f"supply.{item.offer}.lead")


def _prices(scenario: Scenario, world: World) -> Iterator[Fault]:
    """Prices that are old, estimated, or too high to be of one GPU."""
    today = scenario.start.strftime("%Y-%m-%d")
    for name, kind in scenario.supply.items():
        key = f"supply.{name}.usd_per_gpu_hour"
        setting = kind.price_setting()
        if setting is not None:
            for text in setting.warnings(kind.asked(name), today):
                yield Fault(text, key=key)
        offer = world.offers[world.offer_index[name]]
        if offer.price is not None:
            usd = float(offer.price.clipped(world.end_s).values.max()) / offer.shape.gpus
            if usd > DEAR_USD_PER_GPU_HOUR:
                what = "USD for one GPU and hour is implausible: is it in cents, or of a whole instance?"
                yield Fault(what, key=key, got=f"{usd:g}")


def _load(scenario: Scenario, world: World) -> Iterator[Fault]:
    """Offered load above the capacity that a policy can have."""
    load = mean_load_gpus(world)
    for name in scenario.policies:
        capacity = _capacity_gpus(scenario, world, name)
        if capacity is not None and load > capacity:
            what = (
                f"the offered load, {load:.1f} GPUs on average, is above the capacity it can have, "
                f"{capacity:.1f} GPUs: work piles up"
            )
            yield Fault(what, key=f"policies.{name}")


def mean_load_gpus(world: World) -> float:
    """GPUs that would be busy on average if all demand were met, each need on the fastest offer that can hold it.

    An elastic one at the size that takes the fewest GPU-seconds.
    """
    total = 0.0
    for index, need in enumerate(world.jobs.needs):
        homes = _homes(need, world)
        if homes:
            work = float(world.jobs.work[world.jobs.need == index].sum())
            total += work / MILLI * PPM / max(offer.speed_for(one) for offer, one in homes)
    for service in world.services:
        if not any(offer.usd_per_input_token is not None for offer in world.offers):
            rates = [rate for rate in service.replica_requests_per_s.values() if rate > 0]
            if rates:
                requests = service.requests_per_s.integral(0, world.horizon_s)
                total += requests / max(rates) * service.replica.milli / MILLI
    return total / world.horizon_s


def _capacity_gpus(scenario: Scenario, world: World, policy: str) -> float | None:
    """GPUs on average that a policy could hold over the horizon, None where there is no bound.

    A quota is the first one: no rule that a scenario can name asks for more, only a policy of one's own does.
    """
    gpus = 0.0
    for offer in world.offers:
        quota = units.UNLIMITED if offer.quota is None else offer.quota
        startable = offer.launchable.map(lambda many, most=quota: np.minimum(many, most))  # type: ignore[misc]
        if startable.clipped(world.end_s).values.max() >= units.UNLIMITED:
            return None
        gpus += startable.mean(0, world.horizon_s) * offer.shape.gpus
    for order in world.orders:
        gpus += order.instances * world.offers[world.offer_index[order.offer]].shape.gpus
    procurement: Any = scenario.policies[policy].procurement
    if procurement.kind == "fixed_plan":
        for item in (*procurement.sign, *procurement.buy):
            gpus += item.instances * world.offers[world.offer_index[item.offer]].shape.gpus
    elif procurement.kind != "none":
        return None
    return gpus
