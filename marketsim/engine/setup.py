"""The facts of a run that do not change: what a policy's rules are bound to."""

from __future__ import annotations

from marketsim.demand.job import Need, Service
from marketsim.policies.policy import OfferFacts, Setup
from marketsim.supply.offer import Offer
from marketsim.world import World


def make_setup(world: World) -> Setup:
    """Facts of every offer, and what each need and service gets there.

    The needs of the job table come first, then those that levers bring, as `levered_needs` numbers them, then the other
    sizes of all these.
    """
    work_needs, changed_needs = levered_needs(world)
    declared = _all_needs(world)
    assert len(declared) == len(world.jobs.needs) + len(work_needs) + sum(map(len, changed_needs.values()))
    needs, sizes = _with_sizes(declared)
    return Setup(
        horizon_s=world.horizon_s,
        offers=tuple(_facts(offer, index) for index, offer in enumerate(world.offers)),
        needs=needs,
        services=world.services,
        speed_ppm=[[speed(need, offer) for offer in world.offers] for need in needs],
        transfer_s=[[transfer_s(need, offer) for offer in world.offers] for need in needs],
        replica_requests_per_s=[[replica_rate(one, offer) for offer in world.offers] for one in world.services],
        decide_every_s=world.clock.decide_every_s,
        offer_index=world.offer_index,
        tenants=world.jobs.tenants,
        future=world,
        sizes=sizes,
    )


def _all_needs(world: World) -> tuple[Need, ...]:
    needs = list(world.jobs.needs)
    for name in sorted(world.levers):
        needs.append(world.levers[name].work.need(name, _residency(world, world.levers[name].target)))
    for name in sorted(world.levers):
        needs += [world.levers[name].changed(world.jobs.needs[index]) for index in _targets(world, name)]
    return tuple(needs)


def _with_sizes(declared: tuple[Need, ...]) -> tuple[tuple[Need, ...], list[tuple[int, ...]]]:
    """The needs with those of other sizes behind them, and for each the numbers of its sizes, the fastest first."""
    needs = list(declared)
    sizes = []
    for number, need in enumerate(declared):
        mine = []
        for one in need.sizes():
            if one is need:
                mine.append(number)
            else:
                mine.append(len(needs))
                needs.append(one)
        sizes.append(tuple(mine))
    sizes += [(number,) for number in range(len(declared), len(needs))]
    return tuple(needs), sizes


def _residency(world: World, target: str) -> tuple[str, ...] | None:
    """Where the work of a lever may run: it handles the target's model and data, so wherever those may be."""
    found = [need.residency for need in world.jobs.needs if need.workload == target]
    found += [service.replica.residency for service in world.services if service.name == target]
    return found[0] if found else None


def levered_needs(world: World) -> tuple[dict[str, int], dict[str, dict[int, int]]]:
    """Numbers of each lever's one-off job, and of each need that it changes: (lever -> need, lever -> {old: new})."""
    number = len(world.jobs.needs)
    work_needs: dict[str, int] = {}
    for name in sorted(world.levers):
        work_needs[name] = number
        number += 1
    changed: dict[str, dict[int, int]] = {}
    for name in sorted(world.levers):
        changed[name] = {}
        for index in _targets(world, name):
            changed[name][index] = number
            number += 1
    return work_needs, changed


def _targets(world: World, lever: str) -> list[int]:
    """The needs of jobs that a lever changes; none where it changes a service."""
    target = world.levers[lever].target
    return [index for index, need in enumerate(world.jobs.needs) if need.workload == target]


def speed(need: Need, offer: Offer) -> int:
    """Millionths of the reference GPU's speed; 0 where the need cannot run at the offer."""
    return 0 if _sells_tokens(offer) or offer.refuses(need) is not None else offer.speed_for(need)


def transfer_s(need: Need, offer: Offer) -> int:
    """Whole seconds to bring a need's data to the offer over its uplink, rounded up; 0 where it lies there."""
    if not need.data_gb or need.workload in offer.data_here or offer.uplink_mbit_s is None:
        return 0
    megabits = need.data_gb * 8_000
    return int(-(-megabits // offer.uplink_mbit_s))


def replica_rate(service: Service, offer: Offer) -> float:
    """Requests a second one replica serves at the offer; 0 where it cannot."""
    if _sells_tokens(offer):
        return 0.0
    replica = service.replica
    if offer.serves is not None and service.name not in offer.serves:
        return 0.0
    if replica.residency is not None and offer.residency not in replica.residency:
        return 0.0
    if offer.shape.refuses(replica) is not None or _too_far(service, offer):
        return 0.0
    return service.replica_requests_per_s.get(offer.shape.gpu, 0.0)


def may_serve_tokens(service: Service, offer: Offer) -> bool:
    """Whether an offer that sells tokens can take a service's requests."""
    if not _sells_tokens(offer) or service.output_tokens is None:
        return False
    if offer.serves is not None and service.name not in offer.serves:
        return False
    residency = service.replica.residency
    return (residency is None or offer.residency in residency) and not _too_far(service, offer)


def _too_far(service: Service, offer: Offer) -> bool:
    """Whether the way to an offer and back alone takes longer than an answer may."""
    return service.latency_s is not None and offer.latency_s > service.latency_s


def _sells_tokens(offer: Offer) -> bool:
    return offer.usd_per_output_token is not None


def _facts(offer: Offer, index: int) -> OfferFacts:
    return OfferFacts(
        id=offer.id,
        index=index,
        kind=offer.kind,
        provider=offer.provider,
        zone=offer.zone,
        residency=offer.residency,
        shape=offer.shape,
        boot_s=offer.boot_s,
        turnaround_s=offer.turnaround_s,
        quantum_s=offer.quantum_s,
        notice_s=offer.notice_s,
        metered=offer.price is not None,
        committable=offer.commitment is not None,
        sells_tokens=_sells_tokens(offer),
        block_instances=offer.commitment.block_instances if offer.commitment is not None else 1,
        usd_per_gb_out=offer.usd_per_gb_out,
    )
