"""A scenario out of a bill: what was run as demand, what was paid as offers, what goes on as contracts, today's rule.

Two descriptions of the demand are written. The recorded one is switched on and replays every session, so that a
back-test asks only whether offers, prices and policy are understood; the fitted one draws weeks like it for the future.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from marketsim import plain_yaml, units
from marketsim.billing import bill as bills
from marketsim.billing.bill import Bill
from marketsim.billing.usage import Paid, Session, name_of, offers_of
from marketsim.demand import tracefile
from marketsim.demand.fit import fit_trace
from marketsim.demand.tracefile import Trace
from marketsim.errors import Fault, InputError

INLINE = 12  # prices that are written into the scenario; more go into a file
TODAY = "today"
TERMS = ("12 months", "36 months", "60 months")
FALLBACK = "30 min"


@dataclass(frozen=True)
class Written:
    """A scenario's text, the files beside it by name, and what a reader must know."""

    text: str
    files: Mapping[str, str]
    notes: tuple[str, ...]


def scenario_of(bill: Bill, name: str, stem: str, trace: Trace | None = None) -> Written:
    """The scenario of a bill; `stem` begins its files' names. trace: recorded jobs, instead of sessions.

    Raises InputError where the bill has no use of a GPU that is known.
    """
    paid = offers_of(bill)
    if not paid:
        seen = "; ".join(f"{one.what}: {one.reason}" for one in bill.unmapped()[:3])
        raise InputError(Fault("no line of the bill is the use of a GPU", file=bill.source, got=seen or None))
    start_s = bills.month_start_s(bill.from_s)
    end_s = max(bill.to_s, start_s + units.DAY_S)
    files: dict[str, str] = {}
    sources: dict[str, str] = {}
    supply = {one.name: _offer(one, start_s, stem, files, sources, bill) for one in paid}
    demand, where = (
        _recorded(paid, start_s, stem, files) if trace is None else _of_trace(paid, trace, start_s, end_s, stem, files)
    )
    notes = _fitted(demand, paid, trace, start_s, sources)
    network = _stored(bill, demand, paid, start_s, end_s)
    data: dict[str, Any] = {
        "schema_version": 1,
        "name": name,
        "description": f"What {bill.source} says was run and paid, {bills.stamp(start_s)[:10]} to "
        f"{bills.stamp(end_s)[:10]}; policy `{TODAY}` does it again.",
        "start": bills.stamp(start_s),
        "horizon": units.duration_text(end_s - start_s),
        "seed": 1,
        "demand": demand,
        "supply": supply,
        **({"network": network} if network else {}),
        **_held(paid, start_s, end_s, sources),
        "policies": _policies(paid, where, start_s),
        **_credits(bill, start_s, paid),
        "sources": sources,
    }
    notes += [note for note in bill.notes if note not in notes]
    return Written(HEAD.format(source=bill.source) + plain_yaml.dump(data), files, tuple(notes))


HEAD = """\
# Written from {source}. `marketsim backtest` replays the bill under policy `today`.
# For the future, switch the recorded workloads off and the fitted ones on (enabled: false, enabled: true).
"""


# -------------------------------------------------------------------------------------------------- demand


def _recorded(
    paid: Sequence[Paid], start_s: int, stem: str, files: dict[str, str]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """A workload for each offer, named after it, of the sessions it held."""
    rows = sorted((one, offer) for offer in paid for one in offer.sessions if one.to_s > start_s)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["job", "submit_s", "duration_s", "gpus", "tenant"])
    for number, (session, offer) in enumerate(_in_time(rows)):
        from_s = max(session.from_s, start_s)
        writer.writerow([f"s{number}", from_s - start_s, session.to_s - from_s, offer.gpus, offer.name])
    file = f"{stem}-usage.csv"
    files[file] = out.getvalue()
    demand, where = {}, {}
    for offer in paid:
        if offer.sessions:
            workload = name_of("recorded", offer.name)
            demand[workload] = {
                "kind": "trace",
                "file": file,
                "tenants": [offer.name],
                "reference_gpu": offer.gpu,
                "checkpoint": {"every": "1 h", "restart": "0 s"},
            }
            where[workload] = offer.name
    return demand, {"where": where}


def _in_time(rows: list[tuple[Session, Paid]]) -> list[tuple[Session, Paid]]:
    return sorted(rows, key=lambda row: (row[0].from_s, row[0].to_s, row[1].name))


