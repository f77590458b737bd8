"""FOCUS, the FinOps Open Cost and Usage Specification, versions 1.0 to 1.3: a bill of any provider in one layout.

Column names, allowed values and what must be given follow the specification 1.2 (focus.finops.org, 2025). Columns of a
provider's own begin with `x_`; any other that is not in the specification is told, since it may be one renamed.
"""

from __future__ import annotations

import pathlib
from collections.abc import Callable
from typing import Any

from marketsim import strict_csv
from marketsim.billing import recognise
from marketsim.billing.bill import CATEGORIES, Line, Rounder
from marketsim.billing.focus_columns import CATEGORY, GPU, GPUS, HOURS, KIND_OF_OFFER, KNOWN, MANDATORY, OFFER, STATUS
from marketsim.errors import Fault, InputError, nearest
from marketsim.importers import bill_lines, bill_table
from marketsim.importers.bill_table import Table
from marketsim.importers.importer import Imported, Importer

NEEDED = tuple(
    name
    for name in MANDATORY
    if name not in ("BillingAccountName", "ChargeClass", "PricingQuantity", "PricingUnit", "ListCost", "ContractedCost",
                    "InvoiceIssuerName", "ProviderName", "PublisherName", "ServiceCategory", "ChargeDescription")
)  # fmt: skip
CHARGES = ("Usage", "Purchase", "Tax", "Credit", "Adjustment")
PROVIDERS = {
    "amazon web services": "AWS",
    "amazon web services, inc.": "AWS",
    "microsoft": "Azure",
    "microsoft azure": "Azure",
    "google": "GCP",
    "google cloud": "GCP",
    "google cloud platform": "GCP",
}
_TEXTS = (
    "ServiceName", "ServiceCategory", "ChargeDescription", "ChargeClass", "PricingCategory", "PricingUnit",
    "ConsumedUnit", "CommitmentDiscountId", "CommitmentDiscountStatus", "RegionId", "ResourceId", "ResourceType",
    "SkuId", "SkuMeter", "SkuPriceDetails", "SkuPriceId", "BillingAccountId", "ProviderName", "ServiceProviderName",
    "x_SkuMeterName", "x_InstanceType", "x_UsageType", "x_SkuDescription",
)  # fmt: skip


def read(path: pathlib.Path) -> Imported:
    """The bill in a file; InputError with each sort of fault."""
    table = bill_table.read(path)
    _check_names(table)
    bill_lines.one_currency(table, "BillingCurrency")
    from_s, to_s = (table.parsed(f"ChargePeriod{end}", bill_lines.epoch_s) for end in ("Start", "End"))
    begins, ends = (table.parsed(f"BillingPeriod{end}", bill_lines.epoch_s) for end in ("Start", "End"))
    billed, effective = (table.parsed(name, bill_lines.needed_usd) for name in ("BilledCost", "EffectiveCost"))
    quantities = [table.parsed(name, bill_lines.quantity) for name in ("PricingQuantity", "ConsumedQuantity")]
    charges = table.parsed("ChargeCategory", _charge)
    for name in ("ListCost", "ContractedCost"):  # not used, but a word there says that the columns have moved
        table.parsed(name, bill_lines.usd)
    table.check()
    cells = {name: table.column(name) for name in _TEXTS}
    own = {name: table.column(name) for name in (CATEGORY, OFFER, KIND_OF_OFFER, GPU, GPUS, HOURS, STATUS)}
    of_billed, of_effective = Rounder(), Rounder()
    lines: list[Line] = []
    periods: dict[tuple[str, str], tuple[int, ...]] = {}
    starts = table.column("BillingPeriodStart")
    for row in range(table.rows):
        if to_s[row] <= from_s[row]:
            table.wrong(row, "ChargePeriodEnd", "is not after ChargePeriodStart")
            continue
        text = {name: column[row] for name, column in cells.items()}
        mine = {name: column[row] for name, column in own.items()}
        period = (text["BillingAccountId"], starts[row] + table.column("BillingPeriodEnd")[row])
        periods.setdefault(period, (begins[row], ends[row], row))
        plain = Line(
            from_s[row], to_s[row], starts[row][:7], of_billed.micro(billed[row]), of_effective.micro(effective[row]),
            "unmapped", provider=_provider(text["ProviderName"] or text["ServiceProviderName"]),
            region=text["RegionId"], service=text["ServiceName"], what=_what(text), resource=text["ResourceId"],
            commitment=text["CommitmentDiscountId"],
        )  # fmt: skip
        if mine[CATEGORY] in CATEGORIES:
            lines.append(_simulated(table, row, plain, mine, text))
        else:
            priced = (quantities[0][row], text["PricingUnit"]), (quantities[1][row], text["ConsumedUnit"])
            line = mapped(plain, charges[row], text, priced)
            lines.append(bill_lines.used(table, row, line, ("BilledCost", "ChargePeriodStart"), periods[period]))
    table.check()
    bill = bill_lines.finished(table, lines, periods)
    return Imported(bill, table.rows)


