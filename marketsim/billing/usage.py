"""What was run, out of a bill: sessions of instances, the prices paid for them over time, and what was committed to.

A session is one instance held without a break. Where a line names its resource and fills its period, the next period's
line goes on with it; where lines name none, their hours are laid out as so many instances at once.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from marketsim import units
from marketsim.billing.bill import COMPUTE, Bill, Line

FILLED = 0.999  # of its period, so that the next line goes on
MOST_AT_ONCE = 10_000  # instances that one line may stand for


class Session(NamedTuple):
    """One instance held from a second to another, since 1970."""

    offer: str
    from_s: int
    to_s: int


@dataclass(frozen=True)
class Paid:
    """An offer as it was paid: how it is bought, the machine, its sessions, and USD per instance-hour from times on.

    instances, begins_s, ends_s, upfront_share: of a commitment; ends_s is None where it was still running.
    """

    name: str
    category: str
    provider: str
    region: str
    instance: str
    gpu: str
    gpus: int
    sessions: tuple[Session, ...]
    prices: tuple[tuple[int, float], ...]
    instances: int = 0
    begins_s: int = 0
    ends_s: int | None = None
    upfront_share: float = 0.0
    billed: int = 0

    @property
    def gpu_hours(self) -> float:
        """GPU-hours held."""
        return sum(one.to_s - one.from_s for one in self.sessions) / units.HOUR_S * self.gpus


def name_of(*parts: str) -> str:
    """A name as scenarios want them.

    >>> name_of("AWS", "p5.48xlarge", "us-east-1")
    'aws-p5-48xlarge-us-east-1'
    """
    text = re.sub(r"[^a-z0-9]+", "-", "-".join(part for part in parts if part).lower()).strip("-")
    return text[:60].strip("-") or "offer"


def offers_of(bill: Bill) -> tuple[Paid, ...]:
    """Every way in which GPUs were had, in order of dollars; names are told apart by a number where need be."""
    groups: dict[tuple[str, ...], list[Line]] = defaultdict(list)
    for line in bill.lines:
        if line.category in COMPUTE and line.gpus:
            commitment = line.commitment if line.category == "committed" else ""
            region = "" if commitment else line.region
            key = (line.category, line.provider, region, line.instance, line.gpu, str(line.gpus), commitment)
            groups[key].append(line)
    order = sorted(groups, key=lambda key: (-sum(one.billed + one.effective for one in groups[key]), key))
    names: dict[str, int] = {}
    out = []
    for way in order:
        category, provider, region, instance = way[:4]
        tail = {"spot": "spot", "committed": "committed"}.get(category, "")
        base = name_of(provider, instance, region, tail)
        names[base] = names.get(base, 0) + 1
        name = base if names[base] == 1 else f"{base}-{names[base]}"
        found = _committed(name, groups[way], bill) if category == "committed" else _metered(name, groups[way])
        if found is not None:
            out.append(found)
    return tuple(out)


def _metered(name: str, lines: list[Line]) -> Paid | None:
    used = [line for line in lines if line.hours > 0 and line.billed > 0]
    if not used:
        return None
    first = used[0]
    return Paid(
        name, first.category, first.provider, first.region, first.instance, first.gpu, first.gpus,
        sessions(name, used), prices(used), billed=sum(line.billed for line in lines),
    )  # fmt: skip


def sessions(offer: str, lines: Iterable[Line]) -> tuple[Session, ...]:
    """The instances behind lines of use, in order of time."""
    open_: dict[tuple[str, int], tuple[Session, bool]] = {}
    done: list[Session] = []
    for line in sorted(lines, key=lambda one: (one.from_s, one.to_s, one.resource)):
        span = line.to_s - line.from_s
        count = line.hours * units.HOUR_S / span
        whole = min(int(count + 1 - FILLED), MOST_AT_ONCE)
        parts = [span] * whole
        rest = round((count - whole) * span)
        if rest > 0:
            parts.append(rest)
        for layer, held in enumerate(parts):
            key = (line.resource, layer)
            before = open_.get(key)
            new = Session(offer, line.from_s, line.from_s + held)
            if before is not None and before[1] and before[0].to_s == line.from_s:
                new = new._replace(from_s=before[0].from_s)
            elif before is not None:
                done.append(before[0])
            open_[key] = (new, held >= FILLED * span)
    done += [session for session, _ in open_.values()]
    return tuple(sorted(done))


def prices(lines: Iterable[Line]) -> tuple[tuple[int, float], ...]:
    """(second since 1970, USD per instance-hour from then on): dollars over hours of all lines that begin together."""
    usd: dict[int, int] = defaultdict(int)
    hours: dict[int, float] = defaultdict(float)
    for line in lines:
        usd[line.from_s] += line.billed if line.category != "committed" else line.effective
        hours[line.from_s] += line.hours
    steps: list[tuple[int, float]] = []
    for at in sorted(usd):
        price = usd[at] / units.MICRO / hours[at]
        # a micro-dollar's rounding of a line is no change of price
        if not steps or abs(price - steps[-1][1]) > max(2e-6 / min(hours[at], 1.0), 1e-9 * price):
            steps.append((at, price))
    return tuple(steps)


def _committed(name: str, lines: list[Line], bill: Bill) -> Paid | None:
    """A commitment: as many instances as its whole cost buys at the price of its use, at least what ran at once."""
    used = [line for line in lines if line.status == "used" and line.hours > 0 and line.effective > 0]
    if not used:
        return None
    first = used[0]
    begins = min(line.from_s for line in lines)
    ends = max(line.to_s for line in lines)
    hours = (ends - begins) / units.HOUR_S
    each = sum(line.effective for line in used) / sum(line.hours for line in used)
    effective = sum(line.effective for line in lines)
    billed = sum(line.billed for line in lines)
    ran = sessions(name, used)
    instances = max(round(effective / each / hours), _at_once(ran), 1)
    usd = effective / units.MICRO / instances / hours
    return Paid(
        name, "committed", first.provider, first.region, first.instance, first.gpu, first.gpus, ran, ((begins, usd),),
        instances=instances, begins_s=begins, ends_s=None if ends > bill.to_s - 2 * units.DAY_S else ends,
        upfront_share=min(max(1 - billed / effective, 0.0), 1.0), billed=billed,
    )  # fmt: skip


def _at_once(ran: Iterable[Session]) -> int:
    moves = sorted([(one.from_s, 1) for one in ran] + [(one.to_s, -1) for one in ran])
    most = now = 0
    for _, step in moves:
        now += step
        most = max(most, now)
    return most