def _of_trace(
    paid: Sequence[Paid], trace: Trace, start_s: int, end_s: int, stem: str, files: dict[str, str]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The recorded jobs that lie in the bill's time, on the GPU that most was paid for, by the offers' shares."""
    trace_start = round(trace.start.timestamp()) if trace.start is not None else start_s
    shift = trace_start - start_s
    keep = (trace.submit_s + shift >= 0) & (trace.submit_s + shift < end_s - start_s)
    if not keep.any():
        raise InputError(Fault("no job of the usage lies in the time of the bill",
                               got=bills.stamp(trace_start + int(trace.submit_s[0])),
                               allowed=f"{bills.stamp(start_s)} to {bills.stamp(end_s)}"))  # fmt: skip
    kept = trace.rows(keep)
    moved = Trace(kept.job, kept.submit_s + shift, kept.duration_s, kept.milli, kept.instances,
                  np.where(kept.deadline_s < np.iinfo(np.int64).max // 4, kept.deadline_s + shift, kept.deadline_s),
                  kept.tenant)  # fmt: skip
    file = f"{stem}-usage.csv"
    files[file] = tracefile.text(moved)
    total = sum(one.gpu_hours for one in paid) or 1.0
    gpu = max(paid, key=lambda one: one.gpu_hours).gpu
    demand = {
        "recorded": {"kind": "trace", "file": file, "reference_gpu": gpu,
                     "checkpoint": {"every": "1 h", "restart": "0 s"}},
    }  # fmt: skip
    return demand, {"shares": {one.name: round(one.gpu_hours / total, 6) for one in paid}}


def _fitted(
    demand: dict[str, Any], paid: Sequence[Paid], trace: Trace | None, start_s: int, sources: dict[str, str]
) -> list[str]:
    """Add a fitted workload for each GPU, switched off; a note for each that has too little to fit."""
    notes = []
    wanted: dict[str, Trace] = {}
    if trace is not None:
        wanted[str(demand["recorded"]["reference_gpu"])] = trace
    else:
        for gpu in sorted({one.gpu for one in paid}):
            rows = [(one, offer) for offer in paid if offer.gpu == gpu for one in offer.sessions]
            if rows:
                wanted[gpu] = _trace_of(rows, start_s)
    for gpu, jobs in wanted.items():
        name = name_of("fitted", gpu)
        try:
            block = fit_trace(jobs).block()
        except InputError as error:
            notes.append(f"note: no generator for {gpu}: {error.faults[0]}")
            continue
        demand[name] = {**block, "reference_gpu": gpu, "enabled": False}
        sources[f"demand.{name}"] = f"fitted on {len(jobs)} sessions of the bill" if trace is None else "the usage file"
    return notes


def _trace_of(rows: list[tuple[Session, Paid]], start_s: int) -> Trace:
    rows = _in_time(rows)
    columns = [np.array(cells, np.int64) for cells in (
        [max(one.from_s - start_s, 0) for one, _ in rows], [one.to_s - max(one.from_s, start_s) for one, _ in rows],
        [offer.gpus for _, offer in rows])]  # fmt: skip
    return tracefile.from_columns(*columns, start=datetime.fromtimestamp(start_s, UTC))


# -------------------------------------------------------------------------------------------------- supply


def _offer(
    paid: Paid, start_s: int, stem: str, files: dict[str, str], sources: dict[str, str], bill: Bill
) -> dict[str, Any]:
    shape: dict[str, Any] = {"gpu": paid.gpu, "gpus": paid.gpus}
    if paid.gpus >= 8:  # machines of eight are sold on a fabric
        shape |= {"interconnect": "fabric", "largest_gang_instances": 8}
    out: dict[str, Any] = {
        "kind": "rental" if paid.category == "committed" else paid.category,
        "provider": paid.provider[:64] or "unknown",
        "zone": paid.region[:64],
        "shape": shape,
        "usd_per_gpu_hour": _price(paid, start_s, stem, files),
    }
    if paid.category == "committed":
        out |= {"term": _term(paid, bill.to_s), "upfront_share": round(paid.upfront_share, 6)}
    sources[f"supply.{paid.name}.usd_per_gpu_hour"] = f"as paid: {bill.source}, {paid.instance}"
    if paid.category == "spot":
        sources[f"supply.{paid.name}.availability"] = "assumed always there: a bill does not tell when it was not"
    return out


def _price(paid: Paid, start_s: int, stem: str, files: dict[str, str]) -> Any:
    """USD per GPU-hour: a number, steps, or a file of them; before the first price that one stands."""
    steps = [(max(at - start_s, 0), usd / paid.gpus) for at, usd in paid.prices]
    steps[0] = (0, steps[0][1])
    if len(steps) == 1:
        return float(f"{steps[0][1]:.9g}")
    if len(steps) <= INLINE:
        return {"kind": "replay", "times": [units.duration_text(at) for at, _ in steps],
                "usd": [float(f"{usd:.9g}") for _, usd in steps]}  # fmt: skip
    file = f"{stem}-{paid.name}.csv"
    rows = [f"{bills.stamp(start_s + at)},{float(f'{usd:.9g}')!r}\n" for at, usd in steps]
    files[file] = "time,price\n" + "".join(rows)
    return {"kind": "replay", "file": file, "fill": "hold"}


def _term(paid: Paid, end_s: int) -> str:
    """The length of a commitment: as it was where it ended, else the least usual one that the bill does not exceed."""
    if paid.ends_s is not None:
        return units.duration_text(paid.ends_s - paid.begins_s)
    return next((term for term in TERMS if units.duration_s(term) > end_s - paid.begins_s), TERMS[-1])


def _begun_before(paid: Paid, start_s: int) -> bool:
    return paid.begins_s <= start_s + units.DAY_S


def _held(paid: Sequence[Paid], start_s: int, end_s: int, sources: dict[str, str]) -> dict[str, Any]:
    """Contracts that ran when the bill began."""
    contracts = []
    for one in paid:
        if one.category == "committed" and _begun_before(one, start_s):
            contracts.append({"offer": one.name, "instances": one.instances})
            sources[f"supply.{one.name}.term"] = "assumed: a bill does not tell when a commitment began or ends"
    return {"initial": {"contracts": contracts}} if contracts else {}


# ------------------------------------------------------------------------------------------- policy, money


def _policies(paid: Sequence[Paid], placed: dict[str, Any], start_s: int) -> dict[str, Any]:
    signed = [
        {"offer": one.name, "instances": one.instances, "at": units.duration_text(one.begins_s - start_s)}
        for one in paid
        if one.category == "committed" and not _begun_before(one, start_s)
    ]
    today: dict[str, Any] = {"procurement": {"kind": "fixed_plan", "sign": signed}} if signed else {}
    today["placement"] = {"kind": "as_recorded", "wait_before_fallback": FALLBACK, **placed}
    policies = {TODAY: today, "cheapest": {"placement": {"kind": "cheapest_feasible"}}}
    kinds = {one.category for one in paid}
    if "on_demand" in kinds:
        policies["on-demand-only"] = {"placement": {"kind": "on_demand_only"}}
    if "spot" in kinds:
        policies["spot-first"] = {"placement": {"kind": "spot_greedy"}}
    return policies


def _stored(bill: Bill, demand: dict[str, Any], paid: Sequence[Paid], start_s: int, end_s: int) -> dict[str, Any]:
    """Data kept as paid, laid on the recorded workloads, whose copies cost it from their first job on."""
    lines = [line for line in bill.lines if line.category == "storage" and line.hours > 0]
    gb_months, billed = sum(line.hours for line in lines), sum(line.billed for line in lines)
    recorded = [block for block in demand.values() if block["kind"] == "trace"]
    if gb_months <= 0 or billed <= 0 or not recorded:
        return {}
    calendar = len({line.month for line in lines})
    gb = gb_months / calendar
    # a simulated month has 730 h; what is charged a year is what was paid a year
    months = (end_s - start_s) / units.MONTH_S
    recorded[0]["data_gb"] = float(f"{gb:.6g}")
    return {"usd_per_gb_month_storage": float(f"{billed / units.MICRO / gb / months:.6g}")}


def _credits(bill: Bill, start_s: int, paid: Sequence[Paid]) -> dict[str, Any]:
    """Credits as they were used, by provider, until the bill's end: a bill does not tell what is left of them."""
    sums: dict[str, int] = {}
    for line in bill.lines:
        if line.category == "credit":
            sums[line.provider] = sums.get(line.provider, 0) - line.billed
    known = {one.provider for one in paid}
    found = [
        {"provider": provider, "usd": units.usd(micro), "until": units.duration_text(bill.to_s - start_s)}
        for provider, micro in sorted(sums.items())
        if micro > 0 and provider in known
    ]
    return {"finance": {"credits": found}} if found else {}