def _check_names(table: Table) -> None:
    bill_table.need(table, NEEDED, "FOCUS")
    strange = [name for name in table.columns if name not in KNOWN and not name.startswith("x_")]
    if strange:
        absent = [name for name in KNOWN if name not in table.columns]
        what = f"column {', '.join(strange)} is not of FOCUS; own columns begin with x_"
        raise InputError(Fault(what, file=table.file, line=1, hint=nearest(strange[0], absent)))


def _charge(text: str) -> str:
    if text not in CHARGES:
        raise ValueError(f"is none of {', '.join(CHARGES)}")
    return text


def _provider(name: str) -> str:
    """The package's name of a provider, which price lists and credits go by; another's own name as it stands."""
    return PROVIDERS.get(name.strip().lower(), name.strip() or "unknown")


def _what(text: dict[str, str]) -> str:
    return text["SkuMeter"] or text["x_SkuMeterName"] or text["ChargeDescription"] or text["SkuId"] or "no description"


def _simulated(table: Table, row: int, line: Line, mine: dict[str, str], text: dict[str, str]) -> Line:
    """A line that an export of this package wrote: it says itself what it is. Numbers that are none are its faults."""

    def parsed(name: str, parse: Callable[[str], Any]) -> Any:
        try:
            return parse(mine[name]) if mine[name].strip() else 0
        except ValueError as error:
            table.wrong(row, name, str(error), mine[name])
            return 0

    return line._replace(
        category=mine[CATEGORY], offer=mine[OFFER], kind=mine[KIND_OF_OFFER], gpu=mine[GPU],
        gpus=parsed(GPUS, strict_csv.count), hours=parsed(HOURS, bill_lines.quantity), status=mine[STATUS],
        instance=text["ResourceType"], reason="" if mine[CATEGORY] != "unmapped" else "said by the export",
    )  # fmt: skip


def mapped(line: Line, charge: str, text: dict[str, str], priced: tuple[tuple[float, str], ...]) -> Line:
    """The line with its category, and its machine and hours where it is about a GPU."""
    if charge in ("Tax", "Credit"):
        return line._replace(category=charge.lower())
    if charge == "Adjustment" or text["ChargeClass"] == "Correction":
        return line._replace(category="refund")
    if charge == "Purchase":
        if line.commitment:
            return line._replace(category="committed", status="fee")
        return line._replace(reason=f"a purchase of {line.service or 'something'}, with no commitment")
    names = (text["x_InstanceType"], text["ResourceType"], text["SkuMeter"], text["x_UsageType"], text["SkuId"],
             text["SkuPriceId"], text["SkuPriceDetails"], text["x_SkuMeterName"], text["x_SkuDescription"],
             text["ChargeDescription"])  # fmt: skip
    status = text["CommitmentDiscountStatus"]
    if status == "Unused":
        return _with_machine(line, names, priced)._replace(category="committed", status="unused", reason="")
    if text["ServiceCategory"] == "Storage" or recognise.is_storage(*names):
        return line._replace(category="storage", hours=next((n for n, unit in priced if n and _gb(unit)), 0.0))
    if recognise.is_egress(*names):
        return line._replace(category="egress", hours=priced[0][0])
    found = _with_machine(line, names, priced)
    if not found.gpus:
        other = f"{line.service or text['ServiceCategory'] or 'a service'}: no GPU, storage or data taken out"
        return found._replace(reason=found.reason or other)
    committed = status == "Used" or text["PricingCategory"] == "Committed"
    dynamic = text["PricingCategory"] == "Dynamic" or recognise.is_spot(*names)
    return found._replace(category="committed" if committed else "spot" if dynamic else "on_demand",
                          status="used" if committed else "")  # fmt: skip


def _gb(unit: str) -> bool:
    return unit.strip().lower().startswith(("gb", "gib"))


def _with_machine(line: Line, names: tuple[str, ...], priced: tuple[tuple[float, str], ...]) -> Line:
    """The line with the machine it names and instance-hours in a unit of time; a reason where one of them is not."""
    found = recognise.machine(*names)
    if found is None:
        return line
    if isinstance(found, recognise.Unknown):
        return line._replace(reason=found.reason)
    for amount, unit in priced:
        hours = recognise.unit_hours(unit)
        if hours is not None:
            count = amount * hours[0] / (found.gpus if hours[1] else 1)
            return line._replace(instance=found.instance, gpu=found.gpu, gpus=found.gpus, hours=count)
    told = " or ".join(sorted({unit or "none" for _, unit in priced}))
    return line._replace(reason=f"{found.instance} in a unit that is no time: {told}")


KIND = Importer("A bill in FOCUS 1.0 to 1.3, CSV or parquet.", "bill", read)
