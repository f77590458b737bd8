"""Lines of a bill as a FOCUS 1.2 file: all mandatory columns, the conditional ones that apply, and our own as `x_`.

What FOCUS asks for and a simulation does not know is said plainly: list and contracted cost are the cost itself, since
nothing was discounted from a list, and the invoice issuer is the offer's provider.
"""

from __future__ import annotations

import csv
import io
import json
from typing import Any

from marketsim.billing import focus_columns as names
from marketsim.billing.bill import Bill, Line, exact_usd, harmless, month_start_s, next_month_s, stamp

_MORE = (
    "ChargeFrequency", "CommitmentDiscountCategory", "CommitmentDiscountId", "CommitmentDiscountStatus",
    "CommitmentDiscountType", "ConsumedQuantity", "ConsumedUnit", "PricingCategory", "RegionId", "ResourceId",
    "ResourceType", "ServiceSubcategory", "SkuMeter", "Tags",
)  # fmt: skip
COLUMNS = (*sorted((*names.MANDATORY, *_MORE)), *names.OWN)
_CHARGE = {"tax": "Tax", "credit": "Credit", "refund": "Adjustment"}
_SERVICE = {
    "on_demand": "Compute",
    "spot": "Compute",
    "committed": "Compute",
    "own": "Compute",
    "storage": "Storage",
    "egress": "Networking",
    "tokens": "AI and Machine Learning",
}
_SUBCATEGORY = {
    "Compute": "Virtual Machines",
    "Storage": "Object Storage",
    "Networking": "Other (Networking)",
    "AI and Machine Learning": "Generative AI",
}
_PRICING = {"on_demand": "Standard", "spot": "Dynamic", "committed": "Committed"}


def text(bill: Bill, account: str) -> str:
    """The CSV of a bill; `account` names who pays. The import of it gives back every line's dollars."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    for line in bill.lines:
        writer.writerow({name: harmless(value) if isinstance(value, str) and not _number(name) else value
                         for name, value in row(line, account).items()})  # fmt: skip
    return out.getvalue()


def _number(name: str) -> bool:
    return name.endswith(("Cost", "Quantity"))


def row(line: Line, account: str) -> dict[str, Any]:
    """A line by the names of FOCUS."""
    fee = line.status == "fee"
    service = _SERVICE.get(line.category, "Other")
    metered = line.hours > 0 and not fee
    amount = line.billed if fee else line.effective
    committed = line.category == "committed" and bool(line.commitment)
    return {
        "BilledCost": exact_usd(line.billed),
        "BillingAccountId": account,
        "BillingAccountName": account,
        "BillingCurrency": "USD",
        "BillingPeriodEnd": stamp(next_month_s(line.from_s)),
        "BillingPeriodStart": stamp(month_start_s(line.from_s)),
        "ChargeCategory": "Purchase" if fee else _CHARGE.get(line.category, "Usage"),
        "ChargeClass": "",
        "ChargeDescription": line.what or line.category,
        "ChargeFrequency": ("One-Time" if line.to_s - line.from_s <= 1 else "Recurring") if fee else "Usage-Based",
        "ChargePeriodEnd": stamp(line.to_s),
        "ChargePeriodStart": stamp(line.from_s),
        "CommitmentDiscountCategory": "Usage" if committed else "",
        "CommitmentDiscountId": line.commitment if committed else "",
        "CommitmentDiscountStatus": "Used" if committed and not fee else "",
        "CommitmentDiscountType": line.kind if committed else "",
        "ConsumedQuantity": repr(line.hours) if metered else "",
        "ConsumedUnit": "Hours" if metered else "",
        "ContractedCost": exact_usd(amount),
        "EffectiveCost": exact_usd(line.effective),
        "InvoiceIssuerName": line.provider,
        "ListCost": exact_usd(amount),
        "PricingCategory": _PRICING.get(line.category, ""),
        "PricingQuantity": repr(line.hours) if metered else "",
        "PricingUnit": "Hours" if metered else "",
        "ProviderName": line.provider,
        "PublisherName": line.provider,
        "RegionId": line.region,
        "ResourceId": line.resource,
        "ResourceType": line.instance,
        "ServiceCategory": service,
        "ServiceName": line.service or service,
        "ServiceSubcategory": _SUBCATEGORY.get(service, "Other (Other)"),
        "SkuMeter": line.what,
        "Tags": json.dumps({"simulated": "true", **({"offer": line.offer} if line.offer else {})}),
        names.CATEGORY: line.category,
        names.OFFER: line.offer,
        names.KIND_OF_OFFER: line.kind,
        names.GPU: line.gpu,
        names.GPUS: str(line.gpus),
        names.HOURS: repr(line.hours),
        names.STATUS: line.status,
    }
