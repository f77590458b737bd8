"""The AWS Cost and Usage Report, legacy (`lineItem/UnblendedCost`) or 2.0 (`line_item_unblended_cost`).

Line types are those of docs.aws.amazon.com/cur/latest/userguide/Lineitem-columns.html (2025). Billed is the unblended
cost. Effective spreads reservations and savings plans: the covered use carries its effective cost, the fee what was not
used of it, and what only cancels another line (SavingsPlanNegation) carries 0, as the line it cancels does.
"""

from __future__ import annotations

import pathlib
import re
from decimal import Decimal

from marketsim.billing import recognise
from marketsim.billing.bill import Line, Rounder
from marketsim.importers import bill_lines, bill_table
from marketsim.importers.importer import Imported, Importer

NEEDED = (
    "bill_billing_period_start_date",
    "bill_billing_period_end_date",
    "line_item_line_item_type",
    "line_item_usage_start_date",
    "line_item_usage_end_date",
    "line_item_usage_amount",
    "line_item_currency_code",
    "line_item_unblended_cost",
    "line_item_usage_type",
    "line_item_product_code",
)
_TEXTS = (
    "line_item_line_item_description", "line_item_operation", "line_item_resource_id", "line_item_availability_zone",
    "line_item_usage_type", "line_item_product_code", "product_instance_type", "product_region", "product_region_code",
    "product_product_family", "pricing_unit", "reservation_reservation_a_r_n", "savings_plan_savings_plan_a_r_n",
    "bill_payer_account_id", "line_item_tax_type",
)  # fmt: skip
_AMOUNTS = (
    "reservation_effective_cost", "reservation_unused_recurring_fee",
    "reservation_unused_amortized_upfront_fee_for_billing_period", "savings_plan_savings_plan_effective_cost",
    "savings_plan_total_commitment_to_date", "savings_plan_used_commitment",
)  # fmt: skip
_COVERED = ("DiscountedUsage", "SavingsPlanCoveredUsage")
_FEES = ("RIFee", "SavingsPlanRecurringFee", "SavingsPlanUpfrontFee")
_DISCOUNTS = ("EdpDiscount", "PrivateRateDiscount", "BundledDiscount", "Discount", "SppDiscount")


def column_name(name: str) -> str:
    """The one spelling of a column: `lineItem/UnblendedCost` and `line_item_unblended_cost` are the latter.

    >>> column_name("lineItem/UnblendedCost"), column_name("reservation/ReservationARN")
    ('line_item_unblended_cost', 'reservation_reservation_a_r_n')
    """
    if "/" not in name:
        return {"reservation_reservation_arn": "reservation_reservation_a_r_n",
                "savings_plan_savings_plan_arn": "savings_plan_savings_plan_a_r_n"}.get(name, name)  # fmt: skip
    head, _, rest = name.partition("/")
    return "_".join(re.sub(r"(?<!^)(?=[A-Z])", "_", part).lower() for part in (head, rest))


def read(path: pathlib.Path) -> Imported:
    """The bill in a report; InputError with each sort of fault."""
    table = bill_table.read(path, column_name)
    bill_table.need(table, NEEDED, "the AWS Cost and Usage Report")
    bill_lines.one_currency(table, "line_item_currency_code")
    from_s, to_s = (table.parsed(f"line_item_usage_{end}_date", bill_lines.epoch_s) for end in ("start", "end"))
    begins, ends = (table.parsed(f"bill_billing_period_{end}_date", bill_lines.epoch_s) for end in ("start", "end"))
    cost = table.parsed("line_item_unblended_cost", bill_lines.needed_usd)
    amount = table.parsed("line_item_usage_amount", bill_lines.quantity)
    of = {name: table.parsed(name, bill_lines.usd) for name in _AMOUNTS}
    table.check()
    cells = {name: table.column(name) for name in _TEXTS}
    types, starts = table.column("line_item_line_item_type"), table.column("bill_billing_period_start_date")
    of_billed, of_effective = Rounder(), Rounder()
    lines: list[Line] = []
    periods: dict[tuple[str, str], tuple[int, ...]] = {}
    for row in range(table.rows):
        text = {name: column[row] for name, column in cells.items()}
        if to_s[row] < from_s[row] or (to_s[row] == from_s[row] and types[row] == "Usage"):
            table.wrong(row, "line_item_usage_end_date", "is not after line_item_usage_start_date")
            continue
        period = (text["bill_payer_account_id"], starts[row])
        periods.setdefault(period, (begins[row], ends[row], row))
        amounts = {name: column[row] for name, column in of.items()}
        plain = Line(
            from_s[row], max(to_s[row], from_s[row] + 1), starts[row][:7], of_billed.micro(cost[row]),
            of_effective.micro(effective_usd(types[row], cost[row], amounts)), "unmapped", provider="AWS",
            region=text["product_region_code"] or text["product_region"] or _region(text), service=_service(text),
            what=text["line_item_usage_type"] or text["line_item_line_item_description"] or "no description",
            resource=text["line_item_resource_id"],
            commitment=text["reservation_reservation_a_r_n"] or text["savings_plan_savings_plan_a_r_n"],
        )  # fmt: skip
        line = mapped(plain, types[row], text, amount[row])
        names = "line_item_unblended_cost", "line_item_usage_start_date"
        lines.append(bill_lines.used(table, row, line, names, periods[period]))
    table.check()
    return Imported(bill_lines.finished(table, lines, periods), table.rows)


