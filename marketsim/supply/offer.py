"""A provider's way to get a shape in a zone, as facts and answers about a moment; it has no clock and starts nothing.

Every kind of offer is built into the same frozen `Offer`: two step functions for how many instances may be started and
kept, a price path, and, where the offer is taken by commitment, the terms. What is bought or signed adds to both step
functions; what is left of an offer without commitments is the market.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, runtime_checkable

from marketsim import streams
from marketsim.demand.job import Need
from marketsim.path import Path
from marketsim.supply.shape import Shape
from marketsim.units import PPM

CALENDAR, BUSY = "calendar", "busy"


class Charge(NamedTuple):
    """One posting: `billed` micro-dollars when paid, `effective` micro-dollars when used; either may be 0.

    debit and credit name accounts of `marketsim.ledger.ACCOUNTS`. Where both amounts are given they are equal.
    """

    t_s: int
    debit: str
    credit: str
    billed: int
    effective: int


class Commitment(Protocol):
    """Terms of what is signed or bought: when it comes, when it goes, and what it costs whether used or not.

    All times in seconds since the start, all money in whole micro-dollars. `term_s` is the length signed for, None for
    the length that the offer states; what was signed with one is asked with the same one. `over` is asked for each span
    from delivery (or the start of the run, where that is later) to the end, in order and without gaps; the first begins
    at delivered_s and stands for the time of waiting too.
    """

    @property
    def block_instances(self) -> int:
        """Instances are signed for or bought in multiples of this."""
        ...

    def delivered_s(self, at_s: int, order: int) -> int:
        """When the instances of the offer's order number `order` (0, 1, ...), placed at `at_s`, can be used."""
        ...

    def ends_s(self, delivered_s: int, term_s: int | None) -> int | None:
        """When they go back; None where they stay."""
        ...

    def at_signing(self, instances: int, at_s: int, term_s: int | None) -> Sequence[Charge]:
        """What is paid when the order is placed."""
        ...

    def over(
        self, instances: int, at_s: int, delivered_s: int, from_s: int, to_s: int, term_s: int | None = None
    ) -> Sequence[Charge]:
        """What the order costs over a span of at most a month; the first also what waiting and delivery cost."""
        ...

    def at_close(
        self, instances: int, at_s: int, delivered_s: int, close_s: int, term_s: int | None = None
    ) -> Sequence[Charge]:
        """The valuation of what is left at the end of the run: obligation less resale, book value less resale.

        Asked after `over` has reached close_s. Of an order not delivered before close_s no span was asked.
        """
        ...


@runtime_checkable
class Terminable(Protocol):
    """Terms that may be left before their end, where `may_leave`."""

    @property
    def may_leave(self) -> bool:
        """Whether these do."""
        ...

    def at_leaving(
        self, instances: int, at_s: int, delivered_s: int, leave_s: int, term_s: int | None = None
    ) -> Sequence[Charge]:
        """The fee for ending it, and what comes back of what was prepaid; asked after `over` has reached leave_s."""
        ...


@runtime_checkable
class StatedTerms(Protocol):
    """Terms that are sold for some lengths only, each at its own price."""

    def term_fault(self, term_s: int | None) -> str | None:
        """Why one cannot sign for so long, in words that follow the offer's name; None where one can."""
        ...


class Standing(Protocol):
    """What an offer costs by being there: power, space, staff, maintenance."""

    def over(
        self, from_s: int, to_s: int, instance_s: int, busy_milli_s: int, ordered_instance_s: int = 0
    ) -> Sequence[Charge]:
        """Charges of a span of at most a month, from installed instance-seconds and busy milli-GPU-seconds.

        ordered_instance_s: instance-seconds of what is bought and not yet delivered, for the staff that comes before.
        """
        ...


class OwnInfluence(Protocol):
    """How many instances of one's own move an offer's price; without any it is the offer's price path."""

    def price(self, t_s: int, own: int) -> float:
        """USD per instance-hour while `own` instances are held; never falls in `own`."""
        ...

    def changes_after(self, t_s: int) -> int | None:
        """When the part of it that no policy moves next changes, None for never."""
        ...


class ServiceCredit(Protocol):
    """What a provider pays back for a month in which it was not up enough."""

    def credit_share(self, up_share: float) -> float:
        """Share of the month's bill, from the share of the held instance-time that was up."""
        ...


@dataclass(frozen=True)
class OutageLaw:
    """When an instance fails and how long it stays down.

    clock `calendar`: each seat has a life of its own, whoever holds it; `busy`: a running attempt fails after so much
    held time, restarts included. mean_up_s and mean_repair_s are means of exponentials, the repair a constant where
    fixed_repair is set; crews limits how many are repaired at once, None for no limit. The dice belong to the offer.
    """

    mean_up_s: float
    mean_repair_s: float = 0.0
    clock: str = CALENDAR
    crews: int | None = None
    fixed_repair: bool = False
    dice: streams.Dice = field(default_factory=lambda: streams.Dice(0))

    def up_s(self, seat: int, turn: int) -> int:
        """Whole seconds (at least 1) that seat stays up before its failure number `turn`."""
        return self._drawn(self.mean_up_s, "outage/up", seat, turn)

    def repair_s(self, seat: int, turn: int) -> int:
        """Whole seconds that the repair after failure number `turn` of a seat takes; at least 1 where it is drawn."""
        if self.fixed_repair or self.mean_repair_s <= 0:
            return round(self.mean_repair_s)
        return self._drawn(self.mean_repair_s, "outage/repair", seat, turn)

    def busy_s(self, job: int, attempt: int) -> int:
        """Whole seconds (at least 1) held before the given attempt of a job fails, on the busy clock."""
        return self._drawn(self.mean_up_s, "outage/busy", job, attempt)

    def _drawn(self, mean_s: float, name: str, entity: int, turn: int) -> int:
        return max(1, round(-mean_s * math.log1p(-self.dice.keyed(name, entity, turn))))


