"""What every procurement rule asks of the offers it names: that they exist, and are sold in such sizes."""

from __future__ import annotations

from collections.abc import Iterable

from marketsim.errors import Fault, InputError, nearest
from marketsim.policies.policy import OfferFacts, Setup

SIGNED = ("rental", "capacity_block")
BOUGHT = ("datacenter", "edge")
SELLS = {"sign": SIGNED, "buy": BOUGHT}


def find(setup: Setup, offer: str) -> OfferFacts | None:
    """The facts of an offer by id, None where there is none of that id."""
    return next((facts for facts in setup.offers if facts.id == offer), None)


def faults(setup: Setup, offer: str, instances: int | None, key: str, sells: str) -> list[Fault]:
    """What is wrong with signing (`sells` is "sign") or buying ("buy") so many instances of an offer.

    instances None: the number is decided later, in whole blocks.
    """
    facts = find(setup, offer)
    if facts is None:
        known = [one.id for one in setup.offers]
        return [Fault("no such offer", key=f"{key}.offer", got=offer, hint=nearest(offer, known))]
    if not facts.committable or (facts.kind in SIGNED + BOUGHT and facts.kind not in SELLS[sells]):
        verb = {"sign": "signed", "buy": "bought"}[sells]
        able = [one.id for one in setup.offers if one.committable and one.kind in SELLS[sells]]
        return [
            Fault(
                f"{article(facts.kind)} {facts.kind} offer cannot be {verb}",
                key=f"{key}.offer",
                got=offer,
                allowed=", ".join(able) or f"no offer here can be {verb}",
            )
        ]
    if instances is not None and instances % max(facts.block_instances, 1):
        what = f"is sold in blocks of {facts.block_instances} instances"
        return [
            Fault(what, key=f"{key}.instances", got=str(instances), allowed=f"multiples of {facts.block_instances}")
        ]
    return []


def raise_any(found: Iterable[Fault]) -> None:
    """InputError with all the faults, where there are any."""
    every = tuple(found)
    if every:
        raise InputError(every)


def whole_blocks(instances: float, block: int) -> int:
    """The greatest whole number of blocks within a number of instances, in instances; never below 0."""
    return max(int(instances // max(block, 1)) * max(block, 1), 0)


def article(word: str) -> str:
    """`an` before a vowel, else `a`."""
    return "an" if word[:1] in "aeiou" else "a"
