"""What a contract costs and when, in whole micro-dollars: signed, prepaid, billed, left early, valued at the end.

What is paid and used up is a difference of a running total, so the parts of any division of time add up to the whole.
Only the cost of tied-up capital is worked out span by span, from what is left halfway: near enough for a month.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from marketsim import units
from marketsim.path import Path
from marketsim.supply import finance
from marketsim.supply.lead import Delivery
from marketsim.supply.offer import Charge


@dataclass(frozen=True, eq=False)
class RentalTerms:
    """What a contract costs and when; a `Commitment`. quotes: USD per instance-hour; term_s: where none is signed for.

    resale_share: of what is left, that a buyer pays in ordinary times; resale: how that follows the market.
    leaving_share: of what is left, that must be paid to leave early, None where one cannot; sublet: whether it may be
    handed to that buyer at any time. exit_s: when the provider closes: contracts end, what was prepaid is lost, and
    nothing is signed any more. others: other lengths in seconds, each with its own quotes. cost_of_capital: a year
    (over time, where it changes), on what is prepaid and not used up; nobody is paid it.
    """

    quotes: Path
    term_s: int
    delivery: Delivery
    block_instances: int = 1
    upfront_share: float = 0.0
    indexed: bool = False
    resale_share: float = 0.0
    resale: Path = field(default_factory=lambda: Path.constant(1.0))
    leaving_share: float | None = None
    exit_s: int | None = None
    others: Mapping[int, Path] = field(default_factory=dict)
    sublet: bool = False
    cost_of_capital: float | Path = 0.0

    def term_fault(self, term_s: int | None) -> str | None:
        """Why one cannot sign for so long: no price is stated for it."""
        return term_fault(term_s, (self.term_s, *self.others))

    def delivered_s(self, at_s: int, order: int) -> int:
        """After the order's lead."""
        return self.delivery.delivered_s(at_s, order)

    def ends_s(self, delivered_s: int, term_s: int | None) -> int:
        """A term after delivery, or with the provider.

        What is delivered after its exit is free and down for all its term (see the offer's outages), so that a renewal
        does not come back at once.
        """
        ends_s = delivered_s + (term_s or self.term_s)
        return ends_s if self.exit_s is None or delivered_s >= self.exit_s else min(ends_s, self.exit_s)

    def at_signing(self, instances: int, at_s: int, term_s: int | None) -> Sequence[Charge]:
        """The prepaid share, by the quote of the day."""
        upfront = self._upfront(instances, at_s, term_s or self.term_s)
        return [Charge(at_s, "prepaid", "cash", upfront, 0)] if upfront else []

    def over(
        self, instances: int, at_s: int, delivered_s: int, from_s: int, to_s: int, term_s: int | None = None
    ) -> Sequence[Charge]:
        """The span's share of what was prepaid, and its bill."""
        term = term_s or self.term_s
        prepaid = [self._prepaid_gone(instances, at_s, delivered_s, t, term) for t in (from_s, to_s)]
        if from_s == delivered_s:
            prepaid[0] = 0  # what the provider's exit took while the order was on its way is charged now
        billed = [self._billed(instances, at_s, delivered_s, t, term) for t in (from_s, to_s)]
        return _only_amounts(
            Charge(to_s, "expense:contract", "prepaid", 0, prepaid[1] - prepaid[0]),
            Charge(to_s, "expense:contract", "cash", billed[1] - billed[0], billed[1] - billed[0]),
            self._imputed(instances, at_s, delivered_s, from_s, to_s, term),
        )

    def _imputed(self, instances: int, at_s: int, delivered_s: int, from_s: int, to_s: int, term_s: int) -> Charge:
        """What tied-up money costs over a span: all that is prepaid up to delivery, then what is left of it halfway."""
        upfront = self._upfront(instances, at_s, term_s)
        middle_s = (from_s + to_s) // 2
        used = self._prepaid_gone(instances, at_s, delivered_s, middle_s, term_s)
        cost = (upfront - used) * finance.tied_up_share(self.cost_of_capital, from_s, to_s)
        if from_s == delivered_s:
            cost += upfront * finance.tied_up_share(self.cost_of_capital, at_s, delivered_s)
        return Charge(to_s, "expense:capital", "equity", 0, round(cost))

    def at_close(
        self, instances: int, at_s: int, delivered_s: int, close_s: int, term_s: int | None = None
    ) -> Sequence[Charge]:
        """What is left to pay and what was prepaid for later, less resale, or less what leaving would save."""
        if self.exit_s is not None and close_s >= self.exit_s:
            lost = self._upfront(instances, at_s, term_s or self.term_s) if close_s <= delivered_s else 0
            return _only_amounts(Charge(close_s, "expense:contract", "prepaid", 0, lost))
        prepaid, owed = self.left(instances, at_s, delivered_s, close_s, term_s)
        waited = prepaid * finance.tied_up_share(self.cost_of_capital, at_s, close_s) if close_s <= delivered_s else 0.0
        kept_share = min(self.resale_share * self.resale.at(close_s), 1.0)
        if self.leaving_share is not None:
            kept_share = max(kept_share, 1.0 - self.leaving_share)
        return _only_amounts(
            Charge(close_s, "expense:capital", "equity", 0, round(waited)),
            Charge(close_s, "expense:end-valuation", "prepaid", 0, prepaid - round(prepaid * kept_share)),
            Charge(close_s, "expense:end-valuation", "payable", 0, owed - round(owed * kept_share)),
        )

    @property
    def may_leave(self) -> bool:
        """Whether it can be left early: where the contract states a fee, or lets a sub-tenant take it over."""
        return self.leaving_share is not None or self.sublet

    @property
    def least_leaving_share(self) -> float:
        """The least share of what is left that leaving ever costs; 1 where one cannot."""
        return min((self._leaving_share(int(t_s)) for t_s in self.resale.times_s), default=1.0)

    def _leaving_share(self, t_s: int) -> float:
        """Of what is left, that is paid to be rid of it: the fee, or what a sub-tenant does not pay."""
        fee = 1.0 if self.leaving_share is None else self.leaving_share
        return min(fee, 1.0 - min(self.resale_share * self.resale.at(t_s), 1.0)) if self.sublet else fee

    def at_leaving(
        self, instances: int, at_s: int, delivered_s: int, leave_s: int, term_s: int | None = None
    ) -> Sequence[Charge]:
        """What ending the contract early costs: out of what was prepaid first, whose rest comes back.

        Asked after `over` has reached leave_s. Raises ValueError where one cannot leave.
        """
        if not self.may_leave:
            raise ValueError("this contract cannot be left before its end")
        prepaid, owed = self.left(instances, at_s, delivered_s, leave_s, term_s)
        fee = round((prepaid + owed) * self._leaving_share(leave_s))
        kept, due = min(fee, prepaid), max(fee - prepaid, 0)
        return _only_amounts(
            Charge(leave_s, "expense:fee", "prepaid", 0, kept),
            Charge(leave_s, "cash", "prepaid", prepaid - kept, 0),
            Charge(leave_s, "expense:fee", "cash", due, due),
        )

    def left(self, instances: int, at_s: int, delivered_s: int, t_s: int, term_s: int | None = None) -> tuple[int, int]:
        """Micro-dollars prepaid and not used up, and still to be billed (of an index, at its level then)."""
        term = term_s or self.term_s
        prepaid = self._upfront(instances, at_s, term) - self._prepaid_used(instances, at_s, delivered_s, t_s, term)
        if not self.indexed:
            whole = self._total(instances, at_s, term)
            rest = whole - self._upfront(instances, at_s, term)
            return prepaid, rest - self._billed(instances, at_s, delivered_s, t_s, term)
        left_s = delivered_s + term - min(max(t_s, delivered_s), delivered_s + term)
        owed = (1 - self.upfront_share) * self._quotes(term).at(t_s) * instances * left_s / units.HOUR_S
        return prepaid, units.micro(owed)

    def _quotes(self, term_s: int) -> Path:
        if term_s != self.term_s and term_s not in self.others:
            raise ValueError(self.term_fault(term_s))
        return self.others.get(term_s, self.quotes)

    def _total(self, instances: int, at_s: int, term_s: int) -> int:
        return units.micro(self._quotes(term_s).at(at_s) * instances * term_s / units.HOUR_S)

    def _upfront(self, instances: int, at_s: int, term_s: int) -> int:
        if self.exit_s is not None and at_s >= self.exit_s:
            return 0  # nobody signs with a provider that is gone
        return round(self._total(instances, at_s, term_s) * self.upfront_share)

    def _elapsed_s(self, delivered_s: int, t_s: int, term_s: int) -> int:
        until_s = t_s if self.exit_s is None else min(t_s, self.exit_s)
        return min(max(until_s - delivered_s, 0), term_s)

    def _prepaid_gone(self, instances: int, at_s: int, delivered_s: int, t_s: int, term_s: int) -> int:
        """Used up by an instant, or lost with the provider."""
        if self.exit_s is not None and t_s >= self.exit_s:
            return self._upfront(instances, at_s, term_s)
        return self._prepaid_used(instances, at_s, delivered_s, t_s, term_s)

    def _prepaid_used(self, instances: int, at_s: int, delivered_s: int, t_s: int, term_s: int) -> int:
        elapsed_s = self._elapsed_s(delivered_s, t_s, term_s)
        return self._upfront(instances, at_s, term_s) * elapsed_s // term_s

    def _billed(self, instances: int, at_s: int, delivered_s: int, t_s: int, term_s: int) -> int:
        elapsed_s = self._elapsed_s(delivered_s, t_s, term_s)
        if self.indexed:
            # what was billed before second 0 is past: only differences between later seconds are asked for
            usd_s = self._quotes(term_s).integral(max(delivered_s, 0), max(delivered_s + elapsed_s, 0))
            return units.micro((1 - self.upfront_share) * usd_s / units.HOUR_S * instances)
        rest = self._total(instances, at_s, term_s) - self._upfront(instances, at_s, term_s)
        return rest * elapsed_s // term_s


def _only_amounts(*charges: Charge) -> list[Charge]:
    return [charge for charge in charges if charge.billed or charge.effective]


def term_fault(term_s: int | None, sold_s: Iterable[int]) -> str | None:
    """Why a contract cannot be of a length, where only some are sold; None where it can.

    >>> term_fault(units.MONTH_S, [units.YEAR_S, 3 * units.YEAR_S])
    'is sold for 12 months or 36 months only, not for 1 month: no price is stated for that'
    """
    sold = sorted(sold_s)
    if term_s is None or term_s in sold:
        return None
    lengths = " or ".join(_length(one) for one in sold)
    return f"is sold for {lengths} only, not for {_length(term_s)}: no price is stated for that"


def _length(term_s: int) -> str:
    """A length of contract as contracts name it: in months where it is whole ones."""
    months, rest = divmod(term_s, units.MONTH_S)
    return units.duration_text(term_s) if rest or not months else f"{months} month{'s' if months > 1 else ''}"