def _region(text: dict[str, str]) -> str:
    return re.sub(r"(?<=\d)[a-z]$", "", text["line_item_availability_zone"])


def _service(text: dict[str, str]) -> str:
    return text["line_item_product_code"] or "no product"


def effective_usd(kind: str, cost: Decimal, amounts: dict[str, Decimal]) -> Decimal:
    """The cost of a line with what is paid in advance spread over what it covers."""
    if kind == "DiscountedUsage":
        return amounts["reservation_effective_cost"]
    if kind == "SavingsPlanCoveredUsage":
        return amounts["savings_plan_savings_plan_effective_cost"]
    if kind == "RIFee":
        unused = amounts["reservation_unused_amortized_upfront_fee_for_billing_period"]
        return unused + amounts["reservation_unused_recurring_fee"]
    if kind == "SavingsPlanRecurringFee":
        return amounts["savings_plan_total_commitment_to_date"] - amounts["savings_plan_used_commitment"]
    return Decimal(0) if kind in ("SavingsPlanNegation", "SavingsPlanUpfrontFee") else cost


def mapped(line: Line, kind: str, text: dict[str, str], amount: float) -> Line:
    """The line with its category, and its machine and hours where it is about a GPU."""
    if kind in ("Credit", "Refund", "Tax"):
        return line._replace(category=kind.lower())
    if kind in _DISCOUNTS:
        return line._replace(category="credit", what=f"{kind} {line.what}")
    if kind == "Fee" and line.commitment:  # the upfront fee of a reservation is spread by the lines it covers
        return line._replace(category="committed", status="fee", effective=0)
    if kind in _FEES:
        return line._replace(category="committed", status="fee")
    if kind not in ("Usage", *_COVERED, "SavingsPlanNegation"):
        return line._replace(reason=f"a line of type {kind or 'none'}")
    names = (text["product_instance_type"], text["line_item_usage_type"], text["line_item_operation"],
             text["line_item_line_item_description"])  # fmt: skip
    if text["product_product_family"] == "Storage" or recognise.is_storage(line.what):
        return line._replace(category="storage", hours=amount)
    if recognise.is_egress(line.what):
        return line._replace(category="egress", hours=amount)
    found = recognise.machine(*names)
    if not isinstance(found, recognise.Machine):
        reason = found.reason if found else f"{line.service}: no GPU, storage or data taken out"
        return line._replace(reason=reason)
    if kind == "SavingsPlanNegation":
        return line._replace(category="committed", status="negation")
    hours = recognise.unit_hours(text["pricing_unit"] or "Hrs")
    if hours is None:
        return line._replace(reason=f"{found.instance} in a unit that is no time: {text['pricing_unit']}")
    line = line._replace(instance=found.instance, gpu=found.gpu, gpus=found.gpus, hours=amount * hours[0])
    if kind in _COVERED:
        return line._replace(category="committed", status="used")
    if not re.search(r"BoxUsage|SpotUsage|DedicatedUsage|UnusedBox|Instance", text["line_item_usage_type"], re.I):
        reason = f"{found.instance}, but neither its use on demand nor on spot"
        return line._replace(instance="", gpu="", gpus=0, hours=0.0, reason=reason)
    return line._replace(category="spot" if recognise.is_spot(*names) else "on_demand")


KIND = Importer("The AWS Cost and Usage Report, legacy or 2.0, CSV or parquet.", "bill", read)