@dataclass(frozen=True, eq=False)
class Offer:
    """One way to get one shape.

    launchable, keepable: instances that may be held by starting, and by keeping, without what is committed.
    price: USD per instance-hour of what is metered, None where nothing is. quota: instances allowed at first, None for
    no quota; quota_step and quota_grant_s: what a granted request adds in multiples of, and after how long;
    quota_share: of what is asked for, that is granted; quota_most: beyond which nothing is, None for no end.
    quantum_s, minimum_s: a lease is billed in whole quanta and for at least the minimum. notice_s: warning before
    instances are taken back. turnaround_s: after a job ends, how long its share stays unusable.
    speed_ppm: millionths of the reference GPU's speed for (workload family, reference GPU); a pair that is missing
    cannot run. tokens: USD per input and output token for offers that sell those, with a limit of requests a second.
    uplink_mbit_s, downlink_mbit_s: the way data comes in and goes out, None for no limit. latency_s: what an answer
    from there takes beside the work. most_instances: the most that can be signed for or bought in all, None for no
    limit. sla: what comes back of a month's bill for outages. own_influence: how own use moves `price`, None for not.
    gb_out_tiers: (GB a month up to which, USD a GB) of data taken out of the provider, in place of usd_per_gb_out.
    usd_per_gb_month_storage: of copies kept here, None for the world's. down: spans in which the provider is down as a
    whole, or gone; the paths and the outage law have them too, tokens have nothing else.

    >>> import marketsim as ms
    >>> four, price = ms.Path.constant(4), ms.Path.constant(3.6)
    >>> cloud = ms.Offer("cloud", "on_demand", ms.Shape("H100"), launchable=four, keepable=four, price=price)
    >>> cloud.price.at(0), cloud.refuses(ms.Need("train", milli=2_000))
    (3.6, 'needs 2 GPUs on one instance, the shape has 1')
    """

    id: str
    kind: str
    shape: Shape
    provider: str = "own"
    zone: str = ""
    residency: str | None = None
    launchable: Path = field(default_factory=lambda: Path.constant(0))
    keepable: Path = field(default_factory=lambda: Path.constant(0))
    price: Path | None = None
    quota: int | None = None
    quota_step: int = 0
    quota_grant_s: int = 0
    quota_share: float = 1.0
    quota_most: int | None = None
    boot_s: int = 0
    turnaround_s: int = 0
    quantum_s: int = 1
    minimum_s: int = 0
    notice_s: int = 0
    outage: OutageLaw | None = None
    commitment: Commitment | None = None
    standing: Standing | None = None
    speed_ppm: Mapping[tuple[str, str], int] = field(default_factory=dict)
    usd_per_input_token: float | None = None
    usd_per_output_token: float | None = None
    requests_per_s_at_most: float | None = None
    uplink_mbit_s: float | None = None
    downlink_mbit_s: float | None = None
    latency_s: float = 0.0
    most_instances: int | None = None
    usd_per_gb_in: float = 0.0
    usd_per_gb_out: float = 0.0
    data_here: tuple[str, ...] = ()
    serves: tuple[str, ...] | None = None
    sla: ServiceCredit | None = None
    own_influence: OwnInfluence | None = None
    gb_out_tiers: tuple[tuple[float, float], ...] | None = None
    usd_per_gb_month_storage: float | None = None
    down: tuple[tuple[int, int], ...] = ()

    def speed_for(self, need: Need) -> int:
        """Millionths of the reference GPU's speed at which a GPU here does the work of a need; 0 where it cannot.

        At another size than the declared one, its parallel efficiency is in it.
        """
        same = need.reference_gpu == self.shape.gpu
        speed = PPM if same else self.speed_ppm.get((need.family, need.reference_gpu), 0)
        return (speed * need.efficiency_ppm + PPM // 2) // PPM

    def refuses(self, need: Need) -> str | None:
        """Why a need cannot run here, None where it can: residency first, then shape, then speed."""
        if need.residency is not None and self.residency is not None and self.residency not in need.residency:
            return f"must stay in {' or '.join(need.residency)}, the offer is in {self.residency}"
        if need.residency is not None and self.residency is None:
            return f"must stay in {' or '.join(need.residency)}, the offer states no residency"
        if self.serves is not None and need.workload not in self.serves:
            return f"serves only {', '.join(self.serves)}"
        refused = self.shape.refuses(need)
        if refused is None and not self.speed_for(need):
            return f"no speed of {self.shape.gpu} relative to {need.reference_gpu} is known for {need.family}"
        return refused
