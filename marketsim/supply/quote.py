"""What a commitment would cost if it were made today, from its own terms: what a buyer is told, no more.

Nothing here looks beyond the instant of asking. A contract is asked what its first minute would cost, which its fixed
price spreads over the term. A purchase is asked what one made a span ago would have cost up to today, so that resale is
valued by today's market. Leads are what other orders took.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from marketsim import units
from marketsim.supply.offer import Charge, Commitment, Offer, Standing, StatedTerms

MANY = 1_000  # blocks priced together, so that rounding to micro-dollars does not show
OTHERS = range(1_000_000, 1_000_021)  # numbers that no order of a run reaches: what others' orders took


@dataclass(frozen=True)
class Quote:
    """Today's terms of one offer, for one instance.

    usd_per_hour: effective USD for each hour from delivery to the end of `span_s`, used or not, idle power and people
    included. usd_per_busy_hour: added for each hour it is wholly busy. lead_s: what an order usually takes.
    span_s: the contract's term, or for what is bought the span over which it was valued. most_instances: of all
    commitments to the offer together, None for no limit.
    """

    offer: str
    usd_per_hour: float
    usd_per_busy_hour: float
    lead_s: int
    span_s: int
    block_instances: int
    most_instances: int | None = None


def quote(offer: Offer, at_s: int, instances: int, keep_s: int, term_s: int | None = None) -> Quote | None:
    """What `instances` of an offer would cost if ordered at an instant; None where nothing is sold for such a term.

    keep_s: seconds after which what is bought would be sold again (positive). instances: decides shares of steps,
    such as people for each started 32 servers.
    """
    terms = offer.commitment
    if terms is None or (isinstance(terms, StatedTerms) and terms.term_fault(term_s) is not None):
        return None
    block = max(terms.block_instances, 1)
    count = MANY * block
    ends_s = terms.ends_s(at_s, term_s)
    if ends_s is None:
        span_s = max(keep_s, 1)
        micro: float = order_micro(terms, count, at_s - span_s, at_s - span_s, at_s, None)
    else:
        span_s = ends_s - at_s
        first = terms.over(count, at_s, at_s, at_s, at_s + units.MINUTE_S, term_s)
        capital = effective(one for one in first if one.debit == "expense:capital")
        # what is prepaid is used up evenly, so half of what it costs at first is what it costs in the mean
        micro = (effective(first) - capital / 2) * (span_s / units.MINUTE_S)
    idle, busy = standing_usd(offer.standing, offer.shape.milli, instances)
    per_hour = micro / units.MICRO / count / span_s * units.HOUR_S
    return Quote(offer.id, per_hour + idle, busy, usual_lead_s(terms, at_s), span_s, block, offer.most_instances)


def usual_lead_s(terms: Commitment, at_s: int) -> int:
    """The median time from order to use of orders placed at an instant."""
    leads = sorted(terms.delivered_s(at_s, order) - at_s for order in OTHERS)
    return max(leads[len(leads) // 2], 0)


def order_micro(
    terms: Commitment, instances: int, at_s: int, delivered_s: int, close_s: int, term_s: int | None
) -> int:
    """Effective micro-dollars of an order up to the run's close, with the valuation of what is left then."""
    signed = effective(terms.at_signing(instances, at_s, term_s))
    return signed + held_micro(terms, instances, at_s, delivered_s, delivered_s, (close_s,), term_s)[0]


def held_micro(
    terms: Commitment,
    instances: int,
    at_s: int,
    delivered_s: int,
    from_s: int,
    closes_s: Sequence[int],
    term_s: int | None,
) -> list[int]:
    """What an order costs from a second of its life on (delivery, or later) to each of several closes of the run.

    closes_s: increasing, none before from_s. At a close before the order's end what is left is valued; signing is not
    in it.
    """
    ends_s = terms.ends_s(delivered_s, term_s)
    total, costs = 0, []
    for close_s in closes_s:
        to_s = close_s if ends_s is None else min(ends_s, close_s)
        while from_s < to_s:
            month_s = min((from_s // units.MONTH_S + 1) * units.MONTH_S, to_s)
            total += effective(terms.over(instances, at_s, delivered_s, from_s, month_s, term_s))
            from_s = month_s
        left = ends_s is None or ends_s > close_s
        valued = terms.at_close(instances, at_s, delivered_s, close_s, term_s) if left else ()
        costs.append(total + effective(valued))
    return costs


def standing_usd(standing: Standing | None, milli: int, instances: int) -> tuple[float, float]:
    """USD an instance-hour for standing there idle, and added for being wholly busy."""
    if standing is None:
        return 0.0, 0.0
    count = max(instances, 1)
    instance_s = count * units.MONTH_S
    idle = effective(standing.over(0, units.MONTH_S, instance_s, 0))
    busy = effective(standing.over(0, units.MONTH_S, instance_s, instance_s * milli))
    hours = instance_s / units.HOUR_S * units.MICRO
    return idle / hours, (busy - idle) / hours


def least_standing_usd(standing: Standing | None, milli: int, most: int = 4096) -> tuple[float, float]:
    """The same at the number of instances, up to `most`, at which one of them costs least idle; busy at its least."""
    if standing is None:
        return 0.0, 0.0
    few = [standing_usd(standing, milli, count) for count in (1, 2, 7, most)]
    # in proportion to their number each costs the same; else, as with people in steps, every number is looked at
    steps = max(idle for idle, _ in few) - min(idle for idle, _ in few) > 1e-6
    rates = [standing_usd(standing, milli, count) for count in range(1, most + 1)] if steps else few
    return min(idle for idle, _ in rates), max(min(busy for _, busy in rates), 0.0)


def effective(charges: Iterable[Charge]) -> int:
    """Micro-dollars that charges add to the effective cost: expenses debited less expenses credited."""
    total = 0
    for charge in charges:
        total += charge.effective * (charge.debit.startswith("expense:") - charge.credit.startswith("expense:"))
    return total
