"""What a buyer looks at before committing: today's quote, the market's price, demand so far, what is held."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from marketsim.policies.forecast import demand
from marketsim.policies.forecast.forecast import Seen
from marketsim.policies.policy import Action, Because, Buy, OfferFacts, Setup, Sign, View
from marketsim.policies.procurement import terms
from marketsim.supply.quote import Quote
from marketsim.units import UNLIMITED


@dataclass
class Memory:
    """What a rule remembers: its orders, to know what will still be there when a new one comes, and the demand seen."""

    history: demand.History = field(default_factory=demand.History)
    placed: list[tuple[str, int, int]] = field(default_factory=list)  # offer, instances, end in seconds
    at_once: dict[tuple[str, int], int] = field(default_factory=dict)  # (offer, instant) -> instances

    def there_at(self, view: View, offer: str, t_s: int) -> int:
        """Instances of an offer, delivered or on their way, whose contract has not ended by a time."""
        now = view.now_s
        ending = sum(count for name, count, end_s in self.placed if name == offer and now < end_s <= t_s)
        return max(view.committed(offer) + view.ordered(offer) - ending, 0)

    def not_mine(self, view: View, offer: str) -> int:
        """Instances that were committed before this rule ordered any, as far as they are still there."""
        mine = sum(count for name, count, end_s in self.placed if name == offer and view.now_s < end_s)
        return max(view.committed(offer) + view.ordered(offer) - mine, 0)

    def room(self, view: View, offer: str, most: int | None) -> int:
        """Instances that can still be committed to where there are `most` in all; UNLIMITED where there is no limit."""
        if most is None:
            return UNLIMITED
        just_said = self.at_once.get((offer, view.now_s), 0)  # the market knows it only after the review
        return max(most - view.committed(offer) - view.ordered(offer) - just_said, 0)

    def place(self, outlook: Outlook, instances: int) -> Action:
        """The action, remembered with its expected end."""
        offer, now, quote = outlook.offer, outlook.seen.now_s, outlook.quote
        self.at_once[offer.id, now] = self.at_once.get((offer.id, now), 0) + instances
        if offer.kind in terms.BOUGHT:
            return Buy(offer.id, instances, outlook.because())
        self.placed.append((offer.id, instances, now + quote.lead_s + quote.span_s))
        return Sign(offer.id, instances, reason=outlook.because())


@dataclass(frozen=True)
class Outlook:
    """One offer on the day of a review.

    useful_s: of the quote's span, what lies before the horizon. worth_usd: what the cheapest on-demand takes for an
    instance-hour of it. there: instances committed that will be there when an order of today comes. room: instances
    that can still be committed to.
    """

    offer: OfferFacts
    quote: Quote
    useful_s: int
    worth_usd: float
    seen: Seen
    there: int
    room: int = UNLIMITED

    def blocks(self, instances: float) -> int:
        """The greatest whole number of blocks within a number of instances and within the room, in instances."""
        return terms.whole_blocks(min(instances, self.room), self.quote.block_instances)

    def because(self) -> Because:
        """Why an order pays, in the figures of the day; orders are few, so that it is always said."""
        return Because(
            "an instance costs {usd:,.2f} USD an hour committed and saves {saved:,.2f} each hour it is used, so it "
            "pays where it is used more than {critical:.0%} of the time; {there} will be there when it comes",
            {
                "usd": self.usd_per_useful_hour,
                "saved": self.saved_usd,
                "critical": self.critical_share,
                "there": self.there,
            },
        )

    @property
    def usd_per_useful_hour(self) -> float:
        """The commitment's cost over the hours before the horizon; what lies beyond counts as lost."""
        return self.quote.usd_per_hour * self.quote.span_s / self.useful_s

    @property
    def saved_usd(self) -> float:
        """Saved by each committed instance-hour that is used; not above 0 where the market is no dearer than power."""
        return self.worth_usd - self.quote.usd_per_busy_hour

    @property
    def critical_share(self) -> float:
        """The share of time an instance must be used for its commitment to pay; 1 or more where it never does."""
        return self.usd_per_useful_hour / self.saved_usd if self.saved_usd > 0 else 1.0

    @property
    def steps_ahead(self) -> int:
        """Steps of the useful span, at least 1."""
        return max(self.useful_s // self.seen.step_s, 1)


def look(
    view: View, setup: Setup, offer: OfferFacts, step_s: int, keep_s: int, memory: Memory, instances: int = 1
) -> Outlook | None:
    """The outlook of an offer; None where an order of today would come too late to be of use, or nothing was asked.

    keep_s: how long what is bought would be kept; instances: how many the quote is for, where costs come in steps.
    """
    told = view.quote(offer.id, min(keep_s, max(setup.horizon_s - view.now_s, 1)), instances)
    if told is None:
        return None
    useful_s = min(told.span_s, setup.horizon_s - view.now_s - told.lead_s)
    steps = view.now_s // step_s
    if useful_s < step_s or not steps:
        return None
    parts = memory.history.by_asker(view, setup, offer, view.now_s - steps * step_s, step_s, steps)
    worth_usd = demand.market_usd(view, setup, offer, {key: float(part.sum()) for key, part in parts.items()})
    seen = Seen(sum(parts.values(), np.zeros(steps)), step_s, view.now_s, offer.index)
    there = memory.there_at(view, offer.id, view.now_s + told.lead_s)
    room = memory.room(view, offer.id, told.most_instances)
    return Outlook(offer, told, useful_s, worth_usd, seen, there, room)
